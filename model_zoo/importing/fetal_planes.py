"""Reads FETAL_PLANES_DB as published: 12,400 maternal-fetal ultrasound planes of 1,792 patients.

Burgos-Artizzu et al. 2020, Scientific Reports 10:10200, and zenodo.org/records/3904280 (CC BY 4.0): a table
`FETAL_PLANES_DB_data.csv`, separated by semicolons, beside a folder `Images` of PNG files.
"""

from pathlib import Path

from model_zoo.core.label_space.splits import Split
from model_zoo.importing.source import Row, Source, SourceError, shown
from model_zoo.importing.tables import Table

TABLE = "FETAL_PLANES_DB_data.csv"
COLUMNS = ("Image_name", "Patient_num", "Plane", "Brain_plane", "Operator", "US_Machine", "Train")
LEVELS = ("all_planes", "planes", "brain_planes")
"""Leaves: every plane, and the fetal brain by its own; the six published planes; the brain planes alone."""

BRAIN, OTHER = "Fetal brain", "Other"
OTHER_BRAIN = "Fetal brain, other"
BRAIN_PLANES = ("Trans-thalamic", "Trans-cerebellum", "Trans-ventricular")


def is_fetal_planes(table: Table) -> bool:
    """Whether a table has exactly the published columns."""
    return table.names == COLUMNS


def fetal_planes(table: Table, base: Path) -> Source:
    """The published table as a source; `SourceError` for a value of Train or a brain plane that was not published."""
    images = base / "Images" if (base / "Images").is_dir() else base
    rows, left_out = [], []
    for number, row in enumerate(table.rows, start=1):
        name, patient, plane, brain, operator, machine, train = row
        where = f"row {number:,}"
        if train not in ("0", "1"):
            raise SourceError(f"{table.title}, {where}: Train is {shown(train)}; the published table has 1 or 0.")
        if not name:
            left_out.append(f"{table.title}, {where} names no image.")
            continue
        file = name if name.lower().endswith(".png") else f"{name}.png"
        split = Split.TRAIN if train == "1" else Split.TEST
        labels = _labels(plane, brain, f"{table.title}, {where}")
        columns = {"Operator": operator, "US_Machine": machine}
        rows.append(Row(where, file, name.removesuffix(".png"), labels, patient, split, columns))
    told = (
        f"The published layout of FETAL_PLANES_DB; images in {images.name}/.",
        "Train = 1 is split train, 0 is test; none is validation: --hold-out 10 draws it from training patients.",
        f"A fetal brain is called by its brain plane, {shown(OTHER_BRAIN)} where that is Other.",
    )
    return Source("FETAL_PLANES_DB", images, LEVELS, tuple(rows), told, tuple(left_out))


def _labels(plane: str, brain: str, where: str) -> tuple[str, str, str]:
    if plane != BRAIN:
        return plane, plane, ""
    if brain not in (*BRAIN_PLANES, OTHER):
        raise SourceError(f"{where}: brain plane {shown(brain)} is none of {', '.join(BRAIN_PLANES)}, {OTHER}.")
    leaf = OTHER_BRAIN if brain == OTHER else brain
    return leaf, plane, leaf
