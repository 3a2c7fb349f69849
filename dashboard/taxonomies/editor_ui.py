"""Taxonomy editor: one tab per kind of edit; each edit is written to the address."""

from collections.abc import Callable

import streamlit as st

from dashboard.evaluation.drafting import Drafted
from dashboard.taxonomies.draft_ui import draft_button, write_draft
from dashboard.ui import state
from dashboard.words import plain
from model_zoo.core.label_space.edits import (
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
from model_zoo.core.label_space.labels import LeafSpace
from model_zoo.core.label_space.shared_meaning import shared_meaning
from model_zoo.core.label_space.taxonomy import Taxonomy


def editor(drafted: Drafted, space: LeafSpace) -> None:
    """Draw one tab per kind of edit, each with a button that applies it."""
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


def _merge(drafted: Drafted, space: LeafSpace) -> None:
    taxonomy = drafted.taxonomy
    names = _key("merge", taxonomy)
    chosen = st.multiselect("Classes to merge", taxonomy.names, key=names, placeholder="Choose two or more classes")
    meaning = shared_meaning(taxonomy, chosen, space) if len(chosen) > 1 else None
    suggested = meaning.name if meaning else " or ".join(chosen) if len(chosen) > 1 else ""
    into = _key(f"merge_into_{chosen}", taxonomy)
    st.text_input("Name of the merged class", suggested[:MAX_NAME], key=into, max_chars=MAX_NAME)
    if len(chosen) > 1:
        st.caption(
            f"Shared meaning: **{plain(meaning.words)}**; no other leaf has it."
            if meaning
            else "No common meaning found: no description in the parts holds for these classes and for nothing else."
        )
    _take(drafted, space, "Merge", lambda: Merge(tuple(state.get(names)), state.get(into)), disabled=len(chosen) < 2)


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
    way = st.selectbox(
        "By",
        [*(part for part, found in values.items() if len(found) > 1), None],
        key=_key(f"split_by_{name}", taxonomy),
        format_func=lambda part: f"{part}: one class per value" if part else "chosen leaves",
    )
    if way:
        _take(drafted, space, "Split", lambda: SplitByPart(name, way))
        return
    off, new = _key(f"split_off_{name}", taxonomy), _key(f"split_new_{name}", taxonomy)
    chosen = st.multiselect("Leaves of the new class", leaves, key=off, placeholder="Choose leaves")
    st.text_input("Name of the new class", key=new, max_chars=MAX_NAME)
    _take(
        drafted, space, "Split", lambda: SplitOff(name, frozenset(state.get(off)), state.get(new)), disabled=not chosen
    )


def _rename(drafted: Drafted, space: LeafSpace) -> None:
    taxonomy = drafted.taxonomy
    name = st.selectbox("Class to rename", taxonomy.names, key=_key("rename", taxonomy))
    new = _key(f"rename_{name}", taxonomy)
    st.text_input("New name", name, key=new, max_chars=MAX_NAME)
    _take(drafted, space, "Rename", lambda: Rename(name, state.get(new)))


def _reorder(drafted: Drafted, space: LeafSpace) -> None:
    taxonomy = drafted.taxonomy
    name = st.selectbox("Class to move", taxonomy.names, key=_key("move", taxonomy))
    position = _key(f"move_{name}", taxonomy)
    st.number_input(
        "To position",
        1,
        len(taxonomy.names),
        taxonomy.class_index(name) + 1,
        key=position,
        help="Class order is the order of a model's outputs, and that of rows and columns everywhere.",
    )
    _take(drafted, space, "Move", lambda: Reorder(name, state.get(position)))


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
        back, into = _key("back", taxonomy), _key("back_into", taxonomy)
        chosen = st.multiselect("Leaves to bring back", out, key=back, placeholder="Choose leaves")
        st.selectbox(
            "Into class",
            taxonomy.names,
            key=into,
            accept_new_options=True,
            help="Choose a class, or type the name of a new one.",
        )
        _take(
            drafted,
            space,
            "Bring back",
            lambda: BringBack(frozenset(state.get(back)), state.get(into) or ""),
            disabled=not chosen,
        )


def _take(drafted: Drafted, space: LeafSpace, label: str, edit: Callable[[], Edit], *, disabled: bool = False) -> None:
    """A button that applies the edit; if it is impossible, shows why in one sentence.

    ``edit`` reads the text from the session state, because text and click may arrive together.
    """

    def take() -> None:
        made = edit()
        made.apply(drafted.taxonomy, space)
        write_draft(drafted.draft.with_step(made), space)

    draft_button(label, f"take_{label}", take, disabled=disabled)


def _key(what: str, taxonomy: Taxonomy) -> str:
    """Widget key that changes with the classes, so that widgets with outdated options are replaced."""
    return f"taxonomies_{what}_{taxonomy.hash}"
