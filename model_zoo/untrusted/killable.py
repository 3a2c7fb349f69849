"""Work on untrusted files in a child process, which is killed beyond its limits of time and memory.

The child is started anew (never forked), runs one of `TASKS`, and may neither write files nor outlive its limits. It
answers with one line of JSON, and behind it the bytes that the task gave, if any; all else that it parsed stays in it.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from threading import Lock
from typing import Any

from model_zoo.untrusted.limits import limits, variable
from model_zoo.untrusted.parser_errors import first_line

TASKS = {
    "onnx": "model_zoo.checkpoints.onnx_trial:try_graph",
    "hdf5": "model_zoo.checkpoints.hdf5_trial:read_hdf5",
    "keras": "model_zoo.checkpoints.keras_layers:try_layers",
    "parquet": "model_zoo.untrusted.parquet_trial:try_table",
    "wait": "model_zoo.untrusted.killable:task_that_waits",
    "fill": "model_zoo.untrusted.killable:task_that_fills_memory",
}
"""Name -> module:function, called with the bytes and the options; the last two show that the limits hold."""

_NO_MEMORY = ("bad_alloc", "bad allocation", "llocate memory", "malloc of size", "out of memory")
_ONE_AT_A_TIME = Lock()
_START = "import sys; sys.path.insert(0, sys.argv[1]); from model_zoo.untrusted.killable import _serve; _serve()"


class TrialError(Exception):
    """Why a trial failed, in words that end a sentence; ``is_limit``: it was stopped by a limit or died."""

    def __init__(self, told: str, is_limit: bool) -> None:
        super().__init__(told)
        self.is_limit = is_limit


def try_in_child(task: str, raw: bytes | Path, options: Mapping[str, Any] | None = None, seconds: float = 0) -> bytes:
    """What a task of `TASKS` gives for ``raw`` (bytes, or the path of a file) in a child; `TrialError` where it fails.

    At most ``seconds`` (0: the limit `trial_seconds`) by the clock, and `trial_gb` of memory. One child runs at a time.
    """
    at_most = limits()
    seconds = seconds or at_most.trial_seconds
    given = {"task": task, "options": dict(options or {}), "seconds": seconds, "gb": at_most.trial_gb}
    given |= {"path": str(raw.resolve())} if isinstance(raw, Path) else {}
    root = str(Path(__file__).resolve().parents[2])
    command = [sys.executable, "-I", "-c", _START, root, json.dumps(given)]
    with _ONE_AT_A_TIME:
        try:
            done = subprocess.run(
                command,
                input=raw if isinstance(raw, bytes) else b"",
                capture_output=True,
                timeout=seconds,
                cwd=tempfile.gettempdir(),
            )
        except subprocess.TimeoutExpired:  # `run` has killed it
            raise TrialError(
                f"it took more than {seconds:,.0f} seconds to try; {variable('trial_seconds')} sets that limit", True
            ) from None
    try:
        line, _, given_back = done.stdout.partition(b"\n")
        told = json.loads(line)["told"]
    except (ValueError, KeyError, TypeError):
        raise TrialError(
            f"it needs more than {at_most.trial_gb:,} GB of memory or crashes its reader; {variable('trial_gb')} sets "
            "that limit",
            True,
        ) from None
    if told:
        raise TrialError(str(told), False)
    return given_back


def task_that_waits(raw: bytes) -> None:
    """A task that never ends."""
    while True:
        pass


def task_that_fills_memory(raw: bytes) -> None:
    """A task that takes ever more memory."""
    held = []
    while True:
        held.append(bytearray(2**28))


def _serve() -> None:
    """The child: limits first, then the parser is imported and the task run."""
    given = json.loads(sys.argv[2])
    _limit(int(given["gb"]) * 2**30, int(given["seconds"]) + 5)
    answer = os.dup(1)
    os.dup2(2, 1)  # what a library prints is no answer
    told, given_back = "", b""
    try:
        module, _, name = TASKS[given["task"]].partition(":")
        raw = given["path"] if "path" in given else sys.stdin.buffer.read()
        given_back = getattr(import_module(module), name)(raw, **given["options"]) or b""
    except MemoryError:
        os._exit(1)
    except Exception as error:  # parsers raise anything; the parent makes a sentence of it
        told = first_line(error, 160)
        if any(words in str(error) for words in _NO_MEMORY):
            os._exit(1)
    with os.fdopen(answer, "wb") as out:
        out.write(json.dumps({"told": told}).encode() + b"\n" + given_back)
    os._exit(0)


def _limit(n_bytes: int, seconds: int) -> None:
    import resource
    import signal

    resource.setrlimit(resource.RLIMIT_AS, (n_bytes, n_bytes))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.alarm(seconds)  # also where the parent is gone
