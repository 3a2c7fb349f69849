"""Section "indistinguishable pairs": pairs of classes with their AUC, annotator agreement and images."""

import math
from collections.abc import Sequence

import pandas as pd
import streamlit as st

from dashboard.address.links import MatrixView, images_url
from dashboard.taxonomies.separability import SeparabilityResult
from dashboard.words import counted, images_of_patients, interval_text, one_of, plain, share_text
from model_zoo.core.suggestions.separability import CHANCE, FAIR, MIN_PATIENTS_PER_CLASS, PairSeparability, Separation

SHOWN = 8
"""Pairs shown before the others are asked for."""


def indistinguishable_pairs(result: SeparabilityResult | None) -> None:
    """Pairs that models cannot distinguish, in a sentence; the least separable in a table, all pairs in another."""
    st.subheader("What to keep apart", anchor=False)
    if result is None:
        st.info("No trained series can answer in these classes over validation, so no pair of classes can be judged.")
        return
    st.markdown(_sentence(result))
    measured = [one for one in result.pairs if one.measured]
    if measured:
        rows = [_row(result, one) for one in measured[:SHOWN]]
        st.table(pd.DataFrame(rows).set_index("pair"), border="horizontal")
    with st.expander(f"All {counted(len(result.pairs), 'pair')}"):
        _all(result)
    _caption(result)


def _sentence(result: SeparabilityResult) -> str:
    pairs, alike = result.pairs, result.like_chance
    n_apart = sum(one.separable for one in pairs)
    n_poor = sum(one.measured and one.poorly_at_best for one in pairs)
    n_few = sum(not one.measured for one in pairs)
    kinds = {
        "told apart better than chance": n_apart,
        f"known to stay below {FAIR:.2f}": n_poor,
        "where chance is not ruled out": len(pairs) - n_apart - n_few,
        "with too few patients to say": n_few,
    }
    counts = ", ".join(f"{n:,} {what}" for what, n in kinds.items() if n)
    counts = f"Of {counted(len(pairs), 'pair')} of classes: {counts}."
    if not alike:
        return f"**No pair looks like chance, as answers stand.** {counts}"
    first = alike[0]
    a, b = result.names(first)
    best = first.separations[first.best]
    lead = (
        f"No series is known to separate {a} from {b} better than chance: AUC {_auc(best)}, {_images(best)}; "
        f"{_people(result, first)}."
    )
    others = [" / ".join(result.names(one)) for one in alike[1:]]
    more = f" The same holds for {one_of(others, 'and')}." if others else ""
    return f"**{plain(lead)}** {plain(more)} {counts}"


def _row(result: SeparabilityResult, one: PairSeparability) -> dict[str, str]:
    best = one.separations[one.best]
    shown, cell = result.images(one)
    people = {"people": plain(_people(result, one))} if result.n_rated_twice else {}
    return {
        "pair": f"[{plain(' / '.join(result.names(one)))}]({images_url(shown, cell, MatrixView())})",
        "AUC, 0.5 is chance": plain(_auc(best)),
        "by": plain(result.subjects[one.best].title),
        "separated": _separated(one),
        **people,
        "images (patients)": f"{_both(best.n_images)} ({_both(best.n_patients)})",
    }


def _all(result: SeparabilityResult) -> None:
    rows = []
    for one in result.pairs:
        best = one.separations[one.best]
        a, b = result.names(one)
        rows.append(
            {
                "class": a,
                "other class": b,
                "AUC": best.auc,
                "from": best.low,
                "to": best.high,
                "SD over seeds": best.sd,
                "by": result.subjects[one.best].title,
                "separated": _separated(one),
                "people": _people(result, one),
                "images": _both(best.n_images),
                "patients": _both(best.n_patients),
                "look": images_url(*result.images(one), MatrixView()),
            }
        )
    numbers = {name: st.column_config.NumberColumn(format="%.3f") for name in ("AUC", "from", "to", "SD over seeds")}
    look = st.column_config.LinkColumn("images of both", display_text="open")
    st.dataframe(
        pd.DataFrame(rows), hide_index=True, key="taxonomies_pairs", column_config=numbers | {"look": look}, lazy=False
    )


def _caption(result: SeparabilityResult) -> None:
    evaluation, subjects = result.evaluation, result.subjects
    n_intervals = sum(not math.isnan(s.low) for one in result.pairs for s in one.separations)
    several = "; of several series, that with the highest mean over its seeds" if len(subjects) > 1 else ""
    n_twice = result.n_rated_twice
    decided = f"{counted(n_twice, 'image')} so far" if n_twice else "nobody has decided twice yet"
    titles = plain(one_of([s.title for s in subjects], "and"))
    st.caption(
        "AUC: how likely an image of the one class is scored above one of the other, by log p(one) − log p(other), "
        f"over the images labelled as either; mean over the seeds of {titles}{several}. Classes of "
        f"{plain(result.taxonomy.reference)} ({len(result.taxonomy.names)}), validation split, original labels, "
        f"{images_of_patients(len(evaluation.truth), evaluation.n_patients)}. "
        f"The {n_intervals:,} intervals hold all at once with 95 % (Bonferroni), so that looking for the lowest "
        "misleads nobody; they cover the choice of patients (Obuchowski 1997), not of seeds. Separated: *yes* where "
        f"the interval is above {CHANCE}, *no* where it is below {FAIR:.2f} for every series, *barely* where both. "
        f"Fewer than {MIN_PATIENTS_PER_CLASS} patients in either class: no interval. People: two people about one "
        "image "
        f"({decided}); they agree where the interval is above what calling the classes as often at random would give."
    )


def _separated(one: PairSeparability) -> str:
    if not one.measured:
        return "too few patients"
    if one.separable:
        return "barely" if one.poorly_at_best else "yes"
    return "no" if one.poorly_at_best else "inconclusive"


def _people(result: SeparabilityResult, one: PairSeparability) -> str:
    if not result.n_rated_twice:
        return "nobody has decided twice yet"
    agreement = result.rater_agreements.get(one.pair)
    if agreement is None:
        return "not decided twice"
    interval = interval_text(agreement.share.low, agreement.share.high)
    return (
        f"{'agree' if agreement.beyond_chance else 'not known to agree'}: {agreement.n_same:,} of "
        f"{counted(agreement.n_answers, 'pair of answers', 'pairs of answers')} alike "
        f"({interval}; by chance {share_text(agreement.chance)})"
    )


def _auc(one: Separation) -> str:
    if math.isnan(one.auc):
        return "–"
    return f"{one.auc:.2f} ({one.low:.2f} to {one.high:.2f})" if not math.isnan(one.low) else f"{one.auc:.2f} (–)"


def _images(one: Separation) -> str:
    return f"{counted(sum(one.n_images), 'image')} of {counted(one.n_patients_in_all, 'patient')}"


def _both(counts: Sequence[int]) -> str:
    return " + ".join(f"{n:,}" for n in counts)
