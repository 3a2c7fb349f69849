"""Data: class distribution and file checks."""
