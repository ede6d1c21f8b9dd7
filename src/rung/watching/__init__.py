"""Whether what is served is still what was measured, on what it was measured: a detector a file, alerts that do not flap."""
