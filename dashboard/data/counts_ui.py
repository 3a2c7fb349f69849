"""Section "distribution" of Data: image counts by split and group, class balance, and patient leakage."""

from collections.abc import Mapping, Sequence
from functools import partial

import pandas as pd
import streamlit as st

from dashboard.address import links
from dashboard.address.data_view import CountedBy, DataView
from dashboard.address.selection import Labels
from dashboard.data.counts_plot import ROWS, counts_figure
from dashboard.evaluation.image_counts import CountGroup, n_patients
from dashboard.evaluation.image_counts_words import SPLIT_NAMES, balance, spread
from dashboard.ui import plots, state
from dashboard.ui.charts import chart_key, clickable_chart
from dashboard.words import LABELS, counted, one_of, plain
from model_zoo.core.label_space.splits import Split
from model_zoo.core.label_space.taxonomy import Taxonomy
from model_zoo.workspace.manifest import DataSet, patients_in_two_splits

MAX_PATIENTS = 20


def totals(dataset: DataSet, splits: Sequence[Split]) -> None:
    """Images and patients of each split and in total."""
    cells = [(SPLIT_NAMES[split], dataset.split(split)) for split in splits]
    cells = [("all images", dataset.images), *cells] if len(cells) > 1 else cells
    for column, (name, images) in zip(st.columns(max(4, len(cells))), cells, strict=False):
        column.metric(name, f"{len(images):,}", border=True, height="stretch")
        column.caption(f"of {counted(n_patients(images), 'patient')}")
    if nameless := sum(not image.patient_id for image in dataset.images):
        st.caption(
            f"{counted(nameless, 'image')} without a patient's name: each counts as a patient of its own, which makes "
            "intervals too narrow where several are of one person."
        )


def patient_leakage(dataset: DataSet) -> None:
    """Patients with images in two splits, from which a model would learn and be evaluated."""
    spread_out = patients_in_two_splits(dataset.images)
    if not spread_out:
        named = any(image.patient_id for image in dataset.images)
        st.markdown(f"No {'named ' if named else ''}patient has images in two splits.")
        return
    st.warning(
        f"{counted(len(spread_out), 'patient')} with images in two splits: a model knows who it is judged on. "
        "Give all images of one patient the same split in the manifest."
    )
    with st.container(horizontal=True):
        for patient, splits in list(spread_out.items())[:MAX_PATIENTS]:
            name = links.one_line(patient, 30)
            st.button(
                f"{plain(name)}: {one_of([SPLIT_NAMES[one] for one in Split if one in splits], 'and')}",
                key=f"data_patient_{patient}",
                on_click=partial(state.go, "images.py", _images(f"patient_id:{patient}", "")),
            )
    if len(spread_out) > MAX_PATIENTS:
        st.caption(f"and {len(spread_out) - MAX_PATIENTS:,} more.")


def count_by_picker(dataset: DataSet, taxonomies: Mapping[str, Taxonomy], view: DataView) -> None:
    """Select the grouping; the choice is written to the address."""
    names = {f"class:{name}": f"class of {name} ({len(one.classes)})" for name, one in taxonomies.items()}
    names |= {"label": "label", "patient": "patient"}
    names |= {f"column:{name}": f"column {name}" for name in dataset.column_names}
    names.setdefault(view.written, view.written)
    st.selectbox(
        "Counted by",
        list(names),
        key=state.set_widget("data_by", view.written),
        format_func=names.__getitem__,
        on_change=lambda: state.write_query({"by": [str(state.get("data_by"))]}),
    )


def group_counts(groups: Sequence[CountGroup], splits: Sequence[Split], view: DataView, theme: plots.Theme) -> None:
    """The groups as sentences, a chart and a table; a click opens the images of a group."""
    basis = f"{'' if view.by in (CountedBy.PATIENT, CountedBy.COLUMN) else LABELS[view.labels] + ', '}all splits"
    if view.by in (CountedBy.CLASS, CountedBy.LABEL):
        st.markdown("\n".join(f"- {plain(one)}" for one in balance(groups, splits, view.by)))
    else:
        st.markdown(plain(spread(groups, "patient" if view.by is CountedBy.PATIENT else "value")))
    left, right = st.columns([3, 2], gap="large")
    most = groups[:ROWS]
    with left:
        more = f" The {ROWS} of {len(groups):,} that the table lists first." if len(groups) > ROWS else ""
        st.caption(f"Images by split ({basis}).{more} Click a bar to see its images.")
        clickable_chart(
            counts_figure(most, splits, theme),
            f"data_chart_{view.written}_{view.labels}",
            lambda where, split: _images(where, split, view.labels),
            _open,
        )
    with right:
        st.caption("Images and patients. Click a row to see its images.")
        _table(groups, splits, view)


def _table(groups: Sequence[CountGroup], splits: Sequence[Split], view: DataView) -> None:
    n_images = sum(one.n_images for one in groups)
    rows = [
        {
            "value" if view.by is CountedBy.COLUMN else str(view.by): one.name,
            "images": one.n_images,
            "%": 100 * one.n_images / n_images,
            "patients": one.n_patients,
            **{SPLIT_NAMES[split]: one.images.get(split, 0) for split in splits},
            **{f"{SPLIT_NAMES[split]}, patients": one.patients.get(split, 0) for split in splits},
        }
        for one in groups
    ]
    key = chart_key(f"data_table_{view.written}_{view.labels}")

    def opened() -> None:
        chosen = state.get(key)["selection"]["rows"]
        if chosen and (where := groups[chosen[0]].where):
            state.increment_counter("chart_clicks")
            _open(_images(where.written, "", view.labels))

    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        key=key,
        on_select=opened,
        selection_mode="single-row",
        lazy=False,
        height=min(36 * len(rows) + 40, 600),
        column_config={"%": st.column_config.NumberColumn(format="%.1f")},
    )


def _images(where: str, split: str, labels: Labels = Labels.ORIGINAL) -> dict[str, list[str]]:
    """Address of the images of one group, in one split or ('') in all."""
    return {"where": [where] if where else [], "split": [split or "all"], "labels": [str(labels)]}


def _open(query: dict[str, list[str]]) -> None:
    if query["where"]:
        state.go("images.py", query)
