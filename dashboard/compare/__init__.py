"""Compare: results, metrics, confusion matrices and task difficulty of several models."""
