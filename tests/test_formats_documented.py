"""docs/formats.md says what each format gives today."""

from tests.formats_table import DOCUMENT, text


def test_the_table_of_formats_is_up_to_date():
    assert DOCUMENT.read_text(encoding="utf-8") == text(), "write it anew: uv run python -m tests.formats_table"
