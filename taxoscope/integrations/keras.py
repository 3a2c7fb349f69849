"""A Keras callback that writes predictions as a run when training ends."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras

from taxoscope.integrations.collected import Collected, Destination, softmax, write


class RunLogger(keras.callbacks.Callback):  # type: ignore[misc]
    """Predicts ``x`` when `Model.fit` ends, and writes the run.

    ``sample_ids`` (N,) name the images of ``x``, of validation and test at once. ``from_logits``: the model's outputs
    are logits and no probabilities.
    """

    def __init__(
        self,
        folder: str | Path,
        name: str,
        x: Any,
        sample_ids: Sequence[Any],
        *,
        taxonomy: str,
        seed: int = 0,
        classes: Sequence[Any] | None = None,
        from_logits: bool = False,
    ) -> None:
        super().__init__()
        self.to = Destination(folder, name, taxonomy, seed, classes)
        self.run_id: str | None = None
        self._x, self._ids, self._from_logits = x, sample_ids, from_logits

    def on_train_end(self, logs: Any = None) -> None:
        """Write the run."""
        outputs, loop = self.model.predict(self._x, verbose=0), Collected()
        loop.add(softmax(outputs) if self._from_logits else outputs, self._ids)
        self.run_id = write([loop], self.to)
