"""What serving keeps of documents that are gone or were changed: texts of traces, and differences that cite them.

A trace loses all its texts when a passage in it stands in no document any more; when, how long and at what cost stays. A
difference goes when a document that either answer cites is gone. Remarks stay: people wrote them.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rung.config.project import Project
from rung.dataset.detectors import detector_of
from rung.dataset.redaction import Detector, redacted
from rung.erasure.served import Served, is_of_document
from rung.records import Json

if TYPE_CHECKING:
    from rung.state.database import State

_CHUNK = 200


@dataclass(frozen=True, slots=True)
class Stale:
    """Ids of traces whose texts show what is gone, and numbers of differences that cite it."""

    traces: tuple[str, ...] = ()
    differences: tuple[int, ...] = ()


def stale_in(project: Project, texts: Mapping[str, str]) -> Stale:
    """What is stale. `texts`: the text of each document that there is.

    Raises:
        UserError: the database cannot be used.
    """
    with Served(project).opened() as state:
        if state is None:
            return Stale()
        detector = detector_of(project.settings.detector)
        return Stale(tuple(_traces(state, texts, detector)), tuple(_differences(state, texts)))


def end_stale(project: Project, stale: Stale) -> None:
    """Take the texts of these traces away, and remove these differences.

    Raises:
        UserError: the database cannot be used.
    """
    with Served(project).opened() as state:
        if state is None or not (stale.traces or stale.differences):
            return
        from rung.state.tables import differences, traces

        with state.writing() as connection:
            for id in stale.traces:
                body = connection.scalar(traces.select().with_only_columns(traces.c.body).where(traces.c.id == id))
                if body is not None:
                    spans = [{**span, "content": None} for span in _spans(body)]
                    packed = zlib.compress(json.dumps(spans, separators=(",", ":")).encode(), level=1)
                    connection.execute(traces.update().where(traces.c.id == id).values(body=packed, has_content=False))
            for number in stale.differences:
                connection.execute(differences.delete().where(differences.c.number == number))
        Served(project).rewrite(state, ("traces", "differences"))


def _traces(state: State, texts: Mapping[str, str], detector: Detector) -> Iterator[str]:
    from rung.state.tables import traces

    query = traces.select().with_only_columns(traces.c.id, traces.c.body).where(traces.c.has_content)
    with state.reading() as connection:
        for row in connection.execution_options(yield_per=_CHUNK).execute(query):
            if any(_is_gone(passage, texts, detector) for span in _spans(row.body) for passage in _passages(span)):
                yield row.id


def _differences(state: State, texts: Mapping[str, str]) -> Iterator[int]:
    from rung.state.tables import differences

    with state.reading() as connection:
        for row in connection.execution_options(yield_per=_CHUNK).execute(differences.select()):
            if any(id not in texts for answer in (row.old, row.new) for id in _cited(answer)):
                yield row.number


def _spans(body: bytes) -> list[dict[str, Any]]:
    spans: list[dict[str, Any]] = json.loads(zlib.decompress(body))
    return spans


def _passages(span: Mapping[str, Any]) -> Iterator[tuple[str, int, int, str]]:
    """(document, start, end, text as it was kept) of each passage whose text stands in a span."""
    from rung.tracing.conventions import RETRIEVAL_DOCUMENTS, TEXTS

    kept_texts = (span.get("content") or {}).get(TEXTS) or {}
    for one in span.get("attributes", {}).get(RETRIEVAL_DOCUMENTS) or ():
        if (text := kept_texts.get(one["id"])) is not None and is_of_document(one):
            yield one["document"], one["start"], one["end"], text


def _is_gone(passage: tuple[str, int, int, str], texts: Mapping[str, str], detector: Detector) -> bool:
    document, start, end, text = passage
    now = texts.get(document)
    if now is None:
        return True
    piece = now[start:end]
    return not (piece.startswith(text) or redacted(piece, detector)[0].startswith(text))


def _cited(answer: Json) -> Sequence[str]:
    documents = answer.get("documents") if isinstance(answer, dict) else None
    return [str(id) for id in documents] if isinstance(documents, list) else []
