"""Questions across all documents: each document is asked by itself, and the answers are put together into one (map-reduce).

Map: pieces of the readable documents are asked in turn, those that the search found first, within a `Budget` and a number of
asks. Reduce: one generation from what the pieces said, each note numbered, its number citing the piece that it is from.
What was not asked is counted (`Answer.documents_left_out`).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from rung.records import Answer, Message, Passage, Question, StrategySpec
from rung.records.gold import overlaps
from rung.records.steps import Conversation, Generate, GenerateResult, generate, search
from rung.strategies.citing import finish
from rung.strategies.history import Standalone
from rung.strategies.hop_budget import Budget, prompt_tokens
from rung.strategies.hopping import first_ranking
from rung.strategies.prompting import constraint, grounded, grounding, instruction, note_of_document
from rung.strategies.settings import Retrieval
from rung.text.refusals import REFUSAL, is_refusal
from rung.text.sentences import sentences
from rung.text.support import MARK

MAX_DOCUMENTS = 1_000  # that are listed: a corpus is counted as far as this
PIECE = 2_400  # characters that are asked at once: a longer document is asked in pieces
NOTE_TOKENS = 48


@dataclass(frozen=True, slots=True)
class Note:
    """What one piece has for the answer."""

    piece: Passage
    text: str


def answer_across(
    spec: StrategySpec, question: Question, asked: Standalone, budget: Budget, retrieval: Retrieval, *, asks: int
) -> Conversation[Answer]:
    """Ask at most so many pieces, as far as the budget reaches, and answer from what they said.

    Args:
        spec: how prompts are worded, and what the answer is held to.
        question: with its earlier turns, for the answer.
        asked: the same standing alone, for the search and the pieces.
        budget: searches and tokens; its reserve is the answer's.
        retrieval: of the search that says which documents come first.
        asks: the most pieces that are asked.
    """
    ranking = yield from first_ranking(asked, retrieval, budget)
    documents = (yield from search("", top=MAX_DOCUMENTS, everything=True)).passages
    pieces = list(by_rank(askable(documents, ranking), ranking))
    notes: list[Note] = []
    done = 0
    for piece in pieces[:asks]:
        step = Generate(note_of_document(spec, asked.text, piece), max_tokens=NOTE_TOKENS)
        response = yield from budget.generate(step)
        if response is None:
            break
        done += 1
        notes += noted(piece, response)
    room = retrieval.max_tokens or spec.answer_tokens
    read = min(budget.tokens, spec.context_tokens or budget.tokens)
    fitting = _fitting(spec, question, notes, read - room)
    answer = yield from _reduced(spec, question, fitting, room)
    unread = {piece.document for piece in pieces[done:]} | {note.piece.document for note in notes[len(fitting) :]}
    first = [note.piece for note in fitting]
    shown = tuple(dict.fromkeys([*first, *pieces[:done]]))
    ranked = (*shown, *pieces[done:])[: max(retrieval.candidates, len(shown))]
    return replace(answer, passages=shown, retrieved=ranked, documents_left_out=len(unread))


def askable(documents: Sequence[Passage], ranking: Sequence[Passage]) -> list[Passage]:
    """The pieces of the documents that were listed, and the passages that the search found in others, of a larger corpus."""
    listed = {document.document for document in documents}
    return [
        *(piece for document in documents for piece in pieces_of(document)),
        *(passage for passage in ranking if passage.document not in listed),
    ]


def pieces_of(document: Passage) -> Iterator[Passage]:
    """A document in pieces of at most `PIECE` characters, cut between sentences where there are any."""
    start = 0
    ends = [0, *(end for _, end in sentences(document.text))]
    whole = len(document.text.rstrip())
    while start < len(document.text):
        last = ends[bisect_right(ends, start + PIECE) - 1]
        end = last if last > start else start + PIECE
        if end >= whole:
            end = len(document.text)
        text = document.text[start:end]
        if text.strip():
            first = document.start + start
            line = document.line and document.line + document.text.count("\n", 0, start)
            name = f"{document.document}#{first}-{first + len(text)}"
            yield replace(document, id=name, start=first, end=first + len(text), text=text, line=line)
        start = end


def by_rank(pieces: Sequence[Passage], ranking: Sequence[Passage]) -> Iterator[Passage]:
    """The pieces that hold what the search found, best first; then the first piece of every other document, the second, and
    so on, so that many documents are asked before any is asked whole."""
    best: dict[str, int] = {}
    for rank, passage in enumerate(ranking):
        for piece in pieces:
            if overlaps(passage, piece):
                best.setdefault(piece.id, rank)
    count: dict[str, int] = {}
    keys: list[tuple[int, int, int]] = []
    for at, piece in enumerate(pieces):
        number = count[piece.document] = count.get(piece.document, -1) + 1
        keys.append((best.get(piece.id, len(ranking)), number, at))
    yield from (pieces[at] for *_, at in sorted(keys))


def noted(piece: Passage, response: GenerateResult) -> Iterable[Note]:
    """What a reply says of its piece: nothing where it is empty or refuses. Marks, of whatever number, are left out."""
    text = " ".join(MARK.sub("", response.text).split())
    return [] if not text or is_refusal(text) else [Note(piece, text)]


def _prompt(spec: StrategySpec, question: Question, notes: Sequence[Note]) -> tuple[Message, ...]:
    shown = [replace(note.piece, text=note.text) for note in notes]
    return grounded(instruction(spec), grounding(spec), question, shown, worked=spec.worked)


def _fitting(spec: StrategySpec, question: Question, notes: Sequence[Note], tokens: float) -> list[Note]:
    """The first notes whose prompt stays within so many tokens."""
    fitting = list(notes)
    while fitting and prompt_tokens(_prompt(spec, question, fitting)) > tokens:
        fitting.pop()
    return fitting


def _reduced(spec: StrategySpec, question: Question, notes: Sequence[Note], room: int) -> Conversation[Answer]:
    """One answer from the notes; where there are none and answers are words, a refusal, and no model is asked."""
    if not notes and not (spec.schema or spec.labels):
        return Answer(REFUSAL, REFUSAL, refused=True)
    step = Generate(_prompt(spec, question, notes), max_tokens=room, **constraint(spec))
    response = yield from generate(step)
    return finish(response, schema=spec.schema, shown=[note.piece for note in notes])
