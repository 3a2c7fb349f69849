"""Whether the numbers in a label file are class names or class indices."""

from collections.abc import Mapping, Sequence

from dashboard.labels.label_files import LabelFile, LabelFileError
from model_zoo.core.errors import LabelError
from model_zoo.core.label_space.labels import Label, LeafSpace, join_values
from model_zoo.core.label_space.taxonomy import Taxonomy
from model_zoo.importing.class_values import ClassValues, readings

SURE_NAMES = ("", "leaf_label", "class_name", "after", "to")
"""Where labels are names: folders, categories of COCO, and the columns of our own exports."""


def read_values(
    file: LabelFile, space: LeafSpace, taxonomy: Taxonomy | None, wanted: ClassValues | None
) -> tuple[ClassValues, Mapping[str, str]]:
    """How ``file`` writes labels, and each of its texts -> the class or label that it stands for.

    Indices are those of the classes of ``taxonomy``, or of the leaves of a workspace whose labels have no parts.
    `LabelFileError` where numbers are both, and differ, or are not as ``wanted``.
    """
    texts = tuple(dict.fromkeys(line.label for line in file.lines))
    by_name = {text: text for text in texts}
    are_numbers = all(text.removesuffix(".0").isdecimal() for text in texts)
    if wanted is ClassValues.NAMES or (wanted is None and (not are_numbers or file.column in SURE_NAMES)):
        return ClassValues.NAMES, by_name
    order = taxonomy.names if taxonomy else () if space.parts else tuple(join_values((one,)) for one in space.leaves)
    ways: dict[ClassValues, Mapping[str, str]] = {
        one.values: {text: order[k] for text, k in one.index_of.items()}
        for one in readings(texts, order)
        if one.values is not ClassValues.NAMES
    }
    if wanted:
        if wanted not in ways:
            raise LabelFileError(f"{file.name}: its labels are not {wanted.words} here; say another --label-values.")
        return wanted, ways[wanted]
    if all(_meaning(text, space, taxonomy) is not None for text in texts):
        ways = {ClassValues.NAMES: by_name, **ways}
    if not ways:
        return ClassValues.NAMES, by_name
    meant = {values: [_meaning(way[text], space, taxonomy) for text in texts] for values, way in ways.items()}
    first = next(iter(ways))
    if any(one != meant[first] for one in meant.values()):
        raise LabelFileError(
            f"{file.name}: its labels {_listed(texts)} can be "
            f"{' or '.join(f'{one.words} (--label-values {one})' for one in ways)}, and these differ; say which."
        )
    return first, ways[first]


def _meaning(text: str, space: LeafSpace, taxonomy: Taxonomy | None) -> Label | None:
    if taxonomy and text in taxonomy.classes:
        return taxonomy.classes[text]
    try:
        return space.parse(text)
    except LabelError:
        return None


def _listed(texts: Sequence[str], at_most: int = 10) -> str:
    return ", ".join(texts[:at_most]) + (f" and {len(texts) - at_most:,} more" if len(texts) > at_most else "")
