"""A region is chosen, boxes are drawn with the mouse and by numbers; the answers are those of the weights."""

import io
import re
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pandas as pd
import timm
import torch
from PIL import Image
from playwright.sync_api import expect
from safetensors.torch import load_file

from tests.browser.recomputed import MANIFEST, PROJECT, SAMPLES, class_names, class_of
from tests.browser.serving import settle

IMAGE = "te-0088"
RUNS = ("fine-s0", "consolidated-s0")


def said(run_id, raw):
    """Class -> probability, with nothing of the project but its files."""
    folder = PROJECT / "model_zoo" / "runs" / run_id
    names = [name.removeprefix("p:") for name in pd.read_parquet(folder / "predictions_test.parquet").columns[1:]]
    model = timm.create_model("test_resnet", num_classes=len(names), in_chans=1).eval()
    model.load_state_dict(load_file(folder / "model.safetensors"))
    pixels = np.asarray(Image.open(io.BytesIO(raw)).convert("L"), np.float32) / 255
    pooled = torch.nn.functional.max_pool2d(torch.from_numpy(pixels)[None, None], 2)
    with torch.inference_mode():
        return dict(zip(names, torch.softmax(model((pooled - 0.2) / 0.2), dim=1)[0].tolist(), strict=True))


def tables(page):
    """Each table as rows of cells, heading first."""
    return [
        [row.locator("th, td").all_inner_texts() for row in table.locator("tr").all()]
        for table in page.get_by_test_id("stTable").all()
    ]


def painted(page, app):
    """What the browser shows as painted out."""
    shown = page.locator(".sketch .half").nth(1).locator("img")
    expect(shown).to_be_visible()
    return page.request.get(f"{app.url}{shown.get_attribute('src')}").body()


def close(text, share):
    """Whether a share is what the text says, give or take a tenth of a point of rounding."""
    return abs(float(text.removesuffix(" %")) - 100 * share) <= 0.1 + 1e-6


def test_the_answers_with_a_region_painted_out_are_those_of_the_weights(app, opened):
    page = opened(f"inspect?image={IMAGE}&of={RUNS[0]}&of={RUNS[1]}", height=2600)
    assert not tables(page)  # nothing is asked before something is chosen
    page.get_by_text("Take it away").click()
    page.get_by_role("button", name="markers", exact=True).click()
    page.wait_for_url(re.compile("region=markers"))
    expect(page.get_by_test_id("stTable")).to_have_count(4, timeout=60_000)  # loads torch
    settle(page)
    before = (SAMPLES / MANIFEST.path[IMAGE]).read_bytes()
    after = painted(page, app)
    first, second, told, energies = tables(page)
    for run_id, rows in zip(RUNS, (first, second), strict=True):
        one, other = said(run_id, before), said(run_id, after)
        assert rows[0] == ["class", "as it is", "painted out", "change"]
        likely = sorted(one, key=lambda name: -max(one[name], other[name]))[:4]
        assert {row[0] for row in rows[1:]} <= set(one)
        assert rows[1][0] == likely[0]
        for name, with_it, without, _ in rows[1:]:
            assert close(with_it, one[name])
            assert close(without, other[name])
    own = class_of(RUNS[0].partition("-")[0])
    answers = [max(said(RUNS[0], raw).items(), key=lambda item: item[1])[0] for raw in (before, after)]
    leaves = [next(leaf for leaf, name in own.items() if name == answer) for answer in answers]
    for taxonomy in ("fine", "consolidated", "anatomy"):
        mapped = [class_of(taxonomy)[leaf] for leaf in leaves]
        (row,) = [row for row in told if row[0] == f"{taxonomy} ({len(class_names(taxonomy))})"]
        moved = mapped[0] != mapped[1]
        assert row[1].startswith(f"{mapped[0]} → {mapped[1]} · " if moved else f"{mapped[0]} · ")
    assert [row[:2] for row in energies[1:]] == [[run_id, "markers"] for run_id in RUNS]


def test_boxes_are_drawn_with_the_mouse_and_by_numbers_and_stand_in_the_address(app, opened):
    page = opened(f"inspect?image={IMAGE}&of={RUNS[1]}", height=2600)
    page.get_by_text("Take it away").click()
    over = page.locator(".sketch svg.over")
    expect(over).to_have_attribute("viewBox", "0 0 224 224")  # the image is there
    expect(page.locator(".viewer .map")).to_be_visible(timeout=60_000)  # nothing above moves any more
    settle(page)
    place = over.bounding_box()
    scale = min(place["width"], place["height"]) / 224

    def at(x, y):
        left = place["x"] + (place["width"] - 224 * scale) / 2
        return left + x * scale, place["y"] + (place["height"] - 224 * scale) / 2 + y * scale

    page.mouse.move(*at(10, 180))
    page.mouse.down()
    page.mouse.move(*at(60, 200), steps=4)
    page.mouse.move(*at(80, 222), steps=4)
    page.mouse.up()
    page.wait_for_url(re.compile("box="))
    settle(page)
    (drawn,) = parse_qs(urlsplit(page.url).query)["box"]
    assert np.abs(np.array([int(edge) for edge in drawn.split(",")]) - [10, 180, 80, 222]).max() <= 2
    image = np.asarray(Image.open(io.BytesIO(painted(page, app))).convert("L")).astype(int)
    plain = np.asarray(Image.open(SAMPLES / MANIFEST.path[IMAGE]).convert("L")).astype(int)
    x0, y0, x1, y1 = (int(edge) for edge in drawn.split(","))
    changed = image != plain
    assert changed[y0:y1, x0:x1].any()
    changed[y0:y1, x0:x1] = False
    assert not changed.any()

    for name, number in (("Left", "100"), ("Top", "50"), ("Width", "30"), ("Height", "20")):
        page.get_by_label(f"{name} in pixels").fill(number)
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"box=.*box=100%2C50%2C130%2C70"))
    settle(page)
    expect(page.locator(".sketch .boxes .chip")).to_have_count(2)
    page.locator(".sketch").get_by_role("button", name="Remove the box").first.click()
    page.wait_for_url(re.compile(r"[?&]box=100%2C50%2C130%2C70$"))
    settle(page)
    first = tables(page)[0]
    one = said(RUNS[1], painted(page, app))
    assert all(close(row[2], one[row[0]]) for row in first[1:])
    page.reload()
    settle(page)
    assert tables(page)[0] == first
    page.go_back()
    settle(page)
    expect(page.locator(".sketch .boxes .chip")).to_have_count(2)


def test_the_run_page_names_the_command_until_somebody_has_looked(opened):
    page = opened("run?run=fine-s0")
    expect(page.get_by_text("taxoscope look fine-s0")).to_be_visible()


def test_a_link_to_what_is_not_there_is_one_sentence(opened):
    page = opened(f"inspect?image={IMAGE}&of={RUNS[0]}&box=900,900,950,950")
    expect(page.get_by_text("Nothing of the image lies there; it has 224 x 224 pixels.")).to_be_visible()
    assert not tables(page)
