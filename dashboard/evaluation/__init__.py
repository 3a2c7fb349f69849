"""What several features ask: stored predictions, filters, comparisons, the images of a cell."""
