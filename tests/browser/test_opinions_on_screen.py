"""The page Labels imports the opinions of several people as the command does: all of them, in their names."""

import sqlite3
from contextlib import closing

import pytest
from playwright.sync_api import expect

from tests.browser.recomputed import MANIFEST
from tests.browser.serving import settle, taxoscope


@pytest.fixture
def served(tmp_path):
    running = taxoscope(tmp_path).start()
    yield running
    running.stop()


def test_confirming_opinions_are_stored_in_the_name_of_the_annotator(tmp_path, served, new_page):
    page = new_page(height=1600)
    page.set_default_timeout(60_000)
    page.goto(f"{served.url}/labels?work=import")
    settle(page)
    main = page.get_by_test_id("stMain")
    page.get_by_label("Your name").fill("Ann")
    page.get_by_label("Your name").press("Enter")
    settle(page)
    some = list(MANIFEST.index[:3])
    raw = "\n".join(["image,label", *(f"{one},{MANIFEST.label[one]}" for one in some)]).encode()
    for who in ("reviewer-1", "reviewer-2"):  # equal files of two people
        page.get_by_role("textbox", name="Annotator of lines that name none").fill(who)
        page.get_by_role("textbox", name="Annotator of lines that name none").press("Enter")
        settle(page)
        page.locator("input[type=file]").set_input_files({"name": "said.csv", "mimeType": "text/csv", "buffer": raw})
        expect(main).to_contain_text("read as class names")
        page.get_by_role("button", name="Store 3 labels").click()
        expect(main).to_contain_text("3 labels imported from said.csv.")
        settle(page)
    page.get_by_role("textbox", name="Annotator of lines that name none").fill("")
    page.get_by_role("textbox", name="Annotator of lines that name none").press("Enter")
    settle(page)
    page.locator("input[type=file]").set_input_files({"name": "said.csv", "mimeType": "text/csv", "buffer": raw})
    expect(main).to_contain_text("3 equal labels were not stored: name the annotator to keep them.")
    with closing(sqlite3.connect(tmp_path / "decisions.sqlite")) as database:
        stored = database.execute("SELECT image_id, reviewer, after FROM decisions").fetchall()
    assert sorted(stored) == sorted(
        (one, who, MANIFEST.label[one]) for who in ("reviewer-1", "reviewer-2") for one in some
    )
