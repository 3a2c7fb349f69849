"""Regions of an image, attention of heatmaps on them, occlusion, and nearest neighbours."""
