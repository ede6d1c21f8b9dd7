"""Models that a host tuned: by which name it answers, as the artifact of the tuning says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from rung.errors import ModelError
from rung.models.wire.shapes import mapping
from rung.records import Json


def manifest_in(folder: Path) -> Mapping[str, Json]:
    """What an artifact says of itself; {} where nothing can be read."""
    try:
        manifest: Json = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return mapping(manifest)


def hosted_in(folder: Path) -> Mapping[str, Json] | None:
    """What an artifact says of its host; None where it was trained here."""
    hosted = manifest_in(folder).get("hosted")
    return hosted if isinstance(hosted, dict) else None


def names_in(adapters: Mapping[str, Path], url: str) -> dict[str, str]:
    """Digest -> by which name the host at this URL answers, of those adapters (digest -> folder) that a host made.

    Raises:
        ModelError: another host made it, or it was not deployed there.
    """
    named: dict[str, str] = {}
    for digest, folder in adapters.items():
        if (hosted := hosted_in(folder)) is None:
            continue
        model, name = hosted.get("model"), hosted.get("answers_as")
        if hosted.get("url") != url:
            raise ModelError(f"{digest[:12]} was tuned at {hosted.get('url')}, and is asked at {url}: mend the model's name")
        if not isinstance(name, str) or not name:
            raise ModelError(f"{hosted.get('host')} does not answer as {model} yet: {hosted.get('deploys')}")
        named[digest] = name
    return named
