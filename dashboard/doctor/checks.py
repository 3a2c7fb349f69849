"""Checks of an installation: versions, devices, write access, the port, what is missing, what shadows our packages."""

import os
import platform
import socket
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from model_zoo.core.extras import EXTRAS, missing

OUR_PACKAGES = ("taxoscope", "dashboard", "model_zoo")
_REPORTED = ("taxoscope", "streamlit", "numpy", "pandas", "torch", "timm", "onnxruntime", "pydicom")


@dataclass(frozen=True, slots=True)
class Check:
    """One check: ``is_fault`` if TaxoScope does not work as it is."""

    name: str
    told: str
    is_fault: bool = False


def check_installation(folder: Path, host: str, port: int) -> tuple[Check, ...]:
    """All checks; ``folder`` is where decisions are written."""
    return (
        Check("versions", _versions()),
        Check("devices", _devices()),
        *(_extra(name) for name in EXTRAS),
        _write_access(folder),
        _port(host, port),
        *(_shadows(name, sys.path) for name in OUR_PACKAGES),
    )


def _versions() -> str:
    found = [f"Python {platform.python_version()}"]
    for name in _REPORTED:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)


def _devices() -> str:
    cores = f"{os.cpu_count()} CPU cores"
    if missing("models"):
        return cores
    import torch

    names = [torch.cuda.get_device_name(k) for k in range(torch.cuda.device_count())]
    return ", ".join([cores, *names]) if names else f"{cores}, no CUDA device"


def _extra(name: str) -> Check:
    lacking = missing(name)
    told = f'without {", ".join(lacking)}; `pip install "taxoscope[{name}]"` adds them' if lacking else "installed"
    return Check(f"extra {name}", told)


def _write_access(folder: Path) -> Check:
    try:
        with tempfile.TemporaryFile(dir=folder):
            return Check("write access", f"{folder} can be written to")
    except OSError as error:
        return Check("write access", f"{folder} cannot be written to ({error.strerror}); allow it", True)


def _port(host: str, port: int) -> Check:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return Check("port", f"{host}:{port} cannot be used ({error.strerror}); another port will be taken")
    return Check("port", f"{host}:{port} is free")


def _shadows(name: str, places: Sequence[str]) -> Check:
    """Where else than in this installation a package of ours is found; the first place of ``places`` is imported."""
    ours = Path(__file__).resolve().parents[2] / name
    modules = [Path(place or ".") / one for place in places for one in (f"{name}/__init__.py", f"{name}.py")]
    found = [one.parent if one.name == "__init__.py" else one for one in modules if one.is_file()]
    there = list(dict.fromkeys(path.resolve() for path in found))
    others = [path for path in there if path != ours]
    if not others:
        return Check(f"package {name}", str(ours))
    first = there[0] != ours
    told = f"{others[0]} {'is imported in place of' if first else 'lies beside'} {ours}; use an environment of its own"
    return Check(f"package {name}", told, first)
