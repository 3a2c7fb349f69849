"""The loop of a reviewer's day on the demo: find wrong labels, correct them, see what it changed, train on it."""

import io
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser.conftest import Open
from tests.browser.harness.database import decisions_in
from tests.browser.recomputed import MANIFEST, in_classes_of, percent
from tests.browser.serving import PROJECT, Served, settle, taxoscope

TRUTH = {
    one["image_id"]: one["true_leaf"]
    for one in map(json.loads, (PROJECT / "model_zoo" / "sample_images" / "truth.jsonl").read_text().splitlines())
}
PLANTED = {one for one, label in MANIFEST.label.items() if label != TRUTH[one]}
SHOWN = "split=test&space=native&of=fine-s0"
N_ANSWERS = 10


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    served = taxoscope(tmp_path_factory.mktemp("loop"))
    yield served.start()
    served.stop()


def stand_in(folder: Path) -> None:
    """A grey image for each training image: to render them takes minutes, and nothing here asks what was learnt."""
    grey = io.BytesIO()
    Image.new("L", (224, 224), 128).save(grey, "JPEG")
    for path in MANIFEST.path[MANIFEST.split == "train"]:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(grey.getvalue())


def answer(page: Page, image_id: str) -> None:
    """What somebody who knows the truth presses: Y, or the keys that the panel shows on its buttons, and Enter."""
    label, truth = MANIFEST.label[image_id], TRUTH[image_id]
    if label == truth:
        page.keyboard.press("y")
        return
    was, wanted = label.split("."), truth.split(".")
    for part, before, value in zip(("structure", "markers", "annotation"), was, wanted, strict=True):
        if value != before:
            button = page.get_by_role("group", name=part).get_by_role("button", name=value)
            page.keyboard.press(button.get_attribute("aria-keyshortcuts") or "")
    page.keyboard.press("Enter")


def test_wrong_labels_are_found_corrected_seen_and_learnt_from(server: Served, new_page: Open) -> None:
    folder = Path(server.environment["TAXOSCOPE_DEMO_FOLDER"])
    page = new_page(height=1000)

    page.goto(f"{server.url}/review?order=label-error&{SHOWN}")
    settle(page)
    page.get_by_label("Your name").fill("anna")
    page.keyboard.press("Enter")
    settle(page)
    seen = []
    for _ in range(N_ANSWERS):
        image_id = page.locator(".reviewer").get_attribute("data-image")
        seen.append(image_id)
        answer(page, image_id)
        expect(page.locator(".reviewer")).not_to_have_attribute("data-image", image_id)
    expect(page.locator(".head .chip")).to_have_text("All saved")
    stored = {row["image_id"]: row for row in decisions_in(folder)}
    assert list(stored) == seen
    assert {one: row["after"] for one, row in stored.items()} == {one: TRUTH[one] for one in seen}
    test = MANIFEST.index[MANIFEST.split == "test"]
    planted_in_all = len(PLANTED & set(test)) / len(test)
    assert len(PLANTED & set(seen)) / N_ANSWERS > 5 * planted_in_all

    page.goto(f"{server.url}/compare?{SHOWN}&labels=reviewed")
    settle(page)
    after = MANIFEST.label.copy()
    after.update(pd.Series({one: TRUTH[one] for one in seen}))
    figures = []
    for labels in (MANIFEST.label, after):
        truth, said = in_classes_of("fine", "fine", labels)[0]
        figures.append(percent((truth == said).mean()))
    assert figures[0] != figures[1]
    main = page.get_by_test_id("stMain")
    for figure in figures:
        expect(main).to_contain_text(figure)
    expect(page.get_by_text(re.compile("one-sided", re.IGNORECASE)).first).to_be_visible()

    page.goto(f"{server.url}/labels")
    settle(page)
    page.get_by_label("Your name").fill("anna")
    page.keyboard.press("Enter")
    settle(page)
    page.get_by_label("Name of the set").fill("after-review")
    page.keyboard.press("Enter")
    settle(page)
    page.get_by_role("button", name="Keep the labels of today").click()
    expect(page.get_by_text("Label set 'after-review' keeps")).to_be_visible()
    made = folder / "label_sets" / "after-review.json"
    kept = json.loads(made.read_text())
    assert {one: kept["labels"][one] for one in after.index} == after.to_dict()

    stand_in(folder)
    command = ["-c", "from dashboard.cli.main import main; main()", "train", "--taxonomy", "anatomy", "--seeds", "0"]
    done = subprocess.run(
        [sys.executable, *command, "--epochs", "1", "--labels", "after-review"],
        env={**server.environment, "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1", "HOME": str(folder)},
        cwd=folder, capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    (card_path,) = folder.glob("runs/*/card.json")
    assert json.loads(card_path.read_text())["label_set"] == {"name": "after-review", "sha256": kept["sha256"]}
    page.goto(f"{server.url}/run?run={card_path.parent.name}")
    settle(page)
    expect(page.get_by_test_id("stMain")).to_contain_text("after-review")
