"""The report: self-contained, its numbers those of the files, hostile names as text."""

import base64
import csv
import io
import json
import re
from dataclasses import replace

import pytest
from command import run

from dashboard.actions.compare import compare, named_subjects
from dashboard.actions.desk import Desk
from dashboard.actions.verdicts import judgements
from dashboard.report import report
from model_zoo.core.choices import Labels, Space, Split
from model_zoo.core.errors import LinkError
from model_zoo.core.evaluation import accuracy, evaluate
from model_zoo.core.taxonomy import common_ground


@pytest.fixture
def desk(animals):
    return Desk(animals)


def made_of(desk, *names, subjects=None):
    dataset = desk.dataset()
    chosen = subjects or named_subjects(desk.series(), names)
    judged = compare(chosen, Space.COMMON, Split.TEST, Labels.ORIGINAL, dataset.labels, dataset.patients)
    return report(desk, judged, judgements(judged, desk.workspace.rule))


def test_the_numbers_beside_it_are_those_of_the_stored_predictions(desk):
    made = made_of(desk, "things", "kinds")
    subjects = named_subjects(desk.series(), ["things", "kinds"])
    ground = common_ground([one.taxonomy for one in subjects])
    dataset = desk.dataset()
    said = {row["subject"]: row for row in csv.DictReader(io.StringIO(made.csv)) if row["figure"] == "accuracy"}
    for subject in subjects:
        runs = [run.predictions(Split.TEST) for run in subject.runs]
        mine = accuracy(evaluate(runs, subject.taxonomy, ground, dataset.labels, dataset.patients))
        assert float(said[subject.title]["value"]) == pytest.approx(mine.mean, abs=1e-12)
        assert f"Accuracy {mine.mean:.1%}" in made.html
    numbers = json.loads(made.json)
    assert {one["deciding"] for one in numbers["verdicts"] if one["figure"] == "accuracy"} == {True}
    for subject in subjects:
        assert list(numbers["subjects"][subject.subject_id]["runs"]) == [run.run_id for run in subject.runs]


def test_the_page_asks_nobody_for_anything(desk):
    html = made_of(desk, "things", "kinds").html
    page = html[: html.index("<script>")] + html[html.index("</script>", html.index("</style>")) :]
    assert not re.search(r"""(src|href)\s*=\s*["']?(?!data:)[a-z]*:?//""", page)
    shown = re.findall(r'src="data:image/png;base64,([^"]+)"', page)
    files = {path.read_bytes() for path in (desk.workspace.writable / "images").glob("*.png")}
    assert shown
    assert all(base64.b64decode(one) in files for one in shown)


def test_names_are_text(desk):
    hostile = '</script><img src=x onerror="alert(1)">'
    subjects = tuple(replace(one, title=hostile) for one in named_subjects(desk.series(), ["things", "kinds"]))
    html = made_of(desk, subjects=subjects).html
    assert "<img src=x" not in html
    assert "&lt;/script&gt;" in html


def test_a_taxonomy_names_its_series_and_a_stranger_is_one_sentence(desk):
    assert [one.title for one in named_subjects(desk.series(), ["kinds", "things-s1"])] == [
        "kinds · 2 seeds",
        "things-s1",
    ]
    with pytest.raises(LinkError, match="no run or series 'nobody' here"):
        named_subjects(desk.series(), ["nobody"])


def test_the_command_writes_three_files(animals, tmp_path):
    page = tmp_path / "out.html"
    done = run("compare", "things", "kinds", "--report", str(page), "--workspace", str(animals.writable), cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted(path.name for path in tmp_path.glob("out.*")) == ["out.csv", "out.html", "out.json"]
    assert "is better than" in page.read_text() or "Not settled" in page.read_text() or "No answer" in page.read_text()
    refused = run(
        "compare", "things", "kinds", "--report", "out.pdf", "--workspace", str(animals.writable), cwd=tmp_path
    )
    assert refused.returncode == 1
    assert "ending in .html" in refused.stdout.replace("\n", " ")
    assert not (tmp_path / "out.pdf").exists()
