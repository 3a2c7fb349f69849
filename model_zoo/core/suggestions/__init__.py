"""Which classes to merge, which pairs models can separate, and which classes to split."""
