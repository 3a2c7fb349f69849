"""Typed links: what is written is read back; what is bad is said."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard import links
from dashboard.links import Away, Cell, Shown
from model_zoo.core.choices import Labels, Space, Split
from model_zoo.core.errors import LinkError
from model_zoo.core.regions import Box

names = st.text(min_size=1, max_size=30)


@given(
    st.lists(names, max_size=4, unique=True),
    st.sampled_from(Space),
    st.sampled_from([Split.TEST, Split.VALIDATION]),
    st.sampled_from(Labels),
    names,
    st.none() | names,
    st.none() | names,
)
def test_what_is_written_is_read_back(subjects, space, split, labels, who, true, predicted):
    shown, cell = Shown(tuple(subjects), space, split, labels), Cell(who, true, predicted)
    query = links.to_cell(shown, cell)
    assert links.read_shown(query, Shown()) == shown
    assert links.read_cell(query) == cell


def test_what_an_address_leaves_open_is_taken_from_the_default():
    default = Shown(("a", "b"), Space.NATIVE)
    assert links.read_shown({}, default) == default
    assert links.read_shown({"of": ["c"]}, default).subjects == ("c",)


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"space": ["everywhere"]}, "space = 'everywhere'; it can be native, common"),
        ({"labels": ["x", "y"]}, "'labels' 2 times"),
        ({"split": ["tset"]}, "split = 'tset'"),
    ],
)
def test_a_bad_link_is_one_sentence(query, sentence):
    with pytest.raises(LinkError, match=sentence.replace("(", r"\(")):
        links.read_shown(query, Shown())


@pytest.mark.parametrize("value", ["0", "-1", "1.5", "٣", "abc", "", "9" * 400])
def test_a_page_number_is_a_whole_number_from_1(value):
    with pytest.raises(LinkError, match="whole number from 1"):
        links.whole({"page": [value]}, "page", 1)


def test_a_list_over_all_splits_is_judged_over_the_default_split():
    assert links.read_split({"split": ["all"]}, Split.TEST) is None
    assert links.read_shown({"split": ["all"]}, Shown()).split is Split.TEST
    assert links.read_shown({"split": ["train"]}, Shown()).split is Split.TEST


edges = st.tuples(st.integers(0, 9999), st.integers(0, 9999), st.integers(1, 9999), st.integers(1, 9999))
boxes = edges.map(lambda e: Box(e[0], e[1], e[0] + e[2], e[1] + e[3]))


@given(st.lists(names, max_size=4, unique=True), st.lists(boxes, max_size=links.MAX_BOXES, unique=True))
def test_what_is_taken_away_is_read_back(regions, drawn):
    away = Away(tuple(regions), tuple(drawn))
    assert links.read_away(away.query()) == away


def test_an_address_without_regions_takes_nothing_away():
    assert links.read_away({}) == Away()
    assert links.read_away({"region": [""], "box": []}) == Away()


@pytest.mark.parametrize(
    "box", ["", "1,2,3", "1,2,3,4,5", "3,2,1,4", "1,2,1,4", "a,b,c,d", "-1,0,3,4", "0,0,1.5,2", "٣,0,9,9"]
)
def test_a_bad_box_is_one_sentence(box):
    with pytest.raises(LinkError, match="left,top,right,bottom in whole pixels"):
        links.read_away({"box": [box]})


def test_too_many_boxes_are_refused():
    with pytest.raises(LinkError, match="draws 21 boxes; at most 20"):
        links.read_away({"box": [f"{k},0,{k + 1},1" for k in range(21)]})
