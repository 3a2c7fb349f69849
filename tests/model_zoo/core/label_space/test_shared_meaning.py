"""Shared meaning: what classes have in common and nothing else has."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from model_zoo.core.errors import TaxonomyError
from model_zoo.core.label_space.labels import LeafSpace, Part
from model_zoo.core.label_space.shared_meaning import shared_meaning
from model_zoo.core.label_space.taxonomy import Taxonomy
from model_zoo.workspace.workspace import PROJECT, Workspace


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    return Workspace((tmp_path_factory.mktemp("demo"), PROJECT / "model_zoo" / "sample_images", PROJECT / "model_zoo"))


STRUCTURES = ("ac", "bpd", "cereb", "fl", "crl", "afi")


@pytest.mark.parametrize(
    ("names", "words", "name"),
    [
        ([f"no_{s}" for s in STRUCTURES], "markers = none, annotation = present", "markers none, annotation present"),
        ([f"na_{s}" for s in STRUCTURES], "annotation = none", "annotation none"),  # markers come with text
        ([f"{n}_{s}" for n in ("na", "no") for s in STRUCTURES], "markers = none", "markers none"),
        (STRUCTURES, "markers = placed", "placed"),
        (["bpd", "no_bpd", "na_bpd"], "structure = bpd", "bpd"),
        ([f"{n}{s}" for n in ("", "na_", "no_") for s in STRUCTURES], "anything but volume", "not volume"),
        (
            ["no_bpd"],
            "structure = bpd, markers = none, annotation = present",
            "structure bpd, markers none, annotation present",
        ),
    ],
)
def test_the_demos_classes(demo, names, words, name):
    meaning = shared_meaning(demo.taxonomy("fine"), names, demo.space)
    assert (meaning.words, meaning.name) == (words, name)
    leaves = frozenset().union(*(demo.taxonomy("fine").classes[name] for name in names))
    assert demo.space.parse(meaning.pattern) == leaves


@pytest.mark.parametrize("names", [["bpd", "cereb"], ["no_bpd", "no_cereb"], ["volume", "na_ac"], ["volume"], []])
def test_classes_that_only_look_alike_have_none(demo, names):
    assert shared_meaning(demo.taxonomy("fine"), names, demo.space) is None


def test_all_classes_together_are_anything(demo):
    meaning = shared_meaning(demo.taxonomy("volume"), ["volume", "screen"], demo.space)
    assert (meaning.pattern, meaning.words, meaning.name) == ("*", "anything", "anything")


def test_leaves_outside_do_not_spoil_a_meaning():
    space = LeafSpace((Part("kind", ("cat", "dog", "car")), Part("size", ("small", "large"))))
    one = Taxonomy("t", {"s": {"cat.small"}, "d": {"dog.small"}, "l": space.parse("*.large")}, {"car.small"})
    assert shared_meaning(one, ["s", "d"], space).words == "size = small"


def test_a_name_that_is_no_class_is_refused(demo):
    with pytest.raises(TaxonomyError, match="No class 'nose'"):
        shared_meaning(demo.taxonomy("volume"), ["nose"], demo.space)


@given(st.data())
def test_a_meaning_holds_for_these_leaves_and_no_other_and_is_found_whenever_there_is_one(data):
    space = LeafSpace(
        (Part("p", ("a", "b", "c")), Part("q", ("x", "y")), Part("r", ("x", "z"))), ("lone",), ({"p": "a", "q": "y"},)
    )
    leaves = data.draw(st.sets(st.sampled_from(space.leaves), min_size=1).map(frozenset))
    rest = space.everything - leaves
    assume(rest)
    one = Taxonomy("t", {"in": leaves, "not": rest})
    meaning = shared_meaning(one, ["in"], space)
    patterns = {f"{p}.{q}.{r}" for p in "*abc" for q in "*xy" for r in "*xz"} - {"a.y.*", "a.y.x", "a.y.z"}
    exists = any(space.parse(pattern) == leaves for pattern in patterns)
    assert (meaning is not None) == exists
    if meaning:
        assert space.parse(meaning.pattern) == leaves
        fewest = min(3 - pattern.count("*") for pattern in patterns if space.parse(pattern) == leaves)
        assert meaning.words.count("=") == fewest
