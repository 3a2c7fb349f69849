"""One reviewer in one browser: how long from a key to the next image, and to *saved*?

    uv run --no-sync python benchmarks/reviewer.py [--images 200] [--stored 0]

Measured inside the page, a decision every 1.2 seconds: from the key to the frame in which the next image is drawn, and
to that in which the panel says that the decision is stored. The reference is the rerun of an almost empty page,
measured in the same Chromium before and after. ``--stored`` decisions of others lie in the store from the start.
"""

import argparse
import shutil
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from empty_page import empty_page, opened, rerun_s

from dashboard.decisions.decision import Answer, Decision
from dashboard.decisions.store import DecisionStore
from tests.browser.recomputed import MANIFEST
from tests.browser.serving import settle, taxoscope

ALLOWED_MS = {"next image": 150, "saved": 300}
EVERY_MS = 1200
CONFIRM = "y"
N_RERUNS = 20
DECIDE = """([key, seq]) => new Promise((done) => {
  const panel = document.querySelector(".reviewer") ?? [...document.querySelectorAll("*")].flatMap(
    (one) => one.shadowRoot ? [one.shadowRoot.querySelector(".reviewer")] : []).find(Boolean);
  const before = panel.dataset.image, took = {};
  const started = performance.now();
  document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, composed: true, cancelable: true }));
  const look = () => {
    const image = panel.querySelector("img.image"), line = panel.querySelector(`.recent li[data-seq="${seq}"]`);
    const drawn = panel.dataset.image !== before && image.complete && image.naturalWidth;
    if (!took.next && drawn) took.next = performance.now();
    if (!took.saved && line?.querySelector(".chip.is-saved")) took.saved = performance.now();
    if (took.next && took.saved) done([took.next - started, took.saved - started]);
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
})"""


def fill(path: Path, n_stored: int) -> None:
    """Decisions of other people about training images, which no queue of the test split holds."""
    ids = [image_id for image_id in MANIFEST.index if MANIFEST.split[image_id] == "train"]
    told = [
        Decision(
            image_id=ids[k % len(ids)],
            reviewer=f"reviewer {k % 20}",
            time=datetime.now(UTC),
            answer=Answer.CONFIRM,
            before=MANIFEST.label[ids[k % len(ids)]],
            after=MANIFEST.label[ids[k % len(ids)]],
            client_id="others",
            seq=k,
        )
        for k in range(n_stored)
    ]
    DecisionStore(path).append(told)


def main(n_images: int, n_stored: int) -> None:
    """Print medians, 95th percentiles and ratios."""
    folder = Path(tempfile.mkdtemp())
    (folder / "demo").mkdir()
    fill(folder / "demo" / "decisions.sqlite", n_stored)
    demo, empty = taxoscope(folder / "demo").start(), empty_page(folder).start()
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(args=["--no-sandbox"], executable_path=shutil.which("chromium"))
            reference, page = opened(browser.new_page(), empty.url), browser.new_page()
            reruns = [rerun_s(reference, turn) for turn in range(1, N_RERUNS)]
            page.goto(f"{demo.url}/review?order=random")
            page.get_by_label("Your name").fill("Ann")
            page.keyboard.press("Enter")
            settle(page)
            page.wait_for_timeout(2 * EVERY_MS)
            took = []
            for seq in range(1, n_images + 1):
                took.append(page.evaluate(DECIDE, [CONFIRM, seq]))
                page.wait_for_timeout(EVERY_MS - min(EVERY_MS, took[-1][1]))
            reruns += [rerun_s(reference, turn) for turn in range(N_RERUNS, 2 * N_RERUNS)]
            browser.close()
        n_found = sum(one.reviewer == "Ann" for one in DecisionStore(folder / "demo" / "decisions.sqlite").all())
    finally:
        demo.stop()
        empty.stop()
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{n_images} images decided by key, {n_found} stored, beside {n_stored:,} decisions of others")
    base = 1000 * float(np.median(reruns))
    print(f"{'almost empty page':20} p50 {base:5.0f} ms   p95 {1000 * np.quantile(reruns, 0.95):5.0f} ms")
    for (name, allowed), ms in zip(ALLOWED_MS.items(), np.array(took).T, strict=True):
        p50, p95 = np.quantile(ms, [0.5, 0.95])
        told = f"{name:20} p50 {p50:5.0f} ms   p95 {p95:5.0f} ms"
        print(f"{told}   (allowed p95 {allowed} ms)   ratio {p50 / base:.1f}")
    sys.exit(n_found != n_images)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--stored", type=int, default=0)
    asked = parser.parse_args()
    main(asked.images, asked.stored)
