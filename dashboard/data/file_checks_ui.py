"""Section "check files" of Data: start the checks, and list the findings with their images."""

from collections.abc import Mapping, Sequence

import pandas as pd
import streamlit as st

from dashboard.address.data_view import Finding
from dashboard.evaluation.file_checks import MEANING, NAMES, FileChecks, FileFinding, check_files, file_check_words
from dashboard.evaluation.image_counts import n_patients
from dashboard.server_state.jobs import ProgressCallback, jobs
from dashboard.server_state.open_workspace import Desk
from dashboard.ui import pager, state
from dashboard.ui.gallery import Tile, gallery
from dashboard.ui.progress import watch_job
from dashboard.words import counted, plain
from model_zoo.core.label_space.labels import LeafSpace

_JOB = "look at files"
_NO_PICTURE = (Finding.MISSING, Finding.UNREADABLE)


def file_check_button(desk: Desk) -> str:
    """The button that starts the checks, or their progress; returns a stamp that changes when they end."""
    job = jobs().get(_JOB)
    if job is not None and job.running:
        watch_job(job, "Looking at files", "files", "data_look_cancel")
        return f"running {job.done // 500}"
    if job is not None and job.error:
        st.error(plain(job.error))

    def start() -> None:
        images = desk.dataset().images

        def work(tell: ProgressCallback) -> int:
            return check_files(desk.workspace, images, tell)

        jobs().start(_JOB, work)

    st.button(
        "Look at the files",
        key="data_look",
        icon=":material/image_search:",
        on_click=start,
        help="Reads and decodes every file that is new or has changed, once; what was found is kept in the workspace. "
        "It goes on when this page is left, and can be cancelled: what was looked at by then is kept.",
    )
    return str(id(job))


def file_findings(looked: FileChecks, n_images: int, chosen: Finding | None, space: LeafSpace) -> str | None:
    """The findings, one list at a time; returns the id of an image that was just clicked, or None."""
    st.markdown(file_check_words(looked, n_images))
    if looked.unscaled:
        st.info(plain(looked.unscaled))
    if not looked.found:
        if looked.n_looked:
            st.success("Nothing was found: every file is an image, none is blank, tiny, huge or there twice.")
        return None
    listed = {one: looked.found[one] for one in Finding if one in looked.found}
    st.pills(
        "What was found",
        list(listed),
        key=state.set_widget("data_found", chosen if chosen in listed else None),
        format_func=lambda one: f"{NAMES[one]} ({len(listed[one]):,})",
        label_visibility="collapsed",
        on_change=lambda: state.write_query({"found": [str(state.get("data_found") or "")], "page": []}),
    )
    if chosen is None:
        return None
    if chosen not in listed:
        st.info(f"{MEANING[chosen]}: none is left.")
        return None
    return _list(chosen, listed[chosen], space)


def _list(finding: Finding, found: Sequence[FileFinding], space: LeafSpace) -> str | None:
    images = [one.image for one in found]
    groups = len({one.group for one in found} - {0})
    counts_text = f"{counted(len(images), 'image')} of {counted(n_patients(images), 'patient')}, all splits"
    counts_text += f", in {counted(groups, 'group')} of equal files" if groups else ""
    st.markdown(f"**{MEANING[finding]}.** {counts_text}.")
    page, pages = pager.page_of(found)
    there = pager.on_page(found, page)
    opened = None
    if finding in _NO_PICTURE:
        rows = pd.DataFrame([_row(one, space) for one in there])
        st.dataframe(rows, hide_index=True, key="data_files", lazy=False)
    else:
        opened = gallery([_tile(one, space) for one in there], key=f"data_gallery_{finding}_{page}")
    pager.pager(pages, page, f"data_{finding}")
    return opened


def _row(one: FileFinding, space: LeafSpace) -> Mapping[str, str]:
    image = one.image
    row = {"image": image.image_id, "file": image.path, "split": str(image.split)}
    return row | {"label": space.format(image.label), "what": one.told}


def _tile(one: FileFinding, space: LeafSpace) -> Tile:
    if one.group:
        return Tile(one.image.image_id, f"group {one.group}", one.told)
    below = f"{one.image.split} · {space.format(one.image.label)}"
    return Tile(one.image.image_id, below=below, badge=one.told)
