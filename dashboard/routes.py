"""HTTP routes beside Streamlit: images, heatmaps, occluded images, nearest images, stored decisions."""

from collections.abc import Callable
from functools import wraps
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dashboard.address.fields import whole
from dashboard.address.links import image_url, read_occluded
from dashboard.decisions.stored_decisions import StoredDecisions
from dashboard.evaluation.nearest_images import nearest_in_embedding
from dashboard.guards import FOR_OWN_PAGES, from_other_site
from dashboard.inspect.occlusion import occlude_image
from dashboard.server_state.open_workspace import desk
from model_zoo.core.errors import LinkError, TaxoScopeError
from model_zoo.images.encoding import encode

_KINDS = {b"\x89PN": "image/png", b"\xff\xd8\xff": "image/jpeg", b"RIF": "image/webp"}
_GUARDED = {"X-Content-Type-Options": "nosniff", "Cross-Origin-Resource-Policy": "same-origin"}
_KEPT = _GUARDED | {"Cache-Control": "private, max-age=3600"}
WAIT_S = 1.0

Answer = Callable[[Request], Response]

_stored = StoredDecisions(lambda: desk().store)


def routes() -> list[Route]:
    """The routes that `server` mounts; an image's id may hold slashes, a run's cannot."""
    return [
        Route("/file/{image_id:path}", image_file),
        Route("/painted/{image_id:path}", painted_file),
        Route("/map/{run_id}/{image_id:path}", map_file),
        Route("/nearest/{run_id}/{image_id:path}", nearest_images),
        Route("/stored/{client_id}", stored_decisions),
    ]


def _for_own_pages(answer: Answer) -> Answer:
    """``answer`` with its errors as sentences: 404 for what is not there, 409 else; 403 for another site's page."""

    @wraps(answer)
    def guarded(request: Request) -> Response:
        if from_other_site(request.headers, request.method):
            return _sentence(FOR_OWN_PAGES, 403)
        try:
            return answer(request)
        except TaxoScopeError as error:
            return _refusal(error)

    return guarded


@_for_own_pages
def image_file(request: Request) -> Response:
    """The file of one image, as it is; others than PNG, JPEG and WebP of 8 bits are converted to PNG."""
    image_id = request.path_params["image_id"]
    raw = desk().image_bytes(image_id)
    kind = _KINDS.get(raw[:3])
    if kind is None or desk().grey(image_id) is not None:
        raw, kind = encode(desk().decoded(image_id)), "image/png"
    return Response(raw, media_type=kind, headers=_KEPT)


@_for_own_pages
def map_file(request: Request) -> Response:
    """A transparent PNG to lay over the image; 409 with a sentence where there is no map to draw."""
    from dashboard.evaluation.saliency import heatmap_picture

    picture = heatmap_picture(request.path_params["run_id"], request.path_params["image_id"], request.query_params)
    return Response(picture.png, media_type="image/png", headers=_KEPT | {"X-Caption": quote(picture.caption)})


@_for_own_pages
def nearest_images(request: Request) -> Response:
    """The images nearest to one in a run's embedding, as JSON: [{id, src, label_text, split, cosine, same_patient}]."""
    now = desk()
    found = nearest_in_embedding(now, request.path_params["run_id"], request.path_params["image_id"])
    told = [
        {
            "id": one.image.image_id,
            "src": image_url(one.image.image_id),
            "label_text": now.workspace.space.format(one.label),
            "split": str(one.image.split),
            "cosine": round(one.cosine, 3),
            "same_patient": one.same_patient,
        }
        for one in found
    ]
    return JSONResponse(told, headers=_GUARDED | {"Cache-Control": "no-store"})


async def stored_decisions(request: Request) -> Response:
    """Which decisions of one browser session are stored, of those numbered ``since`` or later.

    Their numbers stand in the header ``X-Stored``. Where none is stored yet the answer waits for one, for `WAIT_S` at
    most, and then lacks the header; so it does where the same session asks again meanwhile.
    """
    if from_other_site(request.headers, request.method):
        return _sentence(FOR_OWN_PAGES, 403)
    try:
        since = whole({"since": tuple(request.query_params.getlist("since"))}, "since", 1)
        found = await _stored.of(request.path_params["client_id"], since, WAIT_S)
    except TaxoScopeError as error:
        return _refusal(error)
    told = {"X-Stored": " ".join(map(str, found))} if found else {}
    return Response(status_code=204, headers=_GUARDED | {"Cache-Control": "no-store"} | told)


@_for_own_pages
def painted_file(request: Request) -> Response:
    """One image as PNG, with the regions and boxes of the address occluded."""
    asked = request.query_params
    away = read_occluded({name: tuple(asked.getlist(name)) for name in asked})
    painted = occlude_image(desk(), request.path_params["image_id"], away).occluded
    return Response(encode(painted), media_type="image/png", headers=_GUARDED | {"Cache-Control": "no-store"})


def _refusal(error: TaxoScopeError) -> Response:
    return _sentence(str(error), 404 if isinstance(error, LinkError) else 409)


def _sentence(text: str, status: int) -> Response:
    return Response(text, status, _GUARDED | {"Cache-Control": "no-store"}, "text/plain")
