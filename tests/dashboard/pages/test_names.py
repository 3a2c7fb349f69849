"""A page's address takes the names that the command takes; what a report counts is a whole number."""

import csv
import io
import os

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.address.selection import Labels, Space
from dashboard.diagnose.subjects import diagnose_all
from dashboard.evaluation.comparison import compare, named_subjects, with_subject_ids
from dashboard.evaluation.verdict import judgements
from dashboard.report.report import build_report
from dashboard.server_state.open_workspace import Desk, desk
from model_zoo.core.label_space.splits import Split
from model_zoo.workspace.workspace import PROJECT
from tests.second_workspace import build


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    return build(tmp_path_factory.mktemp("names") / "w")


@pytest.fixture
def page(workspace, monkeypatch):
    monkeypatch.setenv("TAXOSCOPE_WORKSPACE", os.fspath(workspace.writable))
    desk.cache_clear()

    def opened(view, **query):
        at = AppTest.from_file(os.fspath(PROJECT / "dashboard" / "pages" / "app.py"), default_timeout=120)
        for name, value in query.items():
            at.query_params[name] = value
        return at.switch_page(f"{view}.py").run()

    yield opened
    desk.cache_clear()


@pytest.mark.parametrize(
    ("view", "query"),
    [
        ("compare", {"of": ["things", "kinds"]}),
        ("diagnose", {"of": "things", "coarser": "kinds.v1"}),
        ("images", {"of": ["things"], "cell": "things", "true": "cat"}),
        ("inspect", {"of": ["things"], "image": "i0002"}),
        ("review", {"of": ["things"], "order": "cell", "cell": "things", "true": "cat"}),
        ("decisions", {"taxonomy": "kinds.v1"}),
        ("labels", {"taxonomy": "kinds.v1"}),
        ("data", {"by": "class:kinds.v1"}),
    ],
)
def test_every_page_takes_the_names_of_the_command(page, view, query):
    at = page(view, **query)
    assert not at.exception, [one.value for one in at.exception]
    assert not at.error, [one.value for one in at.error]


def test_names_become_the_ids_that_the_command_finds(workspace):
    series = Desk(workspace).series()
    for name in ("things", "kinds", "things-s0", series[0].series_id):
        (wanted,) = named_subjects(series, [name])
        assert with_subject_ids(series, {"of": (name,), "split": ("test",)}) == {
            "of": (wanted.subject_id,),
            "split": ("test",),
        }
    assert with_subject_ids(series, {"of": ("nobody",)}) == {"of": ("nobody",)}


def test_a_name_of_nothing_is_refused_as_before(workspace, page):
    at = page("compare", of="nobody")
    assert any("There is no run or series" in one.value for one in at.error)


def test_a_report_counts_in_whole_numbers(workspace):
    opened = Desk(workspace)
    dataset = opened.dataset()
    subjects = named_subjects(opened.series(), ["things", "kinds"])
    judged = compare(subjects, Space.COMMON, Split.TEST, Labels.ORIGINAL, dataset.labels, dataset.patients)
    made = build_report(opened, judged, judgements(judged, opened.workspace.rule), diagnose_all(opened, judged))
    rows = list(csv.DictReader(io.StringIO(made.csv)))
    assert {row["images"] for row in rows if row["figure"] == "accuracy"} == {str(len(judged.evaluations[0].truth))}
    of_one_run = [row for row in rows if row["figure"] in ("accuracy", "recall")]
    assert all(row["images"].isdigit() and row["patients"].isdigit() for row in of_one_run)
