"""The page Import with images, without a browser: what another tab began is shown, not begun again."""

from threading import Event

from streamlit.testing.v1 import AppTest

from dashboard.server_state.jobs import jobs
from dashboard.server_state.open_workspace import desk
from model_zoo.workspace.workspace import PROJECT
from tests.second_workspace import build


def test_an_import_that_another_tab_began_is_watched_and_then_counted(tmp_path, monkeypatch):
    made = build(tmp_path / "w")
    monkeypatch.setenv("TAXOSCOPE_WORKSPACE", str(made.writable))
    desk.cache_clear()
    ending = Event()

    def work(tell):
        tell(12, 1500)
        ending.wait(60)

    job = jobs().start("import_store", work)
    at = AppTest.from_file(str(PROJECT / "dashboard" / "pages" / "app.py"), default_timeout=60).run()
    at.switch_page("import_page.py").run()
    assert [one.proto.text for one in at.get("progress")] == ["An import is running: 12 of 1,500 images"]
    assert not at.get("file_uploader")
    ending.set()
    assert job.wait(60)
    at.run()
    assert not at.get("progress")
    assert "120 images in this workspace so far." in [one.value for one in at.caption]
    assert len(at.get("file_uploader")) == 1
    desk.cache_clear()
