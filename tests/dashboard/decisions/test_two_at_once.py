"""Two people decide about one image in the same instant: both stand in the history, and the conflict is offered."""

import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dashboard.address.selection import Labels
from dashboard.decisions.queue import QueueItem
from dashboard.review.adjudication_queue import open_by_split, to_adjudicate
from dashboard.review.record_decision import decide
from dashboard.server_state.open_workspace import Desk
from model_zoo.core.review.consensus_rule import Rule
from model_zoo.workspace.workspace import Workspace
from tests.second_workspace import build

ROOT = Path(__file__).parents[3]
IMAGE = "i0000"
LABELS = {"anna": "dog.large", "ben": "cat.large"}

DECIDE = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from dashboard.review.record_decision import decide
from dashboard.server_state.open_workspace import Desk
from model_zoo.workspace.workspace import Workspace

folder, reviewer, label = sys.argv[1:]
desk = Desk(Workspace.open(Path(folder)))
proposal = {"client_id": reviewer, "seq": 1, "reviewer": reviewer, "image_id": "i0000"}
proposal |= {"answer": "relabel", "after": label}
space, labels = desk.workspace.space, desk.dataset().labels
print("ready", flush=True)
sys.stdin.readline()
outcome = decide(desk.store, space, labels, [proposal], lambda: datetime.now(UTC), desk.review_rule)
print("refused" if outcome.refused else "stored", flush=True)
"""


@pytest.fixture(params=list(Rule))
def folder(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    build(tmp_path / "animals", n_images=12)
    with (tmp_path / "animals" / "workspace.toml").open("a") as declaration:
        declaration.write(f'\n[review]\nrule = "{request.param}"\n')
    return tmp_path / "animals"


def both_stand_and_somebody_is_asked(folder: Path) -> None:
    desk = Desk(Workspace.open(folder))
    history = desk.store.all()
    assert {(one.reviewer, one.after) for one in history} == set(LABELS.items())
    first, second = history
    own = desk.workspace.space.format(desk.image(IMAGE).label)
    assert first.before == own
    assert second.before == first.after  # one alone stands under every rule: the second saw the first
    stands = desk.workspace.space.format(desk.labels(Labels.REVIEWED)[IMAGE])
    assert stands == (second.after if desk.review_rule is Rule.LATEST else own)
    (item,) = to_adjudicate(desk, [QueueItem(IMAGE)], "cem")
    assert item.why == "; ".join(f"{one.reviewer}: {one.after}" for one in history)
    assert sum(open_by_split(desk).values()) == 1


def test_in_two_threads(folder: Path) -> None:
    desk = Desk(Workspace.open(folder))
    ready = threading.Barrier(2)

    def answer(reviewer: str, label: str) -> None:
        proposal = {"client_id": reviewer, "seq": 1, "reviewer": reviewer, "image_id": IMAGE} | {
            "answer": "relabel",
            "after": label,
        }
        space, labels = desk.workspace.space, desk.dataset().labels
        ready.wait()
        decide(desk.store, space, labels, [proposal], lambda: datetime.now(UTC), desk.review_rule)

    threads = [threading.Thread(target=answer, args=said) for said in LABELS.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    both_stand_and_somebody_is_asked(folder)


def test_in_two_processes(folder: Path) -> None:
    children = [
        subprocess.Popen(
            [sys.executable, "-c", DECIDE, str(folder), *said],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        for said in LABELS.items()
    ]
    for child in children:
        assert child.stdout
        assert child.stdout.readline() == "ready\n"
    for child in children:
        assert child.stdin
        child.stdin.write("go\n")
        child.stdin.flush()
    assert [child.communicate(timeout=60)[0] for child in children] == ["stored\n", "stored\n"]
    both_stand_and_somebody_is_asked(folder)
