"""Packages that only some work needs, and what to install where they are missing."""

from collections.abc import Mapping
from importlib.util import find_spec

from model_zoo.core.errors import MissingPackageError

EXTRAS: Mapping[str, tuple[str, ...]] = {
    "models": ("torch", "torchvision", "timm", "pytorch_grad_cam", "safetensors"),
    "onnx": ("onnx", "onnxruntime", "google.protobuf"),
    "dicom": ("pydicom",),
}
"""Extra of the package -> the modules that it adds."""


def require(extra: str, work: str) -> None:
    """`MissingPackageError` with a sentence that begins with ``work`` unless the modules of ``extra`` are installed."""
    if lacking := missing(extra):
        listed = " and ".join(filter(None, (", ".join(lacking[:-1]), lacking[-1])))
        are = "is" if len(lacking) == 1 else "are"
        raise MissingPackageError(
            f'{work} needs {listed}, which {are} not installed; type `pip install "taxoscope[{extra}]"`.'
        )


def missing(extra: str) -> tuple[str, ...]:
    """The modules of ``extra`` that are not installed."""
    return tuple(name for name in EXTRAS[extra] if not _is_installed(name))


def _is_installed(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:  # of a parent package
        return False
