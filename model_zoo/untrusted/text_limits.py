"""Limits on CSV and JSON, checked before or while they are parsed.

A byte of text can become a list of 56 bytes, a comma a cell; a file of a few hundred MB could fill any memory.
"""

import csv
import io
import json
from collections.abc import Callable, Iterator
from typing import Any

MAX_CONTAINERS = 5_000_000
"""Lists and objects of a JSON text: some 60 bytes each, empty."""

MAX_VALUES = 50_000_000
MAX_DELIMITERS = 1_000_000
"""Of one row of a CSV, those inside quoted cells too."""


def load_json(text: str, **options: Any) -> Any:
    """`json.loads` of a text; `ValueError` for one that would become too much, before it does."""
    check_json(text)
    return json.loads(text, **options)


def check_json(text: str) -> None:
    """`ValueError` for a JSON text, or lines of JSON, of more than `MAX_CONTAINERS` or `MAX_VALUES`."""
    n_containers, n_values = text.count("[") + text.count("{"), text.count(",")
    if n_containers > MAX_CONTAINERS or n_values > MAX_VALUES:
        raise ValueError(
            f"{n_containers:,} lists and objects, {n_values:,} values; at most {MAX_CONTAINERS:,} and {MAX_VALUES:,} "
            "are read"
        )


class CsvRows:
    """The rows of a CSV text, () for an empty line; `ValueError` for a row of too many cells before it is made.

    ``line`` is the line on which the last row ended, counted as an editor does. ``check`` is called for each row that
    is not empty, with the number of such rows so far and of this one's cells.
    """

    def __init__(self, text: str, delimiter: str, check: Callable[[int, int], None]) -> None:
        self._source, self._delimiter, self._check = io.StringIO(text, newline=""), delimiter, check
        self._n_delimiters = self._n_rows = 0
        self._reader = csv.reader(self._lines(), delimiter=delimiter)

    @property
    def line(self) -> int:
        """1 for the first."""
        return self._reader.line_num

    def __iter__(self) -> Iterator[list[str]]:
        for row in self._reader:
            self._n_delimiters = 0
            if row:
                self._n_rows += 1
                self._check(self._n_rows, len(row))
            yield row

    def _lines(self) -> Iterator[str]:
        for line in self._source:
            self._n_delimiters += line.count(self._delimiter)
            if self._n_delimiters > MAX_DELIMITERS:
                raise ValueError(f"a row of more than {MAX_DELIMITERS:,} cells")
            yield line
