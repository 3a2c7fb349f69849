"""`taxoscope import-confusion TABLE DIR`: a confusion table alone is a workspace; what it cannot do, it says."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, cohen_kappa_score, precision_recall_fscore_support
from typer.testing import CliRunner

from dashboard.address.selection import Labels, Space
from dashboard.cli.models import commands
from dashboard.compare.task_difficulty import secondary_metrics
from dashboard.evaluation.comparison import compare, named_subjects
from dashboard.evaluation.drafting import previews
from dashboard.evaluation.verdict import why_none
from dashboard.importing.plan import ImportOptions, plan_import
from dashboard.report.report import build_report
from dashboard.server_state.loaded_models import predict
from dashboard.server_state.open_workspace import Desk
from model_zoo.core.errors import ImageError, TaxoScopeError, WorkspaceError
from model_zoo.core.evaluation.evaluation import accuracy, class_figures
from model_zoo.core.evaluation.metrics import ClassFigure
from model_zoo.core.label_space.splits import Split
from model_zoo.importing.reading import read_source
from model_zoo.importing.source import SourceError
from model_zoo.workspace.workspace import Workspace
from tests.command import run, run_here
from tests.real_data import real

LABELS = ["cat", "dog", "<script>alert(1)</script>", "../a.b|c*\\", "=1+1 🐋", "never seen"]
COUNTS = [[9, 1, 0, 0, 2, 0], [3, 5, 1, 0, 0, 0], [0, 0, 4, 4, 0, 0], [1, 0, 2, 6, 0, 0], [0, 2, 0, 0, 3, 0], [0] * 6]


def written(path, labels=LABELS, counts=COUNTS):
    with path.open("w", newline="", encoding="utf-8") as out:
        csv.writer(out).writerows([["", *labels], *([label, *row] for label, row in zip(labels, counts))])
    return path


def imported(path, folder, *more):
    return CliRunner().invoke(commands, ["import-confusion", str(path), str(folder), *more])


def judged(workspace, space=Space.COMMON):
    desk = Desk(workspace)
    dataset = desk.dataset()
    subjects = named_subjects(desk.series(), ["classes"])
    return desk, compare(subjects, space, Split.TEST, Labels.ORIGINAL, dataset.labels, dataset.patients)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("counted")
    done = imported(written(folder / "table.csv"), folder / "ws", "--run", "theirs", "--licence", "CC0")
    assert done.exit_code == 0, done.output or done.exception
    return Workspace.open(folder / "ws"), " ".join(done.output.split())


def test_every_figure_is_that_of_the_table(made):
    workspace, said = made
    desk, comparison = judged(workspace)
    (evaluation,) = comparison.evaluations
    assert evaluation.confusion.counts.tolist() == COUNTS
    assert evaluation.n_patients == evaluation.truth.size == 43
    true, predicted = evaluation.truth, evaluation.predicted[0]
    assert accuracy(evaluation).mean == pytest.approx(accuracy_score(true, predicted))
    of = dict(zip(("precision", "recall", "f1"), precision_recall_fscore_support(true, predicted, labels=range(5))))
    for name, figure in (("precision", ClassFigure.PRECISION), ("recall", ClassFigure.RECALL), ("f1", ClassFigure.F1)):
        assert [one.mean for one in class_figures(evaluation, figure)[:5]] == pytest.approx(of[name].tolist())
    more = {one.name: one.mean for one in secondary_metrics(comparison, [workspace.taxonomy("classes")])[0].figures}
    assert more["Cohen's kappa"] == pytest.approx(cohen_kappa_score(true, predicted))
    assert np.isnan(more["log loss"])
    assert "43 counted answers in 6 classes: 62.8 % right" in said  # 9 + 5 + 4 + 6 + 3 = 27 of 43
    assert "each answer taken as independent of all others" in said
    assert "rows are taken for the true labels and columns for the answers: nothing in it says so" in said
    run_ = desk.runs()["theirs"]
    assert (run_.card.labels_only, run_.card.preprocessing, run_.card.licence) == (True, None, "CC0")


def test_what_needs_images_or_a_model_says_why_not(made, tmp_path):
    workspace, _ = made
    desk, comparison = judged(workspace)
    image = desk.dataset().images[0]
    with pytest.raises(ImageError, match="no image of it was ever given"):
        desk.image_bytes(image.image_id)
    assert predict(desk, desk.runs()["theirs"], image.image_id).max() == 1  # what was counted is known
    assert why_none(comparison) == "A verdict needs two: choose another run or series above."
    page = build_report(desk, comparison, (), ()).html
    assert "43 counted answers and no image" in page
    assert "<script>alert(1)" not in page
    (tmp_path / "images" / "cat").mkdir(parents=True)
    (tmp_path / "images" / "cat" / "1.png").write_bytes(b"x")
    with pytest.raises(SourceError, match="have no images; bring images into another workspace"):
        plan_import(workspace, read_source(tmp_path / "images"), ImportOptions())
    (tmp_path / "said.csv").write_text("predicted\n" + "cat\n" * 43)
    named = ["--name", "more", "--taxonomy", "classes", "--split", "test", "--workspace", str(workspace.writable)]
    done = CliRunner().invoke(commands, ["import-predictions", str(tmp_path / "said.csv"), *named])
    assert "no other answers can be set against them" in str(done.exception)


def test_a_second_table_and_a_folder_that_holds_anything_are_refused(made, tmp_path):
    workspace, _ = made
    before = sorted(workspace.writable.rglob("*"))
    again = imported(written(tmp_path / "t.csv"), workspace.writable)
    assert "it could not be set against anything there image by image" in str(again.exception)
    assert sorted(workspace.writable.rglob("*")) == before
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("")
    assert "is no empty folder" in str(imported(tmp_path / "t.csv", tmp_path / "full").exception)
    (tmp_path / "empty").mkdir()
    assert imported(tmp_path / "t.csv", tmp_path / "empty").exit_code == 0
    assert isinstance(imported(tmp_path / "t.csv", tmp_path / ("n" * 300)).exception, WorkspaceError)


@pytest.mark.parametrize(
    ("labels", "more", "told"),
    [
        (["a", "x" * 301], (), "A class name of 301 characters is too long"),
        (["a", "(outside)"], (), "No class can be called"),
        (["a", "b"], ("--run", "../up"), "cannot stand in a path"),
    ],
)
def test_what_can_be_no_class_or_run_leaves_nothing(labels, more, told, tmp_path):
    path = written(tmp_path / "t.csv", labels, [[1, 2], [3, 4]])
    done = imported(path, tmp_path / "deep" / "ws", *more)
    assert isinstance(done.exception, TaxoScopeError), done.exception
    assert told in str(done.exception)
    assert list(tmp_path.iterdir()) == [path]


def test_paths_make_a_taxonomy_for_each_depth_and_each_answer(tmp_path):
    labels = ["x:fish:cod", "x:fish:eel", "x:bird:owl"]
    written(tmp_path / "deep.csv", labels, [[5, 3, 0], [1, 6, 0], [0, 1, 7]])
    assert imported(tmp_path / "deep.csv", tmp_path / "deep").exit_code == 0
    workspace = Workspace.open(tmp_path / "deep")
    known = workspace.taxonomies()
    assert {name: one.names for name, one in known.items()} == {
        "classes": ("cod", "eel", "owl"),
        "depth-2": ("fish", "bird"),
    }
    desk = Desk(workspace)
    (coarser,) = previews(desk, known["depth-2"], Split.TEST, Labels.ORIGINAL)
    assert coarser.mapped.confusion.counts.tolist() == [[15, 0], [1, 7]]  # 5 + 3 + 1 + 6


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (
            [["taste:no taste", "fruit:a"], ["fruit:a"], ["fruit:b", "taste:sweet"], ["taste:no taste", "fruit:b"]],
            {"taste": {"taste:no taste": 2, "no taste": 1, "sweet": 1}, "fruit": {"a": 2, "b": 2}},
        ),
        (
            [[], ["x:none:p"], ["x:none:q"], ["x:s:t"], ["y:r:s"]],
            {"depth-1": {"none": 1, "x": 3, "y": 1}, "depth-2": {"none": 1, "x:none": 2, "s": 1, "r": 1}},
        ),
        ([["x:a:1", "x:b:1"], ["x:a, b:1"], ["x:b:1", "x:a:2"]], {"x-depth-2": {"x:a, x:b": 2, "x:a, b": 1}}),
        (  # at depth 3 the first two would both be called "x:a, x:b"
            [["x:a", "x:b"], ["x:a, x:b:1"], ["x:a, x:b:2"], ["x:c:a"]],
            {"x-depth-2": {"a, b": 1, "a, x": 2, "c": 1}},
        ),
    ],
)
def test_coarser_classes_hold_what_says_the_same_alone(labels, expected, tmp_path):
    records = [{"actual": one, "observed": one, "count": 1} for one in labels]
    (tmp_path / "t.json").write_text(json.dumps(records))
    done = imported(tmp_path / "t.json", tmp_path / "ws")
    assert done.exit_code == 0, done.output or done.exception
    made = Workspace.open(tmp_path / "ws").taxonomies()
    made.pop("classes")
    assert {name: {k: len(v) for k, v in one.classes.items()} for name, one in made.items()} == expected


NEO = {
    "beverages.json": {"classes": 7, "beverage": 5, "state": 3},
    "case-study-1.csv": {"classes": 15},
    "case-study-3.json": {"classes": 38} | dict.fromkeys(
        ("identity_hate", "insult", "obscene", "threat", "toxic_mild", "toxic_severe"), 2
    ),
    "fruit.json": {"classes": 22, "fruit": 4, "taste": 4, "fruit-depth-2": 2, "ripeness": 2},
    "materials.json": {"classes": 52, "depth-2": 5},
}  # fmt: skip


@pytest.mark.parametrize("name", NEO)
def test_published_hierarchical_confusions_import_as_tables(name, tmp_path):
    done = imported(real("neo_hierarchical_confusions") / name, tmp_path / "ws")
    assert done.exit_code == 0, done.output or done.exception
    workspace = Workspace.open(tmp_path / "ws")
    assert {one.name: len(one.classes) for one in workspace.taxonomies().values()} == NEO[name]
    if name == "fruit.json":
        _, comparison = judged(workspace)
        (evaluation,) = comparison.evaluations
        lemons = evaluation.taxonomy.class_index("lemon, sweet, ripe")
        assert evaluation.confusion.counts[lemons, lemons] == 500  # the file's first record


SCRIPT = """
from streamlit.testing.v1 import AppTest
at = AppTest.from_file("dashboard/pages/app.py", default_timeout=120).run()
why = {
    "compare": "", "diagnose": "", "taxonomies": "", "decisions": "", "labels": "", "run": "",
    "images": "none can be shown", "data": "there are no files to look into",
    "inspect": "there is none to open, and no model to ask", "review": "nothing can be reviewed",
    "import_page": "need a workspace of their own",
}
for page, sentence in why.items():
    at.switch_page(f"{page}.py").run()
    assert not at.exception, (page, at.exception)
    assert not at.error, (page, [one.value for one in at.error])
    told = [one.value for one in at.info]
    assert "43 counted answers and no image" in told[0] and "independent" in told[0], (page, told)
    assert any(sentence in one for one in told), (page, told)
at.switch_page("images.py")
at.query_params.update({"cell": "theirs", "true": "cat", "predicted": "=1+1 🐋"})
at.run()
assert "**2 images**" in at.markdown[0].value, [one.value for one in at.markdown]
at.switch_page("inspect.py")
at.query_params["image"] = "count-01"
at.run()
assert not at.exception and "no model to ask" in at.info[1].value
"""


def test_every_page_opens_and_says_what_it_cannot_show(made):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=Path(__file__).resolve().parents[3],
        env={**os.environ, "TAXOSCOPE_WORKSPACE": str(made[0].writable)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_it_is_a_command_and_its_errors_are_one_sentence(tmp_path):
    written(tmp_path / "shares.csv", ["a", "b"], [[0.9, 0.1], [0.5, 0.5]])
    done = run_here("import-confusion", "shares.csv", "ws", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (1, "")
    assert " ".join(done.stdout.split()) == (
        "'shares.csv', row 'a', column 'a' holds '0.9', no whole number; shares do not say how many answers they are "
        "of: give the counts."
    )
    written(tmp_path / "counts.csv")
    done = run("import-confusion", "counts.csv", "my ws", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "Next: uv run taxoscope serve --workspace 'my ws'"
    done = run_here("train", "--taxonomy", "classes", "--workspace", "my ws", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (1, "")
    assert "no image to learn from" in " ".join(done.stdout.split())
