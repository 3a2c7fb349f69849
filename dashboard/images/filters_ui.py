"""Filters of the page Images, kept in the address."""

from collections.abc import Container, Mapping, Sequence
from functools import partial

import streamlit as st

from dashboard.address import fields, links
from dashboard.address.fields import Query
from dashboard.evaluation.cell_images import Filters, Right, Sort, Sure
from dashboard.evaluation.comparison import Subject
from dashboard.ui import state
from dashboard.words import plain
from model_zoo.core.errors import LabelError, LinkError
from model_zoo.core.label_space.labels import LeafSpace
from model_zoo.core.label_space.splits import Split
from model_zoo.workspace.manifest import DataSet

MAX_COLUMN_VALUES = 50


def read_filters(query: Query, space: LeafSpace, dataset: DataSet) -> Filters:
    """Filters from an address; `LinkError` names an invalid one."""
    label = fields.text(query, "label")
    columns = {name: fields.text(query, f"column.{name}") or "" for name in dataset.column_names}
    try:
        wanted = space.parse(label) if label else None
    except LabelError as error:
        raise LinkError(f"The address filters by a label that does not exist: {error}") from error
    return Filters(
        label=wanted,
        right=fields.choice(query, "right", Right, Right.ANY),
        sure=fields.choice(query, "sure", Sure, Sure.ANY),
        patient=fields.text(query, "patient") or "",
        columns={name: value for name, value in columns.items() if value},
        where=links.read_filter(query),
        sort=fields.choice(query, "sort", Sort, Sort.MANIFEST),
    )


def image_filters(
    dataset: DataSet, filters: Filters, split: Split | None, subject: str, known: Mapping[str, Subject]
) -> None:
    """Draw the filters; each change is written to the address and returns to the first page."""
    space = dataset.space
    row = st.columns([1.2, 1.6, 2.0, 1.2, 1.3, 1.4])
    with row[0]:
        _select("Split", "split", ["", *Split], str(split or ""), {"": "all splits"}, empty="all")
    with row[1]:
        _select(
            "Label",
            "label",
            ["", *_patterns(space)],
            space.format(filters.label) if filters.label else "",
            {"": "any label"},
        )
    with row[2]:
        titles = {subject_id: one.title for subject_id, one in known.items()} | {"": "no run"}
        _select("Run or series", "cell", ["", *known], subject, titles)
    with row[3]:
        _select("It is", "right", list(Right), str(filters.right), {"any": "right or wrong"}, disabled=not subject)
    with row[4]:
        _select("Confidence", "sure", list(Sure), str(filters.sure), {"any": "any"}, disabled=not subject)
    with row[5]:
        _select("Order", "sort", list(Sort), str(filters.sort), {})
    columns = [(name, _values(dataset, name)) for name in dataset.column_names]
    columns = [(name, values) for name, values in columns if 1 < len(values) <= MAX_COLUMN_VALUES]
    _removable(filters, {name for name, _ in columns})
    if columns:
        for place, (name, values) in zip(st.columns(max(5, len(columns))), columns, strict=False):
            with place:
                _select(
                    name.replace("_", " "), f"column.{name}", ["", *values], filters.columns.get(name, ""), {"": "any"}
                )


def _removable(filters: Filters, drawn: Container[str]) -> None:
    """Filters in the address that have no box, each with a button to remove it."""
    others = {f"column.{name}": (name, value) for name, value in filters.columns.items() if name not in drawn}
    if filters.patient:
        others["patient"] = ("patient", filters.patient)
    only = {parameter: f"{name} {value}" for parameter, (name, value) in others.items()}
    if filters.where:
        only["where"] = filters.where.words
    for parameter, words in only.items():
        st.button(
            f"only {plain(words)}",
            icon=":material/close:",
            key=f"only_{parameter}",
            on_click=partial(state.write_query, {parameter: [], "page": []}),
        )


def _select(
    label: str,
    parameter: str,
    options: Sequence[str],
    value: str,
    names: Mapping[str, str],
    *,
    empty: str = "",
    disabled: bool = False,
) -> None:
    options = [str(option) for option in options]
    if value not in options:
        options.append(value)
    key = f"filter_{parameter}"

    def changed() -> None:
        chosen = state.get(key) or empty
        sides = ("true", "predicted", "either", "summing") if parameter == "cell" else ()
        cleared: dict[str, list[str]] = {side: [] for side in sides}
        state.write_query({parameter: [chosen] if chosen else [], "page": [], **cleared})

    st.selectbox(
        label,
        options,
        key=state.set_widget(key, value),
        format_func=lambda option: names.get(option, option),
        on_change=changed,
        disabled=disabled,
    )


def _patterns(space: LeafSpace) -> list[str]:
    """Each value of each label part, then every leaf class."""
    patterns = []
    for part in space.parts:
        for value in part.values:
            leaves = frozenset(leaf for leaf in space.leaves if space.parts_of(frozenset({leaf}))[part.name] == value)
            if leaves:
                patterns.append(space.format(leaves))
    return list(dict.fromkeys([*patterns, *space.leaves]))


def _values(dataset: DataSet, name: str) -> list[str]:
    return sorted({image.columns.get(name, "") for image in dataset.images} - {""})
