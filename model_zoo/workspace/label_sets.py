"""Label sets: snapshots of all labels under a name, written once."""

import hashlib
import json
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from model_zoo.core.errors import LabelError, WorkspaceError
from model_zoo.core.label_space.labels import Label, LeafSpace
from model_zoo.core.label_space.splits import Split
from model_zoo.untrusted.parser_errors import is_parser_error
from model_zoo.workspace.manifest import DataSet, write_new
from model_zoo.workspace.run import is_plain

FOLDER = "label_sets"
FORMAT = 1
ORIGINAL, STANDING = "original", "standing"
"""What the manifest says, and what the decisions add up to now: labels that change, hence no names of sets."""
RESERVED = frozenset({ORIGINAL, STANDING, "reviewed"})
MAX_NAME, MAX_NOTE = 80, 2_000
MAX_FILE_BYTES = 512 * 2**20


@dataclass(frozen=True)
class LabelSet:
    """All images' labels at the moment ``made`` (aware, UTC), as canonical text (`LeafSpace.format`).

    ``rule`` made standing labels of the decisions up to ``last_decision_id`` (0: there were none).
    """

    name: str
    made_by: str
    made: datetime
    rule: str
    last_decision_id: int
    labels: Mapping[str, str]
    note: str = ""

    def __post_init__(self) -> None:
        check_name(self.name)
        for what, line, most in (("maker", self.made_by, MAX_NAME + 20), ("rule", self.rule, MAX_NAME)):
            if not line.strip() or not line.isprintable() or len(line) > most:
                raise WorkspaceError(f"A label set's {what} must be one line of 1 to {most} characters; got {line!r}.")
        if len(self.note) > MAX_NOTE:
            raise WorkspaceError(f"The note has {len(self.note):,} characters; shorten it to {MAX_NOTE:,}.")
        if self.made.utcoffset() != timedelta(0):
            raise WorkspaceError(f"A label set's time must be aware and in UTC; got {self.made.isoformat()}.")

    @cached_property
    def sha256(self) -> str:
        """64 hexadecimal digits over all that the set says; the order of the images does not count."""
        text = json.dumps(self._content(), sort_keys=True, ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def parsed(self, space: LeafSpace) -> Mapping[str, Label]:
        """Image id -> label; `WorkspaceError` for a label that this workspace cannot have."""
        known: dict[str, Label] = {}
        for image_id, text in self.labels.items():
            if text not in known:
                try:
                    known[text] = space.parse(text)
                except LabelError as error:
                    raise WorkspaceError(f"Label set {self.name!r}, image {image_id[:100]!r}: {error}") from error
        return {image_id: known[text] for image_id, text in self.labels.items()}

    def _content(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "name": self.name,
            "made_by": self.made_by,
            "made": self.made.isoformat(),
            "note": self.note,
            "rule": self.rule,
            "last_decision_id": self.last_decision_id,
            "labels": dict(self.labels),
        }

    def to_json(self) -> dict[str, Any]:
        """What the file holds: everything, and the hash over it."""
        return {"sha256": self.sha256, **self._content()}


def check_name(name: str) -> str:
    """``name`` if it can name a set and its file, else `WorkspaceError`."""
    if not is_plain(name) or len(name) > MAX_NAME or name != name.strip() or not unicodedata.is_normalized("NFC", name):
        raise WorkspaceError(
            f"A label set cannot be called {name[:100]!r}; use letters, digits, space, - _ . alone, "
            f"a letter or digit in front, and at most {MAX_NAME} characters."
        )
    if name.casefold() in RESERVED:
        raise WorkspaceError(f"No label set can be called {name!r}: that names labels that change; choose another.")
    return name


def write_label_set(folder: Path, label_set: LabelSet) -> Path:
    """Write the file whole; `WorkspaceError` if there is one of that name already, whoever was first."""
    path = folder / f"{label_set.name}.json"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        raw = json.dumps(label_set.to_json(), ensure_ascii=False, indent=1, allow_nan=False).encode()
        write_new(path, raw + b"\n")
    except FileExistsError as error:
        raise WorkspaceError(
            f"There is a label set {label_set.name!r} already and none is ever written over; choose another name."
        ) from error
    except OSError as error:
        raise WorkspaceError(f"{path} cannot be written ({error.strerror}); make room or give access.") from error
    return path


def read_label_set(path: Path, space: LeafSpace) -> LabelSet:
    """The set in a file; `WorkspaceError` in one sentence if it is damaged or does not fit ``space``."""
    where = f"Label set file {path}"
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ValueError(f"larger than {MAX_FILE_BYTES // 2**20} MiB")
        values = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(values, dict) or values.get("format") != FORMAT:
            raise ValueError(f"no JSON object of format {FORMAT}")
        found = LabelSet(
            name=_text(values, "name"),
            made_by=_text(values, "made_by"),
            made=datetime.fromisoformat(_text(values, "made")).astimezone(UTC),
            rule=_text(values, "rule"),
            last_decision_id=int(values["last_decision_id"]),
            labels=_labels(values["labels"]),
            note=_text(values, "note"),
        )
    except Exception as error:
        if not (isinstance(error, WorkspaceError) or is_parser_error(error)):
            raise
        raise WorkspaceError(f"{where} cannot be used ({error}); restore it from a copy or remove it.") from error
    if found.name != path.stem:
        raise WorkspaceError(f"{where} holds a set of another name, {found.name!r}; rename the file to it.")
    if values.get("sha256") != found.sha256:
        raise WorkspaceError(f"{where} was edited: its hash does not fit what it says; restore it from a copy.")
    found.parsed(space)
    return found


def training_labels(dataset: DataSet, label_set: LabelSet) -> DataSet:
    """The data set with the training images' labels as in the set; every other image is as it was.

    Training images that the set does not know are left out; what it says of other splits is not looked at.
    """
    labels = label_set.parsed(dataset.space)
    return DataSet(
        dataset.space,
        tuple(
            replace(image, label=labels[image.image_id]) if image.split is Split.TRAIN else image
            for image in dataset.images
            if image.split is not Split.TRAIN or image.image_id in labels
        ),
    )


def _text(values: Mapping[str, Any], name: str) -> str:
    if not isinstance(values[name], str):
        raise TypeError(f"{name!r} is no text")
    return str(values[name])


def _labels(written: object) -> Mapping[str, str]:
    if not isinstance(written, dict) or not all(isinstance(text, str) for text in written.values()):
        raise TypeError("'labels' is no table of image = label")
    return written
