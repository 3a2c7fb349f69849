"""Many reviewers at once, and a server that dies under them."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dashboard.decisions.decision import Answer, Decision
from dashboard.decisions.store import DecisionStore
from tests.browser.light_reviewers import LightReviewer, faults, work_with_kills
from tests.browser.serving import taxoscope


@pytest.mark.parametrize(
    ("rate", "seconds", "n_kills"), [(0.6, 16, 1), pytest.param(0.3, 120, 5, marks=pytest.mark.full)]
)
def test_what_twenty_reviewers_saw_saved_is_stored_once_though_the_server_was_killed(
    tmp_path: Path, rate: float, seconds: float, n_kills: int
) -> None:
    served = taxoscope(tmp_path).start()
    try:
        reviewers = [LightReviewer(f"reviewer {k}", served.url, rate=rate, seed=k) for k in range(20)]
        with ThreadPoolExecutor(1) as thread:  # this one may have a loop that runs already: a browser's
            thread.submit(asyncio.run, work_with_kills(served, reviewers, seconds=seconds, n_kills=n_kills)).result()
    finally:
        served.stop()
    assert faults(tmp_path / "decisions.sqlite", reviewers) == []
    assert all(one.saved_s.keys() == one.made.keys() for one in reviewers)
    assert all(one.n_connections > 1 for one in reviewers)  # the server did die under each of them
    assert sum(len(one.saved_s) for one in reviewers) > 0


def test_the_check_finds_what_is_missing_and_what_nobody_made(tmp_path: Path) -> None:
    """Two decisions shown as saved, of which one is stored, and one stored that nobody made."""
    anna = LightReviewer("anna", "http://nowhere", rate=1, seed=0)
    anna.made = {1: ("a", "confirm"), 2: ("b", "confirm")}
    anna.saved_s = {1: 0.1, 2: 0.1}
    store = DecisionStore(tmp_path / "decisions.sqlite")
    for seq, image_id in ((1, "a"), (3, "c")):
        said = {"image_id": image_id, "reviewer": "anna", "answer": Answer.CONFIRM, "before": "x", "after": "x"}
        store.append([Decision(**said, time=datetime.now(UTC), client_id=anna.client_id, seq=seq)])  # type: ignore[arg-type]
    found = faults(tmp_path / "decisions.sqlite", [anna])
    assert [line.split(":")[0] for line in found] == ["shown as saved, not stored", "stored, never made"]
