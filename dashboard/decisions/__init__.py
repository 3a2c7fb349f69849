"""Decisions of reviewers: their history, consensus, leases, and the database."""
