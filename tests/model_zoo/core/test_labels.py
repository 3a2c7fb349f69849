"""Labels as sets of leaves: written, read, edited by part, answered by class."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_zoo.core.errors import LabelError
from model_zoo.core.labels import LeafSpace, Part

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
