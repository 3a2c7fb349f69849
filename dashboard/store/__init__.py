"""Where decisions are kept: SQLAlchemy over SQLite, speaking core records."""
