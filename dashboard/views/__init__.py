"""One file per page: ask, call, show."""
