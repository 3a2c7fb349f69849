"""Warnings about pixels in an import: gray scales of images with more than 8 bits, and unread frames."""

from collections import Counter
from collections.abc import Sequence

from dashboard.evaluation.file_checks import deep_without_scale, unscaled_words
from dashboard.words import counted
from model_zoo.importing.files import FoundFile
from model_zoo.importing.source import shown
from model_zoo.workspace.manifest import ImageRecord
from model_zoo.workspace.workspace import Workspace

MOST_NAMED = 5


def pixel_words(
    found: Sequence[FoundFile], records: Sequence[ImageRecord], before: Sequence[ImageRecord], workspace: Workspace
) -> list[str]:
    """Sentences on the gray scales of ``records``, unread parts of their files, and differences from earlier images.

    ``found`` are their files, in the same order.
    """
    lines = []
    deep = [(one.depth, image.grey) for one, image in zip(found, records, strict=True) if one.depth and image.grey]
    for (scale, is_declared), n in Counter((grey, depth.declared is not None) for depth, grey in deep).items():
        why = "as the files declare" if is_declared else "one scale for all of this import, by their values"
        lines.append(
            f"{counted(n, 'image')} of more than 8 bits: grey values {scale.low:g} to {scale.high:g} become 0 to 255 "
            f"({why}); kept in the manifest."
        )
    known = {one.grey for one in before if one.grey}
    if new := sorted({grey.text for _, grey in deep if known and grey not in known}):
        lines.append(
            f"Grey values {', '.join(new)} are read otherwise than those of earlier images, "
            f"{', '.join(sorted(one.text for one in known))}: a model sees the difference."
        )
    if deep and (image := deep_without_scale(before, workspace)):
        lines.append(unscaled_words(image))
    further = [(one.inside, one.n_frames - 1) for one in found if one.n_frames > 1]
    if further:
        named = ", ".join(f"{shown(name)} {n:,}" for name, n in further[:MOST_NAMED])
        more = f" and {len(further) - MOST_NAMED:,} more files" if len(further) > MOST_NAMED else ""
        total = sum(n for _, n in further)
        lines.append(
            f"{counted(total, 'further picture')} in {counted(len(further), 'file')} "
            f"{'is' if total == 1 else 'are'} not read, only the first of each file: {named}{more}."
        )
    return lines
