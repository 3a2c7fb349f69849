"""Reads one folder per class (ImageFolder), also below one folder per split."""

import os
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from model_zoo.core.label_space.splits import Split
from model_zoo.images.formats import is_image
from model_zoo.importing.source import (
    MAX_ROWS,
    SPLITS,
    Row,
    Source,
    SourceError,
    free_columns,
    shown,
    split_of,
)

MOST_ENDINGS = 12
DICOM = (".dcm", ".dicom", ".ima")
SPLIT, CLASS, PATIENT, SKIPPED = "split", "class", "patient", "-"


def image_folders(root: Path, meaning: Sequence[str] = ()) -> Source:
    """The images below ``root``; ``meaning`` says what each folder on the way to an image is.

    `SPLIT`, `CLASS` (several are joined by a slash and give a coarser level each), `PATIENT`, `SKIPPED`, or the name of
    a column. Without it the first folder is the class, or the split where all are called like splits and hold
    folders. Deeper folders say nothing. Links to folders are not followed.
    """
    found, passed = _files(root)
    meaning = tuple(meaning) or _guessed(root, found)
    columns = free_columns([one for one in meaning if one not in (SPLIT, CLASS, PATIENT, SKIPPED)])
    n_classes = meaning.count(CLASS)
    levels = ("classes", *(f"classes_of_{depth}_folders" for depth in range(n_classes - 1, 1, -1)))
    levels += ("classes_of_first_folder",) if n_classes > 1 else ()
    rows, left_out = [], []
    for file in found:
        folders = file.split("/")[:-1]
        if not _is_text(file):
            left_out.append(f"{shown(file)}: its name is no Unicode text; rename it.")
        elif len(folders) < len(meaning):
            left_out.append(f"{shown(file)} lies in no folder for its {meaning[len(folders)]}.")
        else:
            said = list(zip(meaning, folders, strict=False))
            classes = [folder.strip() for what, folder in said if what == CLASS]
            rows.append(
                Row(
                    where=file,
                    file=file,
                    image_id=file,
                    labels=tuple("/".join(classes[:depth]) for depth in range(n_classes, 0, -1)) or ("",),
                    patient_id="/".join(folder for what, folder in said if what == PATIENT),
                    split=next((split_of(one, file) for what, one in said if what == SPLIT), Split.NONE),
                    columns={columns[what]: folder for what, folder in said if what in columns},
                )
            )
    if not rows and (endings := sum(passed.folders.values(), Counter[str]())):
        raise SourceError(
            f"{root} holds no image that can be brought in: {endings.total():,} files are not images "
            f"({_endings(endings)}); save them as PNG, or give a CSV or Parquet file with a line per image."
        )
    told = [f"Folders on the way to an image: {', '.join(meaning)}."]
    told += passed.told()
    told += passed.empty(meaning, {row.file for row in rows})
    told += _tables(root)
    return Source("image folders by class", root, levels, tuple(rows), tuple(told), tuple(left_out))


@dataclass
class _Passed:
    """What lies below a folder and is no image: other things by kind, and the files of each folder by their ending."""

    others: Counter[str] = field(default_factory=Counter)
    folders: dict[str, Counter[str]] = field(default_factory=dict)

    def told(self) -> Iterator[str]:
        """How much was passed over, in sentences."""
        for kind, n in (+self.others).items():
            yield f"{n:,} {kind} are not images and stay where they are."
        endings = sum(self.folders.values(), Counter[str]())
        if endings:
            yield f"{endings.total():,} other files are not images and stay where they are: {_endings(endings)}."
        if n := sum(endings[one] for one in DICOM):
            yield f"{n:,} of them are called like DICOM, which is read from a folder without other images only."

    def empty(self, meaning: Sequence[str], files: Collection[str]) -> Iterator[str]:
        """The classes of which no image was found, each with what its folder holds instead."""
        if CLASS not in meaning:
            return
        depth = max(k for k, one in enumerate(meaning, start=1) if one == CLASS)

        def class_of(folders: Sequence[str]) -> str:
            return "/".join(one for what, one in zip(meaning, folders, strict=False) if what == CLASS)

        there = {class_of(file.split("/")[:-1]) for file in files if file.count("/") >= depth}
        held: dict[str, Counter[str]] = {}
        for folder, endings in self.folders.items():
            if (parts := folder.split("/") if folder else []) and len(parts) >= depth:
                held.setdefault(class_of(parts), Counter()).update(endings)
        for name, endings in sorted(held.items()):
            if name not in there:
                what = f"{endings.total():,} files are not images: {_endings(endings)}" if endings else "no file"
                yield f"Warning: class {shown(name)} comes out empty ({what})."


def _endings(endings: Counter[str]) -> str:
    """The endings of file names with their counts, the most frequent first."""
    most = sorted(endings.items(), key=lambda one: (-one[1], not one[0], one[0]))[:MOST_ENDINGS]
    listed = [f"{shown(ending, 20) if ending else 'no ending'} {n:,}" for ending, n in most]
    return ", ".join(listed) + (f" and {len(endings) - MOST_ENDINGS:,} more" if len(endings) > MOST_ENDINGS else "")


def _files(root: Path) -> tuple[list[str], _Passed]:
    """Paths of image files below ``root``, sorted, and what else there is."""
    found: list[str] = []
    passed = _Passed()

    def stop(error: OSError) -> None:
        raise SourceError(f"Folder {error.filename} cannot be read ({error.strerror}); give access.") from error

    for folder, folders, files in os.walk(root, onerror=stop):
        links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
        passed.others["links to folders"] += len(links)
        hidden = [name for name in folders if name.startswith(".") or name == "__MACOSX"]
        passed.others["hidden folders"] += len(hidden)
        folders[:] = sorted(set(folders) - {*links, *hidden})
        inside = os.path.relpath(folder, root).replace(os.sep, "/")
        here = passed.folders.setdefault("" if inside == "." else inside, Counter())
        for name in sorted(files):
            if name.startswith("."):
                continue
            if is_image(Path(folder, name)):
                found.append(name if inside == "." else f"{inside}/{name}")
            else:
                here[os.path.splitext(name)[1].lower()] += 1
        if len(found) > MAX_ROWS:
            raise SourceError(f"{root} holds more than {MAX_ROWS:,} images; bring it in by parts.")
    return found, passed


def _guessed(root: Path, found: Sequence[str]) -> tuple[str, ...]:
    tops = {file.split("/")[0] for file in found if "/" in file}
    are_splits = tops and all(top.casefold() in SPLITS for top in tops)
    nested = all(file.count("/") >= 2 for file in found if "/" in file)
    if not tops and found:
        raise SourceError(
            f"{root} holds images but no folder for each class; put them into folders, or give a CSV or Parquet file."
        )
    return (SPLIT, CLASS) if are_splits and nested else (CLASS,)


def _tables(root: Path) -> Iterator[str]:
    for path in sorted(root.iterdir()):
        if path.suffix.lower() in (".csv", ".tsv", ".parquet") and path.is_file():
            yield f"There is also {shown(path.name)}, which was not read: give it instead to take labels from it."


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
