"""Grey values of DICOM: modality LUT, then VOI LUT or window, then 8 bits.

PS3.3 C.11.1 (modality LUT and rescaling), C.11.2 (VOI LUT and windows). pydicom applies them.
"""

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from model_zoo.core.errors import ImageError
from model_zoo.images.grey_scale import FULL, Depth, GreyScale, scale_of_bits

if TYPE_CHECKING:
    from pydicom import Dataset

TAGS = (
    *("RescaleSlope", "RescaleIntercept", "ModalityLUTSequence", "WindowCenter", "WindowWidth", "VOILUTFunction"),
    *("VOILUTSequence", "PixelPaddingValue"),
)
_FAR = 1e12
"""Beyond every window."""


def eight_bit(frame: NDArray[Any], dataset: "Dataset", shared: GreyScale | None) -> NDArray[np.uint8]:
    """A grey frame (height, width) as 0..255.

    By the file's VOI LUT, else its first window, else the range that it declares, else the scale ``shared``.
    """
    from pydicom.pixels.processing import apply_modality_lut, apply_voi, apply_windowing

    values = apply_modality_lut(frame, dataset)
    if _has_voi_lut(dataset):
        values = apply_voi(np.rint(values).astype(np.int64), dataset)
        scale = scale_of_bits(int(dataset.VOILUTSequence[0].LUTDescriptor[2]))
    elif _has_window(dataset):
        with np.errstate(over="ignore"):
            values = apply_windowing(values, dataset)
            ends = apply_windowing(np.array([-_FAR, _FAR]), dataset)
        scale = GreyScale(float(ends[0]), float(ends[1]))
    else:
        scale = _declared(dataset) or shared or _declared(dataset, in_full=True) or FULL
    grey = scale.eight_bit(np.asarray(values, dtype=np.float64))
    return 255 - grey if str(dataset.PhotometricInterpretation) == "MONOCHROME1" else grey


def how_read(dataset: "Dataset", shared: GreyScale | None) -> str:
    """How `eight_bit` reads the file, in words; '' for colours, and for 8 bits as they are."""
    if not str(dataset.PhotometricInterpretation).startswith("MONOCHROME"):
        return ""
    if _has_voi_lut(dataset):
        return "by the file's VOI LUT"
    if _has_window(dataset):
        return "by the file's window"
    declared = _declared(dataset)
    if declared is None and shared is not None:
        return f"observed over the whole import, {shared.text}"
    return "" if declared is None or int(dataset.BitsStored) <= 8 else f"as declared, {declared.text}"


def has_undeclared_depth(dataset: "Dataset") -> bool:
    """Whether nothing in the file says which of its grey values are black and white."""
    is_grey = str(dataset.PhotometricInterpretation).startswith("MONOCHROME")
    return is_grey and not (_has_voi_lut(dataset) or _has_window(dataset)) and _declared(dataset) is None


def depth_in(frames: Iterable[NDArray[Any]], dataset: "Dataset") -> Depth | None:
    """The least and largest value of some frames after the modality LUT, without padding; None where all is padding."""
    from pydicom.pixels.processing import apply_modality_lut

    padding = dataset.get("PixelPaddingValue")
    low, high = math.inf, -math.inf
    for frame in frames:
        inside = frame if padding is None else frame[frame != int(padding)]
        if inside.size:
            values = apply_modality_lut(inside, dataset)
            low, high = min(low, float(values.min())), max(high, float(values.max()))
    if low > high:
        return None
    steps = [float(dataset.get(name) or 0) for name in ("RescaleSlope", "RescaleIntercept")]
    return Depth(GreyScale(low, high), None, not all(one.is_integer() for one in steps))


def _has_voi_lut(dataset: "Dataset") -> bool:
    sequence = dataset.get("VOILUTSequence")
    return bool(sequence) and all(name in sequence[0] for name in ("LUTDescriptor", "LUTData"))


def _has_window(dataset: "Dataset") -> bool:
    """Whether the file has a window; `ImageError` where its width is none that PS3.3 C.11.2.1.2 allows."""
    from pydicom.multival import MultiValue

    if any(dataset.get(name) in (None, "") for name in ("WindowCenter", "WindowWidth")):
        return False
    widths = dataset.WindowWidth
    width = float(widths[0] if isinstance(widths, (list, tuple, MultiValue)) else widths)
    exact = str(dataset.get("VOILUTFunction", "LINEAR")).upper() in ("LINEAR_EXACT", "SIGMOID")
    if not (width > 0 if exact else width >= 1):
        least = "more than 0" if exact else "1 or more"
        raise ImageError(
            f"Window Width is {width:g}; expected {least}. Correct the tag, or delete Window Center and Window Width, "
            "so that the declared range of values counts."
        )
    return True


def _declared(dataset: "Dataset", in_full: bool = False) -> GreyScale | None:
    """The range of the values after the modality LUT; None where it is no more than the container's 16 or 32 bits.

    With ``in_full`` that range too.
    """
    from pydicom.pixels.processing import apply_modality_lut

    if sequence := dataset.get("ModalityLUTSequence"):
        return scale_of_bits(int(sequence[0].LUTDescriptor[2]))
    n, allocated = int(dataset.BitsStored), int(dataset.BitsAllocated)
    if n > 8 and n == allocated and not in_full:
        return None
    low = -(2 ** (n - 1)) if int(dataset.PixelRepresentation) else 0
    ends = apply_modality_lut(np.array([low, low + 2**n - 1], dtype=np.int64), dataset)
    return GreyScale(float(ends.min()), float(ends.max()))
