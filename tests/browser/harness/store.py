"""What the harness stores: proposals in a SQLite file, once each; and the space that it reviews."""

import json
import os
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from model_zoo.core.labels import LeafSpace, Part

SPACE = LeafSpace(
    parts=(
        Part("animal", ("cat", "dog", "horse", "owl", "carp", "newt")),
        Part("collar", ("none", "worn")),
        Part("caption", ("none", "present")),
    ),
    lone=("scenery",),
    forbidden=({"collar": "worn", "caption": "none"},),
)
TAXONOMIES = {
    "fine": {
        **{f"{a}": [f"{a}.worn.present"] for a in SPACE.parts[0].values},
        **{f"no_{a}": [f"{a}.none.present"] for a in SPACE.parts[0].values},
        **{f"na_{a}": [f"{a}.none.none"] for a in SPACE.parts[0].values},
        "scenery": ["scenery"],
    },
    "coarse": {
        **{a: [f"{a}.worn.present"] for a in SPACE.parts[0].values},
        "no_collar": [f"{a}.none.present" for a in SPACE.parts[0].values],
        "empty": [f"{a}.none.none" for a in SPACE.parts[0].values],
        "scenery": ["scenery"],
    },
}


def label_of(number: int) -> frozenset[str]:
    """The label that image ``number`` starts with."""
    boxed = [leaf for leaf in SPACE.leaves if SPACE.values_of[leaf]]
    return frozenset({boxed[(number * 5) % len(boxed)]})


def image_id(number: int) -> str:
    return f"te-{number:04d}"


def store(name: str, proposals: Iterable[Mapping[str, Any]]) -> None:
    """Append the proposals to the file ``name``, each (client, seq) once."""
    with closing(_connect(name)) as file, file:
        for proposal in proposals:
            file.execute(
                "INSERT OR IGNORE INTO proposals(client_id, seq, image_id, answer, body) VALUES (?, ?, ?, ?, ?)",
                (*(proposal[name] for name in ("client_id", "seq", "image_id", "answer")), json.dumps(dict(proposal))),
            )


def stored(name: str) -> list[dict[str, Any]]:
    """Everything stored in the file ``name``, in the order of storing."""
    with closing(_connect(name)) as file:
        return [json.loads(row[0]) for row in file.execute("SELECT body FROM proposals ORDER BY rowid")]


def _connect(name: str) -> sqlite3.Connection:
    folder = Path(os.environ["HARNESS_FOLDER"])
    file = sqlite3.connect(folder / f"{Path(name).name}.db", timeout=20)
    file.execute(
        "CREATE TABLE IF NOT EXISTS proposals(client_id, seq, image_id, answer, body, UNIQUE (client_id, seq))"
    )
    return file
