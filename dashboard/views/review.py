"""Review: a queue of images, what each run says, and the reviewer's answer."""

import streamlit as st

from dashboard import cached, links, state
from dashboard.actions import conflicts as conflicting
from dashboard.actions import ordering, queueing
from dashboard.actions.browse import browse
from dashboard.actions.opening import opening
from dashboard.parts import conflicts, controls, listing
from dashboard.parts.image_filters import read_filters
from dashboard.parts.review_panel import review_panel, reviewer_name
from model_zoo.core.choices import Opinion, Order, Split

desk, query, known = cached.desk(), state.query(), cached.subjects()
listed = links.text(query, "queue") == "listed"
order, seed = links.choice(query, "order", Order, Order.WRONG), links.whole(query, "seed", 1)
adjudicates = order is Order.CONFLICT and not listed
splits = links.JUDGED if listed else (*links.JUDGED, Split.TRAIN, *([Split.NONE] if adjudicates else []))
shown, cell = links.read_shown(query, opening(desk), splits), links.read_cell(query)
opinion = links.choice(query, "opinion", Opinion, Opinion.FIRST)

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
        if not adjudicates:
            controls.opinion_switch(opinion)
        controls.split_switch(shown, splits)
        if not adjudicates:
            controls.where_picker(cached.restrictions(shown), shown)
    queue = conflicting.conflict_queue(desk, shown.split) if adjudicates else cached.queue(shown, order, seed)
name, second = reviewer_name("review_panel"), opinion is Opinion.SECOND
if adjudicates:
    waiting = conflicting.to_adjudicate(desk, queue, name)
else:
    waiting = queueing.waiting(desk, queue.items, name, second_opinion=second)
elsewhere = 0 if second else queueing.n_with_others(desk, queue.items, name, adjudicates=adjudicates)
conflicts.queue_line(queue, waiting, opinion, elsewhere, adjudicates=adjudicates)
review_panel(
    desk,
    waiting,
    len(queue.items),
    tuple(known[one] for one in shown.subjects if one in known),
    shown.split,
    queue.chosen_by,
    key="review_panel",
    queue=repr(sorted(query.items())),
    empty=queueing.OTHERS_WORK if elsewhere else queue.empty,
    adjudicates=adjudicates,
)
