"""Widgets and charts that several features share."""
