"""Target layers for heatmaps, and taps to read them.

A model is shared between threads, so nothing may be attached to it: the grad-cam package's hooks sit on
the shared module and collect every thread's activations (27-30 of 40 maps silently wrong, measured). Here
only the modules on the path from the root to the layer are copied, shallowly, for one call; all others,
and every parameter and buffer, are the model's own. The tap sits on the copy, so no other call can meet it.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from model_zoo.core.errors import TaxoScopeError

Tap = Callable[[object], object]
"""Gets a layer's output, gives what goes on in its place."""

Grid = tuple[int, int]
"""Rows and columns."""

_MOST_IN_FRONT = 8
"""Tokens in front of the patches' that a model may have without saying so: class, distillation, registers."""

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
    grid size; of a transformer's blocks, the norms that their attention reads from. ``input_size`` is (channels,
    height, width). Costs up to three forward passes, so keep the answer beside the model. `ExplanationError` if no
    layer has a map of more than one cell.
    """
    evaluated(model)
    names = declared_layers(model)
    found = _grids(model, names, input_size)
    if not found:
        names = _token_blocks(model)
        found = _grids(model, names, input_size, of_tokens=True)
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
        entries = [entries[index] for index in _depths(len(entries))]
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


def patch_taps(model: nn.Module, seen: list[Grid]) -> dict[str, Tap]:
    """Taps that append to ``seen`` the grid of every convolution of one forward pass, in the order of the pass.

    A transformer cuts its input into patches by one of them: the grid of its tokens is that of this input, whatever
    size the model was made for.
    """

    def keep(output: object) -> object:
        if isinstance(output, Tensor) and output.ndim == 4:
            seen.append((output.shape[2], output.shape[3]))
        return output

    return {name: keep for name, module in model.named_modules() if name and isinstance(module, nn.Conv2d)}


def as_map(model: nn.Module, output: object, image_size: Grid, patches: Sequence[Grid] = ()) -> Tensor:
    """A layer's output for one image as (1, C, rows, columns); `NotAMapError` if it cannot be one.

    Channels-last outputs are turned round; tokens lose the class, register and distillation tokens in front,
    and are laid out on the grid of the patches that they were cut into, one of ``patches`` (see `patch_taps`), or on
    one of its proportions if they were merged on the way. ``image_size`` is (height, width).
    """
    if isinstance(output, Tensor) and output.ndim == 4:
        # Swin and its kin say so themselves; all else in timm is channels-first between stages.
        laid = output.permute(0, 3, 1, 2) if _said(model, "output_fmt", "NCHW") == "NHWC" else output
    elif isinstance(output, Tensor) and output.ndim == 3:
        n_prefix, (rows, columns) = _token_grid(model, output.shape[1], image_size, patches)
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


def _depths(n_blocks: int) -> list[int]:
    """Which of as many blocks with one grid are offered, ascending: the last, and others evenly below it."""
    picks = range(1, _DEPTHS_OF_A_COLUMN + 1)
    return list(dict.fromkeys(max(n_blocks * pick // _DEPTHS_OF_A_COLUMN, 1) - 1 for pick in picks))


def _token_blocks(model: nn.Module) -> tuple[str, ...]:
    """In the longest row of equal blocks, the first norm of some of them, the last block's first.

    That is the norm that a block's attention reads from. At the output of the last block nothing but the class token
    reaches the head, and all other tokens have a gradient of exactly zero.
    """
    rows: list[list[str]] = [[]]
    for name, module in model.named_modules():
        blocks = list(module.named_children()) if isinstance(module, nn.Sequential | nn.ModuleList) else []
        norms = [_first_norm(block) for _, block in blocks]
        if len({type(block) for _, block in blocks}) == 1 and all(norms):
            rows.append([".".join(filter(None, (name, of, norm))) for (of, _), norm in zip(blocks, norms, strict=True)])
    longest = max(rows, key=len)
    return tuple(longest[index] for index in reversed(_depths(len(longest)))) if longest else ()


def _first_norm(block: nn.Module) -> str:
    return next((name for name, module in block.named_modules() if name and isinstance(module, nn.LayerNorm)), "")


def _block(model: nn.Module, modules: Mapping[str, nn.Module], name: str) -> str:
    """The block that ends a stage; in a transformer with a class token, the norm its attention reads from.

    Nothing but the class token of the last block reaches the head: at that block's output all other tokens
    have a gradient of exactly zero.
    """
    while type(modules[name]).forward is nn.Sequential.forward and len(modules[name]._modules):
        name = f"{name}.{next(reversed(modules[name]._modules))}"
    return f"{name}.norm1" if hasattr(model, "num_prefix_tokens") and f"{name}.norm1" in modules else name


def _grids(
    model: nn.Module, names: Iterable[str], input_size: tuple[int, int, int], of_tokens: bool = False
) -> list[TargetLayer]:
    """Those of the named layers that give one map per pass, in the order in which they are reached.

    With ``of_tokens`` only those that give (1, tokens, C).
    """
    if not (names := tuple(names)):
        return []
    seen: list[tuple[str, Grid | None]] = []
    patches: list[Grid] = []

    def look(name: str, output: object) -> object:
        try:
            rows, columns = as_map(model, output, input_size[1:], patches).shape[2:]
            fits = not of_tokens or (isinstance(output, Tensor) and output.ndim == 3)
            seen.append((name, (rows, columns) if fits else None))
        except NotAMapError:
            seen.append((name, None))
        return output

    convolutions = patch_taps(model, patches)

    def both(name: str, output: object) -> object:
        return look(name, convolutions[name](output))

    taps = {name: partial(both if name in convolutions else look, name) for name in names}
    view = tapped(model, {**convolutions, **taps})
    like = next(iter(model.parameters()), torch.empty(0))
    with torch.no_grad():
        view(torch.zeros(1, *input_size, device=like.device, dtype=like.dtype))
    visits = [name for name, _ in seen]
    return [TargetLayer(name, grid) for name, grid in seen if grid and visits.count(name) == 1]


def _last_of_each_grid(layers: Iterable[TargetLayer], height_per_width: float) -> list[TargetLayer]:
    """Coarse first; what is not of the image's proportions, give or take a cell, is attention and no map."""
    last = {layer.grid: layer for layer in layers if abs(layer.grid[0] - layer.grid[1] * height_per_width) < 1.5}
    return sorted(last.values(), key=lambda layer: layer.grid[0] * layer.grid[1])


def _token_grid(model: nn.Module, n_tokens: int, image_size: Grid, patches: Sequence[Grid]) -> tuple[int, Grid]:
    """How many tokens stand in front, and the (rows, columns) of the others."""
    prefixes = dict.fromkeys((int(_said(model, "num_prefix_tokens", 0)), 0, *range(1, _MOST_IN_FRONT + 1)))
    for n_prefix in prefixes:
        for rows, columns in reversed(patches):
            if rows * columns == n_tokens - n_prefix:
                return n_prefix, (rows, columns)
    for n_prefix in list(prefixes)[: 1 + bool(_said(model, "num_prefix_tokens", 0))]:
        for height, width in dict.fromkeys((*reversed(patches), image_size)):
            rows = round(((n_tokens - n_prefix) * height / width) ** 0.5) if n_tokens > n_prefix else 0
            if rows and rows * ((n_tokens - n_prefix) // rows) == n_tokens - n_prefix:
                columns = (n_tokens - n_prefix) // rows
                if abs(rows - columns * height / width) < 1:
                    return n_prefix, (rows, columns)
    raise NotAMapError(f"{n_tokens} tokens fill no grid of the proportions {image_size[0]} x {image_size[1]}.")


def _said(model: nn.Module, name: str, otherwise: object) -> Any:
    """What a model, or the first of its modules that says anything of it, has as attribute ``name``."""
    return next((getattr(one, name) for one in model.modules() if hasattr(one, name)), otherwise)
