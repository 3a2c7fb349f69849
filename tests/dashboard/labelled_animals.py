"""Texts that people and programs put into names, and labels files made of them."""

import io

import hypothesis.strategies as some

from dashboard.labels.label_files import LabelFile, read_label_file

ATTACKS = (
    '=HYPERLINK("http://x","see")', "+1+1", "-2+3+cmd|' /C calc'!A0", "@SUM(1)", "＝1+1", "'=1", "''-", "a,b", 'a "b"',
    "two\nlines", "a\r\nb", "tab\there", "🫀 heart",
    "\u202egnp.exe", "\u200f\u05d0\u05d1", "e\u0301", "é", "a\u2028b", "a\x85b",
    "../up", "/etc/passwd", "a/b", "a\\b", "CON", "nul.txt", " spaced ", "x" * 300, "NaN", "null", "0", "#", ";",
)  # fmt: skip

texts = some.sampled_from(ATTACKS) | some.text(
    some.characters(exclude_categories=["Cs", "Cc"]) | some.sampled_from("=+-@'\",;\t\r\n"), min_size=1, max_size=40
).filter(str.strip)


def read(raw: bytes, name: str = "labels.csv") -> LabelFile:
    """The labels in the bytes of a file."""
    return read_label_file(io.BytesIO(raw), name)


def triples(file: LabelFile) -> list[tuple[str, str, str]]:
    """Image, label and reviewer of each line."""
    return [(line.image, line.label, line.reviewer) for line in file.lines]
