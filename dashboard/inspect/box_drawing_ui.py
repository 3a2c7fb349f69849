"""Component to draw boxes on an image: known regions outlined, with the occluded image beside it."""

from collections.abc import Callable, Sequence

from dashboard.address.links import MAX_BOXES, Occluded, image_url, painted_url
from dashboard.ui.component import component
from model_zoo.core.explanation.regions import Box, Region


def box_drawing(
    image_id: str, known: Sequence[Region], away: Occluded, *, key: str, on_boxes: Callable[[], None]
) -> None:
    """Draw the image, and beside it the image without the regions of ``away``, if any.

    ``on_boxes`` is called when a box is drawn, with the mouse or by numbers, or removed; the component's state
    ``boxes`` then lists all boxes as [left, top, right, bottom] in whole pixels.
    """
    data = {
        "image": image_url(image_id),
        "painted": painted_url(image_id, away) if away != Occluded() else None,
        "regions": [
            {
                "name": region.name,
                "chosen": region.name in away.regions,
                "shapes": [
                    [[s.x0, s.y0], [s.x1, s.y0], [s.x1, s.y1], [s.x0, s.y1]] if isinstance(s, Box) else s.points
                    for s in region.shapes
                ],
            }
            for region in known
        ],
        "boxes": [[int(box.x0), int(box.y0), int(box.x1), int(box.y1)] for box in away.boxes],
        "most": MAX_BOXES,
    }
    draw = component(
        "sketch",
        '<div class="viewer sketch"></div>',
        ("ui/frame.css", "inspect/box_drawing.css"),
        ("ui/dom.js", "inspect/box_drawing.js"),
    )
    draw(data=data, key=key, on_boxes_change=on_boxes)
