"""Builds an index of the project's documents cut in another way than its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rung.artifacts.store import CHUNKED_INDEXES, Built, is_finished, seal
from rung.progress import phase, waiting
from rung.records import Json, digest
from rung.runtime.engines import Engines
from rung.strategies.protocol import ChunkedIndex

if TYPE_CHECKING:
    pass


def build_chunked_index(engines: Engines, need: ChunkedIndex, title: str) -> Built:
    """The project's documents, as its own index holds them, cut in another way; brought up to date each time."""
    from rung.knowledge import Chunking, Knowledge

    own = engines.documents
    chunking = Chunking(need.tokens, need.overlap, need.parent_tokens)
    named = digest("cutting", chunking, engines.embedder.identity)
    folder = engines.project.state / CHUNKED_INDEXES / named
    knowledge = engines.indexes.get(named)
    if knowledge is None:
        with phase(title) as tick:
            knowledge = Knowledge.open(
                folder / "index",
                embedder=engines.embedder,
                chunking=chunking,
                fusion=own.fusion,
                contexts=own.contexts,
            )
            report = knowledge.sync(own.documents(), progress=lambda done, total: tick(done, total, ""), waiting=waiting)
            if not is_finished(folder) or report.embedded:
                manifest: dict[str, Json] = {"kind": "cutting", "passages": report.passages}
                seal(folder, {**manifest, "embedder": engines.embedder.identity, "seconds": report.seconds})
    return Built(named, folder, knowledge)
