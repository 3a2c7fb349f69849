"""Image gallery component: a click opens an image; optionally images can be selected."""

from collections.abc import Sequence
from dataclasses import dataclass

from dashboard.address.fields import Query
from dashboard.address.links import image_url, page_url
from dashboard.ui.component import component


@dataclass(frozen=True, slots=True)
class Tile:
    """One image, the texts beside its id and below it, and a badge or ''; it opens in Inspect with ``query``."""

    image_id: str
    right: str = ""
    below: str = ""
    badge: str = ""
    query: Query | None = None

    @property
    def data(self) -> dict[str, str]:
        """What `gallery.js` draws."""
        href = page_url("inspect", self.query or {"image": [self.image_id]})
        texts = {"left": self.image_id, "right": self.right, "below": self.below, "badge": self.badge}
        return {"image_id": self.image_id, "src": image_url(self.image_id), "href": href, **texts}


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
        data={"tiles": [tile.data for tile in tiles], **choosing},
        key=key,
        default={"chosen": list(chosen or ()), "reviewer": ""},
        on_open_change=lambda: None,
        on_chosen_change=lambda: None,
        on_reviewer_change=lambda: None,
    )
    return result.open
