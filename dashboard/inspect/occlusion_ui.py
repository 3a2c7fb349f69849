"""Section "occlusion test" of Inspect: a region is painted over, and predictions before and after are compared."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import streamlit as st

from dashboard.address import links
from dashboard.address.fields import Query
from dashboard.address.links import Occluded
from dashboard.inspect.box_drawing_ui import box_drawing
from dashboard.inspect.occlusion import OcclusionResult, occlude_image, parse_boxes, predict_occluded
from dashboard.server_state.open_workspace import Desk
from dashboard.ui import state
from dashboard.words import plain, points_text, share_text
from model_zoo.core.errors import CheckpointError, MissingPackageError, TaxoScopeError
from model_zoo.core.explanation.region_attention import PredictionChange
from model_zoo.workspace.run import Run

TOP = 4
_BOXES = "take_away_sketch"


def occlusion_test(desk: Desk, runs: Sequence[Run], image_id: str, query: Query, options: Mapping[str, str]) -> None:
    """Select or draw a region and show predictions without it; the choice is kept in the address."""
    away = links.read_occluded(query)
    with st.expander("Take it away: paint a part of the image out and ask again", expanded=away != Occluded()):
        _section(desk, runs, image_id, away, options)


def _section(desk: Desk, runs: Sequence[Run], image_id: str, away: Occluded, options: Mapping[str, str]) -> None:
    st.caption(
        "Stronger evidence than any map: if an answer hangs on a part of the image, it moves when that part is gone. "
        "What is painted out is filled with what lies around it."
    )
    known = [region for region in desk.regions(image_id) if region.shapes]
    if known:
        st.pills(
            "Known regions",
            [region.name for region in known],
            selection_mode="multi",
            key=state.set_widget("take_away_regions", [one.name for one in known if one.name in away.regions]),
            format_func=plain,
            on_change=lambda: state.write_query({"region": list(state.get("take_away_regions") or [])}),
        )
    box_drawing(image_id, known, away, key=_BOXES, on_boxes=state.guarded(_write_boxes))
    if away == Occluded():
        return
    try:
        with st.spinner("Asking the runs again…", show_time=False):
            _answers(desk, runs, image_id, away, options)
    except TaxoScopeError as error:
        st.info(plain(str(error)))


def _write_boxes() -> None:
    drawing = state.get(_BOXES)
    boxes = drawing.get("boxes") if isinstance(drawing, Mapping) else getattr(drawing, "boxes", None)
    state.write_query({"box": parse_boxes(boxes or []).query()["box"]})


def _answers(desk: Desk, runs: Sequence[Run], image_id: str, away: Occluded, options: Mapping[str, str]) -> None:
    painted, spaces = occlude_image(desk, image_id, away), list(desk.workspace.taxonomies().values())
    asked: list[OcclusionResult] = []
    for run in runs:
        try:
            asked.append(predict_occluded(run, painted, spaces, options))
        except (CheckpointError, MissingPackageError) as error:
            st.info(plain(str(error)))
    if not asked:
        return
    for one, column in zip(asked, st.columns(max(2, min(3, len(asked)))) * 2, strict=False):
        column.markdown(f"**{plain(one.run.run_id)}** · {_verdict(one)}")
        column.table(_probabilities(one))
    st.caption(
        "The answers told in each label space of the workspace (answer, then mapped), with the probability of "
        "what was answered before. “–”: this run's answer cannot be told there."
    )
    texts = {plain(one.run.run_id): [_move_text(move) for move in one.moves] for one in asked}
    names = [f"{plain(space.name)} ({len(space.classes)})" for space in spaces]
    st.table(pd.DataFrame(texts, index=pd.Index(names, name="label space")))
    st.caption(
        "Where each run's map of the untouched image lies: "
        + plain("; ".join(f"{o.run.run_id}: {o.how}" for o in asked))
    )
    if rows := [row for one in asked for row in _energy_rows(one)]:
        st.table(pd.DataFrame(rows).set_index("run"))


def _verdict(one: OcclusionResult) -> str:
    classes = one.run.card.classes
    before, after = classes[int(one.before.argmax())], classes[int(one.after.argmax())]
    return f"stays {plain(before)}" if before == after else f"{plain(before)} → {plain(after)}"


def _probabilities(one: OcclusionResult) -> pd.DataFrame:
    """The most probable classes before or after."""
    order = np.argsort(-np.maximum(one.before, one.after), kind="stable")[:TOP]
    rows = [
        {
            "class": plain(one.run.card.classes[k]),
            "as it is": share_text(float(one.before[k])),
            "painted out": share_text(float(one.after[k])),
            "change": f"{points_text(float(one.after[k] - one.before[k]))} points",
        }
        for k in order
    ]
    return pd.DataFrame(rows).set_index("class")


def _move_text(move: PredictionChange | None) -> str:
    if move is None:
        return "–"
    before, after = map(plain, move.names)
    shares = f"{share_text(move.probability_before)} → {share_text(move.probability_after)}"
    return f"**{before} → {after}** · {shares}" if move.moved else f"{before} · {shares}"


def _energy_rows(one: OcclusionResult) -> list[dict[str, str]]:
    return [
        {
            "run": plain(one.run.run_id),
            "region": plain(name),
            "share of the map's energy": share_text(energy.share),
            "share of the area": share_text(energy.area),
            "energy per area": "–" if np.isnan(energy.ratio) else f"{energy.ratio:.2f} ×",
            "highest place on it": "–" if np.isnan(energy.share) else "yes" if energy.peak else "no",
        }
        for name, energy in one.energies.items()
    ]
