"""The reviewer and the viewer in a real browser; what they send is compared with what was stored."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import combinations
from pathlib import Path
from sqlite3 import connect
from typing import Any
from urllib.parse import urlencode

import pytest
from browser.conftest import Serve
from browser.serving import PROJECT, Served, wait_idle
from playwright.sync_api import Browser, Page, expect

from model_zoo.core.errors import LabelError
from model_zoo.core.labels import Label, LeafSpace, Part
from tests.browser.harness.store import SPACE, TAXONOMIES, image_id, label_of

HARNESS = Path(__file__).with_name("harness")
PARTS = PROJECT / "dashboard" / "parts"
LINES = LeafSpace((Part("kind", ("a.b", "c|d", "e")), Part("size", ("one", "two"))), lone=("x.y", "none"))
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
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("proposals")


@pytest.fixture(scope="module")
def harness(serve: Serve, folder: Path) -> Served:
    return serve(HARNESS / "reviewing.py", HARNESS_FOLDER=str(folder))


@pytest.fixture
def opened(request: pytest.FixtureRequest, new_page: Callable[..., Page]) -> Open:
    """``opened(n=3, mode="refuse")`` opens the queue of this test, under a name already given."""

    def open_queue(served: Served | None = None, name: str | None = "Ana Ruiz", **asked: object) -> Page:
        page = new_page()
        address = (served or request.getfixturevalue("harness")).url
        page.goto(f"{address}/?{urlencode({'file': request.node.name, **asked})}")
        if asked.get("n") != 0:
            expect(page.locator(".reviewer")).to_have_attribute("data-image", image_id(0), timeout=30_000)
        if name:
            page.get_by_label("Your name").fill(name)
            page.keyboard.press("Enter")
        wait_idle(page)
        return page

    return open_queue


@pytest.fixture
def stored(request: pytest.FixtureRequest, folder: Path) -> Stored:
    """What the server has stored for this test."""

    def read() -> list[dict[str, Any]]:
        with closing(connect(folder / f"{request.node.name}.db", timeout=20)) as file:
            exists = file.execute("SELECT 1 FROM sqlite_master WHERE name = 'proposals'").fetchone()
            rows = file.execute("SELECT body FROM proposals ORDER BY rowid").fetchall() if exists else []
        return [json.loads(row[0]) for row in rows]

    return read


@pytest.fixture(scope="module")
def algebra(browser: Browser) -> Iterator[Page]:
    """A blank page that knows `labels.js`."""
    page = browser.new_page()
    page.add_script_tag(content=(PARTS / "labels.js").read_text(encoding="utf-8"))
    yield page
    page.close()


def test_editing_parts_by_keys_changes_only_those_parts(opened: Open, stored: Stored) -> None:
    page = opened()
    before = label_of(0)  # cat.none.none
    for key in ("4", "w", "d"):  # owl, worn, present
        page.keyboard.press(key)
    expect(page.locator(".result .part-chip b")).to_have_text(["owl", "worn", "present"])
    page.keyboard.press("Enter")
    expect(page.locator(".reviewer")).to_have_attribute("data-image", image_id(1))
    page.keyboard.press("5")  # carp: one part of the next image
    page.keyboard.press("Enter")
    _wait_saved(page, 2)
    first, second = stored()
    assert (first["image_id"], first["answer"]) == (image_id(0), "relabel")
    assert SPACE.parse(first["after"]) == SPACE.edit(before, {"animal": "owl", "collar": "worn", "caption": "present"})
    assert SPACE.parse(second["after"]) == SPACE.edit(label_of(1), {"animal": "carp"})
    assert first["reviewer"] == "Ana Ruiz"
    assert first["runs"][:2] == ["fine-s0", "fine-s1"]
    assert [first["seq"], second["seq"]] == [1, 2]


def test_a_class_answer_by_mouse_stores_what_python_computes(opened: Open, stored: Stored) -> None:
    page = opened()
    page.get_by_role("button", name="By class").click()
    page.get_by_label("Taxonomy").select_option("coarse")
    page.get_by_role("button", name="no_collar").click()
    page.get_by_role("button", name="Save").click()
    _wait_saved(page, 1)
    (one,) = stored()
    assert SPACE.parse(one["after"]) == SPACE.answer(label_of(0), frozenset(TAXONOMIES["coarse"]["no_collar"]))
    assert one["taxonomy"] == "coarse"


@pytest.mark.parametrize("space", [SPACE, LINES], ids=["forbidden", "escaped"])
def test_the_browser_computes_labels_as_python_does(algebra: Page, space: LeafSpace) -> None:
    labels: list[Label] = [frozenset({leaf}) for leaf in space.leaves]
    labels += [frozenset(two) for two in list(combinations(space.leaves, 2))[::7]] + [space.everything]
    changes: list[dict[str, str | None]] = [
        {part.name: value} for part in space.parts for value in (*part.values, None)
    ]
    changes += [one | other for one, other in combinations(changes, 2) if one.keys() != other.keys()]
    edits = [(label, change) for label in labels for change in changes]
    computed = algebra.evaluate(
        "([space, cases]) => cases.map(([one, changes]) => editLabel(space, one, new Map(Object.entries(changes))))",
        [_space(space), [[sorted(label), change] for label, change in edits]],
    )
    assert len(edits) > 200
    assert [frozenset(one) for one in computed] == [_edit(space, *edit) for edit in edits]

    classes = [
        space.parse(f"*.{value}") if space is LINES else space.parse(f"*.{value}.*") for value in space.parts[1].values
    ]
    classes += labels[::3]
    answers = [(label, leaves) for label in labels for leaves in classes]
    computed = algebra.evaluate(
        "([space, cases]) => cases.map(([label, leaves]) => answerLabel(space, label, leaves))",
        [_space(space), [[sorted(label), sorted(leaves)] for label, leaves in answers]],
    )
    assert [frozenset(one) for one in computed] == [space.answer(label, leaves) for label, leaves in answers]

    texts = algebra.evaluate(
        "([space, labels]) => labels.map((label) => labelText(space, label))",
        [_space(space), [sorted(one) for one in labels]],
    )
    assert [space.parse(text) for text in texts] == labels
    read = algebra.evaluate(
        "([space, texts]) => texts.map((text) => readLabelText(space, text))", [_space(space), texts]
    )
    assert [frozenset(one) for one in read] == labels


@pytest.mark.parametrize("sizes", [(6, 2, 2), (2,), (10, 3), (12, 9, 8, 7, 3), (30,)])
def test_no_key_does_two_things(algebra: Page, sizes: tuple[int, ...]) -> None:
    parts = [{"name": f"p{i}", "values": [f"v{v}" for v in range(n)]} for i, n in enumerate(sizes)]
    keys = algebra.evaluate("(space) => [...assignKeys(space, 'parts')]", {"parts": parts, "lone": ["x"], "leaves": {}})
    fixed = algebra.evaluate("() => FIXED_KEYS")
    assert {key: action for key, action in keys if key in fixed} == fixed
    assert len({key for key, _ in keys}) == len(keys)
    assert not {"c", "r"} & {key for key, _ in keys}
    given = [action for _, action in keys if action.split(":")[0] in ("part", "lone")]
    assert len(set(given)) == len(given)
    wanted = sum(sizes) + len(sizes) + 1
    assert len(given) == min(wanted, 23)  # 10 + 6 + 5 + 2 keys in the rows


def test_sixty_answers_at_25_keys_a_second_are_all_stored_in_order(opened: Open, stored: Stored) -> None:
    page = opened(n=90, window=80)  # the images are ahead of the keys, however busy the machine
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
    page = opened(n=30, window=5, slow=0.4)
    for _ in range(20):
        page.keyboard.press("y")
        time.sleep(EVERY_MS / 1000)
    expect(page.locator(".head .chip.is-saved")).to_have_text("All saved", timeout=20_000)
    got = stored()
    assert 5 <= len(got) < 20  # the rest was pressed while no image was on the screen
    assert [one["image_id"] for one in got] == [image_id(i) for i in range(len(got))]
    expect(page.locator(".reviewer")).to_have_attribute("data-image", image_id(len(got)))


def test_a_burst_of_relabels_on_a_slow_server_names_the_right_images(opened: Open, stored: Stored) -> None:
    page = opened(slow=0.5)
    values = [(i % 6) + 1 for i in range(15)]
    for i, value in enumerate(values):
        page.keyboard.press("0" if str(value) == _key_of_animal(i) else str(value))
        page.keyboard.press("Enter")
    expect(page.locator(".head .chip")).to_contain_text("saving…")
    _wait_saved(page, 15)
    got = stored()
    assert [one["image_id"] for one in got] == [image_id(i) for i in range(15)]
    for i, (one, value) in enumerate(zip(got, values, strict=True)):
        animal = None if str(value) == _key_of_animal(i) else SPACE.parts[0].values[value - 1]
        assert SPACE.parse(one["after"]) == SPACE.edit(label_of(i), {"animal": animal})


def test_saving_becomes_saved_and_a_reload_sends_again_what_was_not(opened: Open, stored: Stored) -> None:
    page = opened(mode="deaf")
    page.on("dialog", lambda dialog: dialog.accept())  # leaving with unsaved decisions asks first
    page.keyboard.press("y")
    page.keyboard.press("t")
    expect(page.locator(".head .chip")).to_have_text("2 saving…")
    expect(page.locator(".recent .chip.is-saving")).to_have_count(2)
    assert stored() == []
    page.goto(page.url.replace("mode=deaf", "mode=hears"))
    _wait_saved(page, 2)
    expect(page.locator(".recent .chip")).to_have_text(["saved", "saved"])
    expect(page.locator(".reviewer")).to_have_attribute("data-image", image_id(2))
    page.keyboard.press("s")
    _wait_saved(page, 3)
    got = stored()
    assert [(one["image_id"], one["answer"]) for one in got] == [
        (image_id(0), "confirm"),
        (image_id(1), "cannot_tell"),
        (image_id(2), "skip"),
    ]
    assert len({(one["client_id"], one["seq"]) for one in got}) == 3


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


def test_decisions_survive_a_killed_server_without_a_reload(
    serve: Serve, folder: Path, opened: Open, stored: Stored
) -> None:
    served = serve(HARNESS / "reviewing.py", HARNESS_FOLDER=str(folder))
    page = opened(served)
    page.keyboard.press("y")
    _wait_saved(page, 1)
    served.kill()
    page.keyboard.press("t")
    page.keyboard.press("y")
    expect(page.locator(".head .chip")).to_have_text("2 saving…")
    served.start()
    _wait_saved(page, 3, timeout_s=40)
    assert [one["image_id"] for one in stored()] == [image_id(i) for i in range(3)]


def test_undo_names_the_last_decision_and_goes_back_to_its_image(opened: Open, stored: Stored) -> None:
    page = opened(slow=0.4)
    for key in ("y", "4", "Enter", "u"):  # undone before it is saved
        page.keyboard.press(key)
    expect(page.locator(".reviewer")).to_have_attribute("data-image", image_id(1))
    expect(page.locator(".asks .label b").first).to_have_text(_words(1)[0])
    _wait_saved(page, 3)
    confirm, relabel, undo = stored()
    assert (undo["answer"], undo["image_id"], undo["undoes_seq"]) == ("undo", image_id(1), relabel["seq"])
    assert undo["after"] is None
    page.keyboard.press("u")
    expect(page.locator(".reviewer")).to_have_attribute("data-image", image_id(0))
    _wait_saved(page, 4)
    assert stored()[-1]["undoes_seq"] == confirm["seq"]
    page.keyboard.press("u")
    expect(page.locator(".message")).to_contain_text("Nothing to undo")


def test_an_impossible_combination_is_said_and_cannot_be_saved(opened: Open, stored: Stored) -> None:
    page = opened()
    page.keyboard.press("w")  # a worn collar with no caption is forbidden
    expect(page.locator(".result")).to_contain_text("No allowed combination has collar = worn")
    expect(page.get_by_role("button", name="Save")).to_be_disabled()
    page.keyboard.press("Enter")
    expect(page.locator(".reviewer")).to_have_attribute("data-image", image_id(0))
    time.sleep(0.5)
    assert stored() == []


def test_a_text_field_swallows_keys_and_the_note_travels(opened: Open, stored: Stored) -> None:
    page = opened(mode="field")
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
    page.keyboard.type("  Bo   Li ")
    page.keyboard.press("Enter")
    expect(page.locator(".reviewer")).to_have_attribute("data-image", image_id(0))
    page.keyboard.press("y")
    _wait_saved(page, 1)
    assert [one["reviewer"] for one in stored()] == ["Bo Li"]


def test_a_refusal_is_one_sentence_and_the_image_waits_again(opened: Open, stored: Stored) -> None:
    page = opened(n=3, mode="refuse")
    page.keyboard.press("t")
    expect(page.locator(".message")).to_contain_text(f"{image_id(0)} was not saved: Somebody else has this image")
    expect(page.locator(".recent .chip")).to_have_text(["not saved"])
    expect(page.locator(".count")).to_have_text("3 left of 3")
    for _ in range(3):
        page.keyboard.press("y")
    _wait_saved(page, 4)  # the refused one keeps its number
    expect(page.get_by_text("This queue is done")).to_be_visible()
    assert [one["image_id"] for one in stored()] == [image_id(1), image_id(2), image_id(0)]


def test_an_empty_queue_says_what_to_do(opened: Open) -> None:
    expect(opened(n=0, name=None).get_by_text("No image waits here")).to_be_visible(timeout=30_000)


def test_the_panel_works_before_its_map_and_says_why_there_is_none(opened: Open) -> None:
    page = opened(maps="slow")
    expect(page.locator(".map-note")).to_have_text("computing the map…")
    page.keyboard.press("4")
    expect(page.locator(".result .part-chip b").first).to_have_text("owl")
    expect(page.locator(".frame .map")).to_be_visible()
    page.get_by_label("Whose map").select_option("coarse-s0")
    expect(page.locator(".map-note")).to_contain_text("The map is empty")
    page.keyboard.press("m")
    expect(page.locator(".map-note")).to_be_hidden()


def test_the_viewer_shows_maps_waits_for_slow_ones_and_tells_errors(serve: Serve, new_page: Any) -> None:
    page = new_page()
    page.goto(serve(HARNESS / "viewing.py").url)
    panels = page.locator(".viewer .panel")
    expect(panels).to_have_count(4, timeout=30_000)
    expect(panels.nth(0).locator(".map")).to_be_visible()
    expect(panels.nth(1).locator(".map-note")).to_have_text("computing the map…")
    expect(panels.nth(1).locator(".map")).to_be_visible()
    expect(panels.nth(2).locator(".map-note")).to_have_text(
        "The map is empty: nothing in this image raises the answer."
    )
    expect(panels.nth(3).locator(".map-note")).to_contain_text("no weights")
    page.get_by_label("Strength of the map").fill("0.8")
    assert [panels.nth(i).locator(".map").evaluate("(map) => map.style.opacity") for i in (0, 1)] == ["0.8", "0.8"]
    page.reload()
    expect(page.get_by_label("Strength of the map")).to_have_value("0.8", timeout=30_000)


def _wait_saved(page: Page, count: int, timeout_s: float = 20) -> None:
    """Until nothing is on its way and the newest decision bears the number ``count``."""
    expect(page.locator(".head .chip.is-saved")).to_have_text("All saved", timeout=timeout_s * 1000)
    expect(page.locator(".recent li").first).to_have_attribute("data-seq", str(count))


def _space(space: LeafSpace) -> dict[str, Any]:
    return {
        "parts": [{"name": part.name, "values": list(part.values)} for part in space.parts],
        "lone": [leaf for leaf in space.leaves if not space.values_of[leaf]],
        "leaves": {leaf: list(values) for leaf, values in space.values_of.items()},
    }


def _edit(space: LeafSpace, label: Label, changes: dict[str, str | None]) -> Label:
    try:
        return space.edit(label, changes)
    except LabelError:
        return frozenset()


def _key_of_animal(number: int) -> str:
    return str(SPACE.parts[0].values.index(_words(number)[0]) + 1)


def _words(number: int) -> tuple[str, ...]:
    (leaf,) = label_of(number)
    return SPACE.values_of[leaf]
