"""Runs written from Python are runs like any other; the training libraries are the real ones."""

import os

import numpy as np
import pandas as pd
import pytest

import taxoscope as ts
from model_zoo.core.label_space.splits import Split
from model_zoo.workspace.run import read_run
from tests.second_workspace import build

os.environ["KERAS_BACKEND"] = "torch"  # read when keras is imported


@pytest.fixture
def workspace(tmp_path):
    return build(tmp_path / "w")


@pytest.fixture
def images(workspace):
    """Ids of validation and test images, made-up features of them, and their classes of `things`."""
    dataset, taxonomy = workspace.dataset(), workspace.taxonomy("things")
    ids = {split: [one.image_id for one in dataset.split(split)] for split in (Split.VALIDATION, Split.TEST)}
    places = {split: taxonomy.place_all([dataset.labels[one] for one in ids[split]]) for split in ids}
    rng = np.random.default_rng(0)
    features = {
        split: (np.eye(5)[place] + rng.normal(size=(len(place), 5))).astype(np.float32)
        for split, place in places.items()
    }
    return ids, features, places


def stored(workspace, run_id, split=Split.TEST):
    return read_run(workspace.writable / "runs" / run_id).predictions(split)


def softmax(logits):
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


def test_probabilities_and_ids_become_a_run(workspace, images):
    ids, features, _ = images
    given = {split: softmax(one) for split, one in features.items()}
    both = [*ids[Split.TEST], *ids[Split.VALIDATION]]
    rows = np.concatenate([given[Split.TEST], given[Split.VALIDATION]])
    run_id = ts.log_run(workspace.writable, "mine", rows, both, taxonomy="things", seed=3)
    assert run_id == "mine-s3"
    for split in ids:
        one = stored(workspace, run_id, split)
        assert list(one.image_ids) == ids[split]
        assert one.probabilities == pytest.approx(given[split], abs=1e-6)
    card = read_run(workspace.writable / "runs" / run_id).card
    assert (card.seed, card.taxonomy.name, card.weights_sha256) == (3, "things", "")
    with pytest.raises(ts.TaxoScopeError, match="already there"):
        ts.log_run(workspace.writable, "mine", rows, both, taxonomy="things", seed=3)


def test_seeds_of_one_name_are_one_run_group_and_are_compared(workspace, images):
    ids, features, _ = images
    rng = np.random.default_rng(1)
    for seed in range(3):
        noisy = softmax(features[Split.TEST] + rng.normal(size=features[Split.TEST].shape))
        ts.log_run(workspace.writable, "mine", noisy, ids[Split.TEST], taxonomy="things", seed=seed)
    opened = ts.open(workspace.writable)
    assert opened.runs()["run_group"].value_counts().to_dict()[opened.runs().loc["mine-s0", "run_group"]] == 3
    result = opened.compare("things-s0", "mine-s0")
    assert result.table().loc["mine-s0", "n_images"] == len(ids[Split.TEST])


def test_labels_at_any_depth_names_of_columns_and_orders(workspace, images):
    ids, features, places = images
    names = list(workspace.taxonomy("things").names)
    given = softmax(features[Split.TEST])
    table = pd.DataFrame(given[:, ::-1], columns=names[::-1])
    ts.log_run(workspace.writable, "named", table, ids[Split.TEST], taxonomy="things")
    ts.log_run(workspace.writable, "ordered", given[:, ::-1], taxonomy="things", classes=names[::-1], split="test")
    for run_id in ("named-s0", "ordered-s0"):
        assert stored(workspace, run_id).probabilities == pytest.approx(given, abs=1e-6)
    said = [names[k] if k > 1 else "animal" for k in places[Split.TEST]]
    ts.log_run(workspace.writable, "open", said, ids[Split.TEST], taxonomy="things")
    one = stored(workspace, "open-s0")
    assert one.undecided.tolist() == [text == "animal" for text in said]
    ts.log_run(workspace.writable, "numbers", places[Split.TEST], ids[Split.TEST], taxonomy="things")
    assert stored(workspace, "numbers-s0").predicted.tolist() == places[Split.TEST].tolist()


def test_what_does_not_fit_leaves_nothing(workspace, images):
    ids, features, _ = images
    rows = softmax(features[Split.TEST])
    for given, why in [
        ({"sample_ids": ids[Split.TEST][1:]}, "sample_ids has 59 ids, y_pred has 60"),
        ({"sample_ids": [*ids[Split.TEST][1:], "x"]}, "x"),
        ({}, "does not name its 60 images"),
        ({"split": "exam"}, "split='exam'"),
        ({"sample_ids": ids[Split.TEST], "taxonomy": "none"}, "none"),
        ({"sample_ids": ids[Split.TEST], "classes": ["a", "b", "c", "d", "e"]}, "no class of its class set"),
    ]:
        with pytest.raises(ts.TaxoScopeError, match=why):
            ts.log_run(workspace.writable, "mine", rows, **{"taxonomy": "things"} | given)
    with pytest.raises(ts.TaxoScopeError, match="no folder"):
        ts.log_run(workspace.writable / "none", "mine", rows, taxonomy="things")
    assert not (workspace.writable / "runs" / "mine-s0").exists()


@pytest.mark.full
def test_lightning_writes_validation_and_test(workspace, images, tmp_path):
    import lightning.pytorch as pl
    import torch
    from torch.utils.data import DataLoader

    from taxoscope.integrations.lightning import RunLogger

    ids, features, places = images

    class Module(pl.LightningModule):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(5, 5)

        def training_step(self, batch, _):
            x, y, _ = batch
            return torch.nn.functional.cross_entropy(self.layer(x), y)

        def step(self, batch, _):
            return {"logits": self.layer(batch[0]), "sample_ids": batch[2]}

        validation_step = test_step = step

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), 0.1)

    loaders = {split: DataLoader(list(zip(features[split], places[split], ids[split])), batch_size=16) for split in ids}
    logger, module = RunLogger(workspace.writable, "lit", taxonomy="things", seed=1), Module()
    trainer = pl.Trainer(
        max_epochs=2, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        callbacks=[logger], default_root_dir=tmp_path,
    )  # fmt: skip
    trainer.fit(module, loaders[Split.TEST], loaders[Split.VALIDATION])
    trainer.test(module, loaders[Split.TEST], verbose=False)
    assert logger.run_id == "lit-s1"
    for split in ids:
        logits = module.layer(torch.tensor(features[split])).detach().numpy()
        assert list(stored(workspace, "lit-s1", split).image_ids) == ids[split]
        assert stored(workspace, "lit-s1", split).probabilities == pytest.approx(softmax(logits), abs=1e-5)


@pytest.mark.full
def test_a_hugging_face_trainer_writes_validation_and_test(workspace, images, tmp_path):
    import torch
    from transformers import Trainer, TrainingArguments

    from taxoscope.integrations.huggingface import RunLogger

    ids, features, places = images

    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(5, 5)

        def forward(self, x, labels=None):
            logits = self.layer(x)
            return {"loss": torch.nn.functional.cross_entropy(logits, labels), "logits": logits}

    data = {split: [{"x": x, "labels": int(y)} for x, y in zip(features[split], places[split])] for split in ids}
    logger, model = RunLogger(
        workspace.writable, "hf", taxonomy="things", test_ids=ids[Split.TEST], validation_ids=ids[Split.VALIDATION],
        metrics=lambda one: {"n": len(one.label_ids)},
    ), Model()  # fmt: skip
    arguments = TrainingArguments(
        str(tmp_path / "out"), num_train_epochs=1, eval_strategy="epoch", save_strategy="no", report_to=[],
        use_cpu=True, disable_tqdm=True,
    )  # fmt: skip
    trainer = Trainer(
        model, arguments, train_dataset=data[Split.TEST], eval_dataset=data[Split.VALIDATION],
        compute_metrics=logger.compute_metrics, callbacks=[logger],
    )  # fmt: skip
    trainer.train()
    assert trainer.predict(data[Split.TEST]).metrics["test_n"] == len(ids[Split.TEST])
    for split in ids:
        logits = model.layer(torch.tensor(features[split])).detach().numpy()
        assert list(stored(workspace, "hf-s0", split).image_ids) == ids[split]
        assert stored(workspace, "hf-s0", split).probabilities == pytest.approx(softmax(logits), abs=1e-5)


@pytest.mark.full
def test_keras_writes_when_training_ends(workspace, images):
    import keras

    from taxoscope.integrations.keras import RunLogger

    ids, features, places = images
    both = [*ids[Split.VALIDATION], *ids[Split.TEST]]
    x = np.concatenate([features[Split.VALIDATION], features[Split.TEST]])
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(5, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    logger = RunLogger(workspace.writable, "keras", x, both, taxonomy="things")
    model.fit(features[Split.TEST], places[Split.TEST], epochs=1, verbose=0, callbacks=[logger])
    assert logger.run_id == "keras-s0"
    expected = model.predict(features[Split.TEST], verbose=0)
    assert stored(workspace, "keras-s0").probabilities == pytest.approx(expected, abs=1e-5)


@pytest.mark.full
def test_a_torchmetric_has_an_interval_and_writes_a_run(workspace, images):
    import torch
    from torchmetrics.classification import MulticlassAccuracy

    from taxoscope.integrations.torchmetrics import RunLogger

    ids, features, places = images
    p, y = torch.tensor(softmax(features[Split.TEST])), torch.tensor(places[Split.TEST])
    patients = [workspace.dataset().patients[one] for one in ids[Split.TEST]]
    metric = RunLogger(ids[Split.TEST], groups=patients)
    for rows in torch.arange(len(y)).split(16):
        metric.update(p[rows], y[rows], rows)
    metric.update(p[:3], y[:3], torch.arange(3))  # as a sampler pads the last batch
    found = {name: value.item() for name, value in metric.compute().items()}
    assert found["accuracy"] == pytest.approx(MulticlassAccuracy(5, average="micro")(p, y).item())
    names = np.array(workspace.taxonomy("things").names)
    table = ts.compare(names[y], {"a": names[p.argmax(1)], "b": names[y]}, groups=patients, classes=list(names)).table()
    expected = table.loc["a", ["accuracy_low", "accuracy_high"]].tolist()
    assert [found["accuracy_low"], found["accuracy_high"]] == pytest.approx(expected)
    run_id = metric.write_run(workspace.writable, "metric", taxonomy="things")
    assert stored(workspace, run_id).probabilities == pytest.approx(p.numpy(), abs=1e-6)
    metric.reset()
    metric.update(p[:8], y[:8], torch.arange(8))
    assert metric.compute()["accuracy"] == pytest.approx((p[:8].argmax(1) == y[:8]).double().mean())
