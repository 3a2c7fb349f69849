"""Section of Diagnose: measures of the causes with original and with corrected labels."""

from collections.abc import Callable, Sequence

import pandas as pd
import streamlit as st

from dashboard.address.selection import Labels
from dashboard.diagnose.diagnosis import Diagnosis
from dashboard.evaluation import label_change_effect_words as words
from dashboard.evaluation.label_change_effect import LabelChanges
from dashboard.words import plain, share_text
from model_zoo.core.diagnosis.diagnosis import Cause
from model_zoo.core.evaluation.metrics import Headline


def changed_causes(
    diagnoses: Sequence[Diagnosis],
    found: Sequence[LabelChanges | None],
    under: Callable[[str, Labels], Diagnosis],
) -> None:
    """Table of the measures before and after review, computed when opened; draws nothing if nothing was reviewed.

    ``found`` has the label changes of each subject; ``under`` returns its diagnosis under other labels.
    """
    if not any(found):
        return
    box = st.expander("What reviewing changed", key="diagnose_reviewing", on_change="rerun")
    if not box.open:
        return
    with box:
        for diagnosis, reviewing in zip(diagnoses, found, strict=True):
            if reviewing is None:
                continue
            (changed,) = reviewing.subjects
            before, after = (under(diagnosis.subject.subject_id, labels) for labels in Labels)
            rows = [("wrong answers", *(share_text(1 - one) for one in changed.figures[Headline.ACCURACY]))]
            for cause in Cause:
                rows.append((str(cause), *(words.measure_text(one.measures[cause]) for one in (before, after))))
            st.markdown(f"**{plain(changed.subject.title)}** · {plain(words.coverage(reviewing))}.")
            columns = ["measure of", "original labels", "labels as reviewed"]
            st.table(pd.DataFrame(rows, columns=columns).set_index("measure of"), border="horizontal")
            if sentence := words.lean(reviewing, changed):
                st.caption(words.sentence(sentence))
