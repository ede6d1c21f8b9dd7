"""The rungs: one file each, registered in `registry`; none of them does I/O."""
