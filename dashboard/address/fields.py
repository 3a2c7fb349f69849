"""Records as parameters of an address: each field declares its parameter, and both directions follow from that."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, Field, field, fields
from enum import StrEnum
from typing import Any, TypeVar

from model_zoo.core.errors import LinkError

Query = Mapping[str, Sequence[str]]
"""Parameter -> its values, as in ``?of=a&of=b``."""

Kind = TypeVar("Kind", bound=StrEnum)
Found = TypeVar("Found")
Record = TypeVar("Record")


def parameter(
    name: str,
    default: Any,
    read: Callable[[Query, str, Any], Any],
    written: Callable[[Any], Sequence[str]] = lambda value: [str(value)],
    *,
    always: bool = False,
) -> Any:
    """A dataclass field that the parameter ``name`` holds.

    ``read(query, name, default)`` gives its value, ``written(value)`` the parameter's values. The default is left out
    of the address unless ``always``.
    """
    return field(default=default, metadata={"name": name, "read": read, "written": written, "always": always})


class Addressed:
    """A dataclass of which some fields are made by `parameter`."""

    __slots__ = ()

    def query(self) -> dict[str, list[str]]:
        """The parameters that `read_record` reads back; what the address may leave open is left out."""
        declared = [one for one in fields(self) if "name" in one.metadata]  # type: ignore[arg-type]
        made = {one.metadata["name"]: _written(self, one) for one in declared}
        return {name: values for name, values in made.items() if values}


def read_record(kind: type[Record], query: Query) -> Record:
    """A record from an address; what the address leaves open is the default of its field."""
    declared = [one for one in fields(kind) if "name" in one.metadata]  # type: ignore[arg-type]
    return kind(**{one.name: one.metadata["read"](query, one.metadata["name"], one.default) for one in declared})


def text(query: Query, name: str, default: str | None = None) -> str | None:
    """The one value of a parameter; `LinkError` when it is given twice."""
    values = query.get(name, ())
    if len(values) > 1:
        raise LinkError(f"The address gives {name!r} {len(values)} times; keep one.")
    return values[0] if values else default


def text_or(query: Query, name: str, default: str) -> str:
    """The one value of a parameter; the default also where it is empty."""
    return text(query, name) or default


def several(query: Query, name: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
    """All values of a parameter, each once."""
    return tuple(dict.fromkeys(query[name])) if name in query else default


def whole(query: Query, name: str, default: int) -> int:
    """A whole number from 1; `LinkError` for anything else."""
    value = text(query, name)
    if value is None:
        return default
    if len(value) > 9 or not value.isascii() or not value.isdigit() or int(value) < 1:
        raise LinkError(f"The address asks for {name} = {value[:40]!r}; it must be a whole number from 1.")
    return int(value)


def among(query: Query, name: str, known: Mapping[str, Found]) -> Found:
    """The one of ``known`` that a parameter names, the first without one; `LinkError` lists their names."""
    value = text(query, name)
    if value is not None and value not in known:
        raise LinkError(f"The address asks for {name} = {value[:100]!r}; it can be {', '.join(known)}.")
    return next(iter(known.values())) if value is None else known[value]


def choice(query: Query, name: str, kind: type[Kind], default: Kind) -> Kind:
    """A value of an enumeration; `LinkError` lists what it can be."""
    value = text(query, name)
    if value is None:
        return default
    if value not in list(kind):
        raise LinkError(f"The address asks for {name} = {value[:40]!r}; it can be {', '.join(kind)}.")
    return kind(value)


def one_of(kind: type[Kind]) -> Callable[[Query, str, Any], Any]:
    """Reads a value of the enumeration ``kind``."""
    return lambda query, name, default: choice(query, name, kind, default)


def _written(record: Any, of: Field[Any]) -> list[str]:
    value = getattr(record, of.name)
    if value is None or (value == of.default and of.default is not MISSING and not of.metadata["always"]):
        return []
    return list(of.metadata["written"](value))
