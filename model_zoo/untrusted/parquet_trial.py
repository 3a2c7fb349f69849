"""A trial read of untrusted Parquet files in a child process.

Sizes in a Parquet file's own table of contents are claims; what its pages unpack to shows only as they do.
"""

import hashlib
import io
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from model_zoo.untrusted.killable import TrialError, try_in_child

BATCH = 10_000
_PASSED: set[tuple[str, int]] = set()


def check_parquet(raw: bytes | Path, max_rows: int) -> None:
    """`TrialError` unless all plain columns can be read within the limits of a child; asked once for the same bytes."""
    if isinstance(raw, bytes):
        digest = hashlib.sha256(raw).hexdigest()
    else:
        with raw.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    if (digest, max_rows) not in _PASSED:
        try_in_child("parquet", raw, {"max_rows": max_rows})
        _PASSED.add((digest, max_rows))


def try_table(raw: bytes | str, max_rows: int) -> None:
    """In the child: read everything and keep nothing; `TrialError` for more than ``max_rows``."""

    def source() -> Any:
        return io.BytesIO(raw) if isinstance(raw, bytes) else raw

    with pq.ParquetFile(source()) as stored:
        if stored.metadata.num_rows > max_rows:
            return  # whoever asked says so better
        names = plain_columns(stored.schema_arrow)
        texts = [name for name in names if is_text(stored.schema_arrow.field(name).type)]
    n_rows = 0
    with pq.ParquetFile(source(), read_dictionary=texts) as lean:
        for batch in lean.iter_batches(BATCH, columns=names):
            n_rows += batch.num_rows
            if n_rows > max_rows:
                raise TrialError(f"it has more than {max_rows:,} rows", True)


def plain_columns(schema: pa.Schema) -> list[str]:
    """The columns that a cell can hold: none that is nested or binary, such as pictures inside the table."""
    return [one.name for one in schema if not (pa.types.is_nested(one.type) or _is_binary(one.type))]


def is_text(kind: pa.DataType) -> bool:
    """Whether a column holds texts."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_binary(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind))
