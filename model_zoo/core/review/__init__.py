"""Label errors, agreement between people, and the effect of label changes on metrics."""
