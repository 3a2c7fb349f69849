"""Image list of the page Images: its description, links and tiles."""

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import replace
from functools import partial
from math import isnan

import streamlit as st

from dashboard.address import links
from dashboard.address.fields import Query
from dashboard.address.links import Cell, Shown
from dashboard.evaluation.cell_images import Filters, Judged, ListedImage, list_images, n_patients, same_cell_elsewhere
from dashboard.evaluation.comparison import Comparison
from dashboard.evaluation.label_change_effect import CHANGE_WORDS, changed_images
from dashboard.evaluation.queue_order import Queue
from dashboard.evaluation.queue_order import listed as listed_queue
from dashboard.images.filters_ui import read_filters
from dashboard.server_state.open_workspace import Desk
from dashboard.ui import state
from dashboard.ui.gallery import Tile
from dashboard.words import counted, one_of, plain, share_text
from model_zoo.core.evaluation.metrics import MappedBy
from model_zoo.core.label_space.labels import Label, LeafSpace
from model_zoo.core.label_space.splits import Split


def cell_comparison(desk: Desk, compare: Callable[..., Comparison], shown: Shown, cell: Cell | None) -> Judged | None:
    """The cell's subject, evaluated with the other selected subjects, which determine the shared classes."""
    if cell is None:
        return None
    beside = shown.beside(cell.subject)
    comparison = compare(beside)
    subject, evaluation = comparison.of(cell.subject)
    stored = tuple(desk.predictions(run.run_id, shown.split) for run in subject.runs)
    sums = compare(beside, MappedBy.SUM).of(cell.subject)[1] if cell.summing else None
    moved = changed_images(desk, comparison, cell.subject, cell.moved) if cell.moved else None
    return Judged(subject, evaluation, stored, comparison.basis(evaluation), sums, moved)


def queue_of_list(
    desk: Desk, compare: Callable[..., Comparison], shown: Shown, cell: Cell | None, query: Query
) -> Queue:
    """The images listed for an address, in that order, as a review queue."""
    dataset, split = desk.dataset(), links.read_split(query, default=shown.split if cell else None)
    filters, of_cell = read_filters(query, dataset.space, dataset), cell_comparison(desk, compare, shown, cell)
    found = list_images(dataset, desk.labels(shown.labels), split, filters, of_cell, cell)
    return listed_queue([one.image.image_id for one in found])


def sentence(
    listed: Sequence[ListedImage],
    cell: Cell | None,
    split: Split | None,
    filters: Filters,
    judged: Judged | None,
    standing: Container[str] = frozenset(),
) -> None:
    """Number of images and patients in the list, what they have in common, and how many are reviewed."""
    n_reviewed = sum(one.image.image_id in standing for one in listed)
    reviewed = f" Reviewed: {n_reviewed:,} of these {len(listed):,}." if standing and listed else ""
    what = f"**{counted(len(listed), 'image')}** of {counted(n_patients(listed), 'patient')}"
    where = f"{split} split" if split else "all splits"
    if filters.where:
        where += f" where {plain(filters.where.words)}"
    if split is Split.TRAIN:
        where += " (the models learned from these)"
    if cell is None or judged is None:
        st.markdown(f"{what}, {where}.{reviewed}")
        return
    either = (cell.either,) if cell.either else ()
    sides = {"true": cell.true, "predicted": cell.predicted, "true or predicted": either}
    named = ", ".join(f"{side} **{plain(one_of(names))}**" for side, names in sides.items() if names)
    if cell.summing:
        named = f"answers that become {cell.summing} when probabilities are summed"
    if cell.moved:
        named = f"reviewed, and {CHANGE_WORDS[cell.moved]}"
    text = f"{what}: {plain(judged.subject.title)}{', ' if named else ''}{named}. {plain(judged.basis)}."
    n_runs = len(judged.subject.runs)
    if (cell.true or cell.predicted or cell.summing) and n_runs > 1 and filters.keep_everything and listed:
        total = sum(one.n_in_cell for one in listed)
        does, there = ("does so", "table") if cell.summing else ("falls in this cell", "mean matrix")
        text += (
            f" Each image {does} in some seed; together {counted(total, 'time')} in {n_runs} runs "
            f"= {total / n_runs:,.1f} per run, the count in the {there}."
        )
    st.markdown(text + reviewed)


def same_cell(compare: Callable[..., Comparison], shown: Shown, cell: Cell | None) -> None:
    """Links to the same cell of the other subjects with the same classes."""
    if cell is None or not cell.named or cell.moved:
        return
    beside = shown.beside(cell.subject)
    sums = compare(beside, MappedBy.SUM) if cell.summing else None
    with st.container(horizontal=True):
        for subject, n_images in same_cell_elsewhere(compare(beside), cell, sums):
            st.button(
                f"The same cell of {plain(subject.title)}: {counted(n_images, 'image')}",
                icon=":material/compare_arrows:",
                key=f"same_cell_{subject.subject_id}",
                on_click=partial(state.write_query, {"cell": [subject.subject_id], "page": []}),
            )


def actions(listed: Sequence[ListedImage], shown: Shown, cell: Cell | None) -> None:
    """Links to review these images, and back to the comparison."""
    columns = st.columns([1.6, 1.6, 6])
    with columns[0]:
        st.page_link(
            "review.py",
            label="Review this image" if len(listed) == 1 else f"Review these {len(listed):,} images",
            icon=":material/rate_review:",
            query_params={name: list(values) for name, values in state.query().items() if name != "page"}
            | {"queue": ["listed"]},
        )
    with columns[1]:
        back_link(shown, cell)


def back_link(shown: Shown, cell: Cell | None) -> None:
    """Link back to the comparison that contains the cell."""
    if cell:
        st.page_link(
            "compare.py",
            label="Back to Compare",
            icon=":material/arrow_back:",
            query_params=links.to_compare(shown, links.read_matrix_view(state.query())),
        )


def tiles(
    listed: Sequence[ListedImage], shown: Shown, cell: Cell | None, space: LeafSpace, standing: Mapping[str, Label]
) -> list[Tile]:
    """One tile per image: id, prediction, label, and a badge if relabelled."""
    made = []
    for one in listed:
        image = one.image
        sure = "" if isnan(one.confidence) else f" {share_text(one.confidence, 0)}"
        right = f"{one.said}{sure}" if one.n_runs else ""
        if one.n_runs > 1:
            right = f"mostly {right}"
        below = space.format(image.label)
        if one.n_runs > 1 and cell and cell.named:
            below = f"in {one.n_in_cell} of {one.n_runs} · {below}"
        stands = standing.get(image.image_id, image.label)
        badge = f"→ {space.format(stands)}" if stands != image.label else ""
        query = links.to_image(image.image_id, runs_to_inspect(shown, cell))
        made.append(Tile(image.image_id, right, below, badge, query))
    return made


def runs_to_inspect(shown: Shown, cell: Cell | None) -> Shown:
    """The runs to inspect an image with: the selected ones, the cell's first."""
    if cell is None or cell.subject in shown.subjects:
        return shown
    return replace(shown, subjects=(cell.subject, *shown.subjects))
