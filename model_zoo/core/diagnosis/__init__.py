"""The four causes of a low metric."""
