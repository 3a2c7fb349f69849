"""Labels: import, export, snapshots and their comparison."""
