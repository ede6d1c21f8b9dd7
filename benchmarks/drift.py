"""Detectors of data and quality drift on streams with known change points, made from public sets.

    python -m benchmarks.drift                      # all parts; about half an hour on one core
    python -m benchmarks.drift topics --streams 20  # quicker, and less sure
    python -m benchmarks.drift topics | scores | coverage

`topics`: real questions of clinc150 (domains), banking77 (intents) and squad2 (articles), as the default embedder sees
them; the verdict's cases are drawn from some topics, and from a known question on other topics come, or one of the known
ones comes more often. Quiet streams are drawn as the cases are; in "quiet sessions" each person asks some questions, three
on average, on one topic, one after another: as they are counted (the first of each session; with one key for all people
every tenth), and, for comparison, all of them. `scores`: ratings and refusals drawn by their chances, and
whether citations bear out real sentences of squad2, of which from a known answer on some cite another passage.
`coverage`: how often
the interval of "the cases stand for" holds the true share of known topics.
"""

from __future__ import annotations

import argparse
import gzip
import json
import math
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rung.config.schema import DEFAULT_EMBEDDER
from rung.models.catalog import embedder
from rung.records import Answer, Citation, Passage
from rung.state.sessions import Session
from rung.stats.drift import AT_A_LOOK, LOOKS, RISK, SHOWN, martingales, representation
from rung.stats.drop import drop
from rung.stats.two_sample import two_sample_test
from rung.text.sentences import sentences
from rung.text.support import claims
from rung.watching.data_drift import FEWER_REFUSED, words_of
from rung.watching.quality_drift import TOLERANCE
from rung.watching.traffic import BLOCK

Floats = NDArray[np.float64]
DATA = Path(__file__).parents[2] / "shared" / "data"
SESSIONS = ("quiet sessions", "quiet sessions, one key", "quiet sessions, all counted")
KINDS = ("quiet", *SESSIONS, "new 30 %", "new 10 %", "mix", "new 30 % from the start")
QUIET = 2 * BLOCK  # questions of a quiet stream: the longest that is looked at
OF_SESSION, PAUSE_MS = 3, 20_000  # questions of a session, on average; between two of them
EVERY = 10  # questions between two looks
CHANGE, AFTER = 300, 600  # questions before a change, and after it


@dataclass(frozen=True)
class Pool:
    """Questions by topic, with their vectors."""

    texts: tuple[str, ...]
    topics: NDArray[np.str_]
    vectors: Floats
    words: Floats


def rows(name: str) -> list[dict[str, Any]]:
    """Lines of a file of the public sets, packed or not."""
    path = DATA / f"{name}.jsonl"
    packed = path if path.exists() else path.with_name(f"{path.name}.gz")
    content = packed.read_bytes() if path.exists() else gzip.decompress(packed.read_bytes())
    return [json.loads(line) for line in content.decode().split("\n") if line]


def pools(most: int) -> dict[str, Pool]:
    """The three sets, each question once, at most so many of each."""
    domains = {intent: row["domain"] for row in rows("behaviour/clinc150/domains") for intent in row["intents"]}
    chats = {
        "clinc150": [(row, domains.get(row["meta"]["label"], "")) for row in rows("behaviour/clinc150/train")],
        "banking77": [(row, row["meta"]["label"]) for row in rows("behaviour/banking77/train")],
    }
    asked = {name: [(row["messages"][-2]["content"], topic) for row, topic in some] for name, some in chats.items()}
    squad = [row for split in ("train", "test", "dev") for row in rows(f"knowledge/squad2/cases_{split}")]
    asked["squad2"] = [(row["question"], row["meta"]["article"]) for row in squad]
    encoder, made = embedder(DEFAULT_EMBEDDER), {}
    for name, some in asked.items():
        of = {text: topic for text, topic in some if topic}
        texts = sorted(of)
        texts = [texts[n] for n in sorted(np.random.default_rng(0).permutation(len(texts))[:most])]
        vectors = encoder.embed(texts, kind="query").astype(np.float64)
        made[name] = Pool(tuple(texts), np.array([of[text] for text in texts]), vectors, words_of(texts))
        print(f"{name}: {len(texts):,} questions on {len(set(of.values()))} topics", file=sys.stderr)
    return made


def drawn(rng: np.random.Generator, pool: Pool, chances: Mapping[str, float], count: int) -> list[int]:
    """Rows of questions, each by itself: a topic by its chance, one of its questions."""
    names = sorted(chances)
    every = {name: np.flatnonzero(pool.topics == name) for name in names}
    shares = np.array([chances[name] for name in names])
    return [int(rng.choice(every[str(name)])) for name in rng.choice(names, size=count, p=shares / shares.sum())]


@dataclass(frozen=True)
class Stream:
    """Rows of a pool: the cases, what came before the change, and after it."""

    cases: list[int]
    before: list[int]
    after: list[int]


def stream_of(rng: np.random.Generator, pool: Pool, kind: str, *, cases: int, before: int, after: int) -> Stream:
    """`kind`: "quiet"; "new 30 %" of the questions on other topics; "mix": a known topic in 60 % of them."""
    names = [str(name) for name in rng.permutation(np.unique(pool.topics))]
    old = names[: max(2, len(names) // 2)]
    weights = dict(zip(old, rng.dirichlet(np.full(len(old), 5.0)), strict=True))
    first = drawn(rng, pool, weights, cases)
    quiet = drawn(rng, pool, weights, before)
    share = float(kind.split()[1]) / 100 if kind.startswith("new") else 0.6
    others = [str(name) for name in names[len(old) :]][:2] if kind.startswith("new") else old[:1]
    mixed = {name: (1 - share) * weight for name, weight in weights.items()}
    for name in others:
        mixed[name] = mixed.get(name, 0.0) + share / len(others)
    return Stream(first, quiet, drawn(rng, pool, mixed, after) if after else [])


def in_sessions(rng: np.random.Generator, pool: Pool, kind: str, *, cases: int, count: int) -> Stream:
    """A quiet stream of people who ask several questions on one topic, and those of them that are counted."""
    names = [str(name) for name in rng.permutation(np.unique(pool.topics))]
    old = names[: max(2, len(names) // 2)]
    chances = dict(zip(old, rng.dirichlet(np.full(len(old), 5.0)), strict=True))
    every = {name: np.flatnonzero(pool.topics == name) for name in old}
    asked, callers = list[int](), dict[int, Session]()
    counted = list[int]()
    for person in range(count):
        if len(asked) >= count:
            break
        topic = str(rng.choice(old, p=[chances[name] for name in old]))
        caller = callers.setdefault(0 if kind.endswith("one key") else person, Session())
        for _ in range(min(int(rng.geometric(1 / OF_SESSION)), count - len(asked))):
            asked.append(int(rng.choice(every[topic])))
            if caller.begins(PAUSE_MS * len(asked)) or kind.endswith("all counted"):
                counted.append(asked[-1])
    return Stream(drawn(rng, pool, chances, cases), counted, [])


def found_after(pool: Pool, stream: Stream, seed: int) -> float:
    """Questions after which a stream is called drifted, as `stats.drift.drift` would; infinite where never."""
    cases, live = np.array(stream.cases), np.array([*stream.before, *stream.after])
    vectors, words, ended = pool.vectors, pool.words, math.inf
    given = {"case_words": words[cases], "live_words": words[live]}
    for test, own, first, share in martingales(vectors[cases], vectors[live], seed=seed, **given):
        for begin in range(0, len(own), EVERY):
            end = min(begin + EVERY, len(own))
            if first + end >= ended:
                break
            test.observe(own[begin:end])
            if test.most + math.log(share) >= SHOWN:
                ended = float(first + end)
                break
    for size in LOOKS:
        some = pool.vectors[live[:size]]
        if size <= min(len(live), ended) and two_sample_test(pool.vectors[cases], some, seed=seed + size).p <= AT_A_LOOK:
            return float(size)
    return ended


def topics_part(seeds: range, most: int, kinds: Sequence[str]) -> None:
    """False alarms over quiet streams, and questions until a change is found."""
    made = pools(most)
    print(f"risk {RISK} for a stream; quiet streams of {QUIET:,} questions, change after {CHANGE}")
    print("set        cases  what came                   streams  found  before  half found after  90 %  share stood for")
    for name, pool in made.items():
        for cases in (40, 100, 300):
            for kind in KINDS if kinds == ["all"] else kinds:
                if cases == 100 or not kind.startswith("quiet"):
                    print(topic_row(name, pool, cases, kind, seeds), flush=True)


def topic_row(name: str, pool: Pool, cases: int, kind: str, seeds: range) -> str:
    """One line of the table."""
    ends, shares, early = [], [], 0
    start = kind.endswith("start")
    for seed in seeds:
        rng = np.random.default_rng((seed, cases, len(kind)))
        if kind.startswith("quiet"):
            made = (
                stream_of(rng, pool, kind, cases=cases, before=QUIET, after=0)
                if kind == "quiet"
                else in_sessions(rng, pool, kind, cases=cases, count=QUIET)
            )
            ends.append(found_after(pool, made, seed))
            recent = made.before[-500:]
        else:
            before = 0 if start else CHANGE
            made = stream_of(rng, pool, kind, cases=cases, before=before, after=AFTER)
            end = found_after(pool, made, seed)
            early += end <= before
            ends.append(end - before)
            recent = made.after[-500:]
        measured = representation(pool.vectors[made.cases], pool.vectors[recent], np.ones(cases))
        shares.append(measured.coverage.share.mean or 0.0)
    return (
        f"{name:<10} {cases:>5}  {kind:<28} {len(seeds):>4}  {np.isfinite(ends).mean():>6.1%}  {early:>6}"
        f"  {quantile(ends, 0.5):>16}  {quantile(ends, 0.9):>4}  {np.mean(shares):.2f}"
    )


def quantile(ends: Sequence[float], share: float) -> str:
    """Items after which so large a share of the streams had found it."""
    needed = sorted(ends)[math.ceil(share * len(ends)) - 1]
    return f"{needed:.0f}" if math.isfinite(needed) else "more"


def scores_part(streams: int) -> None:
    """Ratings, refusals and citations: false alarms, and items until a drop is found."""
    real = support_scores()
    good, bad = real
    print(f"support of {len(good):,} sentences by their own passage {good.mean():.3f}, by another one {bad.mean():.3f}")
    print("what        rate before -> after   streams  found  before  half found after  90 %")
    for what, tolerance, before, after in (
        ("ratings", TOLERANCE, 0.9, 0.9), ("ratings", TOLERANCE, 0.9, 0.8), ("ratings", TOLERANCE, 0.9, 0.7),
        ("ratings", TOLERANCE, 0.6, 0.6), ("ratings", TOLERANCE, 0.6, 0.4),
        ("refusals", FEWER_REFUSED, 0.9, 0.9), ("refusals", FEWER_REFUSED, 0.9, 0.8), ("refusals", FEWER_REFUSED, 0.9, 0.7),
        ("citations", TOLERANCE, 1.0, 1.0), ("citations", TOLERANCE, 1.0, 0.9), ("citations", TOLERANCE, 1.0, 0.7),
    ):  # fmt: skip
        ends, early = [], 0
        for seed in range(streams):
            rng = np.random.default_rng((seed, int(100 * before), int(100 * after), len(what)))
            is_quiet = before == after
            length = (QUIET, 0) if is_quiet else (CHANGE, 1_500)
            chances = np.repeat([before, after], length)
            scores = (rng.random(len(chances)) < chances).astype(float)
            reference = None
            if what == "citations":
                own = rng.choice(good, size=100)
                reference = (float(own.sum()), float(100 - own.sum()))
                scores = np.where(scores == 1, rng.choice(good, size=len(scores)), rng.choice(bad, size=len(scores)))
            ended = np.inf
            for end in range(16, len(scores) + 1, 16):
                if drop(scores[:end], tolerance=tolerance, reference=reference).shows(RISK):
                    ended = float(end)
                    break
            early += not is_quiet and ended <= CHANGE
            ends.append(ended - (0 if is_quiet else CHANGE))
        print(
            f"{what:<10}  {before:.2f} -> {after:.2f} {'':<12} {streams:>6}  {np.isfinite(ends).mean():>5.0%}  {early:>6}"
            f"  {quantile(ends, 0.5):>16}  {quantile(ends, 0.9):>4}",
            flush=True,
        )


def support_scores() -> tuple[Floats, Floats]:
    """How far a sentence is borne out by the passage that it stands in, and by another one of the same article."""
    documents = rows("knowledge/squad2/documents")
    own, other = [], []
    for row, beside in zip(documents, [*documents[1:], documents[0]], strict=True):
        text, rival = row["text"], beside["text"]
        for start, end in sentences(text)[:2]:
            for cited, scores in ((text, own), (rival, other)):
                passage = Passage("p", "d", 0, len(cited), cited)
                said = f"{text[start:end]} [1]"
                checked = claims(Answer(said, said, citations=(Citation(1, "d", 0, len(cited)),), passages=(passage,)))
                if checked:
                    scores.append(sum(claim.is_supported for claim in checked) / len(checked))
    return np.array(own), np.array(other)


def coverage_part(streams: int, most: int) -> None:
    """Whether the interval of the share that the cases stand for holds the share of questions on their topics."""
    print("set        cases  share on other topics  said (mean)  interval holds the share on known ones")
    for name, pool in pools(most).items():
        for cases in (40, 100, 300):
            for share in (0, 30):
                said, held = [], 0
                for seed in range(streams):
                    rng = np.random.default_rng((seed, cases, share))
                    made = stream_of(rng, pool, f"new {share} %", cases=cases, before=0, after=500)
                    known = set(pool.topics[made.cases])
                    truth = float(np.mean([topic in known for topic in pool.topics[made.after]]))
                    estimate = representation(
                        pool.vectors[made.cases], pool.vectors[made.after], np.ones(cases)
                    ).coverage.share
                    said.append(estimate.mean or 0.0)
                    held += (estimate.low or 0.0) <= truth <= (estimate.high or 0.0)
                print(f"{name:<10} {cases:>5}  {share:>19} %  {np.mean(said):>11.2f}  {held / streams:>6.0%}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", nargs="?", choices=["topics", "scores", "coverage"])
    parser.add_argument("--kinds", nargs="+", default=["all"], choices=["all", *KINDS], help="of what comes, in `topics`")
    parser.add_argument("--streams", type=int, default=100)
    parser.add_argument("--first", type=int, default=0, help="the first seed, in `topics`")
    parser.add_argument("--most", type=int, default=6_000, help="questions of a set")
    asked = parser.parse_args()
    began = time.perf_counter()
    if asked.part in (None, "topics"):
        topics_part(range(asked.first, asked.first + asked.streams), asked.most, asked.kinds)
    if asked.part in (None, "scores"):
        scores_part(asked.streams)
    if asked.part in (None, "coverage"):
        coverage_part(asked.streams, asked.most)
    print(f"{time.perf_counter() - began:,.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
