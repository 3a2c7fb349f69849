"""The workspace folder on disk: manifest, taxonomies, runs, snapshots of labels."""
