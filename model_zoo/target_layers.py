"""Where in a network a map can be read, and a private view of the network to read it there.

A model is shared between threads, so nothing may be attached to it: the grad-cam package's hooks sit on
the shared module and collect every thread's activations (27-30 of 40 maps silently wrong, measured). Here
only the modules on the path from the root to the layer are copied, shallowly, for one call; all others,
and every parameter and buffer, are the model's own. The tap sits on the copy, so no other call can meet it.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from model_zoo.core.errors import TaxoScopeError

Tap = Callable[[object], object]
"""Gets a layer's output, gives what goes on in its place."""

_DEPTHS_OF_A_COLUMN = 4
"""How many layers are offered where all have the same grid (a plain vision transformer has 12 or more)."""


class ExplanationError(TaxoScopeError):
    """A map that cannot be made from this model, layer, class or input."""


class NotAMapError(ExplanationError):
    """A layer whose output has no rows and columns, or does not exist."""


@dataclass(frozen=True, slots=True)
class TargetLayer:
    """A layer at which a class activation map can be read."""

    name: str
    """Module path, such as ``layer4.1``."""
    grid: tuple[int, int]
    """Rows and columns of its map, before it is enlarged to the input's size."""


def target_layers(model: nn.Module, input_size: tuple[int, int, int]) -> tuple[TargetLayer, ...]:
    """The layers worth a map, from the last stage (coarse) to an early one (fine).

    They are timm's own list of stages (``feature_info``) where the model has one, else the last layer at each
    grid size. ``input_size`` is (channels, height, width). Costs one forward pass, so keep the answer beside
    the model. `ExplanationError` if no layer has a map of more than one cell.
    """
    evaluated(model)
    names = declared_layers(model)
    found = _grids(model, names, input_size)
    if not found:
        every = _grids(model, (name for name, _ in model.named_modules() if name), input_size)
        found = _last_of_each_grid(every, input_size[1] / input_size[2])
    if not found:
        raise ExplanationError(
            f"No layer of {type(model).__name__} gives a map of more than one cell for an input of {input_size} "
            "(channels, height, width); use a larger input or a convolutional or vision transformer model."
        )
    order = {name: depth for depth, name in enumerate(names)}
    return tuple(sorted(found, key=lambda layer: order.get(layer.name, 0)))


def declared_layers(model: nn.Module) -> tuple[str, ...]:
    """Module paths of the stages that timm declares for this model, the last first; empty if it declares none."""
    declared = getattr(model, "feature_info", None) or ()
    entries = [entry for entry in getattr(declared, "info", declared) if entry.get("module")]
    if len({entry.get("reduction") for entry in entries}) == 1:
        picks = range(_DEPTHS_OF_A_COLUMN, 0, -1)
        indices = dict.fromkeys(max(len(entries) * pick // _DEPTHS_OF_A_COLUMN, 1) - 1 for pick in picks)
        entries = [entries[index] for index in reversed(indices)]
    modules = dict(model.named_modules())
    return tuple(_block(model, modules, e["module"]) for e in reversed(entries) if e["module"] in modules)


def tapped(model: nn.Module, taps: Mapping[str, Tap]) -> nn.Module:
    """A view of ``model`` that hands the output of each named layer to its tap; ``model`` is left as it is.

    `NotAMapError` if the model has no module of that name.
    """
    children: dict[str, dict[str, Tap]] = {}
    for path, tap in taps.items():
        child, _, rest = path.partition(".")
        children.setdefault(child, {})[rest] = tap
    view: nn.Module = object.__new__(type(model))
    view.__dict__.update(model.__dict__)
    view._modules = dict(model._modules)
    for child, inner in children.items():
        module = model._modules.get(child)
        if module is None:
            raise NotAMapError(f"{type(model).__name__} has no layer {child!r}; target_layers() lists what it has.")
        own = inner.pop("", None)
        copied = tapped(module, inner)
        if own is not None:
            copied._forward_hooks = OrderedDict(copied._forward_hooks)  # the model's own dictionary stays as it is
            copied.register_forward_hook(lambda _module, _inputs, output, tap=own: tap(output))
        view._modules[child] = copied
    return view


def as_map(model: nn.Module, output: object, image_size: tuple[int, int]) -> Tensor:
    """A layer's output for one image as (1, C, rows, columns); `NotAMapError` if it cannot be one.

    Channels-last outputs are turned round; tokens lose the class, register and distillation tokens in front,
    and are laid out on the patch grid, or on the grid of the image's proportions if they were merged on the way.
    ``image_size`` is (height, width).
    """
    if isinstance(output, Tensor) and output.ndim == 4:
        # Swin and its kin say so themselves; all else in timm is channels-first between stages.
        laid = output.permute(0, 3, 1, 2) if getattr(model, "output_fmt", "NCHW") == "NHWC" else output
    elif isinstance(output, Tensor) and output.ndim == 3:
        n_prefix, (rows, columns) = _token_grid(model, output.shape[1], image_size)
        laid = output[:, n_prefix:].reshape(1, rows, columns, -1).permute(0, 3, 1, 2)
    else:
        raise NotAMapError("The layer's output is neither (1, C, rows, columns) nor (1, tokens, C).")
    if laid.shape[2] * laid.shape[3] < 2:
        raise NotAMapError("The layer's map has a single cell; choose an earlier layer or a larger input.")
    return laid


def evaluated(model: nn.Module) -> None:
    """Refuses a model that is in training mode, whose answer changes from call to call."""
    if any(module.training for module in model.modules()):
        raise ExplanationError(
            f"{type(model).__name__} is (partly) in training mode; call model.eval() before asking for a map."
        )


def _block(model: nn.Module, modules: Mapping[str, nn.Module], name: str) -> str:
    """The block that ends a stage; in a transformer with a class token, the norm its attention reads from.

    Nothing but the class token of the last block reaches the head: at that block's output all other tokens
    have a gradient of exactly zero.
    """
    while type(modules[name]).forward is nn.Sequential.forward and len(modules[name]._modules):
        name = f"{name}.{next(reversed(modules[name]._modules))}"
    return f"{name}.norm1" if hasattr(model, "num_prefix_tokens") and f"{name}.norm1" in modules else name


def _grids(model: nn.Module, names: Iterable[str], input_size: tuple[int, int, int]) -> list[TargetLayer]:
    """Those of the named layers that give one map per pass, in the order in which they are reached."""
    seen: list[tuple[str, tuple[int, int] | None]] = []

    def look(name: str, output: object) -> object:
        try:
            rows, columns = as_map(model, output, input_size[1:]).shape[2:]
            seen.append((name, (rows, columns)))
        except NotAMapError:
            seen.append((name, None))
        return output

    view = tapped(model, {name: partial(look, name) for name in names})
    like = next(iter(model.parameters()), torch.empty(0))
    with torch.no_grad():
        view(torch.zeros(1, *input_size, device=like.device, dtype=like.dtype))
    visits = [name for name, _ in seen]
    return [TargetLayer(name, grid) for name, grid in seen if grid and visits.count(name) == 1]


def _last_of_each_grid(layers: Iterable[TargetLayer], height_per_width: float) -> list[TargetLayer]:
    """Coarse first; what is not of the image's proportions, give or take a cell, is attention and no map."""
    last = {layer.grid: layer for layer in layers if abs(layer.grid[0] - layer.grid[1] * height_per_width) < 1.5}
    return sorted(last.values(), key=lambda layer: layer.grid[0] * layer.grid[1])


def _token_grid(model: nn.Module, n_tokens: int, image_size: tuple[int, int]) -> tuple[int, tuple[int, int]]:
    """How many tokens stand in front, and the (rows, columns) of the others."""
    n_prefix = int(getattr(model, "num_prefix_tokens", 0))
    patches = getattr(getattr(model, "patch_embed", None), "grid_size", None)
    for skipped in dict.fromkeys((n_prefix, 0)):
        rows = round(((n_tokens - skipped) * image_size[0] / image_size[1]) ** 0.5) if n_tokens > skipped else 0
        for grid in (patches, (rows, (n_tokens - skipped) // rows) if rows else None):
            if grid and grid[0] * grid[1] == n_tokens - skipped:
                return skipped, (int(grid[0]), int(grid[1]))
    raise NotAMapError(f"{n_tokens} tokens fill no grid of the proportions {image_size[0]} x {image_size[1]}.")
