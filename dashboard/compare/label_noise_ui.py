"""Section "label errors": the number of wrong test labels that would change a result."""

import streamlit as st

from dashboard.compare import label_noise_words as noise
from dashboard.evaluation.label_change_effect import LabelChanges
from dashboard.words import plain
from model_zoo.core.comparison.tipping_point import TippingPoint


def label_errors(found: TippingPoint | None, reviewing: LabelChanges | None) -> None:
    """Sentences about one result; draws nothing if there is no result."""
    if found is not None:
        text = " ".join(plain(one) for one in noise.sentences(found, reviewing))
        st.caption(f"**Label errors.** {text}", help=noise.HELP)
