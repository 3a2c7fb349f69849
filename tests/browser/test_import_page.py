"""The page Import, from an empty workspace to images on Data: what was uploaded, byte for byte, and nothing besides."""

import hashlib
import io
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import expect

from model_zoo.workspace.new_workspace import init
from tests.browser.serving import settle, taxoscope
from tests.foreign_images import picture

N = 30


@pytest.fixture
def birds(tmp_path):
    """A zip of images with a table whose columns have names of their own; two files are equal, one is damaged."""
    root = tmp_path / "birds"
    lines = ["where,species,person,fold"]
    for k in range(N):
        picture(root / "pics" / f"{k}.png", seed=k, side=48)
        lines.append(
            f"pics/{k}.png,{('hawk', 'owl', '<b>x</b>')[k % 3]},p{k // 2},{('train', 'val', 'test')[k // 2 % 3]}"
        )
    shutil.copy(root / "pics" / "0.png", root / "pics" / "4.png")
    (root / "pics" / "7.png").write_text("<html>not found</html>")
    (root / "list.csv").write_text("\n".join(lines) + "\n")
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for path in sorted(root.rglob("*")):
            if path.is_file():
                archive.write(path, f"birds/{path.relative_to(root)}")
    return root, out.getvalue()


@pytest.fixture
def served(tmp_path):
    workspace = init(tmp_path / "ws", "Birds")
    (tmp_path / "tmp").mkdir()
    running = taxoscope(tmp_path, "--workspace", str(workspace), TMPDIR=str(tmp_path / "tmp")).start()
    yield running
    running.stop()
    assert list((tmp_path / "tmp").glob("taxoscope-*")) == []


def choose(page, label, option):
    page.get_by_label(label, exact=True).first.click()
    page.get_by_role("option", name=option, exact=True).click()
    settle(page)


def test_a_zip_is_uploaded_mapped_tried_and_imported(tmp_path, birds, served, new_page):
    root, raw = birds
    workspace = tmp_path / "ws"
    before = {path.name: path.read_bytes() for path in workspace.iterdir() if path.suffix in (".toml", ".csv")}
    page = new_page(height=1600)
    page.goto(f"{served.url}/import")
    settle(page)
    main = page.get_by_test_id("stMain")
    upload = page.locator("input[type=file]")
    upload.set_input_files({"name": "birds.zip", "mimeType": "application/zip", "buffer": raw[:2000]})
    expect(main).to_contain_text("Archive 'birds.zip' is damaged or cut off")
    page.get_by_role("button", name="Remove birds.zip").click()
    upload.set_input_files({"name": "birds.zip", "mimeType": "application/zip", "buffer": raw})
    expect(main).to_contain_text("no column names the images among 'where', 'species', 'person', 'fold'")

    choose(page, "Column of the image files", "where")
    choose(page, "Columns of labels, the finest class first", "species")
    page.keyboard.press("Escape")
    choose(page, "Patient", "person")
    choose(page, "Split", "fold")
    expect(main).to_contain_text(f"{N} images listed: table 'list.csv'.")
    page.get_by_role("button", name="Dry run").click()
    expect(main).to_contain_text(f"images: {N - 1} of {N} listed; copied to images/birds")
    said = page.get_by_test_id("stCode").last.inner_text()
    assert {path.name: path.read_bytes() for path in workspace.iterdir() if path.name in before} == before
    command = [
        sys.executable,
        "-c",
        "from dashboard.cli.main import main; main()",
        "import-data",
        str(root / "list.csv"),
    ]
    named = ["--image", "where", "--label", "species", "--patient", "person", "--split", "fold", "--copy", "--dry-run"]
    typed = subprocess.run(
        [*command, *named, "--workspace", str(workspace)], capture_output=True, text=True, cwd=Path(__file__).parents[2]
    ).stdout

    def alike(text):
        kept = [line.strip() for line in text.splitlines() if line.strip() and "dry run" not in line]
        return [re.sub(r"images in \S+|is no file in \S+", "", line) for line in kept]

    assert alike(said) == alike(typed)

    page.get_by_role("button", name=f"Import {N - 1} images").click()
    expect(main).to_contain_text(f"{N - 1} images imported from birds.zip.")
    assert list((tmp_path / "tmp").glob("taxoscope-*")) == []
    manifest = pd.read_csv(workspace / "manifest.csv", dtype=str, keep_default_na=False)
    source = pd.read_csv(root / "list.csv").drop(index=7)
    assert manifest.label.str.strip('"').tolist() == source.species.tolist()
    assert manifest.patient_id.tolist() == source.person.tolist()
    assert manifest.split.tolist() == source.fold.replace({"val": "validation"}).tolist()
    for path, where in zip(manifest.path, source["where"], strict=True):
        digests = [hashlib.sha256(one.read_bytes()).digest() for one in (workspace / path, root / where)]
        assert digests[0] == digests[1]
    assert sum(path.is_file() for path in (workspace / "images").rglob("*")) == N - 1

    page.get_by_role("link", name="What is in the data set").click()
    settle(page)
    expect(main).to_contain_text(
        "All 3 labels have" if manifest.label.value_counts().nunique() == 1 else "Most images:"
    )
    page.get_by_role("button", name="Look at the files").click()
    expect(main).to_contain_text(f"{N - 1} of {N - 1} images were looked at.")
    page.get_by_text("equal across splits (2)", exact=True).click()
    expect(main).to_contain_text("2 images of 2 patients, all splits, in 1 group of equal files.")


def test_the_demo_explains_and_offers_the_command(opened):
    page = opened("import")
    expect(page.get_by_text("Make a workspace of your own, serve it, and import there:")).to_be_visible()
    expect(page.get_by_text("uv run taxoscope init mine")).to_be_visible()
    expect(page.locator("input[type=file]")).to_have_count(0)


def test_what_a_page_says_it_takes_arrives(tmp_path, served, new_page):
    """Streamlit's own limit is another than the widget's."""
    root = tmp_path / "disc"
    picture(root / "disc" / "0.png", seed=0, side=48)
    with zipfile.ZipFile(tmp_path / "large.zip", "w") as archive:
        archive.write(root / "disc" / "0.png", "disc/0.png")
        archive.writestr("disc/notes.bin", bytes(70 * 2**20))
    page = new_page()
    page.goto(f"{served.url}/import")
    settle(page)
    expect(page.get_by_test_id("stMain")).to_contain_text("At most 256 MB")
    page.locator("input[type=file]").set_input_files(tmp_path / "large.zip")
    expect(page.get_by_test_id("stMain")).to_contain_text("1 image listed", timeout=60_000)
