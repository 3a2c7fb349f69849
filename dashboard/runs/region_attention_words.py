"""Sentences and table rows about region attention, as Markdown with escaped names."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dashboard.words import counted, interval_text, plain, share_text
from model_zoo.core.explanation.region_attention import EnergyMetric, OcclusionFlow
from model_zoo.inference.region_attention_files import AttentionResults
from model_zoo.workspace.command_line import command
from model_zoo.workspace.run import Run
from model_zoo.workspace.workspace import REGIONS, Workspace

FEW_PATIENTS = 10
"""Below this many patients a figure gets its count and no interval."""


def why_no_region_attention(workspace: Workspace, run: Run, folders: Sequence[Path] = ()) -> str:
    """Why a run has no results, and the command that computes them; without ``folders`` the command has no path."""
    if run.weights_path is None:
        return "This run has no weights, so it cannot be asked what it looks at."
    where = "" if workspace.regions_paths() else f" It needs to know where in the images what lies: `{REGIONS}`."
    needed = command("look", run.run_id, folders=folders)  # run ids contain no backtick
    return f"Nobody has looked yet. `{needed}` finds out in a minute or two.{where}"


def energies_note(looks: AttentionResults, basis: str) -> str:
    """How to read the heatmap energies, and what they are based on."""
    return (
        f"Share of the map's energy on each region, against its share of the area: a map that knows nothing has "
        f"1.00 × the energy per area. {plain(str(looks.method))} of what the run answers; {basis}; looked at "
        f"{looks.created[:10]}. 95 % intervals, patients as clusters; below {FEW_PATIENTS} patients none."
    )


NO_HEATMAP_ENERGIES = (
    "Nothing is stored of where its heatmaps lie: the model's own code passes on another part of the image than it "
    "declares, so nobody knows. Its answers without a region do not depend on that."
)


def flows_note(region: str, basis: str) -> str:
    """How to read the effect of occlusion, and what it is based on."""
    return (
        f"Answers that are right (original labels), and what they become with {plain(region)} painted out, in each "
        f"label space. The last column is the control: as much painted out where {plain(region)} is not. "
        f"Basis: {basis}. 95 % intervals, patients as clusters; below {FEW_PATIENTS} patients none."
    )


def energy_row(one: EnergyMetric, looks: AttentionResults) -> dict[str, str]:
    """Table row of one layer and region: column -> text."""
    cells = {name: f"{name} ({rows} × {columns})" for name, rows, columns in looks.layers}
    names = ("energy on it", "its area", "energy per area", "highest place on it", "over")
    layer = {"layer (cells)": plain(cells.get(one.layer, one.layer)), "region": plain(one.region)}
    return layer | dict(zip(names, energy_texts(one), strict=True))


def flow_row(one: OcclusionFlow) -> dict[str, str]:
    """Table row of one class set: column -> text."""
    moved, control = moved_text(one)
    images, patients = counted(round(one.moved.n_images), "image"), counted(one.moved.n_patients, "patient")
    return {
        "label space": f"{plain(one.taxonomy.name)} ({len(one.taxonomy.classes)})",
        "right answers": f"{images} of {patients}",
        "become another": moved,
        "control": control,
    }


def energy_texts(one: EnergyMetric) -> tuple[str, ...]:
    """Heatmap share, area share, concentration ratio, pointing game and number of images, as text."""
    share, ratio, enough = one.share, one.ratio, one.share.n_patients >= FEW_PATIENTS
    low, high = (max(0.0, share.low), min(1.0, share.high)) if enough else (np.nan, np.nan)
    within = f" ({max(0.0, ratio.low):.2f}–{ratio.high:.2f})" if enough else ""
    peak = share_text(one.peak.value) + (f" ({interval_text(one.peak.low, one.peak.high)})" if enough else "")
    images = f"{counted(share.n_images, 'image')} of {counted(share.n_patients, 'patient')}"
    return (
        share_text(share.value) + (f" ({interval_text(low, high)})" if enough else ""),
        share_text(one.area),
        "–" if np.isnan(ratio.value) else f"{ratio.value:.2f} ×{within}",
        peak,
        images + (f"; {counted(one.n_empty, 'map')} empty" if one.n_empty else ""),
    )


def moved_text(one: OcclusionFlow) -> tuple[str, str]:
    """Share of correct predictions that change, and the same for a control area of equal size, with intervals."""
    return _share_text(one, control=False), _share_text(one, control=True)


def _share_text(one: OcclusionFlow, *, control: bool) -> str:
    share = one.control if control else one.moved
    enough = share.n_patients >= FEW_PATIENTS
    return share_text(share.value) + (f" ({interval_text(share.low, share.high)})" if enough else "")
