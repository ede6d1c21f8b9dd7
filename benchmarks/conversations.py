"""Does the search find what a follow-up is about? The last turn alone, the turns joined, the model's standalone question.

    python benchmarks/conversations.py WORK [--models NAME …] [--part dev|test|all]

Data: MuSiQue in ../shared/data beside the project. Its questions come with their parts, each with its answer and its
paragraph: a part that needs the answer of the one before ("when was #1 taken by the british") becomes a follow-up in
which `it` stands for that answer, after the parts before it as turns. Parts that are relations ("Baure >> country") are
worded as questions by rule. Beside these `follow-up` cases stand `new topic` ones: first parts, which need nothing of the
two turns of another case before them, so that joining can only harm. How rankings are joined was chosen on the half
`dev`, cut by digest of the MuSiQue question; of `test`, ways of making one query of the turns had been looked at before.
Recall@3 and @5 of the one gold paragraph, with the paired difference from the last turn alone and its 95 % bootstrap
interval. `resolved` is the follow-up with the answer in its place: what a perfect condensation would search with. Replies
are remembered in WORK, so that a run goes on.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from multi_hop import DATA, Replies, against, index, rows

from rung.knowledge.retrieval import KnowledgeEngine
from rung.models.catalog import embedder, generator
from rung.records import Case, Failure, Message, Passage, Question, digest
from rung.records.steps import Conversation, Generate, GenerateResult, Request, Search, SearchResult
from rung.strategies.history import joined
from rung.strategies.retrieving import retrieve
from rung.strategies.settings import History, Retrieval

_REFERENCE = re.compile(r"#(\d+)")
Ranking = tuple[Passage, ...]


@dataclass(frozen=True)
class Dialogue:
    """A case whose last turn follows others; `resolved`: it in words that need none of them."""

    case: Case
    resolved: str
    half: str


def worded(part: str) -> str:
    """A part of a question, in words: `Baure >> country` is a relation."""
    subject, relation, object_ = part.partition(">>")
    return f"What is the {object_.strip()} of {subject.strip()}?" if relation else part


def dialogues() -> dict[str, list[Dialogue]]:
    """The follow-ups, and the new topics."""
    follow_ups: list[Dialogue] = []
    firsts: list[Dialogue] = []
    for row in rows(DATA / "musique" / "cases_train.jsonl"):
        parts, documents = row["meta"]["decomposition"], row["meta"]["context_documents"]
        answers = [part["answer"] for part in parts]
        half = "dev" if int(digest("half", row["id"])[:8], 16) % 2 == 0 else "test"
        turns: list[Message] = []
        for number, part in enumerate(parts, 1):
            text = worded(part["question"])
            named = {int(n) for n in _REFERENCE.findall(text)}
            resolved = _REFERENCE.sub(lambda m, of=answers: of[int(m[1]) - 1], text)
            asked = _REFERENCE.sub(lambda m, n=number, of=answers: "it" if int(m[1]) == n - 1 else of[int(m[1]) - 1], text)
            asked = re.sub(r"\bit 's\b", "its", asked)
            gold = (documents[part["paragraph_support_idx"]],)
            case = Case(f"{row['id']}#{number}", asked, (part["answer"],), gold_documents=gold, messages=tuple(turns))
            if number == 1:
                firsts.append(Dialogue(case, resolved, half))
            elif number - 1 in named:
                follow_ups.append(Dialogue(case, resolved, half))
            turns += [Message("user", asked), Message("assistant", part["answer"])]
    others = [*firsts[7:], *firsts[:7]]
    return {"follow-up": follow_ups, "new topic": [_after(one, other) for one, other in zip(firsts, others, strict=True)]}


def _after(one: Dialogue, other: Dialogue) -> Dialogue:
    turns = (Message("user", other.case.question), Message("assistant", other.case.answers[0]))
    case = Case(one.case.id, one.case.question, one.case.answers, gold_documents=one.case.gold_documents, messages=turns)
    return Dialogue(case, one.resolved, one.half)


def rankings(
    conversations: Sequence[Conversation[Ranking]], search: KnowledgeEngine, replies: Replies | None
) -> tuple[list[Ranking], float]:
    """What each search finds, and the tokens of its generations, a mean."""
    open_ = dict(enumerate(conversations))
    steps = {n: next(conversation) for n, conversation in open_.items()}
    ended: dict[int, Ranking] = {}
    tokens = 0
    while open_:
        waiting = [n for n, step in steps.items() if isinstance(step, Search)] or list(steps)
        if isinstance(steps[waiting[0]], Search):
            by_place = dict(search.run([Request(steps[n]) for n in waiting]))
            results = [by_place[n] for n in range(len(waiting))]
        elif replies is not None:
            results = list(replies.of([steps[n] for n in waiting if isinstance(steps[n], Generate)]))
        else:
            raise SystemExit("this asks a model: name one with --models")
        for n, result in zip(waiting, results, strict=True):
            if isinstance(result, Failure) or not isinstance(result, SearchResult | GenerateResult):
                raise SystemExit(f"a step failed: {result}")
            tokens += result.prompt_tokens + result.completion_tokens if isinstance(result, GenerateResult) else 0
            try:
                steps[n] = open_[n].send(result)
            except StopIteration as stop:
                ended[n] = stop.value
                del open_[n], steps[n]
    return [ended[n] for n in range(len(conversations))], tokens / len(conversations)


def recall(some: Sequence[Dialogue], ranking: Sequence[Ranking], k: int) -> list[float]:
    """1 where the gold paragraph is among the first k."""
    pairs = zip(some, ranking, strict=True)
    return [float(one.case.gold_documents[0] in {p.document for p in passages[:k]}) for one, passages in pairs]


def measure(name: str, some: Sequence[Dialogue], search: KnowledgeEngine, models: Mapping[str, Replies]) -> None:
    """Print one table."""

    def arm(history: History, replies: Replies | None = None) -> tuple[list[Ranking], float]:
        return rankings([retrieve(one.case.ask(), Retrieval(history=history)) for one in some], search, replies)

    def plainly(texts: Sequence[str]) -> tuple[list[Ranking], float]:
        return rankings([retrieve(Question("q", text), Retrieval()) for text in texts], search, None)

    arms = {
        "the last turn (`none`)": arm("none"),
        "all turns as one query": plainly([joined(one.case.ask()) for one in some]),
        "`join`": arm("join"),
        **{f"`condense`, {model}": arm("condense", replies) for model, replies in models.items()},
        "resolved by the data": plainly([one.resolved for one in some]),
    }
    last = arms["the last turn (`none`)"][0]
    print(f"\n### {name}, {len(some)} conversations\n")
    print("| searched with | recall@3 | recall@5 | against the last turn | tokens |\n|---|---|---|---|---|")
    for label, (ranking, tokens) in arms.items():
        three, five = recall(some, ranking, 3), recall(some, ranking, 5)
        behind = "" if ranking is last else against(five, recall(some, last, 5))
        print(f"| {label} | {np.mean(three):.3f} | {np.mean(five):.3f} | {behind} | {tokens:.0f} |", flush=True)


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--models", nargs="*", default=[], help="that condense, as under 'model:' in rung.yaml")
    parser.add_argument("--part", choices=["dev", "test", "all"], default="test")
    given = parser.parse_args()
    if not DATA.exists():
        sys.exit(f"{DATA} is absent: this needs it there")
    searched = index("musique", given.work)
    search = KnowledgeEngine(searched, example_indexes={}, embedder=lambda: embedder("minilm-l6-v2"))
    models = {name: Replies(generator(name), given.work / f"{name}.jsonl") for name in given.models}
    for name, some in dialogues().items():
        chosen = [one for one in some if given.part in ("all", one.half)]
        measure(f"{name}, {given.part}", chosen, search, models)


if __name__ == "__main__":
    main()
