"""What a page can be asked to show, apart from the images and models themselves."""

from enum import StrEnum


class Space(StrEnum):
    """The label space in which figures are shown."""

    NATIVE = "native"
    COMMON = "common"


class Matrices(StrEnum):
    """Which matrices are shown: each subject's own, or the second's minus the first's."""

    EACH = "each"
    DIFFERENCE = "difference"


class Opens(StrEnum):
    """What a click on a cell of a matrix opens: its images as a list, or as a queue to review."""

    IMAGES = "images"
    REVIEW = "review"


class ClassOrder(StrEnum):
    """In which order the classes of a matrix stand."""

    TAXONOMY = "taxonomy"
    CONFUSED = "confused"


class Labels(StrEnum):
    """Which labels the figures are computed against."""

    ORIGINAL = "original"
    REVIEWED = "reviewed"


class LabelWork(StrEnum):
    """What the page Labels is opened for."""

    SETS = "sets"
    EXPORT = "export"
    IMPORT = "import"
