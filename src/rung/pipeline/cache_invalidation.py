"""The memory of steps forgets passages that the index holds no longer, and what was made of them.

The index itself is left to `knowledge`. A verdict that was published keeps what it showed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from rung.records import Document, Passage
from rung.runtime.cache import StepCache

if TYPE_CHECKING:
    from rung.knowledge import Knowledge

log = logging.getLogger(__name__)

_NOTE = "compared with the index"
Documents = Callable[[Sequence[str]], Iterable[Document]]


def invalidate(store: StepCache, knowledge: Knowledge) -> int:
    """Make the memory of steps hold no text that no document holds any more. Returns how many results went.

    It compares with the index as it is, so it does not matter who deleted what, on which machine, or what was interrupted.
    """
    if store.noted("knowledge", _NOTE) == knowledge.content:
        return 0
    gone = forget_gone(store, knowledge.documents)
    store.note("knowledge", _NOTE, knowledge.content)
    return gone


def look_again(store: StepCache) -> None:
    """Have the next `invalidate` compare, whatever was compared before: the memory takes in passages of an old version."""
    store.note("knowledge", _NOTE, "")


def forget_gone(store: StepCache, documents: Documents) -> int:
    """What `invalidate` does, whatever was compared before. `documents`: those of these ids."""
    stale = [key for some in store.passages() for key in _stale(some, documents)]
    gone = store.forget(stale)
    if stale:
        log.info("%d passages are in no document any more; %d results that they went into were forgotten", len(stale), gone)
    return gone


def _is_of_document(passage: Passage) -> bool:
    """Whether it is a document's: these are named by their span. Those of an index of examples, which is none, are not."""
    return passage.id.startswith(f"{passage.document}#")


def is_gone(passage: Passage, text_of: Callable[[str], str | None]) -> bool:
    """Whether a passage of a document is not in it any more. `text_of`: a document's text by id, None where it is gone."""
    return _is_of_document(passage) and (text_of(passage.document) or "")[passage.start : passage.end] != passage.text


def _stale(some: Sequence[tuple[str, Passage]], documents: Documents) -> list[str]:
    ours = [(key, passage) for key, passage in some if _is_of_document(passage)]
    texts = {d.id: d.text for d in documents(sorted({passage.document for _, passage in ours}))}
    return [key for key, passage in ours if is_gone(passage, texts.get)]
