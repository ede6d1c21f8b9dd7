"""`rung.yaml`: what may stand there, and what does."""
