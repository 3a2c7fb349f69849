"""Fields that say how a source writes its labels, where that is not clear."""

import streamlit as st

from model_zoo.importing.label_cells import parse_class_names
from model_zoo.importing.source import LabelCells, Wording, parse_split_names

_CELLS = {LabelCells.AS_WRITTEN: "names, as they are written", LabelCells.NUMBERS: "numbers: 1.0 is 1"}


def wording_fields(encoding: str, key: str, has_columns: bool) -> Wording:
    """What a person says of names of splits and, of a table, of its cells of labels; `SourceError` for bad input."""
    with st.expander("Names of splits, and cells of labels that can mean several things"):
        splits = st.text_input("Names of splits", key=f"import_splits_{key}", placeholder="trn=train, tst=test")
        if not has_columns:
            return Wording(encoding, parse_split_names(splits))
        names = st.text_area(
            "Names of classes that are numbers",
            key=f"import_class_names_{key}",
            placeholder="0 cat\n1 dog",
            help="A line each, with its number; or names alone, in the order of the numbers.",
        )
        left, middle, right = st.columns(3)
        cells = left.selectbox(
            "Cells of labels",
            ["", *LabelCells],
            key=f"import_cells_{key}",
            format_func=lambda one: _CELLS[LabelCells(one)] if one else "as they are clear",
        )
        missing = middle.text_input("Cells without a label", key=f"import_missing_{key}", placeholder="nan,NA")
        separator = right.text_input("Between labels in one cell", key=f"import_separator_{key}", placeholder="|")
        one_hot = st.toggle("Columns of 0 and 1 are the classes", key=f"import_one_hot_{key}")
        opinions = st.toggle(
            "Images listed with several labels have one of them",
            key=f"import_opinions_{key}",
            help="Which one is not known. Then import the same table on the page Labels: each label becomes the "
            "opinion of its annotator.",
        )
    return Wording(
        encoding,
        parse_split_names(splits),
        parse_class_names(names) if names.strip() else (),
        LabelCells(cells) if cells else None,
        tuple(one.strip() for one in missing.split(",") if one.strip()),
        separator.strip(),
        one_hot,
        opinions,
    )
