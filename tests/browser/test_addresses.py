"""Addresses restore what they name; one that cannot be says what is wrong; nothing is fetched from elsewhere."""

import re
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from dashboard.streamlit_options import OPTIONS
from tests.browser.recomputed import MANIFEST, in_classes_of
from tests.browser.serving import settle

PAGES = ("", "taxonomies", "compare", "images", "inspect", "review", "decisions", "run?run=fine-s0")


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("images?cell=fine-s0&true=[a](http://evil)![p](http://evil/p.png)", "[a](http://evil)![p](http://evil/p.png)"),
        ("taxonomies?taxonomy=%3Cscript%3E", "No taxonomy '<script>'"),
    ],
)
def test_a_bad_address_is_one_sentence_and_its_markup_is_text(opened, address, sentence):
    page = opened(address)
    alerts = page.get_by_test_id("stAlert")
    expect(alerts).to_have_count(1)
    expect(alerts).to_contain_text(sentence)
    expect(page.get_by_test_id("stException")).to_have_count(0)
    assert "\n" not in alerts.inner_text().strip()


def test_a_cell_restores_from_its_address(opened):
    (truth, said), *_ = in_classes_of("consolidated", "fine")
    wanted = truth.index[(truth == "no_marker") & (said != "no_marker")]
    query = "cell=fine-s0&of=fine-s0&of=consolidated-s0&true=no_marker&right=wrong&space=common"
    page = opened(f"images?{query}")
    expect(
        page.get_by_text(f"{len(wanted)} images of {MANIFEST.patient_id[wanted].nunique()} patients")
    ).to_be_visible()


def test_nothing_is_fetched_from_elsewhere(app, opened):
    page = opened("")
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    for address in PAGES:
        page.goto(f"{app.url}/{address}")
        settle(page)
        expect(page.get_by_test_id("stException")).to_have_count(0)
    page.wait_for_timeout(1000)
    assert {urlsplit(url).hostname for url in asked if not url.startswith(("data:", "blob:"))} == {"127.0.0.1"}


@pytest.mark.parametrize("look", ["light", "dark"])
def test_the_theme_is_the_projects_from_any_folder(opened, look):
    page = opened("", theme=look)
    shown = page.evaluate(
        "() => { const s = getComputedStyle(document.querySelector('[data-testid=stApp]'));"
        " return [s.color, s.backgroundColor] }"
    )
    wanted = [
        [int(OPTIONS[f"theme.{look}.{name}"][k : k + 2], 16) for k in (1, 3, 5)]
        for name in ("textColor", "backgroundColor")
    ]
    assert [[int(value) for value in re.findall(r"\d+", one)[:3]] for one in shown] == wanted
