"""The nouns: what Rung reads, answers and judges. Frozen, without I/O.

Reading them from files is left to `materials`; the steps of a conversation are in `steps`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Literal

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
Split = Literal["train", "dev", "test"]
Status = Literal["measured", "not_applicable", "failed"]


def plain(value: object) -> Json:
    """A record as JSON values: dataclasses become objects (empty fields kept), tuples and sets become lists."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (set, frozenset)):
        return [plain(v) for v in sorted(value, key=str)]
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    raise TypeError(f"{type(value).__name__} has no JSON form")


def canonical(value: object) -> str:
    """The one JSON text of a value: sorted keys, no spaces. Equal values have equal text."""
    return json.dumps(plain(value), sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def digest(*values: object) -> str:
    """SHA-256 over the canonical JSON of the values, as 64 hex characters: equal digest means equal thing."""
    return hashlib.sha256("\n".join(canonical(v) for v in values).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with a row or file, with its place. It is left out, or taken as the message says; the rest goes on."""

    path: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}" if self.line else f"{self.path}: {self.message}"


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of an OpenAI chat."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks. `groups` None means everything may be read (the project's owner, no access control asked for)."""

    groups: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """A source as read. `groups` empty means everybody may read it."""

    id: str
    text: str
    title: str = ""
    groups: tuple[str, ...] = ()
    meta: Mapping[str, Json] = field(default_factory=dict)
    source: str = ""

    @property
    def digest(self) -> str:
        """Changes when anything that a search can see changes."""
        return digest(self.id, self.text, self.title, sorted(self.groups), dict(self.meta), self.source)


@dataclass(frozen=True, slots=True)
class Passage:
    """Characters `start` to `end` (exclusive) of a document: the unit of retrieval and of citation.

    `page` (from 1; 0: the document has no pages) and `line` (from 1; 0: unknown) are where `start` stands. `parent` is the
    span of the larger passage that is shown in this one's place, where parent passages are on.
    """

    id: str
    document: str
    start: int
    end: int
    text: str
    title: str = ""
    source: str = ""
    score: float = 0.0
    groups: tuple[str, ...] = ()
    page: int = 0
    line: int = 0
    parent: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where the answer stands: characters `start` to `end` of a document."""

    document: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Question:
    """What a strategy sees of a case: the words asked, and earlier turns. Never the answers."""

    id: str
    text: str
    messages: tuple[Message, ...] = ()


@dataclass(frozen=True, slots=True)
class Case:
    """A question with its accepted answers and gold evidence: judges, and is never seen by a strategy."""

    id: str
    question: str
    answers: tuple[str, ...] = ()
    answerable: bool = True
    evidence: tuple[Evidence, ...] = ()
    gold_documents: tuple[str, ...] = ()
    split: Split = "test"
    groups: tuple[str, ...] | None = None  # the asker's groups ("as" in the file); None: no access control
    messages: tuple[Message, ...] = ()
    meta: Mapping[str, Json] = field(default_factory=dict)
    place: str = ""  # "cases/dev.jsonl:12", for errors

    def ask(self) -> Question:
        """The part of the case that a strategy may see."""
        return Question(id=self.id, text=self.question, messages=self.messages)

    @property
    def asker(self) -> Asker:
        """Who asks in this case."""
        return Asker(None if self.groups is None else frozenset(self.groups))


@dataclass(frozen=True, slots=True)
class Example:
    """An input with its wanted output, as an OpenAI chat that ends with the assistant: teaches behaviour."""

    id: str
    messages: tuple[Message, ...]
    source: str = ""
    licence: str = ""
    approved_by: str = ""
    meta: Mapping[str, Json] = field(default_factory=dict)
    place: str = ""

    @property
    def input(self) -> str:
        """The last user turn."""
        return next((m.content for m in reversed(self.messages[:-1]) if m.role == "user"), "")

    @property
    def output(self) -> str:
        """The assistant's last turn."""
        return self.messages[-1].content


@dataclass(frozen=True, slots=True)
class Citation:
    """Mark `n` of an answer, resolved to characters of a document."""

    mark: int
    document: str
    start: int
    end: int
    passage: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a strategy says, with what it saw.

    `text` is as said; `plain` is `text` without citation marks, the form that correctness judges.
    `retrieved` is the whole ranking, best first; `passages` those that were shown to the model, in order.
    """

    text: str
    plain: str = ""
    refused: bool = False
    citations: tuple[Citation, ...] = ()
    passages: tuple[Passage, ...] = ()
    retrieved: tuple[Passage, ...] = ()
    truncated: bool = False  # stopped by the token limit, not by the model


@dataclass(frozen=True, slots=True)
class Failure:
    """An answer that did not come: counts as a miss, and is shown."""

    error: str
    step: str = ""
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class Usage:
    """What the steps of one answer consumed. `usd` None: the price is unknown."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    steps: int = 0
    usd: float | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """One case answered by one strategy: exactly one of `answer` and `failure` is set."""

    case: str
    answer: Answer | None = None
    failure: Failure | None = None
    usage: Usage = Usage()


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over `n` cases with the ends of its 95 % interval; all None when n is 0."""

    mean: float | None
    low: float | None
    high: float | None
    n: int


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds of the live pass, one case at a time, uncached, in milliseconds; `steps` holds (p50, p95) by step kind."""

    p50: float
    p95: float
    n: int
    steps: Mapping[str, tuple[float, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Lost:
    """The cases of a rung that one layer lost, and the mean `correct` over all cases that mending it would add.

    `at_most`: nobody can know how much before it is tried; the number is then all that there is to gain.
    """

    layer: str
    cases: int
    wins_back: Estimate
    at_most: bool = True


@dataclass(frozen=True, slots=True)
class Bill:
    """What a rung costs in US dollars, part by part. A part that is None is unknown; a sum with such a part is None too.

    `once`: documents, examples, training, indexing. `monthly`: storage, retraining, re-indexing. `per_query`: inference.
    The sums take the stated traffic, and spread `once` over the stated months.
    """

    once: Mapping[str, float | None]
    monthly: Mapping[str, float | None]
    per_query: float | None
    per_month: float | None = None
    per_1k: float | None = None
    per_passed: float | None = None  # answer that passed, at least one half right

    @property
    def unknown(self) -> tuple[str, ...]:
        """The parts that nobody gave a price or a number for."""
        parts = {**self.once, **self.monthly, "inference": self.per_query}
        return tuple(name for name, usd in parts.items() if usd is None)


@dataclass(frozen=True, slots=True)
class RungResult:
    """One rung's line in the verdict. `reference` marks the arms that are measured but never chosen."""

    name: str
    settings: Mapping[str, Json]
    status: Status
    why: str = ""
    scores: Mapping[str, Estimate] = field(default_factory=dict)
    usd_per_1k: float | None = None
    latency: Latency | None = None
    build_seconds: float = 0.0
    answer_seconds: float = 0.0
    reference: bool = False
    order: int = 0  # place on the ladder, from the lowest
    bill: Bill | None = None
    losses: tuple[Lost, ...] = ()  # most to gain first
    answered: int = 0  # cases that it answered
    stopped: str = ""  # why it answered no more of them; "" where it answered all


@dataclass(frozen=True, slots=True)
class Difference:
    """Mean of (a − b) over the same cases, with its 95 % interval and the two-sided p of bootstrap and permutation test."""

    a: str
    b: str
    estimate: Estimate
    p: float


@dataclass(frozen=True, slots=True)
class Coverage:
    """What a verdict took: cases answered by all rungs and arms together, of those that all cases would have been.

    `error`: the chance, at most, that stopping some early changed the choice (0: nothing was stopped). `partial`: why the
    comparison ended before its time, "" where it did not. `searched`: how settings were searched, "" where they were not.
    """

    answers: int = 0
    exhaustive: int = 0
    error: float = 0.0
    partial: str = ""
    searched: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to use and why. `winner` is None when no rung could be measured or none keeps the hard limits."""

    winner: str | None
    clears_bar: bool
    reason: str
    gaps: Mapping[str, Estimate]
    rungs: tuple[RungResult, ...]
    rejected: Mapping[str, str] = field(default_factory=dict)  # rung -> why not
    differences: tuple[Difference, ...] = ()  # each candidate against the best
    warnings: tuple[str, ...] = ()
    executed: int = 0
    replayed: int = 0
    cases: int = 0
    main_metric: str = "correct"
    knowledge_version: int = 0  # of the index that every rung saw; 0: there are no documents
    front: tuple[str, ...] = ()  # rungs that no other is better than in quality, cost and latency together
    flips: tuple[str, ...] = ()  # what would change the choice, in words
    looks: int = 0  # how often these test cases have judged a changed configuration, this time included; 0: not counted
    clusters: int = 0  # groups of cases that share a document; 0: every case stands for itself
    coverage: Coverage = Coverage()

    def why_not(self, rung: str) -> str:
        """Why this rung was not chosen.

        Raises:
            KeyError: no rung of that name was weighed.
        """
        if rung == self.winner:
            return f"{rung} is the choice: {self.reason}"
        return self.rejected[rung]
