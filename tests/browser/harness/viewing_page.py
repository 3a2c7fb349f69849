"""The page of `viewing`."""

import streamlit as st

from dashboard.parts.viewer import viewer

st.set_page_config(layout="wide")
st.title("Inspect", anchor=False)
top = [{"name": "no_cat", "p": 0.91}, {"name": "cat", "p": 0.08, "is_label": True}, {"name": "dog", "p": 0.004}]
maps = {"fine-s0": "/map/quick/7", "fine-s1": "/map/slow/7", "coarse-s0": "/map/empty/7", "old-s0": None}
viewer(
    [
        {
            "title": run_id,
            "caption": "trained on a taxonomy of 13 classes",
            "image": "/picture/7",
            "map": url,
            "state": None if url else "This run has no weights, so no map can be computed.",
            "top": top,
        }
        for run_id, url in maps.items()
    ],
    key="viewer",
)
