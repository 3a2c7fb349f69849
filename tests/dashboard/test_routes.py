"""Images and maps over HTTP, by id: what is sent, with which headers, and one sentence for what cannot be."""

import gc
import io
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote, unquote, urlencode

import numpy as np
import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

from dashboard.address.links import Occluded, image_url, painted_url
from dashboard.routes import routes
from dashboard.server_state.open_workspace import desk
from model_zoo.core.explanation.regions import Box
from model_zoo.core.label_space.splits import Split
from model_zoo.inference.embedding_files import Embeddings, write_embeddings
from model_zoo.workspace.manifest import ImageRecord, read_manifest, write_manifest
from tests.dashboard.histories import decision
from tests.second_workspace import build

ODD_IDS = [
    "a/b/c.png",
    "ünï cödé",
    "50%?#&+",
    "<script>alert(1)</script>",
    "x" * 500,
    "a//b",
    "upload-0",
    "' OR 1=1 --",
]


def map_url(run_id, image_id, **parameters):
    return f"/map/{quote(run_id, safe='')}/{quote(image_id, safe='')}?{urlencode(parameters)}"


def picture(kind):
    out = io.BytesIO()
    Image.new("RGB", (8, 6), (200, 10, 10)).save(out, kind)
    return out.getvalue()


FILES = {
    "png": picture("PNG"),
    "jpeg": picture("JPEG"),
    "webp": picture("WEBP"),
    "bmp": picture("BMP"),
    "tiff": picture("TIFF"),
    "text": b"root:x:0:0:root",
    "sound": b"RIFF\0\0\0\0WAVEfmt ",
    "empty": b"",
}


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    """The routes over animals with odd ids, files of all kinds, and a row whose path names a folder."""
    folder = tmp_path_factory.mktemp("routes") / "animals"
    workspace = build(folder, n_images=24)
    extra = [(image_id, "images/0000.png") for image_id in ODD_IDS]
    for name, raw in FILES.items():
        (folder / "images" / name).write_bytes(raw)
        extra.append((name, f"images/{name}"))
    extra += [("folder", "images"), ("lost", "images/lost.png"), ("long", "x" * 300)]
    records = [
        ImageRecord(image_id, path, Split.NONE, "", workspace.space.everything, {"camera": "A"})
        for image_id, path in extra
    ]
    manifest = folder / "manifest.csv"
    write_manifest(manifest, [*read_manifest(manifest, workspace.space), *records], workspace.space)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TAXOSCOPE_WORKSPACE", str(folder))
        desk.cache_clear()
        yield TestClient(Starlette(routes=routes()), base_url="http://localhost")
        desk.cache_clear()


def said(answer):
    """Status and sentence of a refusal, its headers checked."""
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "\n" not in answer.text
    return answer.status_code, answer.text


@pytest.mark.parametrize("image_id", ["i0000", *ODD_IDS])
def test_an_image_is_found_by_its_id_whatever_the_id(client, image_id):
    answer = client.get(image_url(image_id))
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/png")
    assert answer.content == desk().workspace.image_path(desk().image("i0000")).read_bytes()
    assert answer.headers["Cache-Control"].startswith("private")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    status, sentence = said(client.get(map_url("things-s0", image_id)))
    assert status == 409
    assert sentence.startswith("Run 'things-s0' has no model here")


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp", "bmp", "tiff"])
def test_browsers_get_what_they_can_show(client, kind):
    answer = client.get(image_url(kind))
    as_it_is = kind in ("png", "jpeg", "webp")
    assert answer.headers["Content-Type"] == f"image/{kind if as_it_is else 'png'}"
    assert (answer.content == FILES[kind]) == as_it_is
    with Image.open(io.BytesIO(answer.content)) as image:
        assert image.size == (8, 6)


@pytest.mark.parametrize(
    "image_id",
    [
        "nowhere",
        "",
        "../workspace.toml",
        "..%2f..%2fetc%2fpasswd",
        "/etc/passwd",
        "images/0000.png",
        "\0",
        "%ff",
        "i0000/",
    ],
)
def test_what_is_no_id_is_404_in_one_sentence_and_no_path(client, image_id):
    encoded = image_id if "%" in image_id else quote(image_id, safe="")
    status, sentence = said(client.get(f"/file/{encoded}"))
    assert status == 404
    assert sentence.startswith("There is no image ")
    assert sentence.endswith("in this workspace; open it from Images.")


@pytest.mark.parametrize("image_id", ["folder", "lost", "long"])
def test_an_image_whose_file_is_none_is_409_in_one_sentence(client, image_id):
    status, sentence = said(client.get(image_url(image_id)))
    assert status == 409
    assert sentence.startswith(f"Image {image_id!r} is no file at ")


@pytest.mark.parametrize("image_id", ["text", "empty"])
def test_a_file_that_is_no_image_is_not_sent(client, image_id):
    status, sentence = said(client.get(image_url(image_id)))
    assert status == 409
    assert "root" not in sentence


def test_a_map_of_what_is_not_there_is_404(client):
    for url in (map_url("nothing-s0", "i0000"), map_url("../things-s0", "i0000"), "/map/nothing-s0/"):
        status, sentence = said(client.get(url))
        assert status == 404
        assert sentence.startswith("There is no run ")
    status, sentence = said(client.get(map_url("things-s0", "i0000", method="magic")))
    assert status == 404
    assert "it can be" in sentence


def test_a_painted_image_is_a_png_in_which_only_the_box_has_changed(client):
    answer = client.get(painted_url("i0000", Occluded(boxes=(Box(10, 20, 40, 60),))))
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/png")
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    before = np.asarray(Image.open(io.BytesIO(client.get(image_url("i0000")).content)))
    after = np.asarray(Image.open(io.BytesIO(answer.content)))
    changed = np.argwhere((before != after).any(axis=2))
    assert (changed.min(axis=0) >= [20, 10]).all()
    assert (changed.max(axis=0) <= [59, 39]).all()


@pytest.mark.parametrize("query", ["", "?box=1,2", "?region=hat", "?box=500,500,600,600"])
def test_what_cannot_be_painted_out_is_404_in_one_sentence(client, query):
    status, _ = said(client.get(f"/painted/i0000{query}"))
    assert status == 404
    assert said(client.get(f"/painted/nowhere{query or '?box=0,0,9,9'}"))[0] == 404


@pytest.mark.parametrize(
    "path",
    [image_url("i0000"), image_url("nowhere"), "/painted/i0000?box=0,0,9,9", map_url("things-s0", "i0000")],
)
def test_other_sites_get_403_and_the_own_pages_do_not(client, path):
    for site in ("cross-site", "same-site", "x"):
        status, _ = said(client.get(path, headers={"Sec-Fetch-Site": site}))
        assert status == 403
    for site in ("same-origin", "none"):
        assert client.get(path, headers={"Sec-Fetch-Site": site}).status_code != 403


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_images_are_read_only(client, method):
    assert client.request(method, image_url("i0000")).status_code == 405


def test_a_map_is_a_transparent_png_with_a_caption(tmp_path, monkeypatch):
    monkeypatch.delenv("TAXOSCOPE_WORKSPACE", raising=False)
    monkeypatch.setenv("TAXOSCOPE_DEMO_FOLDER", str(tmp_path / "demo"))
    desk.cache_clear()
    try:
        run = next(run for run in desk().runs().values() if run.weights_path)
        image = desk().dataset().split(Split.TEST)[0]
        answer = TestClient(Starlette(routes=routes())).get(map_url(run.run_id, image.image_id))
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/png"), answer.text
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert " at " in unquote(answer.headers["X-Caption"])
        with Image.open(io.BytesIO(answer.content)) as overlay:
            assert overlay.mode == "RGBA"
    finally:
        desk.cache_clear()
        gc.unfreeze()  # as torch wants at the end of the process


def test_the_nearest_images_are_told_by_id_and_only_to_own_pages(client):
    now = desk()
    run, dataset = now.runs()["things-s0"], now.dataset()
    ids = tuple(image.image_id for image in dataset.split(Split.VALIDATION))
    vectors = np.random.default_rng(0).normal(size=(len(ids), 3)).astype(np.float32)
    write_embeddings(now.workspace.writable, run, dataset, Split.VALIDATION, Embeddings(ids, vectors))
    told = client.get(f"/nearest/things-s0/{quote(ids[0], safe='')}")
    assert told.headers["cache-control"] == "no-store"  # labels change
    lengths = np.linalg.norm(vectors, axis=1)
    cosines = vectors @ vectors[0] / lengths / lengths[0]
    wanted = [ids[k] for k in np.argsort(-cosines) if k != 0][:6]
    assert [one["id"] for one in told.json()] == wanted
    assert [one["src"] for one in told.json()] == [image_url(one) for one in wanted]
    assert [one["cosine"] for one in told.json()] == pytest.approx(np.sort(cosines)[::-1][1:7], abs=6e-4)
    assert all(one["split"] == "validation" for one in told.json())
    assert client.get("/nearest/gone-s0/i0000").status_code == 404
    assert client.get("/nearest/things-s0/gone").status_code == 404
    missing = client.get("/nearest/things-s0/i0000")  # of the test split
    assert missing.status_code == 404
    assert "taxoscope embed things-s0 --split test" in missing.text
    assert client.get("/nearest/things-s0/i0002", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403


def test_what_is_stored_of_one_browser_is_told_number_by_number(client):
    def sent(client_id, seq):
        return decision(client_id=client_id, seq=seq, image_id="i0000")

    desk().store.append([sent("tab", 1), sent("tab", 2), sent("tab", 4), sent("another", 3)])
    told = client.get("/stored/tab")
    assert (told.headers["X-Stored"], told.headers["Cache-Control"]) == ("1 2 4", "no-store")
    assert client.get("/stored/tab", params={"since": 2}).headers["X-Stored"] == "2 4"
    assert "X-Stored" not in client.get("/stored/tab", params={"since": 5}).headers
    assert "X-Stored" not in client.get("/stored/nobody").headers
    assert client.get("/stored/tab", params={"since": "x"}).status_code == 404
    assert client.get("/stored/tab", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403


def test_what_is_not_stored_yet_is_waited_for(client, monkeypatch):
    monkeypatch.setattr("dashboard.routes.WAIT_S", 60)
    waits = ThreadPoolExecutor().submit(client.get, "/stored/tab", params={"since": 7})
    with pytest.raises(TimeoutError):
        waits.result(timeout=0.3)
    desk().store.append([decision(client_id="tab", seq=7, image_id="i0000")])
    assert waits.result(timeout=10).headers["X-Stored"] == "7"
