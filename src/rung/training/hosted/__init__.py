"""Tuning by a model's host: the file in the host's form, the job, what it may cost, and how to come back to it."""
