"""What the grounded model is taught: questions over numbered passages, put together from public sets; see make_grounded.py.

One context is a handful of passages, the gold ones among near misses (of the same article, else the nearest by their words),
and all its questions: those that one of the passages answers, ending with its `[n]`, and at most one in five that none does.
Prompts are worded by `rung.strategies.prompting`, as they are when the model serves.
"""

from __future__ import annotations

import gzip
import json
import math
import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rung.records import Example, Json, Message, Passage, Question, digest
from rung.records.spec import StrategySpec
from rung.strategies.prompting import compact, grounded, grounding, instruction
from rung.text.refusals import REFUSAL, refusal_json
from rung.text.sentences import sentences

# set -> (folder under the data, share of its contexts that are used, files of cases)
SETS: Mapping[str, tuple[str, float, tuple[str, ...]]] = {
    "squad_train": ("grounded/squad_train", 1.0, ("cases.jsonl.gz", "cases_derived.jsonl.gz")),
    "squad2": ("knowledge/squad2", 1.0, ("cases_train.jsonl.gz",)),
    "squadshifts_new_wiki": ("grounded/squadshifts_new_wiki", 0.6, ("cases.jsonl.gz", "cases_derived.jsonl.gz")),
    "nq_passages": ("grounded/nq_passages", 1.0, ("cases.jsonl.gz",)),
    "fairytaleqa": ("grounded/fairytaleqa", 0.5, ("cases.jsonl.gz",)),
    "wikitablequestions": ("grounded/wikitablequestions", 0.25, ("cases.jsonl.gz",)),
    "tatqa": ("grounded/tatqa", 1.0, ("cases.jsonl.gz",)),
    "aitqa": ("grounded/aitqa", 1.0, ("cases.jsonl.gz",)),
    "qamr": ("grounded/qamr", 0.5, ("cases.jsonl.gz",)),
    "quoref_superni": ("grounded/quoref_superni", 1.0, ("cases.jsonl.gz",)),
    "onestopqa": ("grounded/onestopqa", 1.0, ("cases.jsonl.gz",)),
}
TASKS = (
    *("Answer the question.",) * 6,
    *("Answer questions from the documents.", "Answer from our handbook.", "Answer customers from the help centre."),
    *("Help employees find what the policies say.", "You are a helpful assistant.", "Answer the user's question briefly."),
    *("Answer questions about our products.", "Answer questions about the contract.", "Answer the reader's question."),
    *("Reply to the customer.", "Look it up and answer.", "Answer as a clerk would who has the files at hand."),
)
COUNTS = (1, 2, 3, 3, 3, 3, 3, 4, 5)  # passages of a context
MAX_WORDS = 420  # of a context's passages together
MAX_QUESTIONS = 8
UNANSWERABLE = 0.18  # of all lessons
AS_JSON = 0.12  # of the contexts


def _fields(**kinds: Json) -> str:
    return json.dumps({"type": "object", "properties": kinds, "required": list(kinds), "additionalProperties": False})


_TEXT: Json = {"type": ["string", "null"]}
SCHEMAS = tuple(
    _fields(**dict.fromkeys(names, _TEXT))
    for names in (("answer",), ("answer", "quote"), ("value", "evidence"), ("result",), ("answer", "source_text"))
)


@dataclass
class Case:
    """A question of a set: `document` is the passage that it was asked about."""

    id: str
    question: str
    answers: list[str]
    document: str


@dataclass
class Set:
    """Passages and the questions about each; `groups` has the passages of one article together."""

    documents: dict[str, Passage]
    cases: dict[str, list[Case]]
    groups: dict[str, list[str]] = field(default_factory=dict)
    words: dict[str, frozenset[str]] = field(default_factory=dict)
    rarity: dict[str, float] = field(default_factory=dict)


def rows(path: Path) -> Iterator[dict[str, Json]]:
    """The rows of a JSONL file, packed or not."""
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
        yield from (json.loads(line) for line in file)


def read(data: Path, name: str) -> Set:
    """One set. Passages that no question is about are near misses like any other."""
    folder, _, files = SETS[name]
    path = next(p for p in (data / folder / "documents.jsonl.gz", data / folder / "documents.jsonl") if p.exists())
    found = Set({}, defaultdict(list))
    for row in rows(path):
        title, text = str(row.get("title") or ""), str(row["text"])
        found.documents[str(row["id"])] = Passage(str(row["id"]), str(row["id"]), 0, len(text), text, title)
        article = str(row["meta"].get("article") or row["meta"].get("story") or "")  # type: ignore[union-attr]
        article = article or (str(row["id"]).rsplit(":", 1)[0] if name == "squad2" else "")
        if article:
            found.groups.setdefault(article, []).append(str(row["id"]))
    for file in files:
        for row in rows(data / folder / file):
            about = str(row["meta"]["context_document"])  # type: ignore[index,call-overload]
            if about in found.documents:
                answers = [str(a) for a in row["answers"]]  # type: ignore[union-attr]
                found.cases[about].append(Case(str(row["id"]), str(row["question"]), answers, about))
    if name == "squad2":  # only the articles that teach: the others are held out, their passages too
        taught = set(found.cases)
        found.groups = {a: ids for a, ids in found.groups.items() if taught & set(ids)}
        kept = {id for ids in found.groups.values() for id in ids}
        found.documents = {id: p for id, p in found.documents.items() if id in kept}
    _index(found)
    return found


def judged(data: Path, file: str) -> Set:
    """The passages and questions of squad2's articles in a file of cases that teach nothing."""
    found = Set({}, defaultdict(list))
    for row in rows(data / "knowledge/squad2" / file):
        about = str(row["meta"]["context_document"])  # type: ignore[index,call-overload]
        answers = [str(a) for a in row["answers"]]  # type: ignore[union-attr]
        found.cases[about].append(Case(str(row["id"]), str(row["question"]), answers, about))
    for row in rows(data / "knowledge/squad2/documents.jsonl"):
        article, id = str(row["id"]).rsplit(":", 1)[0], str(row["id"])
        if article in {key.rsplit(":", 1)[0] for key in found.cases}:
            text = str(row["text"])
            found.documents[id] = Passage(id, id, 0, len(text), text, str(row.get("title") or ""))
            found.groups.setdefault(article, []).append(id)
    _index(found)
    return found


def _index(given: Set) -> None:
    seen = Counter[str]()
    for key, passage in given.documents.items():
        given.words[key] = frozenset(re.findall(r"\w{3,}", f"{passage.title} {passage.text}".lower()))
        seen.update(given.words[key])
    given.rarity = {word: math.log(len(given.documents) / n) for word, n in seen.items()}


def near(given: Set, key: str, rng: random.Random, count: int) -> list[str]:
    """Near misses of a passage, nearest first: of its article, else of 60 drawn ones those that share its rarest words."""
    article = next((ids for ids in given.groups.values() if key in ids), []) if given.groups else []
    pool = [k for k in article if k != key]
    if len(pool) < count:
        keys = list(given.documents)
        pool += [k for k in rng.sample(keys, min(60, len(keys))) if k != key and k not in pool]
    own = given.words[key]
    scored = sorted(pool, key=lambda k: -math.fsum(given.rarity[w] for w in own & given.words[k]))  # in whatever order
    return scored[: max(count * 2, 6)]


@dataclass(frozen=True)
class Context:
    """Passages in the order shown, what is asked of them, and how."""

    passages: tuple[Passage, ...]
    asked: tuple[tuple[Case, int], ...]  # the number of the passage that answers, 0 where none does
    task: str
    schema: str


def contexts(given: Set, name: str, seed: int) -> Iterator[Context]:
    """Every passage with questions is shown as gold once."""
    rng = random.Random(digest("grounded", name, seed))
    order = [key for key in given.documents if given.cases.get(key)]
    rng.shuffle(order)
    used: set[str] = set()
    for key in order[: round(len(order) * SETS[name][1])]:
        if key in used:
            continue
        count = rng.choice(COUNTS)
        shown, words = [key], len(given.documents[key].text.split())
        candidates = near(given, key, rng, count)
        rng.shuffle(candidates)
        for other in candidates:
            more = len(given.documents[other].text.split())
            if len(shown) < count and words + more <= MAX_WORDS:
                shown.append(other)
                words += more
        rng.shuffle(shown)
        asked = _asked(given, shown, key, used, rng)
        used.update(shown)
        schema = rng.choice(SCHEMAS) if rng.random() < AS_JSON else ""
        yield Context(tuple(given.documents[k] for k in shown), tuple(asked), rng.choice(TASKS), schema)


def _asked(given: Set, shown: Sequence[str], key: str, used: set[str], rng: random.Random) -> list[tuple[Case, int]]:
    text = " ".join(given.documents[k].text for k in shown).lower()
    fresh = [c for k in shown if k == key or k not in used for c in given.cases.get(k, ())]
    answerable = [c for c in fresh if c.answers]
    rng.shuffle(answerable)
    answerable = answerable[:MAX_QUESTIONS]
    hard = [c for c in fresh if not c.answers]  # asked by people of this very passage, which does not say
    beside = [
        c
        for k in near(given, key, rng, 4)
        if k not in shown
        for c in given.cases.get(k, ())
        if c.answers and not any(a.lower() in text for a in c.answers)
    ]
    rng.shuffle(hard)
    rng.shuffle(beside)
    share = len(answerable) * UNANSWERABLE / (1 - UNANSWERABLE)
    wanted = int(share) + (rng.random() < share - int(share))
    refused = [*hard[: math.ceil(wanted / 2)], *beside][:wanted] if answerable else hard[:1]
    found = [(c, shown.index(c.document) + 1) for c in answerable] + [(c, 0) for c in refused]
    rng.shuffle(found)
    return found


def lessons(context: Context) -> Iterator[Example]:
    """One chat a question; those of one context begin alike, so that a trainer computes the passages once."""
    spec = StrategySpec(rung="rag", task=context.task, schema=context.schema, has_documents=True)
    for case, number in context.asked:
        question = Question(case.id, case.question)
        messages = grounded(instruction(spec), grounding(spec), question, context.passages)
        said = _said(case, context, number)
        yield Example(case.id, (*messages, Message("assistant", said)), meta={"answers": list(case.answers)})


def _said(case: Case, context: Context, number: int) -> str:
    if not context.schema:
        return f"{case.answers[0]} [{number}]" if number else REFUSAL
    if not number:
        return refusal_json(context.schema) or "null"
    first, *second = json.loads(context.schema)["properties"]
    answer = case.answers[0]
    given: dict[str, Json] = {first: answer}
    if second:
        text = context.passages[number - 1].text
        spans = [text[a:b] for a, b in sentences(text)]
        holding = [span for span in spans if answer.lower() in span.lower()]
        given[second[0]] = min(holding, key=len) if holding else answer
    return compact(json.dumps(given, ensure_ascii=False), context.schema)


def made(data: Path, *, seed: int = 0, contexts_at_most: int | None = None) -> list[list[Example]]:
    """The lessons of every context, shuffled over all sets: the first so many teach of every set."""
    found: list[list[Example]] = []
    for name in SETS:
        found += [list(lessons(context)) for context in contexts(read(data, name), name, seed)]
    found = [group for group in found if group]
    random.Random(digest("grounded order", seed)).shuffle(found)
    return found[:contexts_at_most]


def told(groups: Iterable[Sequence[Example]]) -> dict[str, int]:
    """Lessons of each set."""
    return dict(Counter(example.id.split(":")[0] for group in groups for example in group))
