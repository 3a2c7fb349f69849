"""A workspace about something else, served: nothing on its pages comes from the demo."""

import re
import sqlite3
from contextlib import closing

import pandas as pd
import pytest
from playwright.sync_api import expect
from sklearn.metrics import accuracy_score

from tests.browser.serving import settle, taxoscope
from tests.second_workspace import build

KIND = {"cat": "animal", "dog": "animal", "car": "vehicle", "plane": "vehicle", "logo": "logo"}


@pytest.fixture(scope="module")
def animals(tmp_path_factory):
    return build(tmp_path_factory.mktemp("animals")).writable


@pytest.fixture(scope="module")
def served(animals, tmp_path_factory):
    one = taxoscope(tmp_path_factory.mktemp("none"), "--workspace", str(animals)).start()
    yield one
    one.stop()


@pytest.fixture
def opened(served, new_page):
    def go(address, **look):
        page = new_page(**look)
        page.goto(f"{served.url}/{address}")
        settle(page)
        return page

    return go


def answers(folder, run_id):
    frame = pd.read_parquet(folder / "runs" / run_id / "predictions_test.parquet").set_index("image_id")
    truth = pd.read_csv(folder / "manifest.csv").set_index("image_id").label[frame.index].str.split(".").str[0]
    return truth, frame.idxmax(axis=1).str.removeprefix("p:")


def test_overview_names_it_and_gives_each_series_in_its_own_classes(opened, animals):
    page = opened("")
    expect(page.get_by_role("heading", name="Animals and vehicles")).to_be_visible()
    means = [accuracy_score(*answers(animals, f"things-s{k}")) for k in range(3)]
    row = page.get_by_role("row", name=re.compile("^things"))
    expect(row).to_contain_text(f"{100 * sum(means) / 3:.1f} %")
    expect(page.get_by_text(str(animals))).to_be_visible()
    expect(page.get_by_text(re.compile("bpd|ultrasound", re.I))).to_have_count(0)


def test_compare_on_the_ground_that_two_taxonomies_share(opened, animals):
    page = opened("compare?of=things-s0&of=kinds-s0")
    truth, said = answers(animals, "things-s0")
    metric = page.get_by_test_id("stMetricValue").first
    expect(metric).to_have_text(f"{100 * accuracy_score(truth.map(KIND), said.map(KIND)):.1f} %")
    expect(page.get_by_text("Common ground (kinds, 3 classes)").first).to_be_visible()


def test_a_label_is_corrected_by_its_own_parts(opened, animals):
    page = opened("inspect?image=i0000&of=things-s0")
    page.get_by_label("Your name").fill("Reviewer B")
    page.get_by_role("button", name="Start").click()
    label = pd.read_csv(animals / "manifest.csv").set_index("image_id").label["i0000"]
    wanted = "dog.large" if label != "dog.large" else "cat.large"
    thing, size = wanted.split(".")
    for value in (thing, size):
        button = page.locator("[data-act]").filter(has=page.locator(f":text-is('{value}')")).first
        if button.get_attribute("aria-pressed") != "true":
            button.click()
    page.keyboard.press("Enter")
    expect(page.get_by_text("All saved")).to_be_visible()
    with closing(sqlite3.connect(animals / "decisions.sqlite")) as database:
        rows = database.execute('select image_id, reviewer, "before", "after" from decisions').fetchall()
    assert rows == [("i0000", "Reviewer B", label, wanted)]
