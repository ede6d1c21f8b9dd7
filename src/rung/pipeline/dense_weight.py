"""How much the dense ranking counts: `knowledge.dense_weight: auto`, settled on dev and train cases, never on test.

No weight is best on every corpus, so the cases say. Few cases say little: below `MIN_CASES` none is made; the choice
of more is drawn towards the even weight. How rankings are fused is left to `knowledge`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from rung.builders.retrieval_quality import MIN_CASES, WEIGHTS, choose, tried
from rung.dataset.load import Dataset, load_dataset, with_evidence
from rung.errors import UserError
from rung.progress import phase, say
from rung.records import Case, Json, digest
from rung.records.gold import has_gold, judgements
from rung.runtime.engines import DEFAULT_DENSE_WEIGHT, Engines

if TYPE_CHECKING:
    from rung.knowledge import Knowledge

MAX_CASES = 400  # more do not move the choice


@dataclass(frozen=True, slots=True)
class Weight:
    """The weight that is searched with. `cases` 0: it was given, or there was too little to choose by; `why` says which."""

    dense_weight: float
    cases: int = 0
    ndcg: float | None = None
    ndcg_even: float | None = None
    why: str = ""

    def as_json(self) -> dict[str, Json]:
        """For the record of a run."""
        entry: dict[str, Json] = {"dense_weight": self.dense_weight, "chosen_on": self.cases, "why": self.why}
        return {**entry, "ndcg@10": self.ndcg, "ndcg@10_at_0.5": self.ndcg_even}

    def __str__(self) -> str:
        if not self.cases:
            return f"dense_weight {self.dense_weight:g}: {self.why}"
        return (
            f"dense_weight {self.dense_weight:g}, chosen on {self.cases} dev and train cases "
            f"(nDCG@10 {self.ndcg:.3f}; {self.ndcg_even:.3f} at {DEFAULT_DENSE_WEIGHT:g})"
        )


def settle(engines: Engines, knowledge: Knowledge, rows: Dataset) -> Weight:
    """Set the weight that this project's searches have, and say which it is.

    `rows` are those with their evidence resolved. The choice is kept under the digest of all that it depends on.
    """
    configured = engines.project.settings.knowledge.dense_weight
    if configured != "auto":
        return Weight(configured, why="as rung.yaml says")
    cases = telling(rows)
    if not cases:
        return Weight(
            DEFAULT_DENSE_WEIGHT, why="auto, and no dev or train case names its gold ('evidence' or 'gold_documents')"
        )
    key = digest("dense_weight", MIN_CASES, knowledge.identity, [judgements(case) for case in cases])
    cached = engines.cache.noted("dense_weight", key)
    if isinstance(cached, dict):
        weight = Weight(**cached)  # type: ignore[arg-type]
    else:
        weight = _few(len(cases)) if len(cases) < MIN_CASES else _measured(knowledge, cases)
        engines.cache.note("dense_weight", key, asdict(weight))
        say(str(weight))
    knowledge.weigh(weight.dense_weight)
    return weight


def _few(count: int) -> Weight:
    named = "1 dev or train case names its" if count == 1 else f"{count} dev and train cases name their"
    return Weight(DEFAULT_DENSE_WEIGHT, why=f"auto keeps one half, since {named} gold; from {MIN_CASES} on they choose")


def _measured(knowledge: Knowledge, cases: Sequence[Case]) -> Weight:
    with phase("choose dense_weight") as tick:
        return measured(knowledge, cases, lambda done: tick(done, len(cases), ""))


def settle_alone(engines: Engines, knowledge: Knowledge) -> Weight:
    """`settle` for a command that has not read the cases; what is wrong with them does not keep anybody from searching."""
    project = engines.project
    if project.settings.knowledge.dense_weight != "auto" or not project.settings.cases:
        return settle(engines, knowledge, Dataset())
    from rung.knowledge import find_quote

    try:
        rows = load_dataset(project)
    except UserError as error:
        weight = Weight(DEFAULT_DENSE_WEIGHT, why="auto, and no case could be read (rung check says why)")
        named = (path for pattern in project.settings.cases for path in project.root.glob(pattern))
        key = digest("dense_weight unread", str(error))
        if any(path.is_file() and path.stat().st_size for path in named) and not engines.cache.noted("told", key):
            engines.cache.note("told", key, True)
            say(str(weight))
        return weight
    rows = replace(rows, cases=tuple(case for case in rows.cases if case.split != "test"))
    texts = {document.id: document.text for document in knowledge.documents(sorted(_named(rows)))}
    return settle(engines, knowledge, with_evidence(rows, texts.get, find_quote))


def _named(rows: Dataset) -> set[str]:
    """The documents that the cases name: a search does not read a whole corpus to choose its weight."""
    written = (item for case in rows.cases for item in rows.quotes.get(case.id, ()))
    cited = {str(item.get("document")) for item in written if isinstance(item, dict)}
    return cited | {id for case in rows.cases for id in case.gold_documents}


def telling(rows: Dataset) -> tuple[Case, ...]:
    """The dev and train cases that name their gold, at most `MAX_CASES`, always the same ones."""
    cases = [case for case in rows.cases if case.split != "test" and case.answerable and has_gold(case)]
    if len(cases) <= MAX_CASES:
        return tuple(cases)
    selected = {case.id for case in sorted(cases, key=lambda case: digest("weight", case.id))[:MAX_CASES]}
    return tuple(case for case in cases if case.id in selected)


def measured(knowledge: Knowledge, cases: Sequence[Case], tick: Callable[[int], None] = lambda _done: None) -> Weight:
    """Search for each case once, fuse its two rankings by every weight, and choose."""
    values = tried(knowledge, cases, tick)
    best = choose(values)
    means = [sum(column) / len(values) for column in zip(*values, strict=True)]
    return Weight(WEIGHTS[best], len(cases), round(means[best], 4), round(means[WEIGHTS.index(DEFAULT_DENSE_WEIGHT)], 4))
