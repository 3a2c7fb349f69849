"""TaxoScope as a person uses it: every number on screen against one recomputed from the files by other code."""

import re
import sqlite3
import sys
import tomllib
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import Page, expect
from sklearn.metrics import accuracy_score, confusion_matrix, recall_score

from tests.browser.conftest import PROJECT, Served, free_port, wait_idle

MANIFEST = pd.read_csv(PROJECT / "sample_images" / "manifest.csv").set_index("image_id")
Open = Callable[..., Page]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The demo as `taxoscope serve` gives it, with a fresh writable folder, from another working directory."""
    folder = tmp_path_factory.mktemp("demo")
    port = free_port()
    command = [sys.executable, "-c", "from dashboard.cli import main; main()", "serve", "--no-browser"]
    environment = {"TAXOSCOPE_DEMO_FOLDER": str(folder), "PYTHONPATH": str(PROJECT)}
    served = Served([*command, "--port", str(port)], environment, folder / "log.txt", port)
    yield served.start()
    served.stop()


@pytest.fixture
def opened(app: Served, new_page: Open) -> Callable[..., Page]:
    def go(address: str, **look: object) -> Page:
        page = new_page(**look)
        page.set_default_timeout(60_000)
        page.goto(f"{app.url}/{address}")
        settle(page)
        return page

    return go


def settle(page: Page) -> None:
    page.wait_for_selector("[data-testid=stApp]")
    wait_idle(page)
    page.wait_for_timeout(300)
    wait_idle(page)


def answers(taxonomy: str, split: str = "test") -> dict[str, pd.Series]:
    """Run -> the class it names for each image, from the Parquet files alone."""
    said = {}
    for folder in sorted((PROJECT / "model_zoo" / "runs").glob(f"{taxonomy}-s*")):
        frame = pd.read_parquet(folder / f"predictions_{split}.parquet").set_index("image_id")
        said[folder.name] = frame.idxmax(axis=1).str.removeprefix("p:")
    return said


def class_of(taxonomy: str) -> dict[str, str]:
    """Leaf -> class, expanding the file's patterns by hand."""
    written = tomllib.loads((PROJECT / "model_zoo" / "taxonomies" / f"{taxonomy}.toml").read_text())["classes"]
    leaves = [f"{s}.{o}" for s in ("ac", "bpd", "cereb", "fl", "crl", "afi")
              for o in ("placed.present", "none.present", "none.none")] + ["volume"]  # fmt: skip
    owner = {}
    for name, pattern in written.items():
        regex = re.compile("^" + pattern.replace(".", r"\.").replace("*", "[a-z]+") + "$")
        owner |= {leaf: name for leaf in leaves if regex.match(leaf)}
    return owner


def on_consolidated(taxonomy: str) -> list[tuple[pd.Series, pd.Series]]:
    """(truth, answer) per run in the nine consolidated classes."""
    coarse, fine = class_of("consolidated"), class_of(taxonomy)
    to_coarse = {name: coarse[leaf] for leaf, name in fine.items()}
    pairs = []
    for said in answers(taxonomy).values():
        pairs.append((MANIFEST.label.loc[said.index].map(coarse), said.map(to_coarse)))
    return pairs


def percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def test_compare_shows_what_the_files_say(opened):
    page = opened("compare", height=2200)
    names = list(tomllib.loads((PROJECT / "model_zoo/taxonomies/consolidated.toml").read_text())["classes"])
    matrices = page.locator(".js-plotly-plot:has(.hm)")
    expect(matrices).to_have_count(2)
    metrics = page.get_by_test_id("stMetricValue").all_inner_texts()
    for k, taxonomy in enumerate(("fine", "consolidated")):
        pairs = on_consolidated(taxonomy)
        mean = sum(accuracy_score(t, s) for t, s in pairs) / len(pairs)
        assert metrics[k] == percent(mean)
        mean_matrix = sum(confusion_matrix(t, s, labels=names) for t, s in pairs) / len(pairs)
        shares = 100 * mean_matrix / mean_matrix.sum(axis=1, keepdims=True)
        wanted = [f"{share:.0f}" for share in shares.ravel() if share > 0]
        assert matrices.nth(k).locator(".annotation-text").all_text_contents() == wanted
    assert page.get_by_text(f"{len(MANIFEST[MANIFEST.split == 'test']):,} images").count()


def test_native_shows_each_in_its_own_classes(opened):
    page = opened("compare?space=native", height=2200)
    fine = class_of("fine")
    pairs = [(MANIFEST.label.loc[said.index].map(fine), said) for said in answers("fine").values()]
    mean = sum(accuracy_score(t, s) for t, s in pairs) / len(pairs)
    assert page.get_by_test_id("stMetricValue").first.inner_text() == percent(mean)
    expect(page.get_by_text("answer different questions")).to_be_visible()


def test_hovering_a_class_gives_its_recall(opened):
    page = opened("compare", height=2200)
    pairs = on_consolidated("fine")
    recall = sum(recall_score(t, s, labels=["cereb"], average=None)[0] for t, s in pairs) / len(pairs)
    expect(page.locator(".js-plotly-plot .errorbars").first).to_be_attached()
    shown = page.evaluate(
        """() => [...document.querySelectorAll('.js-plotly-plot')].flatMap(p => p.data).filter(d => d.error_x)
        .map(d => [d.customdata, d.hovertemplate])"""
    )
    texts = {tuple(key): text for keys, templates in shown for key, text in zip(keys, templates, strict=True)}
    (text,) = [text for (subject, name), text in texts.items() if subject.startswith("fine") and name == "cereb"]
    assert percent(recall) in text


def test_from_a_cell_to_a_decision_that_survives_a_kill(app, opened):
    page = opened("compare", height=2200)
    names = list(tomllib.loads((PROJECT / "model_zoo/taxonomies/consolidated.toml").read_text())["classes"])
    i, j = names.index("cereb"), names.index("bpd")
    plot = page.locator(".js-plotly-plot:has(.hm)").first
    box = plot.locator(".nsewdrag").bounding_box()
    step_x, step_y = box["width"] / len(names), box["height"] / len(names)
    page.mouse.click(box["x"] + step_x * (j + 0.5), box["y"] + step_y * (i + 0.5))
    page.wait_for_url(re.compile("/images"))
    settle(page)
    pairs = on_consolidated("fine")
    inside = sum(((t == "cereb") & (s == "bpd")).astype(int) for t, s in pairs)
    wanted = inside[inside > 0]
    tiles = page.locator("a.tile")
    expect(tiles).to_have_count(len(wanted))
    assert {tile.get_attribute("data-image") for tile in tiles.all()} == set(wanted.index)
    expect(page.get_by_text(f"{len(wanted)} image", exact=False).first).to_be_visible()

    image_id = tiles.first.get_attribute("data-image")
    tiles.first.click()
    page.wait_for_url(re.compile("/inspect"))
    settle(page)
    run_id, said = next(iter(answers("fine").items()))
    panel = page.locator("figure.panel", has_text=run_id)
    expect(panel).to_contain_text(said[image_id])

    page.get_by_label("Your name").fill("Ana Ruiz")
    page.get_by_role("button", name="Start").click()
    page.locator("[data-act]").filter(has=page.locator(":text-is('afi')")).first.click()
    page.keyboard.press("Enter")
    expect(page.get_by_text(re.compile("saved", re.I)).first).to_be_visible()
    with closing(sqlite3.connect(Path(app.environment["TAXOSCOPE_DEMO_FOLDER"]) / "decisions.sqlite")) as database:
        rows = database.execute('select image_id, reviewer, answer, "before", "after" from decisions').fetchall()
    label = MANIFEST.label[image_id]
    assert rows == [(image_id, "Ana Ruiz", "relabel", label, label.replace("cereb", "afi"))]

    app.kill()
    app.start()
    page = opened("decisions")
    expect(page.get_by_text("1 decisions by 1 person").or_(page.get_by_text("1 decision by 1 person"))).to_be_visible()
    page = opened(f"inspect?image={image_id}")
    expect(page.get_by_text(label.replace("cereb", "afi")).first).to_be_visible()
