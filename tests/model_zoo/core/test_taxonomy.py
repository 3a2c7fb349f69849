"""Taxonomies as algebra: partitions, projections, and the ground that several share."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_zoo.core.errors import TaxonomyError
from model_zoo.core.taxonomy import OUTSIDE, Taxonomy, common_ground, project
from model_zoo.workspace import PROJECT, Workspace

LEAVES = "abcdef"


def taxonomy(*classes: str, name: str = "t", outside: str = "") -> Taxonomy:
    return Taxonomy(name, {group: frozenset(group) for group in classes}, outside=frozenset(outside))


@st.composite
def partitions(draw, leaves=LEAVES):
    owner = [draw(st.integers(0, len(leaves) - 1)) for _ in leaves]
    groups = {k: "".join(leaf for leaf, o in zip(leaves, owner, strict=True) if o == k) for k in set(owner)}
    return taxonomy(*draw(st.permutations(sorted(groups.values()))))


def all_partitions(leaves):
    if not leaves:
        yield []
        return
    first, rest = leaves[0], leaves[1:]
    for smaller in all_partitions(rest):
        yield [first, *smaller]
        for k in range(len(smaller)):
            yield smaller[:k] + [first + smaller[k]] + smaller[k + 1 :]


def test_a_leaf_in_two_classes_is_refused():
    with pytest.raises(TaxonomyError, match="leaf 'b' in both 'ab' and 'bc'"):
        taxonomy("ab", "bc")


def test_an_image_is_placed_when_all_its_leaves_fall_into_one_class():
    t = taxonomy("ab", "c", outside="d")
    assert [t.place(frozenset(label)) for label in ("a", "ab", "bc", "d")] == [0, 0, OUTSIDE, OUTSIDE]


def test_projection_is_refused_with_the_leaves_in_the_way():
    with pytest.raises(TaxonomyError, match="class 'ab' holds a, b, which fall into different classes"):
        project(taxonomy("ab", "c"), taxonomy("a", "bc"))


def test_union_find_by_hand():
    # a-b by the first, b-c by the second: a, b, c are one; d stays alone
    ground = common_ground([taxonomy("ab", "c", "d"), taxonomy("a", "bc", "d")])
    assert {frozenset(leaves) for leaves in ground.classes.values()} == {frozenset("abc"), frozenset("d")}


@given(st.lists(partitions(), min_size=1, max_size=3))
def test_the_common_ground_is_coarser_than_all_and_nothing_finer_is(taxonomies):
    ground = common_ground(taxonomies)
    assert all(one.refines(ground) for one in taxonomies)
    finer = [p for p in all_partitions(LEAVES) if len(p) > len(ground.classes)]
    for groups in finer:
        assert not all(one.refines(taxonomy(*groups)) for one in taxonomies)


@given(partitions(), partitions(), partitions())
def test_the_common_ground_does_not_depend_on_order_or_grouping(a, b, c):
    def groups(t):
        return set(t.classes.values())

    assert groups(common_ground([a, b])) == groups(common_ground([b, a]))
    assert groups(common_ground([a, b, c])) == groups(common_ground([common_ground([a, b]), c]))
    assert groups(common_ground([a, a])) == groups(a)


@given(partitions(), partitions())
def test_projecting_a_placed_leaf_is_placing_it_in_the_target(a, b):
    ground = common_ground([a, b])
    projection = project(a, ground)
    for leaf in LEAVES:
        assert projection.apply(np.array([a.index_of[leaf]]))[0] == ground.index_of[leaf]


def test_leaves_that_one_taxonomy_does_not_know_are_outside_the_common_ground():
    ground = common_ground([taxonomy("a", "b", "c"), taxonomy("ab", outside="c")])
    assert ground.outside == {"c"}
    assert project(taxonomy("a", "b", "c"), ground).index.tolist() == [0, 0, OUTSIDE]


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    return Workspace((tmp_path_factory.mktemp("demo"), PROJECT / "sample_images", PROJECT / "model_zoo"))


def test_the_shipped_taxonomies_place_every_leaf(demo):
    sizes = {name: len(one.classes) for name, one in demo.taxonomies().items()}
    assert sizes == {
        "fine": 19, "merged_na": 14, "merged_no": 14, "consolidated": 9, "one_negative": 8, "anatomy": 7, "volume": 2,
    }  # fmt: skip


def test_the_path_of_the_story_goes_from_fine_to_coarse(demo):
    for path in (("fine", "merged_na", "consolidated", "one_negative", "volume"), ("fine", "merged_no", "consolidated")):
        for finer, coarser in pairwise(path):
            assert demo.taxonomy(finer).refines(demo.taxonomy(coarser))


def test_fine_and_consolidated_meet_on_consolidated(demo):
    assert common_ground([demo.taxonomy("fine"), demo.taxonomy("consolidated")]) == demo.taxonomy("consolidated")


def test_anatomy_and_consolidated_share_volume_or_not_and_nothing_else(demo):
    ground = common_ground([demo.taxonomy("anatomy"), demo.taxonomy("consolidated")])
    assert sorted(map(len, ground.classes.values())) == [1, 18]
    assert frozenset({"volume"}) in ground.classes.values()
    assert set(ground.names) == {"volume", "not volume"}


def test_a_taxonomy_that_forgets_a_leaf_is_refused_by_name(demo):
    with pytest.raises(TaxonomyError, match="does not say where leaf 'ac.none.present' belongs"):
        Taxonomy("half", {"x": frozenset({"ac.none.none"})}).check(demo.space)
