"""Commands are said as the README types them, quoted, and name the workspace unless it is the demo."""

import shlex
from pathlib import Path

from model_zoo.workspace.command_line import command


def test_a_command_can_be_pasted_whatever_the_names():
    hostile = "a b; rm -rf $HOME `x` 'y'"
    said = command("learn-curve", hostile, "c", folders=(Path("/data/my work"),))
    assert shlex.split(said) == ["uv", "run", "taxoscope", "learn-curve", hostile, "c", "--workspace", "/data/my work"]


def test_a_stack_of_folders_is_the_demo_and_needs_no_name():
    stack = (Path("/home/demo"), Path("/shipped"))
    assert command("embed", "fine-s0", folders=stack) == command("embed", "fine-s0") == "uv run taxoscope embed fine-s0"
