"""Images: the whole data set, or exactly the images behind a number."""

import streamlit as st

from dashboard import cached, links, state
from dashboard.actions.browse import browse
from dashboard.actions.opening import opening
from dashboard.parts import listing
from dashboard.parts.gallery import gallery
from dashboard.parts.image_filters import image_filters, read_filters
from dashboard.words import counted

PER_PAGE = 48

desk = cached.desk()
dataset, known, query = desk.dataset(), cached.subjects(), state.query()
shown, cell = links.read_shown(query, opening(desk)), links.read_cell(query)
split = links.read_split(query, default=shown.split if cell else None)
filters = read_filters(query, dataset.space, dataset)

st.title("Images", anchor=False)
judged = listing.judged(desk, cached.comparison, shown, cell)
image_filters(dataset, filters, split, cell.subject if cell else "", known)
listed = browse(dataset, desk.labels(shown.labels), split, filters, judged, cell)
listing.sentence(listed, cell, split, filters, judged, desk.standing())
listing.same_cell(cached.comparison, shown, cell)

pages = max(1, -(-len(listed) // PER_PAGE))
asked = links.whole(query, "page", 1)
page = min(asked, pages)
if asked > pages:
    st.warning(f"There is no page {asked:,}: the list has {counted(pages, 'page')}. This is the last one.")
if not listed:
    st.info("No image is behind this cell or passes these filters. Set one of them back to 'any'.")
    st.stop()
listing.actions(listed, shown, cell)
opened = gallery(
    listing.tiles(listed[(page - 1) * PER_PAGE : page * PER_PAGE], shown, cell, dataset.space, desk.standing()),
    key="images_gallery",
)
listing.pager(pages, page)
if opened:
    st.switch_page("views/inspect.py", query_params=links.to_image(opened, listing.inspected(shown, cell)))
