"""Parsing, checks and sentences that the page and the commands share when they import models."""

import csv
import re
from collections.abc import Mapping, Sequence
from shlex import quote

import numpy as np
from scipy.stats import binom

from dashboard.words import counted, images_of_patients, interval_text, no_interval, share_text
from model_zoo.checkpoints.preprocessing_trials import Trial, far_better
from model_zoo.core.errors import RunError
from model_zoo.core.evaluation.class_order import other_order
from model_zoo.core.evaluation.evaluation import Evaluation, accuracy
from model_zoo.core.evaluation.metrics import LEAST_PATIENTS
from model_zoo.core.evaluation.predictions import Predictions
from model_zoo.core.label_space.splits import Split
from model_zoo.core.label_space.taxonomy import Taxonomy
from model_zoo.images.decoding import MAX_INPUT_SIDE
from model_zoo.workspace.run import check_run_id
from model_zoo.workspace.workspace import Workspace

CHANCE_TEST_LEVEL = 0.05
"""One-sided p-value up to which a model is called better than guessing."""


def as_size(text: str) -> tuple[int, int]:
    """``224`` or ``224x320`` as (height, width) in pixels; `RunError` for anything else."""
    sides = re.fullmatch(r"\s*([0-9]{1,4})\s*(?:[xX]\s*([0-9]{1,4})\s*)?", text)
    height, width = (int(sides[1]), int(sides[2] or sides[1])) if sides else (0, 0)
    if not (1 <= height <= MAX_INPUT_SIDE and 1 <= width <= MAX_INPUT_SIDE):
        raise RunError(
            f"Cannot read size {text[:40]!r}; write 224, or 224x320 for height x width, at most {MAX_INPUT_SIDE}."
        )
    return height, width


def as_numbers(text: str, option: str = "") -> tuple[float, ...]:
    """``0.5,0.5,0.5`` as numbers; `RunError` for anything else, with the name of ``option`` if given."""
    pieces = [one.strip() for one in text.split(",")]
    written = r"[+-]?(?=\.?[0-9])[0-9]{0,6}\.?[0-9]{0,12}(e-?[0-9]{1,2})?"
    numbers = tuple(float(one) for one in pieces if re.fullmatch(written, one))
    if len(numbers) < len(pieces) or not all(abs(one) < 1e6 for one in numbers):
        named = f"{option} " if option else ""
        raise RunError(f"Cannot read {named}{text[:60]!r}; write one number per channel, such as 0.485,0.456,0.406.")
    return numbers


def check_run_id_free(workspace: Workspace, run_id: str) -> None:
    """Raise `RunError` unless ``run_id`` is valid and not used yet."""
    check_run_id(run_id)
    there = {run.run_id for run in workspace.runs()} | {path.name for path in workspace.writable.glob("runs/*")}
    if run_id in there:
        raise RunError(f"Run {run_id!r} is already there; remove it or choose another name.")


def unknown_words(n_outputs: int, n_channels: int) -> str:
    """What to do with weights that no known architecture fits, and what their shapes say (0: nothing)."""
    told = [counted(n_outputs, "output")] * bool(n_outputs) + [counted(n_channels, "input channel")] * bool(n_channels)
    seem = f" By their shapes the weights have {' and '.join(told)}." if told else ""
    return (
        f"No architecture that is known here fits.{seem} Name one with --architecture, or give the Python file that "
        "builds the model with --architecture-file FILE.py."
    )


def accuracy_words(judged: Evaluation, on: Split, taxonomy: Taxonomy) -> str:
    """Accuracy, the images it is based on, and warnings, as text."""
    if not len(judged.truth):
        return "No image in validation or test has a label that the taxonomy places: nothing says that it is right."
    share = accuracy(judged).share
    basis = images_of_patients(len(judged.truth), judged.n_patients)
    return (
        f"Accuracy over {on}: {share_text(share.value)} ({interval_text(share.low, share.high)}; {basis}, original "
        f"labels, taxonomy {taxonomy.name}). What it was trained on is not known: if these images were among it, that "
        f"is too high.{no_interval(judged.n_patients)}"
    )


def ties_words(predictions: Mapping[Split, Predictions]) -> str:
    """Number of images with tied highest probabilities, by split; '' if there is none."""
    tied = [
        f"{one.n_tied:,} of {len(one.image_ids):,} {split} images" for split, one in predictions.items() if one.n_tied
    ]
    if not tied:
        return ""
    return (
        f"Equal probabilities: for {' and '.join(tied)} several classes have the highest one; the first of these in "
        "the order of the taxonomy counts as predicted."
    )


def undecided_words(predictions: Mapping[Split, Predictions]) -> str:
    """Number of images whose predicted label spans several classes, by split; empty if there is none."""
    spans = [
        f"{one.undecided.sum():,} of {len(one.image_ids):,} {split} images"
        for split, one in predictions.items()
        if one.undecided.any()
    ]
    if not spans:
        return ""
    return (
        f"Undecided: of {' and '.join(spans)} the label spans several classes; they count as incorrect wherever it "
        "does, and as the class that it fits in elsewhere."
    )


def classes_text(names: Sequence[str]) -> str:
    """``a, b, c``, which `read_class_names` reads back: a name with a comma or a quote is quoted."""
    quoted = ('"' + name.replace('"', '""') + '"' if re.search(r'[",\r\n]', name) else name for name in names)
    return ", ".join(quoted)


def read_class_names(text: str) -> tuple[str, ...]:
    """The names in ``a,b,"c, d"``, without surrounding spaces."""
    return tuple(one.strip() for one in next(csv.reader([text], skipinitialspace=True), []))


def order_words(
    judged: Evaluation, taxonomy: Taxonomy, order: Sequence[str], remedy: str = "check the order of the classes"
) -> str:
    """Which other ``order`` of the outputs would be much more accurate; '' if there is none.

    ``remedy`` says what to do; ``{order}`` in it is replaced by these names, quoted for a shell.
    """
    other = other_order(judged.confusion.counts, taxonomy.names)
    if not len(judged.truth) or not other.is_suspicious:
        return ""
    of = dict(zip(taxonomy.names, other.names, strict=True))
    names = classes_text([of[name] for name in order])
    return (
        f"With the outputs named {names}, {share_text(other.share)} of the {counted(other.n_images, 'image')} would be "
        f"right: {remedy.replace('{order}', quote(names))}."
    )


def guessing_words(judged: Evaluation, taxonomy: Taxonomy) -> str:
    """Whether guessing would be as accurate as the model, in sentences; '' if the model is clearly better.

    Guessing is uniform, or always predicts the most common class of these images, whichever is correct more often. The
    model is clearly better if an exact one-sided binomial test at 5 % says so. The test treats images as independent,
    so it may miss a warning if patients have many images.
    """
    n_images = len(judged.truth)
    if not n_images or not taxonomy.names:
        return ""
    counts = np.bincount(judged.truth, minlength=len(taxonomy.names))
    n_correct = round(accuracy(judged).share.value * n_images)
    uniform, majority = 1 / len(taxonomy.names), float(counts.max()) / n_images
    p_value = float(binom.sf(n_correct - 1, n_images, max(uniform, majority)))
    if p_value <= CHANCE_TEST_LEVEL:
        return ""
    said = (
        f"{n_correct:,} of {counted(n_images, 'image')} predicted correctly. Uniform guessing among "
        f"{counted(len(taxonomy.names), 'class', 'classes')} is correct for {share_text(uniform)}, always predicting "
        f"{taxonomy.names[int(counts.argmax())]} for {share_text(majority)} of them"
    )
    if n_correct / n_images <= max(uniform, majority):
        return (
            f"This model is no better than guessing: {said}. Check architecture, classes, their order and preparation "
            "before you use it."
        )
    return f"This model cannot be told from guessing on so few images: {said} (exact binomial test, p = {p_value:.2f})."


def trials_title(tried: Sequence[Trial]) -> str:
    """Title of the table of `trials_rows`."""
    return f"Prepared otherwise, {counted(tried[0].n_images, 'image')} drawn by chance, original labels"


def trials_rows(tried: Sequence[Trial]) -> list[tuple[str, str, str]]:
    """Preprocessing, accuracy and its interval, as text: the given one first, then the others from best to worst.

    No interval for fewer than `LEAST_PATIENTS` images or patients.
    """
    ordered = [*tried[:1], *sorted(tried[1:], key=lambda one: -one.share)]
    enough = tried[0].n_images >= LEAST_PATIENTS
    return [(one.name, share_text(one.share), interval_text(one.low, one.high) if enough else "–") for one in ordered]


def trials_words(tried: Sequence[Trial]) -> str:
    """Which other preprocessing would be much more accurate; '' if there is none."""
    better = far_better(tried) if tried else None
    if better is None:
        return ""
    return (
        f"Prepared otherwise ({better.name}), {share_text(better.share)} would be right instead of "
        f"{share_text(tried[0].share)}; check how the model was trained, and import it so if that is how."
    )


def warning_words(
    judged: Evaluation, taxonomy: Taxonomy, order: Sequence[str], tried: Sequence[Trial] = (), remedy: str = ""
) -> str:
    """What to check first, '' for nothing: no better than guessing, then a wrong output order, then preprocessing.

    If the order is wrong, the results for other preprocessing mean little.
    """
    how = {"remedy": remedy} if remedy else {}
    found = (guessing_words(judged, taxonomy), order_words(judged, taxonomy, order, **how) or trials_words(tried))
    return " ".join(filter(None, found))
