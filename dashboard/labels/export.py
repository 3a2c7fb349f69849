"""Labels exported as CSV, JSON Lines, Parquet, COCO, cleanlab and Label Studio files."""

import csv
import io
import json
from collections.abc import Mapping
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from dashboard.decisions.csv_export import safe_cell
from dashboard.decisions.label_format import LabelFormat
from dashboard.labels.export_folders import write_folders
from dashboard.labels.label_studio import label_studio_tasks
from dashboard.labels.label_table import LabelRow, LabelTable, stored_probabilities
from dashboard.server_state.open_workspace import Desk
from dashboard.words import counted
from model_zoo.core.errors import WorkspaceError

COLUMNS = ("image_id", "label", "reviewer", "split", "patient_id", "path")
CLASS = "class"


def write_labels(desk: Desk, table: LabelTable, form: LabelFormat, out: BinaryIO, run_id: str | None = None) -> str:
    """Write ``table`` in one of the formats into ``out``; returns what was left out or is missing, in a sentence or ''.

    ``run_id`` adds a run's probabilities to the cleanlab table. `WorkspaceError` where classes are needed and no
    taxonomy is given.
    """
    if form.needs_taxonomy and table.taxonomy is None:
        raise WorkspaceError(f"Labels as {form} are written in classes; choose a taxonomy.")
    n_unplaced = len(table.unplaced)
    unplaced = f"{counted(n_unplaced, 'image fits', 'images fit')} no single class." if n_unplaced else ""
    match form:
        case LabelFormat.CSV:
            out.write(labels_csv(table).encode())
        case LabelFormat.JSON_LINES:
            out.write(labels_jsonl(table).encode())
        case LabelFormat.PARQUET:
            pq.write_table(labels_parquet(table), out, compression="zstd")
        case LabelFormat.COCO:
            out.write(json.dumps(labels_coco(table), ensure_ascii=False, indent=1).encode())
        case LabelFormat.LABEL_STUDIO:
            out.write(json.dumps(label_studio_tasks(table), ensure_ascii=False, indent=1).encode())
        case LabelFormat.CLEANLAB:
            said = stored_probabilities(desk, run_id, table.taxonomy) if run_id and table.taxonomy else None
            written = labels_cleanlab(table, said)
            pq.write_table(written, out, compression="zstd")
            left_out = len(table.rows) - written.num_rows
            why = f"no single class{', or not asked' if run_id else ''}"
            return f"{counted(left_out, 'image')} left out: {why}." if left_out else ""
        case LabelFormat.FOLDERS:
            missing = write_folders(table, lambda image: desk.image_bytes(image.image_id), out)
            removed = "Metadata of the image files was removed (EXIF, GPS, XMP, comments); pixels are unchanged."
            if missing:
                lacking = counted(len(missing), "image has", "images have")
                them = "it" if len(missing) == 1 else "them"
                return (
                    f"{lacking} no file that could be read and cleaned, such as {missing[0]!r}; labels.csv lists "
                    f"{them}. {removed}"
                )
            return f"{unplaced} {removed}".strip()
    return unplaced


def labels_csv(table: LabelTable) -> str:
    """Comma-separated with a header; no cell can run as a spreadsheet formula (see `safe_cell`)."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(_columns(table))
    writer.writerows([safe_cell(cell) for cell in _cells(table, row).values()] for row in table.rows)
    return text.getvalue()


def labels_jsonl(table: LabelTable) -> str:
    """One JSON object a line."""
    return "".join(json.dumps(_cells(table, row), ensure_ascii=False) + "\n" for row in table.rows)


def labels_parquet(table: LabelTable) -> pa.Table:
    """The same columns, all text."""
    cells = [_cells(table, row) for row in table.rows]
    return pa.table({name: pa.array([one[name] for one in cells], pa.string()) for name in _columns(table)})


def labels_coco(table: LabelTable) -> dict[str, Any]:
    """COCO's layout for classification: images, categories in class order from 1, annotations without boxes.

    The label itself stands in ``attributes``: of the annotation, or of the image where no class holds it.
    """
    taxonomy = table.taxonomy
    category = {} if taxonomy is None else {name: k for k, name in enumerate(taxonomy.names, start=1)}
    images, annotations = [], []
    for number, row in enumerate(table.rows, start=1):
        name = table.class_of(row)
        attributes = {"label": table.space.format(row.label), "reviewer": row.reviewer}
        image: dict[str, Any] = {"id": number, "file_name": row.image.path, "image_id": row.image.image_id}
        if name is None:
            image["attributes"] = attributes
        else:
            annotations.append(
                {"id": number, "image_id": number, "category_id": category[name], "attributes": attributes}
            )
        images.append(image)
    return {
        "info": {"description": f"TaxoScope: {table.source}", "version": taxonomy.pinned if taxonomy else ""},
        "images": images,
        "categories": [{"id": number, "name": name} for name, number in category.items()],
        "annotations": annotations,
    }


def labels_cleanlab(table: LabelTable, said: Mapping[str, NDArray[np.float32]] | None = None) -> pa.Table:
    """``label`` as integers in class order, as cleanlab wants them, beside the names; the images that have a class.

    With ``said`` (image id -> (K,)) the columns ``p:CLASS`` are its ``pred_probs``, and only images asked are there.
    The class names stand in the schema's metadata under ``classes``, a JSON list.
    """
    taxonomy = table.taxonomy
    assert taxonomy is not None
    rows = [row for row in table.rows if table.class_of(row) is not None]
    if said is not None:
        rows = [row for row in rows if row.image.image_id in said]
    columns: dict[str, pa.Array] = {
        "image_id": pa.array([row.image.image_id for row in rows], pa.string()),
        "label": pa.array([taxonomy.place(row.label) for row in rows], pa.int64()),
        "class_name": pa.array([table.class_of(row) for row in rows], pa.string()),
        "leaf_label": pa.array([table.space.format(row.label) for row in rows], pa.string()),
        "reviewer": pa.array([row.reviewer for row in rows], pa.string()),
    }
    if said is not None:
        for k, name in enumerate(taxonomy.names):
            columns[f"p:{name}"] = pa.array([float(said[row.image.image_id][k]) for row in rows], pa.float32())
    return pa.table(columns).replace_schema_metadata({"classes": json.dumps(taxonomy.names)})


def _columns(table: LabelTable) -> tuple[str, ...]:
    return (*COLUMNS, CLASS) if table.taxonomy else COLUMNS


def _cells(table: LabelTable, row: LabelRow) -> dict[str, str]:
    image = row.image
    values = (
        image.image_id,
        table.space.format(row.label),
        row.reviewer,
        str(image.split),
        image.patient_id,
        image.path,
    )
    return dict(zip(_columns(table), (*values, table.class_of(row) or ""), strict=False))
