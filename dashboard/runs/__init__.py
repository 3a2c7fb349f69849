"""Runs: training, prediction, embeddings, region attention, and the page of a run."""
