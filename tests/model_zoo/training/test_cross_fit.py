"""Out-of-fold predictions of a tiny run: who saw whom, what is written, and what an interrupt leaves."""

from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest

from model_zoo.core.errors import RunError, WorkspaceError
from model_zoo.core.label_space.splits import Split
from model_zoo.inference.out_of_fold import FOLDER, out_of_fold_path, read_out_of_fold
from model_zoo.inference.predict import fitted_pixels
from model_zoo.training.cross_fit import cross_fit
from model_zoo.training.train import Training, read_pixels, train
from model_zoo.workspace.manifest import write_manifest
from model_zoo.workspace.workspace import Workspace
from tests.drawn_workspace import TINY, make, shapes

ONCE = replace(TINY, epochs=1)


def with_run(folder):
    workspace = make(folder)
    pixels = read_pixels(workspace, ONCE.preprocessing, lambda done, total: None)
    return workspace, train(workspace, shapes(workspace), ONCE, 0, pixels, "shapes-s0")


def crossed(workspace, run, n_folds=3, repaint=lambda ids, pixels: pixels, report=lambda fold, now: None):
    image_ids, pixels = fitted_pixels(workspace, Split.TRAIN, run.card.preprocessing)
    path = cross_fit(workspace, run, n_folds, image_ids, repaint(image_ids, pixels.copy()), report)
    return read_out_of_fold(path, run, workspace.dataset())


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    workspace, run = with_run(tmp_path_factory.mktemp("crossed") / "w")
    return workspace, run, crossed(workspace, run)


def test_every_training_image_is_answered_once_and_no_patient_lies_in_two_folds(made):
    workspace, _, answers = made
    dataset = workspace.dataset()
    assert list(answers.predictions.image_ids) == [image.image_id for image in dataset.split(Split.TRAIN)]
    assert answers.predictions.probabilities.shape == (41, 3)  # the two images without a class are asked too
    pairs = {(dataset.patients[one], fold) for one, fold in zip(answers.predictions.image_ids, answers.folds)}
    assert len(pairs) == 21  # two images a patient, one alone: 20 + 1
    assert np.bincount(answers.folds).tolist() == pytest.approx([41 / 3] * 3, abs=2)


def test_an_image_is_answered_by_a_model_that_saw_nothing_of_its_patient(made):
    """Another picture of one patient changes what is said of the other folds, and nothing in its own but itself."""
    workspace, run, answers = made
    dataset = workspace.dataset()
    ids = np.array(answers.predictions.image_ids)
    whose = np.array([dataset.patients[one] for one in ids])
    fold = answers.folds[whose == "train8"][0]

    def blacken(image_ids, pixels):
        pixels[whose == "train8"] = 0
        return pixels

    again = crossed(workspace, run, repaint=blacken)
    same = (again.predictions.probabilities == answers.predictions.probabilities).all(axis=1)
    assert (again.folds == answers.folds).all()
    assert same[(answers.folds == fold) & (whose != "train8")].all()
    assert not same[answers.folds != fold].any()


def test_they_are_never_taken_for_the_runs_own(made):
    workspace, run, _ = made
    assert not run.has_predictions(Split.TRAIN)
    with pytest.raises(RunError, match="no predictions over train"):
        run.predictions(Split.TRAIN)
    assert [one.run_id for one in workspace.runs()] == ["shapes-s0"]
    assert workspace.unreadable_runs() == ()


def test_the_same_call_gives_the_same_answers(made, tmp_path):
    again = crossed(*with_run(tmp_path / "w"))
    assert (again.folds == made[2].folds).all()
    assert (again.predictions.probabilities == made[2].predictions.probabilities).all()


@pytest.mark.parametrize("at", [0, 2])
def test_an_interrupt_keeps_whole_folds_alone_and_the_next_call_goes_on(made, tmp_path, at):
    workspace, run = with_run(tmp_path / "w")
    before = sorted(workspace.writable.rglob("*"))
    trained = []

    def interrupt(fold, now):
        if fold == at and now.step == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        crossed(workspace, run, report=interrupt)
    left = [path for path in sorted(workspace.writable.rglob("*")) if path not in before and path.is_file()]
    assert [path.name for path in left] == [f"{fold}.npy" for fold in range(at)]
    assert out_of_fold_path(workspace.folders, run) is None
    answers = crossed(workspace, run, report=lambda fold, now: trained.append(fold))
    assert sorted(set(trained)) == list(range(at, 3))
    assert (answers.predictions.probabilities == made[2].predictions.probabilities).all()
    assert [path.name for path in (workspace.writable / FOLDER).iterdir()] == ["shapes-s0.parquet"]


def test_a_run_that_is_shipped_read_only_gets_them_in_the_folder_on_top(made, tmp_path):
    shipped, run, answers = made
    before = sorted(shipped.writable.rglob("*"))
    stack = Workspace((tmp_path, shipped.writable))
    assert out_of_fold_path(stack.folders, run).parent.parent == shipped.writable  # shipped ones are found
    again = crossed(stack, run)
    assert out_of_fold_path(stack.folders, run).parent.parent == tmp_path
    assert (again.predictions.probabilities == answers.predictions.probabilities).all()
    assert sorted(shipped.writable.rglob("*")) == before


def test_answers_for_other_labels_or_of_another_run_are_refused(tmp_path):
    workspace, run = with_run(tmp_path / "w")
    crossed(workspace, run)
    path = out_of_fold_path(workspace.folders, run)
    other = replace(run, card=replace(run.card, seed=1))
    with pytest.raises(RunError, match="another run of that name, or for other images, labels or patients"):
        read_out_of_fold(path, other, workspace.dataset())
    images = workspace.dataset().images
    write_manifest(
        workspace.writable / "manifest.csv", [replace(images[0], patient_id="x"), *images[1:]], workspace.space
    )
    with pytest.raises(RunError, match="remove the file and make them again"):
        read_out_of_fold(path, run, workspace.dataset())


def test_a_file_in_which_a_patient_lies_in_two_folds_is_refused(made, tmp_path):
    workspace, run, answers = made
    table = pq.read_table(out_of_fold_path(workspace.folders, run))
    turned = answers.folds.copy()
    turned[0] = (turned[0] + 1) % 3
    column = table.schema.get_field_index("fold")
    pq.write_table(table.set_column(column, "fold", [turned.astype(np.int32)]), tmp_path / "turned.parquet")
    with pytest.raises(RunError, match="lies in two folds: a model would have seen their images"):
        read_out_of_fold(tmp_path / "turned.parquet", run, workspace.dataset())
    (tmp_path / "garbled.parquet").write_bytes(b"PAR1 no")
    pq.write_table(table.replace_schema_metadata(None), tmp_path / "nameless.parquet")
    for name in ("garbled", "nameless"):
        with pytest.raises(RunError, match="cannot be used"):
            read_out_of_fold(tmp_path / f"{name}.parquet", run, workspace.dataset())


def test_more_folds_than_patients_and_foreign_recipes_are_refused(made):
    workspace, run, _ = made
    assert Training.of(run.card) == ONCE
    with pytest.raises(WorkspaceError, match="21 patients cannot be split into 22 folds"):
        crossed(workspace, run, n_folds=22)
    foreign = replace(run, card=replace(run.card, recipe={"optimizer": "SGD"}))
    with pytest.raises(RunError, match=r"was not trained by this recipe's loop .*optimizer"):
        crossed(workspace, foreign)
