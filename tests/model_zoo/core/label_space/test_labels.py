"""Labels as sets of leaves: written, read, edited by part, answered by class."""

import time

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from model_zoo.core.errors import LabelError
from model_zoo.core.label_space.labels import LeafSpace, Part

SCREENS = LeafSpace(
    (Part("structure", ("bpd", "ac")), Part("markers", ("none", "placed")), Part("text", ("none", "present"))),
    lone=("volume",),
    forbidden=({"markers": "placed", "text": "none"},),
)

values = st.text(st.characters(exclude_categories=("C", "Z")) | st.sampled_from(".*|\\"), min_size=1, max_size=6)
spaces = st.builds(
    lambda parts, lone: LeafSpace(tuple(Part(f"p{k}", tuple(v)) for k, v in enumerate(parts)), tuple(lone)),
    st.lists(st.lists(values, min_size=1, max_size=3, unique=True), min_size=2, max_size=3),
    st.lists(values.map(lambda value: "lone " + value), max_size=2, unique=True),
)


@st.composite
def space_and_label(draw):
    space = draw(spaces)
    return space, frozenset(draw(st.sets(st.sampled_from(space.leaves), min_size=1)))


def test_the_leaves_are_the_allowed_combinations_and_the_lone_ones():
    assert len(SCREENS.leaves) == 2 * 3 + 1  # 2 structures x (none.none, none.present, placed.present) + volume
    assert "bpd.placed.none" not in SCREENS.leaves


def test_patterns_read_and_write():
    assert SCREENS.parse("*.none.present") == {"bpd.none.present", "ac.none.present"}
    assert SCREENS.format(SCREENS.parse("ac.none.present|bpd.none.present")) == "*.none.present"
    assert SCREENS.parse("*") == SCREENS.everything


@given(space_and_label())
def test_what_is_written_is_read_back(case):
    space, label = case
    assert space.parse(space.format(label)) == label


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("bpd.none", "not of the form 'structure.markers.text'"),
        ("bdp.none.none", "Did you mean 'bpd'"),
        ("bpd.placed.none", "no allowed combination"),
        ("", "not of the form"),
        ("volum", "Did you mean 'volume'"),
    ],
)
def test_what_does_not_exist_is_said_in_one_sentence(text, sentence):
    with pytest.raises(LabelError, match=sentence):
        SCREENS.parse(text)


def test_editing_a_part_keeps_the_others():
    label = SCREENS.parse("bpd.placed.present")
    assert SCREENS.edit(label, {"markers": "none"}) == SCREENS.parse("bpd.none.present")
    assert SCREENS.edit(label, {"structure": None}) == SCREENS.parse("*.placed.present")
    with pytest.raises(LabelError, match="No allowed combination has text = none"):
        SCREENS.edit(label, {"text": "none"})


@given(space_and_label(), st.data())
def test_editing_touches_only_the_named_part(case, data):
    space, label = case
    part = data.draw(st.sampled_from(space.parts))
    value = data.draw(st.none() | st.sampled_from(part.values))
    edited = space.edit(label, {part.name: value})
    index = space.parts.index(part)
    for leaf in edited:
        assert value in (None, space.values_of[leaf][index])
    with_parts = [leaf for leaf in label if space.values_of[leaf]]
    if len(with_parts) == len(label):  # a lone leaf has no part that could be kept
        rest = {tuple(v for k, v in enumerate(space.values_of[leaf]) if k != index) for leaf in label}
        assert {tuple(v for k, v in enumerate(space.values_of[leaf]) if k != index) for leaf in edited} == rest


def test_a_class_answer_changes_only_what_the_class_settles():
    measured, no_marker = SCREENS.parse("bpd.placed.present"), SCREENS.parse("*.none.present")
    assert SCREENS.answer(measured, no_marker) == SCREENS.parse("bpd.none.present")
    assert SCREENS.answer(SCREENS.parse("volume"), no_marker) == no_marker
    assert SCREENS.answer(measured, SCREENS.parse("volume")) == SCREENS.parse("volume")


@given(space_and_label(), st.data())
def test_an_answer_lies_in_its_class_and_leaves_a_label_of_that_class_alone(case, data):
    space, label = case
    leaves = frozenset(data.draw(st.sets(st.sampled_from(space.leaves), min_size=1)))
    answer = space.answer(label, leaves)
    assert answer
    assert answer <= leaves
    if label <= leaves:
        assert label <= answer


odd = st.text(st.sampled_from(".*|\\ aé∂\t\"',"), min_size=1, max_size=5).filter(lambda text: text == text.strip())


@st.composite
def odd_spaces(draw):
    """Spaces of 0-3 parts with names that try to break the writing, forbidden combinations, lone leaves."""
    values = draw(st.lists(st.lists(odd, min_size=1, max_size=3, unique=True), max_size=3))
    parts = tuple(Part(f"part {k}", tuple(v)) for k, v in enumerate(values))
    lone = tuple(draw(st.lists(odd, max_size=3, unique=True)))
    forbidden = []
    if len(parts) > 1 and draw(st.booleans()):
        named = draw(st.lists(st.sampled_from(parts), min_size=1, max_size=2, unique=True))
        forbidden.append({part.name: draw(st.sampled_from(part.values)) for part in named})
    try:
        return LeafSpace(parts, lone, tuple(forbidden))
    except LabelError:  # no leaf left, or a lone leaf that is also a value of a single part
        assume(False)


@st.composite
def odd_space_and_labels(draw, n_labels=2):
    space = draw(odd_spaces())
    return space, *(frozenset(draw(st.sets(st.sampled_from(space.leaves), min_size=1))) for _ in range(n_labels))


@given(odd_space_and_labels(1))
def test_whatever_the_names_what_is_written_is_read_back(case):
    space, label = case
    assert space.parse(space.format(label)) == label
    assert space.parse(f"  {space.format(label)} ") == label


@given(odd_spaces())
def test_every_leaf_is_its_own_pattern(space):
    for leaf in space.leaves:
        assert space.parse(leaf) == {leaf}


@given(odd_space_and_labels(2))
def test_an_answer_is_part_of_the_class_and_agrees_with_the_label_where_it_can(case):
    space, label, leaves = case
    answered = space.answer(label, leaves)
    assert answered <= leaves
    assert answered
    if label & leaves:
        assert answered == label & leaves  # what both say; a label inside the class stays as it is
    assert space.answer(answered, leaves) == answered


@given(odd_spaces(), st.data())
def test_an_answer_keeps_the_parts_that_the_class_leaves_open(space, data):
    """For a class that fixes some parts and leaves the others open, as classes with a meaning do."""
    boxed = [leaf for leaf in space.leaves if space.values_of[leaf]]
    assume(boxed and not space.forbidden)
    old = data.draw(st.sampled_from(boxed))
    fixed = data.draw(st.dictionaries(st.integers(0, len(space.parts) - 1), st.none()))
    fixed = {index: data.draw(st.sampled_from(space.parts[index].values)) for index in fixed}
    leaves = frozenset(leaf for leaf in boxed if all(space.values_of[leaf][i] == v for i, v in fixed.items()))
    (answer,) = space.answer(frozenset({old}), leaves)
    expected = tuple(fixed.get(i, value) for i, value in enumerate(space.values_of[old]))
    assert space.values_of[answer] == expected


def test_a_lone_leaf_is_no_value_that_an_answer_could_keep():
    space = LeafSpace((Part("kind", ("cat", "car")),), lone=("logo", "blank"))
    neither = frozenset({"blank", "car"})
    assert space.answer(frozenset({"logo"}), neither) == neither  # not {"blank"}: "no kind" is nothing in common
    assert space.answer(frozenset({"logo"}), frozenset({"logo", "blank"})) == {"logo"}  # not widened


def test_an_edit_of_nothing_changes_nothing():
    for text in ("volume", "volume|bpd.none.none", "*"):
        assert SCREENS.edit(SCREENS.parse(text), {}) == SCREENS.parse(text)


def test_parts_of_says_what_is_settled():
    assert SCREENS.parts_of(SCREENS.parse("*.none.present")) == {
        "structure": None,
        "markers": "none",
        "text": "present",
    }
    assert SCREENS.parts_of(SCREENS.parse("volume")) == {"structure": None, "markers": None, "text": None}


@pytest.mark.parametrize("call", [SCREENS.format, lambda label: SCREENS.edit(label, {"text": None})])
def test_a_leaf_of_another_workspace_is_named(call):
    with pytest.raises(LabelError, match=r"No leaf 'bpd\.placed' in this workspace. Did you mean"):
        call(frozenset({"bpd.placed"}))


@pytest.mark.parametrize(
    ("parts", "lone", "forbidden", "sentence"),
    [
        ((), (), (), "allows no leaf at all"),
        ((("kind", ("cat", "cat")),), (), (), "lists a value twice"),
        ((("kind", ()),), (), (), "at least one value"),
        ((("kind", (" cat",)),), (), (), "spaces around it"),
        ((("kind", ("cat",)), ("kind", ("car",))), (), (), "a name of its own"),
        ((("kind", ("cat",)),), ("",), (), "Lone leaf '' is empty"),
        ((("kind", ("cat",)),), ("cat",), (), "'cat' is declared twice"),
        ((), ("logo", "logo"), (), "'logo' is declared twice"),
        ((("kind", ("cat", "car")),), (), ({"kind": "caz"},), "Did you mean 'ca"),
        ((("kind", ("cat", "car")),), (), ({"size": "big"},), "No part 'size'"),
        ((("kind", ("cat",)),), (), ({"kind": "cat"},), "allows no leaf at all"),
    ],
)
def test_a_leaf_space_that_does_not_hold_together_says_why(parts, lone, forbidden, sentence):
    with pytest.raises(LabelError, match=sentence):
        LeafSpace(tuple(Part(*part) for part in parts), lone, forbidden)


def test_ten_thousand_leaves_are_declared_at_once():
    ten = tuple("abcdefghij")
    started = time.perf_counter()
    space = LeafSpace(tuple(Part(f"p{k}", ten) for k in range(4)))
    assert len(space.leaves) == 10**4
    assert time.perf_counter() - started < 5  # comparing each with each took minutes


def test_the_label_of_a_space_of_one_leaf_is_called_by_that_leaf():
    for space in (LeafSpace((), ("owl",)), LeafSpace((Part("bird", ("owl",)),))):
        assert space.format(space.everything) == "owl"
        assert space.parse("owl") == space.parse("*") == space.everything
