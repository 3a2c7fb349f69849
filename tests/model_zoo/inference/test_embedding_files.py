"""Embeddings: what the last layer reads, kept with what they were made for, stale ones refused."""

from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from model_zoo.checkpoints.load import load_model
from model_zoo.core.errors import CheckpointError, RunError
from model_zoo.core.label_space.splits import Split
from model_zoo.inference.embed import embed
from model_zoo.inference.embedding_files import FOLDER, Embeddings, embeddings_path, read_embeddings, write_embeddings
from model_zoo.inference.predict import fitted_pixels
from model_zoo.training.train import read_pixels, train
from model_zoo.workspace.manifest import write_manifest
from model_zoo.workspace.workspace import Workspace
from tests.drawn_workspace import TINY, make, shapes


def with_run(folder):
    workspace = make(folder)
    pixels = read_pixels(workspace, TINY.preprocessing, lambda done, total: None)
    return workspace, train(workspace, shapes(workspace), replace(TINY, epochs=1), 0, pixels, "shapes-s0")


def embedded(workspace, run, split=Split.VALIDATION):
    image_ids, pixels = fitted_pixels(workspace, split, run.card.preprocessing)
    return Embeddings(image_ids, embed(load_model(run), pixels, run.card.preprocessing, batch_size=5))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    workspace, run = with_run(tmp_path_factory.mktemp("embedded") / "w")
    vectors = embedded(workspace, run)
    write_embeddings(workspace.writable, run, workspace.dataset(), Split.VALIDATION, vectors)
    return workspace, run, vectors


def test_the_last_layer_makes_the_runs_own_predictions_of_them(made):
    _, run, vectors = made
    stored = run.predictions(Split.VALIDATION)
    with torch.inference_mode():
        logits = load_model(run).get_classifier()(torch.from_numpy(vectors.of(stored.image_ids)))
    assert torch.softmax(logits, dim=1).numpy() == pytest.approx(stored.probabilities, abs=1e-5)


def test_written_and_read_they_are_the_same(made):
    workspace, run, vectors = made
    path = embeddings_path(workspace.folders, run, Split.VALIDATION)
    again = read_embeddings(path, run, workspace.dataset(), Split.VALIDATION)
    assert again.image_ids == vectors.image_ids
    assert (again.vectors == vectors.vectors).all()
    assert again.of(again.image_ids[3:1:-1]).tolist() == vectors.vectors[[3, 2]].tolist()
    assert embeddings_path(workspace.folders, run, Split.TEST) is None
    with pytest.raises(RunError, match="Image 'train-0' has no embedding"):
        again.of(["train-0"])


def test_progress_is_told_batch_by_batch(made):
    workspace, run, _ = made
    told = []
    _, pixels = fitted_pixels(workspace, Split.VALIDATION, run.card.preprocessing)
    embed(load_model(run), pixels, run.card.preprocessing, 5, lambda done, total: told.append((done, total)))
    assert told == [(5, 12), (10, 12), (12, 12)]


def test_a_run_that_is_shipped_read_only_gets_them_in_the_folder_on_top(made, tmp_path):
    shipped, run, vectors = made
    before = sorted(shipped.writable.rglob("*"))
    stack = Workspace((tmp_path, shipped.writable))
    path = write_embeddings(stack.writable, run, stack.dataset(), Split.VALIDATION, vectors)
    assert (
        path
        == tmp_path / FOLDER / "shapes-s0" / "validation.parquet"
        == embeddings_path(stack.folders, run, Split.VALIDATION)
    )
    assert sorted(shipped.writable.rglob("*")) == before


def test_other_weights_or_images_make_them_stale_and_other_labels_do_not(tmp_path):
    workspace, run = with_run(tmp_path / "w")
    vectors, dataset = embedded(workspace, run), workspace.dataset()
    path = write_embeddings(workspace.writable, run, dataset, Split.VALIDATION, vectors)
    other = replace(run, card=replace(run.card, weights_sha256="0" * 64))
    with pytest.raises(RunError, match=r"other weights or other images.*taxoscope embed shapes-s0 --split validation"):
        read_embeddings(path, other, dataset, Split.VALIDATION)
    images, manifest = dataset.images, workspace.writable / "manifest.csv"
    relabelled = [replace(one, label=workspace.space.everything, patient_id="x") for one in images]
    write_manifest(manifest, relabelled, workspace.space)
    assert len(read_embeddings(path, run, workspace.dataset(), Split.VALIDATION).image_ids) == 12
    write_manifest(manifest, [one for one in images if one.image_id != "validation-3"], workspace.space)
    with pytest.raises(RunError, match="other weights or other images"):
        read_embeddings(path, run, workspace.dataset(), Split.VALIDATION)
    with pytest.raises(RunError, match="must cover the images of the validation split"):
        write_embeddings(workspace.writable, run, workspace.dataset(), Split.VALIDATION, vectors)


def test_files_that_are_none_are_one_sentence(made, tmp_path):
    workspace, run, _ = made
    table = pq.read_table(embeddings_path(workspace.folders, run, Split.VALIDATION))
    (tmp_path / "garbled.parquet").write_bytes(b"PAR1 no")
    pq.write_table(table.replace_schema_metadata(None), tmp_path / "nameless.parquet")
    pq.write_table(table.drop_columns(["vector"]), tmp_path / "empty.parquet")
    for name in ("garbled", "nameless", "empty"):
        with pytest.raises(RunError, match="cannot be used"):
            read_embeddings(tmp_path / f"{name}.parquet", run, workspace.dataset(), Split.VALIDATION)


@pytest.mark.parametrize(
    ("image_ids", "vectors", "sentence"),
    [
        (("a", "b"), np.zeros((1, 3)), "expected \\(2 images, D\\)"),
        (("a", "a"), np.zeros((2, 3)), "twice"),
        (("a",), np.array([[np.nan]]), "infinite or none"),
    ],
)
def test_vectors_that_cannot_be_are_refused(image_ids, vectors, sentence):
    with pytest.raises(RunError, match=sentence):
        Embeddings(image_ids, vectors.astype(np.float32))


def test_a_model_without_a_head_is_refused():
    with pytest.raises(CheckpointError, match="Linear does not say where its last layer begins"):
        embed(torch.nn.Linear(2, 2), np.zeros((1, 1, 2, 2), dtype=np.uint8), TINY.preprocessing)
