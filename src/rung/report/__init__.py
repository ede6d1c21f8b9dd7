"""A verdict in every form in which people and programs read it: pure."""
