"""What a conversation takes at most, told without a model. A rung is plain code that yields steps, so it is driven by hand.

Searches get the longest pieces of the project's documents that a passage may be, models speak until their limit ends them:
as an answer, as a call of a tool, as a refusal, whichever takes most. Beside that stands what is likely: answers of the
length that the project shows, pieces as they come. What tools answer is not known, and counts as `TOOL_TOKENS` a turn.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import mean

from rung.config.project import Project
from rung.models.catalog import GENERATOR
from rung.models.reranking import grading
from rung.pipeline.counting import Sizes, likely_tokens
from rung.records import Case, Document, Passage
from rung.records.steps import (
    CallTool,
    CallToolResult,
    Classify,
    ClassifyResult,
    Conversation,
    Generate,
    GenerateResult,
    Rerank,
    Result,
    Search,
    SearchResult,
    Step,
)
from rung.strategies.prompting import expected_output
from rung.strategies.protocol import ChunkedIndex, ExampleIndex, Materials, Need
from rung.text.refusals import REFUSAL

TOOL_TOKENS = 512  # of what the calls of one turn are answered with
MAX_STEPS = 400  # a conversation that goes on for longer is not rehearsed to its end
GROUPS = 16  # cases are rehearsed by the longest of each of so many groups of like length
SAMPLE = 5  # cases by which the likely is told
SAID = 30  # tokens of an answer where the project shows none
_UNIT = re.compile(r"(?:[\u2e80-\u9fff\uac00-\ud7af\uff00-\uffef]{1,2}|[^\s\u2e80-\u9fff\uac00-\ud7af\uff00-\uffef]+)\s*")
_HEADING = re.compile(r"^(#{1,6})[ \t]+(.*)$", re.MULTILINE)
_HEAD_ROW = re.compile(r"^\|.*\|[ \t]*$", re.MULTILINE)
_REPEATED = 1.3  # characters of all passages of a document for each of its own: neighbours share an overlap


@dataclass(frozen=True, slots=True)
class Use:
    """Generations, and the tokens that they read and wrote."""

    calls: int = 0
    prompt: int = 0
    completion: int = 0

    def __add__(self, other: Use) -> Use:
        return Use(self.calls + other.calls, self.prompt + other.prompt, self.completion + other.completion)

    def times(self, n: float) -> Use:
        """So many of it."""
        return Use(round(self.calls * n), round(self.prompt * n), round(self.completion * n))


def least(uses: Sequence[Use]) -> Use:
    """Of each number the smallest."""
    return Use(*(min(column) for column in zip(*((u.calls, u.prompt, u.completion) for u in uses), strict=True)))


def most(uses: Sequence[Use]) -> Use:
    """Of each number the largest."""
    return Use(*(max(column) for column in zip(*((u.calls, u.prompt, u.completion) for u in uses), strict=True)))


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What all cases take at most, what one of them does, and what all likely take."""

    whole: Use
    each: Use
    likely: Use


NO_PASSAGE = Passage(id="", document="", start=0, end=0, text="")  # where no document has any
REHEARSED = "rehearsed "  # before the place of a need: the digest of what is not built
WAYS = ("answers", "calls", "refuses")
Make = Callable[[Case], Conversation[object]]


@dataclass(frozen=True)
class Stage:
    """What is at hand to rehearse with. `context`: tokens that the model reads, as far as that is known."""

    project: Project
    materials: Materials
    documents: Sequence[Document]
    sizes: Sizes
    shown: Sequence[str] = ()  # answers as the project shows them

    def of(
        self, make: Make, cases: Sequence[Case], needs: Sequence[Need] = (), *, ways: Sequence[str] = WAYS
    ) -> Rehearsed | None:
        """What these cases take; None where a conversation cannot be rehearsed to its end. `ways`: in which models speak."""
        if not cases:
            return Rehearsed(Use(), Use(), Use())
        whole, each = Use(), Use()
        for longest, count in self._groups(cases):
            tried = [self._driven(make(longest), needs, way) for way in ways]
            if not all(is_whole for _, is_whole in tried):
                return None
            one = most([use for use, _ in tried])
            whole, each = whole + one.times(count), most([each, one])
        some = cases[:: max(1, len(cases) // SAMPLE)][:SAMPLE]
        uses = [self._driven(make(case), needs, "likely")[0] for case in some]
        # where tokens are counted as the model counts, four characters each may come to more than there can be
        return Rehearsed(whole, each, least([whole, _mean(uses).times(len(cases))]))

    def begun(self, conversation: Conversation[object], needs: Sequence[Need] = ()) -> Use:
        """What a conversation takes as far as it can be rehearsed."""
        return self._driven(conversation, needs, "answers")[0]

    def pieces(self, top: int, tokens: int, documents: frozenset[str] | None = None) -> tuple[Passage, ...]:
        """The longest passages that a search may find, of these documents only where they are named."""
        key = (top, tokens, documents)
        if key not in self._pieces:
            longest: list[tuple[int, Passage]] = []
            for document in self.documents:
                if documents is None or document.id in documents:
                    longest += self._longest_of(document, tokens, top)
            longest.sort(key=lambda one: -one[0])
            self._pieces[key] = tuple(replace(passage, id=f"{n}") for n, (_, passage) in enumerate(longest[:top]))
        return self._pieces[key]

    def _groups(self, cases: Sequence[Case]) -> Iterator[tuple[Case, int]]:
        """(the longest case, how many are as long at most) of each group."""

        def weight(case: Case) -> int:
            asked = sum(self.sizes.count(m.content) for m in case.messages) + self.sizes.count(case.question)
            gold = (self.sizes.count(p.text) for p in self.materials.gold.get(case.id, ()))
            return asked + sum(gold) + sum(map(self.sizes.count, case.answers))

        by_weight = sorted(cases, key=weight)
        size = -(-len(by_weight) // GROUPS)
        for end in range(len(by_weight), 0, -size):
            some = by_weight[max(0, end - size) : end]
            yield some[-1], len(some)

    def _driven(self, conversation: Conversation[object], needs: Sequence[Need], way: str) -> tuple[Use, bool]:
        """(what it took, whether it came to its end)."""
        use, likely = Use(), way == "likely"
        try:
            step = next(conversation)
            for _ in range(MAX_STEPS):
                use = use + self._taken(step, likely=likely)
                step = conversation.send(self._result(step, needs, way))
        except StopIteration:
            return use, True
        except Exception:
            return use, False
        return use, False

    def _taken(self, step: Step, *, likely: bool) -> Use:
        if isinstance(step, Generate):
            if not likely:
                return Use(1, self.sizes.prompt(step.messages), step.max_tokens)
            read = sum(likely_tokens(m.content) + 5 for m in step.messages)
            return Use(1, read, min(self._usual, step.max_tokens))
        if isinstance(step, Rerank) and self.project.settings.reranker == GENERATOR:
            asked = [grading(step, number) for number in range(len(step.passages))]
            return sum((self._taken(one, likely=likely) for one in asked), Use())
        return Use()

    def _result(self, step: Step, needs: Sequence[Need], way: str) -> Result:
        match step:
            case Search():
                return SearchResult(self._results(step, needs, likely=way == "likely"))
            case Rerank():
                return SearchResult(step.passages[: step.top])
            case Generate():
                return GenerateResult(self._response(step, way))
            case Classify():
                return ClassifyResult(step.labels[0] if step.labels else "")
            case CallTool():
                return CallToolResult("" if way == "likely" else words(TOOL_TOKENS))

    def _response(self, step: Generate, way: str) -> str:
        if step.choices:
            return max(step.choices, key=len)
        if way == "likely":
            return self.shown[0] if self.shown else "an answer"
        if way == "refuses":
            return REFUSAL
        if way == "judges":
            return f"{words(max(0, step.max_tokens - 8))} Grade: 3 Better: tie"
        if way == "calls" and self.materials.tools:
            call = f"<tool_call>{json.dumps({'name': self.materials.tools[0].name, 'arguments': {}})}</tool_call>"
            return f"{words(max(0, step.max_tokens - self.sizes.count(call)))} {call}"
        return words(step.max_tokens)

    def _results(self, step: Search, needs: Sequence[Need], *, likely: bool) -> tuple[Passage, ...]:
        number = int(step.index.removeprefix(REHEARSED)) if step.index.startswith(REHEARSED) else None
        need = None if number is None else needs[number]
        if isinstance(need, ExampleIndex):
            texts = [text for _, text in need.texts]
            chosen = texts if likely else sorted(texts, key=self.sizes.count, reverse=True)
            return tuple(_passage(str(n), text) for n, text in enumerate(chosen[: step.top]))
        if step.everything:
            return tuple(_passage(d.id, d.text, d.title) for d in self.documents)
        settings = self.project.settings.knowledge
        tokens = (
            need.parent_tokens or need.tokens
            if isinstance(need, ChunkedIndex)
            else settings.parent_tokens or settings.chunk_tokens
        )
        if not likely:
            return self.pieces(step.top, tokens)
        size = 4 * tokens
        texts_of = (d.text[at : at + size] for d in self.documents for at in range(0, len(d.text), size))
        return tuple(_passage(str(n), text) for n, text in zip(range(step.top), texts_of, strict=False))

    @cached_property
    def _usual(self) -> int:
        """Tokens of an answer as the project shows them."""
        return round(mean(map(likely_tokens, self.shown))) if self.shown else SAID

    @cached_property
    def _longest(self) -> dict[tuple[str, int], tuple[int, Passage, int]]:
        return {}

    @cached_property
    def _pieces(self) -> dict[tuple[int, int, frozenset[str] | None], tuple[Passage, ...]]:
        return {}

    def _longest_of(self, document: Document, tokens: int, top: int) -> list[tuple[int, Passage]]:
        """The longest piece of a document that has so many of the embedder's tokens, as often as it may have such pieces.

        Each word is a token at least, so a passage has no more words than tokens.
        """
        key = (document.id, tokens)
        if key not in self._longest:
            self._longest[key] = self._heaviest(document, tokens)
        heaviest, passage, whole = self._longest[key]
        count = min(top, max(1, -(-int(_REPEATED * whole) // max(1, heaviest))))
        return [(heaviest + self.sizes.count(passage.title), passage)] * count

    def _heaviest(self, document: Document, tokens: int) -> tuple[int, Passage, int]:
        """(tokens of the longest piece, the piece, tokens of the whole document)."""
        import numpy as np

        units = _UNIT.findall(document.text)
        upto = np.concatenate([[0], np.cumsum([self._weights[unit] for unit in units], dtype=np.int64)])
        length = min(tokens, len(units))
        at = int((upto[length:] - upto[: len(upto) - length]).argmax())
        piece = "".join(units[at : at + length])
        return int(upto[at + length] - upto[at]), _passage(document.id, piece, _title(document)), int(upto[-1])

    @cached_property
    def _weights(self) -> _Weights:
        return _Weights(self.sizes.count)


def _mean(uses: Sequence[Use]) -> Use:
    columns = zip(*((u.calls, u.prompt, u.completion) for u in uses), strict=True)
    return Use(*(round(mean(column)) for column in columns))


class _Weights(dict[str, int]):
    """Tokens of words, each counted once."""

    def __init__(self, count: Callable[[str], int]) -> None:
        super().__init__()
        self._count = count

    def __missing__(self, word: str) -> int:
        self[word] = weight = self._count(word)
        return weight


def answers_shown(materials: Materials, cases: Sequence[Case]) -> list[str]:
    """Answers as the project shows them; those of the judging cases tell only how long answers are."""
    outputs = [example.output for example in materials.examples[:50]]
    rows = (*materials.lessons[:50], *cases[:50])
    expected = (expected_output(case, materials.schema, materials.labels) for case in rows)
    return outputs + [text for text in expected if text]


def _title(document: Document) -> str:
    """What stands above a passage at most: the document's title, its longest heading of each level, its longest head row."""
    levels: dict[int, str] = {}
    for mark, text in _HEADING.findall(document.text):
        levels[len(mark)] = max(levels.get(len(mark), ""), text.strip(), key=len)
    row = max(_HEAD_ROW.findall(document.text), key=len, default="")
    return " › ".join(part for part in (document.title, *(levels[n] for n in sorted(levels)), row) if part)


def words(tokens: int) -> str:
    """A text of so many tokens, however they are counted."""
    return " ".join(["aa"] * tokens)


def _passage(id: str, text: str, title: str = "") -> Passage:
    return Passage(id=id, document=id, start=0, end=len(text), text=text, title=title)
