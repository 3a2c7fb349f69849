"""What models are and how good they are; works without the dashboard."""
