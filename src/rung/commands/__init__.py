"""The work of the verbs other than `compare`, one file each."""
