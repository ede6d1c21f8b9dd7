"""Questions and passages that a retriever is taught by: cases with their gold, pairs, clicks, pairs made of passages.

Only passages that everybody may read teach: weights keep no secrets. Reading files is left to `retrieval_pairs`, the guards
against false negatives to `training.mining`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from rung.errors import UserError
from rung.records import Asker, Case, Failure, Pair, Passage, digest
from rung.records.gold import has_gold, ignored
from rung.records.steps import Conversation, Generate, Request, Search, SearchResult, generate
from rung.runtime.runner import StepRunner
from rung.strategies.prompting import question_for
from rung.text.sentences import sentences
from rung.training.mining import Seen, best_positive, hard_negatives

if TYPE_CHECKING:
    from rung.knowledge import Knowledge
    from rung.knowledge.protocol import Row

MIN_DEV = 20  # dev cases with gold from which on no train cases are held out to compare by
MINED_FROM = 30  # places of the search that are looked at for hard negatives
MAX_GENERATED = {"titles": 2000, "crops": 2000, "questions": 200}
_MIN_WORDS = 4


def divided(train_cases: Sequence[Case], dev: Sequence[Case]) -> tuple[tuple[Case, ...], tuple[Case, ...]]:
    """(train cases that teach, cases that compare): dev cases; where they are too few, a fifth of the train cases too."""
    telling = [case for case in train_cases if case.answerable and has_gold(case)]
    dev = [case for case in dev if case.answerable and has_gold(case)]
    if len(dev) >= MIN_DEV:
        return tuple(telling), tuple(dev)
    held = {case.id for case in telling if int(digest("held", case.id)[:8], 16) < 0x1_0000_0000 // 5}
    return tuple(c for c in telling if c.id not in held), (*dev, *(c for c in telling if c.id in held))


def pairs_of(knowledge: Knowledge, train_cases: Sequence[Case], pairs: Sequence[Pair]) -> list[Pair]:
    """A pair for each gold passage of the train cases, and those given; all with hard negatives by the project's search."""
    asked = [(case.question, case.asker) for case in train_cases] + [(pair.anchor, Asker()) for pair in pairs]
    rankings = _searched(knowledge, asked)
    questions = knowledge.embedder.embed([question for question, _ in asked], kind="query")
    positives = knowledge.embedder.embed([pair.positive for pair in pairs], kind="passage")
    taught: list[Pair] = []
    for index, case in enumerate(train_cases):
        gold = _gold(knowledge, case, questions[index])
        others = _seen(knowledge, rankings[index])
        documents = {*case.gold_documents, *(span.document for span in case.evidence), *ignored(case)}
        hard = hard_negatives(questions[index], gold, others, gold_documents=documents)
        taught += [Pair(case.question, seen.text, hard, case.place) for seen in gold]
    for index, (pair, vector) in enumerate(zip(pairs, positives, strict=True), len(train_cases)):
        others = _seen(knowledge, rankings[index])
        hard = hard_negatives(questions[index], [Seen(pair.positive, "", vector)], others)
        taught.append(Pair(pair.anchor, pair.positive, tuple(dict.fromkeys((*pair.negatives, *hard))), pair.place))
    return taught


def made_of_passages(runner: StepRunner, knowledge: Knowledge, way: str, *, title: str) -> list[Pair]:
    """Pairs that nobody wrote: "titles" (title → text), "crops" (a sentence → the rest: the inverse cloze task of Lee et al.
    2019, arXiv:1906.00300), "questions" (the project's generator asks)."""
    passages = some_passages(knowledge, most=MAX_GENERATED[way])
    if way == "titles":
        return [Pair(p.title, p.text) for p in passages if len(p.title.split()) > 1]
    if way == "crops":
        return [pair for passage in passages if (pair := _cropped(passage))]
    talks: list[tuple[Asker, Callable[[], Conversation[str]]]] = [
        (Asker(), lambda passage=passage: _asked_about(passage))  # type: ignore[misc]
        for passage in passages
    ]
    questions = [ended.value for ended in runner.run(talks, title=f"{title}: questions for passages")]
    rows = rows_of(knowledge, passages)
    return [Pair(text, row) for text, row in zip(questions, rows, strict=True) if text and len(text.split()) >= _MIN_WORDS]


def rows_of(knowledge: Knowledge, passages: Sequence[Passage]) -> list[str]:
    """Each passage as it is embedded: below its header and its sentence of context."""
    return [row.indexed for row in _as_indexed(knowledge, passages)]


def _as_indexed(knowledge: Knowledge, passages: Sequence[Passage]) -> list[Row]:
    from rung.knowledge.chunking.passages import row

    documents = sorted({passage.document for passage in passages}) if knowledge.contexts is not None else []
    stored = knowledge.snapshot().stored(documents)[0] if documents else []
    contexts = {of.passage.id: of.context for of in stored}
    return [row(passage, count=knowledge.tokens, context=contexts.get(passage.id, "")) for passage in passages]


def _asked_about(passage: Passage) -> Conversation[str]:
    response = yield from generate(Generate(question_for(passage), max_tokens=48))
    return " ".join(response.text.split()).removeprefix("Question:").strip()


def _cropped(passage: Passage) -> Pair | None:
    whole = [passage.text[start:end] for start, end in sentences(passage.text)]
    usable = [n for n, sentence in enumerate(whole) if len(sentence.split()) >= _MIN_WORDS]
    if len(whole) < 2 or not usable:
        return None
    out = random.Random(digest("crop", passage.id)).choice(usable)
    rest = " ".join(sentence for n, sentence in enumerate(whole) if n != out)
    return Pair(whole[out], f"{passage.title}\n\n{rest}" if passage.title else rest)


def some_passages(knowledge: Knowledge, *, most: int) -> list[Passage]:
    """Passages that everybody may read, of all documents in turn, always the same ones."""
    ids = sorted((id for id, groups in knowledge.document_groups().items() if not groups), key=lambda id: digest("made", id))
    each = max(1, most // max(1, len(ids)))
    passages: list[Passage] = []
    for id in ids:
        if len(passages) >= most:
            break
        passages += sorted(knowledge.passages_of(id), key=lambda p: digest("made", p.id))[:each]
    return passages[:most]


def _searched(knowledge: Knowledge, asked: Sequence[tuple[str, Asker]]) -> list[tuple[Passage, ...]]:
    steps = [Request(Search(question, MINED_FROM), asker) for question, asker in asked]
    rankings: list[tuple[Passage, ...]] = [()] * len(steps)
    for index, result in knowledge.engine().run(steps):
        if isinstance(result, Failure):
            raise UserError(f"hard negatives cannot be searched for: {result.error}")
        if isinstance(result, SearchResult):
            rankings[index] = result.passages
    return rankings


def _gold(knowledge: Knowledge, case: Case, question: object) -> list[Seen]:
    """Of each gold document the passage that teaches: most of the evidence, else what is nearest to the question."""
    gold: list[Seen] = []
    for id in dict.fromkeys((*(span.document for span in case.evidence), *case.gold_documents)):
        passages = [p for p in knowledge.passages_of(id) if not p.groups]
        spans = [span for span in case.evidence if span.document == id]
        shared = [sum(max(0, min(p.end, s.end) - max(p.start, s.start)) for s in spans) for p in passages]
        if spans and any(shared):
            passages = [passages[shared.index(max(shared))]]
        if seen := _seen(knowledge, passages):
            gold.append(best_positive(question, seen))  # type: ignore[arg-type]  # one row of the vectors
    return gold


def _seen(knowledge: Knowledge, passages: Sequence[Passage]) -> list[Seen]:
    """Passages that everybody may read, with the vectors that the index holds."""
    rows = _as_indexed(knowledge, [passage for passage in passages if not passage.groups])
    vectors = knowledge.snapshot().vectors([row.key for row in rows])
    return [Seen(row.indexed, row.passage.document, vectors[row.key]) for row in rows if row.key in vectors]
