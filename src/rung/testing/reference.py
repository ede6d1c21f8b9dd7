"""What a search must find, computed by brute force from the definitions, over made-up documents."""

from __future__ import annotations

import math
import random
import re
from collections import Counter
from collections.abc import Sequence

from rung.knowledge.filters import matches, parsed
from rung.knowledge.protocol import Change, Fusion, Groups, Lookup, Row
from rung.records import Document, Json, Passage, canonical


def may_read(what: Passage | Document, groups: Groups) -> bool:
    """Whether an asker of these groups may read a passage or a document."""
    return groups is None or not what.groups or bool(set(what.groups) & groups)


CLOSE = 3e-5  # BM25 is computed in single precision: two that lie closer together may stand either way round


def is_right(results: Sequence[Passage], change: Change, lookup: Lookup, fusion: Fusion) -> bool:
    """Whether a search found what it must, in the right order and with the right scores, see `by_brute_force`."""
    expected = by_brute_force(change, lookup, fusion)
    worth, scores = dict(expected), [passage.score for passage in results]
    return (
        len(results) == len({passage.id for passage in results}) == min(lookup.top, len(expected))
        and results == tuple(sorted(results, key=lambda p: (-p.score, p.id)))
        and all(abs(p.score - worth.get(p.id, math.inf)) < CLOSE for p in results)
        and all(abs(score - best) < CLOSE for score, (_, best) in zip(scores, expected, strict=False))
    )


def by_brute_force(change: Change, lookup: Lookup, fusion: Fusion) -> list[tuple[str, float]]:
    """All that a search has to choose from, best first: (passage id, fused score), one at a time from the definitions.

    Parents and diversity are left out. BM25 with k1 = 1.2 and b = 0.75 over lower-cased words, without stemming or stop
    words: use words that have neither.
    """
    terms = parsed(lookup.where)
    meant = {d.id for d in change.documents if matches(d, terms)}
    readable = [r.passage.document in meant and may_read(r.passage, lookup.groups) for r in change.rows]
    rows = [(r, v) for r, v, ok in zip(change.rows, change.vectors, readable, strict=True) if ok]
    depth = max(fusion.depth, lookup.top)
    dense = [(r.passage.id, round(float(v.astype(float) @ lookup.vector.astype(float)), 6)) for r, v in rows]
    bm25 = [(id, score) for id, score in _bm25(change.rows, [r for r, _ in rows], lookup.text) if score > 0]
    fused: dict[str, float] = {}
    parts = []
    for weight, ranking in ((fusion.dense_weight, dense), (1 - fusion.dense_weight, bm25)):
        ranked = sorted(ranking, key=lambda pair: (-pair[1], pair[0]))[:depth] if weight else []
        best = ranked[0][1] if ranked else 0.0
        shares = {id: score / best if best > 0 else 1 + score - best for id, score in ranked}
        if fusion.by == "ranks":
            shares = {id: 1 / (60 + rank) for rank, (id, _) in enumerate(ranked, 1)}
        absent = min(shares.values(), default=0.0) if ranking is dense and fusion.by == "scores" else 0.0
        parts.append((weight, shares, absent))
    for id in {id for _, shares, _ in parts for id in shares}:
        fused[id] = sum(weight * shares.get(id, absent) for weight, shares, absent in parts)
    return sorted(((id, round(s, 9)) for id, s in fused.items()), key=lambda pair: (-pair[1], pair[0]))


def _bm25(corpus: Sequence[Row], readable: Sequence[Row], query: str) -> list[tuple[str, float]]:
    words = {r.passage.id: re.findall(r"[a-z0-9]+", r.indexed.lower()) for r in corpus}
    average = sum(map(len, words.values())) / max(len(words), 1)
    holding = Counter(word for own in words.values() for word in set(own))
    scores = []
    for r in readable:
        counts, length, score = Counter(words[r.passage.id]), len(words[r.passage.id]), 0.0
        for word in re.findall(r"[a-z0-9]+", query.lower()):
            rarity = math.log(1 + (len(words) - holding[word] + 0.5) / (holding[word] + 0.5))
            score += rarity * counts[word] * 2.2 / (counts[word] + 1.2 * (0.25 + 0.75 * length / average))
        scores.append((r.passage.id, float(f"{score:.6g}")))
    return scores


def invented(count: int, random: random.Random, *, groups: Sequence[str] = ("a", "b", "c")) -> list[Document]:
    """Documents of made-up words, each with a random access list, some for everybody."""
    documents = []
    for number in range(count):
        text = " ".join(f"w{random.randrange(40)}" for _ in range(random.randrange(1, 25)))
        access = tuple(random.sample(list(groups), random.randrange(len(groups) + 1)))
        documents.append(Document(f"d{number}", text, f"t{number % 5}", access, meta_of(random), f"{number}.txt"))
    return documents


def meta_of(random: random.Random) -> dict[str, Json]:
    """Random metadata: of every kind, nested, missing, and of another kind than in the next document."""
    values: dict[str, list[Json]] = {
        "year": [2019, 2020, 2020.5, "2020", True],
        "day": ["2024-05-01", "2024-05-01T12:00:00Z", "2024-05-02T01:00:00+02:00", "2023-12-31", "soon"],
        "lang": ["en", "de", "o'brien", "%"],
        "tags": [["x", "y"], ["y", 1], [], "x"],
        "author": [{"name": "Ann"}, {"name": "Bob", "age": 40}],
    }
    return {key: random.choice(some) for key, some in values.items() if random.random() < 0.7}


def condition_of(random: random.Random) -> str:
    """A random condition on `meta_of`."""
    conditions: list[dict[str, Json]] = [
        {"year": 2020},
        {"year": {"gte": 2020}},
        {"year": {"gt": 2019, "lt": 2020.5}},
        {"year": {"ne": 2020}},
        {"year": "2020"},
        {"year": {"lte": "2020"}},
        {"day": "2024-05-01"},
        {"day": {"gt": "2024-05-01"}},
        {"day": {"lte": "2024-05-01T23:00:00Z", "gte": "2023-12-31"}},
        {"lang": {"in": ["de", "o'brien"]}},
        {"lang": {"gt": "de"}, "year": {"ne": "x"}},
        {"tags": "x"},
        {"tags": {"in": [1, "z"]}},
        {"tags": {"ne": "y"}},
        {"author.name": "Ann"},
        {"author.age": {"gt": 30}},
        {"title": "t1"},
        {"document": {"in": ["d1", "d2", "d3"]}},
        {"source": {"lt": "3"}},
        {"nothing": {"gt": 1}},
        {"lang": {"in": []}},
    ]
    return canonical(random.choice(conditions))
