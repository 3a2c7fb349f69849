"""Editing a taxonomy: one step at a time into the address, undone, saved, imported."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import streamlit as st

from dashboard import state
from dashboard.actions.taxonomies import MAX_DESCRIPTION, Drafted, read_upload, save, step_words
from dashboard.links import Draft
from dashboard.parts.taxonomies import SAVED
from dashboard.words import counted, plain
from model_zoo.core.edits import (
    MAX_NAME,
    BringBack,
    Edit,
    Merge,
    MoveOutside,
    Rename,
    Reorder,
    SplitByPart,
    SplitOff,
)
from model_zoo.core.errors import TaxoScopeError
from model_zoo.core.labels import LeafSpace
from model_zoo.core.meaning import shared_meaning
from model_zoo.core.taxonomy import Taxonomy
from model_zoo.taxonomy_files import MAX_FILE_BYTES, taxonomy_toml
from model_zoo.workspace import Workspace

IMPORTED = "taxonomies_imported"
"""Session key: how many files were kept; each makes the uploader a new, empty one."""


def editor(drafted: Drafted, space: LeafSpace) -> None:
    """One tab per kind of edit; a button takes the step, if it can be taken."""
    merge, split, rename, move, outside = st.tabs(["Merge", "Split", "Rename", "Reorder", "Outside"])
    with merge:
        _merge(drafted, space)
    with split:
        _split(drafted, space)
    with rename:
        _rename(drafted, space)
    with move:
        _reorder(drafted, space)
    with outside:
        _outside(drafted, space)


def steps(drafted: Drafted, space: LeafSpace) -> None:
    """The steps since the saved version, and the way back."""
    draft = drafted.draft
    if not drafted.changed:
        st.caption("Every step shows at once what trained series would score. Nothing is saved until you say so.")
        return
    lines = [f"{k}. {plain(_sentence(step_words(edit, space)))}" for k, edit in enumerate(draft.edits, start=1)]
    st.markdown("\n".join([f"**Steps since {plain(drafted.base.pinned)}**", "", *(lines or ["No class was changed."])]))
    with st.container(horizontal=True):
        _button("Undo the last step", "undo", lambda: _write(replace(draft, edits=draft.edits[:-1]), space), "undo",
                disabled=not draft.edits)  # fmt: skip
        _button("Drop the draft", "drop", lambda: _write(Draft(draft.base), space), "close")
    st.caption("The draft is in this page's address: it survives a reload, and the link hands it to a colleague.")


def saving(drafted: Drafted, workspace: Workspace) -> None:
    """Name, description, and the button that makes a new version of the draft."""
    space, draft, taxonomy = workspace.space, drafted.draft, drafted.taxonomy
    if drafted.overtaken and drafted.changed and drafted.newest:
        st.warning(
            f"{plain(drafted.newest.pinned)} is newer than {plain(drafted.base.pinned)}, from which this draft starts: "
            f"what you save becomes {plain(taxonomy.pinned)} and holds none of its changes."
        )
    st.text_input(
        "Name",
        key=state.shows("taxonomies_name", taxonomy.name),
        max_chars=200,
        help="The same name makes the next version of it; another one starts a taxonomy of its own.",
        on_change=state.guarded(
            lambda: _write(replace(draft, name=_unless(state.get("taxonomies_name"), drafted.base.name)), space)
        ),
    )
    st.text_area(
        "Description",
        key=state.shows("taxonomies_description", taxonomy.description),
        max_chars=MAX_DESCRIPTION,
        height=110,
        help="Until you write one, a draft is described by its steps.",
        on_change=state.guarded(
            lambda: _write(replace(draft, description=state.get("taxonomies_description") or None), space)
        ),
    )

    def keep() -> None:
        saved = save(workspace, drafted)
        state.put(SAVED, saved.pinned)
        _write(Draft(saved.pinned), space)

    _button(
        f"Save as {plain(taxonomy.pinned)}" if drafted.changed else "Nothing to save yet",
        "save",
        keep,
        "save",
        kind="primary",
        disabled=not drafted.changed,
    )


def export(drafted: Drafted, space: LeafSpace) -> None:
    """What is shown, as a file."""
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


def importing(workspace: Workspace, newest: Mapping[str, Taxonomy]) -> None:
    """A taxonomy file from elsewhere: read, shown, and kept as a new version if wanted."""
    with st.popover("Import", icon=":material/upload:"):
        key = f"taxonomies_file_{state.get(IMPORTED, 0)}"
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
            state.bump(IMPORTED)
            state.put(SAVED, saved.pinned)
            _write(Draft(saved.pinned), workspace.space)

        _button(f"Save as {plain(taxonomy.name)}\\.v{version}", "import", keep, "save", kind="primary")


def _merge(drafted: Drafted, space: LeafSpace) -> None:
    taxonomy = drafted.taxonomy
    chosen = st.multiselect(
        "Classes to merge", taxonomy.names, key=_key("merge", taxonomy), placeholder="Choose two or more classes"
    )
    meaning = shared_meaning(taxonomy, chosen, space) if len(chosen) > 1 else None
    suggested = meaning.name if meaning else " or ".join(chosen) if len(chosen) > 1 else ""
    name = st.text_input(
        "Name of the merged class", suggested[:MAX_NAME], key=_key(f"merge_into_{chosen}", taxonomy), max_chars=MAX_NAME
    )
    if len(chosen) > 1:
        st.caption(
            f"Shared meaning: **{plain(meaning.words)}**; no other leaf has it."
            if meaning
            else "No common meaning found: no description in the parts holds for these classes and for nothing else."
        )
    _take(drafted, space, "Merge", lambda: Merge(tuple(chosen), name), disabled=len(chosen) < 2)


def _split(drafted: Drafted, space: LeafSpace) -> None:
    taxonomy = drafted.taxonomy
    several = [name for name, leaves in taxonomy.classes.items() if len(leaves) > 1]
    if not several:
        st.info("Every class is a single leaf: there is nothing to split.")
        return
    name = st.selectbox("Class to split", several, key=_key("split", taxonomy))
    leaves = [leaf for leaf in space.leaves if leaf in taxonomy.classes[name]]
    values = {
        part.name: {space.values_of[leaf][k] if space.values_of[leaf] else leaf for leaf in leaves}
        for k, part in enumerate(space.parts)
    }
    ways = [part for part, found in values.items() if len(found) > 1]
    way = st.selectbox(
        "By",
        [*ways, None],
        key=_key(f"split_by_{name}", taxonomy),
        format_func=lambda part: f"{part}: one class per value" if part else "chosen leaves",
    )
    if way:
        _take(drafted, space, "Split", lambda: SplitByPart(name, way))
        return
    chosen = st.multiselect(
        "Leaves of the new class", leaves, key=_key(f"split_off_{name}", taxonomy), placeholder="Choose leaves"
    )
    new = st.text_input("Name of the new class", key=_key(f"split_new_{name}", taxonomy), max_chars=MAX_NAME)
    _take(drafted, space, "Split", lambda: SplitOff(name, frozenset(chosen), new), disabled=not chosen)


def _rename(drafted: Drafted, space: LeafSpace) -> None:
    taxonomy = drafted.taxonomy
    name = st.selectbox("Class to rename", taxonomy.names, key=_key("rename", taxonomy))
    new = st.text_input("New name", name, key=_key(f"rename_{name}", taxonomy), max_chars=MAX_NAME)
    _take(drafted, space, "Rename", lambda: Rename(name, new))


def _reorder(drafted: Drafted, space: LeafSpace) -> None:
    taxonomy = drafted.taxonomy
    name = st.selectbox("Class to move", taxonomy.names, key=_key("move", taxonomy))
    position = st.number_input(
        "To position",
        1,
        len(taxonomy.names),
        taxonomy.class_index(name) + 1,
        key=_key(f"move_{name}", taxonomy),
        help="Class order is the order of a model's outputs, and that of rows and columns everywhere.",
    )
    _take(drafted, space, "Move", lambda: Reorder(name, position))


def _outside(drafted: Drafted, space: LeafSpace) -> None:
    taxonomy = drafted.taxonomy
    st.caption(
        "Leaves outside are not asked for: no image of them is learned or judged. Their labels stay as they are."
    )
    inside = [leaf for leaf in space.leaves if leaf in taxonomy.index_of]
    leaves = st.multiselect(
        "Leaves to move outside", inside, key=_key("outside", taxonomy), placeholder="Choose leaves"
    )
    _take(drafted, space, "Move outside", lambda: MoveOutside(frozenset(leaves)), disabled=not leaves)
    if taxonomy.outside:
        out = [leaf for leaf in space.leaves if leaf in taxonomy.outside]
        back = st.multiselect("Leaves to bring back", out, key=_key("back", taxonomy), placeholder="Choose leaves")
        name = st.selectbox(
            "Into class",
            taxonomy.names,
            key=_key("back_into", taxonomy),
            accept_new_options=True,
            help="Choose a class, or type the name of a new one.",
        )
        _take(drafted, space, "Bring back", lambda: BringBack(frozenset(back), name), disabled=not back)


def _take(drafted: Drafted, space: LeafSpace, label: str, edit: Callable[[], Edit], *, disabled: bool = False) -> None:
    """A button that takes the step, or says in one sentence why it cannot be taken."""

    def take() -> None:
        made = edit()
        made.apply(drafted.taxonomy, space)
        _write(replace(drafted.draft, edits=(*drafted.draft.edits, made)), space)

    _button(label, f"take_{label}", take, disabled=disabled)


def _button(
    label: str,
    key: str,
    act: Callable[[], None],
    icon: str | None = None,
    *,
    kind: str = "secondary",
    disabled: bool = False,
) -> None:
    st.button(
        label,
        key=f"taxonomies_{key}",
        icon=f":material/{icon}:" if icon else None,
        type="primary" if kind == "primary" else "secondary",
        on_click=state.guarded(act),
        disabled=disabled,
    )


def _write(draft: Draft, space: LeafSpace) -> None:
    state.write_query(draft.query(space))


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]


def _unless(value: str, same: str) -> str | None:
    return None if value == same else value


def _key(what: str, taxonomy: Taxonomy) -> str:
    """A step changes the classes: the widgets that offered them are new ones then."""
    return f"taxonomies_{what}_{taxonomy.hash}"
