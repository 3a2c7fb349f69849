"""Diagnose: the four causes of low metrics."""
