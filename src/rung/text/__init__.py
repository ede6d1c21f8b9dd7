"""Rules of texts that several packages share: pure."""
