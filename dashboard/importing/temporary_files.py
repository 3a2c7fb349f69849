"""Folders in which a process holds files for a while: removed when it ends, else by the next that holds some."""

import os
import platform
import shutil
import tempfile
import zlib
from pathlib import Path


def temporary_folder(parent: Path, prefix: str) -> Path:
    """A new folder in ``parent``; those that processes of this machine left there when they were killed are removed.

    Machine and process are in its name: ``parent`` may be shared with another machine, whose processes are not known.
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
    except OSError:  # somebody else's
        return True
    return True
