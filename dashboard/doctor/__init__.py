"""What this installation is and what it lacks."""
