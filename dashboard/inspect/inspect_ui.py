"""Sections of the page Inspect: upload, run selection, heatmaps and decisions."""

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

import numpy as np
import pandas as pd
import streamlit as st

from dashboard.address import fields
from dashboard.address.fields import Query
from dashboard.address.links import Shown, image_url, map_url
from dashboard.address.selection import Labels
from dashboard.decisions.consensus import history_of_image as history_of
from dashboard.evaluation.comparison import Subject
from dashboard.evaluation.saliency import DEPTHS
from dashboard.inspect.viewer_ui import viewer
from dashboard.server_state.loaded_models import predict
from dashboard.server_state.open_workspace import Desk, Upload, kept_id
from dashboard.ui import state
from dashboard.ui.decision_table import rows
from dashboard.words import counted, plain
from model_zoo.core.errors import CheckpointError, LinkError, MissingPackageError, TaxoScopeError
from model_zoo.core.explanation.cam_method import CamMethod
from model_zoo.core.label_space.labels import Label
from model_zoo.core.label_space.splits import Split
from model_zoo.core.label_space.taxonomy import OUTSIDE
from model_zoo.images.decoding import file_is_deep
from model_zoo.images.formats import ENDINGS
from model_zoo.images.grey_scale import FULL
from model_zoo.untrusted.limits import limits
from model_zoo.workspace.run import Run

MAX_RUNS = 6
TOP = 4


def uploader(desk: Desk) -> list[Upload]:
    """Uploaded images that could be decoded; shows one sentence for each of the others."""
    with st.expander(
        f"Upload images ({', '.join(ENDINGS)}; several at once)", expanded=bool(state.get("inspect_files"))
    ):
        files = st.file_uploader(
            "Images",
            type=[ending for endings in ENDINGS.values() for ending in endings],
            accept_multiple_files=True,
            key="inspect_files",
            label_visibility="collapsed",
            max_upload_size=limits().image_mb,
        )
        st.caption("Uploads stay in this server's memory until you keep one. Nothing leaves this machine.")
    held = []
    for file in files or []:
        try:
            held.append(desk.add_upload(file.getvalue(), file.name))
            if held[-1].grey is None and file_is_deep(held[-1].raw):
                st.info(plain(f"{file.name} has more than 8 bits and says no depth: {FULL.text} is read as 0 to 255."))
        except TaxoScopeError as error:
            st.error(plain(str(error)))
    return held


def nothing_open(shown: Shown) -> None:
    """Explain how to open an image."""
    st.info("No image is open yet. Choose one in Images or behind a number of Compare, or upload some above.")
    with st.container(horizontal=True):
        for page, label, icon in (
            ("images", "Choose an image", ":material/photo_library:"),
            ("compare", "Open Compare", ":material/grid_on:"),
        ):
            st.page_link(f"{page}.py", label=label, icon=icon, query_params=shown.query())


def choose_upload(uploads: Sequence[Upload], asked: str | None) -> str | None:
    """Select the image: an upload, or the one in the address."""
    names = {one.upload_id: one.name for one in uploads if asked != kept_id(one.upload_id)}
    if asked:
        names[asked] = f"from the workspace: {asked}"
    if len(names) == 1:
        return next(iter(names))
    return st.segmented_control(
        "Image",
        list(names),
        format_func=lambda one: plain(names[one]),
        default=asked if asked and len(names) == len(uploads) else next(iter(names)),
        required=True,
        key=f"inspect_which_{asked}",
    )


def run_picker(known: Mapping[str, Subject], shown: Shown) -> list[Run]:
    """The runs to show side by side; a run group is represented by its first seed by default."""
    by_id = {run.run_id: run for subject in known.values() for run in subject.runs}
    opened = list(dict.fromkeys(known[one].runs[0].run_id for one in shown.subjects))[:MAX_RUNS]
    st.multiselect(
        f"Runs side by side (at most {MAX_RUNS})",
        sorted(by_id),
        max_selections=MAX_RUNS,
        key=state.set_widget("inspect_runs", opened),
        on_change=lambda: state.write_query({"of": state.get("inspect_runs") or [""]}),
        placeholder="Choose runs",
    )
    return [by_id[run_id] for run_id in opened]


def heatmap_options(runs: Sequence[Run], query: Query) -> dict[str, str]:
    """Method, layer and target class of the heatmaps, kept in the address."""
    method = fields.choice(query, "method", CamMethod, CamMethod.GRAD_CAM)
    depth = min(fields.whole(query, "depth", 1), len(DEPTHS))
    names = list(dict.fromkeys(name for run in runs for name in run.card.classes))
    asked = fields.text(query, "class") or ""
    if asked and runs and asked not in names:
        raise LinkError(f"No chosen run knows a class {asked[:100]!r}; choose one of {', '.join(names)}.")
    columns = st.columns([2, 2, 2])
    with columns[0]:
        st.selectbox(
            "Map",
            list(CamMethod),
            key=state.set_widget("inspect_method", method),
            help="How features and gradients become a map. HiRes-CAM and Layer-CAM keep each place's own gradient; "
            "Grad-CAM and its kin average it over the image first, which can light up places that played no part.",
            on_change=lambda: state.write_query({"method": [str(state.get("inspect_method"))]}),
        )
    with columns[1]:
        st.select_slider(
            "Depth of the map",
            DEPTHS,
            key=state.set_widget("inspect_depth", DEPTHS[depth - 1]),
            help="Coarse maps (last stage) show what the decision rests on; fine ones (early stage) where exactly: "
            "only they can tell a small mark from what lies under it.",
            on_change=lambda: state.write_query({"depth": [str(DEPTHS.index(state.get("inspect_depth")) + 1)]}),
        )
    with columns[2]:
        st.selectbox(
            "Class to explain",
            ["", *names],
            key=state.set_widget("inspect_class", asked if asked in names else ""),
            disabled=not method.uses_class,
            format_func=lambda name: name or "what each run predicts",
            help=None if method.uses_class else "Eigen-CAM ignores the class: it shows what stands out to the model.",
            on_change=lambda: state.write_query({"class": [one for one in [state.get("inspect_class")] if one]}),
        )
    if not method.uses_class:
        st.caption("Eigen-CAM ignores the class: the map is the same whatever the answer.")
    return {"method": str(method), "depth": str(depth), "class": asked}


def header(desk: Desk, image_id: str) -> None:
    """Image id and label."""
    if upload := desk.upload(image_id):
        st.markdown(f"**{plain(upload.name[:120])}** · uploaded, not kept")
        st.caption("A model chooses among its own classes, whatever the image shows, and may sound sure of it.")
        return
    image, space = desk.image(image_id), desk.workspace.space
    standing = desk.labels(Labels.REVIEWED)[image_id]
    where = "in no split" if image.split is Split.NONE else f"{image.split} split"
    text = f"**{plain(image.image_id)}** · {where} · patient {plain(image.patient_id or 'unknown')}"
    known = image.label != space.everything
    text += f" · label **{plain(space.format(image.label))}**" if known else " · not labelled yet"
    if standing != image.label:
        text += f" → **{plain(space.format(standing))}** as reviewed"
    columns = {name.replace("_", " "): value for name, value in image.columns.items() if value}
    text += "".join(f" · {plain(name)} {plain(value[:100])}" for name, value in columns.items())
    st.markdown(text + (" · **the models learned from this image**" if image.split == "train" else ""))


def panels(desk: Desk, runs: Sequence[Run], image_id: str, options: Mapping[str, str]) -> None:
    """The image under each run's heatmap, with the highest probabilities; heatmaps appear once computed."""
    if not runs:
        st.info("Choose at least one run to see what it says.")
        return
    label = None if desk.upload(image_id) else desk.labels(Labels.REVIEWED)[image_id]
    with st.spinner("Asking the runs…", show_time=False):
        drawn = [_panel(desk, run, image_id, options, label) for run in runs]
    viewer(drawn)


def _panel(desk: Desk, run: Run, image_id: str, options: Mapping[str, str], label: Label | None) -> dict[str, object]:
    asked = {name: value for name, value in options.items() if value}
    if asked.get("class") not in (None, *run.card.classes):
        asked.pop("class")
    has_map = run.weights_path is not None
    state = None if has_map else "This run has no weights, so no map can be computed."
    right, alone = run.card.taxonomy.place(label) if label else OUTSIDE, run.card.labels_only
    top: list[dict[str, object]] = []
    try:
        probabilities = predict(desk, run, image_id)
        top = [
            {"name": run.card.classes[k], "p": None if alone else float(probabilities[k]), "is_label": bool(k == right)}
            for k in np.argsort(-probabilities, kind="stable")[:TOP]
            if probabilities[k] > 0 or not alone
        ]
    except (CheckpointError, MissingPackageError) as error:
        state = str(error)
    return {
        "title": run.run_id,
        "caption": f"trained on {run.card.taxonomy.reference} ({counted(len(run.card.classes), 'class', 'classes')})",
        "image": image_url(image_id),
        "map": map_url(run.run_id, image_id, run.card.weights_sha256, **asked) if has_map else None,
        "state": state,
        "top": top,
    }


def keep_upload(desk: Desk, upload_id: str) -> str | None:
    """Offer to add an upload to the workspace; returns the new image's id after that."""
    upload = desk.upload(upload_id)
    if upload is None or not st.button("Keep this image in the workspace", icon=":material/add_photo_alternate:"):
        return None
    record = desk.workspace.keep(upload.raw, upload.name, desk.workspace.space.everything)
    return record.image_id


def decision_history(desk: Desk, image_id: str) -> None:
    """All decisions about this image."""
    decisions = desk.store.all()
    about = history_of(decisions, image_id)
    if about:
        address = urlencode({"image": image_id})
        st.caption(
            f"Decisions about this image, oldest first (UTC); [this image's history on Decisions](decisions?{address})"
        )
        st.dataframe(pd.DataFrame(rows(about, decisions)).drop(columns="image"), hide_index=True)
