"""The reviewer and the viewer in a real browser; what they send is compared with what was stored."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from hashlib import sha256
from itertools import combinations
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from browser.conftest import Serve
from browser.serving import PROJECT, Served, settle, taxoscope, wait_idle
from playwright.sync_api import Browser, Locator, Page, Route, expect
from safetensors.numpy import load_file, save
from second_workspace import build

from dashboard.actions.queueing import WINDOW
from model_zoo.core.choices import Split
from model_zoo.core.errors import LabelError
from model_zoo.core.labels import Label, LeafSpace, Part
from model_zoo.run import read_run, write_run
from model_zoo.workspace import Workspace
from tests.browser.harness.database import decisions_in, locked

HARNESS = Path(__file__).with_name("harness")
PARTS = PROJECT / "dashboard" / "parts"
PETS = LeafSpace(
    (Part("animal", ("cat", "dog", "owl")), Part("collar", ("none", "worn")), Part("caption", ("none", "present"))),
    lone=("scenery",),
    forbidden=({"collar": "worn", "caption": "none"},),
)
LINES = LeafSpace((Part("kind", ("a.b", "c|d", "e")), Part("size", ("one", "two"))), lone=("x.y", "none"))
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


@pytest.fixture(scope="module", autouse=True)
def patience() -> Iterator[None]:
    """Each answer is a run of the page's script, which a busy machine may take seconds for."""
    expect.set_options(timeout=20_000)
    yield
    expect.set_options(timeout=5_000)


@pytest.fixture(scope="module")
def animals(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The second workspace, and beside its runs by chance one with weights and one whose weights say nothing."""
    workspace = build(tmp_path_factory.mktemp("component") / "animals", n_images=150, seed=3)
    trained, by_chance = PROJECT / "model_zoo" / "runs" / "fine-s0", read_run(workspace.writable / "runs" / "things-s0")
    like, classes = read_run(trained).card, by_chance.card.classes
    tensors = load_file(trained / "model.safetensors")
    predictions = {split: by_chance.predictions(split) for split in (Split.VALIDATION, Split.TEST)}
    for run_id, strength in (("seeing-s0", 1), ("blank-s0", 0)):
        head = {name: strength * tensors[name][: len(classes)].copy() for name in ("fc.weight", "fc.bias")}
        weights = save(tensors | head)
        card = replace(
            by_chance.card,
            run_id=run_id,
            architecture=like.architecture,
            preprocessing=like.preprocessing,
            recipe={"version": run_id},
            weights_sha256=sha256(weights).hexdigest(),
        )
        write_run(card, workspace.writable / "runs", weights, [], predictions)
    return workspace


@pytest.fixture(scope="module")
def harness(serve: Serve, animals: Workspace) -> Served:
    return serve(HARNESS / "reviewing.py", TAXOSCOPE_WORKSPACE=str(animals.writable))


@pytest.fixture(scope="module")
def dashboard(animals: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The whole dashboard over the same workspace."""
    served = taxoscope(tmp_path_factory.mktemp("dashboard"), "--workspace", str(animals.writable))
    yield served.start()
    served.stop()


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


@pytest.fixture(scope="module")
def algebra(browser: Browser) -> Iterator[Page]:
    """A blank page that knows `labels.js`."""
    page = browser.new_page()
    page.add_script_tag(content=(PARTS / "labels.js").read_text(encoding="utf-8"))
    yield page
    page.close()


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
    page.keyboard.press(KEY_OF["dog"])  # one part of the next image
    page.keyboard.press("Enter")
    _wait_saved(page, 2)
    first, second = stored()
    assert (first["image_id"], first["answer"]) == (image_id(0), "relabel")
    assert (first["before"], first["after"]) == ("plane.large", "cat.small")
    assert (second["before"], second["after"]) == ("car.small", "dog.small")
    assert first["reviewer"] == "Reviewer A"
    assert {"things-s0", "things-s1", "things-s2", "kinds-s0", "kinds-s1", "sizes-s0"} < set(json.loads(first["runs"]))
    assert [first["seq"], second["seq"]] == [1, 2]


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


@pytest.mark.parametrize("space", [PETS, LINES], ids=["forbidden", "escaped"])
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


def test_the_panel_works_before_its_map_and_says_why_there_is_none(
    dashboard: Served, new_page: Callable[..., Page]
) -> None:
    page, held = _opened_with_held_maps(dashboard, new_page, "review?of=seeing-s0&of=blank-s0")
    expect(page.locator(".map-note")).to_have_text("computing the map…")
    shown = page.locator(".reviewer").get_attribute("data-image")
    key = KEY_OF["dog"] if page.locator(".asks .label b").first.inner_text() != "dog" else KEY_OF["cat"]
    page.keyboard.press(key)
    expect(page.locator(".result .part-chip b").first).to_have_text("dog" if key == KEY_OF["dog"] else "cat")
    expect(page.get_by_role("button", name="Save")).to_be_enabled()
    _let_go(held, "/map/seeing-s0/")
    expect(page.locator(".frame .map")).to_be_visible(timeout=60_000)
    page.get_by_label("Whose map").select_option("blank-s0")
    expect(page.locator(".map-note")).to_have_text("computing the map…")
    _let_go(held, "/map/blank-s0/")
    expect(page.locator(".map-note")).to_contain_text("The map is zero everywhere")
    page.keyboard.press("m")
    expect(page.locator(".map-note")).to_be_hidden()
    expect(page.locator(".reviewer")).to_have_attribute("data-image", shown)


def test_the_viewer_shows_maps_waits_for_slow_ones_and_tells_errors(
    dashboard: Served, new_page: Callable[..., Page]
) -> None:
    runs = urlencode([("of", run_id) for run_id in ("seeing-s0", "blank-s0", "kinds-s0")])
    page, held = _opened_with_held_maps(dashboard, new_page, f"inspect?image={image_id(0)}&{runs}")
    panels = page.locator(".viewer .panel")
    expect(panels).to_have_count(3)
    seeing, blank, by_chance = (panels.filter(has_text=run_id) for run_id in ("seeing-s0", "blank-s0", "kinds-s0"))
    for panel in (seeing, blank):
        expect(panel.locator(".map-note")).to_have_text("computing the map…")
    expect(by_chance.locator(".map-note")).to_have_text("This run has no weights, so no map can be computed.")
    _let_go(held, "/map/blank-s0/")
    expect(blank.locator(".map-note")).to_contain_text("The map is zero everywhere", timeout=60_000)
    expect(seeing.locator(".map-note")).to_have_text("computing the map…")
    _let_go(held, "/map/seeing-s0/")
    expect(seeing.locator(".map")).to_be_visible()
    assert seeing.locator(".map").evaluate("(map) => map.naturalWidth") == 96  # as large as the image
    strength = page.locator(".viewer").get_by_label("Strength of the map")
    strength.fill("0.8")
    assert seeing.locator(".map").evaluate("(map) => map.style.opacity") == "0.8"
    page.reload()
    expect(strength).to_have_value("0.8", timeout=30_000)


def _saving_chip(page: Page) -> Locator:
    return page.locator(".head .chip")


def _wait_saved(page: Page, count: int, timeout_s: float = 20) -> None:
    """Until nothing is on its way and the newest decision bears the number ``count``."""
    expect(page.locator(".head .chip.is-saved")).to_have_text("All saved", timeout=timeout_s * 1000)
    expect(page.locator(".recent li").first).to_have_attribute("data-seq", str(count))


def _opened_with_held_maps(served: Served, new_page: Callable[..., Page], address: str) -> tuple[Page, list[Route]]:
    """A page of the dashboard whose requests for maps wait on the line until `_let_go`."""
    page, held = new_page(), []
    page.set_default_timeout(60_000)
    page.route("**/map/**", lambda route: held.append(route))
    page.goto(f"{served.url}/{address}")
    settle(page)
    return page, held


def _let_go(held: list[Route], part: str) -> None:
    """Let the requests for ``part`` reach the server; there must be one."""
    on_their_way = [route for route in held if part in route.request.url]
    assert on_their_way
    for route in on_their_way:
        held.remove(route)
        route.continue_()


def _possible_changes(space: LeafSpace, label: Label) -> list[dict[str, str | None]]:
    """Changes of one part that leave something possible and make another label."""
    one_part: list[dict[str, str | None]] = [{part.name: value} for part in space.parts for value in part.values]
    one_part.append({space.parts[0].name: None})
    return [change for change in one_part if _edit(space, label, change) not in (frozenset(), label)]


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
