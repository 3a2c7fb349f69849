"""Maps in the panel and in the viewer: they follow when computed, and say why there is none."""

from collections.abc import Callable, Iterator
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page, Route, expect

from model_zoo.workspace.workspace import Workspace
from tests.browser.harness.animals import build_with_weights
from tests.browser.serving import Served, settle, taxoscope


@pytest.fixture(scope="module")
def animals(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return build_with_weights(tmp_path_factory.mktemp("maps") / "animals")


@pytest.fixture(scope="module")
def dashboard(animals: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The whole dashboard over the same workspace."""
    served = taxoscope(tmp_path_factory.mktemp("dashboard"), "--workspace", str(animals.writable))
    yield served.start()
    served.stop()


def test_the_panel_works_before_its_map_and_says_why_there_is_none(
    dashboard: Served, new_page: Callable[..., Page]
) -> None:
    page, held = _opened_with_held_maps(dashboard, new_page, "review?of=seeing-s0&of=blank-s0")
    expect(page.locator(".map-note")).to_have_text("computing the map…")
    shown = page.locator(".reviewer").get_attribute("data-image")
    wanted, key = ("dog", "2") if page.locator(".asks .label b").first.inner_text() != "dog" else ("cat", "1")
    page.keyboard.press(key)
    expect(page.locator(".result .part-chip b").first).to_have_text(wanted)
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
    page, held = _opened_with_held_maps(dashboard, new_page, f"inspect?image=i0000&{runs}")
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


def _opened_with_held_maps(served: Served, new_page: Callable[..., Page], address: str) -> tuple[Page, list[Route]]:
    """A page of the dashboard whose requests for maps wait on the line until `_let_go`."""
    page, held = new_page(), []
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
