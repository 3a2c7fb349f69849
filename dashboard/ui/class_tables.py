"""Tables of per-class metrics, for charts that have no room for all classes."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from model_zoo.core.comparison.class_rows import Row
from model_zoo.core.evaluation.evaluation import Figure


def figure_table(rows: Sequence[Sequence[Figure]], titles: Sequence[str]) -> pd.DataFrame:
    """A row per class: metric and interval of each subject in %, and numbers of images and patients."""
    columns: dict[str, list[object]] = {"class": [one.name for one in rows[0]]}
    for title, figures in zip(titles, rows, strict=True):
        columns[f"{title}, %"] = [100 * one.mean for one in figures]
        columns[f"{title}, 95 % from"] = [100 * one.share.low for one in figures]
        columns[f"{title}, to"] = [100 * one.share.high for one in figures]
        columns[f"{title}, images"] = [one.share.n_images for one in figures]
        columns[f"{title}, patients"] = [one.share.n_patients for one in figures]
    return pd.DataFrame(columns)


def difference_table(rows: Sequence[Row], names: tuple[str, str]) -> pd.DataFrame:
    """A row per class: both metrics in %, their difference in pp with its interval, images and patients."""
    return pd.DataFrame(
        {
            "class": [row.name for row in rows],
            f"{names[0]}, %": [100 * row.a for row in rows],
            f"{names[1]}, %": [100 * row.b for row in rows],
            "difference, points": [100 * row.difference.value for row in rows],
            "95 % from": [100 * row.difference.low for row in rows],
            "to": [100 * row.difference.high for row in rows],
            "images": [row.n_images for row in rows],
            "patients": [row.n_patients for row in rows],
        }
    )


def class_table(table: pd.DataFrame, key: str) -> None:
    """A sortable, searchable table with CSV download; metrics with one decimal, counts as integers if whole."""
    counts = [name for name in table.columns if name.endswith(("images", "patients"))]
    figures = [name for name in table.columns[1:] if name not in counts]
    st.dataframe(
        table,
        hide_index=True,
        key=key,
        lazy=False,
        column_config={name: st.column_config.NumberColumn(format="%.1f") for name in figures},
    )
