"""Image file checks: unreadable, tiny, huge, blank or equal files."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dashboard.address.data_view import Finding
from dashboard.server_state.jobs import ProgressCallback
from dashboard.server_state.similar_images import file_state
from dashboard.words import counted
from model_zoo.core.errors import WorkspaceError
from model_zoo.core.label_space.labels import Label
from model_zoo.core.label_space.splits import Split
from model_zoo.images.decoding import file_is_deep
from model_zoo.images.grey_scale import FULL
from model_zoo.importing.source import shown
from model_zoo.workspace.file_checks import FILE, FileFacts, facts_line, facts_of, read_facts, write_facts
from model_zoo.workspace.manifest import DataSet, ImageRecord
from model_zoo.workspace.workspace import Workspace

TINY_PX, HUGE_PX, BLANK_GREY = 32, 4_096, 3

MEANING: Mapping[Finding, str] = {
    Finding.MISSING: "There is no such file",
    Finding.UNREADABLE: "Cannot be decoded as an image",
    Finding.ACROSS_SPLITS: "Equal files in several splits: a model is judged on what it learnt from",
    Finding.ACROSS_LABELS: "Equal files with several labels: one of them is wrong",
    Finding.EQUAL: "Equal files, byte for byte",
    Finding.BLANK: f"Blank: 98 % of the pixels lie within {BLANK_GREY} of 255 grey values",
    Finding.TINY: f"Tiny: the shorter side has fewer than {TINY_PX} pixels",
    Finding.HUGE: f"Huge: the longer side has more than {HUGE_PX:,} pixels",
}
NAMES: Mapping[Finding, str] = {
    Finding.MISSING: "no file",
    Finding.UNREADABLE: "unreadable",
    Finding.ACROSS_SPLITS: "equal across splits",
    Finding.ACROSS_LABELS: "equal, other label",
    Finding.EQUAL: "equal files",
    Finding.BLANK: "blank",
    Finding.TINY: "tiny",
    Finding.HUGE: "huge",
}


@dataclass(frozen=True, slots=True)
class FileFinding:
    """One image of a finding; ``told`` says what was found, ``group`` numbers images of equal files from 1."""

    image: ImageRecord
    told: str
    group: int = 0


@dataclass(frozen=True, slots=True)
class FileChecks:
    """What is known of the files: ``n_looked`` images' files were looked at, ``n_waiting`` are there and were not, or
    have changed since; ``n_later`` the recipe makes when they are asked for. ``unscaled`` says of which images no grey
    scale is kept though they have more than 8 bits, '' for none."""

    n_looked: int
    n_waiting: int
    n_later: int
    found: Mapping[Finding, tuple[FileFinding, ...]]
    unscaled: str = ""


def check_files(workspace: Workspace, images: Sequence[ImageRecord], tell: ProgressCallback) -> int:
    """Look at every file that was not, or has changed since; each is kept at once. Returns how many were looked at.

    `WorkspaceError` where that cannot be kept.
    """
    path = workspace.writable / FILE
    files = {image.path: image for image in images}
    n_new = 0
    try:
        known = read_facts(path)
        if path.is_file() and path.stat().st_size > 2 * sum(len(facts_line(*one)) for one in known.items()) + 4096:
            write_facts(path, known)
        with path.open("a", encoding="utf-8") as kept:
            if path.stat().st_size:
                kept.write("\n")  # after a line that a kill left half written
            for done, image in enumerate(files.values()):
                tell(done, len(files))
                file = workspace.image_file(image)
                if file is None or _is_known(known.get(image.path), file_state(workspace, image)):
                    continue
                try:
                    kept.write(facts_line(image.path, facts_of(file, image.path, image.grey)))
                    n_new += 1
                except FileNotFoundError:
                    continue  # taken away meanwhile
        tell(len(files), len(files))
    except OSError as error:
        raise WorkspaceError(
            f"What was found cannot be kept in {path} ({error.strerror}); make room or give access."
        ) from error
    return n_new


def checked_files(workspace: Workspace, dataset: DataSet, labels: Mapping[str, Label]) -> FileChecks:
    """What the kept facts say of today's files."""
    known = read_facts(workspace.writable / FILE)
    n_looked = n_waiting = n_later = 0
    found: dict[Finding, list[FileFinding]] = {one: [] for one in Finding}
    equal: dict[str, list[ImageRecord]] = {}
    for image in dataset.images:
        state = file_state(workspace, image)
        if state is None:
            if workspace.can_generate(image):
                n_later += 1
            else:
                found[Finding.MISSING].append(FileFinding(image, "no such file"))
            continue
        facts = known.get(image.path)
        if facts is None or not _is_known(facts, state):
            n_waiting += 1
            continue
        n_looked += 1
        for finding in _alone(facts):
            told = facts.problem or f"{facts.width:,} × {facts.height:,} px, grey {facts.low} to {facts.high}"
            found[finding].append(FileFinding(image, told))
        if facts.sha256:
            equal.setdefault(facts.sha256, []).append(image)
    _equal([group for group in equal.values() if len(group) > 1], dataset, labels, found)
    unscaled = deep_without_scale(dataset.images, workspace)
    told = unscaled_words(unscaled) if unscaled else ""
    return FileChecks(
        n_looked, n_waiting, n_later, {one: tuple(listed) for one, listed in found.items() if listed}, told
    )


def file_check_words(looked: FileChecks, n_images: int) -> str:
    """How much of the data set the findings are about."""
    told = [f"{looked.n_looked:,} of {counted(n_images, 'image')} were looked at"]
    if looked.n_waiting:
        told.append(f"{looked.n_waiting:,} were not, or have changed since")
    if looked.n_later:
        told.append(f"{looked.n_later:,} are made when they are opened and were left out")
    return "; ".join(told) + "."


def _is_known(facts: FileFacts | None, state: tuple[int, int] | None) -> bool:
    return facts is not None and (facts.n_bytes, facts.mtime_ns) == state


def _alone(facts: FileFacts) -> list[Finding]:
    if facts.problem:
        return [Finding.UNREADABLE]
    held = {
        Finding.BLANK: facts.high - facts.low <= BLANK_GREY,
        Finding.TINY: min(facts.width, facts.height) < TINY_PX,
        Finding.HUGE: max(facts.width, facts.height) > HUGE_PX,
    }
    return [finding for finding, holds in held.items() if holds]


def _equal(
    groups: Iterable[list[ImageRecord]],
    dataset: DataSet,
    labels: Mapping[str, Label],
    found: dict[Finding, list[FileFinding]],
) -> None:
    """A group of equal files is told as what it crosses, else as equal files."""
    for number, group in enumerate(groups, start=1):
        splits = {image.split for image in group} - {Split.NONE}
        meant = {labels[image.image_id] for image in group} - {dataset.space.everything}
        kinds = [Finding.ACROSS_SPLITS] if len(splits) > 1 else []
        kinds += [Finding.ACROSS_LABELS] if len(meant) > 1 else []
        for kind in kinds or [Finding.EQUAL]:
            found[kind] += [
                FileFinding(image, f"{image.split} · {dataset.space.format(labels[image.image_id])}", number)
                for image in group
            ]


MOST_OPENED = 200
"""Earlier images whose headers are read to find one of more than 8 bits."""


def deep_without_scale(images: Sequence[ImageRecord], workspace: Workspace) -> ImageRecord | None:
    """An image of more than 8 bits of which no scale is kept, if one is among `MOST_OPENED` spread over all."""
    unscaled = [one for one in images if one.grey is None and one.has_image]
    for row in np.unique(np.linspace(0, len(unscaled) - 1, MOST_OPENED).astype(int)) if unscaled else ():
        file = workspace.image_file(unscaled[row])
        if file and file_is_deep(file):
            return unscaled[row]
    return None


def unscaled_words(image: ImageRecord) -> str:
    """That earlier images keep their reading, and that a new import would differ."""
    return (
        f"Images such as {shown(image.image_id)} have more than 8 bits and were imported before scales were kept: they "
        f"stay as they are, {FULL.text} read as 0 to 255. A new import may read them otherwise."
    )
