"""Size limits for untrusted files: settings from the environment, each with a default."""

import errno
import os
import stat
from dataclasses import dataclass, fields
from pathlib import Path

from model_zoo.core.errors import TaxoScopeError

PREFIX = "TAXOSCOPE_MAX_"
MOST = 1_000_000_000


class LimitError(TaxoScopeError):
    """A limit that is no whole number from 1 to `MOST`."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Each field is the environment variable of its name in capitals after `PREFIX`: ``TAXOSCOPE_MAX_IMAGE_MB``.

    MB and GB are 2**20 and 2**30 bytes, megapixels millions of pixels. Read by hand: they are read for every image, and
    a settings class of pydantic takes about 1 ms each time instead of 0.05 ms. All other settings are in
    `dashboard.settings`.
    """

    image_mb: int = 64
    image_megapixels: int = 50
    image_side: int = 20_000
    upload_mb: int = 256
    upload_unpacked_gb: int = 4
    upload_unpacked_files: int = 200_000
    unpacked_gb: int = 50
    unpacked_files: int = 1_000_000
    dicom_frames: int = 5_000
    trial_seconds: int = 60
    trial_gb: int = 8


def limits() -> Limits:
    """The limits as the environment has them now; `LimitError` names a variable that cannot be read."""
    return Limits(**{one.name: _number(variable(one.name), int(one.default)) for one in fields(Limits)})  # type: ignore[arg-type]


def variable(name: str) -> str:
    """The environment variable that sets the limit ``name``."""
    return PREFIX + name.upper()


def bytes_of(path: Path) -> int:
    """How many bytes a plain file has; `OSError` for all else: a pipe would be waited for, a device may never end."""
    about = path.stat()
    if not stat.S_ISREG(about.st_mode):
        raise OSError(errno.EINVAL, "it is no file")
    return about.st_size


def _number(name: str, default: int) -> int:
    written = os.environ.get(name, "").strip()
    if not written:
        return default
    if not (written.isascii() and written.isdigit() and len(written) <= 10 and 1 <= int(written) <= MOST):
        raise LimitError(
            f"{name} is {written[:40]!r}; give a whole number from 1 to {MOST:,}, or leave it out for {default:,}."
        )
    return int(written)
