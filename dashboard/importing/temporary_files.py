"""Temporary folders of a process, removed when it ends, or else by the next process that makes one."""

import os
import platform
import shutil
import tempfile
import zlib
from pathlib import Path


def temporary_folder(parent: Path, prefix: str) -> Path:
    """Make a folder in ``parent``; removes those that killed processes of this machine left behind.

    Its name contains machine and process, because ``parent`` may be shared with other machines.
    """
    here = f"{prefix}{zlib.crc32(platform.node().encode()):08x}-"
    for left in parent.glob(f"{here}*-*"):
        number = left.name.removeprefix(here).partition("-")[0]
        if number.isdigit() and not _runs(int(number)):
            shutil.rmtree(left, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"{here}{os.getpid()}-", dir=parent)).resolve()


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # folder of another user
        return True
    return True
