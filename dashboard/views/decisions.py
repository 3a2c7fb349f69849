"""Decisions: who said what, when, about which image; exported."""

import streamlit as st

from dashboard import cached, charts, links, state
from dashboard.actions.conflicts import open_by_split
from dashboard.actions.repair import fault_words
from dashboard.parts import agreement, conflicts, decision_list, label_exports
from dashboard.words import plain

desk = cached.desk()
decisions = desk.store.all()

st.title("Decisions", anchor=False)
for sentence in fault_words(desk.store, desk.workspace.folders):
    st.warning(plain(sentence))
if not decisions:
    st.info("Nobody has decided anything yet. Open Review and correct the first image.")
    st.page_link("views/review.py", label="Review what is wrong", icon=":material/rate_review:")
    st.stop()
decision_list.summary(decisions, desk.review_rule)
conflicts.open_conflicts(open_by_split(desk))
for sentence in desk.obsolete():
    st.warning(plain(sentence))
label_exports.history_files(desk, "decisions_export")
who, which = links.text(state.query(), "reviewer"), links.text(state.query(), "image")
chosen = decision_list.table(decision_list.filtered(decisions, who, which), decisions, key="decisions_table")
if chosen:
    st.switch_page("views/inspect.py", query_params={"image": [chosen]})

if taxonomies := desk.workspace.taxonomies():
    st.subheader("Do people agree?", anchor=False)
    versions = {one.pinned: one for some in desk.workspace.versions().values() for one in some}
    taxonomy = links.among(state.query(), "taxonomy", {**taxonomies, **versions})
    agreement.taxonomy_picker(taxonomies, taxonomy.name)
    agreement.agreement(*cached.agreement(taxonomy), taxonomy, charts.look(state.dark()))
st.caption(f"Kept in `{desk.workspace.decisions_path}`; appended, never edited. Times are UTC.")
state.show_sentence()
