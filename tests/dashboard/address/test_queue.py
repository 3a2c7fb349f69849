"""A review queue in an address: written and read again, several restrictions, what is none."""

from urllib.parse import parse_qs, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.address.links import Cell, Filter, Shown
from dashboard.address.queue import (
    Opinion,
    Order,
    QueueView,
    Status,
    filters_text,
    read_queue_view,
    read_reviewed,
    to_review,
)
from dashboard.address.selection import Space
from model_zoo.core.errors import LinkError
from model_zoo.core.label_space.splits import Split

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
wheres = st.lists(st.builds(Filter, texts, texts), max_size=4, unique=True).map(tuple)
views = st.builds(
    QueueView,
    st.sampled_from(Order),
    st.integers(1, 999_999_999),
    st.sampled_from(Opinion),
    wheres,
    st.sampled_from(Status),
    texts,
).map(lambda view: QueueView(view.order, view.seed, where=view.where) if view.adjudicates else view)
"""Disagreements are answered by their nature: no opinion and no status is asked for there."""


def through_the_browser(query):
    return parse_qs(urlencode(query, doseq=True), keep_blank_values=True)


@given(views)
def test_a_queue_survives_its_address(view):
    assert read_queue_view(through_the_browser(view.query())) == view


def test_an_empty_address_is_the_opening_queue():
    assert read_queue_view({}) == QueueView()
    assert QueueView().query() == {"order": ["wrong"]}


def test_a_cell_of_a_comparison_is_a_queue_over_the_same_images():
    shown = Shown(("a", "b"), Space.NATIVE, Split.VALIDATION, where=Filter("camera", "B"))
    cell = Cell("c", ("cat",), ("dog", "logo"))
    query = through_the_browser(to_review(shown, cell))
    assert read_queue_view(query) == QueueView(Order.CELL, where=(Filter("camera", "B"),))
    again = read_reviewed(query, Shown())
    assert (again.subjects, again.space, again.split) == (("a", "b", "c"), Space.NATIVE, Split.VALIDATION)
    assert again.where is None  # the queue may have several


def test_training_images_can_be_reviewed_and_a_list_from_images_keeps_its_own_ways():
    assert read_reviewed({"split": ["train"]}, Shown()).split is Split.TRAIN
    listed = {"queue": ["listed"], "order": ["confused"], "where": ["camera:B"], "opinion": ["second"]}
    assert read_queue_view(listed) == QueueView(opinion=Opinion.SECOND)
    assert read_reviewed(listed, Shown()).where == Filter("camera", "B")


def test_restrictions_in_words():
    where = [Filter("camera", "A"), Filter("age", "1..3"), Filter("camera", "B")]
    assert filters_text(where) == "camera = A or camera = B, 1 ≤ age < 3"
    assert QueueView(status=Status.CANNOT_TELL, by="Ann\nLee").status_words == "cannot tell, by Ann Lee"


@pytest.mark.parametrize("query", [{"status": ["gone"]}, {"order": ["x"]}, {"where": ["camera"]}, {"by": ["a", "b"]}])
def test_what_is_no_queue_is_one_sentence(query):
    with pytest.raises(LinkError, match=r"The address|Cannot restrict to 'camera'"):
        read_queue_view(query)
