"""Typed links: what is written is read back; what is bad is said."""

from urllib.parse import parse_qs, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.address import fields, links
from dashboard.address.draft import Draft, read_draft
from dashboard.address.links import Cell, Filter, MatrixView, Occluded, Shown
from dashboard.address.selection import ClassOrder, Labels, LabelWork, Matrices, Space
from model_zoo.core.errors import LabelError, LinkError
from model_zoo.core.evaluation.confusion import Per
from model_zoo.core.evaluation.probability_summing import SummingEffect
from model_zoo.core.explanation.regions import Box
from model_zoo.core.label_space.edits import BringBack, Merge, MoveOutside, Rename, Reorder, SplitByPart, SplitOff
from model_zoo.core.label_space.labels import LeafSpace, Part
from model_zoo.core.label_space.splits import Split

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
    st.none() | st.builds(Filter, names | st.sampled_from([":", "\\", "a:b", "\\:"]), st.text(max_size=30)),
    st.builds(Cell, names, several, several, st.none() | names, st.none() | st.sampled_from(SummingEffect)),
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
        ({"where": ["machine"]}, "restrict to 'machine'; write a column of the manifest, a colon and a value"),
        ({"where": [":x"]}, "restrict to ':x'"),
        ({"where": [""]}, "restrict to ''"),
        ({"where": ["a:b", "c:d"]}, "'where' 2 times"),
    ],
)
def test_a_bad_link_is_one_sentence(query, sentence):
    with pytest.raises(LinkError, match=sentence.replace("(", r"\(")):
        links.read_shown(query, Shown())


@pytest.mark.parametrize("value", ["0", "-1", "1.5", "٣", "abc", "", "9" * 400])
def test_a_page_number_is_a_whole_number_from_1(value):
    with pytest.raises(LinkError, match="whole number from 1"):
        fields.whole({"page": [value]}, "page", 1)


def test_a_list_over_all_splits_is_judged_over_the_default_split():
    assert links.read_split({"split": ["all"]}, Split.TEST) is None
    assert links.read_shown({"split": ["all"]}, Shown()).split is Split.TEST
    assert links.read_shown({"split": ["train"]}, Shown()).split is Split.TEST
    assert links.read_shown({"split": ["train"]}, Shown(), list(Split)).split is Split.TRAIN


# -- drafts -------------------------------------------------------------------------------------------------------

SPACE = LeafSpace((Part("kind", ("cat", "d.o|g")), Part("size", ("s", "l"))), lone=("logo",))
some = st.sets(st.sampled_from(SPACE.leaves), min_size=1).map(frozenset)
edits = st.one_of(
    st.builds(Merge, st.lists(names, max_size=3).map(tuple), names),
    st.builds(SplitByPart, names, names),
    st.builds(SplitOff, names, some, names),
    st.builds(Rename, names, names),
    st.builds(Reorder, names, st.integers(-9, 999_999)),
    st.builds(MoveOutside, some),
    st.builds(BringBack, some, names),
)


@given(names, st.lists(edits, max_size=4), st.none() | names, st.none() | names)
def test_a_draft_is_read_back_from_its_address(base, steps, name, description):
    draft = Draft(base, tuple(steps), name, description)
    query = parse_qs(urlencode(draft.query(SPACE), doseq=True), keep_blank_values=True)
    assert read_draft(query, "other", SPACE) == draft


def test_an_address_without_a_draft_opens_the_default():
    assert read_draft({}, "fine.v1", SPACE) == Draft("fine.v1")


@pytest.mark.parametrize(
    "step",
    ["", "x", "[]", '["merge"]', '["merge",["a",1],"x"]', '["merge","ab","x"]', '["move","a",true]', '["drop","a"]',
     '["move","a",1.5]', '["move","a",' + "9" * 5000 + "]", "[" * 100_000, '{"merge":1}', '["split","a",null]'],
)  # fmt: skip
def test_a_step_that_cannot_be_read_is_one_sentence(step):
    with pytest.raises(LinkError, match="step that cannot be read") as caught:
        read_draft({"step": [step]}, "fine.v1", SPACE)
    assert len(str(caught.value)) < 250


def test_leaves_that_are_not_there_are_named():
    with pytest.raises(LabelError, match="No value 'cow' in part 'kind'"):
        read_draft({"step": ['["outside","cow.*"]']}, "fine.v1", SPACE)


def test_a_draft_too_long_for_an_address_is_refused_before_a_browser_does():
    with pytest.raises(LinkError, match="grown too long for an address; save it"):
        Draft("fine.v1", tuple(Rename("a" * 300, "b" * 300) for _ in range(12))).query(SPACE)


# -- what is painted out --------------------------------------------------------------------------------------------

edges = st.tuples(st.integers(0, 9999), st.integers(0, 9999), st.integers(1, 9999), st.integers(1, 9999))
boxes = edges.map(lambda e: Box(e[0], e[1], e[0] + e[2], e[1] + e[3]))


@given(st.lists(names, max_size=4, unique=True), st.lists(boxes, max_size=links.MAX_BOXES, unique=True))
def test_what_is_taken_away_is_read_back(regions, drawn):
    away = Occluded(tuple(regions), tuple(drawn))
    assert links.read_occluded(away.query()) == away


def test_an_address_without_regions_takes_nothing_away():
    assert links.read_occluded({}) == Occluded()
    assert links.read_occluded({"region": [""], "box": []}) == Occluded()


@pytest.mark.parametrize(
    "box", ["", "1,2,3", "1,2,3,4,5", "3,2,1,4", "1,2,1,4", "a,b,c,d", "-1,0,3,4", "0,0,1.5,2", "٣,0,9,9"]
)
def test_a_bad_box_is_one_sentence(box):
    with pytest.raises(LinkError, match="left,top,right,bottom in whole pixels"):
        links.read_occluded({"box": [box]})


def test_too_many_boxes_are_refused():
    with pytest.raises(LinkError, match="draws 21 boxes; at most 20"):
        links.read_occluded({"box": [f"{k},0,{k + 1},1" for k in range(21)]})


def test_a_restriction_reads_as_one_printable_line():
    assert Filter("machine", "aurora").words == "machine = aurora"
    assert Filter("weeks", "20..30").words == "20 ≤ weeks < 30"
    assert (Filter("weeks", "..30").words, Filter("weeks", "20..").words) == ("weeks < 30", "20 ≤ weeks")
    assert Filter("machine", "").words == "machine = (empty)"
    assert Filter("machine", "a\n\tb\x00" + "c" * 500).words == "machine = a b " + "c" * 55 + "…"
    assert Filter("weeks", "nan..30").range is Filter("weeks", "..").range is Filter("weeks", "20").range is None


classes = st.none() | st.text(min_size=1)


@given(
    work=st.sampled_from(LabelWork),
    sides=st.tuples(st.text(min_size=1), st.text(min_size=1)),
    taxonomy=st.none() | st.text(),
    flowing=st.none() | st.builds(links.OpenedFlow, classes, classes),
)
def test_what_labels_shows_is_read_back(work, sides, taxonomy, flowing):
    view = links.LabelsView(work, *sides, taxonomy, flowing)
    assert links.read_labels_view({name: values for name, values in view.query().items() if values}) == view


def test_labels_opens_on_what_people_changed():
    assert links.read_labels_view({}) == links.LabelsView(LabelWork.SETS, "original", "standing")
    with pytest.raises(LinkError, match="work = 'x'; it can be sets, export, import"):
        links.read_labels_view({"work": ["x"]})
