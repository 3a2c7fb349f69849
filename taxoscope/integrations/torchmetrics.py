"""A torchmetrics Metric: accuracy with its interval over groups, and the predictions as a run."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torchmetrics import Metric

from model_zoo.core.errors import RunError
from model_zoo.core.evaluation.metrics import share
from taxoscope.integrations.collected import Collected, Destination, as_array, write


class RunLogger(Metric):  # type: ignore[misc]
    """Collects probabilities (N, K), target classes (N,) and row numbers (N,) into ``sample_ids``.

    ``compute`` gives ``accuracy``, ``accuracy_low`` and ``accuracy_high``, the 95 % interval over ``groups`` (one for
    each of ``sample_ids``, by default each its own); `write_run` writes a run. It is gathered over processes as every
    Metric; an image that several of them saw counts once.
    """

    full_state_update = False
    probabilities: list[torch.Tensor]
    target: list[torch.Tensor]
    rows: list[torch.Tensor]

    def __init__(self, sample_ids: Sequence[Any], groups: Sequence[Any] | None = None, **more: Any) -> None:
        super().__init__(**more)
        if groups is not None and len(groups) != len(sample_ids):
            raise RunError(f"groups has {len(groups):,} values, sample_ids has {len(sample_ids):,}; give one for each.")
        self.sample_ids = [str(one) for one in sample_ids]
        own = [str(one) for one in (self.sample_ids if groups is None else groups)]
        self.owners = np.unique(own, return_inverse=True)[1]
        for name in ("probabilities", "target", "rows"):
            self.add_state(name, default=[], dist_reduce_fx="cat")

    def update(self, preds: torch.Tensor, target: torch.Tensor, rows: torch.Tensor) -> None:
        """Add a batch."""
        self.probabilities.append(preds.detach())
        self.target.append(target.detach())
        self.rows.append(rows.detach())

    def compute(self) -> dict[str, torch.Tensor]:
        """Accuracy and its interval; NaN with fewer than 8 groups."""
        probabilities, target, rows = self._collected()
        hits = (probabilities.argmax(axis=1) == target).astype(np.float64)
        owners = self.owners[rows]
        found = share(np.bincount(owners, weights=hits), np.bincount(owners).astype(np.float64))
        values = {"accuracy": found.value, "accuracy_low": found.low, "accuracy_high": found.high}
        return {name: torch.tensor(value, dtype=torch.float64) for name, value in values.items()}

    def write_run(
        self, folder: str | Path, name: str, *, taxonomy: str, seed: int = 0, classes: Sequence[Any] | None = None
    ) -> str:
        """Write what was collected as a run; its name."""
        probabilities, _, rows = self._collected()
        loop = Collected()
        loop.add(probabilities, [self.sample_ids[row] for row in rows])
        return write([loop], Destination(folder, name, taxonomy, seed, classes))

    def _collected(self) -> tuple[Any, Any, Any]:
        """Probabilities, targets and rows, each row once."""
        parts = [
            np.concatenate([as_array(one) for one in (state if isinstance(state, list) else [state])])
            for state in (self.probabilities, self.target, self.rows)
        ]
        rows, first = np.unique(parts[2].astype(np.int64), return_index=True)
        return parts[0][first], parts[1][first].astype(np.int64), rows
