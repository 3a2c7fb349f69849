"""The splits of a data set."""

from enum import StrEnum


class Split(StrEnum):
    """What an image may be used for; an image kept from an upload is in none."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"
    NONE = "none"
