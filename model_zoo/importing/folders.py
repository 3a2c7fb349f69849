"""Reads one folder per class (ImageFolder), also below one folder per split."""

import os
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from model_zoo.core.label_space.splits import Split
from model_zoo.images.formats import is_image
from model_zoo.importing.archives import is_of_macos
from model_zoo.importing.source import (
    MAX_ROWS,
    SPLITS,
    Row,
    Source,
    SourceError,
    counted,
    free_columns,
    shown,
    split_of,
)
from model_zoo.importing.text_encoding import nfc

MOST_ENDINGS = 12
DICOM = (".dcm", ".dicom", ".ima")
_LINKS, _HIDDEN = ("link to a folder", "links to folders"), ("hidden folder", "hidden folders")
_OF_MACOS = ("resource file or folder of macOS", "resource files or folders of macOS")
SPLIT, CLASS, PATIENT, SKIPPED = "split", "class", "patient", "-"


def image_folders(root: Path, meaning: Sequence[str] = (), splits: Mapping[str, Split] = SPLITS) -> Source:
    """The images below ``root``; ``meaning`` says what each folder on the way to an image is.

    `SPLIT`, `CLASS` (several are joined by a slash and give a coarser level each), `PATIENT`, `SKIPPED`, or the name of
    a column. Without it the first folder is the class, or the split where all are called like splits and hold
    folders. Deeper folders say nothing. Links to folders are not followed.
    """
    found, passed = _files(root)
    meaning = tuple(meaning) or _guessed(root, found, splits)
    columns = free_columns([one for one in meaning if one not in (SPLIT, CLASS, PATIENT, SKIPPED)])
    n_classes = meaning.count(CLASS)
    levels = ("classes", *(f"classes_of_{depth}_folders" for depth in range(n_classes - 1, 1, -1)))
    levels += ("classes_of_first_folder",) if n_classes > 1 else ()
    rows, left_out = [], []
    for file in found:
        folders = nfc(file).split("/")[:-1]
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
                    image_id=nfc(file),
                    labels=tuple("/".join(classes[:depth]) for depth in range(n_classes, 0, -1)) or ("",),
                    patient_id="/".join(folder for what, folder in said if what == PATIENT),
                    split=next((split_of(one, file, splits) for what, one in said if what == SPLIT), Split.NONE),
                    columns={columns[what]: folder for what, folder in said if what in columns},
                )
            )
    if not rows and (endings := sum(passed.folders.values(), Counter[str]())):
        raise SourceError(
            f"{root} holds no image that can be brought in: {_no_images(endings.total())} "
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

    others: Counter[tuple[str, str]] = field(default_factory=Counter)
    folders: dict[str, Counter[str]] = field(default_factory=dict)

    def told(self) -> Iterator[str]:
        """How much was passed over, in sentences."""
        for (one, several), n in (+self.others).items():
            yield f"{counted(n, one, several)} {'is' if n == 1 else 'are'} not read."
        endings = sum(self.folders.values(), Counter[str]())
        if endings:
            n = endings.total()
            where = "is no image and stays where it is" if n == 1 else "are not images and stay where they are"
            yield f"{counted(n, 'other file')} {where}: {_endings(endings)}."
        if n := sum(endings[one] for one in DICOM):
            them = f"{n:,} of them {'is' if n == 1 else 'are'}"
            yield f"{them} called like DICOM, which is read from a folder without other images only."

    def empty(self, meaning: Sequence[str], files: Collection[str]) -> Iterator[str]:
        """The classes of which no image was found, each with what its folder holds instead."""
        if CLASS not in meaning:
            return
        depth = max(k for k, one in enumerate(meaning, start=1) if one == CLASS)

        def class_of(folders: Sequence[str]) -> str:
            return nfc("/".join(one for what, one in zip(meaning, folders, strict=False) if what == CLASS))

        there = {class_of(file.split("/")[:-1]) for file in files if file.count("/") >= depth}
        held: dict[str, Counter[str]] = {}
        for folder, endings in self.folders.items():
            if (parts := folder.split("/") if folder else []) and len(parts) >= depth:
                held.setdefault(class_of(parts), Counter()).update(endings)
        for name, endings in sorted(held.items()):
            if name not in there:
                what = f"{_no_images(endings.total())}: {_endings(endings)}" if endings else "no file"
                yield f"Warning: class {shown(name)} comes out empty ({what})."


def _no_images(n: int) -> str:
    return f"{counted(n, 'file')} {'is no image' if n == 1 else 'are not images'}"


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
        passed.others[_LINKS] += len(links)
        of_macos = [name for name in (*folders, *files) if is_of_macos(name)]
        passed.others[_OF_MACOS] += len(of_macos)
        hidden = [name for name in folders if name.startswith(".") and name not in of_macos]
        passed.others[_HIDDEN] += len(hidden)
        folders[:] = sorted(set(folders) - {*links, *hidden, *of_macos})
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


def _guessed(root: Path, found: Sequence[str], splits: Mapping[str, Split]) -> tuple[str, ...]:
    tops = {file.split("/")[0] for file in found if "/" in file}
    are_splits = tops and all(top.casefold() in splits for top in tops)
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
