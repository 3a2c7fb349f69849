"""Data as other people have it, by command to a workspace whose pages open."""

import os
import unicodedata
import zipfile

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from dashboard.server_state.open_workspace import desk
from model_zoo.core.errors import ImageError
from model_zoo.workspace.workspace import PROJECT, Workspace
from tests.command import run_here
from tests.foreign_images import picture

PAGES = ("overview", "compare", "diagnose", "taxonomies", "images", "inspect", "review", "decisions", "labels", "data")


@pytest.fixture
def said(monkeypatch):
    """Opens one page of a workspace; all that it says as text."""

    def opened(folder, page, **query):
        monkeypatch.setenv("TAXOSCOPE_WORKSPACE", os.fspath(folder))
        desk.cache_clear()
        at = AppTest.from_file(os.fspath(PROJECT / "dashboard" / "pages" / "app.py"), default_timeout=60)
        for name, value in query.items():
            at.query_params[name] = value
        at.switch_page(f"{page}.py").run()
        assert not at.exception, page
        return "\n".join(str(one.value) for one in [*at.markdown, *at.caption, *at.info, *at.warning, *at.error])

    yield opened
    desk.cache_clear()


def test_labels_without_image_files_are_a_workspace_that_says_what_it_cannot_show(tmp_path, said):
    rows = [(f"{k}.png", ("cat", "dog")[k % 2], f"p{k // 4}", ("train", "test")[k // 20]) for k in range(40)]
    pd.DataFrame(rows, columns=["image", "label", "patient", "split"]).to_csv(tmp_path / "t.csv", index=False)
    run_here("init", "ws", cwd=tmp_path)
    typed = ("import-data", "t.csv", "--workspace", "ws")
    refused = run_here(*typed, cwd=tmp_path)
    assert refused.returncode == 1
    assert "--labels-only" in " ".join(refused.stdout.split())
    done = run_here(*typed, "--labels-only", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    images = Workspace.open(tmp_path / "ws").dataset().images
    assert len(images) == 40
    answers = pd.DataFrame({"image_id": [one.image_id for one in images], "prediction": [row[1] for row in rows]})
    answers.to_csv(tmp_path / "p.csv", index=False)
    taken = run_here(
        "import-predictions", "p.csv", "--name", "m", "--workspace", "ws", "--taxonomy", "label", cwd=tmp_path
    )
    assert taken.returncode == 0, taken.stdout
    for page in PAGES:
        said(tmp_path / "ws", page)
    said(tmp_path / "ws", "inspect", image=images[0].image_id)
    with pytest.raises(ImageError, match="is no file at"):
        Workspace.open(tmp_path / "ws").decoded(images[0])


def test_a_korean_folder_zipped_on_a_mac_is_imported(tmp_path, said):
    raw = {k: picture(tmp_path / f"{k}.png", seed=k).read_bytes() for k in range(4)}
    with zipfile.ZipFile(tmp_path / "초음파.zip", "w") as packed:
        for k, kind in enumerate(("정상", "정상", "비정상", "비정상")):
            packed.writestr(unicodedata.normalize("NFD", f"초음파/{kind}/사진{k}.png"), raw[k])
            packed.writestr(unicodedata.normalize("NFD", f"__MACOSX/초음파/{kind}/._사진{k}.png"), b"Mac OS X")
        packed.writestr("__MACOSX/._초음파", b"Mac OS X")
    run_here("init", "ws", cwd=tmp_path)
    done = run_here("import-data", "초음파.zip", "--workspace", "ws", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert "5 resource files of macOS" in " ".join(done.stdout.split())
    workspace = Workspace.open(tmp_path / "ws")
    assert set(workspace.taxonomy("classes").names) == {"정상", "비정상"}
    for image in workspace.dataset().images:
        assert workspace.decoded(image).size
    for page in PAGES:
        said(tmp_path / "ws", page)


def test_images_listed_twice_are_opinions_when_that_is_said(tmp_path):
    for name in "ab":
        picture(tmp_path / f"{name}.png", seed=ord(name))
    lines = "image,label,annotator\na.png,cat,Ann\na.png,dog,Bo\nb.png,dog,Ann\nb.png,dog,Bo\n"
    (tmp_path / "t.csv").write_text(lines)
    run_here("init", "ws", cwd=tmp_path)
    typed = ("import-data", "t.csv", "--workspace", "ws")
    refused = run_here(*typed, cwd=tmp_path)
    assert refused.returncode == 1
    assert "--opinions" in refused.stdout
    done = run_here(*typed, "--opinions", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    stored = run_here("labels", "import", "t.csv", "--workspace", "ws", cwd=tmp_path)
    assert stored.returncode == 0, stored.stdout
    assert "Stored: 4 labels" in " ".join(stored.stdout.split()), stored.stdout
