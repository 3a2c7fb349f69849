"""Which model is really better: differences on shared classes, their uncertainty and the decision rule."""
