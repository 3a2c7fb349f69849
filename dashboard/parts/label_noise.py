"""Label errors beside a result: how many wrong test labels would turn it."""

import streamlit as st

from dashboard.actions import label_noise as noise
from dashboard.actions.reviewing import Reviewing
from dashboard.words import plain
from model_zoo.core.tipping_point import TippingPoint


def label_errors(found: TippingPoint | None, reviewing: Reviewing | None) -> None:
    """The sentences about one result; nothing where no result is stated."""
    if found is not None:
        text = " ".join(plain(one) for one in noise.sentences(found, reviewing))
        st.caption(f"**Label errors.** {text}", help=noise.HELP)
