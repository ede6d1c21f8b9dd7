"""Numbers that several packages share: pure."""
