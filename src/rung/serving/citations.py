"""Citations as clients are told them: where they stand in the answer, what they quote, and a page that opens there."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

from rung.knowledge.chunking.code import is_source_code
from rung.records import Answer, Citation, Json, Passage
from rung.serving.answered import Answered
from rung.text.left_out import counts_left_out
from rung.text.support import MARK


def place_url(base: str, document: str, start: int, end: int) -> str:
    """A page of this server that shows a document's text and opens at these characters."""
    return f"{base.rstrip('/')}/documents/{quote(document, safe='')}?start={start}&end={end}#place"


def cited_rows(answered: Answered, base: str) -> list[Json]:
    """Each citation that may be read: document, span, page, line and quote."""
    return [_row(citation, _shown(citation, answered.answer), base) for citation in answered.cited]


def url_citations(answered: Answered, base: str) -> list[dict[str, Json]]:
    """For every place of the answer that cites, a mark such as [1] or a quote in JSON, where it stands and what it opens."""
    return list(_url_citations(answered, base))


def own_field(answered: Answered, base: str) -> dict[str, Json]:
    """What the APIs have no place for: the field `rung` of an answer."""
    answer, deployment = answered.answer, answered.asked.deployment
    entry: dict[str, Json] = {
        "strategy": deployment.pinned.label,
        "digest": deployment.digest,
        "by": answer.by or None,
        "refused": answer.refused,
        "as_measured": answered.as_measured,
        "citations": cited_rows(answered, base),
    }
    if answered.is_cached:
        entry["cached"] = True
    if answer.memory_failed:
        entry["memory_failed"] = True
    if answered.ended.live.cut_prompts:
        entry["prompt_cut"] = True
    return entry | counts_left_out(answer)


def _row(citation: Citation, shown: Passage | None, base: str) -> Json:
    quoted = "" if shown is None else shown.between(citation.start, citation.end)
    return {
        "mark": citation.mark,
        "document": citation.document,
        "title": shown.title if shown else "",
        "source": shown.source if shown else "",
        "span": [citation.start, citation.end],
        "page": (shown.page or None) if shown else None,
        "line": (shown.line_at(citation.start) or None) if shown else None,
        "quote": quoted,
        "url": place_url(base, citation.document, citation.start, citation.end),
    }


def _url_citations(answered: Answered, base: str) -> Iterator[dict[str, Json]]:
    text, by_mark = answered.answer.text, {c.mark: c for c in answered.cited}
    marked = False
    for match in MARK.finditer(text):
        for number in dict.fromkeys(int(n) for n in match[1].split(",")):
            if number in by_mark:
                marked = True
                start = match.start() + len(match[0]) - len(match[0].lstrip())
                yield _annotation(by_mark[number], answered.answer, (start, match.end()), base)
    if marked:
        return
    for citation in answered.cited:  # quotes in a form of the project's own
        shown = _shown(citation, answered.answer)
        quoted = shown.between(citation.start, citation.end) if shown else ""
        at = text.find(quoted) if quoted else -1
        yield _annotation(citation, answered.answer, (at, at + len(quoted)) if at >= 0 else (0, len(text)), base)


def _annotation(citation: Citation, answer: Answer, where: tuple[int, int], base: str) -> dict[str, Json]:
    shown = _shown(citation, answer)
    return {
        "start_index": where[0],
        "end_index": where[1],
        "title": (_title(shown, citation.start) if shown else "") or citation.document,
        "url": place_url(base, citation.document, citation.start, citation.end),
    }


def _title(shown: Passage, character: int) -> str:
    """What a citation is called: in source code by file and line, elsewhere by title."""
    source = shown.source or shown.document
    return shown.location_at(character) if is_source_code(source) else shown.title or shown.source


def _shown(citation: Citation, answer: Answer) -> Passage | None:
    return next((p for p in answer.passages if p.id == citation.passage), None)
