"""What one server process holds open for all sessions."""
