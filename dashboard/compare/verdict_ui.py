"""Section "result" of Compare: one sentence, the deciding interval, and the method."""

from collections.abc import Mapping, Sequence

import streamlit as st

from dashboard.address.links import Cell
from dashboard.compare import verdict_words as words
from dashboard.compare.label_noise_ui import label_errors
from dashboard.compare.verdict_plot import forest_figure, forest_lines
from dashboard.evaluation.class_selection import plotted_differences
from dashboard.evaluation.comparison import Comparison
from dashboard.evaluation.label_change_effect import LabelChanges
from dashboard.evaluation.verdict import Judgement, question_of, why_none
from dashboard.ui import plots
from dashboard.ui.charts import Open, clickable_chart
from dashboard.ui.class_tables import class_table, difference_table
from dashboard.words import plain
from model_zoo.core.comparison.comparison import Rule
from model_zoo.core.comparison.outcomes import Question
from model_zoo.core.evaluation.macro_intervals import MIN_CLASS_PATIENTS
from model_zoo.core.evaluation.metrics import ClassFigure


def verdict(
    judged: Comparison,
    judgements: Sequence[Judgement],
    rule: Rule,
    figure: ClassFigure,
    theme: plots.Theme,
    open_cell: Open,
    beside: Mapping[str, str],
    reviewing: LabelChanges | None,
) -> None:
    """One card per subject against the first, or one sentence on why there is no result.

    ``beside`` maps a subject's id to the notes beside its result.
    """
    if sentence := why_none(judged):
        st.caption(sentence)
        return
    for judgement in judgements:
        with st.container(border=True):
            text, chart = st.columns([5, 6], gap="medium")
            with text:
                _say(judged, judgement, rule, beside[judgement.subject.subject_id])
                label_errors(judgement.tipping_point(rule.figure), reviewing)
            with chart:
                _draw(judged, judgement, rule, figure, theme, open_cell)


def _say(judged: Comparison, judgement: Judgement, rule: Rule, beside: str) -> None:
    question = question_of(judgement)
    result = judgement.verdicts[question, rule.figure]
    st.caption(
        f"Secondary look, restricted to {plain(judged.where.words)}: not the verdict that was fixed beforehand"
        if judged.where
        else "Verdict",
        help=words.HELP,
    )
    st.subheader(plain(words.verdict_sentence(judgement, result, judged.where)), anchor=False)
    st.markdown(plain(words.accuracy_sentence(judgement, result)))
    basis = judged.basis(judged.evaluations[judged.subjects.index(judgement.subject)])
    st.caption(f"{plain(basis)}. {plain(words.uncertainty_note(judgement, question))}")
    if beside:
        st.caption(plain(beside))
    other = Question.CHECKPOINT if question is Question.TRAINING else Question.TRAINING
    with st.expander("The other question, and how this is decided"):
        result = judgement.verdicts[other, rule.figure]
        sentences = (words.QUESTION_TEXTS[other] + ".", words.verdict_sentence(judgement, result, judged.where))
        st.markdown(plain(" ".join((*sentences, words.accuracy_sentence(judgement, result)))))
        st.markdown("\n".join(f"- {plain(line)}" for line in words.decision_method(judgement, rule)))


def _draw(
    judged: Comparison,
    judgement: Judgement,
    rule: Rule,
    figure: ClassFigure,
    theme: plots.Theme,
    open_cell: Open,
) -> None:
    question = question_of(judgement)
    rows = judgement.rows(question, figure)
    few = plotted_differences(rows)
    lines = forest_lines(judgement, question, rule, figure, few.positions)
    names = judgement.subject.title, judgement.reference.title
    st.caption(
        f"{plain(names[0])} minus {plain(names[1])}. Lines: 95 % CI; those of the classes ({figure}) hold all at once, "
        f"and a class of fewer than {MIN_CLASS_PATIENTS} patients gets none. Band: ±{100 * rule.margin:g} pp, the "
        "margin. Click a class for its images."
        + (f" {few.sentence} All of them are in the table below." if few.sentence else "")
    )
    clickable_chart(
        forest_figure(lines, judgement.subject.subject_id, names, rule.margin, theme),
        f"verdict_{judgement.subject.subject_id}_{figure}_{judged.split}",
        lambda who, name: Cell(who, true=(name,) if name else ()),
        open_cell,
    )
    if few.sentence:
        with st.expander(f"All {len(rows):,} classes as numbers"):
            class_table(difference_table(rows, names), f"differences_{judgement.subject.subject_id}")
