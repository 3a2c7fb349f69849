"""`taxoscope look RUN` as it is typed, stopped by Ctrl-C in the midst of its images."""

import re
import signal
import subprocess

from tests.command import TAXOSCOPE, environment


def test_stopped_by_ctrl_c_it_says_so_and_leaves_nothing(tmp_path):
    seen = environment(TAXOSCOPE_DEMO_FOLDER=str(tmp_path / "demo"), FORCE_COLOR="1")  # draws its bar into the pipe
    command = [*TAXOSCOPE, "look", "consolidated-s0"]
    said = ""
    with subprocess.Popen(
        command, env=seen, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1
    ) as process:
        while not re.search(r"\b[1-9]\d*/680\b", said):
            piece = process.stdout.read(1)
            assert piece, said
            said += piece
        process.send_signal(signal.SIGINT)
        said += process.communicate(timeout=60)[0]
    assert process.returncode == 130, said
    assert "Stopped. Nothing is left half-written; the same command starts anew." in said
    assert "Exception ignored" not in said
    assert "Traceback" not in said
    assert not list((tmp_path / "demo").rglob("looks"))
