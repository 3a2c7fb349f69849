"""What reviewing changed: each subject before and after, the images that moved, and what a random sample says."""

from collections.abc import Callable, Sequence
from urllib.parse import urlencode

import pandas as pd
import streamlit as st

from dashboard.actions import reviewing_words as words
from dashboard.actions.diagnose import Diagnosis
from dashboard.actions.reviewing import MOVED, Changed, Reviewing
from dashboard.links import Cell, Shown
from dashboard.words import plain, share_text
from model_zoo.core.choices import Cause, Headline, Labels, Moved, Order

_ESTIMATE = "accuracy if all were reviewed"


def what_changed(found: Reviewing | None, shown: Shown) -> None:
    """A row per subject, which way it leans, and the estimate from the random queue; nothing where none is."""
    if found is None:
        return
    st.subheader("What reviewing changed", anchor=False)
    st.caption(f"{plain(words.coverage(found))}. Before → after, over the same images; numbers open the images.")
    drawn = found.subjects[0].estimate is not None
    rows = [_row(one, shown, drawn) for one in found.subjects]
    st.table(pd.DataFrame(rows).set_index("subject"), border="horizontal")
    if found.chosen:
        leans = {plain(one.subject.title): plain(words.lean(found, one)) for one in found.subjects}
        st.markdown("\n".join(f"- **{title}**: {lean}." for title, lean in leans.items()))
    elif sentence := words.lean(found, found.subjects[0]):
        st.markdown(_sentence(sentence))
    if drawn:
        for sentence in filter(None, (words.ranking(found, one) for one in found.subjects[1:])):
            st.markdown(f"**{plain(sentence)}**" if sentence.startswith("The ranking turned") else plain(sentence))
        st.caption(plain(words.sample(found)))
    if not found.complete:
        _draw_more(found, shown, drawn)


def causes_changed(
    diagnoses: Sequence[Diagnosis],
    found: Sequence[Reviewing | None],
    under: Callable[[str, Labels], Diagnosis],
) -> None:
    """The measures of the causes before and after reviewing, computed when opened; nothing where nothing is reviewed.

    ``found`` says of each diagnosed subject what was reviewed, ``under`` gives its diagnosis under other labels.
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
                st.caption(_sentence(sentence))


def _sentence(part: str) -> str:
    return plain(f"{part[0].upper()}{part[1:]}.")


def _row(changed: Changed, shown: Shown, drawn: bool) -> dict[str, str]:
    row = {"subject": plain(changed.subject.title)}
    row |= {str(figure): words.before_after(pair) for figure, pair in changed.figures.items()}
    for moved, images in changed.moved.items():
        if images or moved in (Moved.RIGHT, Moved.WRONG, Moved.SAME):
            row[MOVED[moved]] = _link(changed, moved, len(images), shown)
    return row | ({_ESTIMATE: words.estimated(changed.estimate)} if drawn else {})


def _link(changed: Changed, moved: Moved, n_images: int, shown: Shown) -> str:
    if not n_images:
        return "0"
    labels = Labels.REVIEWED if moved is Moved.COUNTED else Labels.ORIGINAL
    query = shown.query() | {"labels": [str(labels)]} | Cell(changed.subject.subject_id, moved=moved).query()
    return f"[{n_images:,}](images?{urlencode(query, doseq=True)})"


def _draw_more(found: Reviewing, shown: Shown, drawn: bool) -> None:
    if not drawn:
        st.caption(words.WHAT_FOR)
    seed = {"seed": [str(found.seed)]} if found.seed else {}
    st.page_link(
        "views/review.py",
        label="Go on in random order" if drawn else "Review in random order",
        icon=":material/shuffle:",
        query_params=shown.query() | {"labels": [str(Labels.ORIGINAL)], "order": [str(Order.RANDOM)]} | seed,
    )
