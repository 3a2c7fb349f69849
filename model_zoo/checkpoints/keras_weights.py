"""Finds the weights of each layer of a Keras model among the data sets of its file."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from torch import Tensor

from model_zoo.checkpoints.keras_config import LayerTree
from model_zoo.checkpoints.read import short
from model_zoo.core.errors import CheckpointError

Texts = Mapping[str, Mapping[str, str | Sequence[str]]]
"""Texts beside the data sets, by place and name."""


def weights_of_h5(tree: LayerTree, tensors: Mapping[str, Tensor], texts: Texts, name: str) -> dict[str, list[Tensor]]:
    """Weights by path of layer, of a file that ``model.save("x.h5")`` wrote.

    There each layer at the top has a group and a list of names, ``Conv1/kernel:0`` for one. In a model in a model the
    names say which layer is meant: the order also depends on which layers were trained.
    """
    found: dict[str, list[Tensor]] = {}
    for top in tree.children:
        place = f"model_weights/{top.name}"
        listed = texts.get(place, {}).get("weight_names", ())
        names = [str(one) for one in listed] if not isinstance(listed, str) else [listed]
        if missing := [one for one in names if f"{place}/{one}" not in tensors]:
            raise CheckpointError(f"{name} lists weights {short(missing[0])} and has none; copy it again.")
        leaves = list(top.leaves())
        if leaves == [top]:
            found[top.path] = [tensors[f"{place}/{one}"] for one in names]
            continue
        by_name = {leaf.name: leaf.path for leaf in leaves}
        for one in names:
            owner = by_name.get(one.split("/")[-2] if "/" in one else "")
            if owner is None or len(by_name) < len(leaves):
                raise CheckpointError(
                    f"{name} does not say which layer its weights {short(one)} belong to; save it in the format .keras."
                )
            found.setdefault(owner, []).append(tensors[f"{place}/{one}"])
    return found


def weights_of_keras(tree: LayerTree, tensors: Mapping[str, Tensor]) -> dict[str, list[Tensor]]:
    """Weights by path of layer, of ``model.weights.h5`` in a ``.keras`` file.

    There layers are named by their kind and counted: ``layers/conv2d_1/vars/0``.
    """
    by_place: dict[str, dict[int, Tensor]] = {}
    for key, tensor in tensors.items():
        place, _, index = key.rpartition("/vars/")
        if index.isdecimal() and len(index) < 6:
            by_place.setdefault(place, {})[int(index)] = tensor
    return {
        path: [weights[index] for index in sorted(weights)]
        for path, place in _places(tree, "")
        if (weights := by_place.get(place))
    }


def _places(tree: LayerTree, place: str) -> Iterator[tuple[str, str]]:
    seen: Counter[str] = Counter()
    for child in tree.children:
        kind = _snake_case(child.kind)
        where = f"{place}layers/{kind}{f'_{seen[kind]}' if seen[kind] else ''}"
        seen[kind] += 1
        yield child.path, where
        yield from _places(child, f"{where}/")


def _snake_case(kind: str) -> str:
    """As keras.src.utils.naming.to_snake_case: SeparableConv2D is separable_conv2d."""
    return re.sub("([a-z])([A-Z])", r"\1_\2", re.sub("(.)([A-Z][a-z]+)", r"\1_\2", kind)).lower()
