"""Three models or more in a workspace: table, class set, counted comparisons, planned seeds, what one model detects."""

import json
import math
import subprocess
import sys
from dataclasses import replace

import pytest

from dashboard.address.selection import Labels, Space
from dashboard.cli.comparison_text import printed
from dashboard.compare.many_models import compare_subjects, compare_subset, many_models_note, sentences, table_rows
from dashboard.compare.result_notes import count_comparisons_shown, result_notes, seeds_note
from dashboard.compare.smallest_gap import detectable_difference_words, smallest_detectable_differences
from dashboard.evaluation.comparison import compare, find_subjects
from dashboard.evaluation.verdict import judgements
from dashboard.report.numbers import many_models as tree
from dashboard.server_state.comparison_log import ComparisonLog, comparison_key
from dashboard.server_state.open_workspace import Desk
from dashboard.words import one_of
from model_zoo.core.comparison.comparison import Rule
from model_zoo.core.comparison.outcomes import Question
from model_zoo.core.errors import WorkspaceError
from model_zoo.core.evaluation.metrics import Headline
from model_zoo.core.label_space.splits import Split
from model_zoo.workspace.workspace import Workspace
from tests.command import run_here


def compared(workspace, *names, split=Split.TEST):
    series = {one.card.taxonomy.name: one.series_id for one in workspace.series()}
    subjects = find_subjects(workspace.series(), [series.get(name, name) for name in names])
    dataset = workspace.dataset()
    return compare(subjects, Space.COMMON, split, Labels.ORIGINAL, dataset.labels, dataset.patients)


def many_of(desk, judged):
    return compare_subjects(judged, desk.workspace.rule, lambda some: compare_subset(desk, judged, some))


def test_the_table_has_a_row_per_model_against_the_first(fresh_animals):
    desk = Desk(fresh_animals)
    many = many_of(desk, compared(fresh_animals, "things-s1", "things-s0", "things-s2"))
    rows = table_rows(many)
    assert [row["model"] for row in rows] == ["things-s1", "things-s0", "things-s2"]
    assert [row["difference, pp"] == "baseline" for row in rows] == [True, False, False]
    accuracies = [one.right.mean() for one in many.judged.evaluations]
    assert many.found.figures == pytest.approx(accuracies)
    assert many.found.rows[0].difference.value == pytest.approx(accuracies[1] - accuracies[0])
    assert many_of(desk, compared(fresh_animals, "things-s0", "things-s1")) is None


def test_a_model_that_reduces_the_shared_classes_is_named_and_left_out(fresh_animals):
    desk = Desk(fresh_animals)
    judged = compared(fresh_animals, "things-s0", "kinds", "things-s1", "things-s2")
    assert len(judged.ground.classes) == 3  # animal, vehicle, logo
    many = many_of(desk, judged)
    assert [one.title for one in many.judged.subjects] == ["things-s0", "things-s1", "things-s2"]
    assert len(many.judged.ground.classes) == 5
    assert [(one.title.split()[0], n) for one, n in many.left_out] == [("kinds", 3)]
    assert "from 5 to 3" in " ".join(sentences(many))


def test_images_that_one_model_alone_gets_wrong_are_listed(fresh_animals):
    many = many_of(Desk(fresh_animals), compared(fresh_animals, "things-s0", "things-s1", "things-s2"))
    right = {k: dict(zip(one.image_ids, one.right[0], strict=True)) for k, one in enumerate(many.judged.evaluations)}
    for k, images in enumerate(many.only_wrong):
        others = [right[other] for other in range(3) if other != k]
        assert set(images) == {i for i, ok in right[k].items() if not ok and all(other[i] for other in others)}
    assert any(many.only_wrong)


def test_each_distinct_comparison_is_counted_once_and_survives_a_restart(fresh_animals):
    desk = Desk(fresh_animals)
    first = compared(fresh_animals, "things-s0", "things-s1")
    rule = desk.workspace.rule

    def shown(desk, judged):
        return result_notes(desk, judged, judgements(judged, rule))[judged.subjects[1].subject_id]

    assert "1 comparison on this test split so far." in shown(desk, first)
    assert "1 comparison on" in shown(desk, first)
    assert "1 comparison on" in shown(desk, compared(fresh_animals, "things-s1", "things-s0"))  # the same two
    assert "2 comparisons on" in shown(desk, compared(fresh_animals, "things-s2", "things-s0"))
    assert "2 comparisons on" in shown(Desk(Workspace.open(fresh_animals.writable)), first)
    judged = compared(
        fresh_animals, "things-s0", "things-s1", "things-s2"
    )  # a pair that is new: s1 and s2 are not shown
    many = many_of(desk, judged)
    assert "2 comparisons on" in many_models_note(desk, many)


def test_another_class_set_split_restriction_or_metric_is_another_comparison(fresh_animals):
    desk = Desk(fresh_animals)
    judged = compared(fresh_animals, "things-s0", "kinds-s0")
    pairs = [(judged.subjects[1], judged.subjects[0])]
    assert count_comparisons_shown(desk, judged, judged.ground, pairs) == 1
    assert count_comparisons_shown(desk, judged, judged.subjects[0].taxonomy, pairs) == 2
    assert count_comparisons_shown(desk, replace(judged, labels=Labels.REVIEWED), judged.ground, pairs) == 3
    assert count_comparisons_shown(desk, replace(judged, split=Split.VALIDATION), judged.ground, pairs) == 1
    desk.workspace.rule = Rule(Headline.MACRO_F1)
    assert count_comparisons_shown(desk, judged, judged.ground, pairs) == 4
    more_seeds = compared(fresh_animals, "things", "kinds-s0")
    assert count_comparisons_shown(desk, more_seeds, judged.ground, [more_seeds.subjects]) == 5


def test_the_log_is_safe_beside_others_and_passes_over_broken_lines(tmp_path):
    path = tmp_path / "comparisons.jsonl"
    one, other = ComparisonLog(path), ComparisonLog(path)
    assert one.record("test", ["a", "a"]) == 1
    assert other.record("test", ["b"]) == 2
    with path.open("ab") as out:
        out.write(b'{"key": "c", "spl')  # a kill in the middle of a line
    assert one.record("test", ["d", "b"]) == 3
    path.write_bytes(path.read_bytes() + b'\n[1]\n{"key": 5}\nnull\n\xff\xfe\n')
    assert other.record("test", ["a"]) == 3
    assert other.record("validation", ["e"]) == 1
    path.unlink()
    assert one.record("test", ["x"]) == 1


def test_many_processes_count_each_comparison_once(tmp_path):
    path = tmp_path / "comparisons.jsonl"
    code = (
        "import sys; from pathlib import Path; from dashboard.server_state.comparison_log import ComparisonLog\n"
        "log = ComparisonLog(Path(sys.argv[1]))\n"
        "[log.record('test', [f'k{n}']) for n in range(100)]"
    )
    running = [subprocess.Popen([sys.executable, "-c", code, str(path)]) for _ in range(3)]
    assert [one.wait() for one in running] == [0, 0, 0]
    assert ComparisonLog(path).record("test", []) == 100


def test_a_folder_that_cannot_be_written_gives_no_count(tmp_path):
    folder = tmp_path / "gone"
    assert ComparisonLog(folder / "comparisons.jsonl").record("test", ["a"]) is None
    assert comparison_key([["b", "a"], ["c"]], "x") == comparison_key([["c"], ["a", "b"]], "x")
    assert comparison_key([["a", "b"], ["c"]], "x") != comparison_key([["a"], ["b", "c"]], "x")


@pytest.mark.parametrize(
    ("names", "planned", "said"),
    [
        (("things", "kinds"), None, ""),
        (("things", "kinds"), 3, "Interim: 3 and 2 of 3 planned seeds."),
        (("things", "kinds"), 2, "Seeds added after the plan: 3 and 2 where 2 were planned."),
        (("things-s0", "things-s1"), 1, ""),
    ],
)
def test_seeds_are_set_beside_the_plan(animals, names, planned, said):
    assert seeds_note(compared(animals, *names).subjects, planned) == said


@pytest.mark.parametrize("where", ["top", "table"])
def test_planned_seeds_are_read_from_the_declaration(fresh_animals, where):
    path = fresh_animals.writable / "workspace.toml"
    written = path.read_text()
    path.write_text(f"planned_seeds = 5\n{written}" if where == "top" else f"{written}\n[verdict]\nplanned_seeds = 5\n")
    assert Workspace.open(fresh_animals.writable).rule == Rule(planned_seeds=5)
    assert Workspace.demo(fresh_animals.writable.parent / "demo").rule.planned_seeds == 8
    for wrong in ("0", "2.5", "true", '"8"'):
        path.write_text(f"{written}\n[verdict]\nplanned_seeds = {wrong}\n")
        with pytest.raises(WorkspaceError, match="planned_seeds"):
            Workspace.open(fresh_animals.writable)


def test_one_model_says_what_the_split_can_detect(fresh_animals):
    judged = compared(fresh_animals, "things")
    found = smallest_detectable_differences(judged, Rule())
    assert [one.question for one in found] == [Question.CHECKPOINT, Question.TRAINING]
    assert all(0 < one.alike <= one.unrelated < 1 for one in found)
    assert all("80 %" in one for one in detectable_difference_words(judged, Rule()))
    assert detectable_difference_words(compared(fresh_animals, "things", "kinds"), Rule()) == []


@pytest.mark.parametrize("figure", [Headline.MACRO_F1, Headline.BALANCED_ACCURACY])
def test_the_smallest_gap_names_rare_classes_or_says_that_they_leave_none(fresh_animals, figure):
    judged = compared(fresh_animals, "things")
    found = smallest_detectable_differences(judged, Rule(figure))
    names = [judged.evaluations[0].taxonomy.names[k] for k in found[0].rare]
    assert names
    stated = not math.isnan(found[0].unrelated)
    said = detectable_difference_words(judged, Rule(figure))[0]
    assert f"Fewer than 10 patients: {one_of(names, 'and')}, which may be anything from 0 to 1" in said
    assert ("no smallest gap" in said) is not stated
    judged = replace(judged, evaluations=tuple(one.only(one.truth < 0) for one in judged.evaluations))
    assert "an interval needs 20" in detectable_difference_words(judged, Rule(figure))[0]


def test_the_command_prints_results_and_the_report_holds_the_same(fresh_animals, tmp_path):
    folder, report = str(fresh_animals.writable), tmp_path / "out.html"
    models = ("things-s0", "things-s1", "kinds", "--baseline", "things-s1")
    done = run_here("compare", *models, "--workspace", folder, "--report", str(report), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    table = next(k for k, line in enumerate(lines) if line.startswith("model "))
    assert [line.split()[0] for line in lines[table + 1 : table + 3]] == ["things-s1", "things-s0"]
    assert "Left out: kinds" in done.stdout
    assert "Alone: uv run taxoscope compare things-s1 " in done.stdout
    tree = json.loads(report.with_suffix(".json").read_text())
    assert tree["many models"]["baseline"] == "things-s1"
    assert len(tree["many models"]["rows"]) == 1
    assert tree["many models"]["groups"]
    assert "All models against things-s1" in report.read_text()
    assert all("comparison" in one["beside"] for one in tree["verdicts"])


@pytest.mark.parametrize("figure", [Headline.MACRO_F1, Headline.BALANCED_ACCURACY])
def test_rare_classes_are_named_beside_the_table(fresh_animals, figure):
    fresh_animals.rule = Rule(figure)
    desk = Desk(fresh_animals)
    judged = compared(fresh_animals, "things-s0", "things-s1", "things-s2")
    many = many_of(desk, judged)
    owners = {}
    for row, image_id in enumerate(judged.evaluations[0].image_ids):
        name = judged.evaluations[0].taxonomy.names[judged.evaluations[0].truth[row]]
        owners.setdefault(name, set()).add(judged.patients[image_id])
    rare = [name for name in judged.evaluations[0].taxonomy.names if 0 < len(owners.get(name, ())) < 10]
    assert rare
    assert tree(many)["rare classes"] == rare
    told = " ".join(sentences(many))
    assert f"Fewer than 10 patients, so that in these intervals the figure of {one_of(rare, 'and')} may" in told
    assert told in " ".join(printed(desk, judged, judgements(judged, desk.workspace.rule)))
    fresh_animals.rule = Rule()
    assert "Fewer than 10" not in " ".join(sentences(many_of(Desk(fresh_animals), judged)))


def test_nothing_but_why_not_is_printed_without_a_verdict(fresh_animals):
    desk = Desk(fresh_animals)
    judged = compared(fresh_animals, "things-s0", "things-s1", split=Split.VALIDATION)
    assert "validation split" in printed(desk, judged, judgements(judged, desk.workspace.rule))[-1]
