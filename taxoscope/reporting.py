"""The product's report on models in memory: through a workspace that lasts as long as the report takes."""

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from model_zoo.core.comparison.comparison import Rule
from model_zoo.core.errors import WorkspaceError
from model_zoo.core.label_space.splits import Split
from taxoscope.class_sets import finest
from taxoscope.models import Data

if TYPE_CHECKING:
    from dashboard.report.report import Report
    from dashboard.server_state.open_workspace import Desk
    from taxoscope.result import Result

NAME = "Comparison in Python"
NO_FILE = "images/not-given"
"""The path of images of which only the labels are known."""


def write(result: "Result", path: Path) -> tuple[Path, ...]:
    """Write the report and its numbers; `WorkspaceError` unless ``path`` ends in .html and its folder is there."""
    from dashboard.report.report import write_report
    from dashboard.server_state.open_workspace import Desk
    from model_zoo.workspace.workspace import Workspace

    if path.suffix != ".html" or not path.parent.is_dir():
        raise WorkspaceError(f"Cannot write a report to {path}; give a file ending in .html in an existing folder.")
    if result.data is None:
        assert result.desk
        return write_report(_built(result.desk, result), path)
    with tempfile.TemporaryDirectory() as folder:
        write_workspace(result.data, result.rule, Path(folder))
        desk = Desk(Workspace.open(Path(folder)))
        runs = desk.runs()
        subjects = tuple(
            replace(one, runs=tuple(runs[run.run_id] for run in one.runs)) for one in result.comparison.subjects
        )
        on_disk = replace(result, comparison=replace(result.comparison, subjects=subjects))
        return write_report(_built(desk, on_disk), path)


def write_workspace(data: Data, rule: Rule, folder: Path) -> None:
    """A workspace of labels and predictions alone."""
    from model_zoo.workspace.manifest import ImageRecord, write_manifest
    from model_zoo.workspace.new_workspace import declaration
    from model_zoo.workspace.run import write_run
    from model_zoo.workspace.taxonomy_files import taxonomy_toml
    from model_zoo.workspace.workspace import DECLARATION, MANIFEST
    from taxoscope.comparing import card_of

    text = declaration(NAME, "Labels and predictions alone.", data.space)
    (folder / DECLARATION).write_text(f"{text}\n{_verdict_table(rule)}", encoding="utf-8")
    (folder / "taxonomies").mkdir()
    one = finest(data.space)
    (folder / "taxonomies" / f"{one.name}.toml").write_text(taxonomy_toml(one, data.space), encoding="utf-8")
    images = [
        ImageRecord(image_id, NO_FILE, Split.TEST, data.patients[image_id], label)
        for image_id, label in data.labels.items()
    ]
    write_manifest(folder / MANIFEST, images, data.space)
    for model in data.models:
        for seed, predictions in enumerate(model.seeds):
            write_run(card_of(model, seed), folder / "runs", b"", (), {Split.TEST: predictions})


def _built(desk: "Desk", result: "Result") -> "Report":
    from dashboard.diagnose.subjects import diagnose_all
    from dashboard.report.report import build_report

    return build_report(desk, result.comparison, result.judgements, diagnose_all(desk, result.comparison))


def _verdict_table(rule: Rule) -> str:
    return f'[verdict]\nfigure = "{rule.figure}"\nmargin = {rule.margin!r}\n'
