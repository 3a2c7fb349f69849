"""How long a verdict takes on a million images, against resampling every image.

    uv run --no-sync python benchmarks/verdict_speed.py

One million images of 10,000 patients, 20 classes, two runs: tables per patient and 2,000 resamples of them, all three
figures and the rows of every class. The reference draws patients again and evaluates their images, as is usually
done; it is timed over a few resamples and extrapolated. Then 200,000 patients, linearised.
"""

import time
from collections.abc import Callable

import numpy as np

from model_zoo.core.comparison import uncertainty
from model_zoo.core.comparison.class_rows import class_rows
from model_zoo.core.comparison.comparison import pair, verdict
from model_zoo.core.comparison.outcomes import Question
from model_zoo.core.evaluation.evaluation import Evaluation
from model_zoo.core.evaluation.metrics import ClassFigure, Headline
from model_zoo.core.label_space.taxonomy import Taxonomy

N_CLASSES = 20
NAIVE_RESAMPLES = 3


def drawn(n_images: int, n_patients: int, rng: np.random.Generator) -> list[Evaluation]:
    """Two runs over the same images; patients of uneven size."""
    taxonomy = Taxonomy("twenty", {f"class {k}": frozenset({f"leaf {k}"}) for k in range(N_CLASSES)})
    patients = np.sort(rng.integers(0, n_patients, n_images))
    truth = rng.integers(0, N_CLASSES, n_images)
    ids = tuple(map(str, range(n_images)))
    sides = []
    for skill in (0.90, 0.89):
        right = rng.random((1, n_images)) < skill
        sides.append(Evaluation(taxonomy, ids, patients, truth, np.where(right, truth, (truth + 7) % N_CLASSES)))
    return sides


def judged(sides: list[Evaluation]) -> None:
    """Everything that Compare shows for one question."""
    both = pair(*sides)
    for figure in Headline:
        verdict(both, figure, Question.CHECKPOINT, 0.01)
    for kind in ClassFigure:
        class_rows(both, kind, Question.CHECKPOINT)


def naive(sides: list[Evaluation]) -> None:
    """Accuracy and the recall of every class, of a few resamples of patients, image by image."""
    rng = np.random.default_rng(0)
    starts = np.searchsorted(sides[0].patients, np.arange(sides[0].patients.max() + 2))
    for _ in range(NAIVE_RESAMPLES):
        patients = rng.integers(0, len(starts) - 1, len(starts) - 1)
        rows = np.concatenate([np.arange(starts[p], starts[p + 1]) for p in patients])
        for side in sides:
            truth, said = side.truth[rows], side.predicted[0, rows]
            np.bincount(truth * N_CLASSES + said, minlength=N_CLASSES**2)


def seconds(work: Callable[[list[Evaluation]], None], sides: list[Evaluation]) -> float:
    """Wall-clock seconds of one call."""
    started = time.perf_counter()
    work(sides)
    return time.perf_counter() - started


def main() -> None:
    """Print both, and their ratio."""
    rng = np.random.default_rng(1)
    sides = drawn(1_000_000, 10_000, rng)
    uncertainty.resamples.cache_clear()
    first, again = seconds(judged, sides), seconds(judged, sides)
    each = seconds(naive, sides) / NAIVE_RESAMPLES
    n_resamples = uncertainty.N_RESAMPLES
    print(f"1 M images, 10,000 patients, {n_resamples:,} resamples: {first:.2f} s (goal 2 s), again {again:.2f} s")
    print(f"image by image: {each * n_resamples:.0f} s, extrapolated; ratio {each * n_resamples / first:.0f}")
    print(f"200,000 patients, linearised: {seconds(judged, drawn(1_000_000, 200_000, rng)):.2f} s (goal 2 s)")


if __name__ == "__main__":
    main()
