"""Section "split suggestions": classes with two clusters, what the clusters mean, and images of each."""

from collections.abc import Callable

import pandas as pd
import streamlit as st

from dashboard.address import links
from dashboard.address.links import Shown
from dashboard.address.selection import Space
from dashboard.evaluation.drafting import Drafted
from dashboard.server_state.open_workspace import Desk
from dashboard.taxonomies.subclusters import EmbeddedRun, SubclusterResult, find_embedded_run
from dashboard.ui.gallery import Tile, gallery
from dashboard.words import counted, images_of_patients, interval_text, one_of, plain, share_text
from model_zoo.core.label_space.labels import LeafSpace
from model_zoo.core.label_space.splits import Split
from model_zoo.core.suggestions.subclusters import Subclusters
from model_zoo.core.suggestions.two_clusters import FEW_PATIENTS, MIN_PATIENTS_TO_CLUSTER, N_COMPONENTS, SMALL

MAX_TILES = 12


def split_suggestions(
    desk: Desk, divide: Callable[[EmbeddedRun], SubclusterResult], drafted: Drafted
) -> dict[str, list[str]] | None:
    """A sentence, a row per candidate and its images; returns the address of the image that was just clicked."""
    st.subheader("What to split", anchor=False)
    embedded, space = find_embedded_run(desk, drafted.taxonomy), desk.workspace.space
    if embedded is None:
        st.info("No run with weights was trained on exactly these classes, so nothing is known about splitting them.")
        return None
    if not embedded.stamp:
        st.info("Do the images of a class lie in two clusters? To find out in a minute:")
        st.code(embedded.command, language=None, wrap_lines=True)
        return None
    result = divide(embedded)
    if result.problem:
        st.warning(plain(result.problem))
        return None
    for sentence in _sentences(result):
        st.markdown(f"**{plain(sentence)}**")
    opened = None
    if result.candidates:
        rows = [_row(result, one, drafted, space) for one in result.candidates]
        st.table(pd.DataFrame(rows).set_index("class"), border="horizontal")
        for one in result.candidates:
            with st.expander(f"{plain(result.name(one))}: images of the two clusters"):
                opened = _images(result, one) or opened
    if result.subclusters:
        with st.expander(
            f"All {counted(len(result.subclusters), 'class', 'classes')} of {MIN_PATIENTS_TO_CLUSTER} patients or more"
        ):
            _all(result)
    _caption(result)
    return opened


def _sentences(result: SubclusterResult) -> list[str]:
    """Which classes form two clusters, and which form one broad cluster whose halves differ in meaning."""
    seen = f"As {result.run.run_id} sees them, the images of"
    two, wide = (
        [result.name(one) for one in result.candidates if one.clusters.apart is apart] for apart in (True, False)
    )
    sentences = []
    if two:
        sentences.append(f"{seen} {one_of(two, 'and', 8)} are two clusters.")
    if wide:
        sentences.append(
            f"{seen} {one_of(wide, 'and', 8)} spread wider than one cloud. Their halves differ in meaning, but no gap "
            "lies between them: they may be one continuum."
        )
    return sentences or [f"No class is sure to be two, as {result.run.run_id} sees its images."]


def _row(result: SubclusterResult, one: Subclusters, drafted: Drafted, space: LeafSpace) -> dict[str, str]:
    between, cloud = one.clusters.between, one.clusters.one_cloud
    return {
        "class": plain(result.name(one)),
        "what the clusters mean": _meaning(result, one, drafted, space),
        "images (patients)": _sizes(one),
        "spread between them": f"{share_text(between.value)} ({interval_text(between.low, between.high)})",
        "of one cloud": f"{share_text(cloud[0])}, 95 % below {share_text(cloud[1])}",
        "p (one cloud)": f"{one.clusters.p_one_cloud:.4f}",
        "gap between them": f"p = {one.clusters.p:.4f}" if one.clusters.apart else "none shown",
    }


def _meaning(result: SubclusterResult, one: Subclusters, drafted: Drafted, space: LeafSpace) -> str:
    """The difference in words, as a link to the draft that splits the class by it."""
    step, meaning = result.step(one, drafted.taxonomy), one.meaning
    if step is None or meaning is None:
        return "no common meaning found"
    draft = drafted.draft.with_step(step)
    shares = " against ".join(share_text(share, 0) for share in meaning.shares)
    agreement = f"agreement {meaning.agreement:.2f} ({meaning.low:.2f} to {meaning.high:.2f})"
    link = f"[{plain(meaning.words)}]({links.page_url('taxonomies', draft.query(space))})"
    return f"{link}: {shares} are {plain(meaning.value)}; {agreement}"


def _images(result: SubclusterResult, one: Subclusters) -> dict[str, list[str]] | None:
    """The most typical images of each cluster; returns the address of the image that was just clicked."""
    shown = Shown((result.run.run_id,), Space.NATIVE, Split.VALIDATION)
    names = result.run.card.taxonomy.names
    opened = None
    for second in (False, True):
        image_ids = result.images(one, second)
        more = f", the {MAX_TILES} furthest from the other" if len(image_ids) > MAX_TILES else ""
        images = f"{counted(len(image_ids), 'image')} of {counted(one.clusters.n_patients[second], 'patient')}"
        called = f"{share_text(one.right[second], 0)} called right"
        if one.called[second] != one.clusters.index:
            called += f", mostly called {plain(names[one.called[second]])}"
        st.caption(f"{'Second' if second else 'First'} cluster: {images}, {called}{more}.")
        tiles = [Tile(image_id, query=links.to_image(image_id, shown)) for image_id in image_ids[:MAX_TILES]]
        opened = gallery(tiles, key=f"taxonomies_cluster_{one.clusters.index}_{second:d}") or opened
    return links.to_image(opened, shown) if opened else None


def _all(result: SubclusterResult) -> None:
    rows = [
        {
            "class": result.name(one),
            "two clusters?": _verdict(one),
            "spread between them, %": 100 * one.clusters.between.value,
            "from": 100 * one.clusters.between.low,
            "to": 100 * one.clusters.between.high,
            "one cloud, 95 % below": 100 * one.clusters.one_cloud[1],
            "p (Holm)": one.clusters.p,
            "images": " + ".join(f"{n:,}" for n in one.clusters.n_images),
            "patients": " + ".join(f"{n:,}" for n in one.clusters.n_patients),
            "best meaning": one.meaning.words if one.meaning else "none found",
        }
        for one in result.subclusters
    ]
    percent = ("spread between them, %", "from", "to", "one cloud, 95 % below")
    config = {name: st.column_config.NumberColumn(format="%.1f") for name in percent}
    config["p (Holm)"] = st.column_config.NumberColumn(format="%.4f")
    st.dataframe(pd.DataFrame(rows), hide_index=True, key="taxonomies_clusters", column_config=config, lazy=False)


def _caption(result: SubclusterResult) -> None:
    assert result.evaluation is not None
    evaluation, n_left = result.evaluation, len(result.run.card.classes) - len(result.subclusters)
    few = (
        f" {counted(n_left, 'class has', 'classes have')} fewer than {MIN_PATIENTS_TO_CLUSTER} patients."
        if n_left
        else ""
    )
    st.caption(
        f"Features of {plain(result.run.run_id)} before its last layer, {N_COMPONENTS} principal components of each "
        f"class; validation split, original labels, "
        f"{images_of_patients(len(evaluation.truth), evaluation.n_patients)}.{few} "
        "Two-means splits any cloud. Two clusters are stated only "
        "if two tests agree: the halves lie further apart than those of one Gaussian cloud as wide and as alike within "
        "patients (SigClust, Liu et al. 2008, by simulation), and fewer images lie between the halves than in either, "
        "also along a fitted curve, so that a bent or skewed cloud is no pair. p is the larger of both, for all "
        "classes at once (Holm). All is as one run sees it; another seed may see it otherwise. A cluster of fewer "
        f"than {100 * SMALL:.0f} % of the images or {FEW_PATIENTS} patients, or one without a meaning and "
        "mostly called another class, is taken for wrong labels. Meaning: the value of a part that agrees best with "
        "the clusters (adjusted Rand index: 1 the same, 0 chance; 95 %, patients drawn anew). What training on the "
        "split classes would bring, only training can tell."
    )


def _sizes(one: Subclusters) -> str:
    pairs = zip(one.clusters.n_images, one.clusters.n_patients, strict=True)
    return " and ".join(f"{images:,} ({patients:,})" for images, patients in pairs)


def _verdict(one: Subclusters) -> str:
    if not one.clusters.wide:
        return "not shown"
    if one.clusters.small:
        return "a few stand apart"
    if one.misplaced:
        return "one is mostly called another class"
    return "yes" if one.clusters.apart else "one wide cloud"
