"""What every page says of a confusion table alone: counts, and no image behind any of them."""

import streamlit as st

from dashboard.words import of_counts
from model_zoo.workspace.manifest import DataSet


def counts_only_notice(dataset: DataSet) -> None:
    """That there are no images, and what the figures take for granted."""
    if dataset.counts_alone:
        st.info(of_counts(len(dataset.images)), icon=":material/grid_on:")


def no_images_notice(dataset: DataSet, why: str) -> bool:
    """Whether there are no images, only counts; then ``why`` says what that means here."""
    if dataset.counts_alone:
        st.info(f"No image was given, only counts: {why}")
    return dataset.counts_alone
