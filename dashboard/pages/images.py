"""Page Images: all images of the data set, or exactly those behind a number."""

import streamlit as st

from dashboard.address import fields, links
from dashboard.evaluation.cell_images import list_images
from dashboard.evaluation.comparison import find_subjects, with_subject_ids
from dashboard.evaluation.default_selection import default_selection
from dashboard.images import bulk_edit_ui, list_ui
from dashboard.images import cached as images_cached
from dashboard.images.embedding_ui import embedding_section
from dashboard.images.filters_ui import image_filters, read_filters
from dashboard.server_state import open_workspace
from dashboard.ui import cached, controls, counts_only, pager, state
from dashboard.ui.controls import ListLayout
from dashboard.ui.gallery import gallery

desk = open_workspace.desk()
dataset, known = desk.dataset(), cached.subjects()
query = with_subject_ids(desk.series(), state.query())
shown, cell = links.read_shown(query, default_selection(desk)), links.read_cell(query)
split = links.read_split(query, default=shown.split if cell else None)
filters = read_filters(query, dataset.space, dataset)

st.title("Images", anchor=False)
image_filters(dataset, filters, split, cell.subject if cell else "", known)
if cell and controls.no_predictions(desk, find_subjects(desk.series(), shown.beside(cell.subject).subjects), shown):
    st.stop()
judged = list_ui.cell_comparison(desk, cached.comparison, shown, cell)
listed = list_images(dataset, desk.labels(shown.labels), split, filters, judged, cell)
list_ui.sentence(listed, cell, split, filters, judged, desk.standing())
list_ui.same_cell(cached.comparison, shown, cell)

if not listed:
    st.info("No image is behind this cell or passes these filters. Set one of them back to 'any'.")
    st.stop()
if counts_only.no_images_notice(dataset, "those of one cell differ in nothing, and none can be shown."):
    list_ui.back_link(shown, cell)
    st.stop()
arranged = fields.choice(query, "as", ListLayout, ListLayout.GALLERY)
controls.switch(arranged)
list_ui.actions(listed, shown, cell)
if arranged is ListLayout.MAP:
    inside = embedding_section(desk, images_cached.embedding_layout, listed, split)
    listed = tuple(one for one in listed if one.image.image_id in frozenset(inside))
    key, at_first = bulk_edit_ui.gallery_key("map", inside), inside
else:
    key, at_first = bulk_edit_ui.gallery_key("images"), ()
page, pages = pager.page_of(listed)
chosen, reviewer = bulk_edit_ui.selected_images(key, at_first)
bulk_edit_ui.label_selected(desk, chosen, reviewer, bulk_edit_ui.SELECTION_SOURCE[arranged])
tiles = list_ui.tiles(pager.on_page(listed, page), shown, cell, dataset.space, desk.standing())
opened = gallery(tiles, key=key, chosen=chosen)
pager.pager(pages, page)
if opened:
    st.switch_page("inspect.py", query_params=links.to_image(opened, list_ui.runs_to_inspect(shown, cell)))
