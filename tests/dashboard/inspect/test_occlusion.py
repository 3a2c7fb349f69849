"""The counterfactual of one image: what is taken away, what is not there, and what the runs say then."""

import gc
import io
import json

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import load_file

from dashboard.address.links import Occluded
from dashboard.inspect.occlusion import DRAWN_BOXES, occlude_image, parse_boxes, predict_occluded
from dashboard.server_state.open_workspace import Desk
from model_zoo.core.errors import CheckpointError, LinkError, RegionError
from model_zoo.core.explanation.regions import Box
from tests.browser.harness.animals import build_with_weights


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    workspace = build_with_weights(tmp_path_factory.mktemp("away") / "animals")
    line = {"image_id": "i0000", "regions": {"disc": [[20, 30], [70, 30], [70, 66], [20, 66]], "hat": []}}
    (workspace.writable / "regions.jsonl").write_text(json.dumps(line) + "\n")
    yield Desk(workspace)
    gc.unfreeze()  # as torch wants at the end of the process


def test_regions_and_boxes_are_painted_out_together_and_nothing_else(desk):
    found = occlude_image(desk, "i0000", Occluded(("disc",), (Box(0, 0, 10, 5),)))
    assert list(found.removed_shapes) == ["disc", DRAWN_BOXES]
    gone = np.zeros((96, 96), np.bool_)
    gone[30:66, 20:70] = gone[:5, :10] = True
    before, after = np.asarray(found.image), np.asarray(found.occluded)
    assert (before[~gone] == after[~gone]).all()
    assert (before[gone] != after[gone]).any()


def test_uploads_are_painted_too(desk):
    out = io.BytesIO()
    Image.fromarray(np.pad(np.full((4, 4), 255, np.uint8), 8)).save(out, "PNG")
    upload = desk.add_upload(out.getvalue(), "square.png")
    assert not np.asarray(occlude_image(desk, upload.upload_id, Occluded(boxes=(Box(8, 8, 12, 12),))).occluded).any()


@pytest.mark.parametrize(
    ("away", "words"),
    [
        (Occluded(("hat",)), r"no known region 'hat' \(it has disc\); draw a box"),
        (Occluded(("tail",)), "no known region 'tail'"),
        (Occluded(boxes=(Box(96, 0, 120, 40),)), "Nothing of the image lies there; it has 96 x 96 pixels"),
        (Occluded(), "Nothing of the image lies there"),
    ],
)
def test_what_is_not_there_cannot_be_taken_away(desk, away, words):
    with pytest.raises(LinkError, match=words):
        occlude_image(desk, "i0000", away)


def test_the_answers_are_those_of_the_weights_by_other_code(desk):
    run = desk.runs()["seeing-s0"]
    painted = occlude_image(desk, "i0000", Occluded(("disc",)))
    spaces = list(desk.workspace.taxonomies().values())
    asked = predict_occluded(
        run, painted, spaces, {"method": "hires-cam", "depth": "3", "class": "no class of this run"}
    )
    model = timm.create_model("test_resnet", num_classes=len(run.card.classes), in_chans=1).eval()
    model.load_state_dict(load_file(run.weights_path))
    for image, said in ((painted.image, asked.before), (painted.occluded, asked.after)):
        pixels = np.asarray(image.convert("L").resize((224, 224), Image.Resampling.BILINEAR), np.float32) / 255
        pooled = torch.nn.functional.max_pool2d(torch.from_numpy(pixels)[None, None], 2)
        with torch.inference_mode():
            expected = torch.softmax(model((pooled - 0.2) / 0.2), dim=1)[0].numpy()
        assert np.abs(said - expected).max() <= 1e-4
    told = dict(zip([space.name for space in spaces], asked.moves, strict=True))
    assert told["sizes"] is None  # a size cannot be told from a thing
    assert told["things"].before == int(asked.before.argmax())
    assert told["kinds"].names[0] in ("animal", "vehicle", "logo")
    assert asked.energies["disc"].area == pytest.approx(36 * 50 / 96**2)
    assert asked.how.startswith("hires-cam of ")


def test_a_run_without_weights_says_so(desk):
    with pytest.raises(CheckpointError, match="has no model here"):
        predict_occluded(desk.runs()["kinds-s0"], occlude_image(desk, "i0000", Occluded(("disc",))), [], {})


def test_what_a_browser_tells_is_checked():
    assert parse_boxes([[1, 2, 3, 4], [0, 0, 9, 9]]) == Occluded(boxes=(Box(1, 2, 3, 4), Box(0, 0, 9, 9)))
    assert parse_boxes([]) == Occluded()
    for told in ([[3, 2, 1, 4]], [["1", 2, 3, 4]], "x", [[[0, 0], [1, 0], [0, 1]]], {"a": 1}):
        with pytest.raises(RegionError):
            parse_boxes(told)
