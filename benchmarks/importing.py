"""How long 100,000 images take by manifest, without opening one: `uv run --no-sync python benchmarks/importing.py`.

The reference is pandas: reading the same CSV as text, and writing it again.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd
from PIL import Image

from dashboard.importing.plan import ImportOptions, plan_import
from dashboard.importing.write import write_import
from model_zoo.importing.near_duplicates import pairs_alike
from model_zoo.importing.reading import read_source
from model_zoo.workspace.new_workspace import init
from model_zoo.workspace.workspace import Workspace

T = TypeVar("T")


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--images", type=int, default=100_000)
    n = asked.parse_args().images
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        table = write(folder / "source", n)
        reference, _ = timed(lambda: pd.read_csv(table, dtype=str).to_csv(folder / "again.csv", index=False))
        workspace = Workspace.open(init(folder / "ws"))
        reading, source = timed(lambda: read_source(table))
        planning, plan = timed(lambda: plan_import(workspace, source, ImportOptions(check=False)))
        writing, read = timed(lambda: write_import(plan))
        assert len(read.dataset().images) == n
        opening, _ = timed(lambda: Workspace.open(folder / "ws").dataset())
    total = reading + planning + writing
    print(f"{n:,} images by manifest: {total:.1f} s, {total / reference:.0f} x pandas ({reference:.2f} s)")
    print(f"  reading {reading:.1f} s, planning {planning:.1f} s, writing {writing:.1f} s; opening {opening:.1f} s")
    hashes = np.random.default_rng(0).integers(0, 2**63, n, dtype=np.uint64)
    pairs, _ = timed(lambda: pairs_alike(hashes))
    some, at_once = timed(lambda: np.bitwise_count(hashes[:1000, None] ^ hashes[None, :]).min())
    del at_once
    print(f"near-duplicates among {n:,}: {pairs:.1f} s; comparing all with all: {some * n / 1000:.0f} s")


def write(folder: Path, n: int) -> Path:
    """``n`` names of one small image, in folders of 1,000, and a table with ten classes, patients and two columns."""
    for k in range(0, n, 1000):
        (folder / f"{k // 1000:04d}").mkdir(parents=True)
    Image.new("L", (8, 8)).save(folder / "one.png")
    raw = (folder / "one.png").read_bytes()
    names = [f"{k // 1000:04d}/{k:06d}.png" for k in range(n)]
    for name in names:
        (folder / name).write_bytes(raw)
    k = np.arange(n)
    columns = {
        "path": names,
        "label": [f"class {one}" for one in k % 10],
        "patient": [f"p{one}" for one in k // 8],
        "split": np.array(["train", "validation", "test"])[k // 8 % 3],
        "scanner": [f"scanner {one}" for one in k % 7],
        "age": k % 90,
    }
    pd.DataFrame(columns).to_csv(folder / "images.csv", index=False)
    return folder / "images.csv"


def timed(what: Callable[[], T]) -> tuple[float, T]:
    started = time.perf_counter()
    result = what()
    return time.perf_counter() - started, result


if __name__ == "__main__":
    main()
