"""A tiny run end to end: drawn images, two epochs, a run folder that explains itself."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load, save
from sklearn.utils.class_weight import compute_class_weight

from model_zoo.checkpoints.load import build, load_model, restore
from model_zoo.core.errors import CheckpointError, ImageError, RunError, TaxoScopeError, WorkspaceError
from model_zoo.core.label_space.splits import Split
from model_zoo.core.label_space.taxonomy import Taxonomy
from model_zoo.images.decoding import decode
from model_zoo.inference.predict import fitted_pixels, predict_images, probabilities
from model_zoo.training.train import Training, class_weights, read_pixels, train
from model_zoo.workspace.run import group_into_series, read_run
from tests.drawn_workspace import TINY, make, shapes


def run_of(workspace, seed=0, run_id=None, training=TINY, report=lambda progress: None, taxonomy=None):
    pixels = read_pixels(workspace, training.preprocessing, lambda done, total: None)
    taxonomy = taxonomy or shapes(workspace)
    return train(workspace, taxonomy, training, seed, pixels, run_id or f"shapes-s{seed}", report)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    return make(tmp_path_factory.mktemp("training") / "shapes")


@pytest.fixture(scope="module")
def told():
    return []


@pytest.fixture(scope="module")
def run(workspace, told):
    return run_of(workspace, report=told.append)


def test_the_card_says_what_was_done(workspace, run):
    card = read_run(run.folder).card
    assert (card.architecture, card.seed, card.epochs_chosen) == ("test_resnet", 0, "fixed in the recipe")
    assert card.classes == ("disc", "bar", "blank")
    assert card.n_train_images == 41 - 2  # two labels say nothing: they take no part
    weights = load(run.weights_path.read_bytes())
    assert card.n_parameters == sum(w.size for name, w in weights.items() if not name.endswith(BUFFERS))
    dataset = workspace.dataset()
    assert card.data_hash == {str(split): dataset.hash(split, 1) for split in list(Split)[:3]}
    assert card.recipe == {
        k: getattr(TINY, k) for k in ("epochs", "batch_size", "learning_rate", "weight_decay", "pad_px", "version")
    }
    assert set(card.versions) == {"taxoscope", "torch", "timm", "numpy", "pillow"}
    assert card.preprocessing == TINY.preprocessing
    assert workspace.unreadable_runs() == ()
    assert run.run_id in [one.run_id for one in workspace.runs()]


BUFFERS = ("running_mean", "running_var", "num_batches_tracked")


def test_progress_and_history_are_told(run, told):
    # 39 images in batches of 8: 8 + 8 + 8 + 8 + 7 = 5 steps; two epochs, and a line at the end of each
    assert [(p.epoch, p.step, p.steps) for p in told] == [(e, min(s, 5), 5) for e in (1, 2) for s in range(1, 7)]
    assert told[-1].seconds_left == 0
    assert all(p.seconds_left >= 0 and np.isfinite(p.loss) for p in told)
    history = run.history()
    assert [one.epoch for one in history] == [1, 2]
    assert told[-1].validation_accuracy == history[-1].validation_accuracy
    validation = run.predictions(Split.VALIDATION)  # the last line of the history, counted again
    truth = [validation.classes.index({"d": "disc", "ba": "bar", "bl": "blank"}[key(i)]) for i in validation.image_ids]
    assert history[-1].validation_accuracy == pytest.approx(np.mean(validation.predicted == truth))
    likelihood = validation.probabilities[np.arange(12), truth]
    assert history[-1].validation_loss == pytest.approx(-np.log(likelihood).mean(), abs=1e-5)


def key(image_id):
    leaf = ("disc.bright", "disc.dim", "bar.bright", "bar.dim", "blank")[int(image_id.split("-")[1]) % 5]
    return leaf[:1] if leaf[0] == "d" else leaf[:2]


@pytest.mark.parametrize("split", [Split.VALIDATION, Split.TEST])
def test_stored_predictions_are_those_of_the_weights(workspace, run, split):
    model, stored = load_model(read_run(run.folder)), run.predictions(split)
    assert not model.training
    image_ids, pixels = fitted_pixels(workspace, split, run.card.preprocessing)
    assert image_ids == stored.image_ids
    again = probabilities(model, pixels, run.card.preprocessing)
    assert np.abs(again - stored.probabilities).max() <= 1e-4
    images = [decode(workspace.image_path(workspace.dataset().by_id[i])) for i in stored.image_ids[:3]]
    alone = np.concatenate([predict_images(model, run.card.preprocessing, [image]) for image in images])
    assert np.abs(alone - stored.probabilities[:3]).max() <= 1e-4  # one at a time as in a batch
    assert not run.has_predictions(Split.TRAIN)


def test_the_same_seed_gives_the_same_weights_and_another_does_not(workspace, run):
    again, other = run_of(workspace, 0, "again"), run_of(workspace, 1)
    assert again.card.weights_sha256 == run.card.weights_sha256
    assert other.card.weights_sha256 != run.card.weights_sha256
    (series,) = group_into_series([run, other])
    assert series.seeds == (0, 1)


def test_class_weights_are_those_of_scikit_learn_and_another_way_of_training(workspace, run):
    targets = np.array([0, 0, 0, 0, 0, 0, 2, 2, 3])  # class 1 has no image: its weight is never used
    expected = compute_class_weight("balanced", classes=np.array([0, 2, 3]), y=targets)
    assert class_weights(targets, 4)[[0, 2, 3]].tolist() == pytest.approx(expected)
    weighted = run_of(workspace, 0, "weighted", replace(TINY, class_weighted=True))
    assert weighted.card.weights_sha256 != run.card.weights_sha256
    assert weighted.card.recipe == dict(run.card.recipe) | {"class_weighted": True}
    assert weighted.card.series_key != run.card.series_key
    assert Training.of(weighted.card) == replace(TINY, class_weighted=True)


def test_what_is_learnt_does_not_depend_on_validation_and_test_images_or_labels(tmp_path, run):
    def turned(record):
        return record if record.split is Split.TRAIN else replace(record, label=frozenset({"bar.dim"}))

    def noise(record, image):
        return image if record.split is Split.TRAIN else Image.effect_noise((32, 32), 90).convert("L")

    other = run_of(make(tmp_path / "other", relabel=turned, repaint=noise))
    assert other.card.weights_sha256 == run.card.weights_sha256
    assert other.card.data_hash["train"] == run.card.data_hash["train"]
    assert other.card.data_hash["test"] != run.card.data_hash["test"]


def test_it_learns(tmp_path):
    longer = replace(TINY, epochs=25)
    run = run_of(make(tmp_path / "w"), training=longer)
    history = run.history()
    assert history[-1].train_loss < 0.35 * history[0].train_loss
    assert history[-1].validation_accuracy >= 0.75


@pytest.mark.parametrize("at", [(1, 1), (2, 5)])
def test_an_interrupt_leaves_nothing(workspace, run, at):
    before = sorted(workspace.writable.rglob("*"))

    def interrupt(progress):
        if (progress.epoch, progress.step) == at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_of(workspace, 7, report=interrupt)
    assert sorted(workspace.writable.rglob("*")) == before


def test_a_last_batch_of_one_image_is_no_accident(tmp_path):
    # 35 - 2 = 33 images in batches of 8 leave one over; batch norm over a single 1 x 1 map would refuse it
    told = []
    run = run_of(make(tmp_path / "w", n_train=35), training=replace(TINY, epochs=1), report=told.append)
    assert run.card.n_train_images == 33
    assert told[-1].steps == 4


def test_a_taxonomy_that_can_place_nothing_is_refused(tmp_path):
    blank = make(tmp_path / "w", relabel=lambda record: replace(record, label=frozenset({"blank"})))
    half = Taxonomy(
        "half", {"disc": blank.space.parse("disc.*"), "bar": blank.space.parse("bar.*")}, frozenset({"blank"})
    )
    with pytest.raises(WorkspaceError, match=r"Only 0 training image\(s\) have a label that taxonomy 'half' can place"):
        run_of(blank, taxonomy=half)
    assert not (blank.writable / "runs").exists()


def test_a_run_that_is_there_is_refused(workspace, run):
    before = run.weights_path.read_bytes()
    with pytest.raises(RunError, match="already there"):
        run_of(workspace, 5, run.run_id, replace(TINY, epochs=1))
    assert run.weights_path.read_bytes() == before


# -- checkpoints --------------------------------------------------------------------------------------------------


def test_other_weights_than_the_cards_are_refused(run):
    raw = run.weights_path.read_bytes()
    weights = load(raw)
    weights["fc.bias"] = weights["fc.bias"] + 1
    with pytest.raises(CheckpointError, match="are not those its card was written for"):
        restore(run.card, save(weights))
    with pytest.raises(CheckpointError, match="are not those"):
        restore(run.card, raw[:-1])


def hashed(card, raw, **changes):
    import hashlib

    return replace(card, weights_sha256=hashlib.sha256(raw).hexdigest(), **changes)


def test_weights_that_do_not_fit_are_refused_in_one_sentence(run):
    raw = run.weights_path.read_bytes()
    with pytest.raises(CheckpointError, match="do not fit resnet18"):
        restore(replace(run.card, architecture="resnet18"), raw)
    with pytest.raises(CheckpointError, match="do not fit test_resnet"):
        restore(hashed(run.card, b"no safetensors"), b"no safetensors")
    with pytest.raises(CheckpointError, match=r"timm has no architecture 'test_resnet_x'. Did you mean"):
        restore(replace(run.card, architecture="test_resnet_x"), raw)
    buffer = io.BytesIO()
    np.save(buffer, np.zeros(3))
    with pytest.raises(CheckpointError):
        restore(hashed(run.card, buffer.getvalue()), buffer.getvalue())


def test_a_run_without_weights_says_so(tmp_path, run):
    (tmp_path / run.run_id).mkdir()
    (tmp_path / run.run_id / "card.json").write_bytes((run.folder / "card.json").read_bytes())
    with pytest.raises(CheckpointError, match="has no model here; only its stored predictions"):
        load_model(read_run(tmp_path / run.run_id))


@pytest.mark.parametrize(
    ("name", "size"), [("test_resnet", (1, 50, 70)), ("test_vit2", (1, 64, 96)), ("test_resnet", (3, 32, 32))]
)
def test_architectures_are_built_for_the_size_and_channels_of_the_card(name, size):
    import torch

    model = build(name, size, 5).eval()
    assert model(torch.zeros(2, *size)).shape == (2, 5)


# -- recipes ------------------------------------------------------------------------------------------------------

RECIPE = """version = 3
[training]
architecture = "test_resnet"
epochs = 2
batch_size = 8
learning_rate = 4e-3
weight_decay = 0.05
pad_px = 2
[training.preprocessing]
channels = 1
size = [32, 32]
fit = "stretch"
interpolation = "bilinear"
pool = 1
value_range = 1.0
mean = [0.2]
std = [0.2]
"""


def test_a_recipe_is_read(tmp_path):
    (tmp_path / "recipe.toml").write_text(RECIPE)
    assert Training.read(tmp_path / "recipe.toml") == replace(TINY, version=3)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("[training]", "[trainig]"),
        ("epochs = 2", "epochs = 0"),
        ("epochs = 2", ""),
        ("epochs = 2", "epochs = '2'"),
        ("batch_size = 8", "batch_size = 1"),
        ("pad_px = 2", "pad_px = 2\ndropout = 0.5"),
        ("learning_rate = 4e-3", "learning_rate = nan"),
        ("version = 3", ""),
        ("std = [0.2]", "std = [0.0]"),
        ("fit = ", "fits = "),
        ("version = 3", "version = "),
    ],
)
def test_a_recipe_that_cannot_be_used_is_named(tmp_path, old, new):
    (tmp_path / "recipe.toml").write_text(RECIPE.replace(old, new))
    with pytest.raises(WorkspaceError, match=r"recipe\.toml has no usable \[training\] table") as caught:
        Training.read(tmp_path / "recipe.toml")
    assert isinstance(caught.value, TaxoScopeError)
    assert not isinstance(caught.value, ImageError)
