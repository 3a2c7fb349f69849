"""Results of image file checks, kept as long as the file is unchanged."""

import hashlib
import json
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from model_zoo.core.errors import ImageError
from model_zoo.images.decoding import decode
from model_zoo.images.grey_scale import GreyScale
from model_zoo.workspace.manifest import write_whole

FILE = "file_facts.jsonl"
"""One line per file that was looked at, a later line about the same file instead of an earlier one."""


@dataclass(frozen=True, slots=True)
class FileFacts:
    """One file in the state that ``n_bytes`` and ``mtime_ns`` name.

    ``width`` and ``height`` in pixels; ``low`` and ``high`` are the grey values, 0 to 255, that 1 % of the pixels do
    not reach and 1 % exceed. Where it cannot be decoded ``problem`` says why, and all four are 0.
    """

    n_bytes: int
    mtime_ns: int
    sha256: str
    width: int
    height: int
    low: int
    high: int
    problem: str = ""


def state_of(file: Path) -> tuple[int, int]:
    """Bytes and time of change: facts hold for as long as both stay. `OSError` where there is no file."""
    found = file.stat()
    return found.st_size, found.st_mtime_ns


def facts_of(file: Path, name: str, grey: GreyScale | None = None) -> FileFacts:
    """A file read and decoded once, within the limits of `images`. `OSError` where there is no file.

    ``grey`` is the scale by which grey values of more than 8 bits are read.
    """
    n_bytes, mtime_ns = state_of(file)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's, of an image that `decode` refuses or reads
            image = decode(file, name, grey)
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
    except ImageError as error:
        return FileFacts(n_bytes, mtime_ns, "", 0, 0, 0, 0, str(error))
    low, high = np.percentile(np.asarray(image.convert("L")), (1, 99), method="nearest").tolist()
    return FileFacts(n_bytes, mtime_ns, digest, *image.size, int(low), int(high))


def read_facts(path: Path) -> dict[str, FileFacts]:
    """File, as a manifest writes it -> what was found; nothing of a line that is damaged or half written."""
    return dict(_lines(path))


def facts_line(name: str, facts: FileFacts) -> str:
    """The line that `read_facts` reads."""
    return json.dumps({"path": name, **asdict(facts)}) + "\n"


def write_facts(path: Path, known: Mapping[str, FileFacts]) -> None:
    """All of ``known`` instead of what is there."""
    write_whole(path, "".join(facts_line(name, facts) for name, facts in known.items()).encode())


def _lines(path: Path) -> Iterator[tuple[str, FileFacts]]:
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    for line in text.splitlines():
        try:
            values = json.loads(line)
            name = values.pop("path")
            facts = FileFacts(**values)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            continue  # it is looked at again
        if all(isinstance(getattr(facts, one), kind) for one, kind in FileFacts.__annotations__.items()):
            yield str(name), facts
