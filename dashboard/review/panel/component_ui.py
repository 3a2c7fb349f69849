"""The reviewer: a queue of images, each answered by keyboard or mouse."""

from collections.abc import Callable, Mapping
from typing import Any

from dashboard.ui.component import component

_SCRIPTS = (
    "review/panel/label_algebra.js",
    "review/panel/outbox.js",
    "ui/dom.js",
    "review/panel/buttons.js",
    "review/panel/zoom_window.js",
    "review/panel/search.js",
    "review/panel/nearest_images.js",
    "review/panel/flags.js",
    "review/panel/state.js",
    "review/panel/image_view.js",
    "review/panel/label_editor.js",
    "review/panel/panel.js",
)


def reviewer(data: Mapping[str, Any], *, key: str, on_log: Callable[[], None]) -> Any:
    """Draw the queue; ``on_log`` is called when decisions arrive, as ``st.session_state[key].log``.

    The log holds every proposal that the browser does not yet know to be stored, oldest first. The
    same ones come again until ``acked`` or ``rejected`` names them, also after a reload, from another
    page with a reviewer, or to a new server. ``st.session_state[key].reviewer`` is the name given.

    ``data``, all of it JSON (a question mark: may be absent):

    - ``acked``: {client_id: highest stored seq}; ``rejected``: [{client_id, seq, sentence}].
    - ``space``: {parts: [{name, values}], lone: [leaf], leaves: {leaf: [value per part], [] if lone}}.
    - ``taxonomies``: [{name, classes: {class: [leaf]}}], offered for an answer by class.
    - ``items``: the next images of the queue, in order: {id, src, caption, label: [leaf], label_text,
      original_text, why, says: [{who, agree, top: [{name, p, is_label?}], run_ids?}],
      maps: [{who, url}], answered, chosen_by?, disagree?: who says what where runs differ, flagged?: by whom}.
    - ``n_left`` and ``n_total`` of the whole queue; a queue of one image stays on it (``single``?).
    - ``position``: the image to show first, or None. ``queue``?: a name; another one starts afresh.
    - ``chosen_by``?: written into each proposal as it was when it was made; so is whether the reviewer worked blind,
      with earlier labels, reasons and what the runs say hidden. ``blind``?: always so; ``second``?: so until the
      reviewer asks to see them. ``adjudicates``?: whether the answers end disagreements, which each proposal says.
    - ``reviewer``?: for whom the items were chosen, '' before a name is known.
    - ``reasons``?: that a reviewer can give; ``pace``?: images that the reviewer has answered in the last hour.
    - ``nearest``?: {run_ids, command}: the runs that can tell the nearest images, or the command that makes one able.
    - ``compact``?: without the image, which stands elsewhere on the page.
    - ``strength``?: of the map at first; ``empty``?: what to do when no image waits.
    """
    styles = ("ui/frame.css", "review/panel/panel.css")
    return component("reviewer", '<div class="reviewer"></div>', styles, _SCRIPTS)(
        data={**data, "key": key},
        key=key,
        default={"log": [], "reviewer": ""},
        on_log_change=on_log,
        on_reviewer_change=lambda: None,
    )
