"""The page Labels: its numbers against the files and the database; sets, imports and opinions of several people."""

import csv
import io
import json
import re
import sqlite3
from contextlib import closing

import pytest
from playwright.sync_api import expect

from dashboard.ui.pager import PER_PAGE
from tests.browser.recomputed import MANIFEST, class_of
from tests.browser.serving import settle, taxoscope

N = PER_PAGE + 2


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("labels")


@pytest.fixture(scope="module")
def served(folder):
    """One server for all: the first test stores nothing, each later one knows what stands before it."""
    running = taxoscope(folder).start()
    yield running
    running.stop()


def decisions(folder):
    with closing(sqlite3.connect(folder / "decisions.sqlite")) as database:
        return database.execute("SELECT image_id, reviewer, answer, after, chosen_by FROM decisions").fetchall()


def test_what_is_downloaded_is_the_manifest_again(served, new_page):
    page = new_page(height=1400)
    page.goto(f"{served.url}/labels?work=export")
    settle(page)
    main = page.get_by_test_id("stMain")
    expect(main).to_contain_text(f"{len(MANIFEST):,} images, labels as they stand now.")
    expect(main).to_contain_text("Nobody has decided anything yet. Open Review and correct the first image.")
    with page.expect_download() as got:
        page.get_by_role("button", name="Download the labels").click()
    assert got.value.suggested_filename == "labels-standing.csv"
    rows = list(csv.DictReader(io.StringIO(got.value.path().read_text(encoding="utf-8"), newline="")))
    assert {row["image_id"]: row["label"] for row in rows} == MANIFEST.label.to_dict()
    page.goto(f"{served.url}/labels?work=import")
    settle(page)
    page.locator("input[type=file]").set_input_files(got.value.path())
    expect(main).to_contain_text("Nothing to store: every label that can be read stands already.")
    page.goto(f"{served.url}/labels?before=nothing")
    expect(page.get_by_text("There are no labels 'nothing' here; there are original, standing.")).to_be_visible()


def test_a_set_is_made_labels_come_in_and_all_is_gone_back_to(folder, served, new_page):
    page = new_page(height=1800)
    page.goto(f"{served.url}/labels")
    settle(page)
    main = page.get_by_test_id("stMain")
    expect(main).to_contain_text(f"{len(MANIFEST):,} images have a label; people gave one to 0 of them")
    expect(main).to_contain_text("There is no label set yet.")
    expect(main).to_contain_text(f"0 of {len(MANIFEST):,} images changed label.")

    page.get_by_label("Your name").fill("Ann <b>")
    page.get_by_label("Your name").press("Enter")
    page.get_by_label("Name of the set").fill("as delivered")
    page.get_by_label("Name of the set").press("Enter")
    settle(page)
    page.get_by_role("button", name="Keep the labels of today", exact=True).click()
    expect(main).to_contain_text(f"Label set 'as delivered' keeps {len(MANIFEST):,} labels of today.")
    stored = json.loads((folder / "label_sets" / "as delivered.json").read_text())
    assert stored["labels"] == MANIFEST.label.to_dict()
    assert stored["made_by"] == "Ann <b>"

    chosen = MANIFEST[(MANIFEST.split == "test") & (MANIFEST.label == "ac.placed.present")].index[:N]
    lines = ["Image,LABEL,Reviewer", *(f"{one},bpd.placed.present,Eve" for one in chosen), "nowhere,volume,Eve"]
    page.get_by_test_id("stMain").get_by_text("Import", exact=True).click()
    expect(main).to_contain_text("Nothing is stored before you have seen what would change.")
    file = {"name": "clinic.csv", "mimeType": "text/csv", "buffer": "\n".join(lines).encode()}
    page.locator("input[type=file]").set_input_files(file)
    expect(main).to_contain_text(f"{N} images would get another label.")
    expect(main).to_contain_text("1 unknown image: not stored")
    assert decisions(folder) == []
    page.get_by_role("button", name=f"Store {N} labels").click()
    expect(main).to_contain_text(f"{N} labels imported from clinic.csv.")
    wanted = [(one, "Eve", "relabel", "bpd.placed.present", "imported from clinic.csv") for one in chosen]
    assert decisions(folder) == wanted

    page.goto(f"{served.url}/labels?before=as+delivered&after=standing&taxonomy=fine&was=ac&is=bpd")
    settle(page)
    expect(main).to_contain_text(f"{N} of {len(MANIFEST):,} images changed label.")
    expect(main).to_contain_text(f"{N} images from ac to bpd")
    for one in sorted(chosen, key=list(MANIFEST.index).index)[:PER_PAGE]:
        expect(page.get_by_text(one, exact=True)).to_be_visible()
    page.get_by_role("button", name="Page 2", exact=True).click()
    expect(page.get_by_text(chosen[-1], exact=True)).to_be_visible()
    expect(page.get_by_text(chosen[0], exact=True)).to_have_count(0)
    page.wait_for_url(re.compile("page=2"))
    fine = class_of("fine")
    assert {fine[MANIFEST.label[one]] for one in chosen} == {"ac"}

    page.get_by_label("Your name").fill("Ann <b>")
    page.get_by_label("Your name").press("Enter")
    page.get_by_text("Go back to a label set", exact=True).click()
    expect(main).to_contain_text(f"{N} labels of {len(MANIFEST):,} images would change")
    page.get_by_role("button", name="Make the labels equal to as delivered").click()
    done = f"The labels are those of 'as delivered' again: {N} labels changed."
    expect(main).to_contain_text(done, timeout=60_000)  # each label is synced to the disk
    expect(main).to_contain_text("No label differs.")  # what the address asks for is gone
    assert decisions(folder)[:N] == wanted  # nothing is overwritten
    assert [one[3] for one in decisions(folder)[N:]] == ["ac.placed.present"] * N

    page.goto(f"{served.url}/labels")
    settle(page)
    expect(main).to_contain_text(f"0 of {len(MANIFEST):,} images changed label.")
    page.get_by_label("Your name").fill("Ann <b>")
    page.get_by_label("Your name").press("Enter")
    settle(page)
    settle(page)
    page.get_by_role("button", name="Undo").first.click()
    expect(main).to_contain_text(f"Taken back: restored from label set as delivered, {N} labels.")
    expect(main).to_contain_text(f"{N} of {len(MANIFEST):,} images changed label.")
    assert len(decisions(folder)) == 3 * N


def test_confirming_opinions_are_stored_in_the_name_of_the_annotator(folder, served, new_page):
    n_before = len(decisions(folder))
    page = new_page(height=1600)
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
    assert sorted((image, who, after) for image, who, _, after, _ in decisions(folder)[n_before:]) == sorted(
        (one, who, MANIFEST.label[one]) for who in ("reviewer-1", "reviewer-2") for one in some
    )
