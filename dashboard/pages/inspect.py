"""Page Inspect: one image or several uploads, with predictions and heatmaps of each selected run."""

import streamlit as st

from dashboard.address import fields, links
from dashboard.evaluation import queue_order
from dashboard.evaluation.comparison import find_subjects, with_subject_ids
from dashboard.evaluation.default_selection import default_selection
from dashboard.inspect import inspect_ui
from dashboard.inspect.occlusion_ui import occlusion_test
from dashboard.review.panel_ui import review_panel
from dashboard.server_state import open_workspace
from dashboard.ui import cached, counts_only, state

desk, known = open_workspace.desk(), cached.subjects()
query = with_subject_ids(desk.series(), state.query())
shown, image_id = links.read_shown(query, default_selection(desk)), fields.text(query, "image")

st.title("Inspect", anchor=False)
if counts_only.no_images_notice(desk.dataset(), "there is none to open, and no model to ask about others."):
    st.stop()
uploads = inspect_ui.uploader(desk)
if uploads:
    image_id = inspect_ui.choose_upload(uploads, image_id)
if image_id is None:
    inspect_ui.nothing_open(shown)
    st.stop()
find_subjects(desk.series(), shown.subjects)
runs = inspect_ui.run_picker(known, shown)
options = inspect_ui.heatmap_options(runs, query)
inspect_ui.header(desk, image_id)
inspect_ui.panels(desk, runs, image_id, options)
occlusion_test(desk, runs, image_id, query, options)
if desk.upload(image_id) is not None:
    if kept := inspect_ui.keep_upload(desk, image_id):
        st.switch_page("inspect.py", query_params=links.to_image(kept, shown))
    st.stop()
st.subheader("Decide", anchor=False)
subjects = tuple(known[one] for one in shown.subjects)
review_panel(
    desk,
    queue_order.listed([image_id]).items,
    1,
    subjects,
    shown.split,
    "inspected",
    key="inspect_panel",
    position=image_id,
    compact=True,
)
inspect_ui.decision_history(desk, image_id)
