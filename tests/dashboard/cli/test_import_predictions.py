"""`taxoscope import-predictions FILE`: what a model said elsewhere is a run; all that needs no model works."""

import csv
import io
import os
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from dashboard.address.selection import Labels, Space
from dashboard.cli.models import commands
from dashboard.compare.task_difficulty import secondary_metrics
from dashboard.decisions.queue import QueueItem
from dashboard.diagnose.diagnosis import diagnose
from dashboard.evaluation.comparison import compare, named_subjects
from dashboard.evaluation.drafting import previews
from dashboard.review.queue_items import shown_items
from dashboard.server_state.loaded_models import predict
from dashboard.server_state.open_workspace import Desk
from dashboard.taxonomies.separability import class_separability
from model_zoo.core.diagnosis.diagnosis import Cause
from model_zoo.core.errors import CheckpointError, RunError, TaxoScopeError
from model_zoo.core.evaluation.evaluation import accuracy
from model_zoo.core.label_space.splits import Split
from model_zoo.workspace.run import read_run
from tests.second_workspace import build


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    return build(tmp_path_factory.mktemp("answers") / "w")


def imported(workspace, path, name, *more, taxonomy="things"):
    named = ["--name", name, "--taxonomy", taxonomy, "--workspace", str(workspace.writable)]
    return CliRunner().invoke(commands, ["import-predictions", str(path), *named, *more])


def stored(workspace, name="things-s0", split=Split.TEST):
    return read_run(workspace.writable / "runs" / name).predictions(split)


def table(path, names, rows):
    with path.open("w", newline="") as out:
        csv.writer(out).writerows([names, *rows])
    return path


def probabilities(path, one, prefix=""):
    rows = [[image_id, *p] for image_id, p in zip(one.image_ids, one.probabilities.tolist())]
    return table(path, ["image_id", *(prefix + name for name in one.classes)], rows)


@pytest.mark.parametrize("kind", ["csv", "prefixed", "parquet", "npz", "npy", "by-file"])
def test_probabilities_come_back_as_they_were(workspace, tmp_path, kind):
    one, more = stored(workspace), []
    if kind in ("csv", "prefixed"):
        path = probabilities(tmp_path / "said.csv", one, "p_" * (kind == "prefixed"))
    elif kind == "by-file":
        rows = [[f"{image_id[1:]}.png", *p] for image_id, p in zip(one.image_ids, one.probabilities.tolist())]
        path = table(tmp_path / "said.csv", ["file_name", *one.classes], rows[::-1])
    elif kind == "parquet":
        columns = {"image_id": list(one.image_ids)} | dict(zip(one.classes, one.probabilities.T))
        pq.write_table(pa.table(columns), path := tmp_path / "said.parquet")
    elif kind == "npz":
        turned = one.probabilities[:, ::-1]
        np.savez(path := tmp_path / "said.npz", ids=one.image_ids, probs=turned, classes=one.classes[::-1])
    else:
        np.save(path := tmp_path / "said.npy", one.probabilities[:, ::-1])
        more = ["--split", "test", "--classes", ",".join(one.classes[::-1])]
    done = imported(workspace, path, f"mine-{kind}", *more)
    assert done.exit_code == 0, done.output or done.exception
    found = stored(workspace, f"mine-{kind}")
    assert found.image_ids == one.image_ids
    assert np.allclose(found.probabilities, one.probabilities, atol=1e-6)
    card = read_run(workspace.writable / "runs" / f"mine-{kind}").card
    assert (card.architecture, card.preprocessing, card.recipe["predictions"]) == ("", None, "probabilities")
    assert not card.labels_only
    said = " ".join(done.output.split())
    assert "60 of 60 test images have an answer." in said
    assert "Accuracy over test: " in said
    assert ("nothing in it says so" in said) == (kind == "npy")


@pytest.mark.parametrize("as_numbers", [False, True])
def test_labels_alone_are_judged_and_everything_about_probabilities_is_left_open(workspace, tmp_path, as_numbers):
    one, name = stored(workspace), f"labels-{as_numbers}"
    rows = [
        (image_id, k if as_numbers else said.classes[k])
        for said in (one, stored(workspace, split=Split.VALIDATION))
        for image_id, k in zip(said.image_ids, said.predicted)
    ]
    path = table(tmp_path / "labels.csv", ["image", "predicted"], rows)
    assert imported(workspace, path, name).exit_code == 0
    desk = Desk(workspace)
    dataset, taxonomy = desk.dataset(), workspace.taxonomy("things")
    subjects = named_subjects(desk.series(), [name, "things-s0"])
    judged = compare(subjects, Space.COMMON, Split.TEST, Labels.ORIGINAL, dataset.labels, dataset.patients)
    labels, has_probabilities = judged.evaluations
    assert np.array_equal(labels.predicted, has_probabilities.predicted)
    assert accuracy(labels).mean == accuracy(has_probabilities).mean
    figures = {figure.name: figure.mean for figure in secondary_metrics(judged, [taxonomy])[0].figures}
    assert np.isnan(figures["log loss"])
    assert np.isnan(figures["Brier score"])
    assert figures["macro-F1"] > 0
    image_id = one.image_ids[0]
    (item,) = shown_items(desk, [QueueItem(image_id)], subjects, Split.TEST, dataset.labels)
    alone, other = item["says"]
    assert [bar["p"] for bar in alone["top"]] == [None]  # no number where none was given
    assert alone["top"][0]["name"] == other["top"][0]["name"]
    assert all(bar["p"] is not None for bar in other["top"])
    found = diagnose(
        subjects[0], workspace.taxonomy("kinds"), Split.TEST, Labels.ORIGINAL, dataset.labels, dataset,
        [desk.predictions(name, Split.TEST)], [],
    )  # fmt: skip
    assert not found.has_probabilities
    assert not found.measures[Cause.CAPACITY].can_tell
    assert np.isnan(found.calibration.ece)
    assert np.isnan(found.newly_correct_share.value)
    assert found.measures[Cause.CONFUSION].value >= 0
    told = class_separability(desk, taxonomy, previews(desk, taxonomy, Split.VALIDATION, Labels.ORIGINAL))
    assert name not in [subject.subject_id for subject in told.subjects]


def test_what_needs_a_model_says_why_not(workspace, tmp_path):
    path = probabilities(tmp_path / "said.csv", stored(workspace))
    assert imported(workspace, path, "alone").exit_code == 0
    run = read_run(workspace.writable / "runs" / "alone")
    with pytest.raises(RunError, match="has no model: its predictions were imported"):
        _ = run.card.prepared
    with pytest.raises(CheckpointError, match="no stored answer for this image and no weights to ask"):
        predict(Desk(workspace), run, workspace.dataset().split(Split.TRAIN)[0].image_id)


def test_a_part_of_the_images_is_said_and_training_images_are_left_out(workspace, tmp_path):
    one = stored(workspace)
    training = workspace.dataset().split(Split.TRAIN)[:3]
    rows = [*zip(one.image_ids[:40], one.predicted[:40]), *((image.image_id, 0) for image in training)]
    path = table(tmp_path / "some.csv", ["image_id", "predicted"], rows)
    said = " ".join(imported(workspace, path, "some").output.split())
    assert "40 of 60 test images have an answer." in said
    assert "3 answers about training images, or images in no split, are left out." in said


def bomb(path):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (2**40, 5)})
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("probs.npy", header.getvalue() + bytes(50_000_000))
    return path


def objects(path, marker):
    class Evil:
        def __reduce__(self):
            return os.system, (f"touch {marker}",)

    np.save(path, np.array([Evil()], dtype=object), allow_pickle=True)
    return path


def test_what_is_no_prediction_is_one_sentence_and_leaves_nothing(workspace, tmp_path):
    one = stored(workspace)
    n_before = len(os.listdir(workspace.writable / "runs"))
    np.save(tmp_path / "logits.npy", np.log(one.probabilities))
    np.save(tmp_path / "wide.npy", np.eye(60, 9))
    (tmp_path / "page.csv").write_text("<!doctype html><html>")
    np.savez(tmp_path / "whole.npz", probs=one.probabilities)
    cut = (tmp_path / "whole.npz").read_bytes()
    (tmp_path / "cut.npz").write_bytes(cut[: len(cut) // 2])
    marker = tmp_path / "ran"
    refused = {
        tmp_path / "logits.npy": "these are no probabilities",
        tmp_path / "wide.npy": "expected (images, 5 classes)",
        tmp_path / "page.csv": "lists no image",
        tmp_path / "cut.npz": "is damaged",
        bomb(tmp_path / "bomb.npz"): "an array cut off",
        objects(tmp_path / "evil.npy", marker): "array of Python objects",
        table(tmp_path / "other.csv", ["image_id", "predicted"], [["i0000", "whale"]]): "'whale', which is no class",
        table(tmp_path / "twice.csv", ["image_id", "predicted"], [["i0000", 0], ["i0000", 1]]): "answers twice",
        table(tmp_path / "lost.csv", ["image_id", "predicted"], [["nobody", 0]]): "of which here 0;",
        table(tmp_path / "none.csv", ["image_id", "score"], [["i0000", 0]]): "no column of probabilities",
        table(tmp_path / "unnamed.csv", ["predicted"], [[0]] * 7): "does not name its 7 images",
        tmp_path / "absent.csv": "cannot be read",
        Path(os.devnull): "cannot be read (it is no file)",
    }
    for path, told in refused.items():
        more = ["--split", "test"] if path.suffix in (".npy", ".npz") else []
        done = imported(workspace, path, "never", *more)
        assert isinstance(done.exception, TaxoScopeError), (path.name, done.exception, done.output)
        assert told in str(done.exception), path.name
    assert not marker.exists()
    assert len(os.listdir(workspace.writable / "runs")) == n_before
