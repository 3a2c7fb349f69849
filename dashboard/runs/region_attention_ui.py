"""Section "region attention" of a run's page: heatmap energies on regions, and effects of occlusion."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import streamlit as st

from dashboard.address import fields, links
from dashboard.address.fields import Query
from dashboard.address.links import Occluded, Shown
from dashboard.runs import region_attention_words as words
from dashboard.runs.region_attention import RegionAttention, stored_region_attention
from dashboard.server_state.open_workspace import Desk
from dashboard.ui import plots, state
from dashboard.ui.charts import chart
from dashboard.ui.gallery import Tile, gallery
from dashboard.words import counted, plain
from model_zoo.core.errors import LinkError
from model_zoo.core.explanation.region_attention import OcclusionFlow
from model_zoo.core.label_space.splits import Split
from model_zoo.workspace.run import Run

MAX_TILES = 12


def region_attention_section(desk: Desk, run: Run, query: Query, theme: plots.Theme) -> dict[str, list[str]] | None:
    """Stored region attention; returns the address of the image that was just clicked."""
    split = Split.TEST if links.read_split(query, None) is Split.TEST else Split.VALIDATION
    splits = {
        one: stored_region_attention(desk.workspace, run, desk.dataset(), one) for one in (Split.VALIDATION, Split.TEST)
    }
    there = [one for one, what in splits.items() if what is not None]
    shown = splits[split if split in there or not there else there[0]]
    if shown is None:
        st.info(words.why_no_region_attention(desk.workspace, run, desk.workspace.folders))
        return None
    if len(there) > 1:
        st.segmented_control(
            "Split",
            there,
            key=state.set_widget("run_look_split", shown.looks.split),
            required=True,
            label_visibility="collapsed",
            on_change=lambda: state.write_query({"split": [str(state.get("run_look_split"))]}),
        )
    _energies(shown)
    regions = list(dict.fromkeys(one.region for one in shown.flows))
    if not regions:
        st.info("None of these images has a region in it, so nothing could be painted out.")
        return None
    asked = fields.text(query, "region") or regions[0]
    if asked not in regions:
        raise LinkError(f"Nobody painted out {asked[:100]!r} for this run; choose one of {', '.join(regions)}.")
    st.segmented_control(
        "Painted out",
        regions,
        key=state.set_widget("run_look_region", asked),
        required=True,
        format_func=plain,
        on_change=lambda: state.write_query({"region": [str(state.get("run_look_region"))]}),
    )
    return _flows(desk, shown, [one for one in shown.flows if one.region == asked], theme)


def _energies(shown: RegionAttention) -> None:
    if not shown.looks.layers:
        st.info(plain(words.NO_HEATMAP_ENERGIES))
        return
    st.caption(words.energies_note(shown.looks, shown.basis))
    rows = [words.energy_row(one, shown.looks) for one in shown.energies]
    st.table(pd.DataFrame(rows).set_index("layer (cells)"))


def _flows(
    desk: Desk, shown: RegionAttention, flows: Sequence[OcclusionFlow], theme: plots.Theme
) -> dict[str, list[str]] | None:
    own, looks = flows[0], shown.looks
    st.caption(words.flows_note(own.region, shown.basis))
    rows = [words.flow_row(one) for one in flows]
    st.table(pd.DataFrame(rows).set_index("label space"))
    true, after = np.nonzero(own.counts[:, :-1])
    if not len(true):
        return None
    names = own.taxonomy.names
    chart(
        plots.flow_figure(
            [("as it is", names), (f"without {own.region}", names)],
            np.column_stack([np.zeros(len(true)), true, after, own.counts[true, after]]),
            theme,
        ),
        f"run_look_flow_{own.region}",
    )
    return _images(desk, shown, own.region, looks.run_id)


def _images(desk: Desk, shown: RegionAttention, region: str, run_id: str) -> dict[str, list[str]] | None:
    """Images whose prediction changes by occlusion, each linked to the same occlusion test."""
    moved = [one for one in shown.looks.removals if one.region == region and one.before != one.after]
    st.caption(f"{counted(len(moved), 'image')} whose answer, right or wrong, becomes another; the first {MAX_TILES}:")
    there = {}
    for one in moved[:MAX_TILES]:
        inside = [part.name for part in desk.regions(one.image_id) if part.shapes]
        away = Occluded(tuple(name for name in inside if name == region or name in region.split(" + ")))
        there[one.image_id] = links.to_image(one.image_id, Shown((run_id,))) | away.query()
    classes = shown.looks.classes
    tiles = [
        Tile(one.image_id, below=f"{classes[one.before]} → {classes[one.after]}", query=there[one.image_id])
        for one in moved[:MAX_TILES]
    ]
    opened = gallery(tiles, key=f"run_look_images_{region}")
    return there.get(opened) if opened else None
