"""Unpacks zip and tar archives within limits; nothing leaves the target folder."""

import bz2
import gzip
import io
import lzma
import os
import re
import shutil
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import IO, TypeVar

from model_zoo.core.errors import TaxoScopeError
from model_zoo.images.formats import is_image
from model_zoo.importing.source import SPLITS, SourceError, counted, shown
from model_zoo.importing.text_encoding import korean_text, named_encoding, nfc
from model_zoo.untrusted.limits import limits, variable
from model_zoo.untrusted.parser_errors import parser_errors_as_ours
from model_zoo.untrusted.zip_directory import n_members

CHUNK = 2**20
MAX_HEADER = 2**20
"""Bytes that a tar archive may spend on naming one file."""

MAX_NAME, MAX_DEPTH = 240, 50
"""Bytes of a name: longer ones are cut and kept distinct by a hash, as file systems hold 255. Folders in folders."""

_KINDS = {
    b"PK\3\4": "zip",
    b"PK\5\6": "zip",
    b"\x1f\x8b": "gz",
    b"BZh": "bz2",
    b"\xfd7zXZ\0": "xz",
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"Rar!": "rar",
}
_ENDINGS = (".zip", ".tar", ".tgz", ".gz", ".bz2", ".tbz2", ".xz", ".txz", ".7z", ".rar")
T = TypeVar("T")

UTF_8 = 0x800
"""The mark of a zip's member that its name is UTF-8."""

_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
"""How a zip may pack its members."""


@dataclass(frozen=True, slots=True)
class UnpackBudget:
    """What an archive may hold: bytes and files unpacked, and (beyond 100 MB) bytes unpacked per packed one.

    ``ways`` names the settings of the first two, for sentences.
    """

    n_bytes: int
    n_files: int
    ways: tuple[str, str]
    ratio: float = 200.0


def unpack_budget() -> UnpackBudget:
    """What an archive on this machine may hold."""
    at_most = limits()
    ways = (variable("unpacked_gb"), variable("unpacked_files"))
    return UnpackBudget(at_most.unpacked_gb * 2**30, at_most.unpacked_files, ways)


def unpack_budget_for_uploads() -> UnpackBudget:
    """What an archive that came through a page may hold."""
    at_most = limits()
    ways = (variable("upload_unpacked_gb"), variable("upload_unpacked_files"))
    return UnpackBudget(at_most.upload_unpacked_gb * 2**30, at_most.upload_unpacked_files, ways)


def is_archive(path: Path) -> bool:
    """Whether a file is packed, by its first bytes or its name's ending; also of kinds that `unpack` refuses."""
    return path.is_file() and (bool(_kind(path)) or path.name.lower().endswith(_ENDINGS))


def is_of_macos(name: str) -> bool:
    """Whether a file or folder of this name is one that macOS writes for itself, such as ``._a.png``."""
    return name in ("__MACOSX", ".DS_Store") or name.startswith("._")


def unpack(
    archive: Path,
    target: Path,
    progress: Callable[[int, int], None] = lambda done, of: None,
    within: UnpackBudget | None = None,
    encoding: str = "",
    tell: Callable[[str], None] = lambda sentence: None,
) -> Path:
    """Unpack a zip or tar (also .gz, .bz2, .xz) archive into ``target``, a folder that is empty or not there yet.

    Returns the folder in which its images lie: ``target``, or the one folder that wraps all else. `SourceError` in one
    sentence for what is encrypted, damaged, too large, leads out of ``target`` or is no plain file. ``progress`` is
    told how many bytes of how many are done; whatever stops the work, also what ``progress`` raises, leaves
    ``target`` empty. Of equal names, or names that are one to the file system, the later becomes ``name (2)``.

    Names are written in the Unicode form NFC. Of a zip those without the mark of UTF-8 are decoded by ``encoding``,
    else as UTF-8 or Korean CP949 if all of them are, else as CP437, as the format says; of a tar by ``encoding``, else
    as UTF-8. ``tell`` gets sentences about names, and about what was left out.
    """
    title = f"Archive {shown(archive.name)}"
    is_new = not target.exists()
    if not is_new and any(target.iterdir()):
        raise SourceError(f"{target} is not empty; give an empty folder to unpack {shown(archive.name)} into.")
    try:
        with parser_errors_as_ours(
            title, SourceError, "fetch it again", "is damaged or cut off", "make room or give access"
        ):
            target.mkdir(parents=True, exist_ok=True)
            work = _Unpacking(archive, title, target, progress, within or unpack_budget())
            work.run(named_encoding(encoding) if encoding else "")
    except BaseException:
        shutil.rmtree(target, ignore_errors=True)
        if not is_new:
            target.mkdir(exist_ok=True)
        raise
    for sentence in work.told():
        tell(sentence)
    return _inner(target)


@dataclass(frozen=True, slots=True)
class MemberNames:
    """Names in the order of a zip's members, and in a sentence how they were decoded, if any is not ASCII."""

    names: tuple[str, ...]
    told: tuple[str, ...] = ()


def member_names(
    members: Sequence[zipfile.ZipInfo], encoding: str, title: str, error: type[TaxoScopeError] = SourceError
) -> MemberNames:
    """The names of a zip's members, those without the mark of UTF-8 all decoded in one way: see `unpack`."""
    unmarked = [
        (k, one.orig_filename.encode("cp437"))
        for k, one in enumerate(members)
        if not one.flag_bits & UTF_8 and one.filename == one.orig_filename
    ]
    names = [one.filename for one in members]
    raw = [name for _, name in unmarked]
    if all(map(bytes.isascii, raw)):
        return MemberNames(tuple(names))
    name = named_encoding(encoding, error) if encoding else "utf-8"
    try:
        texts = [one.decode(name) for one in raw]
    except UnicodeDecodeError as wrong:
        if encoding:
            raise error(f"{title} has names that are no {name}; name another encoding with --encoding.") from wrong
        name = "cp949" if korean_text(b"\n".join(raw)) else "cp437"
        texts = [one.decode(name) for one in raw]
    for (k, _), text in zip(unmarked, texts, strict=True):
        names[k] = text
    sample = next((text for text in texts if not text.isascii()), texts[0])
    told = f"Names are decoded by {name}, such as {shown(nfc(sample))}; --encoding names another."
    return MemberNames(tuple(names), (told,))


class _Unpacking:
    """One archive on its way: what is done, and which folders and names there are."""

    def __init__(
        self, archive: Path, title: str, target: Path, progress: Callable[[int, int], None], room: UnpackBudget
    ) -> None:
        self.archive, self.title, self.progress, self.room = archive, title, progress, room
        self.packed = archive.stat().st_size
        self.n_files = self.n_bytes = 0
        self.folders: dict[tuple[str, ...], Path] = {(): target}
        self.copies: dict[tuple[Path, str], Iterator[int]] = {}
        self.names: tuple[str, ...] = ()
        self.n_of_macos = 0

    def told(self) -> Iterator[str]:
        """How names were decoded, and what was left out."""
        yield from self.names
        if n := self.n_of_macos:
            yield f"{counted(n, 'resource file')} of macOS left out (__MACOSX, ._*, .DS_Store)."

    def run(self, encoding: str) -> None:
        kind = _kind(self.archive)
        if kind in ("7z", "rar"):
            raise SourceError(f"{self.title} is of kind {kind}; unpack it and give the folder, or pack it as zip.")
        if kind == "zip":
            self._unzip(encoding)
        else:
            self._untar(kind, encoding)
        if not self.n_files:
            raise SourceError(f"{self.title} holds no file; give one with images.")

    def _unzip(self, encoding: str) -> None:
        with self.archive.open("rb") as file:
            self._check_count(n_members(file))  # before all of them lie in memory
        with zipfile.ZipFile(self.archive) as archive:
            members = archive.infolist()
            total = sum(one.file_size for one in members)
            self._check_size(total)
            names = member_names(members, encoding, self.title)
            self.names = names.told
            for one, name in zip(members, names.names, strict=True):
                kind = stat.S_IFMT(one.external_attr >> 16)
                if one.flag_bits & 1:
                    raise SourceError(f"{self.title} is encrypted; unpack it with its password and give the folder.")
                if one.compress_type not in _METHODS:
                    raise SourceError(
                        f"{self.title} packs {shown(name)} by method {one.compress_type}, which is not read "
                        "here; pack it anew as zip with the method Deflate (zip -r), or unpack it and give the folder."
                    )
                if kind and kind not in (stat.S_IFREG, stat.S_IFDIR):
                    raise self._no_file(name)
                parts = self._parts(name)
                if parts and not name.endswith("/"):
                    with archive.open(one) as stream:
                        self._write(parts, stream, lambda: (min(self.n_bytes, total), total))

    def _untar(self, kind: str, encoding: str) -> None:
        with self.archive.open("rb") as file, _plain(file, kind) as plain:
            metered = _Metered(plain, self.title)
            try:
                archive = tarfile.open(fileobj=metered, mode="r|", encoding=encoding or "utf-8")  # noqa: SIM115 (closed below)
            except tarfile.ReadError as error:
                raise SourceError(f"{self.title} is no zip or tar archive; give one, or a folder.") from error
            with archive:
                while (one := archive.next()) is not None:
                    if not (one.isreg() or one.isdir()):
                        raise self._no_file(one.name)
                    parts = self._parts(one.name)
                    stream = archive.extractfile(one) if one.isreg() else None
                    metered.left = one.size + CHUNK
                    if stream is not None and parts:
                        self._check_size(self.n_bytes + one.size)
                        self._write(parts, stream, lambda: (file.tell(), self.packed))
                    elif stream is not None:
                        while stream.read(CHUNK):
                            pass
                    metered.left = MAX_HEADER
                    vars(archive)["members"].clear()  # else all of them stay in memory
                if any(metered.block(archive.offset)):  # the standard library takes a broken header for the end
                    raise tarfile.ReadError("no header where one should be")

    def _write(self, parts: tuple[str, ...], stream: IO[bytes], done: Callable[[], tuple[int, int]]) -> None:
        self.n_files += 1
        self._check_count(self.n_files)
        with self._new(self._folder(parts[:-1]), parts[-1], lambda path: path.open("xb")) as file:
            while chunk := stream.read(CHUNK):
                self.n_bytes += len(chunk)
                self._check_size(self.n_bytes)
                file.write(chunk)
                self.progress(*done())

    def _folder(self, parts: tuple[str, ...]) -> Path:
        if parts not in self.folders:
            self.folders[parts] = self._new(self._folder(parts[:-1]), parts[-1], _made)
        return self.folders[parts]

    def _new(self, parent: Path, name: str, make: Callable[[Path], T]) -> T:
        """What ``make`` makes of the first free name; the file system says what is taken, by its own rules."""
        stem, suffix = os.path.splitext(name)
        while True:
            k = next(self.copies.setdefault((parent, name), count(1)))
            try:
                return make(parent / (name if k == 1 else f"{stem} ({k}){suffix}"))
            except FileExistsError:
                continue

    def _parts(self, name: str) -> tuple[str, ...]:
        """The folders and name of a member; () for what is none of the user's files."""
        if any("\ud800" <= one <= "\udfff" for one in name):
            raise SourceError(
                f"{self.title} names {shown(name)}, which is no UTF-8; name the encoding of its names, such as "
                "--encoding cp949."
            )
        parts = [part for part in nfc(name).replace("\\", "/").split("/") if part not in ("", ".")]
        if name.startswith(("/", "\\")) or ".." in parts or re.match(r"[A-Za-z]:[/\\]", name):
            raise SourceError(f"{self.title} names {shown(name)}, which leads out of its folder; pack it anew.")
        if len(parts) > MAX_DEPTH:
            raise SourceError(
                f"{self.title} has {len(parts)} folders in each other, at most {MAX_DEPTH}; pack it anew."
            )
        if any(map(is_of_macos, parts)):
            self.n_of_macos += not name.endswith("/")
            return ()
        return tuple(map(_short, parts))

    def _no_file(self, name: str) -> SourceError:
        return SourceError(
            f"{self.title} holds {shown(name)}, a link or device; pack it anew with plain files alone (tar -h)."
        )

    def _check_count(self, n: int) -> None:
        if n > self.room.n_files:
            raise SourceError(
                f"{self.title} holds {n:,} files or more, at most {self.room.n_files:,} are unpacked; "
                f"pack it by parts, or set {self.room.ways[1]}."
            )

    def _check_size(self, n: int) -> None:
        if n > self.room.n_bytes:
            raise SourceError(
                f"{self.title} unpacks to {n / 2**20:,.0f} MB or more, at most {self.room.n_bytes / 2**20:,.0f} MB "
                f"are unpacked; pack it by parts, or set {self.room.ways[0]}."
            )
        if n > max(100 * 2**20, self.room.ratio * self.packed):
            raise SourceError(
                f"{self.title} unpacks to more than {self.room.ratio:,.0f} times its {self.packed:,} bytes, as no "
                "images do; unpack it yourself and give the folder."
            )


class _Metered(io.RawIOBase):
    """A stream that refuses to be read for more than ``left`` bytes, and remembers the last it gave."""

    def __init__(self, plain: io.BufferedIOBase, title: str) -> None:
        self.plain, self.title, self.left = plain, title, MAX_HEADER
        self.recent, self.end = b"", 0

    def read(self, size: int = -1) -> bytes:
        self.left -= size
        if size < 0 or self.left < 0:
            raise SourceError(f"{self.title} spends more than {MAX_HEADER:,} bytes on one name; pack it anew.")
        raw = self.plain.read(size)
        self.recent, self.end = (self.recent + raw)[-4 * tarfile.RECORDSIZE :], self.end + len(raw)
        return raw

    def block(self, offset: int) -> bytes:
        """The header at ``offset``, not far behind; b'' at the end of the stream."""
        start = max(0, offset - (self.end - len(self.recent)))
        return self.recent[start : start + tarfile.BLOCKSIZE]


def _kind(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(8)
    return next((kind for magic, kind in _KINDS.items() if head.startswith(magic)), "")


def _plain(file: io.BufferedReader, kind: str) -> io.BufferedIOBase:
    if kind == "gz":
        return gzip.GzipFile(fileobj=file)
    if kind == "bz2":
        return bz2.BZ2File(file)
    return lzma.LZMAFile(file) if kind == "xz" else file


def _made(path: Path) -> Path:
    path.mkdir()
    return path


def _short(name: str) -> str:
    raw = name.encode("utf-8", "surrogateescape")
    if len(raw) <= MAX_NAME:
        return name
    stem, suffix = os.path.splitext(name)
    suffix = suffix if len(suffix) <= 8 else ""
    return f"{stem.encode('utf-8', 'ignore')[:180].decode('utf-8', 'ignore')}~{sha256(raw).hexdigest()[:12]}{suffix}"


def _inner(folder: Path) -> Path:
    """The folder below all those that hold one folder and nothing else, unless it is a class or a split."""
    while True:
        entries = [one for one in folder.iterdir() if not one.name.startswith(".")]
        if len(entries) != 1 or not entries[0].is_dir() or entries[0].name.casefold() in SPLITS:
            return folder
        if any(is_image(one) for one in entries[0].iterdir()) and not any(
            one.is_dir() or one.suffix.lower() in (".csv", ".tsv", ".parquet", ".json", ".jsonl")
            for one in entries[0].iterdir()
        ):
            return folder
        folder = entries[0]
