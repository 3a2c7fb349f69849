"""Preprocessing metadata in a weights file, and contradictions with the user's settings."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dashboard.importing.checks import as_numbers
from model_zoo.core.errors import RunError
from model_zoo.images.decoding import MAX_INPUT_SIDE, MIN_CROP_SHARE, Fit, Interpolation, Preprocessing

if TYPE_CHECKING:
    from model_zoo.checkpoints.model_file import ModelFile
    from model_zoo.checkpoints.read import Said


@dataclass(frozen=True, slots=True)
class CheckpointMetadata:
    """Unverified preprocessing metadata of a weights file; None if missing.

    ``size`` is text such as ``224`` or ``224x320``; ``mean`` and ``std`` have one number, or one per channel.
    """

    size: str | None = None
    fit: Fit | None = None
    interpolation: Interpolation | None = None
    crop_share: float | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None


def read_metadata(checkpoint: "ModelFile") -> CheckpointMetadata:
    """Preprocessing metadata, from any key that training scripts commonly use; a whole model knows its size."""
    by_end = {where.rpartition(".")[2].lower(): value for where, value in reversed(list(checkpoint.said.items()))}
    sizes = [_size(by_end[name]) for name in ("img_size", "image_size", "input_size", "imgsz") if name in by_end]
    named, kept = str(by_end.get("interpolation", "")), _numbers(by_end.get("crop_pct", ""))
    mean, std = (_numbers(by_end.get(name, "")) for name in ("mean", "std"))
    own: tuple[int, int] = getattr(checkpoint, "size", (0, 0))
    resize, crop = (_numbers(by_end.get(f"val_{name}_size", "")) for name in ("resize", "crop"))  # torchvision's
    if len(resize) == len(crop) == 1 and 1 <= crop[0] <= resize[0]:
        sizes, kept, fit = [_size(crop)], (crop[0] / resize[0],), str(Fit.CROP)
    else:
        fit = str(by_end.get("fit", Fit.CROP if kept else ""))
    return CheckpointMetadata(
        size=_size_text(own) if all(own) else next(filter(None, sizes), None),
        fit=Fit(fit) if fit in tuple(Fit) else None,
        interpolation=Interpolation(named) if named in tuple(Interpolation) else None,
        crop_share=kept[0] if len(kept) == 1 and MIN_CROP_SHARE <= kept[0] <= 1 else None,
        mean=mean if len(mean) in (1, 3) else None,
        std=std if len(std) in (1, 3) else None,
    )


def contradictions(said: CheckpointMetadata, prepared: Preprocessing, values: bool = True) -> tuple[str, ...]:
    """A sentence for each item of metadata that ``prepared`` contradicts; pixel values are compared if ``values``."""
    found = []
    if said.size not in (None, _size_text(prepared.size)):
        found.append(("size", said.size, _size_text(prepared.size)))
    if said.fit not in (None, prepared.fit) and said.crop_share is None:
        found.append(("fit", said.fit, prepared.fit))
    if said.crop_share is not None:
        share = prepared.crop_share if prepared.fit is Fit.CROP else 1.0
        if not _alike([said.crop_share], [share]):
            mine = f"{share:g}" if prepared.fit is Fit.CROP else str(prepared.fit)
            found.append(("crop share", f"{said.crop_share:g}", mine))
    if said.interpolation not in (None, prepared.interpolation):
        found.append(("interpolation", said.interpolation, prepared.interpolation))
    for name, numbers, own in (("mean", said.mean, prepared.mean), ("std", said.std, prepared.std)):
        if not values or numbers is None:
            continue
        if prepared.per_image:
            found.append((name, comma_separated(numbers), "each image to mean 0, std 1"))
        elif not (_alike(numbers, own) or _alike(numbers, [one / prepared.value_range for one in own])):
            found.append((name, comma_separated(numbers), comma_separated(own)))
    return tuple(f"The file says {what} {theirs}, you said {mine}." for what, theirs, mine in found)


def comma_separated(numbers: Sequence[float]) -> str:
    """``0.485,0.456,0.406``, which `as_numbers` reads back."""
    return ",".join(f"{number:.10g}" for number in numbers)


def _alike(theirs: Sequence[float], mine: Sequence[float]) -> bool:
    """Equal up to rounding; a single number stands for every channel."""
    theirs = [*theirs] * len(mine) if len(theirs) == 1 else theirs
    return len(theirs) == len(mine) and all(
        math.isclose(one, other, rel_tol=1e-3, abs_tol=1e-6) for one, other in zip(theirs, mine, strict=True)
    )


def _size(value: "Said") -> str | None:
    numbers = _numbers(value)
    sides = numbers[1:] if len(numbers) == 3 and numbers[0] in (1, 3) else numbers  # (channels, height, width)
    if len(sides) not in (1, 2) or not all(one.is_integer() and 1 <= one <= MAX_INPUT_SIDE for one in sides):
        return None
    return _size_text((int(sides[0]), int(sides[-1])))


def _size_text(size: tuple[int, int]) -> str:
    return f"{size[0]}" if size[0] == size[1] else f"{size[0]}x{size[1]}"


def _numbers(value: "Said") -> tuple[float, ...]:
    """A number, several, or text that lists them (safetensors has only text); () for anything else."""
    if isinstance(value, str):
        try:
            return as_numbers(value.strip("[]() "))
        except RunError:
            return ()
    listed = value if isinstance(value, tuple) else (value,)
    numbers = tuple(float(one) for one in listed if isinstance(one, int | float))
    return numbers if len(numbers) == len(listed) and all(map(math.isfinite, numbers)) else ()
