"""Points of a learning curve: trained on fewer images of one class, kept apart from the runs."""

from dataclasses import replace

import numpy as np
import pytest

from model_zoo.core.errors import RunError
from model_zoo.core.label_space.splits import Split
from model_zoo.training import train as loop
from model_zoo.training.train import read_pixels, train
from model_zoo.workspace.learning_curve import FOLDER, ReducedClass, full_key, points
from tests.drawn_workspace import TINY, make, shapes


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    made = make(tmp_path_factory.mktemp("curve") / "shapes")
    pixels = read_pixels(made, TINY.preprocessing, lambda done, total: None)
    train(made, shapes(made), TINY, 0, pixels, "shapes-s0")
    for n_images, seed in ((8, 0), (4, 0), (4, 1)):
        train(made, shapes(made), TINY, seed, pixels, f"bar-{n_images}-s{seed}", kept=ReducedClass("bar", n_images))
    return made


def test_they_are_no_runs_of_the_workspace(workspace):
    assert [run.run_id for run in workspace.runs()] == ["shapes-s0"]
    assert sorted(path.name for path in (workspace.writable / FOLDER).iterdir()) == ["bar-4-s0", "bar-4-s1", "bar-8-s0"]


def test_a_point_is_the_series_with_less_of_one_class(workspace):
    (full,) = workspace.runs()
    found = points(full.card, workspace.learning_curves())
    assert list(found) == ["bar"]
    assert [(ReducedClass.of(one.card).n_images, one.seeds) for one in found["bar"]] == [(4, (0, 1)), (8, (0,))]
    point = found["bar"][0].runs[0]
    assert full_key(point.card) == full.card.series_key == full_key(full.card)
    assert point.card.series_key != full.card.series_key
    assert point.weights_path is None
    # bar.bright and bar.dim are a fifth each of the 41 training images, two of which say nothing
    n_bars = sum(label <= shapes(workspace).classes["bar"] for label in train_labels(workspace))
    assert point.card.n_train_images == full.card.n_train_images - n_bars + 4


def train_labels(workspace):
    return [image.label for image in workspace.dataset().split(Split.TRAIN)]


def test_only_images_of_that_class_are_left_out(workspace, monkeypatch):
    seen = []

    def watched(taxonomy, training, seed, examples, *rest):
        seen.append(examples)
        return fitted(taxonomy, training, seed, examples, *rest)

    fitted = loop.fit
    monkeypatch.setattr(loop, "fit", watched)
    pixels = read_pixels(workspace, TINY.preprocessing, lambda done, total: None)
    for n_images in (3, 6):
        train(workspace, shapes(workspace), TINY, 5, pixels, f"bar-{n_images}-s5", kept=ReducedClass("bar", n_images))
    few, more = seen
    bar = shapes(workspace).names.index("bar")
    assert [(one.targets == bar).sum() for one in seen] == [3, 6]
    assert set(few.image_ids) < set(more.image_ids)
    missing = set(pixels[Split.TRAIN][0]) - set(more.image_ids)
    labels = workspace.dataset().labels
    assert all(labels[one] <= shapes(workspace).classes["bar"] or len(labels[one]) > 2 for one in missing)
    assert np.array_equal(few.pixels, more.pixels[np.isin(more.image_ids, few.image_ids)])


@pytest.mark.parametrize("recipe", [{}, {"kept": 3}, {"kept": {"class_name": "star", "n_images": 3}}])
def test_a_card_that_names_no_class_of_its_own_is_refused(workspace, recipe):
    (full,) = workspace.runs()
    with pytest.raises(RunError, match="is no point of a learning curve"):
        ReducedClass.of(replace(full.card, recipe=recipe))
