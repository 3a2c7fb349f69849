"""Two sets of labels side by side: changed labels, their flow and images."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard.address.links import LabelsView, OpenedFlow
from dashboard.labels.label_sets import (
    ComparedLabels,
    changes_words,
    labels_by_name,
    labels_of_name,
    labels_words,
    patients_words,
)
from dashboard.server_state.open_workspace import Desk
from dashboard.ui import pager, state
from dashboard.ui.gallery import Tile, gallery
from dashboard.words import counted, plain
from model_zoo.core.errors import LinkError
from model_zoo.core.label_space.taxonomy import Taxonomy
from model_zoo.core.review.label_changes import LabelFlow

NO_CLASS = "(no single class)"
BY_LABEL = ""
_ALL: dict[str, list[str]] = {"was": [], "is": [], "page": []}


def find_taxonomy(desk: Desk, view: LabelsView, taxonomies: Mapping[str, Taxonomy]) -> Taxonomy | None:
    """In whose classes labels are compared: what the address asks for, else what opens here. None: by label."""
    if view.taxonomy is not None:
        pinned = {one.pinned: one for some in desk.workspace.versions().values() for one in some}
        if view.taxonomy not in {*taxonomies, *pinned, BY_LABEL}:
            raise LinkError(
                f"The address asks for taxonomy = {view.taxonomy[:100]!r}; it can be {', '.join(taxonomies)}."
            )
        return {**pinned, **taxonomies}.get(view.taxonomy)
    opening = [name for name in desk.workspace.opening if name in taxonomies]
    return next((taxonomies[name] for name in [*opening, *taxonomies]), None)


def pickers(desk: Desk, view: LabelsView, taxonomies: Mapping[str, Taxonomy], taxonomy: Taxonomy | None) -> None:
    """Which labels are compared, and in whose classes; the choice goes to the address."""
    known = {name: labels_words(name) for name in labels_by_name(desk)}
    before, after, classes = st.columns(3)
    for column, parameter, title, value in (
        (before, "before", "From", view.before),
        (after, "after", "To", view.after),
    ):
        labels_of_name(desk, value)
        _select(column, title, parameter, list(known), value, known)
    asked, names = taxonomy.name if taxonomy else BY_LABEL, {BY_LABEL: "no taxonomy: by label"}
    _select(classes, "In the classes of", "taxonomy", [*taxonomies, BY_LABEL], asked, names)


def comparison(desk: Desk, found: ComparedLabels, view: LabelsView, taxonomy: Taxonomy | None) -> str | None:
    """What changed, by class and by label; returns the image that was opened."""
    st.markdown(f"**{plain(changes_words(found.changes, view.before, view.after))}**")
    if not found.changes.changed:
        st.info("No label differs. Choose other labels above, or correct some in Review and come back.")
        return None
    left, right = st.columns([3, 2], gap="large")
    with left:
        st.caption("Click a row to see its images." if view.flowing is None else "Click another row, or see all again.")
        _flows(found.flows, view)
    with right:
        st.caption("All images by class." if taxonomy else "All images by label.")
        st.dataframe(pd.DataFrame(_counts(found)), hide_index=True, key="labels_counts", lazy=False)
    if taxonomy:
        with st.expander(f"By label ({counted(len(found.by_leaf), 'change')})"):
            st.dataframe(pd.DataFrame(flow_rows(found.by_leaf)), hide_index=True, key="labels_leaf", lazy=False)
    return _images(desk, found, view)


def flow_rows(found: Sequence[LabelFlow]) -> list[dict[str, object]]:
    """One row for each flow; a flow onto itself says that the class holds both labels."""
    return [
        {
            "from": NO_CLASS if one.source is None else one.source,
            "to": f"{_name(one.target)} (another label of it)" if one.source == one.target else _name(one.target),
            "images": len(one.image_ids),
        }
        for one in found
    ]


def _flows(found: Sequence[LabelFlow], view: LabelsView) -> None:
    key = f"labels_flows_{state.get('labels_flows', 0)}"

    def opened() -> None:
        rows = state.get(key)["selection"]["rows"]
        if rows:
            one = found[rows[0]]
            state.write_query(_ALL | replace(view, flowing=OpenedFlow(one.source, one.target)).query())

    st.dataframe(
        pd.DataFrame(flow_rows(found)),
        hide_index=True,
        key=key,
        on_select=opened,
        selection_mode="single-row",
        lazy=False,
    )


def _counts(found: ComparedLabels) -> list[dict[str, object]]:
    return [
        {
            "class": _name(one.name),
            "before": one.before,
            "after": one.after,
            "came": one.came,
            "left": one.left,
        }
        for one in found.counts
    ]


def _images(desk: Desk, found: ComparedLabels, view: LabelsView) -> str | None:
    flowing = view.flowing
    ends = None if flowing is None else (flowing.source, flowing.target)
    shown = [one for one in found.flows if ends in (None, (one.source, one.target))]
    image_ids = [image_id for one in shown for image_id in one.image_ids]
    title, back = st.columns([5, 1], vertical_alignment="center")
    words = f"from {_name(flowing.source)} to {_name(flowing.target)}" if flowing else "that changed"
    title.markdown(f"**{counted(len(image_ids), 'image')}** {plain(f'{words}, {patients_words(desk, image_ids)}')}")
    if flowing:
        back.button("All images", key="labels_all", on_click=lambda: state.write_query(_ALL))
        if not shown:
            st.info("Nothing goes that way any more. Choose a row above, or see all images that changed.")
    listed = [one for one in image_ids if one in desk.dataset().by_id]
    page, pages = pager.page_of(listed)
    before, after, space = *(labels_of_name(desk, one) for one in (view.before, view.after)), desk.workspace.space
    tiles = [
        Tile(one, below=space.format(before[one]), badge=f"→ {space.format(after[one])}")
        for one in pager.on_page(listed, page)
    ]
    opened = gallery(tiles, key="labels_gallery")
    pager.pager(pages, page, "labels")
    return opened


def _name(name: str | None) -> str:
    return NO_CLASS if name is None else name


def _select(
    column: DeltaGenerator,
    title: str,
    parameter: str,
    options: list[str],
    value: str,
    names: Mapping[str, str],
) -> None:
    key = f"labels_{parameter}"
    column.selectbox(
        title,
        options,
        key=state.set_widget(key, value),
        format_func=lambda option: names.get(option, option),
        on_change=lambda: state.write_query({**_ALL, parameter: [state.get(key)]}),
    )
