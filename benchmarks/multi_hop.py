"""Searching in turns against one round: support recall at equal passages shown, on public two- to four-hop questions.

    python benchmarks/multi_hop.py WORK [--methods bridge ircot decompose] [--parts "musique all" …] [--answers --model NAME]

Data: ../shared/data beside the project; what is absent is said and left out. The strategies are the shipped ones, on a real
index of all documents of a set (kept in WORK). Without --answers the last generation is left out: the ranking is made before
it, and `bridge` needs no model at all. With it every case is answered, F1 and tokens are measured too, and each reply is
remembered in WORK/replies.jsonl, so that a run that was stopped goes on. Constants were chosen on hotpotqa's train cases
and on the half of musique called `musique dev`; `musique test` and hotpotqa's test cases were looked at
meanwhile. Differences are paired, with 95 % bootstrap intervals over cases.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from rung.knowledge import Fusion, Knowledge
from rung.knowledge.retrieval import KnowledgeEngine
from rung.models.catalog import embedder, generator
from rung.records import Answer, Case, Document, Failure, StrategySpec, digest
from rung.records.gold import counted, target_ranks
from rung.records.steps import Engine, Generate, GenerateResult, Request, Result, Search, Step
from rung.strategies.registry import make_strategy
from rung.text.matching import token_f1
from rung.verdict.statistics import paired

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "multidoc"
ANSWER_TOKENS = 24
WAYS = {"bridge": {"method": "bridge"}, "ircot": {"method": "ircot"}, "decompose": {"method": "decompose"}}


@dataclass(frozen=True)
class Part:
    """Cases of one set."""

    name: str
    of: str
    cases: tuple[Case, ...]


def rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a file, gzipped or not."""
    path = path if path.exists() else path.with_name(f"{path.name}.gz")
    raw = path.read_bytes()
    text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8")
    return [json.loads(line) for line in text.splitlines()]


def parts(name: str) -> Iterator[Part]:
    """The cases that chose, and those that judge."""
    for file in sorted((DATA / name).glob("cases_*.jsonl*")):
        cases = [
            Case(r["id"], r["question"], tuple(r["answers"]), gold_documents=tuple(r["gold_documents"])) for r in rows(file)
        ]
        split = file.name.split("_")[1].split(".")[0]
        if name == "musique":
            halves = [[c for c in cases if int(digest("half", c.id)[:8], 16) % 2 == n] for n in (0, 1)]
            yield from (Part(f"{name} {of}", name, tuple(half)) for of, half in zip(("dev", "test"), halves, strict=True))
            yield Part(f"{name} all", name, tuple(cases))
        else:
            yield Part(f"{name} {'dev' if split == 'train' else split}", name, tuple(cases))


def index(name: str, work: Path, untitled: bool = False) -> Knowledge:
    """All documents of a set, searchable; `untitled`: as if they had no titles."""
    knowledge = Knowledge.open(work / (f"{name}-untitled" if untitled else name), embedder=embedder("minilm-l6-v2"))
    documents = rows(DATA / name / "documents.jsonl")
    knowledge.sync([Document(r["id"], r["text"], title="" if untitled else r["title"]) for r in documents])
    knowledge.fusion = Fusion()
    return knowledge


class Replies:
    """A model's replies, each remembered in a file as it comes."""

    def __init__(self, engine: Engine, path: Path) -> None:
        self.engine, self.path = engine, path
        lines = path.read_text("utf-8").splitlines() if path.exists() else ()
        self.cached: dict[str, dict[str, Any]] = dict(json.loads(line) for line in lines)

    def of(self, steps: Sequence[Step]) -> list[Result]:
        """A reply to each step, in their order."""
        keys = [digest(self.engine.identity, step) for step in steps]
        new = {key: step for key, step in zip(keys, steps, strict=True) if key not in self.cached}
        names = list(new)
        with self.path.open("a", encoding="utf-8") as file:
            for place, result in self.engine.run([Request(step) for step in new.values()]):
                if not isinstance(result, GenerateResult):
                    raise SystemExit(f"the model failed: {result}")
                fields = {n: getattr(result, n) for n in ("text", "prompt_tokens", "completion_tokens", "truncated")}
                self.cached[names[place]] = fields
                print(json.dumps([names[place], fields]), file=file, flush=True)
        return [GenerateResult(**self.cached[key]) for key in keys]


@dataclass
class Ended:
    """An answer, and what it took."""

    answer: Answer
    searches: int = 0
    tokens: int = 0


def answered(
    spec: StrategySpec, cases: Sequence[Case], search: KnowledgeEngine, replies: Replies | None, final: bool
) -> list[Ended]:
    """Carry all conversations together, kind of step by kind of step; without `final` the answer itself is not generated."""
    strategy = make_strategy(spec)
    open_ = {n: strategy.answer(case.ask()) for n, case in enumerate(cases)}
    steps = {n: next(conversation) for n, conversation in open_.items()}
    ended = {n: Ended(Answer("")) for n in open_}
    while open_:
        kind = Search if any(isinstance(step, Search) for step in steps.values()) else Generate
        waiting = [n for n, step in steps.items() if isinstance(step, kind)]
        for n, result in zip(waiting, _results([steps[n] for n in waiting], search, replies, final), strict=True):
            ended[n].searches += kind is Search
            if isinstance(result, GenerateResult):
                ended[n].tokens += result.prompt_tokens + result.completion_tokens
            try:
                steps[n] = open_[n].send(result)
            except StopIteration as stop:
                ended[n].answer = stop.value
                del open_[n], steps[n]
        print(f"\r  {len(cases) - len(open_)} of {len(cases)}", end="", file=sys.stderr)
    return [ended[n] for n in range(len(cases))]


def _results(steps: Sequence[Step], search: KnowledgeEngine, replies: Replies | None, final: bool) -> list[Result]:
    if isinstance(steps[0], Search):
        found = dict(search.run([Request(step) for step in steps]))
        if wrong := [result for result in found.values() if isinstance(result, Failure)]:
            raise SystemExit(f"a search failed: {wrong[0]}")
        return [found[n] for n in range(len(steps))]  # type: ignore[misc]
    asked = [n for n, step in enumerate(steps) if isinstance(step, Generate) and (final or step.max_tokens != ANSWER_TOKENS)]
    given: list[Result] = [GenerateResult("") for _ in steps]
    if asked and replies is None:
        raise SystemExit("this way of hopping asks a model: name one with --model")
    if asked and replies is not None:
        for n, reply in zip(asked, replies.of([steps[n] for n in asked]), strict=True):
            given[n] = reply
    return given


def recalls(cases: Sequence[Case], ended: Sequence[Ended], k: int) -> list[float]:
    """Share of each case's gold documents among the first k passages, as `recall@k`."""
    values = []
    for case, one in zip(cases, ended, strict=True):
        ranks = target_ranks(case, counted(case, one.answer.retrieved))
        values.append(sum(rank is not None and rank <= k for rank in ranks) / len(ranks))
    return values


def f1s(cases: Sequence[Case], ended: Sequence[Ended]) -> list[float]:
    """Token F1 against the nearest accepted answer; a refusal has none."""
    return [
        0.0 if one.answer.refused else token_f1(one.answer.plain, case.answers)
        for case, one in zip(cases, ended, strict=True)
    ]


def against(one: Sequence[float], other: Sequence[float]) -> str:
    """The paired difference with its interval."""
    by = paired(one, other).estimate
    return f"{by.mean:+.3f} [{by.low:+.3f}, {by.high:+.3f}]"


def measure(part: Part, search: KnowledgeEngine, replies: Replies | None, given: argparse.Namespace) -> None:
    """Print one part's table."""
    plain = StrategySpec(
        "rag", {"passages": 5}, task="Answer the question.", has_documents=True, answer_tokens=ANSWER_TOKENS
    )
    settings: dict[str, Mapping[str, Any]] = {m: {**WAYS[m], "hops": h} for m in given.methods for h in given.hops}
    arms = {"rag": plain}
    for method in given.methods:
        for hops in given.hops:
            arms[f"{method}, {hops} hops"] = replace(
                plain, rung="multi_hop", settings={**settings[method], "hops": hops, "tokens": given.tokens}
            )
    runs = {name: answered(spec, part.cases, search, replies, given.answers) for name, spec in arms.items()}
    print(f"\n\n### {part.name}, {len(part.cases)} cases\n")
    print("| | recall@5 | against rag | recall@10 | F1 | against rag | refused | searches | tokens |\n|" + "---|" * 9)
    for name, ended in runs.items():
        five, rag = recalls(part.cases, ended, 5), recalls(part.cases, runs["rag"], 5)
        f1 = f1s(part.cases, ended)
        cells = [f"{np.mean(five):.3f}", "" if name == "rag" else against(five, rag)]
        cells += [f"{np.mean(recalls(part.cases, ended, 10)):.3f}"]
        cells += [f"{np.mean(f1):.3f}", "" if name == "rag" else against(f1, f1s(part.cases, runs["rag"]))]
        cells += [f"{np.mean([one.answer.refused for one in ended]):.2f}"]
        if not given.answers:
            cells[3:] = ["", "", ""]
        cells += [f"{np.mean([one.searches for one in ended]):.1f}", f"{np.mean([one.tokens for one in ended]):.0f}"]
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument(
        "--parts", nargs="+", default=["musique dev", "musique test", "musique all", "hotpotqa dev", "hotpotqa test"]
    )
    parser.add_argument("--methods", nargs="+", default=["bridge"], choices=[*WAYS])
    parser.add_argument("--hops", nargs="+", type=int, default=[2])
    parser.add_argument("--tokens", type=int, default=4096)
    parser.add_argument("--untitled", action="store_true", help="as if the documents had no titles")
    parser.add_argument("--answers", action="store_true", help="generate the answers too")
    parser.add_argument("--model", default="", help="a model's name, as under 'model:' in rung.yaml")
    given = parser.parse_args()
    if not DATA.exists():
        sys.exit(f"{DATA} is absent: this needs it there")
    if (given.answers or {*given.methods} - {"bridge"}) and not given.model:
        sys.exit("answers, ircot and decompose ask a model: name one with --model, such as smollm2-135m-grounded")
    replies = Replies(generator(given.model), given.work / "replies.jsonl") if given.model else None
    for name in dict.fromkeys(part.split()[0] for part in given.parts):
        searched = index(name, given.work, given.untitled)
        search = KnowledgeEngine(searched, example_indexes={}, embedder=lambda: embedder("minilm-l6-v2"))
        for part in parts(name):
            if part.name in given.parts:
                measure(part, search, replies, given)


if __name__ == "__main__":
    main()
