"""Compare says what reviewing changed once somebody has decided something, and nothing of it before."""

from datetime import UTC, datetime

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.decisions.decision import Answer, Decision
from dashboard.server_state.open_workspace import desk
from model_zoo.core.label_space.splits import Split
from model_zoo.workspace.workspace import PROJECT


@pytest.fixture
def opened(fresh_animals, monkeypatch):
    monkeypatch.setenv("TAXOSCOPE_WORKSPACE", str(fresh_animals.writable))
    desk.cache_clear()
    yield desk()
    desk.cache_clear()


def headings():
    at = AppTest.from_file(str(PROJECT / "dashboard" / "pages" / "app.py"), default_timeout=60)
    at.query_params["of"] = ["things", "kinds"]
    at.switch_page("compare.py").run()
    assert not at.exception
    return [one.value for one in at.subheader]


def test_without_decisions_nothing_is_said(opened):
    before = headings()
    assert "Each class" in before
    assert "What reviewing changed" not in before
    (image, *_) = opened.dataset().split(Split.TEST)
    label = opened.workspace.space.format(image.label)
    said = {"image_id": image.image_id, "reviewer": "Ann", "answer": Answer.CONFIRM, "before": label, "after": label}
    opened.store.append([Decision(**said, time=datetime.now(UTC), client_id="a", seq=1)])
    assert "What reviewing changed" in headings()
