"""Images: the whole data set, or exactly the images behind a number."""

import streamlit as st

from dashboard import cached, links, state
from dashboard.actions.browse import browse
from dashboard.actions.compare import find_subjects, with_subject_ids
from dashboard.actions.opening import opening
from dashboard.parts import bulk, controls, counted, listing
from dashboard.parts.gallery import gallery
from dashboard.parts.image_filters import image_filters, read_filters
from dashboard.parts.image_map import image_map
from model_zoo.core.choices import Arranged

desk = cached.desk()
dataset, known = desk.dataset(), cached.subjects()
query = with_subject_ids(desk.series(), state.query())
shown, cell = links.read_shown(query, opening(desk)), links.read_cell(query)
split = links.read_split(query, default=shown.split if cell else None)
filters = read_filters(query, dataset.space, dataset)

st.title("Images", anchor=False)
image_filters(dataset, filters, split, cell.subject if cell else "", known)
if cell and controls.not_asked(desk, find_subjects(desk.series(), shown.beside(cell.subject).subjects), shown):
    st.stop()
judged = listing.judged(desk, cached.comparison, shown, cell)
listed = browse(dataset, desk.labels(shown.labels), split, filters, judged, cell)
listing.sentence(listed, cell, split, filters, judged, desk.standing())
listing.same_cell(cached.comparison, shown, cell)

if not listed:
    st.info("No image is behind this cell or passes these filters. Set one of them back to 'any'.")
    st.stop()
if counted.nothing_to_see(dataset, "those of one cell differ in nothing, and none can be shown."):
    listing.back(shown, cell)
    st.stop()
arranged = links.choice(query, "as", Arranged, Arranged.GALLERY)
controls.arranged_switch(arranged)
listing.actions(listed, shown, cell)
if arranged is Arranged.MAP:
    inside = image_map(desk, cached.mapped, listed, split)
    listed = tuple(one for one in listed if one.image.image_id in frozenset(inside))
    key, at_first = bulk.gallery_key("map", inside), inside
else:
    key, at_first = bulk.gallery_key("images"), ()
page, pages = listing.page_of(listed)
chosen, reviewer = bulk.chosen_in(key, at_first)
bulk.one_label(desk, chosen, reviewer, bulk.CHOSEN_BY[arranged])
tiles = listing.tiles(listing.on_page(listed, page), shown, cell, dataset.space, desk.standing())
opened = gallery(tiles, key=key, chosen=chosen)
listing.pager(pages, page)
if opened:
    st.switch_page("views/inspect.py", query_params=links.to_image(opened, listing.inspected(shown, cell)))
