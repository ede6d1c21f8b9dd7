"""How long do 100,000 stored cases take to be scored again, tested and reported? Issue 5, measurement 5.

    python benchmarks/overhead.py [--cases 100000] [--rungs 2] [--profile]

Makes so many cases with the answers of so many rungs (short answers with citations over five passages each, some refusals,
some failures), and then times what a verdict does with them without a model: every scorer over every answer, the
diagnosis, estimates and tests by documents, decision, losses, storing the answers, table, JSON, page. Making the cases is
not timed.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import random
import resource
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rung.pipeline.evaluation_store import EVALUATIONS, Facts, read_evaluations, write_evaluations
from rung.records import (
    Answer,
    Case,
    Citation,
    Coverage,
    Evaluation,
    Evidence,
    Failure,
    Loss,
    Outcome,
    Passage,
    RungResult,
    Scorecard,
    Usage,
    Verdict,
)
from rung.report.as_json import verdict_json
from rung.report.html.page import Basis, CasePage, Report, report_html
from rung.report.table import table
from rung.scoring import ScoringContext, metrics, score_run
from rung.verdict.bar import Bar
from rung.verdict.clusters import clusters
from rung.verdict.decide import decide
from rung.verdict.failure_modes import Corpus, losses

WORDS = (
    *("return", "parcel", "delivery", "refund", "customs", "invoice", "warranty"),
    *("battery", "account", "password", "order", "shipping", "courier", "depot"),
)


def made(count: int, rungs: int, seed: int = 0) -> tuple[list[Case], list[list[Outcome]]]:
    """Cases of a help desk, four to a document, and the outcomes of each rung."""
    dice = random.Random(seed)
    passages = [_passage(document, part, dice) for document in range(max(2, count // 4)) for part in range(2)]
    cases, outcomes = [], [[] for _ in range(rungs)]  # type: ignore[var-annotated]
    for i in range(count):
        gold = passages[(i // 4 * 2) % len(passages)]
        answerable = i % 6 != 5
        told = " ".join(gold.text.split()[3:6])
        case = Case(
            f"case-{i}",
            f"What about {told} in {i}?",
            (told,) if answerable else (),
            answerable,
            (Evidence(gold.document, gold.start, gold.end),) if answerable else (),
            (gold.document,) if answerable else (),
        )
        cases.append(case)
        for place, rows in enumerate(outcomes):
            rows.append(_outcome(case, gold, passages, 0.6 + 0.05 * place, dice))
    return cases, outcomes


def _passage(document: int, part: int, dice: random.Random) -> Passage:
    text = ". ".join(" ".join(dice.choices(WORDS, k=9)) for _ in range(6)) + "."
    return Passage(f"d{document}:{part}", f"d{document}", part * 500, part * 500 + len(text), text)


def _outcome(case: Case, gold: Passage, passages: Sequence[Passage], share: float, dice: random.Random) -> Outcome:
    usage = Usage(420, 12, 2)
    luck = dice.random()
    if luck > 0.99:
        return Outcome(case.id, failure=Failure("timed out", "generate"), usage=usage)
    found = (*((gold,) if luck < 0.85 else ()), *dice.sample(passages, 9))
    if luck > 0.9:
        return Outcome(case.id, Answer("I don't know.", "I don't know.", True, (), found[:5], found), usage=usage)
    said = (case.answers[0] if case.answers and luck < share else " ".join(dice.choices(WORDS, k=5))).capitalize()
    marks = (Citation(1, found[0].document, found[0].start, found[0].end, found[0].id),)
    return Outcome(case.id, Answer(f"{said} [1].", f"{said}.", False, marks, found[:5], found), usage=usage)


def evaluated(
    place: int, outcomes: Sequence[Outcome], card: Scorecard, layers: Sequence[Loss | None], groups: tuple[int, ...] | None
) -> Evaluation:
    """A rung's record once it is scored, as `pipeline.evaluate` makes it."""
    line = RungResult(f"rag[passages={place}]", {}, "measured", order=place)
    return Evaluation(line, outcomes=tuple(outcomes), cards=(card,), layers=tuple(layers), clusters=groups)


def report(cases: list[Case], runs: list[list[Outcome]]) -> tuple[Verdict, str, Path]:
    """All that is timed; prints what each part took."""
    began, used = time.perf_counter(), time.process_time()

    def told(what: str) -> None:
        nonlocal began, used
        took, worked = time.perf_counter() - began, time.process_time() - used
        print(f"  {what:40} {took:6.2f} s ({worked:6.2f} s of processor)", flush=True)
        began, used = time.perf_counter(), time.process_time()

    names = [f"rag[passages={place}]" for place in range(len(runs))]
    cards = [score_run(cases, outcomes, scoring_context=ScoringContext("f1")) for outcomes in runs]
    told("every scorer")
    corpus = Corpus(passages={f"d{i}": ((0, 500), (500, 1000)) for i in range(len(cases) // 4)})
    layers = [losses(cases, rows, card.values, corpus)[1] for rows, card in zip(runs, cards, strict=True)]
    told("diagnosis")
    groups = clusters(cases)
    rungs = [evaluated(i, runs[i], cards[i], layers[i], groups) for i in range(len(runs))]
    verdict = decide(rungs, bar=Bar(0.62))
    told("estimates, won back, tests, decision, what would change it")
    stored = Path(tempfile.mkdtemp()) / EVALUATIONS
    with stored.open("wb") as file:
        write_evaluations(file, Facts("f1", Coverage()), cases, rungs)
    told(f"answers and scores stored ({stored.stat().st_size / 1e6:.1f} MB)")
    pages = tuple(
        CasePage(
            case,
            {name: runs[i][place] for i, name in enumerate(names)},
            {name: cards[i].at(place) for i, name in enumerate(names)},
            {name: layers[i][place] or "" for i, name in enumerate(names)},
        )
        for place, case in enumerate(cases)
    )
    counts = {name: dict(Counter(str(layer) for layer in layers[i] if layer)) for i, name in enumerate(names)}
    told("records of the page")
    basis = Basis(len(cases) // 4, len(cases) // 2, {"test": len(cases)}, 0, "made up", "", "f1")
    report = Report("overhead", "", "2026-11-21", verdict, {"correct": 0.62}, basis, pages, counts, metrics=metrics())
    page = report_html(report)
    told("page")
    lines = table(verdict)
    said = verdict_json(verdict)
    told(f"table ({len(lines)} lines), JSON ({len(said):,} bytes)")
    return verdict, page, stored


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--cases", type=int, default=100_000)
    options.add_argument("--rungs", type=int, default=2)
    options.add_argument("--profile", action="store_true")
    said = options.parse_args()
    cases, runs = made(said.cases, said.rungs)
    print(f"{said.cases:,} cases, {said.rungs} rungs")
    profile, began, used = cProfile.Profile(), time.perf_counter(), time.process_time()
    if said.profile:
        profile.enable()
    verdict, page, stored = report(cases, runs)
    profile.disable()
    took = time.perf_counter() - began
    worked, size = time.process_time() - used, len(page.encode()) / 1e6
    print(f"all: {took:.1f} s ({worked:.1f} s of processor), page {size:.1f} MB: {verdict.winner}")
    used = time.process_time()
    assert [e.outcomes for e in read_evaluations(stored).evaluations] == [tuple(rows) for rows in runs]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(
        f"beside it, stored answers read and compared: {time.process_time() - used:.1f} s of processor; peak {peak:.2f} GB"
    )
    if said.profile:
        pstats.Stats(profile).sort_stats("tottime").print_stats(25)


if __name__ == "__main__":
    main()
