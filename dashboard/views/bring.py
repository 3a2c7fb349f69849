"""Import: images and labels, or a model, from elsewhere: seen first, tried, and then written whole or not at all."""

import streamlit as st

from dashboard import cached, links, state
from dashboard.parts import counted, image_import, intake, model_import
from model_zoo.core.choices import Brought

desk = cached.desk()
brought = links.choice(state.query(), "what", Brought, Brought.IMAGES)

title, switch = st.columns([3, 3], vertical_alignment="center")
title.title("Import", anchor=False)
with switch.container(horizontal=True, horizontal_alignment="right"):
    intake.work_switch(brought)
intake.done()
if counted.nothing_to_see(desk.dataset(), "images, and models to be tried on them, need a workspace of their own."):
    st.stop()
kind = image_import if brought is Brought.IMAGES else model_import
if kind.possible(desk) and (given := kind.choose(desk)):
    kind.importing(desk, given)
