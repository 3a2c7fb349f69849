"""A model's own Python file, run only where somebody trusts it."""

import hashlib
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import torch
from torch import Tensor, nn

from model_zoo.checkpoints.crop_probe import (
    Crop,
    Shape,
    UnknownCropError,
    crop_of,
    probed_crop,
    uses_pixels_outside,
    whole,
)
from model_zoo.core.errors import CheckpointError

MAX_BYTES = 2**20


@dataclass(frozen=True)
class TrustedCode:
    """A Python file, as bytes; what is run is what the hash is of.

    The file defines ``build(n_classes, channels)``, which gives the `torch.nn.Module` that the weights belong to. It
    may define ``prepare(pixels)``, which gets float pixels (N, channels, height, width) in 0..255, of the declared
    size, and gives what the module takes, in place of value range, mean and std; ``CROP = (top, left, bottom,
    right)`` or a function ``crop(height, width)`` that gives these, where only that part of the pixels reaches the
    module, however it is resized then; and ``PROBABILITIES = True``, where the module's outputs (N, n_classes) are no
    logits but probabilities. It may import what is installed, no file beside it.
    """

    name: str
    source: bytes
    _ran: dict[str, ModuleType] = field(default_factory=dict, compare=False, repr=False)

    @property
    def sha256(self) -> str:
        """64 hexadecimal digits."""
        return hashlib.sha256(self.source).hexdigest()

    @property
    def prepares(self) -> bool:
        """Whether it brings its own preprocessing of pixels. Runs the file."""
        return callable(getattr(self.run(), "prepare", None))

    def run(self) -> ModuleType:
        """The file as a module, run once; `CheckpointError` says at which line it failed."""
        if self.sha256 not in self._ran:
            module = ModuleType(f"taxoscope_own_{self.sha256[:16]}")
            module.__file__ = self.name
            sys.modules[module.__name__] = module  # dataclasses look their own module up there
            with _told(self.name):
                exec(compile(self.source, self.name, "exec"), module.__dict__)
            if not callable(getattr(module, "build", None)):
                raise CheckpointError(f"{self.name} defines no build(n_classes, channels) that gives a model; add it.")
            self._ran[self.sha256] = module
        return self._ran[self.sha256]

    def network(self, n_classes: int, channels: int) -> nn.Module:
        """What ``build`` gives; `CheckpointError` where that is no module."""
        with _told(self.name):
            made = self.run().build(n_classes, channels)
        if not isinstance(made, nn.Module):
            raise CheckpointError(f"build in {self.name} gave {type(made).__name__}, not a torch.nn.Module.")
        return made

    def around(self, network: nn.Module, columns: Sequence[int]) -> "TrustedModel":
        """``network`` as TaxoScope asks models: pixels in, logits in the order of ``columns`` of its outputs out."""
        module = self.run()
        return TrustedModel(
            self.name,
            network,
            getattr(module, "prepare", None),
            bool(getattr(module, "PROBABILITIES", False)),
            tuple(columns),
            getattr(module, "crop", getattr(module, "CROP", None)),
        )


class TrustedModel(nn.Module):
    """A network of somebody's own code between its preparation and the logits that TaxoScope reads."""

    def __init__(
        self,
        name: str,
        network: nn.Module,
        prepare: Callable[[Tensor], Tensor] | None,
        gives_probabilities: bool,
        columns: tuple[int, ...],
        crop: object = None,
    ) -> None:
        super().__init__()
        self.name, self.network, self.prepare, self.crop = name, network, prepare, crop
        self.gives_probabilities, self.columns = gives_probabilities, columns
        self._seen: dict[Shape, Crop | UnknownCropError] = {}

    def prepared(self, inputs: Tensor) -> Tensor:
        """What the network gets for ``inputs`` (N, C, height, width)."""
        with _told(self.name):
            return self.prepare(inputs) if self.prepare else inputs

    def after_preparing(self) -> "TrustedModel":
        """The same network, which takes what `prepared` gives; in the same mode."""
        return TrustedModel(self.name, self.network, None, self.gives_probabilities, self.columns).train(self.training)

    def seen(self, shape: Shape) -> Crop:
        """The part of inputs of ``shape`` (channels, height, width) that the network looks at.

        `UnknownCropError` where the file declares none and a probe finds that it is not the whole, or declares
        another one than the probe finds. Found once for each shape.
        """
        if shape not in self._seen:
            try:
                with torch.no_grad():
                    self._seen[shape] = self._found(shape)
            except UnknownCropError as error:
                self._seen[shape] = error
            except CheckpointError as error:  # of an image of noise; real ones may well be prepared
                why = f"Where on the image a heatmap lies is not known, as it could not be probed: {error}"
                self._seen[shape] = UnknownCropError(why)
        found = self._seen[shape]
        if isinstance(found, UnknownCropError):
            raise found
        return found

    def _found(self, shape: Shape) -> Crop:
        size = shape[1:]
        with _told(self.name):
            said = self.crop(*size) if callable(self.crop) else self.crop
        declared = None if said is None else crop_of(said, size, self.name)
        expected = declared or whole(size)
        if self.prepare:
            probed = probed_crop(self.prepared, shape)
            if probed is None:
                raise UnknownCropError(
                    f"Where on the image a heatmap lies is not known: prepare in {self.name} does more than crop, "
                    "resize and scale every image alike. No heatmap is drawn."
                )
            if not probed.is_near(expected, size):
                says = f"declares the crop {declared.written}" if declared else "declares no crop"
                raise UnknownCropError(
                    f"Where on the image a heatmap lies is not known: {self.name} {says}, but prepare passes on "
                    f"{probed.written} of {size[0]} x {size[1]} (top, left, bottom, right). No heatmap is drawn; write "
                    f"CROP = {probed.written} into the file if that is right, and import it again."
                )
        noise = torch.Generator().manual_seed(1)
        image = (
            255 * torch.rand((1, *shape), generator=noise)
            if self.prepare
            else torch.randn((1, *shape), generator=noise)
        )
        if uses_pixels_outside(self, expected, image):
            raise UnknownCropError(
                f"Where on the image a heatmap lies is not known: the answer of the model in {self.name} does not "
                f"depend on the part {expected.written} of {size[0]} x {size[1]} (top, left, bottom, right) and on "
                "nothing else. No heatmap is drawn; write the part that its network cuts out as CROP into the file."
            )
        return expected

    def forward(self, inputs: Tensor) -> Tensor:
        """Logits (N, K); `CheckpointError` where the code fails or gives something else."""
        inputs = self.prepared(inputs)
        with _told(self.name):
            said = self.network(inputs)
        if not isinstance(said, Tensor) or said.ndim != 2 or said.shape[1] != len(self.columns):
            shape = tuple(said.shape) if isinstance(said, Tensor) else type(said).__name__
            raise CheckpointError(f"The model of {self.name} gives {shape}, not ({len(inputs)}, {len(self.columns)}).")
        said = said[:, list(self.columns)].float()
        if not self.gives_probabilities:
            return said
        if bool((said < -1e-6).any()) or bool(((said.sum(dim=1) - 1).abs() > 1e-3).any()):
            raise CheckpointError(f"{self.name} says PROBABILITIES, but its outputs are none; leave that line out.")
        return said.clamp_min(torch.finfo(torch.float32).tiny).log()


def read_code(path: Path) -> TrustedCode:
    """The file; `CheckpointError` where it cannot be read as Python. Nothing is run."""
    try:
        source = path.read_bytes() if path.is_file() and path.stat().st_size <= MAX_BYTES else b""
        if not source:
            raise CheckpointError(
                f"{path.name} is no Python file with code in it; give the file that builds the model."
            )
        compile(source, path.name, "exec")
    except (OSError, ValueError, SyntaxError, RecursionError, MemoryError) as error:
        raise CheckpointError(f"{path.name} is no Python file that can be read ({error}); correct it.") from error
    return TrustedCode(path.name, source)


@contextmanager
def _told(name: str) -> Iterator[None]:
    try:
        yield
    except (CheckpointError, UnknownCropError):
        raise
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # somebody's own code raises anything, SystemExit too
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == name]
        first = next(iter(str(error).splitlines()), "")[:200]
        at = f", line {lines[-1]}," if lines else ""
        raise CheckpointError(f"{name}{at} failed: {type(error).__name__}: {first}; correct it.") from error
