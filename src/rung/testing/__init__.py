"""Contracts as test classes: subclass one in your tests, name your part, and pytest holds it to what Rung expects."""
