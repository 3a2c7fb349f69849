"""The verdict: one sentence on top, the interval that decides beside it, and how it came about below."""

import math
from collections.abc import Sequence

import streamlit as st

from dashboard import charts
from dashboard.actions.compare import Comparison
from dashboard.actions.verdicts import Judgement, question_of, too_few, why_none
from dashboard.charts.verdicts import Line, forest_figure
from dashboard.links import Cell, Where
from dashboard.parts.clicks import Open, chart_key, clicked
from dashboard.words import counted, plain, points_interval, points_text, share_text
from model_zoo.core.choices import Answer, ClassFigure, Headline, Question
from model_zoo.core.comparison import MIN_CLASS_PATIENTS, Rule, Verdict, clustered_mcnemar

_ASKED = {
    Question.TRAINING: "This way of training",
    Question.CHECKPOINT: "These trained models as they are",
}


def verdict(
    judged: Comparison,
    judgements: Sequence[Judgement],
    rule: Rule,
    figure: ClassFigure,
    look: charts.Look,
    open_cell: Open,
) -> None:
    """One card per subject against the first, or one sentence that says why there is none."""
    if sentence := why_none(judged):
        st.caption(sentence)
        return
    for judgement in judgements:
        with st.container(border=True):
            text, chart = st.columns([5, 6], gap="medium")
            with text:
                _say(judged, judgement, rule)
            with chart:
                _draw(judged, judgement, rule, figure, look, open_cell)


def headline(judgement: Judgement, said: Verdict, where: Where | None = None) -> str:
    """The verdict in one sentence, as Markdown; what holds for the images of ``where`` alone says so first."""
    subject, reference = plain(judgement.subject.title), plain(judgement.reference.title)
    by = f"{abs(100 * said.difference.value):.1f} points"
    margin = f"{100 * said.margin:g} point{'' if said.margin == 0.01 else 's'}"
    start = "On these images: " if where else ""
    if said.answer in (Answer.BETTER, Answer.WORSE):
        return f"{start}{subject} is {said.answer} than {reference}, by {by} of {said.figure}."
    if said.answer is Answer.SAME:
        return f"{start}{subject} and {reference} are the same within {margin} of {said.figure}."
    if said.answer is Answer.NOT_SETTLED:
        return f"{start}{'not' if where else 'Not'} settled: {subject} or {reference} may be better in {said.figure}."
    return f"{start}{'no' if where else 'No'} answer: {too_few(judgement, said.question)}"


def _say(judged: Comparison, judgement: Judgement, rule: Rule) -> None:
    asked = question_of(judgement)
    st.caption(
        f"Secondary look, restricted to {plain(judged.where.words)}: not the verdict that was fixed beforehand"
        if judged.where
        else "Verdict"
    )
    for question in Question:
        said = judgement.verdicts[question, rule.figure]
        if question is asked:
            st.subheader(headline(judgement, said, judged.where), anchor=False)
            st.markdown(_figures(judgement, said))
    basis = judged.basis(judged.evaluations[judged.subjects.index(judgement.subject)])
    apart = judgement.pair.n_apart
    left = f" {counted(apart, 'image')} can be judged on one side only and are left out." if apart else ""
    st.caption(
        f"{plain(basis)}.{left} {_ASKED[asked]}: "
        + (
            f"other patients and other seeds ({judgement.pair.a.n_runs} and {judgement.pair.b.n_runs}) could have come."
            if asked is Question.TRAINING
            else "other patients could have come; how other trainings would do is not asked."
        )
        + " All of it holds for this training set."
    )
    other = Question.CHECKPOINT if asked is Question.TRAINING else Question.TRAINING
    with st.expander("The other question, and how this is decided"):
        said = judgement.verdicts[other, rule.figure]
        st.markdown(f"*{_ASKED[other]}.* {headline(judgement, said, judged.where)} {_figures(judgement, said)}")
        st.markdown(_method(judgement, rule))


def _figures(judgement: Judgement, said: Verdict) -> str:
    ends = f"{share_text(said.a)} against {share_text(said.b)}: {points_text(said.difference.value)} points"
    if math.isnan(said.difference.low):
        return f"{ends}, no interval."
    sign = " Off 0, but not by more than the margin." if said.has_sign else ""
    return (
        f"{ends}, 95 % interval {points_interval(said.difference.low, said.difference.high)}; "
        f"{counted(said.n_images, 'image')} of {counted(said.n_patients, 'patient')}.{sign}{_needed(said)}"
    )


def _needed(said: Verdict) -> str:
    needs = said.needs
    if needs is None:
        return ""
    patients = f"about {needs.patients:,} patients (now {said.n_patients:,})" if needs.patients else ""
    seeds = f"about {needs.seeds:,} seeds a side (now {' and '.join(map(str, said.n_runs))})" if needs.seeds else ""
    if patients and seeds:
        return f" If the difference stays what it is, {patients} or {seeds} would settle it."
    if patients:
        alone = " More seeds alone cannot." if said.question is Question.TRAINING else ""
        return f" If the difference stays what it is, {patients} would settle it.{alone}"
    if seeds:
        return f" If the difference stays what it is, {seeds} would settle it. More patients alone cannot."
    return " Neither more patients alone nor more seeds alone would settle it; both are needed."


def _method(judgement: Judgement, rule: Rule) -> str:
    margin = 100 * rule.margin
    lines = [
        f"The interval alone decides: inside ±{margin:g} it is the same; else wholly above or below 0 it is better "
        f"or worse; else not settled. Figure ({rule.figure}) and margin stand in `workspace.toml`, fixed beforehand; "
        "all other figures are secondary.",
        "Each model's answer is mapped to the common classes as it is (argmax, then mapped). Images of one patient "
        "count as one draw of several images.",
    ]
    said = judgement.verdicts[Question.TRAINING, rule.figure]
    if said.variance.total > 0:
        spread = [
            100 * math.sqrt(part)
            for part in (said.variance.patients, sum(said.variance.seeds), sum(said.variance.interaction))
        ]
        lines.append(
            f"Where the uncertainty of the trainings comes from (standard errors, points): patients {spread[0]:.2f}, "
            f"seeds {spread[1]:.2f}, of which in both {spread[2]:.2f} (counted once)."
        )
    chi2, p = clustered_mcnemar(judgement.pair)
    if not math.isnan(p):
        lines.append(
            f"As a check, not as a verdict: clustered McNemar (Obuchowski 1998), χ² = {chi2:.2f}, p = {p:.3f}."
        )
    return "\n".join(f"- {line}" for line in lines)


def _draw(
    judged: Comparison,
    judgement: Judgement,
    rule: Rule,
    figure: ClassFigure,
    look: charts.Look,
    open_cell: Open,
) -> None:
    question = question_of(judgement)
    lines = []
    for headline in sorted(Headline, key=lambda one: one is not rule.figure):
        said = judgement.verdicts[question, headline]
        title = str(headline) if headline is rule.figure else f"{headline} (secondary)"
        deciding = headline is rule.figure
        lines.append(
            Line(title, "", said.a, said.b, said.difference, said.n_images, said.n_patients, deciding=deciding)
        )
    for row in judgement.rows[question, figure]:
        lines.append(Line(row.name, row.name, row.a, row.b, row.difference, row.n_images, row.n_patients))
    names = judgement.subject.title, judgement.reference.title
    st.caption(
        f"{plain(names[0])} minus {plain(names[1])}. Lines: 95 % intervals; those of the classes ({figure}) hold all "
        f"at once, and a class of fewer than {MIN_CLASS_PATIENTS} patients gets none. Band: the margin. "
        "Click a class for its images."
    )
    key = chart_key(f"verdict_{judgement.subject.subject_id}_{figure}_{judged.split}")
    st.plotly_chart(
        forest_figure(lines, judgement.subject.subject_id, names, rule.margin, look),
        key=key,
        on_select=clicked(key, lambda who, name: Cell(who, true=(name,) if name else ()), open_cell),
        selection_mode="points",
        theme=None,
        config={"displayModeBar": False, "doubleClick": False},
    )
