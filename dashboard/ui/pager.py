"""Pagination of long lists."""

from collections.abc import Sequence
from typing import TypeVar

import streamlit as st

from dashboard.address import fields
from dashboard.ui import state
from dashboard.words import counted

PER_PAGE = 48


One = TypeVar("One")


def page_of(listed: Sequence[object]) -> tuple[int, int]:
    """The page in the address, and the number of pages; beyond the last page, shows a note and returns the last."""
    pages = max(1, -(-len(listed) // PER_PAGE))
    asked = fields.whole(state.query(), "page", 1)
    if asked > pages:
        st.warning(f"There is no page {asked:,}: the list has {counted(pages, 'page')}. This is the last one.")
    return min(asked, pages), pages


def on_page(listed: Sequence[One], page: int) -> Sequence[One]:
    """The items of one page, counted from 1."""
    return listed[(page - 1) * PER_PAGE : page * PER_PAGE]


def pager(pages: int, page: int, key: str = "images") -> None:
    """Page numbers; the current one is kept in the address."""
    if pages > 1:
        key = f"{key}_page_{page}_of_{pages}"
        st.pagination(
            pages, default=page, key=key, on_change=lambda: state.write_query({"page": [str(state.get(key))]})
        )
