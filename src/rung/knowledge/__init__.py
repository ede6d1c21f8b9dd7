"""Documents in, passages out: the passages that answer a query, for its asker.

Start with `Knowledge` in `store`. Models are left to `models` (the embedder is passed in), judging to `scoring`.
"""

from __future__ import annotations

from rung.knowledge.chunking.passages import Chunking
from rung.knowledge.citing import Gold, find_quote, gold_passages
from rung.knowledge.corpus import Knowledge
from rung.knowledge.examples_index import build_example_index
from rung.knowledge.loading import ReadReport, read_sources, stream_sources
from rung.knowledge.protocol import Fusion
from rung.knowledge.retrieval import KnowledgeEngine
from rung.knowledge.sync import SyncReport

__all__ = [
    "Chunking",
    "Fusion",
    "Gold",
    "Knowledge",
    "KnowledgeEngine",
    "ReadReport",
    "SyncReport",
    "build_example_index",
    "find_quote",
    "gold_passages",
    "read_sources",
    "stream_sources",
]
