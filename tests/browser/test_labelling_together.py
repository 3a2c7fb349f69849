"""Many images, one label: chosen in the gallery or in a loop on the map, stored as one action, undone as one."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from playwright.sync_api import Page, expect
from rich.console import Console

from dashboard.runs.embed import embed_run
from model_zoo.core.label_space.splits import Split
from model_zoo.workspace.workspace import Workspace
from tests.browser.serving import Served, settle, taxoscope

RUN = "anatomy-s1"


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    embed_run(Workspace.demo(folder), RUN, Split.VALIDATION, Console(quiet=True))
    server = taxoscope(folder).start()
    yield server
    server.stop()


def rows(served: Served) -> list[tuple]:
    with closing(sqlite3.connect(Path(served.log_path.parent) / "decisions.sqlite")) as database:
        columns = "image_id, answer, after, reviewer, batch, chosen_by, undoes"
        return database.execute(f"SELECT {columns} FROM decisions ORDER BY decision_id").fetchall()


def give(page: Page, by: str, what: str, name: str, n_images: int) -> None:
    """Label what is chosen, as somebody with a mouse would."""
    page.get_by_label("Label them by").click()
    page.get_by_role("option", name=by, exact=True).click()
    settle(page)
    page.get_by_label("What they are").click()
    page.get_by_role("option", name=what, exact=True).click()
    page.get_by_label("Your name").fill(name)
    page.get_by_label("Your name").press("Enter")
    settle(page)
    page.get_by_role("button", name=f"Label {n_images} images").click()
    expect(page.get_by_text(f"{n_images} images labelled as {what}: saved, as one action.")).to_be_visible()


def test_images_chosen_in_the_gallery_get_one_label_and_lose_it_together(served: Served, new_page) -> None:
    page = new_page(height=1300)
    page.goto(f"{served.url}/images?split=validation")
    settle(page)
    ids = [tile.get_attribute("data-image") for tile in page.locator("a.tile").all()]
    page.locator(".choose").nth(1).click()
    page.locator(".choose").nth(4).click(modifiers=["Shift"])
    page.locator("a.tile").nth(2).focus()
    page.keyboard.press("x")  # the third is left out again
    chosen = [ids[1], ids[3], ids[4]]
    expect(page.get_by_text("3 chosen", exact=True)).to_be_visible()
    expect(page.get_by_text("3 images chosen.")).to_be_visible()
    page.keyboard.press("x")  # the page was drawn again since: what had the focus still has it
    expect(page.get_by_text("4 images chosen.")).to_be_visible()
    page.keyboard.press("x")
    expect(page.get_by_text("3 images chosen.")).to_be_visible()
    assert rows(served) == []

    labels = Workspace.demo(Path(served.log_path.parent)).dataset().labels
    space = Workspace.demo(Path(served.log_path.parent)).space
    wanted = {one: space.format(space.edit(labels[one], {"markers": "none"})) for one in chosen}
    give(page, "markers", "markers = none", "anna", 3)
    stored = rows(served)
    assert {row[0]: row[2] for row in stored} == wanted
    assert {row[3] for row in stored} == {"anna"}
    assert len({row[4] for row in stored}) == 1
    assert {row[5] for row in stored} == {"chosen together in Images"}
    expect(page.locator(".is-chosen")).to_have_count(0)
    for one in chosen:
        badge = page.locator(f".item[data-image='{one}'] .badge")
        expect(badge).to_have_count(int(wanted[one] != space.format(labels[one])))

    page.get_by_role("button", name="Undo").click()
    settle(page)
    undone = rows(served)[3:]
    assert {row[0] for row in undone} == set(chosen)
    assert {row[1] for row in undone} == {"undo"}
    expect(page.locator(".item .badge")).to_have_count(0)


def test_a_loop_on_the_map_chooses_its_images(served: Served, new_page) -> None:
    page = new_page(height=1300)
    page.goto(f"{served.url}/images?split=validation&as=map")
    settle(page)
    expect(page.get_by_text("Draw a loop around some points")).to_be_visible()
    before = len(rows(served))
    area = page.locator(".js-plotly-plot .nsewdrag").first.bounding_box()
    left, right, top = area["x"] + 2, area["x"] + area["width"] - 2, area["y"] + 2
    bottom = area["y"] + area["height"] / 2
    page.mouse.move(left, top)
    page.mouse.down()
    for x, y in ((right, top), (right, bottom), (left, bottom), (left, top)):
        page.mouse.move(x, y, steps=8)
    page.mouse.up()
    settle(page)
    shares = page.evaluate(
        """() => {
            const plot = document.querySelector('.js-plotly-plot');
            const [low, high] = plot._fullLayout.yaxis.range;
            return plot.calcdata.flatMap((points, k) => points.map(one =>
                [plot._fullData[k].customdata[one.i], (one.y - low) / (high - low)]));
        }"""
    )
    height = dict(shares)
    embedded = pq.read_table(served.log_path.parent / f"embeddings/{RUN}/validation.parquet")["image_id"].to_pylist()
    assert set(height) == set(embedded)
    n_chosen = int(page.locator(".gallery-bar .count").inner_text().split()[0])
    give(page, "other", "volume", "ben", n_chosen)
    stored = rows(served)[before:]
    inside = {row[0] for row in stored}
    assert len(stored) == len(inside) == n_chosen
    assert (
        {one for one in height if 0.51 < height[one] < 0.98} <= inside <= {one for one in height if height[one] > 0.49}
    )
    assert 0 < n_chosen < len(embedded)
    assert {row[2] for row in stored} == {"volume"}
    assert {row[5] for row in stored} == {"a loop drawn in the map of Images"}
