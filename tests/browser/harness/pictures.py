"""Pictures and maps for the harness, drawn from a number."""

import io
import re
import time
from functools import cache

import numpy as np
from PIL import Image, ImageDraw
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

SIZE = (320, 240)
EMPTY = "The map is empty: nothing in this image raises the answer."


def routes() -> list[Route]:
    return [Route("/picture/{name}", picture), Route("/map/{kind}/{name}", drawn_map)]


def picture(request: Request) -> Response:
    return Response(_picture(_number(request)), media_type="image/jpeg")


def drawn_map(request: Request) -> Response:
    kind = request.path_params["kind"]
    if kind == "empty":
        return Response(EMPTY, status_code=409, media_type="text/plain")
    if kind == "slow":
        time.sleep(3)
    return Response(_map(_number(request)), media_type="image/png")


@cache
def _picture(number: int) -> bytes:
    random = np.random.default_rng(number)
    width, height = SIZE
    y, x = np.mgrid[0:height, 0:width]
    fan = (np.hypot(x - width / 2, y + 40) < 265) & (np.abs(np.arctan2(x - width / 2, y + 40)) < 0.62)
    centre, radius = random.uniform((130, 110), (190, 150)), random.uniform(38, 62)
    ring = np.exp(-((np.hypot((x - centre[0]) * 0.8, y - centre[1]) - radius) ** 2) / 40)
    grey = (40 + 130 * ring) * random.gamma(4, 0.25, (height, width)) * fan
    image = Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8))
    ImageDraw.Draw(image).text((8, 8), f"{number:04d}", fill=210)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=80)
    return out.getvalue()


@cache
def _map(number: int) -> bytes:
    random = np.random.default_rng(number)
    width, height = SIZE
    y, x = np.mgrid[0:height, 0:width]
    centre = random.uniform((130, 110), (190, 150))
    heat = np.exp(-(np.hypot(x - centre[0], y - centre[1]) ** 2) / 3000)
    rgba = np.stack([255 * heat, 160 * heat, 40 * (1 - heat), 255 * np.clip(heat * 1.3, 0, 1)], axis=-1)
    out = io.BytesIO()
    Image.fromarray(rgba.astype(np.uint8), "RGBA").save(out, "PNG")
    return out.getvalue()


def _number(request: Request) -> int:
    return int("".join(re.findall(r"\d+", request.path_params["name"])))
