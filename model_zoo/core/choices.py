"""Every choice a person or a command can make among named alternatives."""

from enum import StrEnum


class CamMethod(StrEnum):
    """How a class activation map is computed."""

    GRAD_CAM = "grad-cam"
    LAYER_CAM = "layer-cam"
    EIGEN_CAM = "eigen-cam"

    @property
    def uses_class(self) -> bool:
        """Whether the map depends on the class to explain (Eigen-CAM's does not)."""
        return self is not CamMethod.EIGEN_CAM


class Split(StrEnum):
    """What an image may be used for; an image kept from an upload is in none."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"
    NONE = "none"


class Space(StrEnum):
    """The label space in which figures are shown."""

    NATIVE = "native"
    COMMON = "common"


class MappedBy(StrEnum):
    """How a prediction gets into a coarser label space: the model's answer mapped, or its probabilities summed."""

    ANSWER = "answer"
    SUM = "sum"


class Becomes(StrEnum):
    """What becomes of an answer when probabilities are summed instead."""

    RIGHT = "right"
    WRONG = "wrong"


class Per(StrEnum):
    """What the shares of a confusion matrix are shares of."""

    COUNT = "count"
    TRUE = "true"
    PREDICTED = "predicted"


class ClassFigure(StrEnum):
    """A figure per class; recall is what the story calls accuracy per class."""

    RECALL = "recall"
    PRECISION = "precision"
    F1 = "F1"


class Labels(StrEnum):
    """Which labels the figures are computed against."""

    ORIGINAL = "original"
    REVIEWED = "reviewed"
