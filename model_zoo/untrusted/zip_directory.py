"""The number of members of a zip archive, bounded before its directory is read."""

import io
import zipfile
from typing import IO

MAX_ENTRY = 300
"""Bytes that a zip archive spends on listing one file, on average at most: 46 and its name."""


def n_members(file: IO[bytes] | io.BufferedIOBase) -> int:
    """How many members a zip archive may list, by the size of its directory: at least a sixth of those it lists.

    It is asked of the standard library's own search for the directory, so that no second directory can mislead it; 0
    for what is no zip.
    """
    end = zipfile._EndRecData(file)  # type: ignore[attr-defined]
    return int(end[5]) // MAX_ENTRY if end else 0  # [5]: the directory's size in bytes
