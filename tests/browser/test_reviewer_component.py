"""The reviewer and the viewer in a real browser; what they send is compared with what was stored."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Locator, Page, expect

from dashboard.review.queue_items import WINDOW
from model_zoo.core.label_space.labels import Label, LeafSpace
from model_zoo.workspace.workspace import Workspace
from tests.browser.conftest import Serve
from tests.browser.harness.animals import build_with_weights, edited
from tests.browser.harness.database import decisions_in, locked
from tests.browser.serving import Served, wait_idle

HARNESS = Path(__file__).with_name("harness")
KEY_OF = {"cat": "1", "dog": "2", "car": "3", "plane": "4", None: "0", "small": "q", "large": "w"}
"""Value of a part of the second workspace -> its key; ``None`` is an unknown thing."""
EVERY_MS = 40
"""25 keys a second."""
# Pressed inside the page, those that are late at once: Playwright's own round trips cannot hold this rate on a
# busy machine. The other tests press real keys.
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
    return build_with_weights(tmp_path_factory.mktemp("component") / "animals")


@pytest.fixture(scope="module")
def harness(serve: Serve, animals: Workspace) -> Served:
    return serve(HARNESS / "reviewing.py", TAXOSCOPE_WORKSPACE=str(animals.writable))


@pytest.fixture
def folder(request: pytest.FixtureRequest, animals: Workspace) -> Path:
    """Where the decisions of this test are."""
    return animals.writable.parent / str(request.node.name)


@pytest.fixture
def opened(harness: Served, folder: Path, new_page: Callable[..., Page]) -> Open:
    """``opened(n=3, slow=0.5)`` opens the queue of this test, under a name already given."""

    def open_queue(name: str | None = "Reviewer A", **asked: object) -> Page:
        page = new_page()
        page.goto(f"{harness.url}/?{urlencode({'desk': folder.name, **asked})}")
        if asked.get("n") != 0:
            expect(page.locator(".reviewer")).to_have_attribute("data-image", image_id(0), timeout=30_000)
        if name:
            page.get_by_label("Your name").fill(name)
            page.keyboard.press("Enter")
        wait_idle(page)
        return page

    return open_queue


@pytest.fixture
def stored(folder: Path) -> Stored:
    """What the server has stored for this test."""
    return lambda: decisions_in(folder)


@pytest.fixture(scope="module")
def space(animals: Workspace) -> LeafSpace:
    return animals.space


@pytest.fixture(scope="module")
def labels(animals: Workspace) -> list[Label]:
    """The label of each image, in the order of the queue."""
    return [image.label for image in animals.dataset().images]


def image_id(number: int) -> str:
    return f"i{number:04d}"


def test_editing_parts_by_keys_changes_only_those_parts(
    opened: Open, stored: Stored, space: LeafSpace, labels: list[Label]
) -> None:
    page = opened()
    assert [space.format(label) for label in labels[:2]] == ["plane.large", "car.small"]
    for key in (KEY_OF["cat"], KEY_OF["small"]):
        page.keyboard.press(key)
    expect(page.locator(".result .part-chip b")).to_have_text(["cat", "small"])
    page.keyboard.press("Enter")
    expect(page.locator(".reviewer")).to_have_attribute("data-image", image_id(1))
    expect(page.locator(".head .draft")).to_have_count(0)
    page.keyboard.press(KEY_OF["dog"])  # one part of the next image
    expect(page.locator(".head .draft")).to_have_text("1 chosen: Enter saves it")
    page.keyboard.press("Enter")
    _wait_saved(page, 2)
    first, second = stored()
    assert (first["image_id"], first["answer"]) == (image_id(0), "relabel")
    assert (first["before"], first["after"]) == ("plane.large", "cat.small")
    assert (second["before"], second["after"]) == ("car.small", "dog.small")
    assert first["reviewer"] == "Reviewer A"
    assert {"things-s0", "things-s1", "things-s2", "kinds-s0", "kinds-s1", "sizes-s0"} < set(json.loads(first["runs"]))
    assert [first["seq"], second["seq"]] == [1, 2]


def test_blind_hides_what_was_said_before_and_the_answer_says_so(
    opened: Open, stored: Stored, space: LeafSpace, labels: list[Label]
) -> None:
    page = opened()
    assert [space.format(label) for label in labels[:2]] == ["plane.large", "car.small"]
    expect(page.get_by_text("Current label")).to_be_visible()
    page.keyboard.press("b")
    for hidden in (page.get_by_text("Current label"), page.get_by_text("What the runs say"), page.locator(".why")):
        expect(hidden).to_be_hidden()
    expect(page.locator(".stands, .choices .is-pressed")).to_have_count(1)  # by parts
    page.keyboard.press("y")
    expect(page.get_by_text("The label is hidden: say what you see, then save.")).to_be_visible()
    page.keyboard.press(KEY_OF["cat"])
    expect(page.locator(".result .part-chip b")).to_have_text(["cat", "unknown"])  # not large, as the label says
    page.keyboard.press(KEY_OF["small"])
    page.keyboard.press("Enter")
    expect(page.locator(".reviewer")).to_have_attribute("data-image", image_id(1))
    for key in (KEY_OF["car"], KEY_OF["small"], "Enter"):  # what stands already
        page.keyboard.press(key)
    _wait_saved(page, 2)
    page.reload()
    expect(page.locator(".reviewer")).to_have_attribute("data-image", image_id(2), timeout=30_000)
    expect(page.get_by_text("Current label")).to_be_hidden()  # this browser stays blind
    page.keyboard.press("b")
    expect(page.get_by_text("Current label")).to_be_visible()
    page.keyboard.press("y")
    _wait_saved(page, 3)
    rows = [(one["answer"], one["after"], one["blind"]) for one in stored()]
    assert rows == [("relabel", "cat.small", 1), ("confirm", "car.small", 1), ("confirm", space.format(labels[2]), 0)]


def test_a_class_answer_by_mouse_stores_what_python_computes(
    opened: Open, stored: Stored, animals: Workspace, labels: list[Label]
) -> None:
    page = opened()
    page.get_by_role("button", name="By class").click()
    page.get_by_label("Taxonomy").select_option("kinds")
    page.get_by_role("button", name="animal").click()
    page.get_by_role("button", name="Save").click()
    _wait_saved(page, 1)
    (one,) = stored()
    space, wanted = animals.space, animals.taxonomy("kinds").classes["animal"]
    assert space.parse(one["after"]) == space.answer(labels[0], wanted) == {"cat.large", "dog.large"}
    assert one["taxonomy"] == "kinds"


def test_sixty_answers_at_25_keys_a_second_are_all_stored_in_order(opened: Open, stored: Stored) -> None:
    page = opened(n=90)  # 80 of them are sent ahead of the keys, however busy the machine
    answers = {"y": "confirm", "t": "cannot_tell", "s": "skip"}
    pressed = [("y", "t", "y", "s", "y")[i % 5] for i in range(60)]
    took_ms = page.evaluate(PRESS, [pressed, EVERY_MS])
    _wait_saved(page, 60)
    got = stored()
    assert took_ms < 60 * EVERY_MS * 1.5
    assert [one["image_id"] for one in got] == [image_id(i) for i in range(60)]
    assert [one["answer"] for one in got] == [answers[key] for key in pressed]
    assert [one["seq"] for one in got] == list(range(1, 61))
    expect(page.locator(".count")).to_have_text("30 left of 90")


def test_keys_that_outrun_the_images_answer_none_unseen(opened: Open, stored: Stored) -> None:
    page = opened(n=150)
    page.evaluate(PRESS, [["y"] * 120, 0])  # all at once: no answer of the server comes in between
    _wait_saved(page, WINDOW)  # the other 40 were pressed while no image was on the screen
    assert [one["image_id"] for one in stored()] == [image_id(i) for i in range(WINDOW)]
    expect(page.locator(".reviewer")).to_have_attribute("data-image", image_id(WINDOW))
    expect(page.locator(".count")).to_have_text(f"{150 - WINDOW} left of 150")


def test_a_burst_of_relabels_on_a_slow_server_names_the_right_images(
    opened: Open, stored: Stored, space: LeafSpace, labels: list[Label]
) -> None:
    page = opened(slow=0.5)
    wanted = [_possible_changes(space, label)[i % 3] for i, label in enumerate(labels[:15])]
    for change in wanted:
        for key in (*(KEY_OF[value] for value in change.values()), "Enter"):
            page.keyboard.press(key)
    expect(_saving_chip(page)).to_have_text(re.compile(r"^\d+ saving…$"))
    _wait_saved(page, 15)
    got = stored()
    assert [one["image_id"] for one in got] == [image_id(i) for i in range(15)]
    assert [space.parse(one["after"]) for one in got] == [
        space.edit(label, change) for label, change in zip(labels[:15], wanted, strict=True)
    ]


def test_a_reload_sends_again_what_was_not_saved_and_it_is_stored_once(
    opened: Open, folder: Path, stored: Stored
) -> None:
    page = opened()
    page.on("dialog", lambda dialog: dialog.accept())  # leaving with unsaved decisions asks first
    with locked(folder):
        page.keyboard.press("y")
        page.keyboard.press("t")
        expect(_saving_chip(page)).to_have_text("2 saving…")
        page.reload()
        expect(page.locator(".recent .chip")).to_have_text(["saving…", "saving…"], timeout=30_000)
        assert stored() == []
    _wait_saved(page, 2)
    expect(page.locator(".recent .chip")).to_have_text(["saved", "saved"])
    expect(page.locator(".reviewer")).to_have_attribute("data-image", image_id(2))
    page.keyboard.press("s")
    _wait_saved(page, 3)
    assert [(one["image_id"], one["answer"]) for one in stored()] == [
        (image_id(0), "confirm"),
        (image_id(1), "cannot_tell"),
        (image_id(2), "skip"),
    ]


def test_a_database_that_stays_locked_is_one_sentence_and_nothing_is_lost(
    opened: Open, folder: Path, stored: Stored
) -> None:
    page = opened(busy=0.2)
    with locked(folder):
        page.keyboard.press("y")
        expect(page.get_by_text("another program keeps it locked; close that program")).to_be_visible()
        expect(page.locator(".recent .chip")).to_have_text(["saving…"])
        assert stored() == []
    _wait_saved(page, 1)
    assert [(one["image_id"], one["answer"]) for one in stored()] == [(image_id(0), "confirm")]


def test_a_press_of_the_mouse_counts_though_the_panel_is_redrawn_meanwhile(opened: Open) -> None:
    page = opened(slow=2)
    page.keyboard.press("y")
    dog = page.get_by_role("button", name="dog")
    dog.hover()
    page.mouse.down()
    page.wait_for_timeout(600)  # while something is being saved, the panel is redrawn every 500 ms
    page.mouse.up()
    expect(_saving_chip(page)).to_have_text("1 saving…")
    expect(dog).to_have_attribute("aria-pressed", "true", timeout=2_000)
    _wait_saved(page, 1)


def test_a_double_click_answers_one_image(opened: Open, stored: Stored) -> None:
    page = opened(n=3)
    page.get_by_role("button", name="The label is right").dblclick()
    _wait_saved(page, 1)
    expect(page.locator(".count")).to_have_text("2 left of 3")
    assert [(one["image_id"], one["answer"]) for one in stored()] == [(image_id(0), "confirm")]


def test_a_duplicated_tab_gives_numbers_of_its_own(opened: Open, stored: Stored) -> None:
    page = opened()
    page.keyboard.press("y")
    _wait_saved(page, 1)
    with page.context.expect_page() as opening:
        page.evaluate("() => void window.open(location.href)")  # the new tab gets a copy of sessionStorage
    twin = opening.value
    expect(twin.locator(".reviewer")).to_have_attribute("data-image", image_id(1), timeout=30_000)
    wait_idle(twin)
    twin.keyboard.press("t")
    _wait_saved(twin, 1)
    page.bring_to_front()
    page.keyboard.press("s")
    _wait_saved(page, 2)
    assert [(one["image_id"], one["answer"], one["seq"]) for one in stored()] == [
        (image_id(0), "confirm", 1),
        (image_id(1), "cannot_tell", 1),
        (image_id(1), "skip", 2),
    ]
    assert len({one["client_id"] for one in stored()}) == 2


def test_undo_names_the_last_decision_and_goes_back_to_its_image(opened: Open, stored: Stored) -> None:
    page = opened(slow=0.4)
    for key in ("y", KEY_OF["dog"], "Enter", "u"):  # undone before it is saved
        page.keyboard.press(key)
    expect(page.locator(".reviewer")).to_have_attribute("data-image", image_id(1))
    expect(page.locator(".asks .label b").first).to_have_text("car")
    _wait_saved(page, 3)
    confirm, relabel, undo = stored()
    assert (undo["answer"], undo["image_id"], undo["undoes"]) == ("undo", image_id(1), relabel["decision_id"])
    assert (relabel["before"], relabel["after"]) == ("car.small", "dog.small")
    assert (undo["before"], undo["after"]) == ("dog.small", "car.small")
    page.keyboard.press("u")
    expect(page.locator(".reviewer")).to_have_attribute("data-image", image_id(0))
    _wait_saved(page, 4)
    assert stored()[-1]["undoes"] == confirm["decision_id"]
    page.keyboard.press("u")
    expect(page.locator(".message")).to_contain_text("Nothing to undo")
    assert len(stored()) == 4


def test_an_impossible_combination_is_said_and_cannot_be_saved(opened: Open, stored: Stored) -> None:
    page = opened()
    page.keyboard.press(KEY_OF["small"])  # a small plane is forbidden
    expect(page.locator(".result")).to_contain_text("No allowed combination has size = small")
    expect(page.get_by_role("button", name="Save")).to_be_disabled()
    page.keyboard.press("Enter")
    expect(page.locator(".reviewer")).to_have_attribute("data-image", image_id(0))
    page.keyboard.press(KEY_OF["cat"])
    page.keyboard.press("Enter")
    _wait_saved(page, 1)  # the one that could be saved is the only one that was sent
    assert [one["after"] for one in stored()] == ["cat.small"]


def test_a_text_field_swallows_keys_and_the_note_travels(opened: Open, stored: Stored) -> None:
    page = opened(field="yes")
    page.get_by_label("Elsewhere on the page").click()
    page.keyboard.type("yts1")
    expect(page.locator(".reviewer")).to_have_attribute("data-image", image_id(0))
    page.locator(".count").click()
    page.keyboard.press("n")
    page.keyboard.type("yes, mostly")
    page.keyboard.press("Escape")
    page.keyboard.press("y")
    _wait_saved(page, 1)
    (one,) = stored()
    assert (one["image_id"], one["answer"], one["note"]) == (image_id(0), "confirm", "yes, mostly")


def test_no_decision_without_a_name(opened: Open, stored: Stored) -> None:
    page = opened(name=None)
    page.keyboard.press("y")
    expect(page.get_by_label("Your name")).to_be_focused()
    page.keyboard.type("  Reviewer   B ")
    page.keyboard.press("Enter")
    expect(page.locator(".reviewer")).to_have_attribute("data-image", image_id(0))
    page.keyboard.press("y")
    _wait_saved(page, 1)
    assert [one["reviewer"] for one in stored()] == ["Reviewer B"]


def test_a_refusal_is_one_sentence_and_the_image_waits_again(opened: Open, stored: Stored) -> None:
    page = opened(n=3)
    page.get_by_label("Note on this image").fill("pasted\x0bfrom somewhere")
    page.locator(".count").click()
    page.keyboard.press("t")
    expect(page.locator(".message")).to_contain_text(f"{image_id(0)} was not saved: The note holds the character")
    expect(page.locator(".recent .chip")).to_have_text(["not saved"])
    expect(page.locator(".head .chip")).to_have_text("Not saved")
    expect(page.locator(".count")).to_have_text("3 left of 3")
    for _ in range(2):
        page.keyboard.press("y")
    note = page.get_by_label("Note on this image")
    expect(note).to_have_value("pasted\x0bfrom somewhere")  # what was written comes back with its image
    note.fill("pasted from somewhere")
    page.locator(".count").click()
    page.keyboard.press("y")
    _wait_saved(page, 4)  # the refused one keeps its number
    expect(page.get_by_text("This queue is done")).to_be_visible()
    assert [(one["image_id"], one["answer"]) for one in stored()] == [(image_id(i), "confirm") for i in (1, 2, 0)]


def test_an_empty_queue_says_what_to_do(opened: Open) -> None:
    page = opened(n=0, name=None)
    expect(page.get_by_role("heading", name="No image waits here")).to_be_visible(timeout=30_000)


def _saving_chip(page: Page) -> Locator:
    return page.locator(".head .chip")


def _wait_saved(page: Page, count: int, timeout_s: float = 20) -> None:
    """Until nothing is on its way and the newest decision bears the number ``count``."""
    expect(page.locator(".head .chip.is-saved")).to_have_text("All saved", timeout=timeout_s * 1000)
    expect(page.locator(".recent li").first).to_have_attribute("data-seq", str(count))


def _possible_changes(space: LeafSpace, label: Label) -> list[dict[str, str | None]]:
    """Changes of one part that leave something possible and make another label."""
    one_part: list[dict[str, str | None]] = [{part.name: value} for part in space.parts for value in part.values]
    one_part.append({space.parts[0].name: None})
    return [change for change in one_part if edited(space, label, change) not in (frozenset(), label)]
