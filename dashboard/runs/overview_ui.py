"""Sections of the page Overview."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from dashboard.address.links import page_url
from dashboard.evaluation.comparison import Comparison
from dashboard.evaluation.drafting import flow
from dashboard.ui import plots
from dashboard.ui.charts import chart
from dashboard.words import counted, interval_text, plain, share_text
from model_zoo.core.errors import TaxoScopeError
from model_zoo.core.evaluation.evaluation import Evaluation, accuracy, churn
from model_zoo.core.evaluation.hierarchy import longest_chain
from model_zoo.core.label_space.splits import Split
from model_zoo.core.label_space.taxonomy import Taxonomy
from model_zoo.workspace.command_line import dry_run
from model_zoo.workspace.manifest import DataSet
from model_zoo.workspace.run import Series


def no_image_yet(dataset: DataSet, folder: Path) -> None:
    """The commands to use if the workspace has no image."""
    if not dataset.images:
        st.info("There is no image yet. Import some: here, or by command where they lie on the server.")
        st.page_link("import_page.py", label="Import images", icon=":material/download:")
        st.code(dry_run(folder), language=None)
        st.caption(
            "IMAGES is a folder with a folder of images for each class, or a CSV or Parquet file with a line per "
            "image. The dry run says what would be written; the same command without it writes."
        )


def next_steps(series: Sequence[Series], dataset: DataSet) -> None:
    """Links to the next steps."""
    columns = st.columns([1.9, 2.1, 1.9, 4])
    if dataset.counts_alone:
        columns[0].page_link("compare.py", label="See the confusions", icon=":material/grid_on:")
        return
    columns[0].page_link("images.py", label="Browse all images", icon=":material/photo_library:")
    if series:
        columns[1].page_link("compare.py", label="Compare the taxonomies", icon=":material/grid_on:")
        columns[2].page_link("review.py", label="Review what is wrong", icon=":material/rate_review:")


def counts(dataset: DataSet, series: Sequence[Series], n_standing: int) -> None:
    """Images and patients per split, number of runs, and number of reviewed images."""
    splits = [(split, dataset.split(split)) for split in Split]
    splits = [(split, images) for split, images in splits if images]
    columns = st.columns(len(splits) + 2)
    for column, (split, images) in zip(columns, splits, strict=False):
        patients = len({image.patient_id or image.image_id for image in images})
        name = "kept, in no split" if split is Split.NONE else f"{split} images"
        column.metric(name, f"{len(images):,}", border=True, height="stretch")
        column.caption(counted(patients, "patient"))
    n_runs = sum(len(one.runs) for one in series)
    columns[-2].metric("trained runs", n_runs, border=True, height="stretch")
    columns[-2].caption(f"{len(series)} series")
    columns[-1].metric("reviewed images", n_standing, border=True, height="stretch")
    columns[-1].caption("label confirmed or corrected")


def taxonomy_flow(taxonomies: Mapping[str, Taxonomy], dataset: DataSet, theme: plots.Theme) -> None:
    """A flow through the selected taxonomies; starts with the longest chain from fine to coarse."""
    if not taxonomies:
        st.info("No taxonomy yet: put a file into the workspace's folder `taxonomies`.")
        return
    chain = longest_chain(list(taxonomies.values()))
    chosen = st.multiselect(
        "Taxonomies, from fine to coarse", list(taxonomies), default=[one.name for one in chain], key="overview_path"
    )
    path = [taxonomies[name] for name in taxonomies if name in chosen]
    images = dataset.split(Split.TEST) or dataset.images
    if path:
        where = "test split" if dataset.split(Split.TEST) else "all splits"
        patients = len({image.patient_id or image.image_id for image in images})
        st.caption(
            f"Width: images by original label; {where}, {counted(len(images), 'image')} of "
            f"{counted(patients, 'patient')}. Hover for names and counts."
        )
        figure = plots.flow_figure(*flow(path, dataset, images), theme)
        chart(figure, "overview_flow")
    with st.expander("What each taxonomy asks"):
        for taxonomy in taxonomies.values():
            st.markdown(
                f"**{plain(taxonomy.reference)}** ({counted(len(taxonomy.classes), 'class', 'classes')}): "
                f"{plain(taxonomy.description)}"
            )


def series_table(series: Sequence[Series], judge: Callable[[str], Comparison]) -> None:
    """One row per run group, unranked, because accuracies in different class sets are not comparable."""
    rows, sentences = [], []
    for one in series:
        dates = sorted(run.card.created[:10] for run in one.runs)
        row = {
            "taxonomy": plain(one.card.taxonomy.reference),
            "classes": str(len(one.card.classes)),
            "seeds": str(len(one.runs)),
            "epochs": str(one.card.recipe.get("epochs", "–")),
            **dict.fromkeys(_FIGURES, "–"),
            "architecture": plain(one.card.architecture) or "–",
            "trained": dates[0] if dates[0] == dates[-1] else f"{dates[0]} to {dates[-1]}",
            "": f"[card]({page_url('run', {'run': [one.runs[0].run_id]})})",
        }
        try:
            evaluation = judge(one.series_id).evaluations[0]
            row |= dict(zip(_FIGURES, _figures(evaluation), strict=True))
        except TaxoScopeError as error:
            sentences.append(str(error))
        rows.append(row)
    st.table(pd.DataFrame(rows).set_index("taxonomy"), border="horizontal")
    for sentence in sentences:
        st.warning(plain(sentence))


_FIGURES = ("accuracy, own classes", "95 %, patients only", "SD over seeds", "two seeds disagree", "images", "patients")


def _figures(evaluation: Evaluation) -> tuple[str, ...]:
    metric = accuracy(evaluation)
    return (
        share_text(metric.mean),
        interval_text(metric.share.low, metric.share.high),
        "–" if np.isnan(metric.sd) else f"{100 * metric.sd:.1f} points",
        share_text(churn(evaluation.predicted)),
        f"{len(evaluation.truth):,}",
        f"{evaluation.n_patients:,}",
    )
