"""Taxonomies as algebra: partitions, projections, and the ground that several share."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from model_zoo.core.errors import TaxonomyError
from model_zoo.core.label_space.taxonomy import OUTSIDE, Taxonomy, common_ground, project
from model_zoo.workspace.workspace import PROJECT, Workspace

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
            yield [*smaller[:k], first + smaller[k], *smaller[k + 1 :]]


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
    return Workspace((tmp_path_factory.mktemp("demo"), PROJECT / "model_zoo" / "sample_images", PROJECT / "model_zoo"))


def test_the_shipped_taxonomies_place_every_leaf(demo):
    sizes = {name: len(one.classes) for name, one in demo.taxonomies().items()}
    assert sizes == {
        "fine": 19, "merged_na": 14, "merged_no": 14, "consolidated": 9, "one_negative": 8, "anatomy": 7, "volume": 2,
    }  # fmt: skip


def test_the_path_of_the_story_goes_from_fine_to_coarse(demo):
    for path in (
        ("fine", "merged_na", "consolidated", "one_negative", "volume"),
        ("fine", "merged_no", "consolidated"),
    ):
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
    with pytest.raises(TaxonomyError, match=r"does not say where leaf 'ac\.none\.present' belongs"):
        Taxonomy("half", {"x": frozenset({"ac.none.none"})}).check(demo.space)


@st.composite
def partial_partitions(draw, leaves=LEAVES):
    """A taxonomy that may declare some leaves outside."""
    owner = [draw(st.integers(-1, 3)) for _ in leaves]
    assume(max(owner) >= 0)
    groups = ["".join(leaf for leaf, o in zip(leaves, owner, strict=True) if o == k) for k in sorted(set(owner) - {-1})]
    return taxonomy(*groups, outside="".join(leaf for leaf, o in zip(leaves, owner, strict=True) if o == -1))


def ground_or_none(taxonomies):
    if frozenset(LEAVES).intersection(*(one.index_of for one in taxonomies)):
        return common_ground(taxonomies)
    with pytest.raises(TaxonomyError, match="share no leaf"):
        common_ground(taxonomies)
    return None


@given(st.lists(partial_partitions(), min_size=1, max_size=3))
def test_with_leaves_outside_all_still_project_onto_the_common_ground_and_nothing_finer_is_one(taxonomies):
    ground = ground_or_none(taxonomies)
    known = frozenset(LEAVES).intersection(*(one.index_of for one in taxonomies))
    assert (ground is None) == (not known)
    if ground is None:
        return
    assert frozenset(ground.index_of) == known  # whatever somebody was not trained on is judged nowhere
    assert ground.outside == frozenset(LEAVES) - known
    for one in taxonomies:
        projection = project(one, ground)
        for leaf in known:  # the class that holds a leaf goes where the leaf goes
            assert projection.index[one.index_of[leaf]] == ground.index_of[leaf]
    for groups in all_partitions("".join(sorted(known))):
        if len(groups) > len(ground.classes):
            finer = taxonomy(*groups, outside="".join(ground.outside))
            assert not all(one.refines(finer) for one in taxonomies)


@given(partial_partitions(), partial_partitions())
def test_the_common_ground_does_not_depend_on_order_nor_on_saying_one_twice(a, b):
    def content(t):
        return t and (set(t.classes.values()), t.outside)

    assert content(ground_or_none([a, b])) == content(ground_or_none([b, a])) == content(ground_or_none([a, b, a]))


def test_a_class_half_outside_is_projected_by_what_is_judged():
    # "ab" cannot be split, but b is not judged: an image of a that is called "ab" is right
    half = common_ground([taxonomy("ab", "c"), taxonomy("a", "c", outside="b")])
    assert dict(half.classes) == {"a": frozenset("a"), "c": frozenset("c")}
    assert project(taxonomy("ab", "c"), half).index.tolist() == [0, 1]
    # a-x by the first and x-b by the second would link a with b, did the third know x
    three = [taxonomy("ax", "b"), taxonomy("a", "xb"), taxonomy("a", "b", outside="x")]
    assert sorted(map(sorted, common_ground(three).classes.values())) == [["a"], ["b"]]


@given(partitions(), st.data())
def test_the_hash_sees_classes_order_and_outside_but_no_names(one, data):
    names = data.draw(st.permutations(one.names))
    other = Taxonomy(one.name, {name: one.classes[name] for name in names})
    assert (other.hash == one.hash) == (names == list(one.names))
    assert (other == one) == (names == list(one.names))  # class order is index order
    assert Taxonomy("another name", one.classes, description="x", version=2).hash == one.hash
    assert len({one, Taxonomy(one.name, one.classes, description="said otherwise")}) == 1


@given(partitions(), partitions())
def test_refinement_is_what_projection_allows(a, b):
    coarser = all(any(inner <= outer for outer in b.classes.values()) for inner in a.classes.values())
    assert a.refines(b) == coarser
    if coarser:
        merged = project(a, b).merged()
        assert all(frozenset().union(*(a.classes[n] for n in names)) == b.classes[k] for k, names in merged.items())
        assert len(a.classes) - len(b.classes) == sum(len(names) - 1 for names in merged.values())
    else:
        with pytest.raises(TaxonomyError, match="cannot be projected"):
            project(a, b)


@given(partitions(), st.sets(st.sampled_from(LEAVES), min_size=1))
def test_a_label_is_placed_exactly_where_one_class_holds_it(one, label):
    holders = [k for k, leaves in enumerate(one.classes.values()) if label <= leaves]
    assert [one.place(frozenset(label))] == (holders or [OUTSIDE])
    assert one.place_all([frozenset(label)] * 2).tolist() == (holders or [OUTSIDE]) * 2


def test_every_class_of_a_common_ground_has_a_name_of_its_own():
    first, second = taxonomy("ab", "cd", "ef", name="one"), taxonomy("a", "b", "c", "d", "e", "f", name="two")
    assert common_ground([first, second]) is first  # nothing new is made where it is one of them
    ground = common_ground([taxonomy("ab", "c", "d"), taxonomy("a", "bc", "d")])
    assert ground.names == ("ab or c", "d") or ground.names == ("a or bc", "d")


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: taxonomy(), "has no class"),
        (lambda: Taxonomy("t", {"x": frozenset()}), "'x' of taxonomy 't' holds no leaf"),
        (lambda: taxonomy("ab", outside="b"), "leaf 'b' in a class and as outside"),
        (lambda: common_ground([]), "at least one taxonomy"),
        (lambda: common_ground([taxonomy("a", outside="b"), taxonomy("b", outside="a")]), "nothing can be compared"),
        (lambda: project(taxonomy("a"), taxonomy("b")), "does not know leaf 'a'"),
        (lambda: taxonomy("a", "b").class_index("c"), "No class 'c' in taxonomy 't'; it has a, b"),
    ],
)
def test_what_is_no_taxonomy_is_said_in_one_sentence(make, sentence):
    with pytest.raises(TaxonomyError, match=sentence):
        make()
