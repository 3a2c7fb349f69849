"""Taxonomies as TOML files, one per version."""

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import Any

from model_zoo.core.errors import LabelError, TaxonomyError, WorkspaceError
from model_zoo.core.label_space.labels import Label, LeafSpace
from model_zoo.core.label_space.taxonomy import Taxonomy
from model_zoo.untrusted.limits import bytes_of
from model_zoo.untrusted.parser_errors import parser_errors_as_ours
from model_zoo.workspace.manifest import write_new
from model_zoo.workspace.run import is_plain

MAX_FILE_BYTES = 100_000
MAX_TOML_BYTES = 2**20
MAX_KEY_PARTS = 100
MAX_VERSION = 999_999_999
_SAVING = Lock()  # finding the newest version and writing the next one is one step
_KEY_PART = r"""(?:[\w-]++|"(?:[^"\\\n]|\\.)*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+"""
_LONG_KEY = re.compile(rf"(?<![\w-])(?:{_KEY_PART}){{{MAX_KEY_PARTS - 1}}}")
_REFERENCE = re.compile(r"(.+)\.v([0-9]{1,9})", re.DOTALL)

Versions = Mapping[str, tuple[Taxonomy, ...]]
"""Name -> versions, the newest last; names from the finest newest version to the coarsest."""


def find_versions(folders: Sequence[Path], space: LeafSpace) -> Versions:
    """Every version in ``folders``; of equal name and version, the one in the earlier folder counts."""
    found: dict[tuple[str, int], Taxonomy] = {}
    for folder in folders:
        here: dict[tuple[str, int], Taxonomy] = {}
        for path in sorted(folder.glob("*.toml")):
            taxonomy = read_taxonomy(path, space)
            if (taxonomy.name, taxonomy.version) in here:
                raise TaxonomyError(
                    f"Taxonomy file {path}: {taxonomy.reference!r} is there already; "
                    "rename one of them or raise its version."
                )
            here[taxonomy.name, taxonomy.version] = taxonomy
        found = here | found
    versions: dict[str, list[Taxonomy]] = {}
    for _, taxonomy in sorted(found.items(), key=lambda item: item[0][1]):
        versions.setdefault(taxonomy.name, []).append(taxonomy)
    names = dict.fromkeys(name for name, _ in found)
    ordered = sorted(names, key=lambda name: -len(versions[name][-1].classes))
    return {name: tuple(versions[name]) for name in ordered}


def find_version(versions: Versions, reference: str) -> Taxonomy:
    """``fine`` is the newest version of that name, ``fine.v1`` its first; `WorkspaceError` lists what there is."""
    if reference in versions:
        return versions[reference][-1]
    if match := _REFERENCE.fullmatch(reference):
        name, number = match.group(1), int(match.group(2))
        for taxonomy in versions.get(name, ()):
            if taxonomy.version == number:
                return taxonomy
        if name in versions:
            numbers = ", ".join(str(taxonomy.version) for taxonomy in versions[name])
            raise WorkspaceError(f"Taxonomy {name!r} has no version {number}; it has {numbers}.")
    listed = ", ".join(versions) or "none yet"
    raise WorkspaceError(f"No taxonomy {reference[:100]!r} in this workspace; it has {listed}.")


def read_taxonomy(path: Path, space: LeafSpace) -> Taxonomy:
    """The taxonomy in a TOML file, validated; `TaxonomyError` names the file and the leaf."""
    return _taxonomy(read_toml(path), f"Taxonomy file {path}", space)


def parse_taxonomy(raw: bytes, where: str, space: LeafSpace) -> Taxonomy:
    """The taxonomy in the bytes of a TOML file from anywhere; `TaxonomyError` in one sentence for anything else."""
    if len(raw) > MAX_FILE_BYTES:
        raise TaxonomyError(f"{where} has {len(raw):,} bytes; a taxonomy file has at most {MAX_FILE_BYTES:,}.")
    with parser_errors_as_ours(where, TaxonomyError, "correct it there", "is no TOML file in UTF-8"):
        values = _toml(raw.decode("utf-8-sig").replace("\r\n", "\n"))
    return _taxonomy(values, where, space)


def taxonomy_toml(taxonomy: Taxonomy, space: LeafSpace) -> str:
    """The file that `read_taxonomy` reads back as ``taxonomy``, leaves written as patterns."""
    outside = [space.format(taxonomy.outside)] if taxonomy.outside else []
    lines = [
        f"name = {quoted(taxonomy.name)}",
        f"version = {taxonomy.version}",
        f"description = {quoted(taxonomy.description)}",
        f"outside = [{', '.join(map(quoted, outside))}]",
        "",
        "[classes]",
        *(f"{_key(name)} = {quoted(space.format(leaves))}" for name, leaves in taxonomy.classes.items()),
    ]
    return "\n".join(lines) + "\n"


def save_version(taxonomy: Taxonomy, folders: Sequence[Path], space: LeafSpace) -> Taxonomy:
    """Write ``taxonomy`` as the next version of its name among ``folders`` into the first; returns that version.

    `TaxonomyError` if it says what the newest version says already, or cannot be named so; `WorkspaceError` if it
    cannot be written. No file is ever written over.
    """
    _check_file_name(taxonomy.name, "This taxonomy")
    taxonomy.check(space)
    with _SAVING:
        known = find_versions(folders, space).get(taxonomy.name, ())
        if known and (known[-1], known[-1].description) == (taxonomy, taxonomy.description):
            raise TaxonomyError(
                f"{known[-1].reference!r} says the same already; change something or choose a new name."
            )
        saved = replace(taxonomy, version=known[-1].version + 1 if known else 1)
        path = folders[0] / f"{saved.reference}.toml"
        try:
            folders[0].mkdir(exist_ok=True)
            write_new(path, taxonomy_toml(saved, space).encode())
        except OSError as error:
            if path.exists():
                raise WorkspaceError(
                    f"There is a file {path} already and none is ever written over; save again, or under another name."
                ) from error
            raise WorkspaceError(f"{path} cannot be written ({error.strerror}); make room or give access.") from error
    return saved


def read_toml(path: Path) -> dict[str, Any]:
    """The values of a TOML file; `WorkspaceError` in one sentence if it cannot be read."""
    with parser_errors_as_ours(str(path), WorkspaceError, "correct it there", "is no TOML file in UTF-8"):
        if (size := bytes_of(path)) > MAX_TOML_BYTES:
            raise WorkspaceError(f"{path} has {size:,} bytes; a TOML file here has at most {MAX_TOML_BYTES:,}.")
        return _toml(path.read_text(encoding="utf-8"))


def _toml(text: str) -> dict[str, Any]:
    """The values of a TOML text; `ValueError` for a key of too many parts.

    tomllib's time grows with their square: 171 s for 100 kB of ``a.a.a...``.
    """
    if _LONG_KEY.search(text):
        raise ValueError(f"a key of {MAX_KEY_PARTS} parts or more")
    return tomllib.loads(text)


def quoted(text: str) -> str:
    """A TOML basic string: JSON's escapes are TOML's, but TOML wants DEL escaped too."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def texts(values: object, what: str) -> tuple[str, ...]:
    """``values`` if it is a list of texts, else `WorkspaceError`."""
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise WorkspaceError(f"{what} must be a list of texts in quotes; got {values!r}.")
    return tuple(values)


def _taxonomy(values: Mapping[str, Any], where: str, space: LeafSpace) -> Taxonomy:
    name, classes, version = values.get("name"), values.get("classes"), values.get("version", 1)
    if not isinstance(classes, dict) or not isinstance(name, str):
        raise TaxonomyError(f"{where} needs a name and a table [classes] of class = label.")
    _check_file_name(name, where)
    if type(version) is not int or not 1 <= version <= MAX_VERSION:
        raise TaxonomyError(f"{where}: version {str(version)[:40]!r} is no whole number from 1 to {MAX_VERSION:,}.")
    try:
        return Taxonomy(
            name=name,
            classes={name: _leaves(written, space) for name, written in classes.items()},
            outside=_leaves(values.get("outside", []), space),
            description=str(values.get("description", "")),
            version=version,
        ).check(space)
    except (LabelError, TaxonomyError, WorkspaceError) as error:
        raise TaxonomyError(f"{where}: {error}") from error


def _check_file_name(name: str, where: str) -> None:
    if not is_plain(name):  # runs are named after it
        raise TaxonomyError(
            f"{where}: name {name[:100]!r} cannot stand in a path, as its runs' must; "
            "use letters, digits, space, - _ . alone, with a letter or digit in front."
        )
    if _REFERENCE.fullmatch(name):
        raise TaxonomyError(f"{where}: name {name[:100]!r} ends like a version; write that as version = 2, say.")


def _leaves(written: object, space: LeafSpace) -> Label:
    patterns = (written,) if isinstance(written, str) else texts(written, "a class")
    return frozenset[str]().union(*(space.parse(pattern) for pattern in patterns))


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else quoted(name)
