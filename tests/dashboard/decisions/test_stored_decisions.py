"""Browsers that wait for their decisions: woken by an append, also of another process, by one look for all."""

import asyncio
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from dashboard.decisions.store import DecisionStore
from dashboard.decisions.stored_decisions import StoredDecisions
from model_zoo.core.errors import WorkspaceError
from tests.dashboard.histories import decision

ROOT = Path(__file__).parents[3]
APPEND = """
import sys
from pathlib import Path
from dashboard.decisions.store import DecisionStore
from tests.dashboard.histories import decision

store = DecisionStore(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
store.append([decision(seq=5, client_id=f"browser-{number}") for number in range(50)])
print("stored", flush=True)
"""


@pytest.fixture
def store(tmp_path):
    opened = DecisionStore(tmp_path / "decisions.sqlite")
    yield opened
    opened.close()


class Counting:
    """A store that counts how often it is looked into."""

    def __init__(self, store):
        self.store, self.n_looks, self.n_asked = store, 0, 0

    def __getattr__(self, name):
        return getattr(self.store, name)

    def stored_of_each(self, since):
        self.n_looks += 1
        self.n_asked += len(since)
        return self.store.stored_of_each(since)


def test_an_append_wakes_all_who_wait_for_it_and_nobody_else(store):
    stored = StoredDecisions(lambda: store)

    async def story():
        waits = [asyncio.create_task(stored.of(f"browser-{number}", 1, 20)) for number in range(200)]
        await asyncio.sleep(0.2)
        started = time.monotonic()
        new = [decision(seq=1, client_id=f"browser-{number}") for number in range(199)]
        threading.Thread(target=store.append, args=(new,)).start()
        told = await asyncio.gather(*waits[:199])
        woken_s = time.monotonic() - started
        waits[199].cancel()
        return told, woken_s, waits[199]

    told, woken_s, last = asyncio.run(story())
    assert told == [(1,)] * 199
    assert last.cancelled()
    assert woken_s < 3


def test_what_another_process_stores_is_noticed_within_a_second_by_one_poll_for_all(store):
    counting = Counting(store)
    stored = StoredDecisions(lambda: counting)
    child = subprocess.Popen(
        [sys.executable, "-c", APPEND, str(store.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    with child:
        assert child.stdout.readline() == "ready\n"

        async def story():
            waits = [asyncio.create_task(stored.of(f"browser-{number}", 5, 30)) for number in range(50)]
            await asyncio.sleep(1.2)
            looks_before = counting.n_looks
            child.stdin.write("go\n")
            child.stdin.flush()
            assert await asyncio.to_thread(child.stdout.readline) == "stored\n"
            started = time.monotonic()
            told = await asyncio.gather(*waits)
            return told, time.monotonic() - started, counting.n_looks - looks_before

        told, noticed_s, n_looks = asyncio.run(story())
    assert told == [(5,)] * 50
    assert noticed_s < 1.0
    assert n_looks < 10  # a look by each of the 50 every 20 ms would be thousands


def test_a_client_that_asks_again_ends_its_first_wait(store):
    stored = StoredDecisions(lambda: store)

    async def story():
        first = asyncio.create_task(stored.of("browser", 1, 30))
        await asyncio.sleep(0.05)
        second = asyncio.create_task(stored.of("browser", 1, 30))
        assert await asyncio.wait_for(first, 10) == ()
        await asyncio.to_thread(store.append, [decision(seq=1, client_id="browser")])
        return await asyncio.wait_for(second, 10)

    assert asyncio.run(story()) == (1,)


def test_waits_end_with_nothing_and_the_thread_with_them(store):
    stored = StoredDecisions(lambda: store)
    assert asyncio.run(stored.of("browser", 1, 0.1)) == ()
    assert asyncio.run(stored.of("browser", 10**30, 0.1)) == ()
    assert asyncio.run(stored.of("\ud800", 1, 0.1)) == ()
    assert asyncio.run(stored.of("\0", 1, 0.1)) == ()
    store.append([decision(seq=3, client_id="browser")])
    assert asyncio.run(stored.of("browser", 1, 10)) == (3,)  # answered at once
    deadline = time.monotonic() + 10
    while stored._thread is not None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert stored._thread is None


def test_a_store_that_cannot_be_read_is_an_error_for_who_waits():
    def broken():
        raise WorkspaceError("The decisions cannot be read.")

    with pytest.raises(WorkspaceError, match="cannot be read"):
        asyncio.run(StoredDecisions(broken).of("browser", 1, 10))
