"""Archives as other people, and people who mean no good, pack them."""

import io
import tarfile
import zipfile
from pathlib import Path


def zipped(path: Path, files: dict[str, bytes], **about: int) -> Path:
    """A zip archive of ``files``; ``about`` sets fields of every entry, such as ``external_attr``."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, raw in files.items():
            entry = zipfile.ZipInfo(name)
            entry.compress_type = zipfile.ZIP_DEFLATED
            for field, value in about.items():
                setattr(entry, field, value)
            archive.writestr(entry, raw)
    return path


def tarred(path: Path, files: dict[str, bytes], kind: bytes = tarfile.REGTYPE, linkname: str = "") -> Path:
    """A tar archive of ``files``, packed as the ending of ``path`` says."""
    mode = {".gz": "w:gz", ".tgz": "w:gz", ".bz2": "w:bz2", ".xz": "w:xz"}.get(path.suffix, "w")
    with tarfile.open(path, mode) as archive:
        for name, raw in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.type, entry.linkname = len(raw), kind, linkname
            archive.addfile(entry, io.BytesIO(raw))
    return path
