"""Real checkpoints of an architecture that no library has, on real images: what they are known to score."""

import re
import zipfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dashboard.address.selection import Labels, Space
from dashboard.cli.models import commands
from dashboard.evaluation.comparison import compare, named_subjects
from model_zoo.core.evaluation.evaluation import accuracy
from model_zoo.core.label_space.splits import Split
from model_zoo.workspace.workspace import Workspace
from tests.command import run_here
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


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    archive = real("cifar10_jpg") / "test.zip"
    folder = tmp_path_factory.mktemp("cifar")
    zipfile.ZipFile(archive).extractall(folder / "images")
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


def test_the_checkpoints_score_what_they_are_known_to_score(workspace, tmp_path):
    checkpoints = real("cifar_resnet_ckpts_a")
    wanted = {
        "resnet20": ("resnet20-12fca82f.th", SOURCE, []),
        "resnet32": ("resnet32-d509ac18.th", SOURCE.replace("ResNet(3,", "ResNet(5,"), []),
        "kinds": ("resnet20-12fca82f.th", SOURCE + KINDS, ["--taxonomy", "kinds", "--classes", "animal,vehicle"]),
    }
    for name, (file, source, more) in wanted.items():
        (tmp_path / f"{name}.py").write_text(source)
        own = ["--architecture-file", str(tmp_path / f"{name}.py"), "--name", name, "--workspace", str(workspace)]
        done = CliRunner().invoke(commands, ["import-run", str(checkpoints / file), *PREPARED, *more, *own])
        assert done.exit_code == 0, done.output or done.exception
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
