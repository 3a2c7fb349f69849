"""Real checkpoints of an architecture that no library has, on real images: what they are known to score."""

import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from dashboard.address.selection import Labels, Space
from dashboard.cli.models import commands
from dashboard.evaluation.comparison import compare, named_subjects
from model_zoo.core.evaluation.evaluation import accuracy
from model_zoo.core.label_space.splits import Split
from model_zoo.workspace.run import read_run
from model_zoo.workspace.workspace import Workspace
from tests.command import run_here
from tests.own_resnet import build
from tests.real_data import real

SOURCE = (Path(__file__).parents[2] / "own_resnet.py").read_text()
CLASSES = "airplane,automobile,bird,cat,deer,dog,frog,horse,ship,truck"
PREPARED = [
    *("--size", "32", "--fit", "stretch", "--channels", "3", "--classes", CLASSES, "--taxonomy", "fine"),
    *("--mean", "0.485,0.456,0.406", "--std", "0.229,0.224,0.225"),
]
KINDS = """
import torch
PROBABILITIES = True
class Kinds(ResNet):
    def forward(self, x):
        said = super().forward(x).softmax(dim=1)
        vehicle = said[:, [0, 1, 8, 9]].sum(dim=1, keepdim=True)
        return torch.cat([1 - vehicle, vehicle], dim=1)
def build(n_classes, channels):
    return Kinds(3, 10, channels)
"""
KINDS_OPTIONS = ["--taxonomy", "kinds", "--classes", "animal,vehicle"]


def workspace_of(folder, every):
    """A workspace of every so many-th test image."""
    with zipfile.ZipFile(real("cifar10_jpg") / "test.zip") as archive:
        names = sorted(name for name in archive.namelist() if not name.endswith("/"))
        archive.extractall(folder / "images", names[::every])
    for asked in (["init", "w"], ["import-data", "images", "--workspace", "w", "--no-check"]):
        done = run_here(*asked, cwd=folder)
        assert done.returncode == 0, done.stdout + done.stderr
    made = next((folder / "w" / "taxonomies").glob("*.toml"))
    (folder / "w" / "taxonomies" / "fine.toml").write_text(
        re.sub("^name = .*", 'name = "fine"', made.read_text(), count=1, flags=re.M)
    )
    made.unlink()
    (folder / "w" / "taxonomies" / "kinds.toml").write_text(
        'name = "kinds"\n[classes]\nanimal = ["bird", "cat", "deer", "dog", "frog", "horse"]\n'
        'vehicle = ["airplane", "automobile", "ship", "truck"]\n'
    )
    return folder / "w"


def imported(workspace, tmp_path, **wanted):
    """Name -> checkpoint, source of its model and more options, each imported as a run."""
    for name, (file, source, more) in wanted.items():
        (tmp_path / f"{name}.py").write_text(source)
        own = ["--architecture-file", str(tmp_path / f"{name}.py"), "--name", name, "--workspace", str(workspace)]
        done = CliRunner().invoke(commands, ["import-run", str(file), *PREPARED, *more, *own])
        assert done.exit_code == 0, done.output or done.exception


def test_a_sample_is_answered_as_plain_torch_answers_it(tmp_path):
    workspace, file = workspace_of(tmp_path, 50), real("cifar_resnet_ckpts_a") / "resnet20-12fca82f.th"
    imported(workspace, tmp_path, resnet20=(file, SOURCE, []), kinds=(file, SOURCE + KINDS, KINDS_OPTIONS))
    network = build(10, 3).eval()
    state = torch.load(file, weights_only=True, map_location="cpu")["state_dict"]
    network.load_state_dict({name.removeprefix("module."): value for name, value in state.items()})
    images = Workspace.open(workspace).dataset().images
    pixels = np.stack([np.asarray(Image.open(workspace / one.path).convert("RGB")) for one in images]) / 255
    pixels = (pixels - (0.485, 0.456, 0.406)) / (0.229, 0.224, 0.225)
    with torch.inference_mode():
        answers = network(torch.from_numpy(pixels.transpose(0, 3, 1, 2)).float()).softmax(dim=1).numpy()
    by_image = {one.image_id: answer for one, answer in zip(images, answers, strict=True)}
    for name, columns in (("resnet20", CLASSES.split(",")), ("kinds", ["animal", "vehicle"])):
        said = read_run(workspace / "runs" / name).predictions(Split.TEST)
        expected = np.array([by_image[image_id] for image_id in said.image_ids])
        if name == "kinds":
            vehicle = expected[:, [0, 1, 8, 9]].sum(axis=1)
            expected = np.stack([1 - vehicle, vehicle], axis=1)
        assert len(said.image_ids) == 200
        order = [columns.index(one) for one in said.classes]
        np.testing.assert_allclose(said.probabilities, expected[:, order], atol=1e-4)


@pytest.mark.full
def test_the_checkpoints_score_what_they_are_known_to_score(tmp_path):
    workspace, folder = workspace_of(tmp_path, 1), real("cifar_resnet_ckpts_a")
    imported(
        workspace,
        tmp_path,
        resnet20=(folder / "resnet20-12fca82f.th", SOURCE, []),
        resnet32=(folder / "resnet32-d509ac18.th", SOURCE.replace("ResNet(3,", "ResNet(5,"), []),
        kinds=(folder / "resnet20-12fca82f.th", SOURCE + KINDS, KINDS_OPTIONS),
    )
    opened = Workspace.open(workspace)
    dataset, series = opened.dataset(), opened.series()

    def shares(*names, space):
        subjects = named_subjects(series, names)
        judged = compare(subjects, space, Split.TEST, Labels.ORIGINAL, dataset.labels, dataset.patients)
        assert all(len(one.truth) == 10_000 for one in judged.evaluations)
        return judged.ground.names, [accuracy(one).mean for one in judged.evaluations]

    _, (twenty, thirty_two) = shares("resnet20", "resnet32", space=Space.NATIVE)
    assert twenty == pytest.approx(0.8103, abs=1e-3)
    assert thirty_two == pytest.approx(0.8256, abs=1e-3)
    ground, (by_fine, by_kinds) = shares("resnet20", "kinds", space=Space.COMMON)
    assert sorted(ground) == ["animal", "vehicle"]
    assert by_fine == pytest.approx(by_kinds, abs=0.01)  # one model, its answers mapped or its probabilities summed
    assert by_fine > twenty + 0.1
