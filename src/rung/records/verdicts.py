"""What Rung judges with: estimates, bills, a rung's line, the verdict. Frozen, without I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from rung.records.reason import Reason
from rung.records.values import Json

Status = Literal["measured", "not_applicable", "failed"]
# Why a rung was chosen: it clears the bar; it was chosen before, and is not likely below the bar; none clears the bar (or
# there is none), and it is the lowest not shown to be worse than the best, or the best, or the only one that may be chosen.
Code = Literal["clears", "kept", "not_worse", "best", "only", "none"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over `n` cases with the ends of its 95 % interval; all None when n is 0."""

    mean: float | None
    low: float | None
    high: float | None
    n: int


@dataclass(frozen=True, slots=True)
class Timed:
    """When and where a live pass was made: ISO minute with its offset, the machine's name, its CPUs, and its load average
    of the last minute when the pass began (None: not known). Rungs of one `session` were timed together, turn by turn."""

    session: str
    at: str
    host: str
    cpus: int
    load: float | None = None

    def __str__(self) -> str:
        load = "" if self.load is None else f", load {self.load:.1f}"
        return f"{self.at.replace('T', ' ')[:16]} on {self.host} ({self.cpus} CPU{'s' if self.cpus != 1 else ''}{load})"


@dataclass(frozen=True, slots=True)
class Latency:
    """Times of the live pass, one case at a time, uncached, in milliseconds. `steps`: (p50, p95) by step kind; `times`: of
    each answer; `means`: by step kind, of all such steps of an answer together."""

    p50: float
    p95: float
    n: int
    steps: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    timed: Timed | None = None
    times: tuple[float, ...] = ()
    means: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Unanswered:
    """Questions of the live pass that came to no answer, however often they were tried: how many, of how many that were
    timed or failed, and the commonest failure in words."""

    failed: int
    asked: int
    why: str


@dataclass(frozen=True, slots=True)
class Lost:
    """The cases of a rung that one layer lost, and the mean `correct` over all cases that mending it would add.

    `at_most`: nobody can know how much before it is tried; the number is then all that there is to gain. `remedy`: what is
    left to do about it, "" where that was not weighed.
    """

    layer: str
    cases: int
    wins_back: Estimate
    at_most: bool = True
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Hosted:
    """A model that answers on a server which is paid by the hour, asked or not: dollars of one such server a month, and how
    many of a rung's queries it carries in that time; None: nobody said, and one is taken to be enough."""

    usd_per_month: float
    queries: float | None = None


@dataclass(frozen=True, slots=True)
class Effort:
    """What a rung takes. Seconds and bytes 0: it needs none; None: it needs some, nobody measured how much.

    `per_query`: dollars of an answer, None where unknown. `passed`: the share of its answers that are at least half
    right, None where it was not judged. `building_usd`: dollars of the tokens that models took to build it (to find
    its instruction, to fill its memory), None where these have no price: then it took `building_seconds` of a machine.
    `hosted`: the servers of the models that it asks, where these are paid by the hour.
    """

    per_query: float | None = None
    passed: float | None = None
    uses_documents: bool = False
    uses_examples: bool = False
    training_seconds: float | None = 0.0
    indexing_seconds: float | None = 0.0
    stored_bytes: float | None = 0.0
    building_usd: float | None = 0.0
    building_seconds: float = 0.0
    hosted: tuple[Hosted, ...] = ()


@dataclass(frozen=True, slots=True)
class Bill:
    """What a rung costs in US dollars, part by part. A part that is None is unknown; a sum with such a part is None too.

    `once`: documents, examples, training, building, indexing. `monthly`: storage, retraining, re-indexing, hosting.
    `per_query`: inference. The sums take the stated traffic, and spread `once` over the stated months. `hosted`: what the
    hosting is of, at any traffic.
    """

    once: Mapping[str, float | None]
    monthly: Mapping[str, float | None]
    per_query: float | None
    per_month: float | None = None
    per_1k: float | None = None
    per_passed: float | None = None  # answer that passed, at least one half right
    hosted: tuple[Hosted, ...] = ()

    @property
    def unknown(self) -> tuple[str, ...]:
        """The parts that nobody gave a price or a number for."""
        parts = {**self.once, **self.monthly, "inference": self.per_query}
        return tuple(name for name, usd in parts.items() if usd is None)


@dataclass(frozen=True, slots=True)
class Repeats:
    """How far a rung's main score varies when the same `cases` are asked again, `passes` times in all.

    `case_sd`: the standard deviation of one case's score between passes (root mean square over cases). `mean_sd`: that of
    the mean of one pass. `unsettled`: the share of cases that passed (at least one half right) in some passes only.
    """

    passes: int
    cases: int
    case_sd: float
    mean_sd: float
    unsettled: float


@dataclass(frozen=True, slots=True)
class RungResult:
    """One rung's line in the verdict. `reference` marks the arms that are measured but never chosen.

    `probability`: that it reaches the bar for `correct` on all cases of this kind, shared among the settings that were tried
    up to it; None without a bar, and where it cannot be told. `probability_alone`: the same as if it were the only one: what
    is likely below the bar is told from this. `keeps`: by limit the probability that it keeps it, for limits
    on what was estimated.
    """

    name: str
    settings: Mapping[str, Json]
    status: Status
    why: Reason | None = None  # it has no scores
    scores: Mapping[str, Estimate] = field(default_factory=dict)
    usd_per_1k: float | None = None
    latency: Latency | None = None
    build_seconds: float = 0.0
    answer_seconds: float = 0.0
    reference: bool = False
    order: int = 0  # place on the ladder, from the lowest
    artifacts: Mapping[str, str] = field(default_factory=dict)  # kind -> digest of what it answered with
    bill: Bill | None = None
    losses: tuple[Lost, ...] = ()  # most to gain first
    partly: int = 0  # cases that are neither right nor lost (`rung.verdict.failure_modes`)
    # "train" and "validation": (step, mean loss per answer token), where weights were learnt; "risk": (share of dev cases
    # answered, share of these that is wrong) and "promise", one such point, where it was learnt when to refuse
    learning: Mapping[str, tuple[tuple[float, float], ...]] = field(default_factory=dict)
    answered: int = 0  # cases that it answered
    stopped: Reason | None = None  # why it answered no more of them; None where it answered all
    repeats: Repeats | None = None  # None where each case was asked once
    about: str = ""  # what the rung is, in words
    probability: float | None = None
    probability_alone: float | None = None
    keeps: Mapping[str, float] = field(default_factory=dict)
    rung: str = ""  # the rung that it is a setting of; "" where its name tells
    model: str = ""  # the name of the model that it asks, "" where nobody said
    # how right each field of its JSON answers is, where they are judged by fields
    fields: Mapping[str, Estimate] = field(default_factory=dict)
    estimated: int = 0  # answers whose tokens no server counted
    unanswered: Unanswered | None = None  # of the live pass; None: nothing failed in it

    @property
    def ladder_rung(self) -> str:
        """The rung that it is a setting of."""
        return self.rung or rung_of(self.name)


def rung_of(label: str) -> str:
    """The rung that a label with settings is of: "rag[passages=8]" and "rag-2" are rag's."""
    return re.sub(r"-\d+$", "", label.partition("[")[0])


@dataclass(frozen=True, slots=True)
class Difference:
    """Mean of (a − b) over the same cases, with its 95 % interval and its two-sided p."""

    a: str
    b: str
    estimate: Estimate
    p: float


@dataclass(frozen=True, slots=True)
class Coverage:
    """What a verdict took: cases answered by all rungs and arms together, of those that all cases would have been.

    `error`: the chance, at most, that stopping some early changed the choice (0: nothing was stopped). `partial`: why the
    comparison ended before its time, "" where it did not. `searched`: how settings were searched, "" where they were not.
    `trial`: why it was a trial run, which replaces no verdict and is no look at the test cases, "" where it was none.
    `rescored`: of which verdict the answers are, and what of them does not count any more, "" where they are its own.
    """

    answers: int = 0
    exhaustive: int = 0
    error: float = 0.0
    partial: str = ""
    searched: str = ""
    trial: str = ""
    rescored: str = ""


@dataclass(frozen=True, slots=True)
class JudgeCheck:
    """How people's labels of single answers stand to the judge's scores, and what they made of these.

    `labels`: how many count; `agreement` and Cohen's `kappa` over them.
    `judged`: each rung's mean by the judge alone; `by_rung`: labels that corrected it, `power` how much the judge's scores
    count beside them, from 0 to 1; both without the rungs that have too few of their own. `words`: the same in sentences.
    """

    labels: int
    agreement: float | None
    kappa: float | None
    judged: Mapping[str, float]
    by_rung: Mapping[str, int]
    power: Mapping[str, float]
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to use and why. `winner` is None when no rung could be measured or none keeps the hard limits.

    `code` says in a word why it was chosen (`Code`). `probability` is the winner's of reaching the bar; `clears_bar` whether
    that is 1 − `risk` at least (true where no bar was set).
    """

    winner: str | None
    clears_bar: bool
    reason: str
    gaps: Mapping[str, Estimate]
    rungs: tuple[RungResult, ...]
    rejected: Mapping[str, Reason] = field(default_factory=dict)  # rung -> why not
    differences: tuple[Difference, ...] = ()  # each candidate against the best
    warnings: tuple[str, ...] = ()
    executed: int = 0
    replayed: int = 0
    cases: int = 0
    main_metric: str = "correct"
    knowledge_version: int = 0  # of the index that every rung saw; 0: there are no documents
    front: tuple[str, ...] = ()  # rungs that no other is better than in quality, cost and latency together
    front_by: tuple[str, ...] = ()  # names of these, as far as any is known
    flips: tuple[str, ...] = ()  # what would change the choice, in words
    looks: int = 0  # how often these test cases have judged a changed configuration, this time included; 0: not counted
    clusters: int = 0  # groups of cases that share a document; 0: every case stands for itself
    coverage: Coverage = Coverage()
    doubts: Mapping[str, str] = field(default_factory=dict)  # gap -> why nothing follows from it, or why it is not stated
    gap_notes: Mapping[str, str] = field(default_factory=dict)  # gap -> what it is of, where it is not what its name says
    places: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # warning -> every case that it speaks of
    code: Code = "none"
    probability: float | None = None
    risk: float = 0.2
    human: JudgeCheck | None = None  # None: no model judges by a rubric, or nobody labelled an answer
    few_documents: int = (
        0  # documents that the cases are about, where these are too few to tell of others; 0: nothing to say
    )

    def why_not(self, rung: str) -> str:
        """Why this rung was not chosen.

        Raises:
            KeyError: no rung of that name was weighed.
        """
        if rung == self.winner:
            return f"{rung} is the choice: {self.reason}"
        return str(self.rejected[rung])
