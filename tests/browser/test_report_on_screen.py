"""The report: downloaded from Compare, opened from disk; it asks nobody, and its numbers are those of the files."""

import csv
import io
import json
import re

import numpy as np
import pytest
from playwright.sync_api import expect
from scipy.stats import spearmanr
from sklearn.metrics import confusion_matrix, recall_score

from tests.browser.recomputed import (
    MANIFEST,
    answers,
    class_names,
    class_of,
    difference_of_series,
    ends,
    in_classes_of,
    percent,
    result,
)


def downloaded(page, path):
    with page.expect_download(timeout=120_000) as found:
        page.get_by_role("button", name="Report").click()
    found.value.save_as(path)
    assert found.value.suggested_filename == "comparison.html"


def open_file(new_page, path, **look):
    """The file in a browser of its own, once its charts are drawn; and every address that it asked for."""
    page, asked = new_page(height=2000, **look), []
    page.context.on("request", lambda request: asked.append(request.url))
    said = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(path.as_uri(), timeout=60_000)
    page.wait_for_function(
        "() => [...document.querySelectorAll('.chart')].every(chart => chart.querySelector('.main-svg'))"
    )
    return page, asked, said


def saved(page, name):
    with page.expect_download() as found:
        page.get_by_role("link", name=name).click()
    return found.value.path().read_text()


def test_the_report_is_downloaded_opened_from_disk_and_says_what_the_files_say(opened, new_page, tmp_path):
    path = tmp_path / "sent.html"
    downloaded(opened("compare"), path)
    page, asked, said = open_file(new_page, path)
    text = page.locator("body").inner_text()

    fine, consolidated = (in_classes_of("consolidated", one) for one in ("fine", "consolidated"))
    value, low, high = difference_of_series(consolidated, fine)
    headline = result(low, high).format(a="consolidated · 8 seeds", b="fine · 8 seeds")
    expect(page.get_by_role("heading", name=headline)).to_be_visible()
    n_images, n_patients = len(fine[0][0]), MANIFEST.patient_id.loc[fine[0][0].index].nunique()
    assert (
        f"+{100 * value:.1f} pp before rounding, 95 % CI {ends(low, high)}; "
        f"{n_images:,} images of {n_patients} patients." in text
    )
    accuracies = [np.mean([(t == s).mean() for t, s in one]) for one in (fine, consolidated)]
    assert f"{percent(accuracies[1])} against {percent(accuracies[0])}" in text
    assert re.findall(r"Accuracy (\d+\.\d %)", text) == [percent(one) for one in accuracies]

    names = class_names("consolidated")
    drawn = page.locator(".js-plotly-plot:has(.hm)")
    expect(drawn).to_have_count(3)  # the third is the difference
    means = [np.mean([confusion_matrix(t, s, labels=names) for t, s in one], axis=0) for one in (fine, consolidated)]
    for k, mean in enumerate(means):
        shares = 100 * mean / mean.sum(axis=1, keepdims=True)
        wanted = ["<1" if share < 0.5 else f"{share:.0f}" for share in shares.ravel() if share > 0]
        assert drawn.nth(k).locator(".annotation-text").all_text_contents() == wanted
    sides = [mean / mean.sum(axis=1, keepdims=True) for mean in means]
    gap = 100 * (sides[1] - sides[0])[names.index("no_marker"), names.index("no_marker")]
    assert f"{gap:+.1f}" in drawn.nth(2).locator(".annotation-text").all_text_contents()

    own = in_classes_of("fine", "fine")
    training = MANIFEST[MANIFEST.split == "train"].label.map(class_of("fine")).value_counts()
    recalls = np.mean([recall_score(t, s, labels=class_names("fine"), average=None) for t, s in own], axis=0)
    rho = spearmanr(recalls, training.loc[class_names("fine")]).statistic
    assert f"rank correlation of recall with training images {rho:.2f} (95 % " in text
    mixed = [np.mean([((t == a) & (s == b)).sum() for t, s in own]) for a, b in (("bpd", "cereb"), ("cereb", "bpd"))]
    row = page.get_by_role("row", name="bpd / cereb").first.get_by_role("cell").all_inner_texts()
    assert row[1:4] == [f"{n:.1f}" for n in (*mixed, sum(mixed))]
    for run in (*answers("fine"), *answers("consolidated")):
        expect(page.get_by_role("cell", name=run, exact=True)).to_have_count(1)

    table = list(csv.DictReader(io.StringIO(saved(page, "comparison.csv"))))
    told = [float(line["value"]) for line in table if line["figure"] == "accuracy"]
    assert told == pytest.approx(accuracies, abs=1e-12)
    tree = json.loads(saved(page, "comparison.json"))
    (first,) = [one for key, one in tree["causes"].items() if tree["subjects"][key]["title"].startswith("fine")]
    assert first["measures"]["unbalanced, too few images"]["value"] == pytest.approx(rho, abs=1e-12)
    assert [one["counts"] for one in tree["matrices"].values()] == [pytest.approx(mean) for mean in means]

    images = page.locator("figure img")
    assert images.evaluate_all("all => all.length > 12 && all.every(one => one.complete && one.naturalWidth > 0)")
    assert said == []
    assert asked
    assert [url for url in asked if not url.startswith(("file://", "data:"))] == []


def test_of_one_run_over_some_images_it_says_so_and_follows_the_readers_theme(opened, new_page, tmp_path):
    column, value = "machine", MANIFEST.machine.iloc[0]
    page = opened(f"compare?of=fine-s0&split=validation&where={column}:{value}")
    downloaded(page, tmp_path / "one.html")
    page, asked, said = open_file(new_page, tmp_path / "one.html", theme="dark")
    own = answers("fine", "validation")["fine-s0"]
    own = own[MANIFEST.loc[own.index, column] == value]
    share = (MANIFEST.label.loc[own.index].map(class_of("fine")) == own).mean()
    text = page.locator("body").inner_text()
    assert f"Accuracy {percent(share)}" in text
    assert f"{column} = {value}" in text
    assert f"{len(own)} images of " in text
    assert "A verdict needs two" in text

    def colours():
        return page.evaluate(
            """() => [getComputedStyle(document.body).backgroundColor,
            getComputedStyle(document.querySelector('.chart .ytick text')).fill]"""
        )

    dark = colours()
    page.emulate_media(color_scheme="light")
    page.wait_for_function(
        "() => getComputedStyle(document.querySelector('.chart .ytick text')).fill.includes('26, 36')"
    )
    assert (dark, colours()) == (
        ["rgb(18, 22, 28)", "rgb(230, 234, 240)"],
        ["rgb(255, 255, 255)", "rgb(26, 36, 51)"],
    )
    assert said == []
    assert all(url.startswith(("file://", "data:")) for url in asked)
