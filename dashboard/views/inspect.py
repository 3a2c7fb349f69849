"""Inspect: one image or several uploads, what each chosen run says and where it looked."""

import streamlit as st

from dashboard import cached, links, state
from dashboard.actions import ordering
from dashboard.actions.compare import find_subjects, with_subject_ids
from dashboard.actions.opening import opening
from dashboard.parts import counted, inspection
from dashboard.parts.review_panel import review_panel
from dashboard.parts.take_away import take_away

desk, known = cached.desk(), cached.subjects()
query = with_subject_ids(desk.series(), state.query())
shown, image_id = links.read_shown(query, opening(desk)), links.text(query, "image")

st.title("Inspect", anchor=False)
if counted.nothing_to_see(desk.dataset(), "there is none to open, and no model to ask about others."):
    st.stop()
uploads = inspection.uploader(desk)
if uploads:
    image_id = inspection.choose_upload(uploads, image_id)
if image_id is None:
    inspection.nothing_open(shown)
    st.stop()
find_subjects(desk.series(), shown.subjects)
runs = inspection.run_picker(known, shown)
options = inspection.map_options(runs, query)
inspection.header(desk, image_id)
inspection.panels(desk, runs, image_id, options)
take_away(desk, runs, image_id, query, options)
if desk.upload(image_id) is not None:
    if kept := inspection.keep(desk, image_id):
        st.switch_page("views/inspect.py", query_params=links.to_image(kept, shown))
    st.stop()
st.subheader("Decide", anchor=False)
subjects = tuple(known[one] for one in shown.subjects)
review_panel(
    desk,
    ordering.listed([image_id]).items,
    1,
    subjects,
    shown.split,
    "inspected",
    key="inspect_panel",
    position=image_id,
    compact=True,
)
inspection.history(desk, image_id)
