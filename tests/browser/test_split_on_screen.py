"""What to split, on screen: the command first, then candidates, their images, and the draft they lead to."""

import re

import pytest
from playwright.sync_api import expect
from rich.console import Console

from dashboard.runs.embed import embed_run
from model_zoo.core.label_space.splits import Split
from model_zoo.workspace.workspace import Workspace
from tests.browser.serving import settle, taxoscope


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    embed_run(Workspace.demo(folder), "anatomy-s1", Split.VALIDATION, Console(quiet=True))
    server = taxoscope(folder).start()
    yield server
    server.stop()


def test_from_the_command_to_the_images_and_the_draft(served, new_page):
    page = new_page(height=1400)
    page.goto(f"{served.url}/taxonomies?taxonomy=consolidated.v1")
    settle(page)
    expect(page.get_by_text("uv run taxoscope embed consolidated-s0", exact=True)).to_be_visible()

    page.goto(f"{served.url}/taxonomies?taxonomy=anatomy.v1")
    settle(page)
    expect(
        page.get_by_text(re.compile("As anatomy-s1 sees them, the images of .* spread wider than one cloud"))
    ).to_be_visible()
    table = page.get_by_test_id("stTable").filter(has_text="what the clusters mean")
    cells = [cell.inner_text() for cell in table.locator("tbody tr").first.locator("th, td").all()]
    name, n_images = cells[0], [int(n) for n in re.findall(r"(\d+) \(\d+\)", cells[2])]
    assert "markers:" in cells[1]

    panel = page.get_by_test_id("stExpander").filter(has_text=f"{name}: images of the two clusters")
    panel.locator("summary").click()
    settle(page)
    for number, n in zip(("First", "Second"), n_images):
        expect(panel.get_by_text(f"{number} cluster: {n} images of")).to_be_visible()
    tile = panel.locator(".tile").first
    image_id = tile.locator(".line span").first.inner_text()
    tile.click()
    page.wait_for_url(re.compile("/inspect"))
    settle(page)
    assert f"image={image_id}" in page.url
    assert "of=anatomy-s1" in page.url

    page.go_back()
    settle(page)
    link = page.get_by_role("link", name=re.compile("markers:")).first.get_attribute("href")
    page.goto(f"{served.url}/{link.split('/')[-1]}")
    settle(page)
    expect(page.get_by_text("anatomy · 8 classes")).to_be_visible()
