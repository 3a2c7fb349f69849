"""`taxoscope look`: regions from the workspace's file, figures that other code finds too, files whole or not at all."""

import csv
import json
import os
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console

from dashboard.runs.region_attention import measure_region_attention, stored_region_attention
from dashboard.server_state.open_workspace import Desk
from model_zoo.checkpoints.load import load_model
from model_zoo.core.errors import RegionError, RunError, WorkspaceError
from model_zoo.core.explanation.cam_method import CamMethod
from model_zoo.core.explanation.occlusion import occlude
from model_zoo.core.explanation.regions import Box, Region
from model_zoo.core.label_space.splits import Split
from model_zoo.images.decoding import decode
from model_zoo.inference.predict import predict_images
from model_zoo.inference.region_attention_files import paths, read_attention
from model_zoo.inference.saliency import explain
from model_zoo.workspace.workspace import Workspace
from tests.browser.harness.animals import build_with_weights

DISC, CORNER = [30, 30, 66, 66], [0, 0, 12, 10]


@pytest.fixture(scope="module")
def animals(tmp_path_factory):
    """Animals with weights; regions of all validation images but the first, the second without a corner."""
    workspace = build_with_weights(tmp_path_factory.mktemp("look") / "animals")
    images = workspace.dataset().split(Split.VALIDATION)
    lines = [
        {"image_id": image.image_id, "regions": {"disc": [DISC], "corner": [CORNER] if k != 1 else []} if k else None}
        for k, image in enumerate(images)
    ]
    (workspace.writable / "regions.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n\n")
    return workspace


def look(workspace, run_id="seeing-s0", split=Split.VALIDATION, limit=None, together=(), method=CamMethod.GRAD_CAM):
    console = Console(width=400, no_color=True)
    with console.capture() as captured:
        measure_region_attention(workspace, run_id, split, limit, method, together, console)
    return captured.get()


def rows(path):
    with path.open(newline="") as lines:
        return list(csv.DictReader(lines))


def test_energies_and_answers_are_those_of_each_image_by_itself(animals):
    said = look(animals, together=["disc+corner"])
    run = next(one for one in animals.runs() if one.run_id == "seeing-s0")
    known = animals.dataset().split(Split.VALIDATION)[1:]
    _, energies, removals = paths(animals.writable, run.run_id, Split.VALIDATION)
    assert f"{len(known)} images of " in said
    table, moved = rows(energies), rows(removals)
    assert {row["region"] for row in table} == {"disc", "corner", "disc + corner"}
    assert len(table) == (3 * len(known) - 1) * 4  # layers; the second image has no corner
    assert len(moved) == 3 * len(known) - 1

    model, prepared, image = load_model(run), run.card.preprocessing, known[4]
    pixels = decode(animals.image_path(image))
    without = np.zeros((96, 96), np.bool_)
    without[30:66, 30:66] = True
    asked = predict_images(model, prepared, [pixels, Image.fromarray(occlude(np.asarray(pixels), without))])
    (row,) = [one for one in moved if one["image_id"] == image.image_id and one["region"] == "disc"]
    assert [row["before"], row["after"]] == [run.card.classes[k] for k in asked.argmax(axis=1)]

    layer = table[0]["layer"]
    heat = explain(model, torch.from_numpy(prepared.apply(pixels))[None], layer=layer).heat
    back = prepared.place_back(heat, 96, 96)
    (row,) = [one for one in table if (one["image_id"], one["region"], one["layer"]) == (image.image_id, "disc", layer)]
    if back.max() > 0:
        assert float(row["share"]) == pytest.approx(float(back[without].sum() / back.sum()), rel=1e-5)
    assert float(row["area"]) == pytest.approx(36 * 36 / 96 / 96)


def test_what_is_written_is_read_back_and_judged_alike(animals):
    look(animals, limit=9)
    run = next(one for one in animals.runs() if one.run_id == "seeing-s0")
    found_again = stored_region_attention(animals, run, animals.dataset(), Split.VALIDATION)
    assert (found_again.looks.n_images, found_again.looks.n_known) == (9, 36)
    assert "9 images of " in found_again.basis
    assert found_again.basis.endswith("drawn by chance from 36")
    assert found_again.looks == read_attention(animals.writable, run.run_id, Split.VALIDATION)
    spaces = [one.taxonomy.name for one in found_again.flows if one.region == "disc"]
    assert spaces == ["things", "kinds"]  # sizes cannot be told from things
    assert stored_region_attention(animals, run, animals.dataset(), Split.TEST) is None


def test_a_limit_draws_the_same_images_each_time(animals):
    look(animals, limit=7)
    first = rows(paths(animals.writable, "seeing-s0", Split.VALIDATION)[2])
    look(animals, limit=7)
    assert rows(paths(animals.writable, "seeing-s0", Split.VALIDATION)[2]) == first


def test_a_run_trained_anew_has_not_been_looked_at(animals):
    look(animals, limit=3)
    run = next(one for one in animals.runs() if one.run_id == "seeing-s0")
    anew = replace(run, card=replace(run.card, weights_sha256="0" * 64))
    assert stored_region_attention(animals, anew, animals.dataset(), Split.VALIDATION) is None


def test_maps_that_say_nothing_are_counted_and_have_no_share(animals):
    said = look(animals, run_id="blank-s0", limit=5)
    assert "5 maps empty" in said
    assert all(row["share"] == "" for row in rows(paths(animals.writable, "blank-s0", Split.VALIDATION)[1]))
    assert read_attention(animals.writable, "blank-s0", Split.VALIDATION) is not None


def test_tables_that_were_damaged_are_one_sentence(animals):
    look(animals, run_id="blank-s0", limit=2)
    paths(animals.writable, "blank-s0", Split.VALIDATION)[1].write_text("image_id\nx\n")
    with pytest.raises(RunError, match="run `uv run taxoscope look blank-s0` again"):
        read_attention(animals.writable, "blank-s0", Split.VALIDATION)


def test_stopped_half_way_it_leaves_nothing(animals, monkeypatch):
    opened = Workspace.decoded

    def stopped(workspace, image):
        if image.path.rpartition("/")[2] > "0070":
            raise KeyboardInterrupt
        return opened(workspace, image)

    monkeypatch.setattr(Workspace, "decoded", stopped)
    before = sorted((animals.writable / "looks").rglob("*"))
    with pytest.raises(KeyboardInterrupt):
        look(animals, run_id="seeing-s0", method=CamMethod.HIRES_CAM)
    assert sorted((animals.writable / "looks").rglob("*")) == before


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"run_id": "nobody"}, RunError, "`uv run taxoscope runs --workspace \\S*animals` lists them"),
        ({"split": Split.TEST}, WorkspaceError, "No image of the test split has known regions"),
        ({"together": ["disc+hat"]}, WorkspaceError, "no image here has a region 'hat'; the regions are corner, disc"),
    ],
)
def test_what_cannot_be_looked_at_is_one_sentence(animals, options, error, words):
    with pytest.raises(error, match="(?i)" + words.replace("+", r"\+")):
        look(animals, **options)


def test_the_desk_reads_regions_again_when_their_file_changes(fresh_animals):
    desk, path = Desk(fresh_animals), fresh_animals.writable / "regions.jsonl"
    assert desk.regions("i0000") == ()
    path.write_text('{"image_id": "i0000", "regions": {"disc": [[1, 2, 3, 4]]}}\n')
    assert desk.regions("i0000") == (Region("disc", (Box(1, 2, 3, 4),)),)
    path.write_text('{"image_id": "i0000", "regions": {"disc": [[1, 2, 3]]}}\n')
    os.utime(path, (1, 1))
    with pytest.raises(RegionError, match="Region 'disc' has a shape"):
        desk.regions("i0000")
    path.write_text("[]\n")
    with pytest.raises(WorkspaceError, match="line 1"):
        desk.regions("i0000")
