"""The page Import with a model, end to end without a browser: given, asked, tried, written."""

import io
from argparse import Namespace

import pytest
import timm
import torch
from streamlit.testing.v1 import AppTest

from dashboard.server_state.open_workspace import desk
from model_zoo.workspace.workspace import PROJECT
from tests.drawn_workspace import make, shapes

ORDER = ["bar", "disc", "blank"]


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    made = make(tmp_path / "w")
    made.save_taxonomy(shapes(made))
    monkeypatch.setenv("TAXOSCOPE_WORKSPACE", str(made.writable))
    desk.cache_clear()
    yield made
    desk.cache_clear()


@pytest.fixture
def raw():
    torch.manual_seed(0)  # of other weights the map may be zero
    model = timm.create_model("test_resnet", num_classes=3, in_chans=1)
    out = io.BytesIO()
    torch.save({"args": {"img_size": 32}, "names": ORDER, "state_dict": model.state_dict()}, out)
    return out.getvalue()


@pytest.fixture
def page(workspace):
    at = AppTest.from_file(str(PROJECT / "dashboard" / "pages" / "app.py"), default_timeout=60)
    at.query_params["what"] = "model"
    at.run()
    return at.switch_page("import_page.py").run()


def said(at):
    kinds = (at.markdown, at.caption, at.error, at.warning, at.info, at.success, at.subheader)
    return " ".join(one.value for kind in kinds for one in kind)


def ended(at):
    """The page once no job runs any more."""
    for name in ("import_taking", "import_held", "import_tried"):
        if name in at.session_state:
            job = at.session_state[name][1]
            assert job.wait(120)
    return at.run()


def box(at, label):
    return next(one for one in at.selectbox if one.label.startswith(label))


def test_a_checkpoint_becomes_a_run_once_everything_was_answered_and_tried(page, workspace, raw):
    at = page
    assert not at.error, said(at)
    at.file_uploader[0].upload("model_best.pth.tar", raw, "application/octet-stream")
    at = ended(ended(at.run()))
    assert "What it does not say" in said(at)
    assert "Answer everything above as the model was trained" in said(at)
    assert next(one for one in at.text_input if one.label.startswith("Size")).value == "32"  # the file says so
    assert box(at, "Channels").value == 1  # its first layer says so
    for label in ("Architecture", "Taxonomy", "How images", "Interpolation", "Pixels", "Then"):
        assert box(at, label).value is None, label
    for label, value in (
        ("Architecture", "test_resnet"),
        ("Taxonomy", "shapes"),
        ("How images", "stretch"),
        ("Interpolation", "bilinear"),
        ("Pixels", 1.0),
    ):
        box(at, label).set_value(value)
        at.run()
    assert "prefilled: the file says so" in box(at, "Order of its outputs").label
    assert box(at, "Order of its outputs").value == f"as the file lists them: {', '.join(ORDER)}"
    next(one for one in at.text_input if one.label == "Name of the run").set_value("mine")
    box(at, "Then").set_value("subtract 0.5, divide by 0.5")
    at.run()
    assert not at.error, said(at)
    assert "1 × 32 × 32 numbers each" in said(at)
    at.button(key="import_try").click()
    at = ended(at.run())
    assert "Accuracy over validation" in said(at)
    assert "original labels, taxonomy shapes" in said(at)
    tried = next(one.value for one in at.dataframe if "preparation" in one.value)
    assert tried["preparation"].iloc[0] == "as given"
    assert len(tried) > 5
    assert "Where it looks: validation" in said(at).replace("\\", "")
    assert "grad-cam at" in said(at).replace("\\", "")
    assert not (workspace.writable / "runs").exists()
    at.button(key="import_write").click().run()
    assert "Run mine was written." in said(at).replace("\\", "")
    (run,) = workspace.runs()
    assert (run.run_id, run.card.recipe["order"], run.card.preprocessing.mean) == ("mine", ", ".join(ORDER), (0.5,))


def test_what_timms_args_say_is_filled_in_and_what_contradicts_them_is_told_before_the_trial(page, workspace):
    model, out = timm.create_model("test_resnet", num_classes=3, in_chans=3), io.BytesIO()
    args = Namespace(img_size=32, crop_pct=0.875, interpolation="bicubic", mean=[0.5, 0.4, 0.3], std=[0.2, 0.2, 0.2])
    torch.save({"args": args, "state_dict": model.state_dict()}, out)
    page.file_uploader[0].upload("model_best.pth.tar", out.getvalue(), "application/octet-stream")
    at = ended(ended(page.run()))
    assert box(at, "Interpolation").value == "bicubic"
    assert box(at, "Then (prefilled: the file says so)").value == (
        "as the file says: subtract 0.5, 0.4, 0.3, divide by 0.2, 0.2, 0.2"
    )
    assert box(at, "How images").value == "crop"  # the file names a share of one
    (share,) = at.number_input
    assert (share.label, share.value) == (
        "Of the crop only the inner share is kept (prefilled: the file says so)",
        0.875,
    )
    for label, value in (
        ("Architecture", "test_resnet"),
        ("Taxonomy", "shapes"),
        ("Pixels", 1.0),
        ("Order of its outputs", "the order of the taxonomy: disc, bar, blank"),
    ):
        box(at, label).set_value(value)
        at.run()
    next(one for one in at.text_input if one.label == "Name of the run").set_value("mine")
    at.run()
    (share,) = at.number_input
    assert (share.label, share.value) == (
        "Of the crop only the inner share is kept (prefilled: the file says so)",
        0.875,
    )
    assert not at.warning, said(at)
    share.set_value(1.0)
    box(at, "Interpolation").set_value("bilinear")
    at.toggle[0].set_value(True)
    at.run()
    (warned,) = at.warning
    told = "The file says crop share 0.875, you said 1. The file says interpolation bicubic, you said bilinear."
    assert warned.value.replace("\\", "") == told
    box(at, "Then").set_value("each image to mean 0 and std 1")
    at.run()
    assert "The file says mean 0.5,0.4,0.3, you said each image" in at.warning[0].value.replace("\\", "")
    at.button(key="import_try").click()
    at = ended(at.run())
    at.button(key="import_write").click().run()
    (run,) = workspace.runs()
    prepared = run.card.preprocessing
    assert (prepared.bgr, prepared.per_image, prepared.crop_share, prepared.fit) == (True, True, 1.0, "crop")


def test_what_is_no_model_is_one_sentence(page, workspace):
    page.file_uploader[0].upload("best.pth", b"version https://git-lfs.github.com/spec/v1", "text/plain")
    at = ended(page.run())
    assert "is a Git LFS pointer" in said(at).replace("\\", "")
    assert len(at.error) == 1
