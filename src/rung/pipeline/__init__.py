"""The loop's stages, one file each, from record to record; in which order is said by `loop`."""
