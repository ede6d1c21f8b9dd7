"""A rung, a scorer, a reader and a model host for Rung, from outside of it."""
