"""Turns whatever a parser of untrusted bytes raises into one of our errors.

A reader wraps its parsing in `parser_errors_as_ours`. What counts as a parser's error is listed here and nowhere else.
"""

import csv
import lzma
import pickle
import struct
import tarfile
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from model_zoo.core.errors import TaxoScopeError

RAISED_BY_PARSERS: tuple[type[Exception], ...] = (
    *(ArithmeticError, AssertionError, AttributeError, BufferError, EOFError, LookupError, MemoryError, OSError),
    *(RuntimeError, SyntaxError, TypeError, ValueError, Warning),  # NotImplementedError and RecursionError are in
    *(csv.Error, lzma.LZMAError, pickle.PickleError, struct.error, tarfile.TarError, tokenize.TokenError),
    *(zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error),
)
PARSERS = (
    "PIL",
    "google",
    "numpy",
    "onnx",
    "onnxruntime",
    "pyarrow",
    "pydicom",
    "safetensors",
    "safetensors_rust",
    "torch",
)
"""Packages with error classes of their own, by the first part of the class's module."""

MAX_QUOTED = 120


@contextmanager
def parser_errors_as_ours(
    what: str,
    error: type[TaxoScopeError],
    remedy: str,
    damaged: str = "is damaged or of another kind",
    unreadable: str = "check the path and its permissions",
) -> Iterator[None]:
    """Turns what a parser raises into ``error``: "``what`` ``damaged`` (its words); ``remedy``."

    An `OSError` of the file system becomes "``what`` cannot be read (its words); ``unreadable``.", or passes where that
    is ''. Our own errors, and what no parser raises (`KeyboardInterrupt`, a caller's own exception), pass unchanged.
    """
    try:
        yield
    except TaxoScopeError:
        raise
    except Exception as raised:
        if not is_parser_error(raised):
            raise
        if isinstance(raised, OSError) and raised.errno is not None:
            if not unreadable:
                raise
            raise error(f"{what} cannot be read ({raised.strerror or first_line(raised)}); {unreadable}.") from raised
        raise error(f"{what} {damaged} ({first_line(raised)}); {remedy}.") from raised


def is_parser_error(raised: BaseException) -> bool:
    """Whether a parser of foreign bytes may have raised this."""
    return isinstance(raised, RAISED_BY_PARSERS) or (
        isinstance(raised, Exception) and type(raised).__module__.partition(".")[0] in PARSERS
    )


def first_line(raised: BaseException, at_most: int = MAX_QUOTED) -> str:
    """What an error says, fit for a sentence: one printable line of ``at_most`` characters; never empty."""
    try:
        text = str(raised)
    except Exception:  # an error may fail to write itself, as one that holds an integer of 5,000 digits
        text = ""
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in text[: 10 * at_most]).split())
    return line[:at_most].rstrip(".") or type(raised).__name__
