"""Import: images and labels, or a model, from elsewhere: seen first, tried, and then written whole or not at all."""

import streamlit as st

from dashboard.address import links
from dashboard.importing import checkpoint_ui, images_ui, uploads_ui
from dashboard.importing.uploads import Brought
from dashboard.server_state import open_workspace
from dashboard.ui import counts_only, state

desk = open_workspace.desk()
brought = links.choice(state.query(), "what", Brought, Brought.IMAGES)

title, switch = st.columns([3, 3], vertical_alignment="center")
title.title("Import", anchor=False)
with switch.container(horizontal=True, horizontal_alignment="right"):
    uploads_ui.work_switch(brought)
uploads_ui.done()
if counts_only.nothing_to_see(desk.dataset(), "images, and models to be tried on them, need a workspace of their own."):
    st.stop()
kind = images_ui if brought is Brought.IMAGES else checkpoint_ui
if kind.possible(desk) and (given := kind.choose(desk)):
    kind.importing(desk, given)
