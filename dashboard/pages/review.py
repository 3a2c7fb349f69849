"""Page Review: a queue of images, the predictions of each run, and the reviewer's decision."""

import streamlit as st

from dashboard.address import links
from dashboard.address.queue import is_listed, read_queue_view, read_reviewed
from dashboard.decisions.status import reviewers
from dashboard.evaluation.comparison import with_subject_ids
from dashboard.evaluation.default_selection import default_selection
from dashboard.images import list_ui
from dashboard.review import cached as review_cached
from dashboard.review import queue_controls_ui
from dashboard.review.panel_ui import review_panel
from dashboard.review.queue_items import OTHERS_WORK
from dashboard.review.queue_status import n_asked, n_leased_to_others, named, wanted_images
from dashboard.server_state import open_workspace
from dashboard.ui import cached, controls, counts_only, state
from dashboard.ui.state import reviewer_name

desk, known = open_workspace.desk(), cached.subjects()
query = with_subject_ids(desk.series(), state.query())
view, cell, shown = read_queue_view(query), links.read_cell(query), read_reviewed(query, default_selection(desk))
subjects = tuple(known[one] for one in shown.subjects if one in known)

title, switches = st.columns([1, 10], vertical_alignment="center")
title.title("Review", anchor=False)
if counts_only.no_images_notice(desk.dataset(), "whether a label is right cannot be seen, so nothing can be reviewed."):
    st.stop()
controls.subject_picker(known, shown)
is_list = is_listed(query)
if not is_list:
    with switches.container(horizontal=True, horizontal_alignment="right", vertical_alignment="center"):
        queue_controls_ui.order_picker(view.order)
        cell = queue_controls_ui.cell_picker(review_cached.cells(shown, view, cell), subjects, cell, view.order)
        queue_controls_ui.opinion_switch(view)
        queue_controls_ui.filters(
            view, shown, subjects, cached.restrictions(shown), cached.patients(shown.split), reviewers(desk.store.all())
        )
if (cell if is_list else view.order.uses_runs) and controls.no_predictions(desk, subjects, shown):
    st.stop()
queue = (
    list_ui.queue_of_list(desk, cached.comparison, shown, cell, query)
    if is_list
    else review_cached.queue(shown, view, cell)
)
queue = named(queue, view)
name = reviewer_name("review_panel")
waits, n_images = wanted_images(desk, queue, view, name), n_asked(desk, queue, view)
elsewhere = n_leased_to_others(desk, queue, view, name)
review_panel(
    desk,
    waits,
    n_images,
    subjects,
    shown.split,
    queue.chosen_by,
    key="review_panel",
    about=queue_controls_ui.queue_words(queue, waits, n_images, view, shown, elsewhere),
    queue=repr(sorted(query.items())),
    empty=OTHERS_WORK if elsewhere else queue.empty,
    second=view.second,
    adjudicates=view.adjudicates,
    shrinks=view.shrinks,
)
