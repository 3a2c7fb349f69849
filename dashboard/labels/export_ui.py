"""Downloads of labels and of the decision history."""

import io
from collections.abc import Mapping
from functools import partial

import streamlit as st

from dashboard.decisions.history_export import HISTORY_FORMATS, write_history
from dashboard.decisions.label_format import LabelFormat
from dashboard.labels.export import write_labels
from dashboard.labels.label_sets import labels_by_name, labels_words
from dashboard.labels.label_table import label_table
from dashboard.server_state.open_workspace import Desk
from dashboard.words import counted, plain
from model_zoo.core.label_space.splits import Split
from model_zoo.core.label_space.taxonomy import Taxonomy, standing_in_the_way
from model_zoo.workspace.command_line import command
from model_zoo.workspace.label_sets import STANDING

MAX_ZIPPED = 10_000
"""Images in one zip that the server makes while a browser waits; the command line has no limit."""

_FORMATS = {
    LabelFormat.CSV: "CSV (Excel and others)",
    LabelFormat.JSON_LINES: "JSON Lines",
    LabelFormat.PARQUET: "Parquet",
    LabelFormat.FOLDERS: "Images in folders by class (zip)",
    LabelFormat.COCO: "COCO (JSON)",
    LabelFormat.CLEANLAB: "Table for cleanlab (Parquet)",
    LabelFormat.LABEL_STUDIO: "Label Studio tasks (JSON)",
}
_HISTORY_WORDS = {LabelFormat.CSV: "CSV", LabelFormat.JSON_LINES: "JSON Lines", LabelFormat.PARQUET: "Parquet"}


def labels(desk: Desk, taxonomies: Mapping[str, Taxonomy]) -> None:
    """Choose labels, images and a format, and download the file."""
    st.subheader("Labels", anchor=False)
    row = st.columns([2, 1.2, 2, 2])
    known = labels_by_name(desk)
    source = str(row[0].selectbox("Labels", known, known.index(STANDING), labels_words, key="export_source"))
    splits = ["all", *Split]
    chosen = str(row[1].selectbox("Images", splits, key="export_split"))
    split = None if chosen == "all" else Split(chosen)
    form = LabelFormat(str(row[2].selectbox("Format", list(LabelFormat), 0, _FORMATS.__getitem__, key="export_as")))
    if form.needs_taxonomy and not taxonomies:
        st.info("This format wants classes, and there is no taxonomy yet: import one on Taxonomies.")
        return
    names = list(taxonomies) if form.needs_taxonomy else ["", *taxonomies]
    key = "export_classes" if form.needs_taxonomy else "export_classes_or_none"
    name = str(row[3].selectbox("Classes of", names, format_func=lambda one: one or "none: labels alone", key=key))
    taxonomy = taxonomies.get(name)
    run_id = _run(desk, taxonomy) if form is LabelFormat.CLEANLAB and taxonomy else None
    if form is LabelFormat.FOLDERS:
        st.caption(
            "Image files keep their pixels, orientation and colour profile; all other metadata is removed "
            "(EXIF, GPS, XMP, comments)."
        )
    table = label_table(desk, source, split, taxonomy)
    images = f"**{counted(len(table.rows), 'image')}**, {plain(labels_words(source))}."
    st.markdown(images + _unplaced(table.unplaced, form))
    if not table.rows:
        st.info("No image of this split has a label. Choose other images.")
        return
    if form is LabelFormat.FOLDERS and len(table.rows) > MAX_ZIPPED:
        st.info(f"More than {MAX_ZIPPED:,} images are too many for a download. Choose one split, or type:")
        asked = ("labels", "export", "labels.zip", "--labels", source, "--taxonomy", name)
        st.code(command(*asked, folders=desk.workspace.folders), None, wrap_lines=True)
        return

    def written() -> bytes:
        out = io.BytesIO()
        write_labels(desk, table, form, out, run_id)
        return out.getvalue()

    st.download_button(
        "Download the labels",
        written,
        f"labels-{source}{form.suffix}",
        icon=":material/download:",
        type="primary",
        on_click="ignore",
        key="export_labels",
    )
    st.caption("What is downloaded here can be imported again, unchanged. No cell can run as a spreadsheet formula.")


def history(desk: Desk) -> None:
    """The decision history in three formats."""
    st.subheader("Decision history", anchor=False)
    decisions = desk.store.all()
    if not decisions:
        st.info("Nobody has decided anything yet. Open Review and correct the first image.")
        return
    st.caption(
        f"{counted(len(decisions), 'decision')}, undone ones and undos included: who, when, which image, what. "
        f"Typed: `{command('labels', 'export', 'decisions.jsonl', '--history', folders=desk.workspace.folders)}`"
    )
    history_files(desk, "export_history")


def history_files(desk: Desk, key: str) -> None:
    """The whole history, as it is when a button is pressed, in every format that it can be written in."""
    with st.container(horizontal=True):
        for form in HISTORY_FORMATS:
            st.download_button(
                f"All as {_HISTORY_WORDS[form]}",
                partial(_whole_history, desk, form),
                f"decisions{form.suffix}",
                icon=":material/download:",
                on_click="ignore",
                key=f"{key}_{form}",
            )


def _whole_history(desk: Desk, form: LabelFormat) -> bytes:
    return write_history(desk.store.all(), form)


def _run(desk: Desk, taxonomy: Taxonomy) -> str | None:
    fitting = [one.run_id for one in desk.runs().values() if not standing_in_the_way(one.card.taxonomy, taxonomy)]
    chosen = st.selectbox(
        "With the probabilities of",
        ["", *fitting],
        format_func=lambda one: one or "no run",
        key="export_run",
        help=f"Of training images out of fold (`{command('predict', 'RUN', '--cross-fit', '5')}`), of the others as "
        "predicted. Images that the run was not asked about are left out.",
    )
    return str(chosen) or None


def _unplaced(unplaced: tuple[str, ...], form: LabelFormat) -> str:
    if not unplaced:
        return ""
    one, several = {
        LabelFormat.FOLDERS: (
            "it goes to a folder of its own, and labels.csv lists it",
            "they go to a folder of their own, and labels.csv lists them",
        ),
        LabelFormat.CLEANLAB: ("it is left out", "they are left out"),
    }.get(form, ("its class stays empty", "their class stays empty"))
    fit = counted(len(unplaced), "image fits", "images fit")
    return f" {fit} no single class: {one if len(unplaced) == 1 else several}."
