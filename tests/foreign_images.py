"""Small images as other people keep them."""

from pathlib import Path

import numpy as np
from PIL import Image


def picture(path: Path, seed: int = 0, side: int = 8) -> Path:
    """A small image of noise that ``seed`` alone decides, in the format that its name says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 255, (side, side, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def by_class(root: Path, n_each: int = 2, classes: tuple[str, ...] = ("cat", "dog")) -> Path:
    """``root``/class/k.png, all different."""
    for c, name in enumerate(classes):
        for k in range(n_each):
            picture(root / name / f"{k}.png", seed=1000 * c + k)
    return root


FETAL_HEADER = "Image_name;Patient_num;Plane;Brain_plane;Operator;US_Machine;Train "
FETAL_ROWS = (
    ("1", "Other", "Not A Brain", "1"),
    ("1", "Fetal abdomen", "Not A Brain", "1"),
    ("2", "Fetal brain", "Trans-thalamic", "1"),
    ("2", "Fetal brain", "Trans-cerebellum", "1"),
    ("3", "Fetal brain", "Trans-ventricular", "0"),
    ("3", "Fetal brain", "Other", "0"),
    ("4", "Fetal femur", "Not A Brain", "0"),
    ("4", "Fetal thorax", "Not A Brain", "0"),
    ("5", "Maternal cervix", "Not A Brain", "0"),
)


def fetal_planes_folder(root: Path) -> Path:
    """FETAL_PLANES_DB's layout with one made-up image per published plane."""
    lines = [FETAL_HEADER]
    for k, (patient, plane, brain, train) in enumerate(FETAL_ROWS):
        name = f"Patient{int(patient):05d}_Plane{k + 1}_1_of_1"
        picture(root / "Images" / f"{name}.png", seed=k)
        lines.append(f"{name};{patient};{plane};{brain};Op. 1;Voluson E6;{train}")
    (root / "FETAL_PLANES_DB_data.csv").write_text("\r\n".join(lines) + "\r\n")
    return root
