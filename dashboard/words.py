"""Numbers and names as pages write them."""

import math
import re
from collections.abc import Sequence
from pathlib import Path

from dashboard.address.selection import Labels
from model_zoo.core.evaluation.macro_intervals import MIN_CLASS_PATIENTS
from model_zoo.core.evaluation.metrics import LEAST_PATIENTS
from model_zoo.images.decoding import Preprocessing
from model_zoo.importing.source import counted as counted
from model_zoo.workspace.command_line import command

LABELS = {Labels.ORIGINAL: "original labels", Labels.REVIEWED: "labels as reviewed"}

_MARKS = re.compile(r"([\\`*_{}\[\]()<>#+!|~$:&-])")


def plain(text: str) -> str:
    """``text`` as Markdown that reads as it is: names and addresses may hold links and pictures."""
    return _MARKS.sub(r"\\\1", text.replace("\n", " "))


def images_of_patients(n_images: int, n_patients: int, *notes: str) -> str:
    """``1,447 images of 320 patients``: what an interval rests on, with ``notes`` that say why it may be too narrow."""
    if n_images == n_patients > 1:
        notes = ("each image counts as its own patient: the CI is too narrow if patients have several images", *notes)
    text = f"{counted(n_images, 'image')} of {counted(n_patients, 'patient')}"
    return f"{text} ({'; '.join(notes)})" if notes else text


def no_run_yet(folders: Sequence[Path]) -> str:
    """What to do where a workspace, made of ``folders``, has no run."""
    train = command("train", "--taxonomy", "NAME", "--seeds", "0-2", folders=folders)
    return f"There is no trained run yet. Bring a trained model on the page Import, or train some with `{train}`."


def of_counts(n_counted: int) -> str:
    """What the figures of a confusion table alone rest on, and take for granted."""
    return (
        f"This is a confusion table alone: {counted(n_counted, 'counted answer')} and no image. Where it says image, "
        "one of these answers is meant. Which of them are of one patient is not known: every interval takes each as "
        "independent of all others, and is too narrow where they are not."
    )


def share_text(value: float, digits: int = 1) -> str:
    """A share in percent; undefined prints as a dash, never as 0."""
    return "–" if math.isnan(value) else f"{100 * value:.{digits}f} %"


def interval_text(low: float, high: float) -> str:
    """An interval of shares in percent."""
    return "–" if math.isnan(low) else f"{100 * low:.1f}–{100 * high:.1f} %"


def no_interval(n_patients: int) -> str:
    """Why a share has no interval, as a sentence that follows another; nothing where it has one."""
    return f" Fewer than {LEAST_PATIENTS} patients: no interval." if n_patients < LEAST_PATIENTS else ""


def rare_classes(names: Sequence[str]) -> str:
    """What the interval of a macro average assumes of classes with too few patients; nothing where there is none."""
    if not names:
        return ""
    classes = f"{one_of(names, 'and')} may be anything from 0 to 1"
    return f" Fewer than {MIN_CLASS_PATIENTS} patients, so that in this interval the figure of {classes}."


def points_text(difference: float, digits: int = 1) -> str:
    """A difference of shares in points, signed: ``+0.6``; what rounds to nothing has no sign."""
    return "0" if round(abs(100 * difference), digits) == 0 else signed(100 * difference, digits)


def rounding(a: float, b: float, difference: float) -> str:
    """`` before rounding`` where shares ``a`` and ``b``, as `share_text` prints them, do not subtract to the printed
    difference; else nothing.
    """
    printed = round(100 * a, 1) - round(100 * b, 1)
    return " before rounding" if abs(printed - round(100 * difference, 1)) > 0.05 else ""


def points_interval(low: float, high: float, digits: int = 1) -> str:
    """An interval of a difference in points; with up to 4 digits where an end would read as 0 and is not."""
    ends = [abs(100 * end) for end in (low, high) if end != 0]
    digits = next((n for n in range(digits, 4) if all(round(end, n) != 0 for end in ends)), 4)
    return f"{points_text(low, digits)} to {points_text(high, digits)}"


def signed(value: float, digits: int = 1) -> str:
    """``+12.3``, ``−0.4``, ``0``; undefined prints as a dash."""
    if math.isnan(value):
        return "–"
    return "0" if value == 0 else f"{value:+.{digits}f}".replace("-", "−")


def number_text(value: float, digits: int = 2) -> str:
    """A number on a scale of its own, below 0 with the sign of `signed`; undefined prints as a dash."""
    return "–" if math.isnan(value) else f"{value:.{digits}f}".replace("-", "−")


def one_of(names: Sequence[str], last: str = "or", at_most: int = 4) -> str:
    """``a``, ``a or b``, ``a, b, c and 280 more``; ``last`` joins the last of a complete list."""
    if len(names) > at_most:
        return f"{', '.join(names[: at_most - 1])} and {len(names) - at_most + 1} more"
    return f" {last} ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def fit_words(prepared: Preprocessing) -> str:
    """How an image becomes the model's size."""
    inner = f" to the inner {100 * prepared.crop_share:g} %" if prepared.crop_share < 1 else ""
    return f"{prepared.fit}{inner}"


def scale_words(prepared: Preprocessing) -> str:
    """What becomes of the pixels' values."""
    if prepared.per_image:
        return "each image to mean 0, std 1"
    return f"0..{prepared.value_range:g}, mean {_listed(prepared.mean)}, std {_listed(prepared.std)}"


def _listed(numbers: Sequence[float]) -> str:
    return ", ".join(f"{number:g}" for number in numbers)
