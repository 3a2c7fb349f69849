"""The review panel in the browser."""
