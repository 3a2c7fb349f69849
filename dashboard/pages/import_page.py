"""Page Import: images with labels, or a model; previewed and checked before anything is written."""

import streamlit as st

from dashboard.address import fields
from dashboard.importing import checkpoint_ui, images_ui, uploads_ui
from dashboard.importing.uploads import ImportKind
from dashboard.server_state import open_workspace
from dashboard.ui import counts_only, state

desk = open_workspace.desk()
brought = fields.choice(state.query(), "what", ImportKind, ImportKind.IMAGES)

title, switch = st.columns([3, 3], vertical_alignment="center")
title.title("Import", anchor=False)
with switch.container(horizontal=True, horizontal_alignment="right"):
    uploads_ui.import_kind_switch(brought)
uploads_ui.last_import_message()
if counts_only.no_images_notice(
    desk.dataset(), "images, and models to be tried on them, need a workspace of their own."
):
    st.stop()
kind = images_ui if brought is ImportKind.IMAGES else checkpoint_ui
if kind.can_import(desk) and (given := kind.choose_file(desk)):
    kind.import_form(desk, given)
