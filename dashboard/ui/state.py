"""Typed access to the session state and the page's address; no other module uses either directly."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

from dashboard.address.fields import Query
from dashboard.words import plain
from model_zoo.core.errors import TaxoScopeError


def query() -> Query:
    """The query parameters of the page's address."""
    return {name: tuple(st.query_params.get_all(name)) for name in st.query_params}


def write_query(parameters: Mapping[str, Sequence[str]]) -> None:
    """Set query parameters as one step in the browser's history; an empty list removes a parameter."""
    before = query()
    after = {**before, **{name: tuple(values) for name, values in parameters.items()}}
    after = {name: values for name, values in after.items() if values}
    if after != before:
        st.query_params.from_dict({name: list(values) for name, values in after.items()})


def dark() -> bool:
    """Whether the page is shown in the dark theme."""
    return st.context.theme.type == "dark"


def set_widget(key: str, value: Any) -> str:
    """Set the value of widget ``key`` to ``value`` from the address; returns the key."""
    st.session_state[key] = value
    return key


def init_widget(key: str, first: Any, known: Sequence[Any] | None = None) -> str:
    """Set the first value of widget ``key``; later keep the user's choice (if among ``known``). Returns the key."""
    if key not in st.session_state or (known is not None and st.session_state[key] not in known):
        st.session_state[key] = first
    return key


def pop(key: str) -> Any:
    """Remove and return the value stored under ``key``; None if there is none."""
    return st.session_state.pop(key, None)


def get(key: str, default: Any = None) -> Any:
    """A widget's value, or ``default`` before it was drawn."""
    return st.session_state.get(key, default)


def increment_counter(key: str) -> None:
    """Increase a counter that is part of a chart's key, which resets the chart's selection."""
    st.session_state[key] = st.session_state.get(key, 0) + 1


def guarded(callback: Callable[[], None]) -> Callable[[], None]:
    """Wrap a callback so that its error is shown as one sentence; the page's error handling skips callbacks."""

    def run() -> None:
        try:
            callback()
        except TaxoScopeError as error:
            st.session_state["_sentence"] = str(error)

    return run


def show_sentence() -> None:
    """Show the message of a guarded callback once."""
    if sentence := st.session_state.pop("_sentence", None):
        st.error(plain(sentence))


def go(page: str, parameters: Mapping[str, Sequence[str]]) -> None:
    """For callbacks: open another page (its file) before the current one is drawn again."""
    st.session_state["_go"] = (page, parameters)


def follow_request() -> None:
    """Open the page that a callback requested."""
    if asked := st.session_state.pop("_go", None):
        page, parameters = asked
        st.switch_page(page, query_params=parameters)


def put(key: str, value: Any) -> None:
    """Store a value until the page runs next."""
    st.session_state[key] = value


def reviewer_name(key: str) -> str:
    """The reviewer's name from the review panel, '' before it is known."""
    value = get(key)
    return str((value.get("reviewer") if isinstance(value, Mapping) else getattr(value, "reviewer", "")) or "")
