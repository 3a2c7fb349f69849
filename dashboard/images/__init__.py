"""Images: the list, its filters, the embedding plot and bulk edits."""
