"""Decodes the text of a table from elsewhere: by its mark, as UTF-8, as Korean CP949, or as named."""

import codecs
import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from itertools import islice

from model_zoo.core.errors import TaxoScopeError
from model_zoo.importing.source import SourceError, shown

ENCODINGS = (
    *("utf-8", "utf-16", "utf-16-le", "utf-16-be", "cp949", "euc-kr", "cp1252", "latin-1", "iso-8859-15", "mac-roman"),
    *("cp1250", "cp1251", "koi8-r", "cp932", "shift_jis", "euc-jp", "gb18030", "gbk", "big5"),
)
"""What `--encoding` can name."""

MARK = "\ufeff"
KOREAN = 0.9
"""Least share of the letters beyond ASCII that are common Hangul where a text is taken for CP949."""

SAMPLED, SAMPLE_LENGTH = 3, 60
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_CODECS = {codecs.lookup(name).name: name for name in reversed(ENCODINGS)}
_TITLES = {"utf-8": "UTF-8", "utf-16-le": "UTF-16", "utf-16-be": "UTF-16", "cp949": "CP949 (EUC-KR)"}


@dataclass(frozen=True, slots=True)
class DecodedText:
    """A text, the encoding that it was decoded by, and sentences about it; none about plain ASCII."""

    text: str
    encoding: str
    told: tuple[str, ...] = ()


def decode_text(
    raw: bytes, title: str, encoding: str = "", error: type[TaxoScopeError] = SourceError, option: str = "--encoding"
) -> DecodedText:
    """``raw`` decoded by ``encoding``, else by its mark, as UTF-8, or as CP949 if that gives Korean.

    ``error`` in one sentence about ``title`` for what is none of these; ``option`` names another encoding.
    """
    mark, marked = next(((mark, name) for mark, name in _MARKS if raw.startswith(mark)), (b"", ""))
    known = named_encoding(encoding, error, option) if encoding else ""
    if known and marked and not marked.startswith(known):
        raise error(f"{title} begins with the mark of {_TITLES[marked]}, not of {encoding}; leave {option} out.")
    if not known and not marked and b"\0" in raw[:100_000]:
        hint = f" UTF-16 without its mark is read with {option} utf-16-le." if _is_utf_16(raw) else ""
        raise error(f"{title} is no text; give a CSV file in UTF-8, or Parquet.{hint}")
    try:
        name = marked or known or "utf-8"
        text = raw[len(mark) :].decode(name)
    except UnicodeDecodeError as wrong:
        if marked or known:
            where = _line(raw, wrong.start + len(mark), name)
            remedy = f"name another with {option}" if known else "save it again as 'CSV UTF-8'"
            raise error(f"{title}, {where}: no {_TITLES.get(name, name)}; {remedy}.") from wrong
        korean = korean_text(raw)
        if korean is None:
            raise error(
                f"{title}, {_line(raw, wrong.start, name)}: it is no UTF-8, and the file is no Korean CP949; save it "
                f"as 'CSV UTF-8', or name its encoding, such as {option} cp1252."
            ) from wrong
        name, text = "cp949", korean
    if "\0" in text:
        raise error(f"{title} is no text ({_TITLES.get(name, name)} gives null characters); save it as 'CSV UTF-8'.")
    told = []
    if name != "utf-8" or not text.isascii():
        told.append(f"Encoding: {_TITLES.get(name, name)}; it reads {_sample(text)}; {option} names another.")
    if n_inside := text.count(MARK):
        text = text.replace(MARK, "")
        told.append(f"Byte order marks inside the text, as files that were joined have: {n_inside:,}, left out.")
    return DecodedText(text, name, tuple(told))


def korean_text(raw: bytes) -> str | None:
    """``raw`` as strict CP949 if at least `KOREAN` of its letters beyond ASCII are common Hangul, else None.

    Common are the 2,350 syllables of KS X 1001: Japanese and Chinese text, read so, gives rare syllables and Hanja.
    """
    try:
        text = raw.decode("cp949")
    except UnicodeDecodeError:
        return None
    letters = {one: n for one, n in Counter(text).items() if ord(one) > 127 and one.isalpha()}
    common = sum(n for one, n in letters.items() if _is_common_hangul(one))
    return text if letters and common >= KOREAN * sum(letters.values()) else None


def named_encoding(encoding: str, error: type[TaxoScopeError] = SourceError, option: str = "--encoding") -> str:
    """One of `ENCODINGS` by any name that it has; ``error`` lists them."""
    try:
        return _CODECS[codecs.lookup(encoding.strip()).name]
    except (LookupError, ValueError):
        raise error(f"{option} cannot be {shown(encoding)}; it can be {', '.join(ENCODINGS)}.") from None


def nfc(text: str) -> str:
    """``text`` in the Unicode form in which names are compared: macOS writes the parts of a letter one by one."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def _is_common_hangul(letter: str) -> bool:
    is_hangul = "가" <= letter <= "힣" or "ㄱ" <= letter <= "ㆎ"
    return is_hangul and len(letter.encode("euc_kr")) == 2  # others get 8 bytes


def _is_utf_16(raw: bytes) -> bool:
    return len(raw) % 2 == 0 and b"\0" not in raw[:1000:2] and raw[1:1000:2].count(0) > len(raw[:1000]) // 8


def _line(raw: bytes, start: int, encoding: str) -> str:
    line = raw[:start].decode(encoding, "replace").count("\n") + 1
    return f"line {line:,}, byte {start + 1:,}"


def _sample(text: str) -> str:
    words = (one[0] for one in re.finditer(r"[^\s,;|\"']+", text))
    found = dict.fromkeys(islice((one for one in words if not one.isascii()), SAMPLED))
    return ", ".join(shown(one, SAMPLE_LENGTH) for one in found) or shown(text[:SAMPLE_LENGTH].split("\n")[0])
