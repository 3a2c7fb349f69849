"""Review: a queue of images, what each run says, and the reviewer's answer."""

import streamlit as st

from dashboard import cached, links, state
from dashboard.actions import queueing
from dashboard.actions.browse import browse
from dashboard.actions.opening import opening
from dashboard.parts import controls, listing
from dashboard.parts.image_filters import read_filters
from dashboard.parts.review_panel import review_panel, reviewer_name

desk, query, known = cached.desk(), state.query(), cached.subjects()
shown, cell = links.read_shown(query, opening(desk)), links.read_cell(query)
listed = links.text(query, "queue") == "listed"

st.title("Review", anchor=False)
controls.subject_picker(known, shown)
if listed:
    dataset, split = desk.dataset(), links.read_split(query, default=shown.split if cell else None)
    judged = listing.judged(desk, cached.comparison, shown, cell)
    filters = read_filters(query, dataset.space, dataset)
    items = queueing.listed(
        [one.image.image_id for one in browse(dataset, desk.labels(shown.labels), split, filters, judged, cell)]
    )
    chosen_by = "a list from Images"
elif shown.subjects:
    items = queueing.wrong_in_any(cached.comparison(shown))
    chosen_by = f"wrong in some chosen run ({shown.space}, {shown.images})"
else:
    items, chosen_by = (), ""
subjects = tuple(known[one] for one in shown.subjects if one in known)
waiting = queueing.waiting(desk, items, reviewer_name("review_panel"))
controls.queue_line(listed, items, waiting, shown)
review_panel(
    desk,
    waiting,
    len(items),
    subjects,
    shown.split,
    chosen_by,
    key="review_panel",
    queue=repr(sorted(query.items())),
    empty="Nothing waits here. Choose runs that get something wrong, or open a list of images from Images.",
)
