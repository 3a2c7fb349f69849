"""Predictions collected batch by batch."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model_zoo.core.errors import RunError
from taxoscope.run_log import log_run


@dataclass(frozen=True)
class Destination:
    """Where a run goes: see `taxoscope.log_run`."""

    folder: str | Path
    name: str
    taxonomy: str
    seed: int = 0
    classes: Sequence[Any] | None = None


@dataclass
class Collected:
    """Probabilities (N, K) and ids (N,) of one loop over data, in batches."""

    probabilities: list[NDArray[np.float64]] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)

    def add(self, probabilities: Any, ids: Any) -> None:
        """A batch; tensors are taken off their device."""
        rows = as_array(probabilities)
        names = [str(one) for one in (ids.tolist() if hasattr(ids, "tolist") else ids)]
        if rows.ndim != 2 or len(rows) != len(names):
            raise RunError(
                f"A batch has predictions of shape {rows.shape} and {len(names)} ids; expected (N, K) and N of them."
            )
        self.probabilities.append(rows)
        self.ids += names


def write(loops: Sequence[Collected], to: Destination) -> str:
    """Write all loops as one run; its name. An image that several loops saw counts as the last one saw it."""
    rows = {one: row for loop in loops for one, row in zip(loop.ids, np.concatenate(loop.probabilities), strict=True)}
    return log_run(
        to.folder,
        to.name,
        np.stack(list(rows.values())),
        list(rows),
        taxonomy=to.taxonomy,
        seed=to.seed,
        classes=to.classes,
    )


def as_array(values: Any) -> NDArray[np.float64]:
    """A tensor or array as float64."""
    return np.asarray(values.detach().cpu().float() if hasattr(values, "detach") else values, dtype=np.float64)


def softmax(logits: Any) -> NDArray[np.float64]:
    """Probabilities (N, K) of logits (N, K)."""
    shifted = as_array(logits)
    exponentials = np.exp(shifted - shifted.max(axis=1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True))
