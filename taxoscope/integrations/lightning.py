"""A Lightning callback that writes validation and test predictions as a run."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from model_zoo.core.errors import RunError
from taxoscope.integrations.collected import Collected, Destination, softmax, write


class RunLogger(Callback):  # type: ignore[misc]
    """Writes the run when `trainer.test` ends, with the predictions of the last validation before it.

    ``validation_step`` and ``test_step`` return a dict with ``logits`` or ``probabilities`` (N, K) and ``sample_ids``
    (N,). Test on one device: each process of several sees a part of the images alone.
    """

    def __init__(
        self, folder: str | Path, name: str, *, taxonomy: str, seed: int = 0, classes: Sequence[Any] | None = None
    ) -> None:
        self.to = Destination(folder, name, taxonomy, seed, classes)
        self.run_id: str | None = None
        self._validation, self._test = Collected(), Collected()

    def on_validation_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Forget the validation before."""
        self._validation = Collected()

    def on_validation_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, *args: Any, **more: Any
    ) -> None:
        """Keep what a batch of validation gave."""
        if not trainer.sanity_checking:
            _add(self._validation, outputs, "validation_step")

    def on_test_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Forget the test before."""
        if trainer.world_size > 1:
            raise RunError(f"{trainer.world_size} processes share the test images; test with devices=1 to log a run.")
        self._test = Collected()

    def on_test_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, *args: Any, **more: Any
    ) -> None:
        """Keep what a batch of the test gave."""
        _add(self._test, outputs, "test_step")

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the run."""
        self.run_id = write([one for one in (self._validation, self._test) if one.ids], self.to)


def _add(to: Collected, outputs: Any, step: str) -> None:
    if not isinstance(outputs, dict) or "sample_ids" not in outputs or not {"logits", "probabilities"} & set(outputs):
        raise RunError(f"{step} returned no dict with 'logits' or 'probabilities' and 'sample_ids'; return these two.")
    rows = outputs["probabilities"] if "probabilities" in outputs else softmax(outputs["logits"])
    to.add(rows, outputs["sample_ids"])
