"""Import: images and labels from elsewhere: seen first, tried, and then written whole or not at all."""

import streamlit as st

from dashboard import cached
from dashboard.parts import image_import, intake

desk = cached.desk()

st.title("Import", anchor=False)
intake.done()
if image_import.possible(desk) and (given := image_import.choose(desk)):
    image_import.importing(desk, given)
