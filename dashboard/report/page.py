"""HTML of a report: the folder ``templates`` filled in, every value escaped."""

from collections.abc import Callable, Iterable, Iterator

import plotly.graph_objects as go
from jinja2 import Environment, PackageLoader, StrictUndefined
from markdown_it import MarkdownIt
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from dashboard.ui.plots import DARK, LIGHT, Theme

_MARKDOWN = MarkdownIt("zero").enable(["escape", "backticks", "emphasis"])  # no HTML, links or pictures


def page(title: str, sections: Iterable[Markup]) -> str:
    """The complete file; its content security policy forbids loading anything else."""
    return str(render("page.html", title=title, plotly=Markup(get_plotlyjs()), sections=sections))


def render(template: str, **values: object) -> Markup:
    """A file of ``templates`` with ``values``; only `Markup` goes in as HTML."""
    return Markup(_TEMPLATES.get_template(template).render(values))


def _in_themes(draw: Callable[[Theme], go.Figure]) -> Iterator[tuple[str, Markup]]:
    """A chart in light and dark colors; the page selects one by the reader's system setting."""
    for name, theme in (("light", LIGHT), ("dark", DARK)):
        # no "<", so that the JSON cannot close its script element
        yield name, Markup(str(draw(theme).to_json()).replace("<", "\\u003c"))


def _rich(markdown: str) -> Markup:
    """Bold, italics, code, and names escaped by `words.plain`; anything else is text."""
    return Markup(_MARKDOWN.renderInline(markdown))


_TEMPLATES = Environment(
    loader=PackageLoader("dashboard.report"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.filters |= {"in_themes": _in_themes, "rich": _rich}
