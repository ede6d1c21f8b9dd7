"""Builds an index of the examples' inputs, so that the nearest ones can be shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rung.artifacts.store import Built, artifact_folder, building, seal
from rung.progress import phase, working_time
from rung.records import Json, digest
from rung.runtime.engines import Engines
from rung.strategies.protocol import ExampleIndex

if TYPE_CHECKING:
    pass


def build_example_index(engines: Engines, need: ExampleIndex, title: str) -> Built:
    """The index of these texts; named by them and the embedder."""
    from rung.knowledge import build_example_index as index_examples

    named = digest("example-index", need.texts, engines.embedder.identity)
    folder = artifact_folder(engines.project.state, "example-index", named)
    with building(folder, title) as missing:
        if missing:
            with phase(title) as tick:
                began = working_time()
                index_examples(need.texts, folder, embedder=engines.embedder, progress=lambda n, m: tick(n, m, ""))
                manifest: dict[str, Json] = {
                    "kind": "example-index",
                    "rows": len(need.texts),
                    "embedder": engines.embedder.identity,
                }
                seal(folder, {**manifest, "seconds": working_time() - began})
    return Built(named, folder)
