"""Region attention analysis of a run: heatmap energies on regions, occlusion tests, and their tables."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from dashboard.runs.interrupt import interrupt_between_steps
from dashboard.runs.region_attention_words import energy_texts, moved_text
from dashboard.settings import Settings
from dashboard.words import counted, images_of_patients
from model_zoo.core.errors import RunError, WorkspaceError
from model_zoo.core.explanation.cam_method import CamMethod
from model_zoo.core.explanation.region_attention import EnergyMetric, OcclusionFlow, energy_metrics, occlusion_flow
from model_zoo.core.explanation.regions import Region, read_regions
from model_zoo.core.extras import require
from model_zoo.core.label_space.splits import Split
from model_zoo.core.label_space.taxonomy import Taxonomy, standing_in_the_way
from model_zoo.inference.region_attention_files import PLACED, AttentionResults, read_attention, write_attention
from model_zoo.workspace.command_line import command
from model_zoo.workspace.manifest import DataSet, ImageRecord
from model_zoo.workspace.run import Run
from model_zoo.workspace.workspace import REGIONS, Workspace


@dataclass(frozen=True)
class RegionAttention:
    """Heatmap energies by region, and the effect of occlusion on correct predictions in each class set."""

    looks: AttentionResults
    energies: tuple[EnergyMetric, ...]
    flows: tuple[OcclusionFlow, ...]

    @property
    def basis(self) -> str:
        """Split, labels, number of images and patients, as text."""
        looks = self.looks
        images = images_of_patients(looks.n_images, looks.n_patients)
        chosen = f", drawn by chance from {looks.n_known:,}" if looks.n_images < looks.n_known else ""
        return f"{looks.split} split, original labels, {images} whose regions are known{chosen}"


def measure_region_attention(
    workspace: Workspace,
    run_id: str,
    split: Split,
    limit: int | None,
    method: CamMethod,
    together: Sequence[str],
    console: Console,
) -> None:
    """Analyze a run over images with known regions, print the results and write them beside the run.

    ``limit`` images are sampled at random with a fixed seed; ``together`` holds region names joined by ``+``. Ctrl-C
    raises `KeyboardInterrupt` between two images.
    """
    run = _run(workspace, run_id)
    dataset = workspace.dataset()
    images = _with_regions(workspace, dataset.split(split), split)
    sets = _sets(together, [name for _, regions in images for name in (region.name for region in regions)])
    n_known = len(images)
    if limit is not None and limit < n_known:
        chosen = np.random.default_rng(0).choice(n_known, limit, replace=False)
        images = [images[k] for k in sorted(chosen)]
    require("models", "A region attention analysis")
    from model_zoo.checkpoints.load import load_model
    from model_zoo.inference.region_attention import measure_attention, why_no_heatmaps

    def opened() -> Iterator[tuple[str, str, Image.Image, Sequence[Region]]]:
        for image, regions in images:
            pixels = workspace.decoded(image)
            yield image.image_id, image.patient_id or image.image_id, pixels, regions

    model = load_model(run, Settings().trusted)
    if problem := why_no_heatmaps(model, run):
        console.print(f"Warning: {problem}", style="yellow", soft_wrap=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with interrupt_between_steps() as step_done, Progress(*columns, console=console, refresh_per_second=4) as bar:
        task = bar.add_task(f"Looking at {run.run_id}", total=len(images))

        def progress(done: int) -> None:
            bar.update(task, completed=done)
            step_done()

        looks = measure_attention(run, model, opened(), split, method, n_known, sets, progress)
    for table in _tables(region_attention_metrics(looks, run, workspace, dataset)):
        console.print(table)
    paths = write_attention(looks, workspace.writable)
    console.print("Written: " + ", ".join(str(path) for path in paths), soft_wrap=True)


def stored_region_attention(workspace: Workspace, run: Run, dataset: DataSet, split: Split) -> RegionAttention | None:
    """Stored results of a run over a split; ``None`` if there are none, or if the weights have changed."""
    for folder in workspace.folders:
        looks = read_attention(folder, run.run_id, split, PLACED if run.card.code else 1)
        if looks is not None and looks.weights_sha256 == run.card.weights_sha256 and looks.classes == run.card.classes:
            return region_attention_metrics(looks, run, workspace, dataset)
    return None


def region_attention_metrics(
    looks: AttentionResults, run: Run, workspace: Workspace, dataset: DataSet
) -> RegionAttention:
    """Metrics of the measurements, against original labels; first in the run's own classes."""
    source = run.card.taxonomy
    spaces = label_spaces(source, workspace)
    labels = dataset.labels
    regions = list(dict.fromkeys(one.region for one in looks.removals))
    flows = [
        occlusion_flow(
            [one for one in looks.removals if one.region == region and one.image_id in labels], source, space, labels
        )
        for region in regions
        for space in spaces
    ]
    return RegionAttention(looks, tuple(energy_metrics(looks.looks)), tuple(flows))


def label_spaces(source: Taxonomy, workspace: Workspace) -> list[Taxonomy]:
    """The run's own taxonomy, then the workspace's taxonomies that its predictions can be mapped to."""
    known = workspace.taxonomies().values()
    return [source, *(one for one in known if one != source and not standing_in_the_way(source, one))]


def _tables(all_of_it: RegionAttention) -> list[Table]:
    looks = all_of_it.looks
    title = (
        f"Where the maps of {looks.run_id} lie ({looks.method} of what it answers; {all_of_it.basis}; 95 % intervals)"
    )
    energies = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1))
    for name in ("layer", "region", "energy on it", "its area", "energy per area", "peak on it", "over"):
        energies.add_column(name)
    for one in all_of_it.energies:
        energies.add_row(one.layer, one.region, *energy_texts(one))
    title = (
        f"What becomes of right answers of {looks.run_id} with a region painted out ({all_of_it.basis}; 95 % intervals)"
    )
    moved = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1))
    for name in ("region", "told in", "right answers", "become another", "as much painted out beside it"):
        moved.add_column(name)
    for one_flow in all_of_it.flows:
        among = one_flow.moved
        images = f"{counted(round(among.n_images), 'image')} of {counted(among.n_patients, 'patient')}"
        moved.add_row(one_flow.region, one_flow.taxonomy.name, images, *moved_text(one_flow))
    return [energies, moved] if looks.layers else [moved]


def _run(workspace: Workspace, run_id: str) -> Run:
    runs = {run.run_id: run for run in workspace.runs()}
    if run_id not in runs:
        listing = command("runs", folders=workspace.folders)
        raise RunError(f"There is no run {run_id[:100]!r} in this workspace; `{listing}` lists them.")
    return runs[run_id]


def _with_regions(
    workspace: Workspace, images: Sequence[ImageRecord], split: Split
) -> list[tuple[ImageRecord, tuple[Region, ...]]]:
    written = workspace.regions()
    known = [(image, read_regions(written[image.image_id])) for image in images if image.image_id in written]
    if not known:
        raise WorkspaceError(
            f"No image of the {split} split has known regions; write them to {workspace.writable / REGIONS}, one line "
            'per image: {"image_id": ..., "regions": {name: [[left, top, right, bottom], ...]}}.'
        )
    return known


def _sets(together: Sequence[str], known: Sequence[str]) -> list[list[str]]:
    sets = [[name.strip() for name in one.split("+")] for one in together]
    if strangers := [name for names in sets for name in names if name not in known]:
        listed = ", ".join(sorted(set(known)))
        raise WorkspaceError(f"No image here has a region {strangers[0]!r}; the regions are {listed}.")
    return sets
