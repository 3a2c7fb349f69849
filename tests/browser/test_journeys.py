"""From a number to its images to a decision, each figure against one recomputed from the files by other code."""

import re
import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import expect
from sklearn.metrics import accuracy_score, confusion_matrix, recall_score

from tests.browser.recomputed import (
    MANIFEST,
    answers,
    class_names,
    difference_of_series,
    ends,
    in_classes_of,
    percent,
    result,
)
from tests.browser.serving import settle


def test_compare_shows_what_the_files_say(opened):
    page = opened("compare", height=3400)
    names = class_names("consolidated")
    matrices = page.locator(".js-plotly-plot:has(.hm)")
    expect(matrices).to_have_count(2)
    metrics = page.get_by_test_id("stMetricValue").all_inner_texts()
    for k, taxonomy in enumerate(("fine", "consolidated")):
        pairs = in_classes_of("consolidated", taxonomy)
        mean = sum(accuracy_score(t, s) for t, s in pairs) / len(pairs)
        assert metrics[k] == percent(mean)
        mean_matrix = sum(confusion_matrix(t, s, labels=names) for t, s in pairs) / len(pairs)
        shares = 100 * mean_matrix / mean_matrix.sum(axis=1, keepdims=True)
        wanted = ["<1" if share < 0.5 else f"{share:.0f}" for share in shares.ravel() if share > 0]
        assert matrices.nth(k).locator(".annotation-text").all_text_contents() == wanted
    assert page.get_by_text(f"{len(MANIFEST[MANIFEST.split == 'test']):,} images").count()


def test_the_verdict_is_the_one_recomputed_from_the_files(opened):
    page = opened("compare", height=3400)
    fine, consolidated = (in_classes_of("consolidated", one) for one in ("fine", "consolidated"))
    value, low, high = difference_of_series(consolidated, fine)
    sentence = result(low, high).format(a="consolidated · 8 seeds", b="fine · 8 seeds")
    expect(page.get_by_role("heading", name=sentence)).to_be_visible()
    expect(
        page.get_by_text(re.compile(f"pp(?: before rounding)?, 95 % CI {re.escape(ends(low, high))};"))
    ).to_be_visible()
    drawn = page.evaluate(
        """() => document.querySelector('[class*=st-key-verdict_] .js-plotly-plot')._fullData.flatMap(
        d => d.customdata.map((c, k) => [c[1], d.x[k], d.error_x.arrayminus[k], d.error_x.array[k]]))"""
    )
    headline = [row for row in drawn if row[0] == ""][-1]
    assert headline[1:] == pytest.approx([100 * value, 100 * (value - low), 100 * (high - value)], abs=1e-6)
    recalls = [
        np.mean([recall_score(t, s, labels=["no_marker"], average=None) for t, s in one])
        for one in (consolidated, fine)
    ]
    (row,) = [row for row in drawn if row[0] == "no_marker"]
    assert row[1] == pytest.approx(100 * (recalls[0] - recalls[1]), abs=1e-9)


def test_no_verdict_in_native_classes(opened):
    page = opened("compare?space=native")
    expect(page.get_by_text("No verdict between native classes")).to_be_visible()
    expect(page.locator("[class*=st-key-verdict_]")).to_have_count(0)


def test_native_shows_each_in_its_own_classes(opened):
    page = opened("compare?space=native", height=3400)
    pairs = in_classes_of("fine", "fine")
    mean = sum(accuracy_score(t, s) for t, s in pairs) / len(pairs)
    assert page.get_by_test_id("stMetricValue").first.inner_text() == percent(mean)
    expect(page.get_by_text("these figures answer different questions")).to_be_visible()


def test_hovering_a_class_gives_its_recall(opened):
    page = opened("compare", height=3400)
    pairs = in_classes_of("consolidated", "fine")
    recall = sum(recall_score(t, s, labels=["cereb"], average=None)[0] for t, s in pairs) / len(pairs)
    shown = page.evaluate(
        """() => [...document.querySelectorAll('[class*=st-key-classes_] .js-plotly-plot')].flatMap(p => p.data)
        .filter(d => d.error_x).map(d => [d.customdata, d.hovertemplate])"""
    )
    texts = {tuple(key): text for keys, templates in shown for key, text in zip(keys, templates, strict=True)}
    (text,) = [text for (subject, name), text in texts.items() if subject.startswith("fine") and name == "cereb"]
    assert percent(recall) in text


def test_a_mark_of_a_class_opens_the_images_that_its_figure_rests_on(opened):
    page = opened("compare?figure=F1", height=3400)
    marks = page.locator("[class*=st-key-classes_] .js-plotly-plot").first
    expect(marks.locator(".errorbars").first).to_be_attached()
    marks.scroll_into_view_if_needed()
    place = marks.evaluate(
        """plot => { const one = plot._fullData.find(d => d.error_x?.visible);
        const i = one.customdata.findIndex(c => c[1] === 'no_marker'), b = plot.getBoundingClientRect();
        const { xaxis: x, yaxis: y } = plot._fullLayout;
        return [one.customdata[i][0], b.x + x._offset + x.d2p(one.x[i]), b.y + y._offset + y.d2p(one.y[i])] }"""
    )
    assert place[0].startswith("fine")
    page.mouse.move(place[1], place[2])
    page.mouse.click(place[1], place[2])
    page.wait_for_url(re.compile("/images.*either=no_marker"))
    settle(page)
    pairs = in_classes_of("consolidated", "fine")
    inside = sum(((t == "no_marker") | (s == "no_marker")).astype(int) for t, s in pairs)
    expect(page.get_by_text(f"{(inside > 0).sum()} images of ")).to_be_visible()


def test_a_click_is_one_step_back(opened):
    page = opened("images?split=validation&page=2")
    first = page.locator("a.tile").first.get_attribute("data-image")
    before = page.evaluate("history.length")
    page.locator("a.tile").nth(3).click()
    page.wait_for_url(re.compile("/inspect"))
    settle(page)
    assert page.evaluate("history.length") == before + 1
    page.go_back()
    page.wait_for_url(re.compile("/images.*page=2"))
    settle(page)
    expect(page.locator("a.tile").first).to_have_attribute("data-image", first)


def tiles_by_image(page):
    """Image id -> in how many runs it falls in the cell, as each tile says."""
    expect(page.locator("a.tile").first).to_be_visible()
    tiles = page.locator("a.tile").all()
    return {tile.get_attribute("data-image"): re.search(r"in \d+ of \d+", tile.inner_text())[0] for tile in tiles}


def test_from_a_cell_to_a_decision_that_survives_a_kill(app, opened):
    page = opened("compare", height=3400)
    names = class_names("consolidated")
    i, j = names.index("cereb"), names.index("bpd")
    plot = page.locator(".js-plotly-plot:has(.hm)").first
    plot.scroll_into_view_if_needed()
    box = plot.locator(".nsewdrag").bounding_box()
    step_x, step_y = box["width"] / len(names), box["height"] / len(names)
    page.mouse.click(box["x"] + step_x * (j + 0.5), box["y"] + step_y * (i + 0.5))
    page.wait_for_url(re.compile("/images"))
    settle(page)
    pairs = in_classes_of("consolidated", "fine")
    inside = sum(((t == "cereb") & (s == "bpd")).astype(int) for t, s in pairs)
    wanted = inside[inside > 0]
    expect(page.get_by_text(f"{len(wanted)} images of ")).to_be_visible()
    expect(page.get_by_text(f"together {wanted.sum():,} times in {len(pairs)} runs")).to_be_visible()
    tiles = page.locator("a.tile")
    shown = tiles_by_image(page)
    for number in range(2, -(-len(wanted) // 48) + 1):
        shown |= tiles_by_image(opened(f"{page.url.split('/')[-1]}&page={number}"))
    assert shown == {image_id: f"in {k} of {len(pairs)}" for image_id, k in wanted.items()}

    image_id = tiles.first.get_attribute("data-image")
    tiles.first.click()
    page.wait_for_url(re.compile("/inspect"))
    settle(page)
    run_id, said = next(iter(answers("fine").items()))
    panel = page.locator("figure.panel", has_text=run_id)
    expect(panel).to_contain_text(said[image_id])

    page.get_by_label("Your name").fill("Reviewer A")
    page.get_by_role("button", name="Start").click()
    page.locator("[data-act]").filter(has=page.locator(":text-is('afi')")).first.click()
    page.keyboard.press("Enter")
    expect(page.get_by_text("All saved", exact=True)).to_be_visible()
    with closing(sqlite3.connect(Path(app.environment["TAXOSCOPE_DEMO_FOLDER"]) / "decisions.sqlite")) as database:
        rows = database.execute('select image_id, reviewer, answer, "before", "after" from decisions').fetchall()
    label = MANIFEST.label[image_id]
    assert rows == [(image_id, "Reviewer A", "relabel", label, label.replace("cereb", "afi"))]

    app.kill()
    app.start()
    page = opened("decisions")
    expect(page.get_by_text("1 decision by 1 person")).to_be_visible()
    for name, ending in (("CSV", "csv"), ("JSON Lines", "jsonl"), ("Parquet", "parquet")):
        with page.expect_download() as got:
            page.get_by_role("button", name=f"All as {name}").click()
        assert got.value.suggested_filename == f"decisions.{ending}"
        path = Path(app.environment["TAXOSCOPE_DEMO_FOLDER"]) / got.value.suggested_filename
        got.value.save_as(path)
        readers = {"csv": pd.read_csv, "jsonl": partial(pd.read_json, lines=True), "parquet": pd.read_parquet}
        assert list(readers[ending](path).image_id) == [image_id]
    page = opened(f"inspect?image={image_id}")
    expect(page.get_by_text(label.replace("cereb", "afi")).first).to_be_visible()
