"""Images and labels from elsewhere, read as rows: one file per layout; nothing is decoded or written here."""
