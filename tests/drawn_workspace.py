"""A workspace of drawn discs and bars, small enough to train on in a second."""

import numpy as np
from PIL import Image, ImageDraw

from model_zoo.core.label_space.splits import Split
from model_zoo.core.label_space.taxonomy import Taxonomy
from model_zoo.images.decoding import Preprocessing
from model_zoo.training.train import Training
from model_zoo.workspace.manifest import ImageRecord, write_manifest
from model_zoo.workspace.workspace import Workspace

DECLARATION = 'lone = ["blank"]\n[parts]\nshape = ["disc", "bar"]\nshade = ["bright", "dim"]\n'
TINY = Training(
    architecture="test_resnet",
    epochs=2,
    batch_size=8,
    learning_rate=4e-3,
    weight_decay=0.05,
    pad_px=2,
    preprocessing=Preprocessing(1, (32, 32), mean=(0.2,), std=(0.2,)),
    version=1,
)


def draw(leaf, rng):
    image = Image.new("L", (32, 32), int(rng.integers(0, 40)))
    x, y = (int(v) for v in rng.integers(4, 12, 2))
    fill = 230 if leaf.endswith("bright") else 130
    if leaf.startswith("disc"):
        ImageDraw.Draw(image).ellipse((x, y, x + 14, y + 14), fill=fill)
    elif leaf.startswith("bar"):
        ImageDraw.Draw(image).rectangle((x, y, x + 16, y + 4), fill=fill)
    return image


def make(folder, n_train=41, relabel=lambda record: record, repaint=lambda record, image: image):
    """A workspace of 41 training, 12 validation and 12 test images; two training labels are unknown."""
    folder.mkdir()
    (folder / "workspace.toml").write_text(DECLARATION)
    workspace, rng = Workspace.open(folder), np.random.default_rng(0)
    records = []
    for split, n_images in ((Split.TRAIN, n_train), (Split.VALIDATION, 12), (Split.TEST, 12)):
        for k in range(n_images):
            leaf = workspace.space.leaves[k % 5]
            label = workspace.space.everything if split is Split.TRAIN and k in (3, 7) else frozenset({leaf})
            image_id = f"{split}-{k}"
            record = relabel(ImageRecord(image_id, f"{image_id}.png", split, f"{split}{k // 2}", label))
            repaint(record, draw(leaf, rng)).save(folder / record.path)
            records.append(record)
    write_manifest(folder / "manifest.csv", records, workspace.space)
    return workspace


def shapes(workspace):
    parse = workspace.space.parse
    return Taxonomy("shapes", {"disc": parse("disc.*"), "bar": parse("bar.*"), "blank": parse("blank")})
