"""A trial run of an ONNX graph in a child process."""

from collections.abc import Sequence

import numpy as np
import onnxruntime

DISABLED_OPTIMIZERS = ["ConstantFolding"]
"""It runs parts of the graph at load, without any limit; all other optimisations stay."""


def session_of(raw: bytes) -> onnxruntime.InferenceSession:
    """A session on the CPU; raises what onnxruntime raises."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(
        raw, options, providers=["CPUExecutionProvider"], disabled_optimizers=DISABLED_OPTIMIZERS
    )


def try_graph(raw: bytes, shape: Sequence[int] = ()) -> None:
    """Load the graph, and run it once on noise of ``shape`` in 0..1; () only loads it."""
    session = session_of(raw)
    if shape:
        noise = np.random.default_rng(0).random(tuple(shape), dtype=np.float32)
        session.run(None, {session.get_inputs()[0].name: noise})
