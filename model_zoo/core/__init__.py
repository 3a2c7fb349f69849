"""What labels, taxonomies and figures are: standard library, numpy and scipy only."""
