"""Ways of searching in turns: by what passages name, by the model's thoughts (IRCoT), by the parts of a question.

Each yields steps within a `Budget` and ends with one ranking and what led to each passage. What is done with them is left to
the rung.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, zip_longest

from rung.records import Passage, Question
from rung.records.steps import Conversation, Generate
from rung.strategies.bridging import Lead, Path, leads, ranked
from rung.strategies.history import Standalone
from rung.strategies.hop_budget import Budget
from rung.strategies.prompting import next_thought, part_of_question, sub_questions
from rung.strategies.protocol import PromptInputs
from rung.strategies.retrieving import interleaved, retrieve_for
from rung.strategies.settings import Retrieval
from rung.text.refusals import is_refusal
from rung.text.support import MARK, shown_in

BEAM, NAMES = 3, 4  # passages that are followed in a hop, and names of each
FOLLOWED = 10  # passages of a search that follows a name
THOUGHT_TOKENS, SPLIT_TOKENS, PART_TOKENS = 64, 96, 32
_ENDED = re.compile(r"\banswer is\b", re.IGNORECASE)
_NUMBERING = re.compile(r"^\s*(?:[-*•]|#?\d+[.):])\s*")
_REFERENCE = re.compile(r"#(\d+)")


@dataclass(frozen=True, slots=True)
class Hops:
    """A ranking, best first. `before`: passage id -> ids of the passages that led to it, the first hop's first."""

    ranking: tuple[Passage, ...]
    before: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def first_ranking(asked: Standalone, retrieval: Retrieval, budget: Budget) -> Conversation[tuple[Passage, ...]]:
    """The search with a question's own words, and with those beside it where a second search may be made."""
    if budget.searches < 2:
        asked = replace(asked, beside="")
    budget.searches -= 2 if asked.beside else 1
    return (yield from retrieve_for(asked, retrieval))


@dataclass(frozen=True, slots=True)
class Way:
    """What a way of hopping is given: where it searches, for how many rounds, and how prompts are worded."""

    given: PromptInputs
    retrieval: Retrieval
    hops: int
    beside: str = ""  # searched with in the first round too, see `history.Standalone`

    def search(self, budget: Budget, query: str, top: int) -> Conversation[tuple[Passage, ...] | None]:
        """One search after the first; None where no search is left."""
        weight = self.retrieval.dense_weight
        result = yield from budget.search(query, top=top, dense_weight=None if weight == -1 else weight)
        return result.passages if result else None

    def first(self, budget: Budget, question: Question) -> Conversation[tuple[Passage, ...]]:
        """As `first_ranking`, of the question's own words and of those beside it."""
        asked = Standalone(question, question.text, self.beside)
        return (yield from first_ranking(asked, self.retrieval, budget))


Method = Callable[[Question, Way, Budget], Conversation[Hops]]


def by_bridges(question: Question, way: Way, budget: Budget) -> Conversation[Hops]:
    """Follow the names of the best passages, as `bridging` ranks them, until what would be shown stays the same."""
    first = yield from way.first(budget, question)
    top = first[0].score if first else 0.0
    paths = [Path((p,), max(p.score, 0.0) / top if top > 0 else 1 / rank) for rank, p in enumerate(first, 1)]
    followed: set[str] = set()
    best = ranked(question.text, paths)
    for _ in range(way.hops - 1):
        ends = [path for id, (_, path) in best.items() if path.last.id == id and id not in followed][:BEAM]
        followed |= {path.last.id for path in ends}
        for lead in _distinct([list(leads(question.text, path, NAMES)) for path in ends]):
            results = yield from way.search(budget, lead.query, FOLLOWED)
            paths += [lead.path.extended(p, lead.name, min(max(p.score, 0.0), 1.0)) for p in _new(results, lead.path)]
        shown, best = _shown(best, way), ranked(question.text, paths)
        if _shown(best, way) == shown:
            break
    passages = {passage.id: passage for path in reversed(paths) for passage in path.passages}
    before = {id: tuple(p.id for p in path.passages[: _at(path, id)]) for id, (_, path) in best.items()}
    return Hops(tuple(passages[id] for id in best)[: way.retrieval.candidates], before)


def by_thoughts(question: Question, way: Way, budget: Budget) -> Conversation[Hops]:
    """Interleave retrieval with the model's thoughts (IRCoT; Trivedi and others 2023): each is the next query.

    Ends where a thought says the answer, repeats itself, or says nothing.
    """
    rankings = [(yield from way.first(budget, question))]
    thoughts: list[str] = []
    before: dict[str, tuple[str, ...]] = {}
    for _ in range(way.hops - 1):
        shown = interleaved(rankings)[: way.retrieval.passages]
        step = Generate(next_thought(way.given, question, shown, thoughts), max_tokens=THOUGHT_TOKENS)
        response = yield from budget.generate(step)
        thought = _line(response.text) if response else ""
        if not thought or thought in thoughts or _ENDED.search(thought) or is_refusal(thought):
            break
        thoughts.append(thought)
        results = yield from way.search(budget, thought, way.retrieval.candidates)
        if results is None:
            break
        _follow(before, rankings, results, thought, shown)
    return Hops(interleaved(rankings)[: way.retrieval.candidates], before)


def by_parts(question: Question, way: Way, budget: Budget) -> Conversation[Hops]:
    """Split the question into what must be asked first, and ask that in turn: `#1` in a part is the first part's answer."""
    rankings = [(yield from way.first(budget, question))]
    step = Generate(sub_questions(question, way.hops), max_tokens=SPLIT_TOKENS)
    response = yield from budget.generate(step)
    parts = _parts(response.text if response else "", way.hops)
    answers: list[str] = []
    before: dict[str, tuple[str, ...]] = {}
    shown: Sequence[Passage] = ()
    for number, part in enumerate(parts if len(parts) > 1 else (), 1):
        query = _REFERENCE.sub(lambda match: _answer(answers, match), part)
        results = yield from way.search(budget, query, way.retrieval.candidates)
        if results is None:
            break
        _follow(before, rankings, results, answers[-1] if answers else "", shown)
        if number == len(parts):
            break
        shown = results[: way.retrieval.passages]
        asked = Generate(part_of_question(way.given, query, shown), max_tokens=PART_TOKENS)
        answered = yield from budget.generate(asked)
        text = _line(answered.text) if answered else ""
        answers.append("" if is_refusal(text) else text)
    return Hops(interleaved(rankings)[: way.retrieval.candidates], before)


METHODS: Mapping[str, Method] = {"bridge": by_bridges, "ircot": by_thoughts, "decompose": by_parts}


def _distinct(several: Sequence[Sequence[Lead]]) -> list[Lead]:
    """Each query once: the first name of every path, then the second of each, and so on."""
    first: dict[str, Lead] = {}
    for lead in chain.from_iterable(zip_longest(*several)):
        if lead is not None:
            first.setdefault(lead.query, lead)
    return list(first.values())


def _new(results: Sequence[Passage] | None, path: Path) -> list[Passage]:
    seen = {passage.id for passage in path.passages}
    return [passage for passage in results or () if passage.id not in seen]


def _shown(best: Mapping[str, object], way: Way) -> list[str]:
    return list(best)[: way.retrieval.passages]


def _at(path: Path, passage: str) -> int:
    return next(index for index, one in enumerate(path.passages) if one.id == passage)


def _follow(
    before: dict[str, tuple[str, ...]],
    rankings: list[tuple[Passage, ...]],
    results: tuple[Passage, ...],
    text: str,
    shown: Sequence[Passage],
) -> None:
    """Take a further ranking in; what is new in it was led to by the passage shown that bears the text out."""
    seen = {passage.id for ranking in rankings for passage in ranking}
    number = shown_in(text, shown) if text else None
    if number is not None:
        source = shown[number - 1].id
        before |= {p.id: (*before.get(source, ()), source) for p in results if p.id not in seen and p.id != source}
    rankings.append(results)


def _line(text: str) -> str:
    """What was said, on one line, without marks."""
    return " ".join(MARK.sub("", text).split())


def _parts(text: str, most: int) -> list[str]:
    lines = (_NUMBERING.sub("", line).strip() for line in text.splitlines())
    return list(dict.fromkeys(line for line in lines if line))[:most]


def _answer(answers: Sequence[str], match: re.Match[str]) -> str:
    number = int(match[1])
    return answers[number - 1] if 0 < number <= len(answers) else ""
