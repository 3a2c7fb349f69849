"""Section "task difficulty": original and shared classes side by side, a sentence about the gap, secondary metrics."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import streamlit as st

from dashboard.address import links
from dashboard.address.links import Cell, Shown
from dashboard.address.selection import Labels, Space
from dashboard.compare.task_difficulty import SecondaryMetrics, SideBySide, SubjectInBothSpaces
from dashboard.evaluation.comparison import Comparison
from dashboard.words import (
    LABELS,
    counted,
    interval_text,
    no_interval,
    number_text,
    plain,
    points_text,
    rare_classes,
    share_text,
)
from model_zoo.core.comparison.task_difficulty import frequency_chance, itca, majority, uniform_chance
from model_zoo.core.evaluation.evaluation import Evaluation, Figure, accuracy
from model_zoo.core.evaluation.metrics import ClassFigure, Headline, Share
from model_zoo.core.evaluation.probability_summing import SummingEffect


def side_by_side(both: SideBySide, shown: Shown) -> None:
    """For different class sets: baselines in each, both accuracies, ITCA, and the effect of summing probabilities."""
    if not both.native.mixes_label_spaces:
        return
    st.subheader("Gain due to the easier task", anchor=False)
    for sentence in both.sentences:
        st.markdown(plain(sentence))
    leaning = " On labels as reviewed there is none, and these figures lean to the runs whose mistakes were reviewed."
    st.caption(
        "These intervals cover the choice of patients alone, not of seeds, and decide nothing: which is better, the "
        f"verdict alone says.{leaning if shown.labels is Labels.REVIEWED else ''}"
    )
    own, common = "own classes", f"common ground ({counted(len(both.common.ground.classes), 'class', 'classes')})"
    rows = [
        {
            (own, "classes"): str(len(side.native.taxonomy.classes)),
            (own, "guessing evenly"): share_text(uniform_chance(side.native)),
            (own, "guessing by frequency"): _with_interval(frequency_chance(side.native)),
            (own, "always the largest class"): _with_interval(majority(side.native)),
            (own, "accuracy"): _with_interval(accuracy(side.native).share),
            (own, "ITCA, nats"): _plain_figure(itca(side.native)),
            (own, "images (patients)"): _counts(side.native),
            (common, "accuracy"): _with_interval(accuracy(side.common).share),
            (common, "by summing"): _by_summing(side),
            (common, "images (patients)"): _counts(side.common),
        }
        for side in both.sides
    ]
    table = pd.DataFrame([list(row.values()) for row in rows], [plain(side.subject.title) for side in both.sides])
    table.columns = pd.MultiIndex.from_tuples(rows[0])
    st.table(table, border="horizontal")
    st.caption(f"Over the {plain(shown.images)}, {LABELS[shown.labels]}. {_NOTES}")
    _open_changed(both, shown)


def secondary_metrics_table(judged: Comparison, figures: Sequence[SecondaryMetrics]) -> None:
    """Table of secondary metrics in the class set shown; none of them decides."""
    with st.expander("More figures (secondary: none of them decides)"):
        if judged.mixes_label_spaces and judged.space is Space.NATIVE:
            st.caption("Each column stands in its own classes: these columns answer different questions.")
        names = list(dict.fromkeys(figure.name for one in figures for figure in one.figures))
        columns = {plain(one.subject.title): {figure.name: _text(figure) for figure in one.figures} for one in figures}
        frame = pd.DataFrame(columns, index=names).fillna("–")
        st.table(frame, border="horizontal")
        bases = dict.fromkeys(judged.basis(evaluation) for evaluation in judged.evaluations)
        st.caption(
            f"{plain('; '.join(bases))}. Intervals: 95 %, patients only. Macro precision is undefined as soon as "
            "a class with images is never predicted. Losses: probabilities of classes that fall together are summed."
        )
        for names_of_chain in dict.fromkeys(tuple(t.name for t in one.chain) for one in figures if one.chain):
            st.caption(f"Hierarchical F1 and severity climb {plain(' → '.join(names_of_chain))} → everything.")


_NOTES = (
    "Guessing evenly: 1 / classes. ITCA: each right answer earns −ln(frequency of its class), so that telling many "
    "even classes apart counts more than few. By summing: images per run that become right and wrong if probabilities "
    "are summed before the answer is chosen, and the net; every other figure here maps the model's answer. "
    "Intervals: 95 %, patients only; seeds add to them."
)
_IN_PERCENT = {*map(str, Headline), "macro precision", f"hierarchical {ClassFigure.F1}"}


def _open_changed(both: SideBySide, shown: Shown) -> None:
    """Links to the images whose correctness changes by summing, one per subject and direction."""
    common = replace(shown, space=Space.COMMON)
    with st.container(horizontal=True):
        for subject, by_summing in ((side.subject, side.by_summing) for side in both.sides):
            for becomes in SummingEffect:
                if n_images := len(by_summing.ids(becomes)):
                    what = f"{counted(n_images, 'image')} becoming {becomes} by summing"
                    st.page_link(
                        "images.py",
                        label=plain(f"{subject.title}: {what}"),
                        icon=":material/photo_library:",
                        query_params=links.to_cell(common, Cell(subject.subject_id, summing=becomes)),
                    )


def _by_summing(side: SubjectInBothSpaces) -> str:
    right, wrong = (side.by_summing.n_images(becomes).mean() for becomes in (SummingEffect.RIGHT, SummingEffect.WRONG))
    if not right and not wrong:
        return "no image changes"
    net = side.by_summing.net
    digits = 1 if len(net.per_run) > 1 else 0
    counts = f"{right:.{digits}f} right, {wrong:.{digits}f} wrong"
    interval = (
        "" if math.isnan(net.share.low) else f" ({points_text(net.share.low, 2)} to {points_text(net.share.high, 2)})"
    )
    return f"{counts}; net {points_text(net.mean, 2)} points{interval}"


def _counts(evaluation: Evaluation) -> str:
    return f"{len(evaluation.truth):,} ({evaluation.n_patients:,})"


def _text(figure: Figure) -> str:
    """A metric with its interval, and the number of runs in which it is defined if not in all."""
    text = _with_interval(figure.share) if figure.name in _IN_PERCENT else _plain_figure(figure)
    n_defined, n_runs = int((~np.isnan(figure.per_run)).sum()), len(figure.per_run)
    defined = f", in {n_defined} of {n_runs} runs" if 0 < n_defined < n_runs else ""
    few = "" if math.isnan(figure.mean) else no_interval(figure.share.n_patients)
    return f"{text}{defined}{few or plain(rare_classes(figure.rare))}"


def _with_interval(share: Share) -> str:
    return "–" if math.isnan(share.value) else f"{share_text(share.value)} ({interval_text(share.low, share.high)})"


def _plain_figure(figure: Figure) -> str:
    """A metric on its own scale, not in percent."""
    if math.isnan(figure.mean):
        return "–"
    return f"{number_text(figure.mean)} ({number_text(figure.share.low)} to {number_text(figure.share.high)})"
