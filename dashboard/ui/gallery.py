"""Image gallery component: a click opens an image; optionally images can be selected."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from dashboard.ui.component import component


@dataclass(frozen=True, slots=True)
class Tile:
    """One image: its id and address, the texts below it (``left`` and ``right``), and a badge or ''."""

    image_id: str
    src: str
    href: str
    left: str
    right: str
    below: str = ""
    badge: str = ""


def gallery(tiles: Sequence[Tile], *, key: str, chosen: Sequence[str] | None = None) -> str | None:
    """Draw the tiles; returns the id of the image that was just opened, or None.

    With ``chosen`` (the initial or stored selection) images can be selected. The session's ``key`` then holds
    ``chosen``, the ids in order of selection, including those of tiles shown earlier, and ``reviewer``, the name given
    on Review in this browser.
    """
    choosing = {"choosing": chosen is not None, "chosen": list(chosen or ())}
    draw = component(
        "gallery",
        '<div class="gallery-bar"></div><div class="gallery" role="list"></div>',
        ("ui/gallery.css",),
        ("ui/dom.js", "ui/gallery.js"),
    )
    result = draw(
        data={"tiles": [asdict(tile) for tile in tiles], **choosing},
        key=key,
        default={"chosen": list(chosen or ()), "reviewer": ""},
        on_open_change=lambda: None,
        on_chosen_change=lambda: None,
        on_reviewer_change=lambda: None,
    )
    return result.open
