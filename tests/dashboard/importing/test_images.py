"""Images brought in from a page: one import at a time, and pages that know at once what was declared."""

import pytest
from typer import Typer
from typer.main import get_command

from dashboard.address.data_view import CountedBy
from dashboard.cli.data import import_data
from dashboard.evaluation.default_selection import default_counts
from dashboard.importing.images import PAGE_NAMES, import_images, planned_groups, with_page_names
from dashboard.importing.plan import ImportOptions, plan_import
from dashboard.server_state import open_workspace as desks
from dashboard.server_state.jobs import Job
from model_zoo.core.errors import TaxoScopeError
from model_zoo.importing.reading import read_source
from model_zoo.workspace.new_workspace import init
from model_zoo.workspace.workspace import Workspace
from tests.foreign_images import by_class

typed = Typer()
typed.command()(import_data)


@pytest.fixture
def workspace(tmp_path):
    return Workspace.open(init(tmp_path / "ws"))


def planned(workspace, folder):
    return plan_import(workspace, read_source(folder), ImportOptions(copy=True))


def test_of_two_imports_at_once_one_is_told_to_start_again_and_neither_is_lost(workspace, tmp_path):
    plans = [planned(workspace, by_class(tmp_path / name, classes=(name, "x"))) for name in ("a", "b")]
    assert {one.name: one.n_images for one in planned_groups(plans[0])} == {"a": 2, "x": 2}
    jobs = [Job(lambda tell, plan=plan: import_images(plan, tell)) for plan in plans]
    assert all(job.wait(30) for job in jobs)
    (error,) = [job.error for job in jobs if job.error]
    assert "was changed while this import was planned" in error
    assert len(Workspace.open(workspace.writable).dataset().images) == 4


def test_sentences_name_what_the_page_has_and_not_options_of_the_command():
    told = with_page_names("mend the source, or give --move-patients; --divide 70/15/15 draws some, --unknown stays.")
    assert told == (
        "mend the source, or give 'Move patients of two splits'; 'Images without a split' 70/15/15 draws some, "
        "--unknown stays."
    )
    options = {option.opts[0] for option in get_command(typed).params}
    assert set(PAGE_NAMES) <= options


def test_pages_see_what_an_import_declared(workspace, tmp_path, monkeypatch):
    monkeypatch.setenv("TAXOSCOPE_WORKSPACE", str(workspace.writable))
    desks.desk.cache_clear()
    try:
        before = desks.desk()
        revision = before.revision()
        assert desks.reopened() is before
        assert default_counts(before.workspace).by is CountedBy.LABEL
        job = Job(lambda tell: import_images(planned(workspace, by_class(tmp_path / "birds")), tell))
        assert job.wait(30)
        assert job.error == ""
        with pytest.raises(TaxoScopeError, match="Cannot read label"):  # a page that was drawn meanwhile
            desks.desk().dataset()
        assert desks.outdated()
        after = desks.reopened()
        assert not desks.outdated()
        assert after is not before
        assert after.workspace.space.leaves == ("cat", "dog")
        assert len(after.dataset().images) == 4
        assert after.revision() != revision
        assert default_counts(after.workspace).name == "classes"
    finally:
        desks.desk.cache_clear()
