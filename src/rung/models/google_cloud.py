"""Google Cloud's side of a request to Vertex AI: the project and the location, as Google's own tools are told them."""

from __future__ import annotations

import os

from rung.errors import ModelError


def project() -> str:
    """The project that is billed.

    Raises:
        ModelError: none is named.
    """
    named = os.environ.get("GOOGLE_CLOUD_PROJECT")
    if not named:
        raise ModelError("vertex: no project is named: set GOOGLE_CLOUD_PROJECT to its id")
    return named


def location() -> str:
    """The location that answers, such as us-central1.

    Raises:
        ModelError: none is named.
    """
    named = os.environ.get("GOOGLE_CLOUD_LOCATION")
    if not named:
        raise ModelError("vertex: no location is named: set GOOGLE_CLOUD_LOCATION, such as us-central1")
    return named


def resource(model: str) -> str:
    """The full name of Google's model of this name; a full name, or that of an endpoint, stays."""
    return model if "/" in model else f"projects/{project()}/locations/{location()}/publishers/google/models/{model}"
