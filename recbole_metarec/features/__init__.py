"""Item features: texts, images and prices of a suite's domains, as numbers in one shared space."""
