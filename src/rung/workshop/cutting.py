"""Builds an index of the project's documents cut in another way than its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rung.errors import UserError
from rung.records import Json, digest
from rung.strategies.protocol import Cutting
from rung.workshop.artifacts import Built, is_finished, seal

if TYPE_CHECKING:
    from rung.workshop.holding import Workshop

CUTTINGS = "cuttings"  # in the project's state, not among the artifacts: what follows the documents is never finished


def build_cutting(workshop: Workshop, need: Cutting, title: str) -> Built:
    """The project's documents, as its own index holds them, cut in another way; brought up to date each time."""
    from rung.knowledge import Chunking, Knowledge

    own = workshop.knowledge
    if own is None:
        raise UserError("the project has no documents to search (knowledge.sources)")
    chunking = Chunking(need.tokens, need.overlap, need.parent_tokens)
    named = digest("cutting", chunking, workshop.embedder.identity)
    folder = workshop.project.state / CUTTINGS / named
    if named not in workshop.ready.indexes:
        with workshop.reporter.phase(title) as tick:
            knowledge = Knowledge.open(folder / "index", embedder=workshop.embedder, chunking=chunking, fusion=own.fusion)
            report = knowledge.sync(
                own.documents(), progress=lambda done, total: tick(done, total, ""), waiting=workshop.while_waiting
            )
            if not is_finished(folder) or report.embedded:
                made: dict[str, Json] = {"kind": "cutting", "passages": report.passages}
                seal(folder, {**made, "embedder": workshop.embedder.identity, "seconds": report.seconds})
        workshop.ready.indexes[named] = knowledge
    return Built(named, folder)
