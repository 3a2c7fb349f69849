"""`taxoscope import-run FILE`: what lacks is asked for, what does not fit is refused, nothing is left behind."""

import hashlib
import os
import shlex
import shutil
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from typer.testing import CliRunner

from dashboard.cli.models import commands
from model_zoo.core.errors import TaxoScopeError
from model_zoo.core.label_space.splits import Split
from model_zoo.training.train import read_pixels, train
from model_zoo.workspace.run import read_run
from tests.command import run, run_here
from tests.drawn_workspace import TINY, make, shapes
from tests.real_data import real

ORDER = ["blank", "disc", "bar"]
PREPARED = ["--size", "32", "--fit", "stretch", "--channels", "1", "--mean", "0.2", "--std", "0.2"]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    made = make(tmp_path_factory.mktemp("import") / "w")
    made.save_taxonomy(shapes(made))
    train(made, shapes(made), TINY, 0, read_pixels(made, TINY.preprocessing, lambda done, total: None), "shapes-s0")
    return made


@pytest.fixture(scope="module")
def checkpoint(workspace, tmp_path_factory):
    """The trained weights as another script would have them: its own order of classes, in a wrapper."""
    state = load_file(workspace.writable / "runs" / "shapes-s0" / "model.safetensors")
    rows = [shapes(workspace).names.index(name) for name in ORDER]
    state |= {key: state[key][rows] for key in ("fc.weight", "fc.bias")}
    path = tmp_path_factory.mktemp("elsewhere") / "best.pth"
    args = {"img_size": 32, "mean": [0.2], "workers": 4}
    wrapped = {f"module.{key}": value for key, value in state.items()}
    torch.save({"epoch": 2, "arch": "test_resnet", "args": args, "state_dict": wrapped}, path)
    return path


def imported(workspace, path, *arguments):
    named = ["--name", "mine", "--taxonomy", "shapes", "--architecture", "test_resnet"]
    return CliRunner().invoke(
        commands, ["import-run", str(path), *named, *arguments, "--workspace", str(workspace.writable)]
    )


def left(workspace):
    return sorted(os.listdir(workspace.writable / "runs"))


def refused(done, workspace):
    assert isinstance(done.exception, TaxoScopeError), done.output
    assert left(workspace) == ["shapes-s0"]
    return str(done.exception)


def test_what_lacks_is_asked_for_and_what_fits_is_listed(workspace, checkpoint, tmp_path):
    done = run("import-run", str(checkpoint), "--workspace", str(workspace.writable), cwd=tmp_path)
    said = " ".join(done.stdout.split())
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    assert left(workspace) == ["shapes-s0"]
    told = "The file says of itself (nobody vouches for it): arch: test_resnet; args.img_size: 32; args.mean: 0.2."
    assert told in said
    assert "Prefix 'module.' was taken off 92 names." in said
    assert "test_resnet (3 classes, 1 channel): 92 tensors match" in said
    assert (
        f"uv run taxoscope import-run {checkpoint} --name NAME --taxonomy TAXONOMY --architecture test_resnet "
        f"--size 32 --fit FIT --channels 1 --mean 0.2 --std STD --workspace {workspace.writable}"
    ) in done.stdout.splitlines()
    assert said.endswith(
        "Nothing was imported: give --name, --taxonomy, --architecture, --size, --fit, --channels, --mean, --std "
        "as well, as the model was trained."
    )


@pytest.fixture(scope="module")
def by_timm(checkpoint, tmp_path_factory):
    """The weights as timm's train.py writes them."""
    said = {"img_size": 32, "crop_pct": 0.875, "interpolation": "bicubic", "mean": [0.2], "std": [0.2]}
    path = tmp_path_factory.mktemp("timm") / "model_best.pth.tar"
    torch.save({"args": Namespace(**said), "state_dict": torch.load(checkpoint)["state_dict"]}, path)
    return path


def test_the_next_command_has_what_the_file_says_and_what_was_typed_and_works_once_pasted(workspace, by_timm):
    typed = ["--name", "a b", "--taxonomy", "shapes", "--classes", ",".join(ORDER), "--crop-share", "0.9"]
    expected = [
        *typed, "--architecture", "test_resnet", "--size", "32", "--fit", "crop", "--channels", "1",
        *("--mean", "0.2", "--std", "0.2", "--interpolation", "bicubic"),
    ]  # fmt: skip
    words = shlex.split(next_line(workspace, by_timm, *typed))
    assert words[3:5] == ["import-run", str(by_timm)]
    pairs = [*expected, "--workspace", str(workspace.writable)]
    assert sorted(zip(words[5::2], words[6::2], strict=True)) == sorted(zip(pairs[::2], pairs[1::2], strict=True))
    assert "--per-image" in next_line(workspace, by_timm, "--per-image", "--channels", "1")
    assert "--mean" not in next_line(workspace, by_timm, "--per-image", "--channels", "1")
    done = CliRunner().invoke(commands, words[3:])
    assert done.exit_code == 0, done.output
    shutil.rmtree(workspace.writable / "runs" / "a b")
    assert "The file says crop share 0.875, you said 0.9." in done.output.splitlines()


def test_torchvisions_sizes_of_validation_are_taken(workspace, checkpoint, tmp_path):
    """As references/classification/train.py keeps its arguments: resized to 40, 32 of them cut out."""
    path = tmp_path / "model_29.pth"
    said = {"val_resize_size": 40, "val_crop_size": 32, "train_crop_size": 24, "interpolation": "bicubic"}
    torch.save({"model": torch.load(checkpoint)["state_dict"], "args": Namespace(**said)}, path)
    line = next_line(workspace, path)
    assert "--size 32 --fit crop" in line
    assert "--interpolation bicubic --crop-share 0.8" in line


def next_line(workspace, path, *typed):
    done = CliRunner().invoke(commands, ["import-run", str(path), *typed, "--workspace", str(workspace.writable)])
    return next(line for line in done.output.splitlines() if line.startswith("uv run taxoscope"))


def test_what_was_not_said_is_as_the_file_says_and_what_contradicts_it_is_told(workspace, by_timm):
    cropped = ["--size", "32", "--fit", "crop", "--channels", "1", "--mean", "0.2"]
    for more, taken, told, share in (
        (["--std", "0.2"], "interpolation bicubic, crop share 0.875", [], 0.875),
        (
            ["--std", "0.3", "--interpolation", "bilinear", "--crop-share", "1"],
            "",
            [
                "The file says crop share 0.875, you said 1.",
                "The file says interpolation bicubic, you said bilinear.",
                "The file says std 0.2, you said 0.3.",
            ],
            1.0,
        ),
    ):
        done = imported(workspace, by_timm, *cropped, *more, "--name", "as told")
        assert done.exit_code == 0, done.output
        lines = done.output.splitlines()
        assert [line for line in lines if line.startswith("The file says ")] == told
        assert (f"As the file says, for you did not: {taken}." in lines) == bool(taken)
        card = read_run(workspace.writable / "runs" / "as told").card
        shutil.rmtree(workspace.writable / "runs" / "as told")
        assert (card.preprocessing.crop_share, card.preprocessing.interpolation) == (
            share,
            "bicubic" if taken else "bilinear",
        )


@pytest.mark.parametrize(("kind", "n_tensors"), [("2.7_80x80_MiniFASNetV2", 334), ("4_0_0_80x80_MiniFASNetV1SE", 370)])
def test_a_real_file_without_names_inside_asks_for_what_it_needs(workspace, kind, n_tensors, tmp_path):
    file = real("ckpt_minifasnet") / f"{kind}.pth"
    done = run_here("import-run", str(file), "--workspace", str(workspace.writable), cwd=tmp_path)
    said = " ".join(done.stdout.split())
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    assert left(workspace) == ["shapes-s0"]
    assert f"{n_tensors} tensors. Prefix 'module.' was taken off {n_tensors} names." in said
    assert "The file says of itself" not in said
    assert "By their shapes the weights have 3 outputs and 3 input channels. Name one with --architecture, or" in said
    assert "--architecture-file FILE.py" in said
    with_code = run(
        *(
            "import-run",
            str(file),
            "--architecture-file",
            str(Path(__file__).parents[2] / "own_resnet.py"),
            "--workspace",
            str(workspace.writable),
        ),
        *("--channels", "3", "--mean", "0,0,0", "--std", "1,1,1"),
        cwd=tmp_path,
    )
    assert "No architecture" not in with_code.stdout
    assert said.endswith(
        "Nothing was imported: give --name, --taxonomy, --architecture, --size, --fit, --channels, --mean, --std "
        "as well, as the model was trained."
    )
    given = ["--architecture", "resnet18", *PREPARED, "--channels", "3", "--mean", "0,0,0", "--std", "1,1,1"]
    assert "do not fit resnet18: " in refused(imported(workspace, file, *given), workspace)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (["--channels", "3", "--mean", "0,0,0", "--std", "1,1,1"], "takes 1 channel(s), 3 were declared"),
        (["--architecture", "resnet18"], "do not fit resnet18: "),
        (["--architecture", "no_such"], "timm has no architecture 'no_such'."),
        (["--taxonomy", "nothing"], "nothing"),
        (["--classes", "disc,bar"], "name each of them once"),
        (["--size", "0"], "Cannot read size '0'"),
        (["--mean", "a"], "Cannot read --mean 'a'"),
        (["--std", "0"], "Standard deviations must be positive"),
        (["--mean", "0.1,0.2"], "a mean and std for each"),
        (["--name", "../x"], "cannot stand in a path"),
        (["--name", "shapes-s0"], "is already there"),
        (["--weights", "ema"], "holds no weights 'ema'; there are state_dict."),
    ],
)
def test_what_does_not_fit_is_one_sentence_and_leaves_nothing(workspace, checkpoint, change, told):
    assert told in refused(imported(workspace, checkpoint, *PREPARED, *change), workspace)


def test_a_head_of_another_width_and_numbers_that_are_none(workspace, checkpoint, tmp_path):
    state = torch.load(checkpoint)["state_dict"]
    narrow = {key: value[:2] if ".fc." in key else value for key, value in state.items()}
    torch.save(narrow, tmp_path / "narrow.pth")
    told = refused(imported(workspace, tmp_path / "narrow.pth", *PREPARED), workspace)
    assert "narrow.pth has 2 outputs, taxonomy 'shapes' has 3 classes" in told
    state["module.fc.bias"][0] = float("nan")
    torch.save(state, tmp_path / "nan.pth")
    told = refused(imported(workspace, tmp_path / "nan.pth", *PREPARED), workspace)
    assert "holds numbers that are not finite (fc.bias)" in told


def test_the_imported_run_answers_as_the_trained_one(workspace, checkpoint):
    done = imported(workspace, checkpoint, *PREPARED, "--classes", ",".join(ORDER))
    assert done.exit_code == 0, done.output
    runs = {name: read_run(workspace.writable / "runs" / name) for name in ("mine", "shapes-s0")}
    for split in (Split.VALIDATION, Split.TEST):
        found, expected = (runs[name].predictions(split) for name in ("mine", "shapes-s0"))
        assert found.image_ids == expected.image_ids
        assert found.classes == expected.classes
        assert np.allclose(found.probabilities, expected.probabilities, atol=1e-6)
    said = " ".join(done.stdout.split())
    right = _accuracy(workspace, runs["shapes-s0"])
    assert f"Accuracy over validation: {100 * right:.1f} % (" in said
    assert "12 images of 6 patients, original labels, taxonomy shapes)" in said
    card = runs["mine"].card
    assert card.taxonomy == workspace.taxonomy("shapes")
    assert card.recipe["imported_from"] == "best.pth"
    assert card.recipe["sha256"] == hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    assert (card.licence, card.recipe["order"]) == ("not known", "blank, disc, bar")
    assert [one.run_id for one in workspace.runs()] == ["mine", "shapes-s0"]
    assert "is already there" in str(imported(workspace, checkpoint, *PREPARED, "--name", "shapes-s0").exception)


def _accuracy(workspace, one):
    said, dataset = one.predictions(Split.VALIDATION), workspace.dataset()
    truth = one.card.taxonomy.place_all([dataset.labels[image_id] for image_id in said.image_ids])
    return float((said.probabilities.argmax(axis=1) == truth).mean())
