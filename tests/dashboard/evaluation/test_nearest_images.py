"""The nearest images beside one under review: from a run's embedding, with today's labels."""

from datetime import UTC, datetime

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from dashboard.evaluation.comparison import find_subjects
from dashboard.evaluation.nearest_images import N_NEAREST, nearest_in_embedding, reference
from dashboard.review.record_decision import decide
from dashboard.server_state.open_workspace import Desk
from model_zoo.core.errors import LinkError, RunError
from model_zoo.core.label_space.splits import Split
from model_zoo.inference.embedding_files import Embeddings, write_embeddings


@pytest.fixture
def desk(fresh_animals):
    return Desk(fresh_animals)


def embed(desk, run_id, split, seed):
    dataset, run = desk.dataset(), desk.runs()[run_id]
    ids = tuple(image.image_id for image in dataset.split(split))
    made = Embeddings(ids, np.random.default_rng(seed).normal(size=(len(ids), 5)).astype(np.float32))
    write_embeddings(desk.workspace.writable, run, dataset, split, made)
    return made


def test_they_come_from_every_split_that_was_embedded_and_know_the_patient(desk):
    parts = [embed(desk, "things-s0", split, seed) for seed, split in enumerate((Split.VALIDATION, Split.TEST))]
    image_ids, vectors = [one for part in parts for one in part.image_ids], np.vstack([p.vectors for p in parts])
    fitted = NearestNeighbors(n_neighbors=N_NEAREST + 1, metric="cosine").fit(vectors)
    images = desk.dataset().by_id
    for image_id in parts[1].image_ids[:5]:
        distances, rows = fitted.kneighbors(vectors[[image_ids.index(image_id)]])
        found = nearest_in_embedding(desk, "things-s0", image_id)
        assert [one.image.image_id for one in found] == [image_ids[row] for row in rows[0][1:]]
        assert [one.cosine for one in found] == pytest.approx(1 - distances[0][1:], abs=1e-5)
        patient = images[image_id].patient_id
        assert [one.same_patient for one in found] == [one.image.patient_id == patient != "" for one in found]


def test_a_label_is_the_one_that_stands(desk):
    made = embed(desk, "things-s0", Split.TEST, 0)
    (first, *_) = nearest_in_embedding(desk, "things-s0", made.image_ids[0])
    proposal = {"client_id": "c", "seq": 1, "reviewer": "Ann", "image_id": first.image.image_id, "answer": "relabel"}
    other = "logo" if first.label != frozenset({"logo"}) else "cat.small"
    labels = desk.dataset().labels
    decide(desk.store, desk.workspace.space, labels, [proposal | {"after": other}], lambda: datetime.now(UTC))
    assert nearest_in_embedding(desk, "things-s0", made.image_ids[0])[0].label == frozenset({other})


def test_where_nothing_is_embedded_the_command_is_told_and_it_is_read_once_it_has_run(desk):
    subjects = find_subjects(desk.series(), ["things-s1"])
    image_id = desk.dataset().split(Split.TEST)[0].image_id
    with pytest.raises(
        LinkError, match=r"has not embedded the test images; `uv run taxoscope embed things-s1 --split test"
    ):
        nearest_in_embedding(desk, "things-s1", image_id)
    assert reference(desk, subjects, Split.TEST).run_ids == ()
    embed(desk, "things-s0", Split.TEST, 0)
    embed(desk, "things-s1", Split.TEST, 1)
    assert reference(desk, subjects, Split.TEST).run_ids == ("things-s1", "things-s0")  # the chosen ones first
    assert reference(desk, subjects, Split.VALIDATION).run_ids == ()
    before = nearest_in_embedding(desk, "things-s1", image_id)
    embed(desk, "things-s1", Split.TEST, 2)
    assert nearest_in_embedding(desk, "things-s1", image_id) != before
    embed(desk, "things-s1", Split.VALIDATION, 3)
    assert {one.image.split for one in nearest_in_embedding(desk, "things-s1", image_id)} <= {
        Split.TEST,
        Split.VALIDATION,
    }


def test_vectors_of_different_lengths_are_refused(desk):
    embed(desk, "things-s0", Split.TEST, 0)
    dataset, run = desk.dataset(), desk.runs()["things-s0"]
    ids = tuple(image.image_id for image in dataset.split(Split.VALIDATION))
    shorter = Embeddings(ids, np.ones((len(ids), 3), np.float32))
    write_embeddings(desk.workspace.writable, run, dataset, Split.VALIDATION, shorter)
    with pytest.raises(RunError, match="different lengths"):
        nearest_in_embedding(desk, "things-s0", dataset.split(Split.TEST)[0].image_id)
