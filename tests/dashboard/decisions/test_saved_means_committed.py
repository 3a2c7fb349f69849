"""Saved means committed: what a process said it had saved is there, once, after kill -9."""

import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from dashboard.decisions.store import DecisionStore

APPEND = """
import sys
from pathlib import Path
from dashboard.decisions.store import DecisionStore
from tests.dashboard.histories import decision

path, first, last, *client_ids = sys.argv[1:]
store = DecisionStore(Path(path))
for seq in range(int(first), int(last)):
    for client_id in client_ids:
        store.append([decision(seq=seq, client_id=client_id, note="n" * 500)])
        print("saved", seq, flush=True)
"""
ROOT = Path(__file__).parents[3]


def appending(path: Path, first: int, last: int, *client_ids: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", APPEND, str(path), str(first), str(last), *client_ids]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)


def test_every_decision_that_was_saved_before_kill_9_is_there_once(tmp_path: Path) -> None:
    path = tmp_path / "decisions.sqlite"
    moment = random.Random(5)
    n_saved = 0
    for wave in range(3):  # in each wave one process is killed while the other works
        client_ids = [f"browser-{wave}-{number}" for number in range(2)]
        children = [appending(path, 0, 1_000_000, client_id) for client_id in client_ids]
        said = [killed_after(moment.uniform(0.0, 0.2), child) for child in children]

        store = DecisionStore(path)
        for client_id, saved in zip(client_ids, said, strict=True):
            found = [event.seq for event in store.all() if event.client_id == client_id]
            assert [line.split() for line in saved] == [["saved", str(seq)] for seq in range(len(saved))]
            assert found == list(range(len(found)))  # each once, none missing in between
            assert len(found) - len(saved) in (0, 1)  # at most the one committed and not yet said
            n_saved += len(saved)
        store.close()
    assert n_saved > 20  # the kills fell in the middle of work


def killed_after(delay_s: float, child: subprocess.Popen[str]) -> list[str]:
    """The lines that the child had printed when it was killed, ``delay_s`` after the first one."""
    with child:
        assert child.stdout is not None
        lines = [child.stdout.readline()]
        assert lines != [""], "the child died before its first decision; its reason is on stderr"
        time.sleep(delay_s)
        child.kill()
        lines += child.stdout.readlines()
        return [line for line in lines if line.endswith("\n")]  # a line that the kill cut off says nothing


def test_two_processes_open_a_new_file_and_append_at_once(tmp_path: Path) -> None:
    path = tmp_path / "decisions.sqlite"
    children = [appending(path, 0, 40, "shared", f"browser-{number}") for number in range(2)]
    for child in children:
        output, _ = child.communicate(timeout=60)
        assert child.returncode == 0
        assert output.count("saved") == 80
    store = DecisionStore(path)
    n_of = Counter(event.client_id for event in store.all())
    assert n_of == {"shared": 40, "browser-0": 40, "browser-1": 40}  # sent twice, stored once
    assert [event.decision_id for event in store.all()] == list(range(1, 121))  # 3 x 40
    store.close()
