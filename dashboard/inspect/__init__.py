"""Inspect: heatmaps and occlusion tests of one image."""
