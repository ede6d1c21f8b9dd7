"""Documents into passages."""
