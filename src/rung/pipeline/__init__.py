"""What the loop's stages do, one file each; in which order is said by `loop`."""
