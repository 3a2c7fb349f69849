"""Typed links: what is written is read back; what is bad is said."""

from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard import links
from dashboard.links import Cell, MatrixView, Shown, Where
from model_zoo.core.choices import Becomes, ClassOrder, Labels, Matrices, Per, Space, Split
from model_zoo.core.errors import LinkError

names = st.text(min_size=1, max_size=30)
several = st.lists(names, max_size=3, unique=True).map(tuple)
views = st.builds(
    MatrixView,
    st.sampled_from(Matrices),
    st.sampled_from(Per),
    st.none() | st.sampled_from(ClassOrder),
    st.none() | names,
    several,
    several,
    several,
)


@given(
    st.lists(names, max_size=4, unique=True),
    st.sampled_from(Space),
    st.sampled_from([Split.TEST, Split.VALIDATION]),
    st.sampled_from(Labels),
    st.none() | st.builds(Where, names | st.sampled_from([":", "\\", "a:b", "\\:"]), st.text(max_size=30)),
    st.builds(Cell, names, several, several, st.none() | names, st.none() | st.sampled_from(Becomes)),
    views,
)
def test_what_is_written_is_read_back(subjects, space, split, labels, where, cell, view):
    shown = Shown(tuple(subjects), space, split, labels, where)
    query = links.to_cell(shown, cell, view)
    assert links.read_matrix_view(query) == view
    assert parse_qs(links.images_url(shown, cell, view).removeprefix("images?"), keep_blank_values=True) == {
        k: v for k, v in query.items() if v
    }
    assert links.read_shown(query, Shown()) == shown
    assert links.read_cell(query) == cell


def test_an_address_with_one_class_a_side_is_a_cell_as_ever():
    query = {"cell": ["fine-s0"], "true": ["a"], "predicted": ["b"]}
    assert links.read_cell(query) == Cell("fine-s0", ("a",), ("b",))


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
        ({"where": ["machine"]}, "where = 'machine'; write a column of the manifest, a colon and a value"),
        ({"where": [":x"]}, "where = ':x'"),
        ({"where": [""]}, "where = ''"),
        ({"where": ["a:b", "c:d"]}, "'where' 2 times"),
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
    assert links.read_shown({"split": ["train"]}, Shown(), list(Split)).split is Split.TRAIN


def test_a_restriction_reads_as_one_printable_line():
    assert Where("machine", "aurora").words == "machine = aurora"
    assert Where("weeks", "20..30").words == "20 ≤ weeks < 30"
    assert (Where("weeks", "..30").words, Where("weeks", "20..").words) == ("weeks < 30", "20 ≤ weeks")
    assert Where("machine", "").words == "machine = (empty)"
    assert Where("machine", "a\n\tb\x00" + "c" * 500).words == "machine = a b " + "c" * 55 + "…"
    assert Where("weeks", "nan..30").range is Where("weeks", "..").range is Where("weeks", "20").range is None
