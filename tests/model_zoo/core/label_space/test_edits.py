"""Edits of a taxonomy, and the laws of common ground and projection."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from model_zoo.core.errors import TaxonomyError
from model_zoo.core.label_space.edits import (
    BringBack,
    Merge,
    MoveOutside,
    Rename,
    Reorder,
    SplitByPart,
    SplitOff,
    edited,
)
from model_zoo.core.label_space.labels import LeafSpace, Part
from model_zoo.core.label_space.taxonomy import ELSEWHERE, OUTSIDE, Taxonomy, common_ground, project

LEAVES = "abcdef"
LETTERS = LeafSpace((), lone=tuple(LEAVES))
THINGS = LeafSpace((Part("kind", ("cat", "dog")), Part("size", ("small", "large"))), lone=("logo",))


def taxonomy(*classes, outside=""):
    return Taxonomy("t", {group: frozenset(group) for group in classes}, outside=frozenset(outside))


@st.composite
def partitions(draw, lowest=0):
    """A taxonomy of the letters; with ``lowest`` -1 some may be outside."""
    owner = [draw(st.integers(lowest, 5)) for _ in LEAVES]
    assume(max(owner) >= 0)
    groups = ["".join(leaf for leaf, o in zip(LEAVES, owner, strict=True) if o == k) for k in sorted({*owner} - {-1})]
    return taxonomy(*draw(st.permutations(groups)), outside="".join(set(LEAVES) - set("".join(groups))))


def partition(one):
    return set(one.classes.values()), one.outside


# -- common ground ------------------------------------------------------------------------------------------------


@given(partitions(), partitions(), partitions())
def test_the_common_ground_is_a_join(a, b, c):
    assert partition(common_ground([a, a])) == partition(a)
    assert partition(common_ground([a, b])) == partition(common_ground([b, a]))
    assert partition(common_ground([a, b, c])) == partition(common_ground([common_ground([a, b]), c]))
    assert a.refines(b) == (partition(common_ground([a, b])) == partition(b))


def refinement(first, second):
    """Leaves share a class where both taxonomies have them in one class, or outside."""
    groups = {}
    for leaf in sorted(first.index_of.keys() | second.index_of.keys()):
        key = first.index_of.get(leaf), second.index_of.get(leaf)
        groups[key] = groups.get(key, "") + leaf
    return taxonomy(*groups.values(), outside=first.outside & second.outside)


@given(partitions(lowest=-1), partitions(lowest=-1), partitions(lowest=-1))
def test_projecting_in_two_steps_is_projecting_at_once(a, b, c):
    middle = refinement(b, c)
    finest = refinement(a, middle)
    through = project(middle, c).apply(project(finest, middle).index)
    at_once = project(finest, c).index
    known = at_once != OUTSIDE
    assert (through[known] == at_once[known]).all()
    assert (through[~known] == OUTSIDE).all()


@given(partitions(lowest=-1), partitions(lowest=-1))
def test_the_ground_of_a_taxonomy_and_its_refinement_is_the_taxonomy_even_with_leaves_outside(a, b):
    assert partition(common_ground([a, refinement(a, b)])) == partition(a)


# -- edits --------------------------------------------------------------------------------------------------------


@given(partitions(lowest=-1), st.data())
def test_merge_then_split_by_the_same_leaves_is_where_one_started(one, data):
    assume(len(one.classes) > 1)
    first, second = data.draw(st.permutations(one.names))[:2]
    merged = Merge((first, second), "both").apply(one, LETTERS)
    assert merged.classes["both"] == one.classes[first] | one.classes[second]
    back = SplitOff("both", one.classes[second], "again").apply(merged, LETTERS)
    assert partition(back) == partition(one)
    assert back.version == one.version + 2
    assert one.refines(merged)


@st.composite
def edits_of(draw, one):
    """Any edit that ``one`` allows; its version makes new names."""
    name = draw(st.sampled_from(one.names))
    held = sorted(one.classes[name])
    some = frozenset(draw(st.lists(st.sampled_from(held), min_size=1, unique=True)))
    choices = [Rename(name, f"new {one.version}")]
    if len(one.classes) > 1:
        choices.append(Merge(tuple(draw(st.permutations(one.names))[:2]), f"merged {one.version}"))
        position = draw(st.integers(1, len(one.classes)))
        choices += [Reorder(name, position)] if one.names[position - 1] != name else []
    if len(some) < len(held):
        choices.append(SplitOff(name, some, f"off {one.version}"))
    if len({leaf.split(".")[0] for leaf in held}) > 1:
        choices.append(SplitByPart(name, "size"))
    if len(one.index_of) > len(some):
        choices.append(MoveOutside(some))
    if one.outside:
        choices.append(BringBack(one.outside, draw(st.sampled_from([name, f"back {one.version}"]))))
    return draw(st.sampled_from(choices))


@given(st.data())
def test_every_edit_gives_a_whole_taxonomy_and_loses_no_image(data):
    space = LeafSpace((Part("size", ("s", "l")), Part("kind", ("x", "y"))), lone=("logo",))
    owner = [data.draw(st.integers(-1, 2)) for _ in space.leaves]
    assume(max(owner) >= 0)
    groups = {str(k): frozenset(leaf for leaf, o in zip(space.leaves, owner) if o == k) for k in {*owner} - {-1}}
    one = Taxonomy("t", groups, outside=space.everything - frozenset().union(*groups.values()), description="d")
    labels = [frozenset({leaf}) for leaf in space.leaves for _ in range(2)]
    for _ in range(3):
        edit = data.draw(edits_of(one))
        after = edit.apply(one, space).check(space)
        assert (after.version, after.name, after.description) == (one.version + 1, one.name, one.description)
        counts = np.bincount(after.place_all(labels) + 1, minlength=len(after.classes) + 1)
        assert counts.sum() == len(labels)
        assert counts[0] == 2 * len(after.outside)
        assert [2 * len(leaves) for leaves in after.classes.values()] == counts[1:].tolist()
        one = after


def test_edits_by_hand():
    one = Taxonomy("t", {"small": THINGS.parse("*.small"), "large": THINGS.parse("*.large"), "logo": {"logo"}})
    everything = Merge(("logo", "small", "large"), "all").apply(one, THINGS)
    assert everything.names == ("all",)
    by_kind = SplitByPart("all", "kind").apply(everything, THINGS)
    assert dict(by_kind.classes) == {
        "all cat": THINGS.parse("cat.*"), "all dog": THINGS.parse("dog.*"), "all logo": {"logo"},
    }  # fmt: skip
    without = MoveOutside(frozenset({"logo"})).apply(by_kind, THINGS)
    assert (without.names, without.outside) == (("all cat", "all dog"), {"logo"})
    assert BringBack(frozenset({"logo"}), "mark").apply(without, THINGS).names == ("all cat", "all dog", "mark")
    joined = BringBack(frozenset({"logo"}), "all dog").apply(without, THINGS)
    assert joined.classes["all dog"] == THINGS.parse("dog.*|logo")
    assert edited(one, [Rename("small", "tiny"), Reorder("logo", 1)], THINGS).names == ("logo", "tiny", "large")
    assert edited(one, [], THINGS) is one


def test_the_merged_class_stands_where_the_first_stood_and_may_keep_a_name():
    merged = Merge(("d", "b"), "b").apply(taxonomy("a", "b", "c", "d", "ef"), LETTERS)
    assert merged.names == ("a", "b", "c", "ef")


def test_a_name_made_by_a_split_never_hides_another():
    one = Taxonomy("t", {"x": THINGS.parse("*.*"), "x cat": frozenset({"logo"})})
    assert SplitByPart("x", "kind").apply(one, THINGS).names == ("x cat'", "x dog", "x cat")


@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        (Merge(("ab",), "x"), "needs at least two classes"),
        (Merge(("ab", "ab"), "x"), "needs at least two classes"),
        (Merge(("ab", "z"), "x"), "No class 'z' in taxonomy 't'"),
        (Merge(("ab", "c"), "de"), "has a class 'de' already"),
        (Merge(("ab", "c"), ""), "empty or has spaces"),
        (Rename("ab", " x"), "empty or has spaces"),
        (Rename("ab", "x" * 301), "301 characters is too long; use at most 300"),
        (Rename("ab", ELSEWHERE), "No class can be called"),
        (Rename("ab", "half \ud800"), "No class can be called"),
        (Rename("ab", "c"), "has a class 'c' already"),
        (Rename("nobody", "x"), "No class 'nobody'"),
        (SplitOff("ab", frozenset("ab"), "x"), "off all of the leaves of 'ab' changes nothing"),
        (SplitOff("ab", frozenset(), "x"), "off none of the leaves"),
        (SplitOff("ab", frozenset("c"), "x"), "does not hold leaf 'c'"),
        (SplitOff("ab", frozenset("a"), "c"), "has a class 'c' already"),
        (SplitByPart("ab", "colour"), "No part 'colour' in this workspace to split by; it has none"),
        (Reorder("ab", 0), "no position 0; it can be 1 to 3"),
        (Reorder("ab", 4), "no position 4"),
        (Reorder("ab", 1), "stands at position 1 already"),
        (MoveOutside(frozenset()), "at least one leaf"),
        (MoveOutside(frozenset("f")), "Leaf 'f' is in no class"),
        (MoveOutside(frozenset("abcde")), "Nothing would be left"),
        (BringBack(frozenset("a"), "ab"), "Only leaves that are outside"),
        (BringBack(frozenset(), "ab"), "Only leaves that are outside"),
        (BringBack(frozenset("f"), " "), "empty or has spaces"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(edit, sentence):
    with pytest.raises(TaxonomyError, match=sentence) as caught:
        edit.apply(taxonomy("ab", "c", "de", outside="f"), LETTERS)
    assert "\n" not in str(caught.value)


def test_a_class_of_one_size_cannot_be_split_by_size():
    one = Taxonomy("t", {"small": THINGS.parse("*.small"), "rest": THINGS.parse("*.large|logo")})
    with pytest.raises(TaxonomyError, match="have the same size; split it by another part"):
        SplitByPart("small", "size").apply(one, THINGS)
