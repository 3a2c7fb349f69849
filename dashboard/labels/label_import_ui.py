"""Import of labels: file, preview, confirm."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial

import pandas as pd
import streamlit as st

from dashboard.labels.comparison_ui import flow_rows
from dashboard.labels.label_files import MAX_BYTES
from dashboard.labels.label_import import Fate, LabelImportPlan, LabelsWanted, equal_words, nothing_words, store_import
from dashboard.server_state.open_workspace import Desk
from dashboard.ui import state
from dashboard.words import counted, plain
from model_zoo.core.errors import TaxoScopeError
from model_zoo.core.label_space.taxonomy import Taxonomy
from model_zoo.core.review.label_changes import label_flows, named_by
from model_zoo.importing.class_values import ClassValues
from model_zoo.importing.text_encoding import ENCODINGS

MAX_LISTED = 20
_ON_THE_PAGE = {
    "--by": "Annotator of lines that name none",
    "--label-column": "Column of the labels",
    "--label-values": "Labels that are numbers",
    "--encoding": "Encoding of the text",
}
"""Option of the command -> what the page calls it."""
_FATES = {Fate.NEW: "New", Fate.CHANGED: "Other than now", Fate.EQUAL: "As now"}


def importing(
    desk: Desk,
    plan_of: Callable[[bytes, str, LabelsWanted], LabelImportPlan],
    taxonomies: Mapping[str, Taxonomy],
    opening: Taxonomy | None,
    reviewer: str,
) -> None:
    """Choose a file, see what it would change (in its classes, else those of ``opening``), store it."""
    st.markdown(
        "A file with a line for each image: the columns **image** and **label**, and **reviewer** if you know who gave "
        "it. CSV, JSON Lines, Parquet, COCO, Label Studio, a zip of folders, and whatever *Export* gives."
    )
    pick, how = st.columns([3, 2])
    n_stored = state.get("labels_imported", 0)
    file = pick.file_uploader("File with labels", key=f"labels_file_{n_stored}", max_upload_size=MAX_BYTES // 2**20)
    name = how.selectbox(
        "Its labels are written as",
        ["", *taxonomies],
        format_func=lambda one: f"classes of {one}" if one else "labels, as this workspace writes them",
        key="labels_import_as",
        help="A class changes only what it settles: the rest of the label stays.",
    )
    annotator, column, values, encoding = _read_as(reviewer, n_stored)
    if file is None:
        st.info("Choose a file. Nothing is stored before you have seen what would change.")
        return
    taxonomy = taxonomies.get(name)
    try:
        plan = plan_of(
            file.getvalue(), file.name, LabelsWanted(reviewer, taxonomy, annotator, column, values, encoding)
        )
    except TaxoScopeError as error:
        st.error(plain(_on_the_page(str(error))))
        return
    st.caption(plain(plan.reading))
    _counts(plan)
    if equal := equal_words(plan):
        st.info(f"{equal}.")
    _changes(desk, plan, taxonomy or opening)
    _listed("unknown image", plan.unknown)
    _listed("unreadable label", plan.unreadable)
    _storing(desk, plan)


def _read_as(reviewer: str, n_stored: int) -> tuple[str, str, ClassValues | None, str]:
    """Who gave labels that name nobody, their column, whether numbers are names or indices, and the encoding."""
    who, column, values, text = st.columns(4)
    annotator = who.text_input(
        _ON_THE_PAGE["--by"],
        key=state.init_widget(f"labels_import_by_{n_stored}_{reviewer}", reviewer),
        help="Every label is stored as this person's opinion, also one that is equal to the current label. Empty: only "
        "changes are stored, in your name.",
    )
    name = column.text_input(
        _ON_THE_PAGE["--label-column"], key=f"labels_import_column_{n_stored}", placeholder="by its name"
    )
    written = values.selectbox(
        _ON_THE_PAGE["--label-values"],
        ["", *ClassValues],
        key=f"labels_import_values_{n_stored}",
        format_func=lambda one: ClassValues(one).words if one else "as they are clear",
    )
    encoding = text.selectbox(
        _ON_THE_PAGE["--encoding"],
        ["", *ENCODINGS],
        key=f"labels_import_encoding_{n_stored}",
        format_func=lambda one: one or "as it fits",
    )
    return annotator.strip(), name, ClassValues(written) if written else None, encoding


def _on_the_page(sentence: str) -> str:
    """A sentence that names options of the command, with the names that the page has for them."""
    for option, field in _ON_THE_PAGE.items():
        sentence = sentence.replace(option, f"'{field}'")
    return sentence


def _counts(plan: LabelImportPlan) -> None:
    cells = [(words, plan.fates[fate]) for fate, words in _FATES.items()]
    cells += [("Unknown images", len(plan.unknown)), ("Unreadable", len(plan.unreadable))]
    for column, (words, number) in zip(st.columns(len(cells)), cells, strict=True):
        column.metric(words, f"{number:,}", border=True, height="stretch")


def _changes(desk: Desk, plan: LabelImportPlan, taxonomy: Taxonomy | None) -> None:
    name = named_by(taxonomy) if taxonomy else desk.workspace.space.format
    found = label_flows(plan.before, plan.after, name)
    st.markdown(f"**{counted(len(plan.changed), 'image')}** would get another label. {plain(desk.review_rule.words)}")
    st.caption(f"In the classes of {plain(taxonomy.reference)}." if taxonomy else "By label.")
    if found:
        st.dataframe(pd.DataFrame(flow_rows(found)), hide_index=True, key="labels_import_flows", lazy=False)


def _listed(what: str, sentences: Sequence[str]) -> None:
    if sentences:
        with st.expander(f"{counted(len(sentences), what)}: not stored"):
            st.markdown("\n".join(f"- {plain(one)}" for one in sentences[:MAX_LISTED]))
            if len(sentences) > MAX_LISTED:
                st.caption(f"and {len(sentences) - MAX_LISTED:,} more.")


def _storing(desk: Desk, plan: LabelImportPlan) -> None:
    if plan.already:
        st.info(plain(plan.already))
        return
    if not plan.given:
        is_readable = any(plan.fates.values())
        st.info(
            "Nothing to store: every label that can be read stands already." if is_readable else nothing_words(plan)
        )
        return
    nameless = any(not one.reviewer for one in plan.given)
    if nameless:
        st.warning("Some lines name no reviewer: write your name at the top of the page, and they are stored in it.")

    def store() -> None:
        stored = store_import(desk, plan, datetime.now(UTC))
        state.increment_counter("labels_imported")
        state.put("labels_done", f"{counted(len(stored), 'label')} imported from {plan.file.name}.")

    st.button(
        f"Store {counted(len(plan.given), 'label')}",
        key="labels_import_do",
        type="primary",
        icon=":material/save:",
        disabled=nameless,
        on_click=state.guarded(partial(store)),
    )
    st.caption("They are added as decisions in the reviewers' names, as one action that one undo takes back.")
