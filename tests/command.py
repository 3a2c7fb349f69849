"""`taxoscope` as it is typed: run to its end, or served until it says that it is ready."""

import io
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from unittest import mock

import pytest

from dashboard.cli import data, labels, main, models

TAXOSCOPE = [str(Path(sys.executable).with_name("taxoscope"))]


def environment(**more):
    return {**os.environ, "COLUMNS": "200", "NO_COLOR": "1", "PYTHONUNBUFFERED": "1", **more}


def run(*arguments, cwd, **more):
    return subprocess.run(
        [*TAXOSCOPE, *arguments], cwd=cwd, env=environment(**more), capture_output=True, text=True, timeout=120
    )


def run_here(*arguments, cwd, **more):
    """`run` without a process of its own, which takes seconds to load: for variants of a command."""
    out, err, given = io.StringIO(), io.StringIO(), mock.patch.dict(os.environ, environment(**more))
    with given, pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.chdir(cwd)
        patch.setattr(sys, "argv", [*TAXOSCOPE, *arguments])
        for module in (data, labels, main, models):
            patch.setattr(module.console, "_width", 200)
        try:
            code = main.main()
        except SystemExit as ended:
            code = ended.code
    return subprocess.CompletedProcess(arguments, code or 0, out.getvalue(), err.getvalue())


class Serving:
    """A started server and the lines that it printed until its address."""

    def __init__(self, arguments, cwd, command=TAXOSCOPE, **more):
        self.process = subprocess.Popen(
            [*command, *arguments, "--no-browser"],
            cwd=cwd,
            env=environment(**more),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.lines = []
        for line in self.process.stdout:
            self.lines.append(line.strip())
            if "ready" in line:
                break

    @property
    def address(self):
        return next(word for word in self.lines[-1].split() if word.startswith("http"))

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
