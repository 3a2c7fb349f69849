"""The dashboard: shows how good models are and remembers what people decide."""
