"""Reusable widgets: each a function of data and a key, returning the choice."""
