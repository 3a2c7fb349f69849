"""Pictures of every page: light and dark, 1280 and 1920 wide, full, empty and refused.

    uv run python tests/browser/screenshots.py FOLDER

Pages are served from a fresh demo with a few decisions in it, and from a workspace without runs.
"""

import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.browser.recomputed import MANIFEST
from tests.browser.serving import PROJECT, settle, taxoscope

FULL = {
    "overview": "",
    "taxonomies": "taxonomies",
    "taxonomies-draft": 'taxonomies?taxonomy=fine.v1&step=["merge",["no_bpd","no_cereb"],"no_head"]',
    "compare": "compare",
    "diagnose": "diagnose",
    "compare-native": "compare?space=native",
    "compare-little": "compare?of=anatomy-e4b3766c&of=consolidated-a3b2aa53",
    "images": "images",
    "images-cell": "images?cell=fine-d4c5c234&of=fine-d4c5c234&of=consolidated-a3b2aa53&true=cereb&predicted=bpd",
    "images-map": "images?as=map",
    "data": "data",
    "data-column": "data?by=column:machine",
    "inspect": "inspect?image=te-0030",
    "inspect-taken-away": "inspect?image=te-0088&region=markers&box=0,190,75,224",
    "inspect-nothing": "inspect",
    "review": "review",
    "decisions": "decisions",
    "labels": "labels",
    "labels-export": "labels?work=export",
    "labels-import": "labels?work=import",
    "import": "import",
    "import-model": "import?what=model",
    "run": "run?run=fine-s0",
    "refused": "compare?of=no-such-run",
}
EMPTY = {
    name: name.removeprefix("overview")
    for name in (
        *("overview", "taxonomies", "compare", "diagnose", "images", "data"),
        *("inspect", "review", "decisions", "labels", "import", "run"),
    )
}


def shoot(page: Page, url: str, path: Path) -> None:
    """The whole page, as high as its content."""
    page.goto(url)
    settle(page)
    page.wait_for_timeout(1200)
    height = page.evaluate("() => document.querySelector('[data-testid=stMain]')?.scrollHeight ?? innerHeight")
    width = page.viewport_size["width"]
    page.set_viewport_size({"width": width, "height": min(max(height, 720), 4000)})
    page.wait_for_timeout(700)
    page.screenshot(path=path)
    page.set_viewport_size({"width": width, "height": 900})


def decide(page: Page, url: str) -> None:
    """A few answers in Review, so that lists and badges have something to show."""
    page.goto(f"{url}/review")
    settle(page)
    page.get_by_label("Your name").fill("Reviewer")
    page.get_by_role("button", name="Start").click()
    for answer in ("The label is right", "Cannot tell", "The label is right"):
        page.get_by_role("button", name=answer).first.click()
        page.wait_for_timeout(1500)


def without_runs(folder: Path) -> Path:
    """A workspace of the demo's first images and no run."""
    folder.mkdir()
    rows = (PROJECT / "model_zoo" / "sample_images" / "manifest.csv").read_text().splitlines()
    few = [rows[0], *[row for row in rows[1:] if "images/test/" in row][:12]]
    (folder / "manifest.csv").write_text("\n".join(few) + "\n")
    shutil.copy(PROJECT / "model_zoo" / "sample_images" / "workspace.toml", folder)
    shutil.copytree(PROJECT / "model_zoo" / "taxonomies", folder / "taxonomies")
    for row in MANIFEST[MANIFEST.split == "test"].path[:12]:
        (folder / row).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PROJECT / "model_zoo" / "sample_images" / row, folder / row)
    return folder


def main(out: Path) -> None:
    """Write ``PAGE-THEME-WIDTH.png`` for every page."""
    out.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp())
    (temporary / "demo").mkdir()
    full = taxoscope(temporary / "demo").start()
    empty = taxoscope(without_runs(temporary / "empty"), "--workspace", str(temporary / "empty")).start()
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(args=["--no-sandbox"], executable_path=shutil.which("chromium"))
            decide(browser.new_page(), full.url)
            for theme in ("light", "dark"):
                for width in (1280, 1920):
                    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=theme)
                    for served, pages, kind in ((full, FULL, ""), (empty, EMPTY, "empty-")):
                        for name, address in pages.items():
                            shoot(page, f"{served.url}/{address}", out / f"{kind}{name}-{theme}-{width}.png")
                    page.close()
            browser.close()
    finally:
        full.stop()
        empty.stop()
        shutil.rmtree(temporary, ignore_errors=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
