"""How each kind of artifact is built: one file a kind, all of them reached by `ArtifactBuilder`."""

from rung.builders.building import ArtifactBuilder

__all__ = ["ArtifactBuilder"]
