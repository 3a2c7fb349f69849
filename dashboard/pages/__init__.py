"""One file per page: it reads the address, calls features, and draws the results."""
