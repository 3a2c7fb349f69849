"""Inter-rater agreement: sentences, tables and a matrix."""

import math
from collections.abc import Mapping
from urllib.parse import urlencode

import numpy as np
import pandas as pd
import streamlit as st

from dashboard.evaluation.annotator_agreement import Agreements, Opinions
from dashboard.ui import plots, state
from dashboard.ui.charts import chart
from dashboard.ui.matrices_plot import rater_confusion_figure
from dashboard.words import counted, images_of_patients, interval_text, number_text, plain, share_text
from model_zoo.core.evaluation.confusion import Confusion
from model_zoo.core.label_space.taxonomy import Taxonomy
from model_zoo.core.review.agreement import MIN_PATIENTS_FOR_AGREEMENT, NO_LABEL, Agreement

N_DISPUTED = 12
"""Most images listed about which people differ."""


def taxonomy_picker(taxonomies: Mapping[str, Taxonomy], chosen: str) -> None:
    """In which classes agreement is asked; the choice goes to the address."""
    st.selectbox(
        "In the classes of",
        list(taxonomies),
        key=state.set_widget("agreement_taxonomy", chosen),
        format_func=lambda name: f"{name} ({len(taxonomies[name].classes)})",
        on_change=lambda: state.write_query({"taxonomy": [str(state.get("agreement_taxonomy"))]}),
        width=280,
    )


def agreement(found: Agreements | None, said: Opinions, taxonomy: Taxonomy, theme: plots.Theme) -> None:
    """The section: in all, by class, by pair of people, and the images about which they differ."""
    if found is None:
        who = "Nobody has given a label yet." if not said.people else "No image has a label from two people yet."
        st.info(
            f"{who} When two have decided about the same images, this says how far they agree; "
            "*Second opinion* on Review offers what others have labelled."
        )
        return
    both = found.observed
    st.markdown(
        f"Of two answers about one image **{share_text(both.value)}** agree (95 % {_interval(both, True)}); "
        f"{images_of_patients(both.n_images, both.n_patients)}, "
        f"{counted(len(said.people), 'person', 'people')}, classes of {plain(taxonomy.reference)}."
    )
    st.caption(
        f"Answers given with the earlier label in view are not independent and agree too often: {said.n_blind:,} of "
        f"{said.n_answers:,} were given blind. Intervals: 95 %, over patients; "
        f"below {MIN_PATIENTS_FOR_AGREEMENT} patients none."
        + (f" {counted(said.n_no_class, 'answer')} fit no single class and are left out." if said.n_no_class else "")
    )
    rows = [("Krippendorff's alpha, all people", found.krippendorff)]
    rows += [("Fleiss' kappa, all people", found.fleiss)] if found.fleiss else []
    rows += [(f"Cohen's kappa, {plain(a)} and {plain(b)}", one) for (a, b), one in found.of_pairs.items()]
    left, right = st.columns(2)
    left.table(pd.DataFrame([_row(name, one) for name, one in rows]).set_index(" "), border="horizontal")
    by_class = [
        {
            " ": plain(one.name),
            "agreement": share_text(one.agreement.value),
            "95 %": _interval(one.agreement, True),
            "ratings (patients)": f"{one.n_ratings:,} ({one.agreement.n_patients:,})",
        }
        for one in sorted(found.of_classes, key=lambda one: one.agreement.value)
    ]
    left.table(pd.DataFrame(by_class).set_index(" "), border="horizontal")
    left.caption(
        "Kappa and alpha: 1 is full agreement, 0 what chance alone gives. By class: how often a rating of this class "
        "is shared by a second person."
    )
    right.markdown("What one person calls the row, another calls the column")
    with right:
        chart(rater_confusion_figure(_matrix(found), theme), "agreement_matrix")
    right.caption(f"Pairs of ratings of one image, % of the row; {counted(both.n_images, 'image')}.")
    _disputed(found, said, taxonomy)


def _disputed(found: Agreements, said: Opinions, taxonomy: Taxonomy) -> None:
    if not found.disputed:
        return
    with st.expander(f"{counted(len(found.disputed), 'image')} about which people differ"):
        for image_id in found.disputed[:N_DISPUTED]:
            column = said.ratings[:, said.image_ids.index(image_id)]
            named = ", ".join(
                f"{plain(who)}: {plain(taxonomy.names[k])}"
                for who, k in zip(said.people, column.tolist(), strict=True)
                if k != NO_LABEL
            )
            st.markdown(f"- [{plain(image_id)}](inspect?{urlencode({'image': image_id})}) – {named}")
        st.markdown("Those that nobody has adjudicated since wait for it on [Review](review?order=conflict).")
        if len(found.disputed) > N_DISPUTED:
            st.caption(f"The first {N_DISPUTED} of {len(found.disputed):,}.")


def _matrix(found: Agreements) -> Confusion:
    classes = Taxonomy("people", {name: frozenset({name}) for name in found.classes})
    return Confusion(classes, found.matrix, np.zeros(len(found.classes)))


def _row(name: str, one: Agreement) -> dict[str, str]:
    images = f"{one.n_images:,} ({one.n_patients:,})"
    return {" ": name, "agreement": number_text(one.value), "95 %": _interval(one, False), "images (patients)": images}


def _interval(one: Agreement, share: bool) -> str:
    if math.isnan(one.low):
        return "–"
    return interval_text(one.low, one.high) if share else f"{number_text(one.low)} to {number_text(one.high)}"
