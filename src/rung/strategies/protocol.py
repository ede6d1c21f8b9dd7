"""The extension point: what a rung is.

A rung is a class with a name, a settings record, `plan` (may it be tried on these materials, and what must be built first),
`make` (the strategy of a `StrategySpec`, without materials) and `answer` (the conversation). Registering it is one line in
`registry`, or an entry point in the group `rung.strategies`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import ClassVar, Generic, Protocol, Self, TypeVar

from rung.records import Answer, Asker, Case, Example, Json, Message, Pair, Passage, Question, StrategySpec, ToolSpec
from rung.records.steps import Conversation
from rung.strategies.settings import read, shown

S = TypeVar("S")
BEFORE: Mapping[str, Json] = {"history": "none"}  # settings that came later, as every answer was made before


@dataclass(frozen=True, slots=True)
class Materials:
    """What a rung may know of a project. No case that judges is in here.

    `lessons` are the cases of split "train"; `clicks`, cases as well, and `pairs` teach retrieval only. `dev` are the cases
    of split "dev": what is built may be tried, compared and adjusted by them; they are never learnt. `dev_apart` are those
    that repeat no case that judges, `dev_open` the ids of those whose answer everybody may read.
    `corpus_tokens` None: the project has no documents. `gold` (question id -> passages that bear the answer, best first)
    holds the lessons' for everybody; for the reference arm `oracle` also what it is shown of the judging cases' gold.
    """

    task: str
    schema: str = ""  # canonical JSON text, "" if the project has none
    labels: tuple[str, ...] = ()
    examples: tuple[Example, ...] = ()
    lessons: tuple[Case, ...] = ()
    corpus_tokens: int | None = None
    passages: int = 0
    context_tokens: int = 8192
    limit_tokens: int = 0  # the same where the project says it; 0: nobody said
    trainable: bool = True  # the project's model can be tuned here
    reranker: bool = True  # the project names one
    seed: int = 0
    gold: Mapping[str, tuple[Passage, ...]] = field(default_factory=dict)
    tools: tuple[ToolSpec, ...] = ()
    answer_tokens: int = 128  # room for an answer, from the lengths of examples and lessons
    pairs: tuple[Pair, ...] = ()
    clicks: tuple[Case, ...] = ()
    dev: tuple[Case, ...] = ()
    dev_apart: tuple[Case, ...] = ()
    dev_open: frozenset[str] = frozenset()

    @property
    def has_documents(self) -> bool:
        """Whether there is anything to retrieve."""
        return self.corpus_tokens is not None

    def spec(self, rung: str, settings: object, *, worked: tuple[Message, ...] = ()) -> StrategySpec:
        """What a rung with these settings (its record) takes to answer; `worked`: turns shown before every question."""
        return StrategySpec(
            rung,
            shown(settings),
            task=self.task,
            schema=self.schema,
            labels=self.labels,
            has_documents=self.has_documents,
            tools=self.tools,
            worked=worked,
            answer_tokens=self.answer_tokens,
            seed=self.seed,
            context_tokens=self.limit_tokens,
        )


class PromptInputs(Protocol):
    """What prompts are worded from: `Materials` where they teach, a `StrategySpec` where they serve."""

    @property
    def task(self) -> str: ...

    @property
    def schema(self) -> str: ...

    @property
    def labels(self) -> tuple[str, ...]: ...

    @property
    def has_documents(self) -> bool: ...

    @property
    def answer_tokens(self) -> int: ...


@dataclass(frozen=True, slots=True)
class ExampleIndex:
    """Need: the examples' inputs, searchable. The artifact's digest is what `Search.index` names."""

    texts: tuple[tuple[str, str], ...]  # (text to embed, text that the passage carries)


@dataclass(frozen=True, slots=True)
class Lesson:
    """One training chat in the making: a conversation, so that training sees the prompts and the search that serve."""

    asker: Asker
    talk: Callable[[], Conversation[Example | None]]  # None: nothing to be learnt from it


@dataclass(frozen=True, slots=True)
class Adapter:
    """Need: LoRA weights taught by `lessons`. `recipe` holds the trainer's settings; what is left out is its default."""

    lessons: tuple[Lesson, ...]
    recipe: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ChunkedIndex:
    """Need: the documents cut in another way than the project's, searchable. The digest is what `Search.index` names."""

    tokens: int
    overlap: int
    parent_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Labelled:
    """A text with its label. `place` ("examples.jsonl:3") and `id` say which row it is, and teach nothing."""

    text: str
    label: str
    place: str = ""
    id: str = ""


@dataclass(frozen=True, slots=True)
class Labelling:
    """Need: a classifier taught by `rows`. The digest is what `Classify.model` names. `recipe` as for `Adapter`."""

    rows: tuple[Labelled, ...]
    labels: tuple[str, ...]
    recipe: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Member:
    """Another rung of the project, built: what a rung made of others may hand a question on to.

    `identity` is the digest of its settings and artifacts.
    """

    label: str
    spec: StrategySpec
    strategy: Strategy
    identity: str


@dataclass(frozen=True, slots=True)
class Routing:
    """Need: which member to send a question to, learnt from what each got right of `cases`. The digest is what
    `Classify.model` names; its labels are the members'. `recipe` as for `Adapter`."""

    members: tuple[Member, ...]
    cases: tuple[Case, ...]
    schema: str = ""
    labels: tuple[str, ...] = ()
    recipe: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Retriever:
    """Need: the documents, searched by an embedder that `lessons` (cases with gold), `pairs` and `generated` pairs taught.

    `dev` cases compare it with the search as it is. `recipe` as for `Adapter`. The digest is what `Search.index` names.
    """

    lessons: tuple[Case, ...]
    pairs: tuple[Pair, ...] = ()
    generated: str = ""  # "", "titles", "crops" or "questions": see the rung's settings
    dev: tuple[Case, ...] = ()
    recipe: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reranker:
    """Need: a cross-encoder taught as `Retriever` is."""

    lessons: tuple[Case, ...]
    pairs: tuple[Pair, ...] = ()
    dev: tuple[Case, ...] = ()
    recipe: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RefusalThreshold:
    """Need: below which confidence a strategy refuses, so that at most so many of the answers that it gives are wrong.

    Learnt from what the strategy of `spec` answers to `cases`. What was learnt becomes the setting `refuse_below`.
    """

    spec: StrategySpec
    cases: tuple[Case, ...]
    wrong_at_most: float
    schema: str = ""
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class InstructionSearch:
    """Need: better words for the task of `spec`, proposed from what its strategy says to `shown`, chosen by `scored`.

    No proposal is made from `scored`. `method` and `proposals` as in the rung's settings. What was found becomes the
    setting `instruction`, "" where nothing was better than the task.
    """

    spec: StrategySpec
    shown: tuple[Case, ...]
    scored: tuple[Case, ...]
    method: str
    proposals: int

    @property
    def answers(self) -> int:
        """Answers that proposals and the task itself are scored by."""
        return len(self.shown) + len(self.scored) * (1 + self.proposals)


@dataclass(frozen=True, slots=True)
class AnswerIndex:
    """Need: the answers of `member` to `cases`, found again by similar questions of askers with the same groups.

    How similar is enough is learnt on the `dev` cases, none of which is among them, so that no more than `false_hits` of all
    questions are answered wrongly that the member would answer rightly; or it is `threshold`, where that is not negative. It
    becomes the setting `threshold`. The digest is what `Search.index` names. `left_out`: dev cases that repeat a case that
    judges, and are in neither.
    """

    member: Member
    cases: tuple[Case, ...]
    dev: tuple[Case, ...]
    false_hits: float
    threshold: float = -1.0
    left_out: int = 0


Need = (
    ExampleIndex
    | Adapter
    | ChunkedIndex
    | Retriever
    | Reranker
    | Labelling
    | Routing
    | RefusalThreshold
    | InstructionSearch
    | AnswerIndex
)


@dataclass(frozen=True, slots=True)
class NotApplicable:
    """This rung cannot be tried on these materials; `why` has the numbers."""

    why: str


class Strategy(Protocol):
    """Answers questions by yielding steps. One that generates more than its answer, as a call, has `streams` False."""

    def answer(self, question: Question) -> Conversation[Answer]: ...


def conversation_of(strategy: Strategy, case: Case) -> tuple[Asker, Callable[[], Conversation[Answer]]]:
    """Who asks a case, and what it takes to answer it, as a runner is given them."""
    return case.asker, lambda: strategy.answer(case.ask())


@dataclass(frozen=True, slots=True)
class FromSpec(Generic[S]):
    """What most rungs are made of: a spec, and its settings as their `record`."""

    name: ClassVar[str]
    record: ClassVar[type]
    spec: StrategySpec
    settings: S

    @classmethod
    def make(cls, spec: StrategySpec, _members: Sequence[Strategy] = ()) -> Self:
        """See `Rung.make`. A spec has all its settings: one that is absent was none when an earlier Rung made the spec."""
        before = {name: value for name, value in BEFORE.items() if any(one.name == name for one in fields(cls.record))}
        return cls(spec, read(cls.record, {**before, **spec.settings}, rung=cls.name))


def streams(strategy: Strategy) -> bool:
    """Whether text may be shown while it is generated, because all of it is the answer."""
    return bool(getattr(strategy, "streams", True))


@dataclass(frozen=True, slots=True)
class Plan:
    """A strategy in the making: its spec, which gets the digests of what was built for its needs (same order)."""

    spec: StrategySpec
    needs: tuple[Need, ...] = ()

    @property
    def settings(self) -> Mapping[str, Json]:
        """The rung's own, defaults included."""
        return self.spec.settings

    def with_artifacts(self, artifacts: tuple[str, ...]) -> StrategySpec:
        """The spec, once its needs are built."""
        return replace(self.spec, artifacts=artifacts)


@dataclass(frozen=True, slots=True)
class Composition:
    """A rung made of other rungs: `plan` says how, once these are built. It is given the project's other rungs, lowest
    first, without reference arms."""

    settings: Mapping[str, Json]
    plan: Callable[[tuple[Member, ...]], Plan | NotApplicable]


class Rung(Protocol):
    """One rung of the ladder."""

    name: ClassVar[str]
    about: ClassVar[str]  # what it is, after "That is …", for those who do not know its name
    reference: ClassVar[bool]  # measured beside the rungs, never chosen

    @classmethod
    def plan(cls, materials: Materials, settings: Mapping[str, Json]) -> Plan | Composition | NotApplicable:
        """Say how to build this rung on these materials, or why it does not apply.

        Raises:
            UserError: a setting is unknown or out of range.
        """
        ...

    @classmethod
    def make(cls, spec: StrategySpec, members: Sequence[Strategy] = (), /) -> Strategy:
        """The strategy; `members`: those of `spec.members`, made.

        Raises:
            UserError: a setting is unknown or out of range.
        """
        ...
