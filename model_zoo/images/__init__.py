"""Image files: formats, bit depth, metadata, decoding within limits, and preprocessing."""
