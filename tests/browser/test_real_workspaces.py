"""Real images that nobody here made, brought in by command, asked about, and looked at in a browser."""

import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser.recomputed import percent
from tests.browser.serving import Served, settle, taxoscope
from tests.command import run_here
from tests.real_data import real


def done(*asked: str, cwd: Path) -> str:
    ended = run_here(*asked, cwd=cwd)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.fixture
def served(tmp_path: Path):
    started: list[Served] = []

    def serve(workspace: Path) -> Served:
        started.append(taxoscope(tmp_path, "--workspace", str(workspace)).start())
        return started[-1]

    yield serve
    for one in started:
        one.stop()


def opened(page: Page, server: Served, address: str) -> Page:
    page.goto(f"{server.url}/{address}")
    settle(page)
    expect(page.get_by_test_id("stException")).to_have_count(0)
    return page


@pytest.mark.parametrize(("name", "label"), [("hc18_200", "fine"), ("fetal_head_masks57", "coarse")])
def test_fetal_scans_are_imported_browsed_and_predicted(name: str, label: str, tmp_path: Path, new_page, served):
    source = real(name)
    listed = pd.read_csv(source / "labels.csv")
    done("init", "w", cwd=tmp_path)
    columns = ("--image", "image", "--label", label, "--divide", "0/0/100")
    done("import-data", str(source / "labels.csv"), "--workspace", "w", *columns, cwd=tmp_path)

    done("predict", "fine-s0", "w", "--out", "said.csv", cwd=tmp_path)
    said = pd.read_csv(tmp_path / "said.csv")
    shares = said.filter(like="p:").to_numpy()
    assert len(said) == len(listed) == said.image_id.nunique()
    assert said.problem.isna().all()
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-5)
    names = [one.removeprefix("p:") for one in said.columns if one.startswith("p:")]
    assert said.predicted.tolist() == [names[k] for k in shares.argmax(axis=1)]

    server = served(tmp_path / "w")
    page = opened(new_page(), server, "images?split=test")
    expect(page.get_by_test_id("stMain")).to_contain_text(f"{len(listed)} images")
    tile = page.locator("a.tile").first
    expect(tile).to_be_visible()
    image_id = str(tile.get_attribute("data-image"))
    path = next(one for one in listed.image if one.endswith(Path(image_id).name) or Path(one).stem == image_id)
    drawn = tile.locator("img")
    page.wait_for_function("(one) => one.complete && one.naturalWidth", arg=drawn.element_handle())
    assert drawn.evaluate("(one) => [one.naturalWidth, one.naturalHeight]") == list(Image.open(source / path).size)

    page = opened(page, server, "data")
    expect(page.get_by_test_id("stMain")).to_contain_text(f"{len(listed)} images without a patient's name")


def test_two_hundred_and_ninety_two_characters_stay_readable(tmp_path: Path, new_page, served):
    rows = []
    for archive in ("small1", "small2"):  # Greek and Latin are in both
        with zipfile.ZipFile(real("omniglot_small") / f"images_background_{archive}.zip") as opened_archive:
            for one in opened_archive.namelist():
                if one.endswith(".png"):
                    _, alphabet, character, _ = one.split("/")
                    rows.append((one, f"{archive} {alphabet} {character}", alphabet))
                    opened_archive.extract(one, tmp_path / "drawn")
    listed = pd.DataFrame(rows, columns=["image", "character", "alphabet"])
    listed.to_csv(tmp_path / "drawn" / "drawn.csv", index=False)
    done("init", "w", cwd=tmp_path)
    columns = ("--image", "image", "--label", "character", "--label", "alphabet", "--divide", "0/0/100", "--no-check")
    told = done("import-data", "drawn/drawn.csv", "--workspace", "w", *columns, cwd=tmp_path)
    assert "taxonomies/character.toml: 292 classes" in told
    assert "taxonomies/alphabet.toml: 8 classes" in told

    rng = np.random.default_rng(0)
    manifest = pd.read_csv(tmp_path / "w" / "manifest.csv", dtype=str)
    truth = manifest.image_id.map(dict(zip(listed.image, listed.character, strict=True)))
    assert truth.notna().all()
    wrong = rng.random(len(truth)) < 0.3
    answers = np.where(wrong, rng.permutation(truth), truth)
    pd.DataFrame({"image_id": manifest.image_id, "predicted": answers}).to_csv(tmp_path / "said.csv", index=False)
    done("import-predictions", "said.csv", "--workspace", "w", "--name", "one", "--taxonomy", "character", cwd=tmp_path)

    server = served(tmp_path / "w")
    page = opened(new_page(), server, "compare?of=one&split=test&space=native")
    main = page.get_by_test_id("stMain")
    expect(main).to_contain_text(percent((answers == truth).mean()))
    expect(main).to_contain_text("292 classes in 8 lines")
    alphabet = dict(zip(listed.character, listed.alphabet, strict=True))
    counts = pd.crosstab(truth.map(alphabet), pd.Series(answers).map(alphabet))
    matrix = page.locator(".js-plotly-plot:has(.hm)")
    axis = matrix.locator(".ytick text").all_text_contents()
    order = list(dict.fromkeys(listed.alphabet))
    assert all(written.startswith(one[:12]) for written, one in zip(axis, order, strict=True))
    shares = (100 * counts / counts.sum(axis=1).to_numpy()[:, None]).loc[order, order].to_numpy()
    wanted = ["<1" if share < 0.5 else f"{share:.0f}" for share in shares.ravel() if share > 0]
    assert matrix.locator(".annotation-text").all_text_contents() == wanted
    for address in ("diagnose?of=one", "data", "taxonomies?taxonomy=character", "review?split=test&queue=listed"):
        opened(page, server, address)
