"""Zoom, pan and the window of grey values in Review: what is written beside the image against its computed style."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Open


def test_an_image_is_zoomed_and_its_window_set_without_leaving_the_keys(opened: Open) -> None:
    page = opened("review")
    expect(page.locator(".reviewer")).to_have_attribute("data-image", re.compile("."), timeout=30_000)
    image = page.locator(".frame .image")

    def style() -> tuple[list[float], list[float]]:
        transform, shades = image.evaluate("one => { const s = getComputedStyle(one); return [s.transform, s.filter] }")
        return [float(v) for v in re.findall(r"-?[\d.]+(?:e-?\d+)?", transform)], [
            float(v) for v in re.findall(r"-?[\d.]+(?:e-?\d+)?", shades)
        ]

    width = page.locator(".frame").evaluate("one => one.clientWidth")
    page.keyboard.press("+")
    expect(page.locator(".sight")).to_have_text("zoom 1.5×")
    scale, _, _, _, x, _ = style()[0]
    assert (scale, x) == (1.5, pytest.approx(-width / 4, abs=0.6))  # about the middle
    for _ in range(4):
        page.keyboard.press("[")
    page.keyboard.press(".")
    expect(page.locator(".sight")).to_have_text("zoom 1.5× · window 13–217")  # 0.1..0.9, then 0.05 lower
    brightness, contrast = style()[1]
    shown = [(grey / 255 * brightness - 0.5) * contrast + 0.5 for grey in (0.05 * 255, 0.85 * 255)]
    assert shown == pytest.approx([0, 1], abs=1e-3)
    page.keyboard.press("j")
    expect(page.locator(".sight")).to_have_text("window 13–217")  # the next image: whole, in the same window
    page.keyboard.press("Home")
    expect(page.locator(".sight")).to_have_text("")
    assert style() == ([1, 0, 0, 1, 0, 0], [])
    box = page.locator(".frame").bounding_box()
    assert box
    page.mouse.move(box["x"] + 10, box["y"] + 10)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -400 * 0.6931)
    page.keyboard.up("Control")
    expect(page.locator(".sight")).to_have_text("zoom 2.0×")
    page.mouse.down()
    page.mouse.move(box["x"] - 90, box["y"] + 10)
    page.mouse.up()
    assert style()[0][4] == pytest.approx(-110, abs=2)  # 10 px from the pointer's place, 100 px dragged
    page.mouse.dblclick(box["x"] + 50, box["y"] + 50)
    expect(page.locator(".sight")).to_have_text("")
