"""The phantom: what the recipe promises about plan, noise and pixels."""

from collections import Counter, defaultdict
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from model_zoo.phantom.generate import Recipe, encode, manifest, plan, render, write_dataset
from model_zoo.workspace.workspace import PROJECT

PATH = PROJECT / "model_zoo" / "sample_images" / "recipe.toml"


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return Recipe.read(PATH)


@pytest.fixture(scope="module")
def planned(recipe):
    return plan(recipe)


def some_of_each_leaf(planned, n):
    groups = defaultdict(list)
    for image in planned:
        groups[image.true_leaf].append(image)
    return [image for group in groups.values() for image in group[:n]]


def test_the_same_recipe_plans_the_same_manifest(recipe, planned):
    again = manifest(plan(recipe))
    assert sha256(again.encode()).digest() == sha256(manifest(planned).encode()).digest()


def test_no_patient_is_in_two_splits(planned):
    splits = defaultdict(set)
    for image in planned:
        splits[image.patient_id].add(image.split)
    assert max(map(len, splits.values())) == 1


def test_sizes(recipe, planned):
    patients = {split: len({i.patient_id for i in planned if i.split == split}) for split in recipe.patients}
    assert patients == dict(recipe.patients)
    assert patients["test"] >= 300
    assert patients["validation"] >= 150
    per_leaf = Counter((image.split, image.true_leaf) for image in planned)
    assert all(per_leaf[split, leaf] == n for split, leaves in recipe.images.items() for leaf, n in leaves.items())
    labelled = Counter(image.label for image in planned if image.split == "test")
    assert len(labelled) == 19
    assert min(labelled.values()) >= 15
    scarce = [n for leaf, n in recipe.images["train"].items() if leaf.endswith("none.present") or "none.none" in leaf]
    assert sum(n <= 30 for n in scarce) >= 5


def test_only_opinions_are_noisy_and_in_every_split(planned):
    for split in ("train", "validation", "test"):
        wrong = [image for image in planned if image.split == split and image.label != image.true_leaf]
        assert wrong
        for image in wrong:
            assert image.label.partition(".")[2] == image.true_leaf.partition(".")[2]
            if image.true_leaf.endswith("placed.present"):
                assert {image.label.split(".")[0], image.true_structure} == {"bpd", "cereb"}


def test_drawing_is_deterministic_and_regions_lie_where_they_should(recipe, planned):
    for image in some_of_each_leaf(planned, 2):
        screen = render(image, recipe)
        assert (screen.pixels == render(image, recipe).pixels).all()
        assert screen.pixels.shape[:2] == (224, 224)
        assert bool(screen.markers) == (".placed." in image.true_leaf)
        assert bool(screen.texts) == image.true_leaf.endswith("present")
        for x0, y0, x1, y1 in (*screen.markers, *screen.texts):
            assert 0 <= x0 < x1 <= 224
            assert 0 <= y0 < y1 <= 224
        assert all(0 <= c < 224 for point in screen.structure for c in point)


def test_a_marker_is_brighter_than_what_lies_beside_it(recipe, planned):
    for image in [one for one in planned if ".placed." in one.true_leaf][:20]:
        screen = render(image, recipe)
        for x0, y0, x1, y1 in screen.markers:
            cross = (x1 - x0, y1 - y0) != (1, 1)
            assert screen.pixels[y0:y1, x0:x1].max() >= (240 if cross else 215)


def test_the_markers_cover_all_that_placing_them_draws(recipe, planned, monkeypatch):
    screens = [(image, render(image, recipe)) for image in planned if ".placed." in image.true_leaf][:20]
    monkeypatch.setattr("model_zoo.phantom.overlay.calipers", lambda pen, ends, ellipse: None)
    for image, screen in screens:
        drawn = screen.pixels != render(image, recipe).pixels
        covered = np.zeros_like(drawn)
        for x0, y0, x1, y1 in screen.markers:
            covered[y0:y1, x0:x1] = True
        assert drawn.any()
        assert not (drawn & ~covered).any()


def test_writing_twice_changes_nothing(recipe, planned, tmp_path, monkeypatch):
    monkeypatch.setattr("model_zoo.phantom.generate.plan", lambda recipe: some_of_each_leaf(planned, 1))
    write_dataset(recipe, tmp_path, ["test"])
    first = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    stamp = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.jpg")}
    write_dataset(recipe, tmp_path, ["test"])
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == first
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.jpg")} == stamp


def test_a_screen_is_grey_and_a_render_is_not(recipe, planned):
    by_leaf = {image.true_leaf: image for image in planned}
    assert render(by_leaf["ac.placed.present"], recipe).pixels.ndim == 2
    volume = render(by_leaf["volume"], recipe).pixels
    assert np.ptp(volume.mean(axis=(0, 1))) > 5
    assert encode(volume, recipe).startswith(b"\xff\xd8")


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("jpeg_quality = 86", "jpg_quality = 86", "lacks 'jpeg_quality'|does not know 'jpg_quality'"),
        ('status = "', 'status = "almost ', "must be 'draft' or 'final'"),
    ],
)
def test_a_wrong_recipe_is_one_sentence(tmp_path: Path, old, new, sentence):
    path = tmp_path / "recipe.toml"
    path.write_text(PATH.read_text().replace(old, new))
    with pytest.raises(ValueError, match=sentence):
        Recipe.read(path)
