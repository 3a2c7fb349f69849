"""HTML page of a report: styles, charts in light and dark, tables, and escaping."""

import base64
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from pathlib import Path

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from dashboard.ui.plots import DARK, LIGHT, Theme

_TAGS = {"**": "b", "`": "code"}
_MIME = {".csv": "text/csv", ".json": "application/json"}


def page(title: str, sections: Iterable[str]) -> str:
    """The complete file; its content security policy forbids loading anything else."""
    folder = Path(__file__).parent
    return _PAGE.format(
        title=escape(title),
        style=(folder / "page.css").read_text(),
        plotly=get_plotlyjs(),
        script=(folder / "page.js").read_text(),
        body="\n".join(sections),
    )


def chart(draw: Callable[[Theme], go.Figure]) -> str:
    """A chart in light and dark colors; the page selects one by the reader's system setting."""
    themes = "".join(
        f'<script type="application/json" class="{name}">{_in_script(str(draw(theme).to_json()))}</script>'
        for name, theme in (("light", LIGHT), ("dark", DARK))
    )
    return f'<div class="chart"><div></div>{themes}</div>'


def rich(markdown: str) -> str:
    """Markdown as HTML: bold, code, and names escaped by `words.plain`."""
    html, still_open = [], ""
    for piece in re.split(r"(?<!\\)(\*\*|`)", markdown):
        if piece in _TAGS:
            html.append(f"<{'/' if still_open == piece else ''}{_TAGS[piece]}>")
            still_open = "" if still_open == piece else piece
        else:
            html.append(escape(piece if still_open == "`" else re.sub(r"\\(.)", r"\1", piece)))
    return "".join(html)


def table(rows: Sequence[Mapping[str, str]]) -> str:
    """Rows of Markdown, each a mapping from column to text; empty without rows."""
    if not rows:
        return ""
    head = "".join(f"<th>{escape(name)}" for name in rows[0])
    body = "".join("<tr>" + "".join(f"<td>{rich(cell)}" for cell in row.values()) for row in rows)
    return f'<div class="wide"><table><tr>{head}{body}</table></div>'


def downloads(files: Mapping[str, str]) -> str:
    """Download links for data embedded in the page: file name -> text."""
    links = [
        f'<a download="{name}" href="data:{_MIME[Path(name).suffix]};base64,'
        f'{base64.b64encode(text.encode()).decode()}">{name}</a>'
        for name, text in files.items()
    ]
    return f'<p class="quiet">The numbers of this page: {", ".join(links)}.</p>'


def _in_script(text: str) -> str:
    return text.replace("<", "\\u003c")  # so that the JSON cannot close its script element


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<style>
{style}</style><script>{plotly}</script></head><body>
{body}
<script>
{script}</script></body></html>
"""
