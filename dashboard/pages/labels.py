"""Page Labels: save, compare and restore label sets; export and import labels."""

import streamlit as st

from dashboard.address import links
from dashboard.address.selection import LabelWork
from dashboard.labels import cached as labels_cached
from dashboard.labels import comparison_ui, export_ui, label_import_ui, label_sets_ui
from dashboard.labels.import_history import label_batches
from dashboard.server_state import open_workspace
from dashboard.ui import controls, state

desk = open_workspace.desk()
view, sets, taxonomies = links.read_labels_view(state.query()), desk.label_sets(), desk.workspace.taxonomies()
taxonomy = comparison_ui.find_taxonomy(desk, view, taxonomies)

title, switch, who = st.columns([2, 4, 2], vertical_alignment="center")
title.title("Labels", anchor=False)
with switch:
    controls.switch(view.work)
with who:
    reviewer = label_sets_ui.your_name()
label_sets_ui.problems(sets)

if view.work is LabelWork.SETS:
    label_sets_ui.introduction(desk)
    label_sets_ui.making(desk, sets, reviewer)
    label_sets_ui.restoring(desk, sets, view, reviewer, taxonomy)
    label_sets_ui.table(desk, sets)
    st.subheader("What changed", anchor=False)
    comparison_ui.pickers(desk, view, taxonomies, taxonomy)
    compared = labels_cached.labels_compared(view.before, view.after, taxonomy)
    if opened := comparison_ui.comparison(desk, compared, view, taxonomy):
        st.switch_page("inspect.py", query_params={"image": [opened]})
elif view.work is LabelWork.EXPORT:
    export_ui.labels(desk, taxonomies)
    export_ui.history(desk)
else:
    label_import_ui.importing(desk, labels_cached.import_plan, taxonomies, taxonomy, reviewer)
label_sets_ui.batches(desk, label_batches(desk), reviewer)
