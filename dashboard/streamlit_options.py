"""Streamlit's settings, all of which the server sets in code: appearance, and what safety depends on."""

from collections.abc import Mapping
from typing import Any

_LIGHT = {
    "primaryColor": "#1F6FA8",
    "backgroundColor": "#FFFFFF",
    "secondaryBackgroundColor": "#F3F6F9",
    "textColor": "#1A2433",
    "borderColor": "#D9E0E8",
    "linkColor": "#1F6FA8",
}

_DARK = {
    "primaryColor": "#2F86C6",
    "backgroundColor": "#12161C",
    "secondaryBackgroundColor": "#1B222B",
    "textColor": "#E6EAF0",
    "borderColor": "#313B47",
    "linkColor": "#7CC4EE",
}

_THEME = {
    "font": "sans-serif",
    "baseFontSize": 15,
    "baseRadius": "6px",
    "paddingTop": "1rem",
    "metricValueFontSize": "1.5rem",
    "headingFontSizes": ["1.6rem", "1.2rem", "1.05rem", "1rem", "0.95rem", "0.9rem"],
    "headingFontWeights": [650, 650, 600, 600, 600, 600],
    "chartCategoricalColors": ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7A6A00"],
    "chartSequentialColors": [
        *("#F4F8FB", "#E3EEF6", "#CBE0EF", "#AFD0E6", "#8FBDDB"),
        *("#6DA7CD", "#4C90BD", "#3379A8", "#1E6190", "#0B4A7A"),
    ],
}

OPTIONS: Mapping[str, Any] = {
    "browser.gatherUsageStats": False,
    "client.allowedOrigins": [],  # by default Streamlit's cloud may command a page
    "client.showErrorDetails": "none",
    "client.toolbarMode": "viewer",
    "global.developmentMode": False,
    "logger.level": "warning",
    # A full collection after each script run walks all that the server holds (about 50 ms, all sessions waiting);
    # Python collects by itself when enough was made.
    "runner.postScriptGC": False,
    # Components v2 keep a value in the session that cannot be pickled (streamlit 1.67), so this stays off.
    "runner.enforceSerializableSessionState": False,
    "secrets.files": [],  # what such a file names, Streamlit writes into the environment
    "server.corsAllowedOrigins": [],
    "server.enableCORS": True,
    "server.enableXsrfProtection": True,
    "server.fileWatcherType": "none",
    "server.headless": True,
    **{f"theme.{name}": value for name, value in _THEME.items()},
    **{f"theme.light.{name}": value for name, value in _LIGHT.items()},
    **{f"theme.dark.{name}": value for name, value in _DARK.items()},
}
"""Option -> value; every option that is missing here has Streamlit's default."""
