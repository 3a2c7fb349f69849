"""Exported labels go through the library `datasets` and come back as they were."""

import io

import pyarrow.parquet as pq
import pytest

from dashboard.decisions.label_format import LabelFormat
from dashboard.labels.export import write_labels
from dashboard.labels.label_files import read_label_file
from dashboard.labels.label_table import label_table
from dashboard.server_state.open_workspace import Desk
from tests.second_workspace import build


@pytest.mark.full
@pytest.mark.parametrize("form", [LabelFormat.PARQUET, LabelFormat.CLEANLAB, LabelFormat.JSON_LINES, LabelFormat.CSV])
def test_labels_come_back_from_a_dataset(tmp_path, form):
    import datasets

    desk = Desk(build(tmp_path / "w"))
    table = label_table(desk, "standing", None, desk.workspace.taxonomy("things"))
    with (path := tmp_path / f"labels{form.suffix}").open("wb") as out:
        write_labels(desk, table, form, out)
    load = {".parquet": "from_parquet", ".jsonl": "from_json", ".csv": "from_csv"}[form.suffix]
    loaded = getattr(datasets.Dataset, load)(str(path), cache_dir=str(tmp_path / "cache"))
    loaded.to_parquet(tmp_path / "again.parquet")
    assert len(pq.read_table(tmp_path / "again.parquet")) == len(table.rows)
    before, after = (triples(one) for one in (path, tmp_path / "again.parquet"))
    assert before == after
    assert len(before) == len(table.rows)


def triples(path):
    read = read_label_file(io.BytesIO(path.read_bytes()), path.name)
    return sorted((one.image, one.label, one.reviewer) for one in read.lines)
