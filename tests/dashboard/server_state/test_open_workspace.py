"""The desk: what changes is read again, what does not fit is said, uploads are held and let go."""

import io
import sqlite3
from contextlib import closing
from datetime import UTC, datetime

import pytest
from PIL import Image

from dashboard.address.selection import Labels
from dashboard.review.record_decision import decide
from dashboard.server_state import open_workspace as desk_module
from dashboard.server_state.open_workspace import Desk, kept_id
from model_zoo.core.errors import ImageError, LinkError
from model_zoo.core.label_space.splits import Split
from model_zoo.workspace.manifest import write_manifest


@pytest.fixture
def desk(fresh_animals):
    return Desk(fresh_animals)


def answer(desk, image_id, seq, kind="relabel", **more):
    proposal = {"client_id": "c", "seq": seq, "reviewer": "Ann", "image_id": image_id, "answer": kind, **more}
    outcome = decide(desk.store, desk.workspace.space, desk.dataset().labels, [proposal], lambda: datetime.now(UTC))
    assert not outcome.refused
    return outcome.stored[0]


def png(colour, size=(20, 10)):
    out = io.BytesIO()
    Image.new("L", size, colour).save(out, "PNG")
    return out.getvalue()


def test_each_change_is_a_revision_of_its_own(desk):
    seen = [desk.revision()]
    for k in range(6):
        images = desk.dataset().images
        write_manifest(desk.workspace.writable / "manifest.csv", images[: len(images) - k], desk.workspace.space)
        seen.append(desk.revision())
    answer(desk, "i0000", 0, after="cat.small")
    seen.append(desk.revision())
    (desk.workspace.writable / "runs" / "sizes-s0").rename(desk.workspace.writable / "gone")
    seen.append(desk.revision())
    assert len(set(seen)) == len(seen)
    assert "sizes-s0" not in desk.runs()


def test_only_labels_that_stand_are_counted(desk):
    first = answer(desk, "i0000", 0, after="dog.large")
    answer(desk, "i0001", 1, "cannot_tell")
    assert dict(desk.standing()) == {"i0000": desk.workspace.space.parse("dog.large")}
    answer(desk, "i0000", 2, "undo", undoes=first.decision_id)
    assert not desk.standing()
    assert desk.labels(Labels.REVIEWED) == desk.labels(Labels.ORIGINAL)


def test_a_decision_that_no_longer_fits_is_said_and_not_applied(desk):
    answer(desk, "i0000", 0, after="dog.large")
    answer(desk, "i0001", 1, after="cat.small")
    declaration = desk.workspace.writable / "workspace.toml"
    manifest = desk.workspace.writable / "manifest.csv"
    for path in (declaration, manifest, *(desk.workspace.writable / "taxonomies").iterdir()):
        path.write_text(path.read_text().replace("dog", "wolf"))
    again = Desk(type(desk.workspace).open(desk.workspace.writable))
    (sentence,) = again.obsolete()
    assert "'i0000'" in sentence
    assert "'dog'" in sentence
    assert set(again.standing()) == {"i0001"}
    assert again.labels(Labels.REVIEWED)["i0001"] == again.workspace.space.parse("cat.small")


def test_uploads_are_held_up_to_a_limit_and_decoded_once(desk, monkeypatch):
    one = desk.add_upload(png(10), "a.png")
    assert desk.image_bytes(one.upload_id) == png(10)
    assert desk.add_upload(png(10), "b.png").upload_id == one.upload_id
    monkeypatch.setattr(desk_module, "MAX_UPLOADS_BYTES", len(png(10)) + len(png(20)))
    two, three = desk.add_upload(png(20), "b.png"), desk.add_upload(png(30), "c.png")
    assert desk.upload(one.upload_id) is None
    assert desk.upload(two.upload_id)
    assert desk.upload(three.upload_id)
    with pytest.raises(ImageError, match="notes"):
        desk.add_upload(b"no image", "notes.png")
    monkeypatch.setattr(desk_module, "MAX_UPLOADS_BYTES", 5)
    with pytest.raises(ImageError, match="too large"):
        desk.add_upload(png(40), "d.png")


def test_a_kept_upload_has_the_id_foretold(desk):
    upload = desk.add_upload(png(77), "a.png")
    record = desk.workspace.keep(upload.raw, upload.name, desk.workspace.space.everything)
    assert record.image_id == kept_id(upload.upload_id)
    assert desk.image(record.image_id).split is Split.NONE


def test_what_is_not_there_is_one_sentence(desk):
    with pytest.raises(LinkError, match="no image 'nothing'"):
        desk.image_bytes("nothing")
    with pytest.raises(LinkError, match="no run 'nothing'"):
        desk.predictions("nothing", Split.TEST)
    path = desk.workspace.image_path(desk.image("i0003"))
    path.unlink()
    with pytest.raises(ImageError, match="0003"):
        desk.image_bytes("i0003")
    path.mkdir()
    with pytest.raises(ImageError, match="0003"):
        desk.image_bytes("i0003")


def test_decisions_are_in_the_file_that_is_named(desk):
    answer(desk, "i0000", 0, after="dog.large")
    with closing(sqlite3.connect(desk.workspace.decisions_path)) as database:
        assert database.execute('select image_id, "after" from decisions').fetchall() == [("i0000", "dog.large")]
