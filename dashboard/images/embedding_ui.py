"""Embedding plot of the listed images, with a lasso to select some."""

from collections.abc import Callable, Sequence

import numpy as np
import streamlit as st

from dashboard.address import fields
from dashboard.address.selection import Labels
from dashboard.evaluation.cell_images import ListedImage, n_patients
from dashboard.evaluation.nearest_images import embed_command
from dashboard.images.embedding import MIN_IMAGES, EmbeddingLayout, embedded_runs
from dashboard.images.embedding_plot import embedding_figure
from dashboard.server_state.open_workspace import Desk
from dashboard.ui import plots, state
from dashboard.words import counted, plain
from model_zoo.core.label_space.labels import Label
from model_zoo.core.label_space.splits import Split
from model_zoo.core.label_space.taxonomy import ELSEWHERE, OUTSIDE


def embedding_section(
    desk: Desk, mapped: Callable[[str, Split, str], EmbeddingLayout], listed: Sequence[ListedImage], split: Split | None
) -> tuple[str, ...]:
    """Draw the embedding plot of ``listed``; returns the ids inside the lasso, () if there is none."""
    splits = [split] if split else [Split.VALIDATION, Split.TEST, Split.TRAIN]
    stamps = {
        f"{run_id}/{one}": (run_id, one, stamp) for one in splits for run_id, stamp in embedded_runs(desk, one).items()
    }
    if not stamps:
        _how_to(desk, splits[0])
        return ()
    by, of = st.columns(2)
    wanted = fields.text(state.query(), "embedded")
    asked = wanted if wanted in stamps else next(iter(stamps))
    of.selectbox(
        "Alike in the eyes of",
        list(stamps),
        key=state.set_widget("image_map_run", asked),
        format_func=lambda one: f"{stamps[one][0]}, {stamps[one][1]} split",
        on_change=lambda: state.write_query({"embedded": [str(state.get("image_map_run"))]}),
    )
    run_id, asked_split, stamp = stamps[asked]
    found = mapped(run_id, asked_split, stamp)
    here = {one.image.image_id: one for one in listed}
    rows = [row for row, image_id in enumerate(found.image_ids) if image_id in here]
    if len(rows) < MIN_IMAGES:
        st.info(
            f"{counted(len(rows), 'image')} of this list {'is' if len(rows) == 1 else 'are'} embedded by "
            f"{plain(run_id)}, too few for a map. Set a filter back to 'any'."
        )
        return ()
    ids = [found.image_ids[row] for row in rows]
    labels = desk.labels(Labels.REVIEWED)
    kind = _kinds(desk, by)
    figure = embedding_figure(
        ids,
        found.places[rows],
        [kind(labels[one]) for one in ids],
        [desk.workspace.space.format(labels[one]) for one in ids],
        plots.theme(state.dark()),
    )
    key = f"image_map_{run_id}_{asked_split}_{state.get('bulk_round', 0)}"
    event = st.plotly_chart(figure, key=key, on_select="rerun", selection_mode=("lasso", "box"), theme=None)
    missing = len(listed) - len(rows)
    patients = n_patients([here[one] for one in ids])
    st.caption(
        f"{counted(len(rows), 'image')} of {counted(patients, 'patient')}, {asked_split} split, coloured by label, all "
        "decisions applied. Neighbours look alike to the run; distances between groups and the axes mean nothing "
        "(t-SNE, van der Maaten & Hinton 2008)."
        + (
            f" {counted(missing, 'image')} of the list {'is' if missing == 1 else 'are'} not embedded."
            if missing
            else ""
        )
    )
    if not event["selection"]["points"]:
        st.info(
            "Draw a loop around some points: their images appear here, chosen, to be looked at and labelled together."
        )
    picked = [point["customdata"] for point in event["selection"]["points"]]
    return tuple(str(np.ravel(one)[0]) for one in picked)


def _kinds(desk: Desk, where: st.delta_generator.DeltaGenerator) -> Callable[[Label], str]:
    """Color points by a label part, or by the classes of a taxonomy."""
    space, taxonomies = desk.workspace.space, desk.workspace.taxonomies()
    parts = {part.name: part.name for part in space.parts}
    offered = [*parts, *taxonomies]
    chosen = where.selectbox("Coloured by", offered, key="image_map_by", format_func=lambda one: parts.get(one, one))
    if chosen in parts:
        return lambda label: space.parts_of(label)[chosen] or "unknown or other"
    taxonomy = taxonomies[chosen]

    def class_of(label: Label) -> str:
        place = taxonomy.place(label)
        return ELSEWHERE if place == OUTSIDE else taxonomy.names[place]

    return class_of


def _how_to(desk: Desk, split: Split) -> None:
    run = next((run for run in desk.runs().values() if run.weights_path), None)
    if run is None:
        st.info("A map needs a run with weights: it shows which images look alike to a model.")
        return
    st.info(f"No run has embedded the {split} split yet. In a minute or two this shows which images look alike to one:")
    st.code(embed_command(desk, run.run_id, split), language=None, wrap_lines=True)
