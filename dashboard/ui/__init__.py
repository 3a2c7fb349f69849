"""Widgets, charts and caches that several features share."""
