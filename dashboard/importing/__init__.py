"""Import: images, labels, models and predictions from elsewhere."""
