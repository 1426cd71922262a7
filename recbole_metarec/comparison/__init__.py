"""Several models on one target, side by side."""
