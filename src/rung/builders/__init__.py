"""How each kind of artifact is built: one file a kind, all of them reached through `kinds`."""
