"""Uploaded images: what a model says and where it looked, kept in the workspace, and what is no image."""

import io
import re
import struct
import zlib
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.browser.recomputed import MANIFEST, PROJECT, SAMPLES
from tests.browser.serving import settle

IMAGE_ID = next(iter(MANIFEST[(MANIFEST.split == "test") & (MANIFEST.label == "fl.placed.present")].index))


def a_real_one() -> bytes:
    return (SAMPLES / MANIFEST.path[IMAGE_ID]).read_bytes()


def bomb(width: int, height: int) -> bytes:
    """A valid PNG of some kilobytes that decodes to width x height pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(1 + width)) for _ in range(height)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def upload(page, *files):
    page.get_by_text("Upload images").first.click()
    kinds = {".png": "image/png", ".jpg": "image/jpeg", ".webp": "image/webp"}
    page.locator("input[type=file]").set_input_files(
        [{"name": name, "mimeType": kinds[Path(name).suffix], "buffer": raw} for name, raw in files]
    )
    settle(page)


def test_an_upload_is_predicted_explained_kept_and_relabelled(app, opened):
    page = opened("inspect")
    fetched = []
    page.on("response", lambda answer: fetched.append(answer) if "/map/" in answer.url else None)
    upload(page, ("scan of today.jpg", a_real_one()))
    for run_id in ("fine-s0", "consolidated-s0"):
        frame = pd.read_parquet(PROJECT / "model_zoo" / "runs" / run_id / "predictions_test.parquet")
        p = frame.set_index("image_id").loc[IMAGE_ID].rename(lambda name: name.removeprefix("p:"))
        panel = page.locator("figure.panel", has_text=run_id)
        expect(panel).to_contain_text(p.idxmax())
        expect(panel).to_contain_text(">99 %" if p.max() > 0.99 else f"{100 * p.max():.0f} %")
    expect(page.locator("figure.panel")).to_have_count(2)
    expect(page.locator("figure.panel", has_text=re.compile(r"grad-cam of \w+ at .* cells"))).to_have_count(
        2, timeout=30_000
    )
    assert {answer.status for answer in fetched} == {200}
    assert {re.search("/map/([^/]+)/", answer.url)[1] for answer in fetched} == {"fine-s0", "consolidated-s0"}

    page.get_by_role("button", name="Keep this image in the workspace").click()
    page.wait_for_url(re.compile("image=kept-"))
    settle(page)
    expect(page.get_by_text("in no split · patient unknown · not labelled yet")).to_be_visible()
    expect(page.get_by_text("uploaded, not kept")).to_have_count(0)
    expect(page.get_by_label("Your name")).to_be_visible()
    folder = Path(app.environment["TAXOSCOPE_DEMO_FOLDER"])
    kept = pd.read_csv(folder / "kept.csv", keep_default_na=False)
    (row,) = kept.to_dict("records")
    assert (row["split"], row["label"], row["file"]) == ("none", "*", "scan of today.jpg")
    assert (folder / row["path"]).read_bytes() == a_real_one()
    page = opened("images?split=none")
    expect(page.get_by_text("1 image of 1 patient")).to_be_visible()
    expect(page.locator(f"a.tile[data-image='{row['image_id']}']")).to_be_visible()


@pytest.mark.parametrize(
    ("name", "raw", "sentence"),
    [
        ("notes.png", b"these are my notes, not an image\n" * 20, "notes.png is not an image of a kind known here"),
        ("cut.jpg", None, "cut.jpg is damaged or cut off"),
        ("huge.png", bomb(30_000, 30_000), "huge.png unpacks to 900 million pixels; at most 50 million"),
    ],
    ids=["text", "truncated", "bomb"],
)
def test_what_is_no_image_is_one_sentence_and_the_app_goes_on(opened, name, raw, sentence):
    page = opened("inspect")
    good = io.BytesIO()
    Image.new("L", (60, 40), 90).save(good, "PNG")
    upload(page, (name, raw or a_real_one()[:2000]), ("good.png", good.getvalue()))
    alerts = page.get_by_test_id("stAlert")
    expect(alerts).to_have_count(1)
    expect(alerts).to_contain_text(sentence)
    assert alerts.inner_text().count("\n") == 0
    expect(page.get_by_test_id("stException")).to_have_count(0)
    expect(page.get_by_text("good.png · uploaded, not kept")).to_be_visible()
    expect(page.locator("figure.panel", has_text="fine-s0")).to_contain_text("%")
