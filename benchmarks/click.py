"""Time from a click on a matrix cell to its images, against the rerun of an almost empty page.

    uv run --no-sync python benchmarks/click.py [--rounds 12]

Both are measured in the same Chromium, in turns.
"""

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path
from statistics import median, quantiles

from playwright.sync_api import Page, sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from empty_page import empty_page, opened, rerun_s

from tests.browser.serving import settle, taxoscope

ALLOWED_S = 0.3


def cell_s(page: Page, url: str, row: int, column: int, n_classes: int) -> float:
    """Seconds from the click on a cell of the first matrix to its first picture, decoded."""
    page.goto(f"{url}/compare")
    settle(page)
    area = page.locator(".js-plotly-plot:has(.hm) .nsewdrag").first
    area.scroll_into_view_if_needed()
    page.wait_for_timeout(300)
    box = area.bounding_box()
    x, y = box["x"] + box["width"] * (column + 0.5) / n_classes, box["y"] + box["height"] * (row + 0.5) / n_classes
    page.mouse.move(x, y)
    page.wait_for_timeout(300)
    started = time.perf_counter()
    page.mouse.click(x, y)
    page.locator("a.tile img").first.wait_for()
    page.evaluate("""() => new Promise(done => {
        const seen = (node) => [...node.querySelectorAll('*')].flatMap(
            one => [one, ...(one.shadowRoot ? seen(one.shadowRoot) : [])]);
        const check = () => seen(document).some(one => one.matches('a.tile img') && one.complete && one.naturalWidth)
            ? done() : setTimeout(check, 5);
        check(); })""")
    return time.perf_counter() - started


def main(rounds: int) -> None:
    """Print medians and the difference."""
    folder = Path(tempfile.mkdtemp())
    (folder / "demo").mkdir()
    demo = taxoscope(folder / "demo").start()
    empty = empty_page(folder).start()
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(args=["--no-sandbox"], executable_path=shutil.which("chromium"))
            reference, page = (
                opened(browser.new_page(), empty.url),
                browser.new_page(viewport={"width": 1280, "height": 1000}),
            )
            cell_s(page, demo.url, 2, 1, 9)  # what a server does once
            rerun_s(reference, 1)
            clicks, reruns = [], []
            for turn in range(rounds):
                reruns.append(rerun_s(reference, turn + 2))
                clicks.append(cell_s(page, demo.url, 2, 1, 9))
            browser.close()
    finally:
        demo.stop()
        empty.stop()
        shutil.rmtree(folder, ignore_errors=True)
    for name, seconds in (("almost empty page", reruns), ("cell to its images", clicks)):
        print(f"{name:20} median {1000 * median(seconds):6.0f} ms   p90 {1000 * quantiles(seconds, n=10)[-1]:6.0f} ms")
    extra = median(clicks) - median(reruns)
    print(f"{'difference':20} {1000 * extra:13.0f} ms   (allowed: {1000 * ALLOWED_S:.0f} ms)")
    print(f"{'ratio':20} {median(clicks) / median(reruns):13.1f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=12)
    main(parser.parse_args().rounds)
