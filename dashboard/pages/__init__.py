"""One file per page: it asks, calls and shows."""
