"""Many decisions as one action while others decide, and while the process is killed."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from dashboard.decisions.consensus import standing_labels
from dashboard.decisions.history import by_image
from dashboard.review.record_decision import decide
from dashboard.server_state.batch_decisions import GivenLabel, decide_many, undo_many
from dashboard.server_state.open_workspace import Desk
from model_zoo.core.label_space.splits import Split
from model_zoo.workspace.manifest import ImageRecord, write_manifest
from model_zoo.workspace.workspace import Workspace
from tests.dashboard.histories import NOON

N_IMAGES = 1_500
ROOT = Path(__file__).parents[3]
IMPORT = """
import sys
from pathlib import Path
from dashboard.server_state.batch_decisions import GivenLabel, decide_many
from dashboard.server_state.open_workspace import Desk
from model_zoo.workspace.workspace import Workspace
from tests.dashboard.histories import NOON

desk = Desk(Workspace.open(Path(sys.argv[1])))
given = [GivenLabel(image, "b", who) for image in desk.dataset().by_id for who in ("Ann", "Bob", "Carl", "Dora", "Eve")]
print("begins", flush=True)
decide_many(desk, given, "batch", NOON, chosen_by="a test")
print("stored", flush=True)
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "workspace.toml").write_text('lone = ["a", "b", "c"]\n')
    space = Workspace.open(tmp_path).space
    images = [
        ImageRecord(f"i{k}", f"i{k}.png", Split.TRAIN, f"p{k}", frozenset({space.leaves[0]})) for k in range(N_IMAGES)
    ]
    write_manifest(tmp_path / "manifest.csv", images, space)
    return tmp_path


def test_what_others_decide_while_a_batch_is_made_ready_counts(folder):
    desk = Desk(Workspace.open(folder))
    labels, done, n_decided = desk.dataset().labels, threading.Event(), 0

    def decide_on() -> None:
        nonlocal n_decided
        while not done.is_set():
            one = {
                "client_id": "c",
                "seq": n_decided,
                "reviewer": "Bob",
                "image_id": f"i{N_IMAGES - 1 - n_decided % 40}",
                "answer": "relabel",
                "after": "abc"[n_decided % 3],
            }
            decide(desk.store, desk.workspace.space, labels, [one], lambda: NOON)
            n_decided += 1

    other = threading.Thread(target=decide_on)
    other.start()
    for k in range(3):
        decide_many(desk, [GivenLabel(image, "b", "Ann") for image in labels], f"b{k}", NOON, chosen_by="a test")
        undo_many(desk, f"b{k}", "Ann", NOON)
    done.set()
    other.join()

    history = desk.store.all()
    assert len(history) == n_decided + 6 * N_IMAGES
    for image_id, about in by_image(history).items():
        for k, one in enumerate(about):
            assert one.before == standing_labels(about[:k]).get(image_id, "a")
            assert one.after == standing_labels(about[: k + 1]).get(image_id, "a")


def test_a_batch_is_stored_as_a_whole_or_not_at_all_though_the_process_is_killed(folder):
    wal = folder / "decisions.sqlite-wal"
    with subprocess.Popen([sys.executable, "-c", IMPORT, str(folder)], stdout=subprocess.PIPE, text=True, cwd=ROOT) as (
        child
    ):
        assert child.stdout is not None
        assert child.stdout.readline() == "begins\n"
        while wal.stat().st_size < 200_000 and child.poll() is None:
            time.sleep(0.001)
        child.kill()  # while the transaction writes
        said = child.stdout.read()
    desk = Desk(Workspace.open(folder))
    assert len(desk.store.all()) in ((0, 5 * N_IMAGES) if not said else (5 * N_IMAGES,))
    decide_many(
        desk, [GivenLabel(image, "b", "Ann") for image in desk.dataset().by_id], "again", NOON, chosen_by="a test"
    )
    assert len(undo_many(desk, "again", "Ann", NOON)) == N_IMAGES
