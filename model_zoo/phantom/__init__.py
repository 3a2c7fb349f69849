"""Synthetic fetal ultrasound screens with known truth."""
