"""Training runs that can be repeated."""
