"""Draft of a taxonomy, kept in the page's address: undo, save as a version, export, import."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import streamlit as st

from dashboard.address.draft import Draft
from dashboard.evaluation.drafting import MAX_DESCRIPTION, Drafted, open_draft, read_upload, save, step_words
from dashboard.taxonomies.taxonomy_ui import SAVED
from dashboard.ui import state
from dashboard.words import counted, plain
from model_zoo.core.errors import TaxoScopeError
from model_zoo.core.label_space.labels import LeafSpace
from model_zoo.core.label_space.taxonomy import Taxonomy
from model_zoo.workspace.taxonomy_files import MAX_FILE_BYTES, taxonomy_toml
from model_zoo.workspace.workspace import Workspace

IMPORTED = "taxonomies_imported"
"""Session key: how many files were kept; each makes the popover a new, closed and empty one."""


def steps(drafted: Drafted, space: LeafSpace) -> None:
    """List the edits since the saved version, with undo."""
    draft = drafted.draft
    if not drafted.changed:
        st.caption("Every step shows at once what trained series would score. Nothing is saved until you say so.")
        return
    lines = [f"{k}. {plain(_sentence(step_words(edit, space)))}" for k, edit in enumerate(draft.edits, start=1)]
    st.markdown("\n".join([f"**Steps since {plain(drafted.base.pinned)}**", "", *(lines or ["No class was changed."])]))
    with st.container(horizontal=True):
        undone = replace(draft, edits=draft.edits[:-1])
        draft_button("Undo the last step", "undo", lambda: write_draft(undone, space), "undo", disabled=not draft.edits)
        draft_button("Drop the draft", "drop", lambda: write_draft(Draft(draft.base), space), "close")
    st.caption("The draft is in this page's address: it survives a reload, and the link hands it to a colleague.")


def save_controls(drafted: Drafted, workspace: Workspace) -> None:
    """Name, description, and the button that saves the draft as a new version."""
    space, taxonomy = workspace.space, drafted.taxonomy
    if drafted.overtaken and drafted.changed and drafted.newest:
        st.warning(
            f"{plain(drafted.newest.pinned)} is newer than {plain(drafted.base.pinned)}, from which this draft starts: "
            f"what you save becomes {plain(taxonomy.pinned)} and holds none of its changes."
        )
    st.text_input(
        "Name",
        key=state.set_widget("taxonomies_name", taxonomy.name),
        max_chars=200,
        help="The same name makes the next version of it; another one starts a taxonomy of its own.",
        on_change=state.guarded(lambda: write_draft(_as_typed(drafted), space)),
    )
    st.text_area(
        "Description",
        key=state.set_widget("taxonomies_description", taxonomy.description),
        max_chars=MAX_DESCRIPTION,
        height=110,
        help="Until you write one, a draft is described by its steps.",
        on_change=state.guarded(lambda: write_draft(_as_typed(drafted), space)),
    )

    def keep() -> None:
        saved = save(workspace, open_draft(_as_typed(drafted), workspace.versions(), workspace))
        state.put(SAVED, saved.pinned)
        write_draft(Draft(saved.pinned), space)

    draft_button(
        f"Save as {plain(taxonomy.pinned)}" if drafted.changed else "Nothing to save yet",
        "save",
        keep,
        "save",
        primary=True,
        disabled=not drafted.changed,
    )


def export(drafted: Drafted, space: LeafSpace) -> None:
    """Download the shown taxonomy as a file."""
    taxonomy = drafted.taxonomy
    st.download_button(
        "Export",
        lambda: taxonomy_toml(taxonomy, space),
        f"{taxonomy.reference}.toml",
        "application/toml",
        icon=":material/download:",
        help="Download as TOML, the form in which workspaces keep taxonomies.",
        on_click="ignore",
    )


def import_taxonomy(workspace: Workspace, newest: Mapping[str, Taxonomy]) -> None:
    """Read a taxonomy file, show it, and save it as a new version on request."""
    n_kept = state.get(IMPORTED, 0)
    with st.popover("Import", icon=":material/upload:", key=f"taxonomies_import_{n_kept}"):
        key = f"taxonomies_file_{n_kept}"
        file = st.file_uploader("Taxonomy file (TOML)", type=["toml"], key=key, max_upload_size=1)
        st.caption(f"At most {MAX_FILE_BYTES:,} bytes; its leaves must be those of this workspace.")
        if file is None:
            return
        try:
            taxonomy = read_upload(file.getvalue(), file.name, workspace)
        except TaxoScopeError as error:
            st.error(plain(str(error)))
            return
        version = newest[taxonomy.name].version + 1 if taxonomy.name in newest else 1
        st.markdown(
            f"**{plain(taxonomy.name)}**, {counted(len(taxonomy.classes), 'class', 'classes')}: "
            f"{plain(', '.join(taxonomy.names)[:400])}"
        )

        def keep() -> None:
            saved = workspace.save_taxonomy(taxonomy)
            state.increment_counter(IMPORTED)
            state.put(SAVED, saved.pinned)
            write_draft(Draft(saved.pinned), workspace.space)

        draft_button(f"Save as {plain(taxonomy.name)}\\.v{version}", "import", keep, "save", primary=True)


def draft_button(
    label: str,
    key: str,
    act: Callable[[], None],
    icon: str | None = None,
    *,
    primary: bool = False,
    disabled: bool = False,
) -> None:
    """A button that edits the draft; if the edit is impossible, shows why in one sentence."""
    st.button(
        label,
        key=f"taxonomies_{key}",
        icon=f":material/{icon}:" if icon else None,
        type="primary" if primary else "secondary",
        on_click=state.guarded(act),
        disabled=disabled,
    )


def write_draft(draft: Draft, space: LeafSpace) -> None:
    """Write ``draft`` to the address, as one step in the browser's history."""
    state.write_query(draft.query(space))


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]


def _as_typed(drafted: Drafted) -> Draft:
    """The draft with the name and description from the input fields."""
    draft = drafted.draft
    name, description = state.get("taxonomies_name"), state.get("taxonomies_description")
    if name != drafted.taxonomy.name:
        draft = replace(draft, name=None if name == drafted.base.name else name)
    if description != drafted.taxonomy.description:
        draft = replace(draft, description=description or None)
    return draft
