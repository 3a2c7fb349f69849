"""Reads the layers of a Keras model from its configuration, without Keras: layers and options of an allow-list alone.

Keras's own reader imports and calls what a configuration names. Here a configuration is data, and becomes a list of
plain steps; nested models are laid out flat.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from model_zoo.checkpoints.read import short
from model_zoo.core.errors import CheckpointError

MAX_STEPS = 4_000
"""The largest classifiers of keras.applications have some 800 layers."""

MAX_NESTED = 8
MAX_LISTED = 4_096
"""Numbers in one option: a mean per channel."""

_LAYERS = """
Conv2D filters kernel_size strides padding dilation_rate groups activation use_bias
DepthwiseConv2D kernel_size strides padding dilation_rate depth_multiplier activation use_bias
SeparableConv2D filters kernel_size strides padding dilation_rate depth_multiplier activation use_bias
Dense units activation use_bias
BatchNormalization axis epsilon center scale
LayerNormalization axis epsilon center scale
GroupNormalization groups axis epsilon center scale
Activation activation
ReLU max_value negative_slope threshold
LeakyReLU negative_slope
ELU alpha
PReLU shared_axes
Softmax axis
MaxPooling2D pool_size strides padding
AveragePooling2D pool_size strides padding
GlobalAveragePooling2D keepdims
GlobalMaxPooling2D keepdims
ZeroPadding2D padding
Cropping2D cropping
UpSampling2D size interpolation
Flatten
Reshape target_shape
Permute dims
Add
Subtract
Multiply
Average
Maximum
Minimum
Concatenate axis
Rescaling scale offset
"""
LAYERS: Mapping[str, frozenset[str]] = {
    line.split()[0]: frozenset(line.split()[1:]) for line in _LAYERS.strip().splitlines()
}
"""The layers that are built, each with the options that are passed on; initialisers and the like only train."""

_CHANNELS_LAST_NAMES = """
Conv2D DepthwiseConv2D SeparableConv2D MaxPooling2D AveragePooling2D GlobalAveragePooling2D GlobalMaxPooling2D
ZeroPadding2D Cropping2D UpSampling2D Flatten
"""
CHANNELS_LAST = frozenset(_CHANNELS_LAST_NAMES.split())
"""Those that have an option ``data_format``."""

_ACTIVATIONS_NAMES = """
linear relu relu6 softmax log_softmax sigmoid tanh elu selu gelu silu swish softplus softsign leaky_relu exponential
mish
"""
ACTIVATIONS = frozenset(_ACTIVATIONS_NAMES.split())
"""Left out: ``hard_sigmoid``, which Keras 2 and 3 compute differently."""

_ONLY_IN_TRAINING_NAMES = """
Dropout SpatialDropout2D AlphaDropout GaussianDropout GaussianNoise ActivityRegularization RandomFlip RandomRotation
RandomZoom RandomTranslation RandomContrast RandomBrightness
"""
_ONLY_IN_TRAINING = frozenset(_ONLY_IN_TRAINING_NAMES.split())
_MODELS = ("Sequential", "Functional", "Model")
_OLD_NAMES = {"LeakyReLU": {"alpha": "negative_slope"}}
_CODE = ("Lambda", "TFOpLambda", "SlicingOpLambda", "TensorFlowOpLayer", "TorchModuleWrapper", "JaxLayer", "TFSMLayer")
_ARITHMETIC: Mapping[str, Callable[[float], tuple[float, float]]] = {
    "truediv": lambda number: (1 / number, 0.0),
    "divide": lambda number: (1 / number, 0.0),
    "multiply": lambda number: (number, 0.0),
    "subtract": lambda number: (1.0, -number),
    "add": lambda number: (1.0, number),
}
"""Scale and offset of what a model does to its pixels with one number, written as ``inputs / 127.5 - 1``."""

_OPERATIONS = {"TrueDivide": "divide", "Divide": "divide", "Multiply": "multiply", "Subtract": "subtract", "Add": "add"}
EXPORT = 'load it where it was made and save it with model.export("model.onnx", format="onnx")'


@dataclass(frozen=True)
class LayerStep:
    """One call of a layer; calls with the same ``path`` share one.

    ``inputs`` are indices of values: 0 is the picture, k what step k gives, counted from 1.
    """

    path: str
    kind: str
    options: Mapping[str, Any]
    inputs: tuple[int, ...]

    def __post_init__(self) -> None:
        allowed = LAYERS.get(self.kind)
        if allowed is None or not self.options.keys() <= allowed:
            raise CheckpointError(f"Layer {short(self.path)} of kind {short(self.kind)} is not known here; {EXPORT}.")
        for option, value in self.options.items():
            if not (_is_activation(value) if option == "activation" else _is_plain(value)):
                raise CheckpointError(
                    f"Option {option} of layer {short(self.path)} is {short(value)}, which is not known here; {EXPORT}."
                )

    def to_json(self) -> list[Any]:
        """Plain values, which `steps_from_json` reads."""
        return [self.path, self.kind, dict(self.options), list(self.inputs)]


def steps_from_json(values: Any) -> tuple[LayerStep, ...]:
    """What `LayerStep.to_json` wrote; `CheckpointError` or what a garbled list raises."""
    steps = tuple(
        LayerStep(str(path), str(kind), dict(options), tuple(inputs)) for path, kind, options, inputs in values
    )
    for index, step in enumerate(steps):
        if not step.inputs or not all(isinstance(one, int) and 0 <= one <= index for one in step.inputs):
            raise CheckpointError(f"Layer {short(step.path)} takes what does not come before it; import it again.")
    if not 0 < len(steps) <= MAX_STEPS:
        raise CheckpointError(f"A model of {len(steps):,} layers is not built; at most {MAX_STEPS:,} are.")
    return steps


@dataclass(frozen=True)
class LayerTree:
    """A model's layers as its configuration nests them; ``path`` is '' at the top."""

    path: str
    kind: str
    name: str
    children: tuple["LayerTree", ...]

    def leaves(self) -> Iterator["LayerTree"]:
        """Layers that are no models, in the order of the configuration."""
        if self.kind not in _MODELS:
            yield self
        for child in self.children:
            yield from child.leaves()


@dataclass(frozen=True)
class KerasConfig:
    """A checked configuration; ``input_shape`` is (height, width, channels), 0 where any is taken."""

    steps: tuple[LayerStep, ...]
    tree: LayerTree
    input_shape: tuple[int, int, int]


def read_config(written: Any, name: str) -> KerasConfig:
    """The layers of a ``model_config`` or ``config.json``; `CheckpointError` for what is not allowed or garbled."""
    if not isinstance(written, dict) or written.get("class_name") not in _MODELS:
        kind = short(written.get("class_name")) if isinstance(written, dict) else "nothing"
        raise CheckpointError(f"{name} holds a Keras model of kind {kind}, whose layers only its code knows; {EXPORT}.")
    reader = _Reader(name)
    final = reader.model(written, [0], "", 0)
    if final != len(reader.steps):
        raise CheckpointError(f"{name} gives the output of an inner layer; {EXPORT}.")
    shape = next(_input_shapes(written, 0), None)
    sides = list(shape)[1:] if isinstance(shape, list) else []
    if len(sides) != 3 or not all(side is None or (isinstance(side, int) and side >= 0) for side in sides):
        raise CheckpointError(f"{name} takes {short(shape)}, not pictures (images, height, width, channels).")
    height, width, channels = (side or 0 for side in sides)
    steps = steps_from_json([step.to_json() for step in reader.steps])
    return KerasConfig(steps, reader.tree(written, "", ""), (height, width, channels))


class _Reader:
    """Collects steps in the order in which they can be run."""

    def __init__(self, name: str) -> None:
        self.name, self.steps = name, list[LayerStep]()

    def tree(self, written: Mapping[str, Any], path: str, name: str) -> LayerTree:
        kind = _kind(written)
        inner = _layers(written) if kind in _MODELS else []
        children = tuple(self.tree(one, _join(path, _name(one)), _name(one)) for one in inner)
        return LayerTree(path, kind, name, children)

    def model(self, written: Mapping[str, Any], inputs: Sequence[int], path: str, depth: int) -> int:
        if depth > MAX_NESTED:
            raise self._refusal("it holds models in models without end")
        if written["class_name"] == "Sequential":
            (value,) = inputs
            for layer in _layers(written):
                value = self.layer(layer, [value], path, depth)
            return value
        return self._functional(written["config"], inputs, path, depth)

    def layer(self, written: Mapping[str, Any], inputs: Sequence[int], path: str, depth: int) -> int:
        kind, own = _kind(written), _join(path, _name(written))
        if kind in _MODELS:
            return self.model(written, inputs, own, depth + 1)
        if kind in ("InputLayer", *_ONLY_IN_TRAINING):
            return inputs[0]
        if kind in _CODE or "Lambda" in kind:
            raise self._refusal(f"its layer {short(own)} ({short(kind)}) holds code, which is not run")
        module, registered = written.get("module") or "keras", written.get("registered_name")
        if str(module).split(".")[0] not in ("keras", "tf_keras", "tensorflow") or registered not in (None, kind):
            raise self._refusal(f"its layer {short(own)} is somebody's own ({short(registered or module)})")
        if kind not in LAYERS:
            raise self._refusal(f"its layer {short(own)} is of kind {short(kind)}, which is not known here")
        config = written["config"]
        if config.get("data_format") not in (None, "channels_last"):
            raise self._refusal(f"its layer {short(own)} takes channels first")
        renamed = {_OLD_NAMES.get(kind, {}).get(key, key): value for key, value in config.items()}
        options = {key: _option(key, value) for key, value in renamed.items() if key in LAYERS[kind]}
        return self._add(LayerStep(own, kind, options, tuple(inputs)))

    def _add(self, step: LayerStep) -> int:
        if len(self.steps) >= MAX_STEPS:
            raise self._refusal(f"it has more than {MAX_STEPS:,} layers")
        self.steps.append(step)
        return len(self.steps)

    def _functional(self, config: Mapping[str, Any], inputs: Sequence[int], path: str, depth: int) -> int:
        entries = {_name(one): one for one in config["layers"]}
        given, wanted = (_ends(config[key]) for key in ("input_layers", "output_layers"))
        if len(given) != len(inputs) or len(wanted) != 1:
            raise self._refusal(f"it has {len(given)} inputs and {len(wanted)} outputs, not one picture and one row")
        values: dict[tuple[str, int], int] = {(key[0], 0): value for key, value in zip(given, inputs, strict=True)}
        waiting = [
            (name, index, node)
            for name, one in entries.items()
            for index, node in enumerate(one.get("inbound_nodes") or [])
        ]
        while waiting:
            later = []
            for name, index, node in waiting:
                sources, number = _node(node)
                if not all(source in values for source in sources):
                    later.append((name, index, node))
                    continue
                taken = [values[source] for source in sources]
                values[name, index] = self._call(entries[name], taken, number, path, depth)
            if len(later) == len(waiting):
                raise self._refusal("some of its layers take what no layer gives")
            waiting = later
        if wanted[0] not in values:
            raise self._refusal("its output is given by no layer")
        return values[wanted[0]]

    def _call(
        self,
        written: Mapping[str, Any],
        inputs: Sequence[int],
        number: float | None,
        path: str,
        depth: int,
    ) -> int:
        if number is None:
            return self.layer(written, inputs, path, depth)
        kind = _kind(written)
        function = str(written["config"].get("function", "")).rpartition(".")[2]
        named = _ARITHMETIC.get(function if kind == "TFOpLambda" else _OPERATIONS.get(kind, ""))
        if named is None or not number:
            raise self._refusal(f"its layer {short(_name(written))} ({short(kind)}) holds code, which is not run")
        scale, offset = named(number)
        options = {"scale": scale, "offset": offset}
        return self._add(LayerStep(_join(path, _name(written)), "Rescaling", options, tuple(inputs)))

    def _refusal(self, why: str) -> CheckpointError:
        return CheckpointError(f"{self.name} is not built: {why}; {EXPORT}.")


def _node(node: Any) -> tuple[list[tuple[str, int]], float | None]:
    """Which outputs a call takes, as (layer, call), and a number beside them, as Keras 2 or Keras 3 writes it."""
    if isinstance(node, dict):  # Keras 3
        sources = list(_tensors(node.get("args"), 0))
        numbers = [one for one in node.get("args") or [] if _is_number(one)]
        more = {key: one for key, one in (node.get("kwargs") or {}).items() if one is not None}
    else:
        calls = node if node and isinstance(node[0], list) else [node]
        sources = [(str(call[0]), int(call[1])) for call in calls]
        told = [call[3] for call in calls if len(call) > 3 and call[3]]
        more = {key: one for call in told for key, one in call.items() if one is not None}
        numbers = [more.pop("y")] if _is_number(more.get("y")) else []
        more.pop("name", None)
    more = {key: one for key, one in more.items() if key not in ("training", "mask")}
    if more or not sources or len(numbers) > 1 or (numbers and len(sources) > 1):
        raise CheckpointError(f"A layer is called with {short(more or node)}, which is not known here; {EXPORT}.")
    return sources, float(numbers[0]) if numbers else None


def _tensors(value: Any, depth: int) -> Iterator[tuple[str, int]]:
    if isinstance(value, list) and depth < 4:
        for one in value:
            yield from _tensors(one, depth + 1)
    elif isinstance(value, dict) and value.get("class_name") == "__keras_tensor__":
        history = value["config"]["keras_history"]
        yield str(history[0]), int(history[1])


def _ends(written: Any) -> list[tuple[str, int]]:
    """``[["a", 0, 0]]``, or ``["a", 0, 0]`` for one."""
    ends = [written] if written and isinstance(written[0], str) else written
    return [(str(one[0]), int(one[1])) for one in ends]


def _layers(written: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    config = written["config"]
    layers: list[Mapping[str, Any]] = config if isinstance(config, list) else config["layers"]
    return layers


def _kind(written: Mapping[str, Any]) -> str:
    return str(written["class_name"])


def _name(written: Mapping[str, Any]) -> str:
    config = written["config"]
    return str(written.get("name") or (config.get("name") if isinstance(config, dict) else "") or "model")


def _join(path: str, name: str) -> str:
    return f"{path}/{name}" if path else name


def _input_shapes(written: Mapping[str, Any], depth: int) -> Iterator[Any]:
    """Shapes with the batch in front, the outermost first; Keras 3 calls them ``batch_shape``."""
    config = written["config"]
    if isinstance(config, dict):
        for key in ("batch_input_shape", "batch_shape"):
            if config.get(key):
                yield config[key]
    if written["class_name"] in _MODELS and depth <= MAX_NESTED:
        for one in _layers(written):
            yield from _input_shapes(one, depth + 1)


def _option(key: str, value: Any) -> Any:
    if key == "activation" and isinstance(value, dict) and value.get("class_name") == "function":
        return value.get("config")
    if key == "axis" and isinstance(value, list) and len(value) == 1:
        return value[0]
    return value


def _is_activation(value: Any) -> bool:
    return value is None or (isinstance(value, str) and value in ACTIVATIONS)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_plain(value: Any, depth: int = 0) -> bool:
    """Nothing, a number, a word, or a short list of these."""
    if isinstance(value, list | tuple):
        return depth < 2 and len(value) <= MAX_LISTED and all(_is_plain(one, depth + 1) for one in value)
    if isinstance(value, str):
        return len(value) <= 40 and value.replace("_", "").isalpha()
    return value is None or isinstance(value, bool) or (_is_number(value) and abs(value) < 2**31)
