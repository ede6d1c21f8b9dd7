"""What Rung reads and answers: documents, cases, examples, questions, answers. Frozen, without I/O."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from rung.records.values import Json, digest

Split = Literal["train", "dev", "test"]


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with a row or file, with its place. It is left out, or taken as the message says; the rest goes on."""

    path: str
    line: int
    message: str

    @classmethod
    def at(cls, location: str, message: str) -> Problem:
        """Of a case or an example, whose `place` is its "file:line"."""
        path, _, line = location.rpartition(":")
        return cls(path, int(line or 0), message)

    def __str__(self) -> str:
        path = self.path.replace("\n", "\\n")  # a file may be called so, and must not begin a line of a list
        return f"{path}:{self.line}: {self.message}" if self.line else f"{path}: {self.message}"


@dataclass(frozen=True, slots=True)
class Dropped:
    """Parts of a file that a rule leaves out of its document: `what` they are, in the plural ("hidden rows"), how many."""

    path: str
    what: str
    count: int

    def __str__(self) -> str:
        return f"{self.path}: left out: {self.what} ({self.count:,})"


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of an OpenAI chat."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks. `groups` None means everything may be read (the project's owner, no access control asked for)."""

    groups: frozenset[str] | None = None

    def may_read(self, readers: Iterable[str]) -> bool:
        """Whether what is for these groups, none being everybody, is for this asker."""
        some = set(readers)
        return self.groups is None or not some or not some.isdisjoint(self.groups)


@dataclass(frozen=True, slots=True)
class Document:
    """A source as read. `groups` empty means everybody may read it.

    `source` is shown with citations, and a row may name its own; `origin` is the path of the file that it was read from, ""
    where that is the source.
    """

    id: str
    text: str
    title: str = ""
    groups: tuple[str, ...] = ()
    meta: Mapping[str, Json] = field(default_factory=dict)
    source: str = ""
    origin: str = field(default="", compare=False)

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

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Passage:
        """The record whose `plain` form this is.

        Raises:
            KeyError, TypeError: it is none.
        """
        parent = tuple(row["parent"]) if row.get("parent") else None
        return cls(**{**row, "groups": tuple(row["groups"]), "parent": parent})

    def between(self, start: int, end: int) -> str:
        """Its text from one character of the document to another, as far as it holds them."""
        return self.text[max(0, start - self.start) : max(0, end - self.start)]

    def location_at(self, character: int) -> str:
        """Where a character of the document stands that it holds: `file:line`, in a document with pages its page."""
        name, line = self.source or self.document, self.line_at(character)
        return f"{name} p. {self.page}" if self.page else f"{name}:{line}" if line else name

    def line_at(self, character: int) -> int:
        """The line on which a character of the document stands that it holds; 0: unknown."""
        return self.line + self.text.count("\n", 0, max(0, character - self.start)) if self.line else 0


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
class ToolCall:
    """A call of a tool, as it was made or as it should be. `arguments` and `value` are JSON text, "" where nothing is said.

    `failed`: the tool refused the call, or broke.
    """

    name: str
    arguments: str = "{}"
    value: str = ""
    failed: bool = False

    def as_written(self) -> dict[str, Json]:
        """As a row of cases has it: `name`, and `arguments` and `result` where something is said."""
        more = {"arguments": self.arguments, "result": self.value}
        return {"name": self.name, **{key: json.loads(text) for key, text in more.items() if text}}


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
    calls: tuple[ToolCall, ...] = ()  # those that an answer takes

    def ask(self) -> Question:
        """The part of the case that a strategy may see."""
        return Question(id=self.id, text=self.question, messages=self.messages)

    @property
    def asker(self) -> Asker:
        """Who asks in this case."""
        return Asker(None if self.groups is None else frozenset(self.groups))


@dataclass(frozen=True, slots=True)
class Example:
    """An input with its wanted output, as an OpenAI chat that ends with the assistant: teaches behaviour.

    A person who wrote it is its `author`, a model that did is in `generated_by`. `tools` is the JSON text of the functions
    that the assistant may call, "" for none; a call is part of a message's text (`rung.dataset.chat_tools`).
    """

    id: str
    messages: tuple[Message, ...]
    source: str = ""
    licence: str = ""
    author: str = ""
    generated_by: str = ""
    approved_by: str = ""
    approved_at: str = ""  # a date or time, ISO 8601
    tools: str = ""
    meta: Mapping[str, Json] = field(default_factory=dict)
    place: str = ""

    @property
    def digest(self) -> str:
        """Of what is taught, the tools with it: an approval is of this digest, and ends when the row is changed."""
        return digest(self.messages, self.tools)

    @property
    def input(self) -> str:
        """The last user turn."""
        return next((m.content for m in reversed(self.messages[:-1]) if m.role == "user"), "")

    @property
    def output(self) -> str:
        """The assistant's last turn."""
        return self.messages[-1].content


@dataclass(frozen=True, slots=True)
class Pair:
    """A question (anchor) and a text that answers it, with texts that do not: teaches a retriever."""

    anchor: str
    positive: str
    negatives: tuple[str, ...] = ()
    place: str = ""


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """What a model is told of a tool that it may call. `parameters` is a JSON Schema, as text."""

    name: str
    description: str
    parameters: str


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
    `retrieved` is the whole ranking, best first; `passages` those that were shown to the model, in order. `by` is the label
    of the rung that answered, where a router chose one.
    """

    text: str
    plain: str = ""
    refused: bool = False
    citations: tuple[Citation, ...] = ()
    passages: tuple[Passage, ...] = ()
    retrieved: tuple[Passage, ...] = ()
    truncated: bool = False  # stopped by the token limit, not by the model
    by: str = ""
    calls: tuple[ToolCall, ...] = ()  # of tools, in order
    turns_left_out: int = 0  # the oldest, of a conversation that is longer than the model reads
    documents_left_out: int = 0  # that were to be asked, and were not for want of budget
    memory_failed: bool = False  # a memory of answers could not be searched, so another rung answered

    @property
    def seen(self) -> frozenset[str]:
        """The documents that were found for it."""
        return frozenset(passage.document for passage in (*self.passages, *self.retrieved))


@dataclass(frozen=True, slots=True)
class Failure:
    """An answer that did not come: counts as a miss, and is shown.

    `excess`: tokens by which prompt and answer went over what the model reads, negative where nobody said how many; 0: that
    was not why. `usage`: what a model consumed that answered, and whose answer is none (reasoning without an end, a text
    that left the labels): a host charges for it all the same. None: nothing was consumed, or nobody knows what.
    """

    error: str
    step: str = ""
    attempt: int = 1
    excess: int = field(default=0, compare=False)
    usage: Usage | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Usage:
    """What the steps of one answer consumed. `usd` None: the price is unknown.

    `cut_prompts`: steps whose prompt a server cut without a word. `cached_tokens`: of the prompts', those that a server had
    in its cache. `estimated`: steps whose tokens no server counted. `a + b`, and `sum(usages, Usage())`: what all consumed
    together; the price is unknown where that of one is, but for those that took no step and no token.
    """

    prompt_tokens: int = 0
    completion_tokens: int = 0
    steps: int = 0
    usd: float | None = None
    cut_prompts: int = 0
    cached_tokens: int = 0
    estimated: int = 0

    def __add__(self, other: Usage) -> Usage:
        if not other._is_something:
            return self
        if not self._is_something:
            return other
        counts = {f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(Usage) if f.name != "usd"}
        return Usage(**counts, usd=None if self.usd is None or other.usd is None else self.usd + other.usd)

    @property
    def _is_something(self) -> bool:
        return bool(self.steps or self.prompt_tokens or self.completion_tokens)


@dataclass(frozen=True, slots=True)
class Outcome:
    """One case answered by one strategy: exactly one of `answer` and `failure` is set."""

    case: str
    answer: Answer | None = None
    failure: Failure | None = None
    usage: Usage = Usage()
