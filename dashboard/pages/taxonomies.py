"""Page Taxonomies: view and edit taxonomies, preview metrics of trained models, save versions."""

import streamlit as st

from dashboard.address import links
from dashboard.address.draft import read_draft
from dashboard.address.links import Shown
from dashboard.evaluation.drafting import class_counts, open_draft
from dashboard.server_state import open_workspace
from dashboard.taxonomies import cached as taxonomies_cached
from dashboard.taxonomies import draft_ui, editor_ui, taxonomy_ui
from dashboard.taxonomies.merge_suggestions_ui import merge_suggestions_section
from dashboard.taxonomies.separability_ui import indistinguishable_pairs
from dashboard.taxonomies.subclusters_ui import split_suggestions
from dashboard.ui import cached, controls, plots, state
from model_zoo.core.label_space.splits import Split

desk = open_workspace.desk()
workspace, dataset, series, query = desk.workspace, desk.dataset(), desk.series(), state.query()
versions, space = workspace.versions(), desk.workspace.space

title, which, files = st.columns([2, 4, 2], vertical_alignment="center")
title.title("Taxonomies", anchor=False)
if not versions:
    st.info("No taxonomy yet: import one, or put a file into the workspace's folder `taxonomies`.")
    draft_ui.import_taxonomy(workspace, {})
    st.stop()
opened = next((name for name in workspace.opening if name in versions), next(iter(versions)))
drafted = open_draft(read_draft(query, versions[opened][-1].pinned, space), versions, workspace)
shown = links.read_shown(query, Shown(split=Split.TEST if dataset.counts_alone else Split.VALIDATION))
theme = plots.theme(state.dark())
with which:
    taxonomy_ui.picker(versions, drafted, space)
with files.container(horizontal=True, horizontal_alignment="right"):
    draft_ui.export(drafted, space)
    draft_ui.import_taxonomy(workspace, workspace.taxonomies())
taxonomy_ui.taxonomy_summary(drafted, series, workspace, counts_alone=dataset.counts_alone)

left, right = st.columns([2, 3], gap="large")
with left:
    st.subheader("Edit", anchor=False)
    editor_ui.editor(drafted, space)
    draft_ui.steps(drafted, space)
    with st.expander("Save", expanded=drafted.changed):
        draft_ui.save_controls(drafted, workspace)
with right:
    head, switches = st.columns([3, 2], vertical_alignment="bottom")
    head.subheader("Trained series in these classes", anchor=False)
    with switches.container(horizontal=True, horizontal_alignment="right"):
        controls.switch(shown.split, links.JUDGED)
        controls.filter_picker(cached.restrictions(shown), shown, "These figures are")
    taxonomy_ui.previews(taxonomies_cached.previews(drafted.taxonomy, shown), drafted, shown, workspace.folders)
    taxonomy_ui.flow_chart(drafted, dataset, theme)

st.subheader("What to merge", anchor=False)
merge_suggestions_section(taxonomies_cached.suggested_merges(drafted.taxonomy), drafted, workspace.rule, space)

indistinguishable_pairs(taxonomies_cached.pair_separability(drafted.taxonomy))
if opened_image := split_suggestions(desk, taxonomies_cached.class_subclusters, drafted):
    st.switch_page("inspect.py", query_params=opened_image)

taxonomy_ui.class_table(drafted.taxonomy, class_counts(drafted.taxonomy, dataset, dataset.labels), space)
taxonomy_ui.all_versions(versions, series)
