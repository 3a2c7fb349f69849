"""Twenty reviewers at once for ten minutes, the server killed three times: is every decision stored, and how soon?

    uv run --no-sync python benchmarks/load.py [--reviewers 20] [--minutes 10] [--kills 3]

Each reviewer is a websocket of its own that speaks as the panel of Review does: a median of 0.3 decisions a second,
and bursts of 5 within a second. The reference are the same decisions, appended one by one to a store of the same kind
by as many threads, without a server.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from dashboard.decisions.decision import Answer, Decision
from dashboard.decisions.store import DecisionStore
from tests.browser.light_reviewers import LightReviewer, faults, work_with_kills
from tests.browser.serving import taxoscope

RATE = 0.3


def appended_s(path: Path, reviewers: list[LightReviewer]) -> list[float]:
    """Seconds per decision when threads append them to a store, one thread per reviewer, as fast as they can."""
    store = DecisionStore(path)

    def append(one: LightReviewer) -> list[float]:
        taken = []
        for seq, (image_id, _) in one.made.items():
            decision = Decision(
                image_id=image_id,
                reviewer=one.name,
                time=datetime.now(UTC),
                answer=Answer.CONFIRM,
                before="a",
                after="a",
                client_id=one.client_id,
                seq=seq,
            )
            started = time.perf_counter()
            store.append([decision])
            taken.append(time.perf_counter() - started)
        return taken

    with ThreadPoolExecutor(len(reviewers)) as threads:
        return [one for each in threads.map(append, reviewers) for one in each]


def main() -> None:
    """Work, compare with the database, print."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--reviewers", type=int, default=20)
    arguments.add_argument("--minutes", type=float, default=10)
    arguments.add_argument("--kills", type=int, default=3)
    asked = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        served = taxoscope(Path(folder)).start()
        reviewers = [LightReviewer(f"reviewer {k}", served.url, RATE, seed=k) for k in range(asked.reviewers)]
        try:
            asyncio.run(work_with_kills(served, reviewers, asked.minutes * 60, asked.kills))
        finally:
            served.stop()
        wrong = faults(Path(folder) / "decisions.sqlite", reviewers)
        took = np.array([one for each in reviewers for one in each.saved_s.values()])
        reference = np.array(appended_s(Path(folder) / "reference.sqlite", reviewers))
    n_made = sum(len(one.made) for one in reviewers)
    (p50, p95), (r50, r95) = (np.quantile(one, [0.5, 0.95]) for one in (took, reference))
    print(
        f"{asked.reviewers} reviewers, {asked.minutes:g} min, {asked.kills} kills: {n_made:,} decisions made, "
        f"{len(took):,} shown as saved, {len(wrong)} faults"
    )
    print(f"until saved: p50 {1000 * p50:.0f} ms, p95 {1000 * p95:.0f} ms, longest {took.max():.1f} s")
    print(f"appended without a server: p50 {1000 * r50:.1f} ms, p95 {1000 * r95:.1f} ms")
    print(f"ratio: p50 {p50 / r50:.0f}, p95 {p95 / r95:.0f}")
    for sentence in wrong[:20]:
        print(sentence)
    sys.exit(bool(wrong) or len(took) < n_made)


if __name__ == "__main__":
    main()
