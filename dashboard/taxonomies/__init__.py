"""Taxonomies: drafts and their editor, merge and split suggestions."""
