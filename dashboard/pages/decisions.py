"""Page Decisions: all review decisions, and agreement between annotators."""

import streamlit as st

from dashboard.address import fields
from dashboard.decisions.repair_words import fault_words
from dashboard.labels import export_ui
from dashboard.review import adjudication_ui, annotator_agreement_ui
from dashboard.review import cached as review_cached
from dashboard.review.adjudication_queue import open_by_split
from dashboard.server_state import open_workspace
from dashboard.ui import decision_table, plots, state
from dashboard.words import plain

desk = open_workspace.desk()
decisions = desk.store.all()

st.title("Decisions", anchor=False)
for sentence in fault_words(desk.store, desk.workspace.folders):
    st.warning(plain(sentence))
if not decisions:
    st.info("Nobody has decided anything yet. Open Review and correct the first image.")
    st.page_link("review.py", label="Review what is wrong", icon=":material/rate_review:")
    st.stop()
decision_table.decisions_summary(decisions, desk.review_rule)
adjudication_ui.open_conflicts(open_by_split(desk))
for sentence in desk.obsolete():
    st.warning(plain(sentence))
export_ui.history_files(desk, "decisions_export")
who, which = fields.text(state.query(), "reviewer"), fields.text(state.query(), "image")
chosen = decision_table.table(decision_table.filter_decisions(decisions, who, which), decisions, key="decisions_table")
if chosen:
    st.switch_page("inspect.py", query_params={"image": [chosen]})

if taxonomies := desk.workspace.taxonomies():
    st.subheader("Do people agree?", anchor=False)
    versions = {one.pinned: one for some in desk.workspace.versions().values() for one in some}
    taxonomy = fields.among(state.query(), "taxonomy", {**taxonomies, **versions})
    annotator_agreement_ui.taxonomy_picker(taxonomies, taxonomy.name)
    annotator_agreement_ui.agreement(*review_cached.agreement(taxonomy), taxonomy, plots.theme(state.dark()))
st.caption(f"Kept in `{desk.workspace.decisions_path}`; appended, never edited. Times are UTC.")
state.show_sentence()
