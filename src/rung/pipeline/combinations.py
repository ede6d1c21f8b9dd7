"""The combinations that a rung's settings span in `rung.yaml`: what stands there as a list is swept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from textwrap import shorten

from rung.records import Json
from rung.strategies.settings import expand

_LABEL = 32  # characters of a setting in a rung's label


def combinations(name: str, settings: Mapping[str, Json]) -> list[tuple[str, dict[str, Json]]]:
    """(label, settings) of every combination; the label names the settings that were swept."""
    axes = [key for key, value in settings.items() if isinstance(value, list)]
    every = list(expand(settings))
    short = {key: _shortened(settings[key]) for key in axes}
    parts = (", ".join(f"{key}={short[key].get(str(chosen[key]), chosen[key])}" for key in axes) for chosen in every)
    return [(f"{name}[{what}]" if axes else name, chosen) for what, chosen in zip(parts, every, strict=True)]


def _shortened(values: Json) -> dict[str, str]:
    """Long texts of a sweep as its labels name them: by their beginning, told apart by number where that is one."""
    texts = [value for value in values if isinstance(value, str) and len(value) > _LABEL] if isinstance(values, list) else []
    begins = {text: shorten(text, _LABEL, placeholder="…") for text in texts}
    same = Counter(begins.values())
    return {text: f"{begin} ({n})" if same[begin] > 1 else begin for n, (text, begin) in enumerate(begins.items(), start=1)}
