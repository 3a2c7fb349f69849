"""A split that a chosen run has no predictions of: every page keeps its controls and says what to do."""

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.evaluation.comparison import find_subjects
from dashboard.evaluation.missing_predictions import runs_without_predictions
from dashboard.server_state.open_workspace import Desk, desk
from model_zoo.core.label_space.splits import Split
from model_zoo.workspace.workspace import PROJECT, Workspace
from tests.second_workspace import answer_test_alone, build


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    made = build(tmp_path_factory.mktemp("unasked") / "w")
    answer_test_alone(made, "a-csv")
    return Workspace.open(made.writable)


@pytest.fixture
def page(workspace, monkeypatch):
    monkeypatch.setenv("TAXOSCOPE_WORKSPACE", str(workspace.writable))
    desk.cache_clear()

    def opened(view, **query):
        at = AppTest.from_file(str(PROJECT / "dashboard" / "pages" / "app.py"), default_timeout=60)
        for name, value in query.items():
            at.query_params[name] = value
        return at.switch_page(f"{view}.py").run()

    yield opened
    desk.cache_clear()


@pytest.mark.parametrize(
    ("view", "more", "control"),
    [
        ("compare", {}, "shown_split"),
        ("diagnose", {}, "shown_split"),
        ("review", {}, "shown_split"),
        ("images", {"cell": "a-csv", "true": "cat"}, "filter_split"),
    ],
)
def test_the_controls_stay_and_a_sentence_says_who_and_what_to_do(page, view, more, control):
    at = page(view, of=["a-csv", "things-s0"], split="validation", **more)
    assert not at.error, [one.value for one in at.error]
    (info,) = at.info
    assert info.value.startswith("a\\-csv has no predictions of the validation split. Go to another split, or choose")
    assert "`uv run taxoscope import-predictions FILE --name NAME --taxonomy things --workspace " in info.value
    assert control in at.session_state
    assert not page(view, of=["a-csv", "things-s0"], split="test", **more).info


@pytest.mark.parametrize(("view", "more"), [("review", {"order": "random"}), ("inspect", {"image": "i0002"})])
def test_where_no_answer_is_needed_the_page_goes_on_without_that_run(page, view, more):
    at = page(view, of=["a-csv", "things-s0"], split="validation", **more)
    assert not at.error, [one.value for one in at.error]
    assert not at.info


def test_a_model_can_be_asked_and_a_split_without_images_needs_no_answers(workspace):
    at = Desk(workspace)
    (run,) = (one for one in find_subjects(at.series(), ["a-csv"])[0].runs)
    (run.folder / "model.safetensors").write_bytes(b"weights")
    subjects = find_subjects(at.series(), ["a-csv"])
    assert "predict a-csv" in runs_without_predictions(at, subjects, Split.VALIDATION)
    assert "import-predictions a-csv.parquet" in runs_without_predictions(at, subjects, Split.VALIDATION)
    (run.folder / "model.safetensors").unlink()
    assert (
        runs_without_predictions(at, subjects, Split.TEST) == runs_without_predictions(at, subjects, Split.TRAIN) == ""
    )
