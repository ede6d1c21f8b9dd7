"""Builds an index of the examples' inputs, so that the nearest ones can be shown."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rung.records import Json, digest
from rung.strategies.protocol import ExampleIndex
from rung.workshop.artifacts import Built, building, seal

if TYPE_CHECKING:
    from rung.workshop.holding import Workshop


def build_example_index(workshop: Workshop, need: ExampleIndex, title: str) -> Built:
    """The index of these texts; named by them and the embedder."""
    from rung.knowledge import build_example_index as index_examples

    named = digest("example-index", need.texts, workshop.embedder.identity)
    folder = workshop.artifact_folder("example-index", named)
    with building(workshop, folder, title) as missing:
        if missing:
            with workshop.reporter.phase(title) as tick:
                began = time.monotonic()
                index_examples(need.texts, folder, embedder=workshop.embedder, progress=lambda n, m: tick(n, m, ""))
                made: dict[str, Json] = {
                    "kind": "example-index",
                    "rows": len(need.texts),
                    "embedder": workshop.embedder.identity,
                }
                seal(folder, {**made, "seconds": time.monotonic() - began})
    workshop.ready.example_indexes[named] = folder
    return Built(named, folder)
