"""Predictions against labels: confusion matrices and metrics with confidence intervals."""
