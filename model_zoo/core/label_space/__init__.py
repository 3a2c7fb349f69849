"""Labels as sets of leaf classes: taxonomies, their projections and edits, and what classes share."""
