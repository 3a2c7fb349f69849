"""Cache decorator for pages: the key holds the argument values and the workspace's revision."""

import hashlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import streamlit as st

from dashboard.server_state.open_workspace import Desk, desk

Params = ParamSpec("Params")
Result = TypeVar("Result")
Revision = Callable[..., str]


def revision_with_decisions(now: Desk, *_arguments: Any) -> str:
    """Changes with every decision, manifest, run and taxonomy."""
    return now.revision()


def revision_without_decisions(now: Desk, *_arguments: Any) -> str:
    """Changes with every manifest, run and taxonomy, but not with decisions."""
    return now.files_revision()


def cached(
    entries: int, spinner: str | bool = False, revision: Revision = revision_with_decisions
) -> Callable[[Callable[Params, Result]], Callable[Params, Result]]:
    """Cache the last ``entries`` results of a function, for all sessions.

    The key is the value of every argument (`value_of`) and ``revision(desk(), *arguments)``, so that a result is
    computed again after a change. Results are shared between sessions and must not be modified.
    """

    def decorate(function: Callable[Params, Result]) -> Callable[Params, Result]:
        signature = inspect.signature(function)

        def compute(key: str, _arguments: tuple[Any, ...]) -> Result:
            return function(*_arguments)  # type: ignore[call-arg]

        compute.__qualname__ = (
            f"{function.__module__}.{function.__qualname__}"  # Streamlit identifies a cache by this name
        )
        kept = st.cache_resource(max_entries=entries, show_spinner=spinner)(compute)

        @wraps(function)  # `ask.__wrapped__` computes without the cache
        def ask(*args: Params.args, **keywords: Params.kwargs) -> Result:
            bound = signature.bind(*args, **keywords)
            bound.apply_defaults()
            values = (value_of(bound.args), revision(desk(), *bound.args))
            return kept(hashlib.sha256(repr(values).encode()).hexdigest(), bound.args)

        return ask

    return decorate


def value_of(argument: Any) -> object:
    """An object whose ``repr`` is equal exactly for equal values, for plain values and frozen dataclasses of them.

    Raises `TypeError` for anything else, because an object without a value would give stale results.
    """
    match argument:
        case None | bool() | int() | float() | str() if not isinstance(argument, Enum):
            return argument
        case Enum():
            return type(argument).__name__, argument.name
        case bytes():
            return hashlib.sha256(argument).hexdigest()
        case Mapping():
            return "{}", [(value_of(name), value_of(value)) for name, value in argument.items()]
        case AbstractSet():
            return "set", sorted(map(repr, map(value_of, argument)))
        case Sequence():
            return type(argument).__name__, [value_of(one) for one in argument]
    if is_dataclass(argument) and not isinstance(argument, type):
        return type(argument).__name__, [value_of(getattr(argument, one.name)) for one in fields(argument)]
    raise TypeError(f"A cached function was given a {type(argument).__name__}, which has no value to compare.")
