"""What every page says of a confusion table alone: counts, and no image behind any of them."""

import streamlit as st

from dashboard.words import counted
from model_zoo.datasets import DataSet


def banner(dataset: DataSet) -> None:
    """That there are no images, and what the figures take for granted."""
    if dataset.counts_alone:
        st.info(
            f"This is a confusion table alone: {counted(len(dataset.images), 'counted answer')} and no image. Where a "
            "page says image, it means one of these answers. Which of them are of one patient is not known: every "
            "interval takes each as independent of all others, and is too narrow where they are not.",
            icon=":material/grid_on:",
        )


def nothing_to_see(dataset: DataSet, why: str) -> bool:
    """Whether there are no images, only counts; then ``why`` says what that means here."""
    if dataset.counts_alone:
        st.info(f"No image was given, only counts: {why}")
    return dataset.counts_alone
