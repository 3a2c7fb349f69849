"""Reports: a comparison as one self-contained HTML page, with its numbers as CSV and JSON."""
