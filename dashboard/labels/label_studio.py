"""Label Studio's tasks: labels written as annotations with choices, and read back with whoever completed them."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from dashboard.labels.label_table import LabelTable

FROM, TO = "label", "image"
"""Names of the control and the object in the labelling configuration."""


def label_studio_tasks(table: LabelTable) -> list[dict[str, Any]]:
    """One task for each image, annotated with its class, or with its label where it has none.

    ``data`` holds the label itself too (``leaf_label``), so that a class that nobody changes loses nothing. ``image``
    is the path in the workspace, as for local files.
    """
    tasks = []
    for number, row in enumerate(table.rows, start=1):
        label = table.space.format(row.label)
        choice = (table.class_of(row) if table.taxonomy else None) or label
        result = {"from_name": FROM, "to_name": TO, "type": "choices", "value": {"choices": [choice]}}
        data = {
            "image": f"/data/local-files/?d={row.image.path}",
            "image_id": row.image.image_id,
            "leaf_label": label,
            "class": choice,
            "reviewer": row.reviewer,
        }
        tasks.append({"id": number, "data": data, "annotations": [{"result": [result]}]})
    return tasks


def labels_in_tasks(tasks: Sequence[Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Place and columns (image, label, reviewer) of each annotation that was not cancelled.

    `KeyError`, `TypeError` or `ValueError` where these are no tasks of Label Studio with one choice for each image.
    """
    for number, task in enumerate(tasks, start=1):
        data, where = task["data"], f"task {number:,}"
        for annotation in task["annotations"]:
            if annotation.get("was_cancelled"):
                continue
            said = [one["value"]["choices"] for one in annotation["result"] if one["type"] == "choices"]
            if len(said) != 1 or len(said[0]) != 1:
                raise ValueError(f"{where} has {sum(map(len, said))} choices in an annotation, not one")
            kept = said[0][0] == data.get("class") and data.get("leaf_label")
            row = {"image": data.get("image_id") or _file_name(str(data["image"])), "label": kept or said[0][0]}
            yield where, row | {"reviewer": _who(annotation.get("completed_by"), data)}


def _who(completed_by: Any, data: Mapping[str, Any]) -> str:
    if isinstance(completed_by, dict):
        return str(completed_by.get("email") or completed_by.get("username") or completed_by["id"])
    return str(data.get("reviewer") or "") if completed_by is None else f"Label Studio user {completed_by}"


def _file_name(address: str) -> str:
    """The file that a task's image is: of local files, of an upload or of a web address."""
    parts = urlsplit(address)
    local = parse_qs(parts.query).get("d")
    return PurePosixPath(local[0] if local else unquote(parts.path)).name
