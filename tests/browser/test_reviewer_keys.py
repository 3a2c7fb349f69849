"""Flag, reason, search, pace and nearest images of the panel in a real browser, against what was stored."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pytest
from playwright.sync_api import Page, expect
from sklearn.metrics.pairwise import cosine_similarity

from dashboard.decisions.decision import Reason
from model_zoo.core.label_space.splits import Split
from model_zoo.inference.embedding_files import Embeddings, write_embeddings
from model_zoo.workspace.workspace import Workspace
from tests.browser.conftest import Serve
from tests.browser.harness.animals import build_with_weights
from tests.browser.harness.database import decisions_in
from tests.browser.serving import Served, wait_idle

HARNESS = Path(__file__).with_name("harness")
EVERY_MS = 40
"""25 keys a second."""
# Pressed inside the page, those that are late at once: Playwright's own round trips cannot hold this rate.
PRESS = """async ([keys, every]) => {
  const start = performance.now();
  for (const [i, key] of keys.entries()) {
    const early = start + i * every - performance.now();
    if (early > 0) await new Promise((go) => setTimeout(go, early));
    document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, composed: true, cancelable: true }));
  }
  return performance.now() - start;
}"""

Open = Callable[..., Page]
Stored = Callable[[], list[dict[str, Any]]]


@pytest.fixture(scope="module")
def animals(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Its run `things-s0` has embedded the images of the test split, as it happens."""
    workspace = build_with_weights(tmp_path_factory.mktemp("keys") / "animals")
    dataset = workspace.dataset()
    run = next(run for run in workspace.runs() if run.run_id == "things-s0")
    image_ids = tuple(image.image_id for image in dataset.split(Split.TEST))
    vectors = np.random.default_rng(5).normal(size=(len(image_ids), 4)).astype(np.float32)
    write_embeddings(workspace.writable, run, dataset, Split.TEST, Embeddings(image_ids, vectors))
    return workspace


@pytest.fixture(scope="module")
def harness(serve: Serve, animals: Workspace) -> Served:
    return serve(HARNESS / "reviewing.py", TAXOSCOPE_WORKSPACE=str(animals.writable))


@pytest.fixture
def folder(request: pytest.FixtureRequest, animals: Workspace) -> Path:
    return animals.writable.parent / str(request.node.name)


@pytest.fixture
def opened(harness: Served, folder: Path, new_page: Callable[..., Page]) -> Open:
    def open_queue(name: str = "Reviewer A", first: str = "i0000", **asked: object) -> Page:
        page = new_page()
        page.goto(f"{harness.url}/?{urlencode({'desk': folder.name, **asked})}")
        expect(page.locator(".reviewer")).to_have_attribute("data-image", first, timeout=30_000)
        page.get_by_label("Your name").fill(name)
        page.keyboard.press("Enter")
        wait_idle(page)
        return page

    return open_queue


@pytest.fixture
def stored(folder: Path) -> Stored:
    return lambda: decisions_in(folder)


def shows(page: Page, image_id: str) -> None:
    expect(page.locator(".reviewer")).to_have_attribute("data-image", image_id)


def wait_saved(page: Page, count: int) -> None:
    expect(page.locator(".head .chip.is-saved")).to_have_text("All saved")
    expect(page.locator(".recent li").first).to_have_attribute("data-seq", str(count))


def test_a_flag_is_stored_at_once_and_the_image_stays(opened: Open, stored: Stored) -> None:
    page = opened(n=3)
    page.keyboard.press("f")
    wait_saved(page, 1)
    shows(page, "i0000")
    expect(page.locator(".count")).to_have_text("3 left of 3")
    expect(page.get_by_text("flagged by Reviewer A")).to_be_visible()
    expect(page.get_by_role("button", name="Flagged")).to_have_attribute("aria-pressed", "true")
    page.reload()
    expect(page.get_by_text("flagged by Reviewer A")).to_be_visible(timeout=30_000)
    page.get_by_role("button", name="Flagged").click()
    wait_saved(page, 2)
    page.keyboard.press("f")
    page.keyboard.press("u")  # takes the flag back, and no answer
    wait_saved(page, 4)
    expect(page.locator(".caption .is-flagged")).to_have_count(0)
    page.keyboard.press("y")
    wait_saved(page, 5)
    rows = [(one["image_id"], one["answer"], one["undoes"]) for one in stored()]
    assert rows == [
        ("i0000", "flag", None),
        ("i0000", "unflag", None),
        ("i0000", "flag", None),
        ("i0000", "undo", stored()[2]["decision_id"]),
        ("i0000", "confirm", None),
    ]


def test_r_chooses_a_reason_and_does_not_run_the_page_again(opened: Open, stored: Stored) -> None:
    page = opened(n=3)
    expect(page.locator(".reason select option")).to_have_text(["No reason given", *Reason])
    page.reload()  # so that the socket can be listened to from its start
    shows(page, "i0000")
    wait_idle(page)
    runs = "() => window.scriptRuns ?? 0"
    page.evaluate(
        """() => new MutationObserver(() => {
          if (document.querySelector('[data-testid=stApp]').dataset.testScriptState === 'running')
            window.scriptRuns = (window.scriptRuns ?? 0) + 1;
        }).observe(document.querySelector('[data-testid=stApp]'), { attributes: true })"""
    )
    for _ in range(3):
        page.keyboard.press("r")
    expect(page.get_by_label("Reason")).to_have_value(list(Reason)[2])
    page.wait_for_timeout(500)  # a page that were run again would have begun by now
    assert page.evaluate(runs) == 0
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    wait_saved(page, 1)
    assert page.evaluate(runs) > 0  # it would have been seen
    expect(page.get_by_label("Reason")).to_have_value("")  # the next image starts without
    for _ in range(len(Reason) + 1):
        page.keyboard.press("r")
    page.get_by_label("Reason").select_option("bad image")
    page.keyboard.press("t")
    wait_saved(page, 2)
    page.keyboard.press("r")
    page.keyboard.press("s")
    wait_saved(page, 3)
    assert [(one["answer"], one["reason"]) for one in stored()] == [
        ("relabel", "hard to tell apart"),
        ("cannot_tell", "bad image"),
        ("skip", ""),
    ]


def test_search_gives_a_class_or_a_leaf_as_the_draft(opened: Open, stored: Stored, animals: Workspace) -> None:
    page = opened(n=5)
    listbox = page.get_by_role("listbox", name="Classes and leaves")
    page.keyboard.press("/")
    expect(page.get_by_label("Search classes and leaves")).to_be_focused()
    page.keyboard.type("yts")  # letters here, no answers
    expect(listbox).to_have_text("Nothing is called so; Escape leaves.")
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    expect(listbox).to_be_hidden()
    shows(page, "i0000")
    page.keyboard.press("/")
    page.keyboard.type("dog")
    expect(listbox.get_by_role("option")).to_have_text(["dogthings", "dog.smallleaf", "dog.largeleaf"])
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator(".result .part-chip b")).to_have_text(["dog", "small"])
    page.keyboard.press("Enter")
    shows(page, "i0001")
    page.keyboard.press("/")
    page.keyboard.type("anim kinds")
    page.keyboard.press("Enter")
    expect(page.locator(".result")).to_contain_text("cat or dog")
    page.keyboard.press("Enter")
    shows(page, "i0002")
    page.get_by_role("button", name="Search").click()
    page.keyboard.type("logo leaf")
    listbox.get_by_role("option").click()
    expect(page.locator(".result .part-chip b")).to_have_text(["logo"])
    page.keyboard.press("Enter")
    wait_saved(page, 3)
    space = animals.space
    second = animals.dataset().images[1].label
    wanted = space.answer(second, animals.taxonomy("kinds").classes["animal"])
    assert [(space.parse(one["after"]), one["taxonomy"]) for one in stored()] == [
        ({"dog.small"}, ""),
        (wanted, "kinds"),
        ({"logo"}, ""),
    ]


def test_every_kind_of_key_at_25_a_second_is_stored_in_order(opened: Open, stored: Stored) -> None:
    page = opened(n=80)
    each = [["f", "y"], ["r", "t"], ["s"], ["f", "f", "y"], ["y", "u", "y"], ["r", "r", "1", "q", "y"]]
    keys = [each[i % len(each)] for i in range(48)]
    took_ms = page.evaluate(PRESS, [[key for some in keys for key in some], EVERY_MS])
    assert took_ms < sum(map(len, keys)) * EVERY_MS * 1.5
    reasons = list(Reason)
    wanted = []
    for i, some in enumerate(keys):
        image_id, flagged, reason = f"i{i:04d}", False, 0
        for key in some:
            if key == "f":
                flagged = not flagged
                wanted.append((image_id, "flag" if flagged else "unflag", ""))
            elif key == "r":
                reason += 1
            elif key in "ytsu":
                answer = {"y": "confirm", "t": "cannot_tell", "s": "skip", "u": "undo"}[key]
                given = reasons[reason - 1] if reason and answer not in ("skip", "undo") else ""
                wanted.append((image_id, answer, given))
    wait_saved(page, len(wanted))
    got = stored()
    assert [(one["image_id"], one["answer"], one["reason"]) for one in got] == wanted
    assert [one["seq"] for one in got] == list(range(1, len(wanted) + 1))


def test_the_pace_is_what_the_database_counts(opened: Open, stored: Stored) -> None:
    page = opened(n=9)
    expect(page.locator(".pace")).to_have_text("0 in the last hour")
    for key in ("y", "f", "t", "s", "u", "y"):
        page.keyboard.press(key)
    wait_saved(page, 6)
    rows = stored()
    undone = {one["undoes"] for one in rows}
    answers = ("confirm", "cannot_tell", "skip")
    images = {one["image_id"] for one in rows if one["answer"] in answers and one["decision_id"] not in undone}
    assert len(images) == 3
    expect(page.locator(".pace")).to_have_text(f"{len(images)} in the last hour")
    other = opened("Reviewer B", first="i0006", n=9)  # of the six left, half are at hand for Reviewer A
    expect(other.locator(".pace")).to_have_text("0 in the last hour")


def test_the_nearest_images_are_those_of_the_embedding_and_say_nothing_when_blind(
    opened: Open, animals: Workspace
) -> None:
    page = opened(n=5)
    images = animals.dataset().split(Split.TEST)
    vectors = np.random.default_rng(5).normal(size=(len(images), 4)).astype(np.float32)
    cosines = cosine_similarity(vectors[:1], vectors)[0]
    wanted = [images[k] for k in np.argsort(-cosines) if k != 0][:6]
    near = page.locator(".near")
    expect(near).to_have_count(6)
    assert [one.get_attribute("alt") for one in near.locator("img").all()] == [one.image_id for one in wanted]
    space = animals.space
    told = [text.replace("\u200b", "") for text in page.locator(".near-label").all_text_contents()]
    assert told == [space.format(one.label) for one in wanted]
    same = [one.patient_id == images[0].patient_id for one in wanted]
    assert [tile.locator(".near-patient").count() == 1 for tile in near.all()] == same
    page.keyboard.press("b")
    expect(page.locator(".near-label")).to_have_count(0)
    expect(near).to_have_count(6)
    page.keyboard.press("b")
    expect(page.locator(".near-label")).to_have_count(6)
    page.keyboard.press("j")
    page.keyboard.press("j")
    shows(page, "i0002")  # of validation, which nobody has embedded
    command = "taxoscope embed things-s0 --split validation"
    expect(page.locator(".near-said")).to_contain_text(command)
