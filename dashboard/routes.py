"""HTTP routes beside Streamlit's: image files and class activation maps, by id, never by path."""

from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dashboard.actions.desk import desk
from model_zoo.core.errors import LinkError, TaxoScopeError

_KINDS = {b"\x89PN": "image/png", b"\xff\xd8\xff": "image/jpeg", b"RIF": "image/webp", b"BM": "image/bmp"}
_HEADERS = {"Cache-Control": "private, max-age=3600", "X-Content-Type-Options": "nosniff"}


def routes() -> list[Route]:
    """The routes that `server` mounts."""
    return [Route("/file/{image_id}", image_file), Route("/map/{run_id}/{image_id}", map_file)]


def image_file(request: Request) -> Response:
    """The file of one image, as it is; others than PNG, JPEG and WebP are converted to PNG."""
    try:
        raw = desk().image_bytes(request.path_params["image_id"])
        kind = _KINDS.get(raw[:3])
        if kind is None:
            raw, kind = _as_png(raw), "image/png"
    except TaxoScopeError as error:
        return _sentence(error)
    return Response(raw, media_type=kind, headers=_HEADERS)


def map_file(request: Request) -> Response:
    """A transparent PNG to lay over the image; 409 with a sentence where there is no map to draw."""
    from dashboard.actions.explain import map_picture

    try:
        picture = map_picture(request.path_params["run_id"], request.path_params["image_id"], request.query_params)
    except TaxoScopeError as error:
        return _sentence(error)
    return Response(picture.png, media_type="image/png", headers=_HEADERS | {"X-Caption": quote(picture.caption)})


def _as_png(raw: bytes) -> bytes:
    import io

    from model_zoo.images import decode

    out = io.BytesIO()
    decode(raw).save(out, "PNG")
    return out.getvalue()


def _sentence(error: TaxoScopeError) -> Response:
    status = 404 if isinstance(error, LinkError) else 409
    return Response(str(error), status_code=status, media_type="text/plain", headers={"Cache-Control": "no-store"})
