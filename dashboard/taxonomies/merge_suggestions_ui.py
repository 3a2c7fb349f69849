"""Section "merge suggestions": each candidate with its gains, which must not be added."""

from collections.abc import Mapping

import pandas as pd
import streamlit as st

from dashboard.address.links import Shown, page_url
from dashboard.evaluation.drafting import Drafted
from dashboard.evaluation.verdict import Judgement, question_of
from dashboard.taxonomies.merge_suggestions import MergeSuggestions, merged_class_name
from dashboard.words import counted, images_of_patients, one_of, plain, points_interval, points_text, signed
from model_zoo.core.comparison.comparison import Rule
from model_zoo.core.label_space.edits import Merge
from model_zoo.core.label_space.labels import LeafSpace
from model_zoo.core.suggestions.merge_suggestions import ENOUGH_PATIENTS, MergeCandidate

SHOWN = 8
"""Candidates shown before the others are asked for."""


def merge_suggestions_section(given: MergeSuggestions | None, drafted: Drafted, rule: Rule, space: LeafSpace) -> None:
    """One sentence and a row per candidate; each row links to the draft with that merge."""
    if given is None:
        st.info("No trained series can answer in these classes over validation, so nothing can be advised yet.")
        return
    if not given.candidates:
        st.info("Too few classes or validation patients to look for merges.")
        return
    paying = [one for one in given.candidates if one.pays]
    sentence = (
        f"Merging {one_of([_title(one) for one in paying], 'and')} would pay, as the answers of "
        f"{given.subject.title} stand."
        if paying
        else f"No merge pays for sure, as the answers of {given.subject.title} stand."
    )
    st.markdown(f"**{plain(sentence)}**")
    if given.evaluation.n_patients < ENOUGH_PATIENTS:
        st.info(
            f"Few patients ({given.evaluation.n_patients:,}): merges that would pay may be missed. In simulations, two "
            "classes confused in 45 % of their images were found in 0 % of data sets with 25 patients, 24 % with 50, "
            "48 % with 100 and 96 % with 150."
        )
    _table(given, given.candidates[:SHOWN], drafted, rule, space)
    rest = given.candidates[SHOWN:]
    if rest:
        with st.expander(f"{counted(len(rest), 'more candidate')}"):
            _table(given, rest, drafted, rule, space)
    n_patients = given.evaluation.n_patients
    st.caption(
        f"Free: the same answers of {plain(given.subject.title)}, merged; classes of {plain(given.taxonomy.reference)} "
        f"({len(given.taxonomy.names)}), validation split, original labels, "
        f"{images_of_patients(len(given.evaluation.truth), n_patients)}. Accuracy always rises "
        "when classes merge, so it is shown beside random merges of as many classes (95 % of them). ITCA (Zhang et al. "
        "2022) weighs what a merge forgives against the resolution that it gives up: above 0 it pays. Its gain is "
        "measured on patients that neither found the candidate nor counted the classes; the intervals hold for all "
        "candidates at once. Bought: trained on the merged classes, the verdict on common ground over the test split. "
        "The two answer different questions and are never added."
    )


def _table(
    given: MergeSuggestions, rows: tuple[MergeCandidate, ...], drafted: Drafted, rule: Rule, space: LeafSpace
) -> None:
    table = [
        {
            "merge": f"[{plain(_title(one))}]({_as_step(one, drafted, space)})",
            "classes": plain(one_of(one.members, "and")),
            "images (patients)": f"{one.n_images:,} ({one.n_patients:,})",
            "free: accuracy, points": f"{points_text(one.rise)} (random {points_text(one.random[0])} to "
            f"{points_text(one.random[2])})",
            "free: ITCA, nats": f"{signed(one.gain, 3)} ({signed(one.low, 3)} to {signed(one.high, 3)})",
            "pays": "yes" if one.pays else "no" if one.high < 0 else "inconclusive",
            "bought": _bought(given.retrained, one, rule),
        }
        for one in rows
    ]
    st.table(pd.DataFrame(table).set_index("merge"), border="horizontal")


def _title(candidate: MergeCandidate) -> str:
    if candidate.meaning:
        return candidate.meaning.words
    return f"{one_of(candidate.members, 'and', 3)} (looks alike, no common meaning found)"


def _as_step(candidate: MergeCandidate, drafted: Drafted, space: LeafSpace) -> str:
    draft = drafted.draft.with_step(Merge(candidate.members, merged_class_name(candidate)))
    return page_url("taxonomies", draft.query(space))


def _bought(bought: Mapping[tuple[str, ...], Judgement], candidate: MergeCandidate, rule: Rule) -> str:
    judgement = bought.get(candidate.members)
    if judgement is None:
        return "not known yet: open it, save it, train it"
    result = judgement.verdicts[question_of(judgement), rule.figure]
    address = page_url("compare", Shown((judgement.reference.subject_id, judgement.subject.subject_id)).query())
    named = str(result.outcome)
    gap = result.difference
    return f"[{named}]({address}): {points_text(gap.value)} ({points_interval(gap.low, gap.high)})"
