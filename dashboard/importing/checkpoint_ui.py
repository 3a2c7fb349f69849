"""Form that imports a model: its file, settings, preprocessed samples, trial and import."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from dashboard.evaluation.preprocessing_words import forward_words
from dashboard.importing import preprocessing_ui
from dashboard.importing import uploads_ui as taking
from dashboard.importing.checkpoint import (
    OpenedCheckpoint,
    SampleHeatmap,
    Trial,
    declare,
    file_orders,
    open_checkpoint,
    try_with_heatmap,
    write,
)
from dashboard.importing.checkpoint_metadata import contradictions, read_metadata
from dashboard.importing.checks import (
    accuracy_words,
    read_class_names,
    ties_words,
    trials_rows,
    trials_title,
    warning_words,
)
from dashboard.importing.uploads import (
    WEIGHTS,
    ImportFiles,
    ImportKind,
    UploadedFile,
    incoming_path,
    take_weights,
    why_not_writable,
)
from dashboard.server_state.jobs import Job
from dashboard.server_state.open_workspace import Desk
from dashboard.ui import state
from dashboard.ui.progress import watch_job
from dashboard.words import counted, plain
from model_zoo.core.label_space.taxonomy import Taxonomy
from model_zoo.images.decoding import Preprocessing
from model_zoo.workspace.command_line import command

_HELD, _TRIED = "import_held", "import_tried"
_TAXONOMY_ORDER, _WRITTEN = "the order of the taxonomy", "another order, written below"


def can_import(desk: Desk) -> bool:
    """Whether a model can be imported here; if not, shows what is missing."""
    if why := why_not_writable(desk.workspace):
        st.info(plain(why))
        st.code(command("import-run", "FILE"), language=None)
        return False
    if not desk.dataset().images or not desk.workspace.taxonomies():
        st.info("A model is tried on this workspace's images and taxonomies, and there are none yet.")
        st.page_link("import_page.py", label="Import images first", icon=":material/download:", query_params={})
        return False
    st.markdown(
        "Weights as safetensors or as `torch.save` wrote them (`.pth`, `.pt`, `.ckpt`), a model as ONNX or of Keras "
        "(`.h5`, `.keras`), or a zip as Teachable Machine or Hugging Face give it. No code in the file is run; what it "
        "does not say is asked; and nothing is written before the model has answered validation and test."
    )
    with st.expander("A file elsewhere on this machine, a model of your own code"):
        st.markdown(
            "A page reads only what you upload and what lies in this workspace's folder `incoming`, and runs no code "
            "of yours. The command line reads any file, and takes your model's own code with `--architecture-file`:"
        )
        st.code(command("import-run", "FILE"), language=None)
    return True


def choose_file(desk: Desk) -> ImportFiles | None:
    """The weights file, once it was uploaded or selected."""

    def uploaded(files: Sequence[UploadedFile]) -> taking.Take:
        return lambda tell: take_weights(files[0])

    def put_there(name: str) -> taking.Take:
        return lambda tell: ImportFiles(name, incoming_path(desk.workspace, name))

    return taking.choose_files(desk, ImportKind.MODEL, WEIGHTS, uploaded, put_there)


def import_form(desk: Desk, import_files: ImportFiles) -> None:
    """Draw the file's contents, the settings, the trial and the import button."""
    held = _held(import_files)
    if held is None:
        return
    st.subheader("What the file is", anchor=False)
    part = _part(held)
    left, right = st.columns([3, 2], gap="large")
    with left:
        _fits(held, part)
    with right:
        _said(held)
    left, right = st.columns([2, 3], gap="large")
    with left:
        st.subheader("What it does not say", anchor=False)
        named = _named(desk, held, part, import_files)
        said = read_metadata(held.checkpoint)
        prepared = preprocessing_ui.preprocessing_form(said, _channels(held, part), import_files.key, part)
    with right:
        preprocessing_ui.preprocessed_samples(desk, prepared)
    if named is None or prepared is None:
        st.info("Answer everything above as the model was trained; then it can be tried.")
        return
    if otherwise := contradictions(said, prepared):
        st.warning(plain(" ".join(otherwise)))
    _trial(desk, held, part, named, prepared, import_files)


def _held(import_files: ImportFiles) -> OpenedCheckpoint | None:
    kept = state.get(_HELD)
    if kept is None or kept[0] != import_files.key:
        kept = import_files.key, Job(lambda tell: open_checkpoint(import_files, tell))
        state.put(_HELD, kept)
    job: Job[OpenedCheckpoint] = kept[1]
    if job.running:
        watch_job(job, "Comparing it with known architectures", "sets of weights", "import_held_cancel")
    elif job.error:
        st.error(plain(job.error))
    return job.result


def _part(held: OpenedCheckpoint) -> str:
    parts = tuple(held.notes)
    if len(parts) == 1:
        return parts[0]
    return str(st.selectbox("It holds several sets of weights; which is meant?", parts, key="import_part"))


def _fits(held: OpenedCheckpoint, part: str) -> None:
    st.markdown(plain(f"{held.checkpoint.name}, sha256 {held.checkpoint.sha256[:12]}. " + " ".join(held.notes[part])))
    if held.architecture:
        return
    if not held.fits[part]:
        st.warning(
            "Write the name of an architecture of timm or torchvision below. No page runs a model's own code; the "
            "command line takes the Python file that builds it:"
        )
        st.code(command("import-run", held.checkpoint.name, "--architecture-file", "FILE.py"), language=None)
        return
    rows = [
        {
            "architecture": one.architecture,
            "tensors that match, %": 100 * one.share,
            "outputs": one.n_classes or None,
            "channels": one.channels or None,
            "in words": one.sentence,
        }
        for one in held.fits[part]
    ]
    numbers = {"tensors that match, %": st.column_config.NumberColumn(format="%.1f")}
    st.dataframe(pd.DataFrame(rows), hide_index=True, key="import_fits", lazy=False, column_config=numbers)


def _said(held: OpenedCheckpoint) -> None:
    said = held.metadata
    st.markdown("**What the file says of itself** (nobody vouches for it)" if said else "The file says nothing else.")
    if said:
        rows = [
            {"where": where, "what": ", ".join(map(str, v)) if isinstance(v, tuple) else str(v)}
            for where, v in said.items()
        ]
        st.dataframe(pd.DataFrame(rows), hide_index=True, key="import_said", lazy=False, height=215)


def _named(
    desk: Desk, held: OpenedCheckpoint, part: str, import_files: ImportFiles
) -> tuple[str, str, Taxonomy, tuple[str, ...], str] | None:
    """Name, architecture, taxonomy, output order and licence; None while one is missing."""
    key, fits, taxonomies = import_files.key, held.fits[part], desk.workspace.taxonomies()
    sides = st.columns(2)
    name = sides[0].text_input("Name of the run", key=f"import_run_{key}")
    licence = sides[1].text_input("Licence of the weights", key=f"import_licence_{key}", placeholder="not known")
    architecture = held.architecture or st.selectbox(
        "Architecture",
        [one.architecture for one in fits],
        index=None,
        key=f"import_architecture_{key}_{part}",
        accept_new_options=True,
        placeholder="Choose one that fits, or write another of timm or torchvision.NAME",
    )
    n_outputs = held.n_outputs or next((one.n_classes for one in fits if one.architecture == architecture), 0)
    chosen = st.selectbox(
        f"Taxonomy it was trained on{f' ({n_outputs} outputs)' if n_outputs else ''}",
        list(taxonomies),
        index=None,
        key=f"import_taxonomy_{key}",
        format_func=lambda one: f"{one} ({counted(len(taxonomies[one].classes), 'class', 'classes')})",
        placeholder="Choose",
    )
    if chosen is None:
        return None
    order = _order(held, taxonomies[chosen], key)
    if not (name and architecture and order):
        return None
    return name, architecture, taxonomies[chosen], order, licence or "not known"


def _channels(held: OpenedCheckpoint, part: str) -> int | None:
    """Input channels of the graph or the weights, if that is a number of channels that images have."""
    return held.channels or next((one.channels for one in held.fits[part] if one.channels in (1, 3)), None)


def _order(held: OpenedCheckpoint, taxonomy: Taxonomy, key: str) -> tuple[str, ...] | None:
    listed = {f"as the file lists them: {', '.join(one)}": one for one in file_orders(held.checkpoint, taxonomy)}
    ways = {**listed, f"{_TAXONOMY_ORDER}: {', '.join(taxonomy.names)}": taxonomy.names, _WRITTEN: ()}
    way = st.selectbox(
        "Order of its outputs" + (" (prefilled: the file says so)" if listed else ""),
        list(ways),
        index=0 if listed else None,
        key=f"import_order_{key}_{taxonomy.name}",
        placeholder="Choose: the file does not say",
    )
    if way != _WRITTEN:
        return ways[way] if way else None
    written = st.text_input("Classes in the order of the outputs, with commas between", key=f"import_classes_{key}")
    return read_class_names(written) if written.strip() else None


def _trial(
    desk: Desk,
    held: OpenedCheckpoint,
    part: str,
    named: tuple[str, str, Taxonomy, tuple[str, ...], str],
    prepared: Preprocessing,
    import_files: ImportFiles,
) -> None:
    name, architecture, taxonomy, order, licence = named
    asked = (import_files.key, part, name, architecture, taxonomy.pinned, order, licence, prepared)
    workspace = desk.workspace

    def start() -> None:
        declared = declare(name, architecture, taxonomy, order, prepared, licence, part)
        state.put(_TRIED, (asked, Job(lambda tell: try_with_heatmap(workspace, held.checkpoint, declared, tell))))

    tried = state.get(_TRIED)
    st.button(
        "Try it on validation and test",
        key="import_try",
        type="secondary" if tried and tried[0] == asked else "primary",
        icon=":material/play_arrow:",
        on_click=state.guarded(start),
    )
    st.caption("Loads the weights and asks about every image of both splits; nothing is written.")
    if tried is None or tried[0] != asked:
        return
    job: Job[Trial] = tried[1]
    if job.running:
        watch_job(job, "Loading the weights", "images", "import_try_cancel")
    elif job.error:
        st.error(plain(job.error))
    elif job.result is None:
        st.info("Cancelled; nothing was written.")
    else:
        _verified(desk, job.result, order)


def _verified(desk: Desk, found: Trial, order: Sequence[str]) -> None:
    imported, taxonomy = found.imported, found.imported.card.taxonomy
    st.subheader("What it answers", anchor=False)
    for note in filter(None, (*imported.notes, forward_words(imported.card), ties_words(imported.predictions))):
        st.caption(plain(note))
    st.markdown(f"**{plain(accuracy_words(imported.judged, imported.judged_on, taxonomy))}**")
    if warning := warning_words(imported.judged, taxonomy, order, imported.tried):
        st.warning(plain(warning))
    left, right = st.columns([3, 2], gap="large")
    with left:
        if imported.tried:
            st.markdown(f"**{plain(trials_title(imported.tried))}**")
            rows = pd.DataFrame(trials_rows(imported.tried), columns=["preparation", "right", "95 % interval"])
            st.dataframe(rows, hide_index=True, key="import_tried_otherwise", lazy=False, height=250)
    with right:
        _map(found.heatmap)

    def store() -> None:
        run = write(desk.workspace, imported)
        state.pop(_TRIED)
        state.pop(_HELD)
        taking.finish_import(f"Run {run.run_id} was written.", run.run_id)

    st.button(
        f"Write the run {plain(imported.card.run_id)}",
        key="import_write",
        type="primary",
        icon=":material/save:",
        on_click=state.guarded(store),
    )


def _map(one: SampleHeatmap) -> None:
    st.markdown(f"**Where it looks: {plain(one.image_id)}**")
    sides = st.columns(2)
    sides[0].image(one.before)
    if one.after:
        sides[1].image(one.after)
    st.caption(plain(one.words))
