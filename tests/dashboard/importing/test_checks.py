"""A model that guessing equals is named at its import, by exact sums; what tensors that fit do not prove is said."""

from math import comb

import numpy as np
import pytest
import torch
import torchvision
from safetensors.torch import save_file
from typer.testing import CliRunner

from dashboard.cli.models import commands
from dashboard.evaluation.preprocessing_words import forward_words
from dashboard.importing.checks import guessing_words
from model_zoo.core.label_space.splits import Split
from model_zoo.core.label_space.taxonomy import Taxonomy
from model_zoo.workspace.run import read_run
from tests.drawn_workspace import make, shapes
from tests.evaluations import judged


def taxonomy(n_classes):
    return Taxonomy("many", {f"c{k:02d}": frozenset({f"leaf{k:02d}"}) for k in range(n_classes)})


def told(truth, predicted, n_classes):
    one = taxonomy(n_classes)
    return guessing_words(judged(truth, predicted, taxonomy=one), one)


def tail(n_correct, n, p):
    """P(as many correct or more) by guessing, summed term by term."""
    return sum(comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n_correct, n + 1))


def correct_for(n_correct, truth, n_classes):
    return [one if k < n_correct else (one + 1) % n_classes for k, one in enumerate(truth)]


def test_none_of_13_correct_in_14_classes():
    truth = list(range(13))
    said = told(truth, correct_for(0, truth, 14), 14)
    assert said.startswith("This model is no better than guessing: 0 of 13 images predicted correctly.")
    assert "14 classes is correct for 7.1 %" in said


@pytest.mark.parametrize(("n_classes", "n_each"), [(2, 10), (4, 6), (14, 1), (9, 40)])
def test_a_warning_ends_where_the_exact_test_does(n_classes, n_each):
    truth = [k for k in range(n_classes) for _ in range(n_each)]
    n = len(truth)
    for n_correct in range(n + 1):
        said = told(truth, correct_for(n_correct, truth, n_classes), n_classes)
        assert bool(said) == (tail(n_correct, n, 1 / n_classes) > 0.05), n_correct
        assert ("no better than guessing" in said) == (n_correct / n <= 1 / n_classes)


def test_the_majority_counts_where_it_is_the_better_guess():
    truth = [0] * 90 + [1] * 10
    assert "always predicting c00 for 90.0 %" in told(truth, [0] * 100, 2)
    assert told(truth, correct_for(88, truth, 2), 2).startswith("This model is no better than guessing")
    assert "cannot be told from guessing" in told(truth, correct_for(93, truth, 2), 2)
    assert tail(93, 100, 0.9) > 0.05
    assert told(truth, correct_for(96, truth, 2), 2) == ""
    assert tail(96, 100, 0.9) < 0.05


def test_a_good_model_and_one_without_labels_are_not_warned_of():
    truth = [k % 4 for k in range(40)]
    assert told(truth, truth, 4) == ""
    assert told([], [], 4) == ""


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    made = make(tmp_path_factory.mktemp("guess") / "w")
    made.save_taxonomy(shapes(made))
    return made


def test_an_import_says_that_it_guesses_and_what_fitting_tensors_do_not_prove(workspace, tmp_path):
    torch.manual_seed(0)
    model = torchvision.models.squeezenet1_1(num_classes=3)
    model.classifier[1].padding = (1, 1)  # another forward pass, the same tensors
    for module in model.modules():
        if isinstance(module, torch.nn.MaxPool2d):
            module.ceil_mode = False
    save_file(model.state_dict(), tmp_path / "squeezed.safetensors")
    done = CliRunner().invoke(
        commands,
        ["import-run", str(tmp_path / "squeezed.safetensors"), "--name", "squeezed", "--taxonomy", "shapes",
         "--architecture", "torchvision.squeezenet1_1", "--size", "32", "--fit", "stretch", "--channels", "3",
         "--mean", "0.5,0.5,0.5", "--std", "0.5,0.5,0.5", "--workspace", str(workspace.writable)],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    said = " ".join(done.output.split())
    assert "That does not prove that the model computes the same: padding, strides" in said
    run = read_run(workspace.writable / "runs" / "squeezed")
    assert forward_words(run.card) in said
    stored = run.predictions(Split.VALIDATION).probabilities.argmax(axis=1)
    labels = workspace.dataset().labels
    truth = shapes(workspace).place_all([labels[one] for one in run.predictions(Split.VALIDATION).image_ids])
    p_value = tail(int((stored == truth).sum()), len(truth), float(np.bincount(truth).max()) / len(truth))
    assert ("Warning: this model" in said) == (p_value > 0.05)
    assert p_value > 0.05  # random weights


def test_models_of_own_code_and_graphs_prove_their_computation(workspace, tmp_path):
    from dataclasses import replace

    card = read_run(workspace.writable / "runs" / "squeezed").card
    assert forward_words(card)
    assert not forward_words(replace(card, code={"name": "mine.py", "sha256": "0" * 64}))
    assert not forward_words(replace(card, architecture="onnx"))
    assert not forward_words(replace(card, recipe={}))
