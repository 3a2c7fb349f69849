"""Sections of Taxonomies: selection, class table, flow chart, and previews of trained models."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
import streamlit as st

from dashboard.address.draft import Draft
from dashboard.address.links import Shown
from dashboard.evaluation.drafting import ClassCounts, Drafted, Preview, flow, train_command
from dashboard.ui import controls, plots, state
from dashboard.ui.charts import chart
from dashboard.words import LABELS, counted, interval_text, no_run_yet, plain, share_text
from model_zoo.core.evaluation.evaluation import Evaluation, accuracy
from model_zoo.core.label_space.labels import LeafSpace
from model_zoo.core.label_space.splits import Split
from model_zoo.core.label_space.taxonomy import Taxonomy
from model_zoo.workspace.manifest import DataSet
from model_zoo.workspace.run import Series
from model_zoo.workspace.taxonomy_files import Versions
from model_zoo.workspace.workspace import Workspace

MAX_ROWS = 40
"""Classes above which the table scrolls by itself."""

MAX_IN_THE_WAY = 3
"""Classes of one series that are spelled out when it cannot be projected."""

SAVED = "taxonomies_saved"
"""Where the page remembers the version that it saved last."""


def picker(versions: Versions, drafted: Drafted, space: LeafSpace) -> None:
    """Select a version of a taxonomy; the choice is written to the address, and any draft of another one is dropped."""
    known = {one.pinned: one for name in versions for one in reversed(versions[name])}
    newest = {found[-1].pinned for found in versions.values()}
    st.selectbox(
        "Taxonomy",
        list(known),
        key=state.set_widget("taxonomies_which", drafted.base.pinned),
        format_func=lambda pinned: (
            f"{known[pinned].name} · version {known[pinned].version}"
            f"{'' if pinned in newest else ' (older)'} · {counted(len(known[pinned].classes), 'class', 'classes')}"
        ),
        on_change=lambda: state.write_query(Draft(state.get("taxonomies_which")).query(space)),
        label_visibility="collapsed",
    )


def taxonomy_summary(
    drafted: Drafted, series: Sequence[Series], workspace: Workspace, *, counts_alone: bool = False
) -> None:
    """Name, version or draft state, description, and the training command if there are images."""
    taxonomy = drafted.taxonomy
    text = f"**{plain(taxonomy.name)}** · {counted(len(taxonomy.classes), 'class', 'classes')}"
    if taxonomy.outside:
        text += f", {counted(len(taxonomy.outside), 'leaf', 'leaves')} outside"
    if drafted.changed:
        st.markdown(f":orange-badge[Draft] {text}; from {plain(drafted.base.pinned)}, not saved.")
        return
    if drafted.overtaken and drafted.newest:
        text += f" (the newest version is {drafted.newest.version})"
    st.markdown(f":blue-badge[Version {taxonomy.version}] {text}. {plain(taxonomy.description)}")
    runs = sum(len(one.runs) for one in series if one.card.taxonomy == taxonomy)
    if state.get(SAVED) == taxonomy.pinned:
        st.success(f"Saved as **{plain(taxonomy.pinned)}**. Old versions stay, and every run keeps its own classes.")
    if runs:
        st.caption(f"{counted(runs, 'run')} trained on exactly these classes.")
    elif not counts_alone:
        st.caption("No run was trained on these classes yet. To train three seeds of them:")
        st.code(train_command(workspace, taxonomy, is_newest=not drafted.overtaken), language=None, wrap_lines=True)


def class_table(taxonomy: Taxonomy, counts: Mapping[Split, ClassCounts], space: LeafSpace) -> None:
    """One row per class in class order: its leaf classes, and images and patients per split, by original label."""
    st.subheader("Classes", anchor=False)
    rows = []
    for k, (name, leaves) in enumerate(taxonomy.classes.items()):
        row: dict[str, object] = {"#": k + 1, "class": name, "leaves": space.format(leaves)}
        for split, one in counts.items():
            row |= {_column(split, "images"): int(one.images[k]), _column(split, "patients"): int(one.patients[k])}
        rows.append(row)
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        key="taxonomies_classes",
        height="content" if len(rows) <= MAX_ROWS else 740,
        column_config={
            "#": st.column_config.NumberColumn(width=30),
            "class": st.column_config.TextColumn(width=170),
            "leaves": st.column_config.TextColumn(width=230),
            **{
                _column(split, what): st.column_config.NumberColumn(format="localized")
                for split in counts
                for what in ("images", "patients")
            },
        },
        lazy=False,
    )
    sentences = [f"{split}: {_unplaced(one)}" for split, one in counts.items() if one.n_outside + one.n_left_out]
    st.caption(
        "By original label; `*` is any value. The order of the classes is the order of a model's outputs. "
        + (f"Not in any class: {'; '.join(sentences)}." if sentences else "Every image falls into one of the classes.")
    )
    if taxonomy.outside:
        st.caption(f"Outside: {plain(space.format(taxonomy.outside))}")


def previews(found: Sequence[Preview], drafted: Drafted, shown: Shown, folders: Sequence[Path]) -> None:
    """Metrics of every trained run group in its original classes, and after mapping to the draft's classes."""
    judged = [one for one in found if one.own is not None and one.mapped is not None]
    these = "this draft" if drafted.changed else "this taxonomy"
    if judged and controls.no_images([one.own for one in judged if one.own], shown):
        return
    if judged:
        rows = [_preview_row(one, these) for one in judged]
        st.table(pd.DataFrame(rows).set_index("series"), border="horizontal")
        st.caption(
            f"Accuracy, mean over seeds (95 % interval, patients only); {plain(shown.images)}, {LABELS[shown.labels]}. "
            "The models' answers are mapped (argmax, then mapped), nothing is trained or asked again."
        )
        if any(one.own.image_ids != one.mapped.image_ids for one in judged if one.own and one.mapped):
            st.caption(
                "Arrows: from the images judged in own classes to those judged in these. The others are outside or fit "
                "no single class, so the two accuracies of such a row are over different images. An answer that is "
                "outside counts as wrong."
            )
        st.markdown(
            f"A coarser task is an easier one: what a series gains from its own classes to those of {these} is the "
            "*free* gain only. What training on these classes would bring is not known until such runs exist."
        )
    elif not found:
        st.info(no_run_yet(folders))
    if shown.where:
        st.caption(
            "What to merge, keep apart and split, below, looks at all images of validation: who searches subsets for "
            "one in which a merge pays will find one by chance."
        )
    if shown.split is Split.TEST:
        st.warning("Test is for verdicts: who picks classes by their test figures will find test too kind to them.")
    blocked = [one for one in found if one.in_the_way]
    if blocked:
        names = ", ".join(plain(one.subject.title) for one in blocked)
        with st.expander(f"Cannot answer in these classes: {names}", expanded=not judged):
            st.caption("A model cannot tell apart what it was trained to call the same. What stands in the way:")
            st.markdown("\n".join(f"- {_in_the_way(one, drafted.taxonomy)}" for one in blocked))
    for one in found:
        if one.problem:
            st.warning(plain(one.problem))


def flow_chart(drafted: Drafted, dataset: DataSet, theme: plots.Theme) -> None:
    """A flow from leaf classes to classes; for a draft it passes through the saved version."""
    st.subheader("From leaves to classes", anchor=False)
    path = [drafted.base, drafted.taxonomy] if drafted.draft.edits else [drafted.taxonomy]
    patients = len({image.patient_id or image.image_id for image in dataset.images})
    st.caption(
        f"Width: images by original label; all splits, {counted(len(dataset.images), 'image')} of "
        f"{counted(patients, 'patient')}. Hover for names and counts. Leaves without images are not drawn"
        f"{', nor are those outside' if drafted.taxonomy.outside and len(path) == 1 else ''}."
        f"{' What ends early goes outside.' if drafted.taxonomy.outside and len(path) > 1 else ''}"
    )
    columns, links = flow(path, dataset, dataset.images)
    titles = [title for title, _ in columns[:-1]] + ["draft" if drafted.draft.edits else columns[-1][0]]
    figure = plots.flow_figure([(title, names) for title, (_, names) in zip(titles, columns)], links, theme)
    chart(figure, "taxonomies_flow")


def all_versions(versions: Versions, series: Sequence[Series]) -> None:
    """Table of all versions, and of the run groups trained on each."""
    rows = [
        {
            "name": one.name,
            "version": one.version,
            "classes": len(one.classes),
            "outside": len(one.outside),
            "runs trained on it": sum(len(s.runs) for s in series if s.card.taxonomy == one),
            "description": one.description,
        }
        for found in versions.values()
        for one in reversed(found)
    ]
    with st.expander(f"All taxonomies and versions ({len(rows)})"):
        st.dataframe(pd.DataFrame(rows), hide_index=True, key="taxonomies_all", lazy=False)


def _preview_row(one: Preview, these: str) -> dict[str, str]:
    assert one.own is not None
    assert one.mapped is not None
    own, mapped = one.own, one.mapped
    n_classes = len(own.taxonomy.classes)
    images = dict.fromkeys([f"{len(own.truth):,}", f"{len(mapped.truth):,}"])
    patients = dict.fromkeys([f"{own.n_patients:,}", f"{mapped.n_patients:,}"])
    return {
        "series": plain(one.subject.title),
        "own classes": f"{plain(own.taxonomy.reference)} ({n_classes})",
        "accuracy, own classes": _accuracy(own),
        f"accuracy, {these} ({len(mapped.taxonomy.classes)})": _accuracy(mapped),
        "images": " → ".join(images),
        "patients": " → ".join(patients),
    }


def _accuracy(evaluation: Evaluation) -> str:
    share = accuracy(evaluation).share
    return f"**{share_text(share.value)}** ({interval_text(share.low, share.high)})".replace(" ", "\u00a0")


def _in_the_way(one: Preview, taxonomy: Taxonomy) -> str:
    """The run group's classes that span several classes of ``taxonomy``, and the leaf classes they contain."""
    sentences = []
    for name, leaves in one.in_the_way.items():
        spread: dict[str, list[str]] = {}
        for leaf in leaves:
            if leaf in taxonomy.index_of:
                spread.setdefault(taxonomy.names[taxonomy.index_of[leaf]], []).append(leaf)
        over = ", ".join(f"**{plain(where)}** ({plain(', '.join(held))})" for where, held in spread.items())
        sentences.append(f"its **{plain(name)}** spreads over {over}")
    more = len(sentences) - MAX_IN_THE_WAY
    tail = f"; and {counted(more, 'more class', 'more classes')}" if more > 0 else ""
    return f"{plain(one.subject.title)}: {'; '.join(sentences[:MAX_IN_THE_WAY])}{tail}."


def _unplaced(counts: ClassCounts) -> str:
    kinds = {"outside": counts.n_outside, "left out, as their label fits no single class": counts.n_left_out}
    return ", ".join(f"{counted(n, 'image')} {kind}" for kind, n in kinds.items() if n)


def _column(split: Split, what: str) -> str:
    return f"{split}: {what}"
