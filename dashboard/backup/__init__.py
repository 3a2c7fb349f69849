"""Backups of a workspace with its decisions, and their restoration."""
