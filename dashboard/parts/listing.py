"""What Images says about its list, and the tiles it shows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from urllib.parse import urlencode

import streamlit as st

from dashboard import links, state
from dashboard.actions.browse import Listed
from dashboard.actions.compare import Comparison, Subject
from dashboard.charts import share_text
from dashboard.links import Cell, Shown, image_url
from dashboard.parts.gallery import Tile
from model_zoo.core.choices import Labels, Space, Split
from model_zoo.core.evaluation import Evaluation
from model_zoo.core.labels import LeafSpace

Judged = tuple[Subject, Evaluation, Split]


def judged(compare: Callable[[Shown], Comparison], shown: Shown, cell: Cell | None) -> Judged | None:
    """The subject of the cell, judged beside the others that are shown (they set the common ground)."""
    if cell is None:
        return None
    beside = shown if cell.subject in shown.subjects else replace(shown, subjects=(*shown.subjects, cell.subject))
    subject, evaluation = compare(beside).of(cell.subject)
    return subject, evaluation, shown.split


def sentence(
    listed: Sequence[Listed], patients: int, shown: Shown, cell: Cell | None, split: Split | None, judged: Judged | None
) -> None:
    """How many images of how many patients, and what they have in common."""
    what = f"**{_n(len(listed), 'image')}** of {_n(patients, 'patient')}"
    where = f"{split} split" if split else "all splits"
    if split is Split.TRAIN:
        where += " (the models learned from these)"
    if cell is None or judged is None:
        st.markdown(f"{what}, {where}.")
        return
    subject, evaluation, _ = judged
    sides = [f"true **{cell.true}**" if cell.true else "", f"predicted **{cell.predicted}**" if cell.predicted else ""]
    named = ", ".join(side for side in sides if side)
    common = shown.space is Space.COMMON and len(shown.subjects) > 1
    space = (
        f"common ground of {len(evaluation.taxonomy.classes)} classes"
        if common
        else f"classes of {evaluation.taxonomy.name}"
    )
    text = f"{what}: {subject.title}{', ' if named else ''}{named}; {space}, {where}, labels {_labels(shown)}."
    if named and len(subject.runs) > 1:
        total = sum(one.n_in_cell for one in listed)
        text += (
            f" Each image falls in this cell in some seed; together {total:,} times in {len(subject.runs)} runs "
            f"= {total / len(subject.runs):,.1f} per run, the mean shown in the matrix."
        )
    st.markdown(text)


def actions(listed: Sequence[Listed], shown: Shown, cell: Cell | None) -> None:
    """Review these images; back to the comparison they came from."""
    columns = st.columns([1.6, 1.6, 6])
    with columns[0]:
        st.page_link(
            "views/review.py",
            label=f"Review these {len(listed):,} images",
            icon=":material/rate_review:",
            query_params={name: list(values) for name, values in state.query().items() if name != "page"}
            | {"queue": ["listed"]},
        )
    if cell:
        with columns[1]:
            st.page_link(
                "views/compare.py", label="Back to Compare", icon=":material/arrow_back:", query_params=shown.query()
            )


def tiles(
    listed: Sequence[Listed], shown: Shown, cell: Cell | None, space: LeafSpace, standing: Mapping[str, str]
) -> list[Tile]:
    """One tile per image: id, what the run says, the label; relabelled ones carry a badge."""
    made = []
    for one in listed:
        image = one.image
        right = f"{one.said} {share_text(one.confidence, 0)}" if one.n_runs else ""
        below = space.format(image.label)
        if one.n_runs > 1 and cell and (cell.true or cell.predicted):
            below = f"in {one.n_in_cell} of {one.n_runs} · {below}"
        badge = (
            f"→ {standing[image.image_id]}"
            if standing.get(image.image_id, below) != space.format(image.label) and image.image_id in standing
            else ""
        )
        href = "inspect?" + urlencode(links.to_image(image.image_id, inspected(shown, cell)), doseq=True)
        made.append(Tile(image.image_id, image_url(image.image_id), href, image.image_id, right, below, badge))
    return made


def inspected(shown: Shown, cell: Cell | None) -> Shown:
    """The runs to inspect an image with: those shown, the cell's first."""
    if cell is None or cell.subject in shown.subjects:
        return shown
    return replace(shown, subjects=(cell.subject, *shown.subjects))


def pager(pages: int, page: int) -> None:
    """Page numbers; the address holds the current one."""
    if pages > 1:
        key = f"images_page_{page}_of_{pages}"
        st.pagination(
            pages, default=page, key=key, on_change=lambda: state.write_query({"page": [str(state.get(key))]})
        )


def _labels(shown: Shown) -> str:
    return "as reviewed" if shown.labels is Labels.REVIEWED else "original"


def _n(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
