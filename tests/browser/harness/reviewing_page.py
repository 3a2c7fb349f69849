"""The page of `reviewing`: the first images of the workspace as a queue, drawn as the page Review draws it.

Its address says how: ``desk``, whose decisions are its own; ``n`` images; ``slow`` seconds more for
each commit; ``busy`` seconds to wait for a locked file; ``field`` for a text field beside the panel.
"""

import streamlit as st

from dashboard.evaluation import queue_order
from dashboard.evaluation.comparison import series_subject
from dashboard.review import queue_items
from dashboard.review.panel_ui import review_panel
from dashboard.ui import state
from dashboard.ui.state import reviewer_name
from model_zoo.core.label_space.splits import Split
from tests.browser.harness.desks import desk_of

KEY = "panel"


def asked(name: str, otherwise: str) -> str:
    return st.query_params.get(name, otherwise)


st.set_page_config(layout="wide")
st.title("Review", anchor=False)
state.show_sentence()
desk = desk_of(asked("desk", ""), float(asked("slow", "0")), float(asked("busy", "10")))
items = queue_order.listed([image.image_id for image in desk.dataset().images[: int(asked("n", "80"))]]).items
waiting = queue_items.waiting(desk, items, reviewer_name(KEY))
subjects = [series_subject(series) for series in desk.series()]
review_panel(desk, waiting, len(items), subjects, Split.TEST, "a test", key=KEY)
if asked("field", ""):
    st.text_input("Elsewhere on the page")
