"""Review: a queue of images, what each run says, and the reviewer's answer."""

import streamlit as st

from dashboard import cached, links, state
from dashboard.actions import ordering, queueing
from dashboard.actions.browse import browse
from dashboard.actions.opening import opening
from dashboard.parts import controls, listing
from dashboard.parts.image_filters import read_filters
from dashboard.parts.review_panel import review_panel, reviewer_name
from model_zoo.core.choices import Opinion, Order, Split

desk, query, known = cached.desk(), state.query(), cached.subjects()
listed = links.text(query, "queue") == "listed"
splits = links.JUDGED if listed else (*links.JUDGED, Split.TRAIN)
shown, cell = links.read_shown(query, opening(desk), splits), links.read_cell(query)
opinion = links.choice(query, "opinion", Opinion, Opinion.FIRST)
order, seed = links.choice(query, "order", Order, Order.WRONG), links.whole(query, "seed", 1)

title, switches = st.columns([1, 7], vertical_alignment="center")
title.title("Review", anchor=False)
controls.subject_picker(known, shown)
if listed:
    dataset, split = desk.dataset(), links.read_split(query, default=shown.split if cell else None)
    judged = listing.judged(desk, cached.comparison, shown, cell)
    filters = read_filters(query, dataset.space, dataset)
    queue = ordering.listed(
        [one.image.image_id for one in browse(dataset, desk.labels(shown.labels), split, filters, judged, cell)]
    )
else:
    with switches.container(horizontal=True, horizontal_alignment="right", vertical_alignment="center"):
        controls.order_picker(order)
        controls.opinion_switch(opinion)
        controls.split_switch(shown, splits)
        controls.where_picker(cached.restrictions(shown), shown)
    queue = cached.queue(shown, order, seed)
subjects = tuple(known[one] for one in shown.subjects if one in known)
second = opinion is Opinion.SECOND
waiting = queueing.waiting(desk, queue.items, reviewer_name("review_panel"), second_opinion=second)
controls.queue_line(queue, waiting, opinion)
review_panel(
    desk,
    waiting,
    len(queue.items),
    subjects,
    shown.split,
    queue.chosen_by,
    key="review_panel",
    queue=repr(sorted(query.items())),
    empty=queue.empty,
)
