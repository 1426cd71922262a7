"""A small world of shops of which it is known how people buy."""
