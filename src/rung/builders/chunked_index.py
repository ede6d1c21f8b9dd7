"""Builds an index of the project's documents cut in another way than its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rung.artifacts.store import Built, is_finished, seal
from rung.errors import UserError
from rung.progress import phase
from rung.records import Json, digest
from rung.runtime.engines import Engines
from rung.strategies.protocol import Cutting

if TYPE_CHECKING:
    pass

CUTTINGS = "cuttings"  # in the project's state, not among the artifacts: what follows the documents is never finished


def build_cutting(engines: Engines, need: Cutting, title: str) -> Built:
    """The project's documents, as its own index holds them, cut in another way; brought up to date each time."""
    from rung.knowledge import Chunking, Knowledge

    own = engines.knowledge
    if own is None:
        raise UserError("the project has no documents to search (knowledge.sources)")
    chunking = Chunking(need.tokens, need.overlap, need.parent_tokens)
    named = digest("cutting", chunking, engines.embedder.identity)
    folder = engines.project.state / CUTTINGS / named
    if named not in engines.indexes:
        with phase(title) as tick:
            knowledge = Knowledge.open(folder / "index", embedder=engines.embedder, chunking=chunking, fusion=own.fusion)
            report = knowledge.sync(own.documents(), progress=lambda done, total: tick(done, total, ""), waiting=waiting)
            if not is_finished(folder) or report.embedded:
                made: dict[str, Json] = {"kind": "cutting", "passages": report.passages}
                seal(folder, {**made, "embedder": engines.embedder.identity, "seconds": report.seconds})
        engines.indexes[named] = knowledge
    return Built(named, folder)
