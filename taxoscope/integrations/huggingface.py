"""A Hugging Face TrainerCallback that writes validation and test predictions as a run."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from model_zoo.core.errors import RunError
from taxoscope.integrations.collected import Collected, Destination, softmax, write


class RunLogger(TrainerCallback):  # type: ignore[misc]
    """Writes the run when `Trainer.predict` ends, with the predictions of the last `Trainer.evaluate` before it.

    A Trainer hands its predictions to ``compute_metrics`` alone, so give it both:
    ``Trainer(..., callbacks=[logger], compute_metrics=logger.compute_metrics)``; ``metrics`` are then those of a
    function of your own. ``test_ids`` and ``validation_ids`` name the images of both data sets in their order.
    """

    def __init__(
        self,
        folder: str | Path,
        name: str,
        *,
        taxonomy: str,
        test_ids: Sequence[Any],
        validation_ids: Sequence[Any] | None = None,
        metrics: Callable[[Any], dict[str, float]] | None = None,
        seed: int = 0,
        classes: Sequence[Any] | None = None,
    ) -> None:
        self.to = Destination(folder, name, taxonomy, seed, classes)
        self.run_id: str | None = None
        self._ids = {"test": test_ids, "validation": validation_ids}
        self._metrics, self._logits = metrics, None
        self._validation = Collected()

    def compute_metrics(self, prediction: Any) -> dict[str, float]:
        """Keep the logits of one loop over a data set."""
        logits = prediction.predictions
        self._logits = logits[0] if isinstance(logits, tuple) else logits
        return self._metrics(prediction) if self._metrics else {}

    def on_evaluate(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Keep the predictions of validation."""
        if self._ids["validation"] is not None:
            self._validation = self._collected("validation")

    def on_predict(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, metrics: Any, **kwargs: Any
    ) -> None:
        """Write the run."""
        self.run_id = write([one for one in (self._validation, self._collected("test")) if one.ids], self.to)

    def _collected(self, split: str) -> Collected:
        if self._logits is None:
            raise RunError("The Trainer gave no predictions; pass compute_metrics=logger.compute_metrics to it.")
        loop, ids = Collected(), self._ids[split] or ()
        loop.add(softmax(self._logits), list(ids))
        self._logits = None
        return loop
