"""Files of a data set that cannot be read, are tiny, blank, missing or there twice."""

import os
import shutil

import pytest
from PIL import Image

from dashboard.address.data_view import Finding
from dashboard.evaluation.file_checks import check_files, checked_files, file_check_words
from dashboard.server_state.jobs import JobCancelledError
from model_zoo.core.label_space.splits import Split
from model_zoo.workspace.manifest import ImageRecord, write_manifest
from model_zoo.workspace.workspace import Workspace
from tests.foreign_images import picture


def quiet(done, of):
    """Nobody watches."""


@pytest.fixture
def messy(tmp_path):
    """Seven images: two good, one each blank, tiny, damaged, gone, and one that equals a good one of another split."""
    (tmp_path / "workspace.toml").write_text('lone = ["cat", "dog"]\n')
    workspace = Workspace.open(tmp_path)
    picture(tmp_path / "good.png", seed=1, side=64)
    picture(tmp_path / "other.png", seed=2, side=64)
    shutil.copy(tmp_path / "good.png", tmp_path / "again.png")
    Image.new("RGB", (64, 64), (9, 9, 9)).save(tmp_path / "blank.png")
    picture(tmp_path / "tiny.png", seed=3, side=8)
    (tmp_path / "damaged.png").write_bytes((tmp_path / "other.png").read_bytes()[:300])
    cat, dog = (frozenset({one}) for one in ("cat", "dog"))
    names = ("good", "other", "blank", "tiny", "damaged", "gone")
    images = [ImageRecord(name, f"{name}.png", Split.TRAIN, "", cat) for name in names]
    write_manifest(
        tmp_path / "manifest.csv", [*images, ImageRecord("again", "again.png", Split.TEST, "", dog)], workspace.space
    )
    return workspace


def found(workspace):
    dataset = workspace.dataset()
    looked = checked_files(workspace, dataset, dataset.labels)
    return looked, {finding: [one.image.image_id for one in listed] for finding, listed in looked.found.items()}


def test_each_finding_names_its_images(messy):
    looked, by_finding = found(messy)
    assert (looked.n_looked, looked.n_waiting, by_finding) == (0, 6, {Finding.MISSING: ["gone"]})
    assert check_files(messy, messy.dataset().images, quiet) == 6
    looked, by_finding = found(messy)
    assert (looked.n_looked, looked.n_waiting) == (6, 0)
    assert by_finding == {
        Finding.MISSING: ["gone"],
        Finding.UNREADABLE: ["damaged"],
        Finding.ACROSS_SPLITS: ["good", "again"],
        Finding.ACROSS_LABELS: ["good", "again"],
        Finding.BLANK: ["blank"],
        Finding.TINY: ["tiny"],
    }
    assert file_check_words(looked, 7) == "6 of 7 images were looked at."
    assert [one.told for one in looked.found[Finding.ACROSS_SPLITS]] == ["train · cat", "test · dog"]


def test_what_is_known_is_not_read_again_until_the_file_changes(messy):
    check_files(messy, messy.dataset().images, quiet)
    assert check_files(messy, messy.dataset().images, quiet) == 0
    picture(messy.writable / "blank.png", seed=9, side=64)
    os.utime(messy.writable / "blank.png", ns=(1, 1))
    looked, by_finding = found(messy)
    assert (looked.n_waiting, Finding.BLANK in by_finding) == (1, False)  # what was true of the old file is not told
    assert check_files(messy, messy.dataset().images, quiet) == 1
    assert Finding.BLANK not in found(messy)[1]


def test_cancelled_it_keeps_what_it_has_and_goes_on_from_there(messy):
    def tell(done, of):
        if done == 3:
            raise JobCancelledError("Cancelled.")

    with pytest.raises(JobCancelledError):
        check_files(messy, messy.dataset().images, tell)
    assert found(messy)[0].n_looked == 3
    assert check_files(messy, messy.dataset().images, quiet) == 3
    assert found(messy)[0].n_looked == 6


def test_images_that_the_recipe_makes_are_neither_made_nor_missed(tmp_path):
    demo = Workspace.demo(tmp_path)
    train = demo.dataset().split(Split.TRAIN)[:5]
    assert check_files(demo, train, quiet) == 0
    looked = checked_files(demo, demo.dataset(), demo.dataset().labels)
    assert (looked.n_later, Finding.MISSING in looked.found) == (len(demo.dataset().split(Split.TRAIN)), False)
    assert not (tmp_path / "images").exists()
