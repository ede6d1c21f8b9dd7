"""Who carries steps out: many at once (`batch`), one now (`live`), with a memory (`cache`)."""
