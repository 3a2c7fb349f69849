"""One bad row in the decisions: every page opens, and Decisions names the row and what to do."""

import sqlite3

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.decisions.store import DecisionStore
from dashboard.server_state.open_workspace import desk
from model_zoo.workspace.workspace import PROJECT
from tests.dashboard.histories import decision


@pytest.fixture
def damaged(fresh_animals, monkeypatch):
    store = DecisionStore(fresh_animals.decisions_path)
    store.append([decision(seq=1, image_id="i0000", after="logo"), decision(seq=2, image_id="i0001", after="logo")])
    store.close()
    raw = sqlite3.connect(fresh_animals.decisions_path)
    raw.execute("DROP TRIGGER decisions_are_not_changed")
    raw.execute("UPDATE decisions SET time = 'yesterday' WHERE decision_id = 1")
    raw.commit()
    raw.close()
    monkeypatch.setenv("TAXOSCOPE_WORKSPACE", str(fresh_animals.writable))
    desk.cache_clear()
    yield
    desk.cache_clear()


@pytest.mark.parametrize("view", ["decisions", "overview", "review", "labels"])
def test_every_page_opens(damaged, view):
    at = AppTest.from_file(str(PROJECT / "dashboard" / "pages" / "app.py"), default_timeout=120)
    at = at.switch_page(f"{view}.py").run()
    assert not at.error, [one.value for one in at.error]
    assert not at.exception
    if view == "decisions":
        told = " ".join(one.value for one in at.warning).replace("\\", "")
        assert "Decision 1 is damaged and is left out: it does not match its hash." in told
        assert "taxoscope labels repair --workspace" in told
