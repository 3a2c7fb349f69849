"""Limits and child processes for files from elsewhere, so that none costs too much work or memory."""
