"""Predictions, embeddings and heatmaps of a model."""
