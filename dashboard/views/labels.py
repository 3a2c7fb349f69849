"""Labels: label sets made, compared and gone back to; labels exported and imported."""

import streamlit as st

from dashboard import cached, links, state
from dashboard.actions.label_batches import label_batches
from dashboard.parts import label_comparison, label_exports, label_imports, label_sets
from model_zoo.core.choices import LabelWork

desk = cached.desk()
view, sets, taxonomies = links.read_labels_view(state.query()), desk.label_sets(), desk.workspace.taxonomies()
taxonomy = label_comparison.find_taxonomy(desk, view, taxonomies)

title, switch, who = st.columns([2, 4, 2], vertical_alignment="center")
title.title("Labels", anchor=False)
with switch:
    label_sets.work_switch(view)
with who:
    reviewer = label_sets.your_name()
label_sets.problems(sets)

if view.work is LabelWork.SETS:
    label_sets.introduction(desk)
    label_sets.making(desk, sets, reviewer)
    label_sets.restoring(desk, sets, view, reviewer, taxonomy)
    label_sets.table(desk, sets)
    st.subheader("What changed", anchor=False)
    label_comparison.pickers(desk, view, taxonomies, taxonomy)
    compared = cached.labels_compared(view.before, view.after, taxonomy)
    if opened := label_comparison.comparison(desk, compared, view, taxonomy):
        st.switch_page("views/inspect.py", query_params={"image": [opened]})
elif view.work is LabelWork.EXPORT:
    label_exports.labels(desk, taxonomies)
    label_exports.history(desk)
else:
    label_imports.importing(desk, cached.import_plan, taxonomies, taxonomy, reviewer)
label_sets.batches(desk, label_batches(desk), reviewer)
