"""Selection of the files to import: an upload, or an entry of the workspace's folder `incoming`."""

from collections.abc import Callable, Sequence

import streamlit as st

from dashboard.importing.uploads import INCOMING, ImportFiles, ImportKind, UploadedFile, UploadSource, list_incoming
from dashboard.server_state.jobs import Job, ProgressCallback
from dashboard.server_state.open_workspace import Desk
from dashboard.ui import state
from dashboard.ui.progress import watch_job
from dashboard.words import plain
from model_zoo.untrusted.limits import limits

_FROM = {UploadSource.UPLOAD: "Upload", UploadSource.INCOMING: f"Folder {INCOMING}"}
_TAKING, _DONE, _TIMES = "import_taking", "import_done", "import_times"

Take = Callable[[ProgressCallback], ImportFiles]


def import_kind_switch(brought: ImportKind) -> None:
    """Switch between images and a model; the choice is written to the address."""
    names = {ImportKind.IMAGES: "Images and labels", ImportKind.MODEL: "Model"}
    st.segmented_control(
        "What to import",
        list(ImportKind),
        key=state.set_widget("import_what", brought),
        format_func=names.__getitem__,
        required=True,
        label_visibility="collapsed",
        on_change=lambda: state.write_query({"what": [str(state.get("import_what"))]}),
    )


def last_import_message() -> None:
    """Show once what was imported last, with links to it."""
    if message := state.pop(_DONE):
        sentence, run_id = message
        st.success(plain(sentence))
        with st.container(horizontal=True):
            if run_id:
                of = {"of": [run_id]}
                st.page_link("inspect.py", label="Inspect with it", icon=":material/search:", query_params=of)
                st.page_link("compare.py", label="Compare it", icon=":material/grid_on:", query_params=of)
            else:
                st.page_link("data.py", label="What is in the data set", icon=":material/dataset:")
                st.page_link("images.py", label="Browse the images", icon=":material/photo_library:")


def finish_import(sentence: str, run_id: str = "") -> None:
    """Drop the uploaded files; the next run of the page shows ``sentence`` and links to images or to ``run_id``."""
    forget_upload()
    state.increment_counter(_TIMES)
    state.put(_DONE, (sentence, run_id))


def forget_upload() -> None:
    """Remove the uploaded files."""
    if taking := state.pop(_TAKING):
        job: Job[ImportFiles] = taking[1]
        job.cancel()
        if job.result is not None:
            job.result.close()


def choose_files(
    desk: Desk,
    brought: ImportKind,
    endings: Sequence[str],
    uploaded: Callable[[Sequence[UploadedFile]], Take],
    put_there: Callable[[str], Take],
    reading: str = "",
) -> ImportFiles | None:
    """The uploaded or selected files; None until they are ready. Shows an error in one sentence.

    They are taken anew where ``reading`` changes.
    """
    where, what = st.columns([2, 5], vertical_alignment="top")
    origin = where.segmented_control(
        "Where from",
        list(UploadSource),
        key=state.init_widget(f"import_from_{brought}", UploadSource.UPLOAD, list(UploadSource)),
        format_func=_FROM.__getitem__,
        required=True,
    )
    with what:
        sign, take = (
            _uploads(brought, endings, uploaded)
            if origin is UploadSource.UPLOAD
            else _there(desk, brought, endings, put_there)
        )
    if take is None:
        forget_upload()
        return None
    sign = (*sign, reading)
    taking = state.get(_TAKING)
    if taking is None or taking[0] != sign:
        forget_upload()
        job = Job(take)
        job.wait(0.5)
        state.put(_TAKING, (sign, job))
    else:
        job = taking[1]
    return _taken(job)


def _taken(job: Job[ImportFiles]) -> ImportFiles | None:
    if job.running:
        watch_job(job, "Unpacking", "bytes or files", "import_taking_cancel")
    elif job.error:
        st.error(plain(job.error))
    elif job.result is None:
        st.info("Cancelled; nothing of it was kept.")
        st.button("Take it in again", key="import_again", on_click=forget_upload)
    return job.result


def _uploads(
    brought: ImportKind, endings: Sequence[str], uploaded: Callable[[Sequence[UploadedFile]], Take]
) -> tuple[tuple[str, ...], Take | None]:
    files = st.file_uploader(
        f"At most {limits().upload_mb:,} MB; held only until it is imported or given up",
        key=f"import_files_{brought}_{state.get(_TIMES, 0)}",
        accept_multiple_files=True,  # only the first weights file is used
        type=[one.removeprefix(".") for one in endings],
        max_upload_size=limits().upload_mb,
    )
    sign = (str(brought), *(one.file_id for one in files))
    return sign, uploaded([UploadedFile(one.name, one.size, one.getvalue) for one in files]) if files else None


def _there(
    desk: Desk, brought: ImportKind, endings: Sequence[str], put_there: Callable[[str], Take]
) -> tuple[tuple[str, ...], Take | None]:
    folder = desk.workspace.writable / INCOMING
    names = list_incoming(desk.workspace, endings if brought is ImportKind.MODEL else ())
    if not names:
        st.info(
            "Nothing to import lies in the folder below. Put it there and reload this page; links are not followed."
        )
        st.code(str(folder), language=None)
        return (), None
    name = st.selectbox(
        f"In {plain(str(folder))}",
        names,
        index=None,
        key=f"import_name_{brought}_{state.get(_TIMES, 0)}",
        placeholder="Choose",
    )
    return (str(brought), INCOMING, name or ""), put_there(name) if name else None
