"""A comparison as lines of text: what `taxoscope compare` prints."""

from collections.abc import Mapping, Sequence

from dashboard.compare import label_noise_words
from dashboard.compare import verdict_words as words
from dashboard.compare.many_models import compare_subjects, compare_subset, many_models_note, sentences, table_rows
from dashboard.compare.result_notes import result_notes
from dashboard.compare.smallest_gap import detectable_difference_words
from dashboard.evaluation.comparison import Comparison
from dashboard.evaluation.label_change_effect import label_change_effect
from dashboard.evaluation.undecided_words import undecided_note
from dashboard.evaluation.verdict import Judgement, question_of, why_none
from dashboard.server_state.open_workspace import Desk
from model_zoo.workspace.command_line import command


def printed(desk: Desk, judged: Comparison, found: Sequence[Judgement]) -> list[str]:
    """Basis, each result with what stands beside it, and the table of three models or more; of one, what it detects."""
    rule, beside = desk.workspace.rule, result_notes(desk, judged, found)
    lines = [f"{judged.basis(one)}." for one in judged.evaluations] if not judged.one_basis else []
    lines = lines or [f"{judged.basis(judged.evaluations[0])}."]
    lines += [
        f"{subject.title}: {note}"
        for subject, evaluation in zip(judged.subjects, judged.evaluations, strict=True)
        if (note := undecided_note(evaluation))
    ]
    if len(judged.subjects) == 1:
        return [*lines, *detectable_difference_words(judged, rule)]
    if sentence := why_none(judged):
        return [*lines, sentence]
    for one in found:
        said = one.verdicts[question_of(one), rule.figure]
        told = (
            words.verdict_sentence(one, said, judged.where),
            words.accuracy_sentence(one, said),
            beside[one.subject.subject_id],
        )
        lines.append(" ".join(part for part in told if part))
        if point := one.tipping_point(rule.figure):
            reviewed = label_change_effect(desk, judged.subjects, judged.space, judged.split, judged.where)
            lines.append(f"Label errors: {' '.join(label_noise_words.sentences(point, reviewed))}")
    many = compare_subjects(judged, rule, lambda some: compare_subset(desk, judged, some))
    if many:
        lines += ["", *_table(table_rows(many)), *sentences(many), many_models_note(desk, many)]
        lines += [
            f"Alone: {command('compare', many.baseline.subject_id, subject.subject_id, folders=desk.workspace.folders)}"
            for subject, _ in many.left_out
        ]
        for subject, images in zip(many.judged.subjects, many.only_wrong, strict=True):
            if images:
                lines.append(f"Only {subject.title} gets wrong: {', '.join(images)}")
    return lines


def _table(rows: Sequence[Mapping[str, str]]) -> list[str]:
    cells = [list(rows[0]), *(list(row.values()) for row in rows)]
    widths = [max(len(row[k]) for row in cells) for k in range(len(cells[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
