"""Finds files by the ends of paths that were written on another machine, in any case and Unicode form."""

import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile

from model_zoo.images.formats import SUFFIXES
from model_zoo.importing.source import MAX_ROWS, counted, shown
from model_zoo.importing.text_encoding import nfc

MAX_SOUGHT = 4_096
"""Characters of a written path that are looked at."""


@dataclass(frozen=True, slots=True)
class Matched:
    """Written path -> path below the folder; ``refused`` says why a path has none although some end alike."""

    found: Mapping[str, str]
    refused: Mapping[str, str]

    @property
    def told(self) -> list[str]:
        """What was matched otherwise than as written, in sentences, with an example."""
        lines = []
        moved = [one for one in self.found if is_elsewhere(one)]
        for some, how in (
            (moved, "found by the end of the path"),
            ([one for one in self.found if one not in moved], "found in another case, Unicode form or folder"),
        ):
            if some:
                n, first = len(some), some[0]
                lines.append(
                    f"{counted(n, 'image file')} {'is' if n == 1 else 'are'} {how}: {shown(first)} is "
                    f"{shown(self.found[first])}."
                )
        return lines


def match_endings(written: Iterable[str], places: Iterable[str], taken: Collection[str] = ()) -> Matched:
    """The one of ``places`` that ends as each path, by whole names, in any case and Unicode form.

    A path or a place may be longer at its beginning. Where both have other beginnings, all
    paths must be of another machine and exchange one beginning for one other: else ``cat/1.png`` would be found in
    ``dog``. No file is found for two paths, or for one beside ``taken``, the files that are found as they are written.
    """
    by_name: dict[str, list[str]] = {}
    for place in places:
        by_name.setdefault(_key(place.rsplit("/", 1)[-1]), []).append(place)
    found: dict[str, str] = {}
    refused: dict[str, str] = {}
    exchanged: dict[str, tuple[tuple[str, ...], tuple[str, ...], str]] = {}
    for path in written:
        parts = _parts(path)
        called = [one for name in _names(parts[-1]) for one in by_name.get(name, ())] if parts else []
        if not called:
            continue
        keys = tuple(map(_key, parts))
        ends = {one: _n_alike(keys, tuple(map(_key, one.split("/")))) for one in dict.fromkeys(called)}
        best = [one for one, n in ends.items() if n == max(ends.values())]
        if len(best) > 1:
            such = f"{shown(best[0])} and {shown(best[1])}"
            refused[path] = f"ends as {counted(len(best), 'file')} here, such as {such}; write the path of one."
            continue
        n_alike = ends[best[0]]
        before, here = keys[:-n_alike], tuple(best[0].split("/")[:-n_alike])
        if before and here:
            exchanged[path] = (before, here, best[0])
        else:
            found[path] = best[0]
    beginnings = {(before, here) for before, here, _ in exchanged.values()}
    are_one = len(beginnings) == 1 and not found and not taken and all(map(is_elsewhere, exchanged))
    for path, (_, _, place) in exchanged.items():
        if are_one:
            found[path] = place
        else:
            refused[path] = (
                f"is not here; {shown(place)} ends alike, in another folder: write that path if it is meant."
            )
    for path, place in _claimed_twice(found, taken):
        refused[path] = f"ends as {shown(place)}, which another path names too; write the path of one."
        del found[path]
    return Matched(found, refused)


def is_elsewhere(written: str) -> bool:
    """Whether a path is written from the root of some machine."""
    return written.startswith(("/", "\\")) or bool(re.match(r"[A-Za-z]:[/\\]", written))


def path_below(written: str) -> str:
    """A path of any system as one below a folder: without drive, root and steps up."""
    plain = re.sub(r"^[A-Za-z]:", "", written.replace("\\", "/")).replace("\0", "_")
    return "/".join(one for one in plain.split("/") if one not in ("", ".", "..")) or "_"


def _claimed_twice(found: Mapping[str, str], taken: Collection[str]) -> list[tuple[str, str]]:
    claims: dict[str, set[str]] = {}
    for path, place in found.items():
        claims.setdefault(place, set()).add("/".join(map(_key, _parts(path))))
    return [(path, place) for path, place in found.items() if place in taken or len(claims[place]) > 1]


def files_below(root: str) -> Iterator[str]:
    """The paths of at most `MAX_ROWS` files below ``root``, hidden ones and links to folders left out."""
    n_files = 0
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(one for one in folders if not one.startswith(".") and one != "__MACOSX")
        inside = os.path.relpath(folder, root).replace(os.sep, "/")
        for name in sorted(files):
            if not name.startswith("."):
                yield name if inside == "." else f"{inside}/{name}"
        n_files += len(files)
        if n_files > MAX_ROWS:
            return


def _parts(written: str) -> tuple[str, ...]:
    """The names in a path of any system, without drive; () for one that goes up, or that no file has."""
    steps = written[-MAX_SOUGHT:].replace("\\", "/").split("/")
    return () if {"..", "~"} & set(steps) or "\0" in written else tuple(path_below(written[-MAX_SOUGHT:]).split("/"))


def _names(name: str) -> list[str]:
    """The keys of the files that ``name`` may mean: itself, else with the ending of an image."""
    key = _key(name)
    return [key] if key.endswith(SUFFIXES) else [key, *(key + suffix for suffix in SUFFIXES)]


def _n_alike(parts: Sequence[str], place: Sequence[str]) -> int:
    """How many names at the end of both are alike, the last one included."""
    folders = zip(reversed(parts[:-1]), reversed(place[:-1]), strict=False)
    return 1 + len(list(takewhile(lambda pair: pair[0] == pair[1], folders)))


def _key(name: str) -> str:
    return nfc(name).casefold()
