"""Does an adapter tell what its passages answer from what they nearly answer? On articles that taught nothing.

    python benchmarks/refusal_curve.py WORK --adapters src/rung/models/grounded OTHER --shares 0 0.5 1

Data: ../shared/data beside the project; it says so when it is absent. Articles: squad2's for dev, and those of squad_train
that `refusing_lessons` leaves out of the second stage. Every passage over which people wrote near misses is shown alone and
among three (the nearest of its article beside it), or as `--shown` says, prompts as `rag` has them. Of each question: how
likely is the refusal, word for word. Areas are under the ROC curve, answerable against near misses, and against questions
that only another passage of the article answers. `--shares`: weights between two adapters, matrix by matrix (Wortsman and
others 2022, arXiv:2109.01903), of the second; above 1: beyond it. Each is kept in WORK/share-X. No article here is one of
those that the published figures are of.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from grounded_lessons import Case, Set, judged, near, read
from make_grounded import BASE, DATA, between
from refusing_lessons import by_a_person, chosen

from rung.models.catalog import generator
from rung.records import Example, Message, Question, StrategySpec, digest
from rung.strategies.prompting import grounded, grounding, instruction
from rung.text.refusals import REFUSAL
from rung.training.bases import base_of
from rung.training.examples import tokenised

SPEC = StrategySpec(rung="rag", task="Answer the question.", has_documents=True)


@dataclass(frozen=True)
class Asked:
    """A question over passages: `kind` is answerable, near or elsewhere; `shown` how many passages."""

    kind: str
    shown: int
    example: Example


def asked(given: Set, most: int, shown_in: Sequence[int]) -> Iterator[Asked]:
    """The questions of the first so many passages, drawn by a seed."""
    rng = random.Random(digest("refusal curve"))
    keys = [key for key in given.documents if any(map(by_a_person, given.cases.get(key, ())))]
    rng.shuffle(keys)
    for key in keys[:most]:
        beside = [k for k in near(given, key, rng, 3) if k != key]
        three = [key, *beside[:2]]
        rng.shuffle(three)
        text = " ".join(given.documents[k].text for k in three).lower()
        others = [c for k in beside[2:6] for c in given.cases.get(k, ()) if c.answers and c.answers[0].lower() not in text]
        for shown in [one for one in ([key], three) if len(one) in shown_in]:
            for case in given.cases[key]:
                if not case.answers and not by_a_person(case):
                    continue
                yield Asked("answerable" if case.answers else "near", len(shown), _chat(given, shown, case))
            for case in rng.sample(others, min(3, len(others))):
                yield Asked("elsewhere", len(shown), _chat(given, shown, case))


def _chat(given: Set, shown: Sequence[str], case: Case) -> Example:
    question = Question(case.id, case.question)
    messages = grounded(instruction(SPEC), grounding(SPEC), question, [given.documents[k] for k in shown])
    return Example(case.id, (*messages, Message("assistant", REFUSAL)))


def area(low: Sequence[float], high: Sequence[float]) -> float:
    """How often one of `high` is above one of `low`, ties half: the area under the ROC curve."""
    return sum((b > a) + (b == a) / 2 for a in low for b in high) / (len(low) * len(high))


def figures(likely: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """What the likelihoods of each kind of question come to."""
    answerable = likely["answerable"]
    strict = sorted(answerable)[math.ceil(0.9 * len(answerable)) - 1]  # a tenth of the answerable is above
    found = {f"refused {kind}": sum(p > 0.5 for p in values) / len(values) for kind, values in likely.items()}
    for kind in ("near", "elsewhere"):
        found[f"area {kind}"] = area(answerable, likely[kind])
        found[f"refused {kind} at a tenth false"] = sum(p > strict for p in likely[kind]) / len(likely[kind])
    return {name: round(value, 3) for name, value in sorted(found.items())} | {k: len(v) for k, v in likely.items()}


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--adapters", type=Path, nargs="+", required=True)
    parser.add_argument("--shares", type=float, nargs="*", default=[], help="of the second of two adapters")
    parser.add_argument("--passages", type=int, default=1000, help="at most so many of each kind of articles (default: all)")
    parser.add_argument("--shown", type=int, nargs="*", default=[1, 3], help="passages a question (default: 1 and 3)")
    given = parser.parse_args()
    if not DATA.exists():
        sys.exit(f"{DATA} is absent: this needs it there")
    adapters = list(given.adapters)
    if given.shares:
        adapters = [between(*given.adapters, share, given.work / f"share-{share:g}") for share in given.shares]
    others = read(DATA, "squad_train")
    others.cases = {key: others.cases[key] for key in chosen(others) if key in others.cases}
    sets = (judged(DATA, "cases_dev.jsonl"), others)
    questions = [one for of in sets for one in asked(of, given.passages, given.shown)]
    base = base_of(generator(BASE))
    refused = tokenised([one.example for one in questions], base.tokens)
    kinds = {id(row): one for row, one in zip(refused, questions, strict=True)}
    for adapter in adapters:
        began = time.monotonic()
        likely: dict[int, dict[str, list[float]]] = {}
        for row, loss in base.losses(adapter).summed(refused):
            one = kinds[id(row)]
            likely.setdefault(one.shown, {}).setdefault(one.kind, []).append(math.exp(-loss))
        told = {f"{shown} passages": figures(values) for shown, values in sorted(likely.items())}
        print(json.dumps({"adapter": str(adapter), **told, "seconds": round(time.monotonic() - began)}), flush=True)


if __name__ == "__main__":
    main()
