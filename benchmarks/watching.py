"""Are changes found as soon as stated, and quiet streams left alone, by the detectors of `rung watch` as they ship?

    python -m benchmarks.watching [PART …] [--streams 100]

`traffic`: answers whose latency, tokens or price moves. `models`: a server that varies, and changes. `prompts`, `sources`,
`embedder`: a project whose rung.yaml, documents or embedder are changed from look to look. `versions`: contradictions,
planted and not, in real documents. `size`: one look over 1,000,000 traces. Each part prints how many of so many streams with
a change were found, after how much; and how many of as many quiet ones raised an alert.

Documents, questions and answers are those of ../shared/data beside the checkout, which is not part of the project.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import sqlalchemy as sa
from benchmarks.traces import fill

from rung.config.project import Project, load_project
from rung.dataset.load import Dataset
from rung.models import catalog
from rung.models.protocol import Embedder
from rung.models.scripted import ScriptedGenerator
from rung.pipeline.pinned_strategy import configured_spec
from rung.pipeline.prepare import up_to_date
from rung.records import Answer, Case, Document, Evaluation, Latency, Outcome, RungResult, StrategySpec, Usage
from rung.records.alerts import Alert, Key
from rung.records.deployment import DeploymentRecord
from rung.records.steps import Generate
from rung.runtime.cache import StepCache
from rung.runtime.engines import Engines
from rung.state.alerts import Baseline
from rung.state.database import State
from rung.state.observed import Observed, observed
from rung.state.tables import observations
from rung.state.tables import traces as trace_rows
from rung.watching import contradictions as contradicting
from rung.watching import cost_drift, embedding_drift, index_drift, model_drift, prompt_drift
from rung.watching.alerting import all_after
from rung.watching.detectors import Look
from rung.watching.looking import Watch
from rung.watching.surroundings import WINDOW, Clock, Surroundings

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "knowledge" / "squad2"
MODEL = "openai:a-model"
YAML = (
    "task: Answer.\nknowledge: {sources: [docs/*.md]}\ncases: cases.jsonl\nmodel: scripted\nembedder: table\n"
    "rungs: [rag, prompt]\n"
)
RECORD = DeploymentRecord("rag", StrategySpec("rag"))
Opened = tuple[Project, State, Engines]


@dataclass
class Stream:
    """Looks at one stream: the alerts that they come to. `fired`: the look at which one first did, by name."""

    look: Look
    alerts: dict[Key, Alert] = field(default_factory=dict)
    looks: int = 0
    fired: dict[str, int] = field(default_factory=dict)

    def once(self, surroundings: Surroundings) -> None:
        """One more."""
        self.looks += 1
        readings = {"d": list(self.look(surroundings))}
        self.alerts, events = all_after(self.alerts, readings, blind={}, look=self.looks, at=self.looks)
        for event in events:
            if event.state == "firing":
                self.fired.setdefault(event.reading.name, self.looks)


def row(what: str, found: Sequence[int | None], unit: str, within: str, quiet: tuple[int, int, str]) -> None:
    """A line of the table. `quiet`: how many streams fired, of how many, and what is stated."""
    seen = sorted(one for one in found if one is not None)
    spread = f"{seen[len(seen) // 2]:,} ({seen[0]:,} to {seen[-1]:,}) {unit}" if seen else "-"
    fired, streams, stated = quiet
    print(f"| {what} | {len(seen)} of {len(found)} | {spread} | {within} | {fired} of {streams} | {stated} |", flush=True)


def head() -> None:
    """Of the table."""
    print("\n| change | found | after, median (least to most) | stated | quiet streams that fired | stated |")
    print("|---|---|---|---|---|---|", flush=True)


class Remembered:
    """The shipped table, which embeds passages at once, and questions by the encoder; each text once."""

    def __init__(self, own: Embedder) -> None:
        self.identity, self.dimensions, self.max_tokens = own.identity, own.dimensions, own.max_tokens
        self.count_tokens, self._own, self._vectors = own.count_tokens, own, dict[tuple[str, str], Any]()

    def embed(self, texts: Sequence[str], *, kind: Literal["query", "passage"]) -> Any:
        """Unit vectors."""
        new = [text for text in dict.fromkeys(texts) if (kind, text) not in self._vectors]
        if new:
            rows = self._own.embed(new, kind=kind)
            self._vectors |= {(kind, text): row for text, row in zip(new, rows, strict=True)}
        return np.stack([self._vectors[kind, text] for text in texts]) if texts else np.zeros((0, self.dimensions))


@cache
def table() -> Remembered:
    """Opened once."""
    return Remembered(catalog.embedder("table"))


def around(opened: Opened, **parts: Any) -> Surroundings:
    """Of an open project; `parts`: by name, what is not to be read."""
    surroundings = Surroundings(*opened, Clock())
    vars(surroundings).update(parts)
    return surroundings


@contextmanager
def project(folder: Path) -> Iterator[Opened]:
    """An open project."""
    loaded = load_project(folder)
    with State(loaded.state) as state, Engines(loaded, StepCache(folder / "scratch.db")) as engines:
        vars(engines)["embedder"] = table()
        yield loaded, state, engines
        engines.cache.close()


@cache
def documents() -> list[dict[str, Any]]:
    """SQuAD's paragraphs."""
    return [json.loads(line) for line in (DATA / "documents.jsonl").read_text("utf-8").splitlines()]


@cache
def questions() -> list[dict[str, Any]]:
    """Its test questions that people answered in several ways."""
    rows = [json.loads(line) for line in (DATA / "cases_test.jsonl").read_text("utf-8").splitlines()]
    return [one for one in rows if one["answerable"] and len(set(one["answers"])) >= 2]


def corpus_of(name: str) -> Path:
    """Of a set of judged documents."""
    return DATA.parents[1] / "retrieval" / name / "corpus.jsonl.gz"


def make(folder: Path, rng: random.Random, others: int = 60) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """A project of 30 questions with their paragraphs and others; its documents, and as many that are not in it yet."""
    every = {one["id"]: one for one in documents()}
    asked = rng.sample(questions(), 30)
    gold = list(dict.fromkeys(one["gold_documents"][0] for one in asked))
    rest = rng.sample(sorted(set(every) - set(gold)), 2 * others)
    used, spare = [every[id] for id in gold + rest[:others]], [every[id] for id in rest[others:]]
    (folder / "docs").mkdir(parents=True)
    for one in used:
        write(folder, one)
    cases = [
        {name: one[name] for name in ("id", "question", "answers")}
        | {"gold_documents": [path_of(one["gold_documents"][0])], "split": "test"}
        for one in asked
    ]
    (folder / "cases.jsonl").write_text("".join(json.dumps(one) + "\n" for one in cases), encoding="utf-8")
    (folder / "rung.yaml").write_text(YAML, encoding="utf-8")
    return used, spare


def path_of(id: str) -> str:
    """Of a document in the project."""
    return f"docs/{re.sub(r'[^A-Za-z0-9]+', '-', id)}.md"


def write(folder: Path, one: dict[str, Any], text: str = "") -> None:
    """One document."""
    (folder / path_of(one["id"])).write_text(f"# {one['title']}\n\n{text or one['text']}\n", encoding="utf-8")


# --- traffic


def measured(rng: np.random.Generator) -> Evaluation:
    """A verdict's rung: 60 answers timed, 200 cases."""
    times = tuple(rng.lognormal(np.log(1000), 0.4, 60).tolist())
    tokens = zip(rng.gamma(8, 80, 200), rng.gamma(3, 25, 200), strict=True)
    usage = [Usage(int(n), int(m), 2, usd=(n + 4 * m) * 1e-6) for n, m in tokens]
    outcomes = tuple(Outcome(f"c{n}", Answer("x"), usage=one) for n, one in enumerate(usage))
    return Evaluation(RungResult("rag", {}, "measured", latency=Latency(1000, 2000, 60, times=times)), outcomes=outcomes)


def answers(
    rng: np.random.Generator, count: int, *, slower: float = 1, longer: float = 1, dearer: float = 1
) -> list[Observed]:
    """Traffic as the verdict's, or otherwise by these factors."""
    seconds = rng.lognormal(0, 0.4, count) * slower
    read, written = rng.gamma(8, 80, count) * longer, rng.gamma(3, 25, count) * longer
    return [
        Observed(n, f"a{n}", "answered", False, float(s), int(r), int(w), float((r + 4 * w) * 1e-6 * dearer))
        for n, (s, r, w) in enumerate(zip(seconds, read, written, strict=True))
    ]


@dataclass
class Traffic:
    """Looks at answers."""

    opened: Opened

    def around(self, evaluation: Evaluation, seen: Sequence[Observed]) -> Surroundings:
        """A deployment with this verdict and these answers."""
        return around(self.opened, deployment=RECORD, evaluation=evaluation, observed=tuple(seen[-WINDOW:]))

    def quiet(self, seed: int) -> set[str]:
        """What fires in 10,000 quiet answers, a look after every 1,000."""
        rng, stream = np.random.default_rng(seed), Stream(cost_drift.look)
        evaluation, seen = measured(rng), answers(rng, WINDOW)
        for count in range(1000, WINDOW + 1, 1000):
            stream.once(self.around(evaluation, seen[:count]))
        return {*stream.fired}

    def until(self, seed: int, name: str, change: dict[str, float]) -> int | None:
        """Answers after a change at 500 until it fires, a look after every 5; None: not within 400."""
        rng, stream = np.random.default_rng(seed), Stream(cost_drift.look)
        evaluation, before = measured(rng), answers(rng, 500)
        after = answers(rng, 400, **change)
        for at in range(5, 401, 5):
            stream.once(self.around(evaluation, before + after[:at]))
            if name in stream.fired:
                return at
        return None

    def stated(self, name: str) -> str:
        """Within how many answers a change is found, as a reading says it."""
        rng = np.random.default_rng(0)
        some = cost_drift.look(self.around(measured(rng), answers(rng, 500)))
        within: Any = next(one for one in some if one.name == name).evidence["found_within"]
        return ", ".join(f"{count} where {float(share):.0%} are beyond" for share, count in within.items())


def traffic(streams: int) -> None:
    """Answers that grow slow, long and dear."""
    cases: list[tuple[str, str, dict[str, float]]] = [
        ("latency doubles", "seconds of an answer", {"slower": 2.0}),
        ("latency is three times as much", "seconds of an answer", {"slower": 3.0}),
        ("tokens double", "tokens of an answer", {"longer": 2.0}),
        ("the price is three times as much", "dollars of an answer", {"dearer": 3.0}),
    ]
    with tempfile.TemporaryDirectory() as scratch:
        make(Path(scratch), random.Random(1))
        with project(Path(scratch)) as opened:
            looking = Traffic(opened)
            quiet = [looking.quiet(n) for n in range(streams)]
            head()
            for what, name, change in cases:
                found = [looking.until(1000 + n, name, change) for n in range(streams)]
                fired = sum(name in one for one in quiet)
                row(what, found, "answers", looking.stated(name), (fired, streams, f"1 % per {WINDOW:,} answers"))


# --- models


def replies(rng: random.Random, chosen: Sequence[dict[str, Any]], share: float) -> ScriptedGenerator:
    """A model that gives any of the answers that people gave to a question; of a share of them, those to another."""
    by_question = {
        one["question"]: chosen[(at + 1) % len(chosen)] if rng.random() < share else one for at, one in enumerate(chosen)
    }

    def script(step: Generate) -> str:
        return str(rng.choice(by_question[step.messages[-1].content.rpartition("\n")[2]]["answers"]))

    return ScriptedGenerator(script)


def server(opened: Opened, seed: int, share: float, looks: int) -> int | None:
    """The look at which a model whose answers changed fires; None: not in so many."""
    rng = random.Random(seed)
    chosen = rng.sample(questions(), 20)
    cases = tuple(Case(one["id"], one["question"]) for one in chosen)
    surroundings = around(opened, spec=StrategySpec("prompt", model=MODEL), dataset=Dataset(cases=cases))
    view = opened[2].on(MODEL)
    vars(view)["generator"] = replies(rng, chosen, 0.0)
    value = dict(model_drift.baseline(surroundings))
    vars(surroundings)["baselines"] = {"model": Baseline("d", "model", value)}
    vars(view)["generator"] = replies(rng, chosen, share)
    stream = Stream(model_drift.look)
    for _ in range(looks):
        stream.once(surroundings)
        if stream.fired:
            return stream.looks
    return None


def models(streams: int, looks: int = 50) -> None:
    """A server that varies, and changes."""
    with tempfile.TemporaryDirectory() as scratch:
        make(Path(scratch), random.Random(1))
        with project(Path(scratch)) as opened:
            quiet = sum(server(opened, n, 0.0, looks) is not None for n in range(streams))
            head()
            for share in (1.0, 0.6, 0.4):
                found = [server(opened, 5000 + n, share, 5) for n in range(streams)]
                what = f"{share:.0%} of a model's answers are those to other questions"
                row(
                    what, found, "looks of 20 requests", "1 look", (quiet, streams, f"1 in 10,000 looks; {looks} looks each")
                )


# --- a project whose files change


def prompts(streams: int) -> None:
    """The task is edited; quiet: what says nothing of the rung that is served is."""
    some = [_prompt_stream(n) for n in range(streams)]
    head()
    row("the prompt is edited", [at for at, _ in some], "looks", "2 looks", (sum(fired for _, fired in some), streams, "0"))


def _prompt_stream(seed: int) -> tuple[int | None, bool]:
    """(looks from the edit until it fires, whether it fired before)."""
    rng = random.Random(seed)
    edits = [
        ("rungs: [rag, prompt]", "rungs: [rag, prompt, few_shot]"),
        ("task:", "# a remark\ntask:"),
        ("model: scripted", "model: scripted\nbar: {correct: 0.5}"),
        ("model: scripted", "model: scripted\ntraffic: {queries_per_month: 10}"),
    ]
    words = rng.sample(["politely", "in French", "with sources", "in one sentence", "as a lawyer would"], 2)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        make(folder, rng, 2)
        with project(folder) as (loaded, state, engines):
            spec = configured_spec(loaded, "rag", StrategySpec("rag", has_documents=True, model=loaded.settings.model))
            if spec is None:
                sys.exit("rung.yaml names no rag")
            kept = {"prompt": Baseline("d", "prompt", {prompt_drift.PROMPTS: prompt_drift.prompts_digest(spec)})}
            record, stream = DeploymentRecord("rag", spec), Stream(prompt_drift.look)

            def look(text: str) -> None:
                (folder / "rung.yaml").write_text(text, encoding="utf-8")
                opened = load_project(folder), state, engines
                stream.once(around(opened, deployment=record, measured_spec=spec, baselines=kept))

            for _ in range(6):
                look(YAML.replace(*rng.choice(edits)))
            fired = bool(stream.fired)
            for at in range(1, 5):
                look(YAML.replace("Answer.", f"Answer {' '.join(words)}."))
                if "rung.yaml" in stream.fired:
                    return at, fired
    return None, fired


EDITED, ADDED, GONE = "a word of a document is changed", "a document is added", "a document is taken away"


def sources(streams: int) -> None:
    """Documents are edited by a word, added, taken away; quiet: touched, and synced after each change."""
    some = [_source_stream(n) for n in range(streams)]
    head()
    quiet = (sum(fired for _, fired in some), streams, "0")
    for what in (EDITED, ADDED, GONE):
        row(what, [found[what] for found, _ in some], "looks", "2 looks", quiet)


def _source_stream(seed: int) -> tuple[dict[str, int | None], bool]:
    """(looks until each change fires, whether the quiet ones before did)."""
    rng, found = random.Random(seed), dict[str, int | None]()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        used, spare = make(folder, rng, 10)
        with project(folder) as opened:
            engines, still = opened[2], Stream(index_drift.look)
            up_to_date(engines, asked=True)
            for one in spare[:2]:
                path = folder / path_of(rng.choice(used)["id"])
                path.write_bytes(path.read_bytes())
                still.once(around(opened))
                write(folder, one)
                up_to_date(engines, asked=True)
            for what, one in zip((EDITED, ADDED, GONE), rng.sample(used, 3), strict=True):
                if what == EDITED:
                    words = one["text"].split()
                    words[rng.randrange(len(words))] = "elsewhere"
                    write(folder, one, " ".join(words))
                elif what == ADDED:
                    write(folder, {**one, "id": "a new one"})
                else:
                    (folder / path_of(one["id"])).unlink()
                stream = Stream(index_drift.look)
                for _ in range(3):
                    stream.once(around(opened))
                found[what] = stream.fired.get("sources missing" if what == GONE else "sources changed")
                up_to_date(engines, asked=True)
    return found, bool(still.fired)


class Swapped:
    """Another embedder under the same name. `how`: "another" turns every vector, "half" lacks half of its dimensions,
    "noisy" is off by a thousandth, as a server's is from day to day."""

    def __init__(self, own: Remembered, how: str, seed: int) -> None:
        self._own, self._how, self._rng = own, how, np.random.default_rng(seed)
        self.identity, self.dimensions, self.max_tokens = own.identity, own.dimensions, own.max_tokens
        self.count_tokens = own.count_tokens

    def embed(self, texts: Sequence[str], *, kind: Literal["query", "passage"]) -> Any:
        """Unit vectors."""
        vectors = self._own.embed(texts, kind=kind)
        if self._how == "another":
            vectors = vectors @ np.linalg.qr(self._rng.normal(size=(self.dimensions, self.dimensions)))[0]
        elif self._how == "half":
            vectors = vectors * (np.arange(self.dimensions) % 2)
        else:
            vectors = vectors + self._rng.normal(scale=1e-3 / np.sqrt(self.dimensions), size=vectors.shape)
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


ANOTHER, HALF = "another embedder under the same name", "half of an embedder's dimensions are lost"


def embedder(streams: int) -> None:
    """It is swapped under its name; quiet: documents come, go and change, and are synced; a server is a little noisy."""
    some = [_embedder_stream(n) for n in range(streams)]
    head()
    quiet = (sum(bool(fired) for _, fired in some), streams, "1 % per change of the index, 2 changes each")
    for what in (ANOTHER, HALF):
        row(what, [found[what] for found, _ in some], "looks", "1 look", quiet)
    if any(fired for _, fired in some):
        print(f"quiet streams that fired: {[sorted(fired) for _, fired in some if fired]}")


def _embedder_stream(seed: int) -> tuple[dict[str, int | None], set[str]]:
    """(looks until each change fires, what the quiet ones before fired)."""
    rng, found = random.Random(seed), dict[str, int | None]()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        used, spare = make(folder, rng, 20)
        with project(folder) as opened:
            engines, own, still = opened[2], table(), Stream(embedding_drift.look)
            up_to_date(engines, asked=True)
            kept = {"embedding": Baseline("d", "embedding", embedding_drift.baseline(around(opened)))}

            def look(stream: Stream, embedding: Any, times: int) -> None:
                vars(engines)["embedder"] = embedding
                for _ in range(times):
                    stream.once(around(opened, deployment=None, baselines=kept))
                vars(engines)["embedder"] = own

            for _ in range(2):
                look(still, Swapped(own, "noisy", seed), 1)
                _edited(folder, rng, used, [spare.pop() for _ in range(3)])
                up_to_date(engines, asked=True)
                look(still, own, 2)
            for what, how in ((ANOTHER, "another"), (HALF, "half")):
                stream = Stream(embedding_drift.look)
                look(stream, Swapped(own, how, seed), 3)
                found[what] = min(stream.fired.values(), default=None)
    return found, {*still.fired}


def _edited(folder: Path, rng: random.Random, used: list[dict[str, Any]], new: Sequence[dict[str, Any]]) -> None:
    """Three documents in another order of words, three new ones, one gone."""
    for one in rng.sample(used, 3):
        words = one["text"].split()
        rng.shuffle(words)
        write(folder, one, " ".join(words))
    for one in new:
        write(folder, one)
    (folder / path_of(used.pop(rng.randrange(len(used)))["id"])).unlink(missing_ok=True)


def versions(streams: int) -> None:
    """A number is changed in a version of a paragraph; and how many contradictions are found where none was planted."""
    pages = [Document(one["id"].replace(":", "/") + ".md", one["text"], title=one["title"]) for one in documents()]
    others = [
        Document(one["_id"], one["text"], title=one["title"])
        for name in ("dbpedia_mini", "cranfield", "scifact")
        for one in map(json.loads, gzip.decompress(corpus_of(name).read_bytes()).splitlines())
    ]
    pairs = sum(len(contradicting.pairs_of_one_name(some)) for some in (pages, others))
    wrong = [one for some in (pages, others) for one in contradicting.contradictions(some)]
    numbered = [one for one in pages if re.search(r"\b\d+\b", one.text)]
    rng, found = random.Random(1), list[int | None]()
    for one in rng.sample(numbered, streams):
        at = rng.choice(list(re.finditer(r"\b\d+\b", one.text)))
        text = f"{one.text[: at.start()]}{int(at[0]) + 1}{one.text[at.end() :]}"
        version = replace(one, id=one.id.replace(".md", "-v2.md"), text=text)
        found.append(1 if any(contradicting.contradictions([one, version])) else None)
    head()
    quiet = (len(wrong), pairs, "pairs of one title: 1 in 1,000")
    row("a number differs in a version of a paragraph", found, "look", "2 looks", quiet)


def size(traces: int) -> None:
    """One look at the traffic of a deployment that gave so many answers, with as many traces."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        make(folder, random.Random(1), 2)
        with project(folder) as opened:
            loaded, state, engines = opened
            up_to_date(engines, asked=True)
            print(f"\nwritten: {fill(state, traces, False):,.0f} traces/s")
            constant = [sa.literal(one) for one in (1, "d", "", "answered", False)]
            at, deployment, trial, end, refused = constant
            some = sa.select(at, trace_rows.c.id, deployment, trial, end, refused, trace_rows.c.seconds)
            names = ["at", "answer", "deployment", "trial", "end", "refused", "seconds"]
            with state.writing() as connection:
                connection.execute(observations.insert().from_select(names, some))
            evaluation, took = measured(np.random.default_rng(1)), dict[str, list[float]]()
            watch = Watch()
            for _ in range(5):
                began = time.perf_counter()
                rows = observed(state, "d", limit=WINDOW)
                took.setdefault("newest answers read", []).append(time.perf_counter() - began)
                list(cost_drift.look(Traffic(opened).around(evaluation, rows)))
                took.setdefault("read and judged", []).append(time.perf_counter() - began)
                began = time.perf_counter()
                watch.look(loaded, state, engines)
                took.setdefault("a whole look, of this project without a deployment", []).append(time.perf_counter() - began)
            for name, times in took.items():
                print(f"{name}, of {traces:,}: median {sorted(times)[2]:.3f} s, slowest {max(times):.3f} s")


PARTS: dict[str, Callable[[int], None]] = {
    "traffic": traffic,
    "models": models,
    "prompts": prompts,
    "sources": sources,
    "embedder": embedder,
    "versions": versions,
}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", nargs="*", help=", ".join([*PARTS, "size"]))
    parser.add_argument("--streams", type=int, default=100)
    parser.add_argument("--traces", type=int, default=1_000_000)
    given = parser.parse_args()
    if not DATA.is_dir():
        sys.exit(f"{DATA} is not here: the documents and questions are those of SQuAD")
    for name in given.part or [*PARTS, "size"]:
        began = time.monotonic()
        if name == "size":
            size(given.traces)
        else:
            PARTS[name](given.streams)
        print(f"{name}: {time.monotonic() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
