"""Notices for workspaces made from a confusion table, which have counts but no images."""

import streamlit as st

from dashboard.words import of_counts
from model_zoo.workspace.manifest import DataSet


def counts_only_notice(dataset: DataSet) -> None:
    """Show that there are no images, and the assumptions behind the metrics."""
    if dataset.counts_alone:
        st.info(of_counts(len(dataset.images)), icon=":material/grid_on:")


def no_images_notice(dataset: DataSet, why: str) -> bool:
    """Whether there are only counts and no images; if so, shows ``why`` as the consequence for the page."""
    if dataset.counts_alone:
        st.info(f"No image was given, only counts: {why}")
    return dataset.counts_alone
