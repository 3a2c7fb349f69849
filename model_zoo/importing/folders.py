"""Images in a folder per class, as torchvision's ImageFolder reads them; also below a folder per split."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from model_zoo.core.choices import Split
from model_zoo.importing.source import (
    MAX_ROWS,
    SPLITS,
    SUFFIXES,
    Row,
    Source,
    SourceError,
    free_columns,
    shown,
    split_of,
)

SPLIT, CLASS, PATIENT, SKIPPED = "split", "class", "patient", "-"


def image_folders(root: Path, meaning: Sequence[str] = ()) -> Source:
    """The images below ``root``; ``meaning`` says what each folder on the way to an image is.

    `SPLIT`, `CLASS` (several are joined by a slash and give a coarser level each), `PATIENT`, `SKIPPED`, or the name of
    a column. Without it the first folder is the class, or the split where all are called like splits and hold
    folders. Deeper folders say nothing. Links to folders are not followed.
    """
    found, others = _files(root)
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
    told = [f"Folders on the way to an image: {', '.join(meaning)}."]
    told += [f"{n:,} {kind} are not images and stay where they are." for kind, n in others.items()]
    told += _tables(root)
    return Source("image folders by class", root, levels, tuple(rows), tuple(told), tuple(left_out))


def _files(root: Path) -> tuple[list[str], Counter[str]]:
    """Paths of image files below ``root``, sorted, and how many other things there are by kind."""
    found: list[str] = []
    others: Counter[str] = Counter()

    def stop(error: OSError) -> None:
        raise SourceError(f"Folder {error.filename} cannot be read ({error.strerror}); give access.") from error

    for folder, folders, files in os.walk(root, onerror=stop):
        links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
        others["links to folders"] += len(links)
        hidden = [name for name in folders if name.startswith(".") or name == "__MACOSX"]
        others["hidden folders"] += len(hidden)
        folders[:] = sorted(set(folders) - {*links, *hidden})
        inside = os.path.relpath(folder, root).replace(os.sep, "/")
        for name in sorted(files):
            if name.startswith("."):
                continue
            if name.lower().endswith(SUFFIXES):
                found.append(name if inside == "." else f"{inside}/{name}")
            else:
                others["other files"] += 1
        if len(found) > MAX_ROWS:
            raise SourceError(f"{root} holds more than {MAX_ROWS:,} images; bring it in by parts.")
    return found, +others


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
