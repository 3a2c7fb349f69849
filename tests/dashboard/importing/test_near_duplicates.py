"""Images that look alike and are apart: said while importing, and of a whole workspace."""

from io import BytesIO

import numpy as np
from PIL import Image

from dashboard.importing.near_duplicates import near_duplicates_of_workspace
from dashboard.importing.plan import ImportOptions, plan_import
from dashboard.importing.write import write_import
from model_zoo.importing.near_duplicates import HASHES
from model_zoo.importing.reading import read_source
from model_zoo.workspace.new_workspace import init
from model_zoo.workspace.workspace import Workspace


def photo(seed, quality):
    small = Image.fromarray(np.random.default_rng(seed).integers(0, 255, (8, 8, 3), dtype=np.uint8))
    out = BytesIO()
    small.resize((64, 64), Image.Resampling.BICUBIC).save(out, "JPEG", quality=quality)
    return out.getvalue()


def folder(root, rows):
    """``rows``: name, seed, quality, class, split."""
    root.mkdir()
    for name, seed, quality, *_ in rows:
        (root / name).write_bytes(photo(seed, quality))
    lines = [f"{name},{label},{split}" for name, _, _, label, split in rows]
    (root / "t.csv").write_text("\n".join(["image,label,split", *lines]) + "\n")
    return root / "t.csv"


ROWS = [
    ("a.jpg", 1, 95, "cat", "train"),
    ("a2.jpg", 1, 60, "cat", "test"),  # the same picture, saved again: a leak
    ("b.jpg", 2, 95, "cat", "train"),
    ("b2.jpg", 2, 60, "dog", "train"),  # of another class
    ("c.jpg", 3, 95, "dog", "test"),
    ("c2.jpg", 3, 60, "dog", "test"),  # neither
    ("d.jpg", 4, 95, "dog", "test"),
]


def test_pairs_apart_are_said_before_anything_is_written(tmp_path):
    workspace = Workspace.open(init(tmp_path / "ws"))
    plan = plan_import(workspace, read_source(folder(tmp_path / "pets", ROWS)), ImportOptions(copy=True))
    pairs = plan.near_duplicates.pairs
    assert [(p.first.image_id, p.second.image_id, p.across_splits, p.across_classes) for p in pairs] == [
        ("a.jpg", "a2.jpg", True, False), ("b.jpg", "b2.jpg", False, True)
    ]  # fmt: skip
    assert (plan.near_duplicates.n_pairs, plan.near_duplicates.n_hashed, plan.near_duplicates.is_all) == (3, 7, True)
    told = [sentence for sentence in plan.warnings if "look alike" in sentence]
    assert len(told) == 2
    assert told[0].startswith(
        "1 pair of images that look alike (at most 4 of 64 bits of a perceptual hash differ) is in"
    )
    assert "'a.jpg' (train) and 'a2.jpg' (test)" in told[0]
    assert not (workspace.writable / HASHES).exists()


def test_what_comes_later_is_compared_with_what_is_there(tmp_path):
    workspace = Workspace.open(init(tmp_path / "ws"))
    write_import(plan_import(workspace, read_source(folder(tmp_path / "pets", ROWS)), ImportOptions(copy=True)))
    more = folder(tmp_path / "more", [("z.jpg", 4, 50, "dog", "train"), ("y.jpg", 9, 90, "dog", "train")])
    plan = plan_import(Workspace.open(workspace.writable), read_source(more), ImportOptions(copy=True))
    assert {(p.first.image_id, p.second.image_id) for p in plan.near_duplicates.pairs if p.across_splits} == {
        ("a.jpg", "a2.jpg"), ("z.jpg", "d.jpg")
    }  # fmt: skip
    write_import(plan)
    read = Workspace.open(workspace.writable)
    size = (workspace.writable / HASHES).stat().st_size
    found, told = near_duplicates_of_workspace(read)
    assert (found.n_hashed, told) == (9, [])
    assert (workspace.writable / HASHES).stat().st_size == size  # all of them were kept by the imports
    (workspace.writable / HASHES).unlink()
    assert near_duplicates_of_workspace(read)[0] == found


def test_images_that_were_not_opened_are_hashed_later(tmp_path):
    workspace = Workspace.open(init(tmp_path / "ws"))
    plan = plan_import(workspace, read_source(folder(tmp_path / "pets", ROWS)), ImportOptions(check=False))
    assert (plan.near_duplicates.n_hashed, plan.near_duplicates.pairs) == (0, ())
    found, _ = near_duplicates_of_workspace(write_import(plan))
    assert (found.n_hashed, found.n_across_splits, found.n_across_classes) == (7, 1, 1)
