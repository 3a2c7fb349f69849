"""The log of comparisons that were shown, each counted once."""

import hashlib
import json
import threading
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

FILE = "comparisons.jsonl"
"""A line for each comparison that was shown: its key, the split, and when it was shown first."""

MAX_BYTES = 16 * 2**20
"""A file of this size (about 100,000 comparisons) is appended to no more."""


def comparison_key(models: Iterable[Iterable[str]], *others: str) -> str:
    """The key of a comparison: the run ids of each model, in any order, and whatever else makes it a distinct one."""
    text = json.dumps([sorted(sorted(runs) for runs in models), *others])
    return hashlib.sha256(text.encode()).hexdigest()[:24]


class ComparisonLog:
    """The comparisons shown of one workspace; any number of threads and processes may append at once.

    Each line is one write to a file opened for appending, so that lines of two processes never mix; the same
    comparison written twice counts once. A line that cannot be read is passed over.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known: dict[str, str] = {}  # key -> split
        self._n_read = 0
        self._lock = threading.Lock()

    def record(self, split: str, keys: Iterable[str]) -> int | None:
        """Note that these comparisons on a split are shown; how many of that split were shown in all.

        None where the file can be neither read nor written.
        """
        with self._lock:
            try:
                self._read()
                new = [key for key in dict.fromkeys(keys) if key not in self._known]
                if new and self._n_read < MAX_BYTES:
                    self._append(split, new)
                    self._read()
            except OSError:
                return None
            return sum(one == split for one in self._known.values())

    def _append(self, split: str, keys: Iterable[str]) -> None:
        time = datetime.now(UTC).isoformat(timespec="seconds")
        with self.path.open("ab", buffering=0) as out:
            for key in keys:
                # begins a line of its own also after one that a kill left half written
                out.write(b"\n" + json.dumps({"key": key, "split": split, "time": time}).encode() + b"\n")

    def _read(self) -> None:
        """What was appended since, by whichever process; a file that was cut short is read anew."""
        if not self.path.exists():
            self._known, self._n_read = {}, 0
            return
        if self.path.stat().st_size < self._n_read:
            self._known, self._n_read = {}, 0
        with self.path.open("rb") as file:
            file.seek(self._n_read)
            fresh = file.read(MAX_BYTES)
        whole = fresh[: fresh.rfind(b"\n") + 1]
        self._n_read += len(whole)
        for line in whole.split(b"\n"):
            try:
                written = json.loads(line)
                self._known.setdefault(str(written["key"])[:64], str(written["split"])[:20])
            except (ValueError, TypeError, KeyError, RecursionError):
                continue
