"""Training of runs, and cross-fitting."""
