"""Are changes found as soon as stated, and quiet streams left alone, by the detectors of `rung watch` as they ship?

    python -m benchmarks.watching [PART …] [--streams 100]

`traffic`: answers whose latency, tokens or price moves. `models`: a server that varies, and changes. `prompts`, `sources`,
`embedder`: a project whose rung.yaml, documents or embedder are changed from look to look. `versions`: contradictions planted
into real documents, and found where none was planted. `size`: one look over 1,000,000 traces. Each part prints how many of
so many streams with a change were found, after how much; and how many of as many quiet ones raised an alert.

Documents, questions and answers are those of ../shared/data beside the checkout, which is not part of the project.
"""

from __future__ import annotations

import argparse
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

from rung.config.project import Project, load_project
from rung.config.schema import ServerSettings
from rung.dataset.load import Dataset
from rung.models import catalog
from rung.models.protocol import Embedder
from rung.models.scripted import ScriptedGenerator
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
from rung.watching import contradictions as versions_of
from rung.watching import cost_drift, embedding_drift, index_drift, model_drift, prompt_drift
from rung.watching.alerting import all_after
from rung.watching.detectors import Look
from rung.watching.surroundings import WINDOW, Clock, Surroundings

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "knowledge" / "squad2"
MODEL = "openai:a-model"
YAML = "task: Answer.\nknowledge: {sources: [docs/*.md]}\ncases: cases.jsonl\nmodel: scripted\nembedder: table\nrungs: [rag, prompt]\n"


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


def row(what: str, found: Sequence[int | None], unit: str, within: str, quiet: int, streams: int, stated: str) -> None:
    """A line of the table."""
    seen = sorted(one for one in found if one is not None)
    spread = f"{seen[len(seen) // 2]:,} ({seen[0]:,} to {seen[-1]:,}) {unit}" if seen else "-"
    print(f"| {what} | {len(seen)} of {len(found)} | {spread} | {within} | {quiet} of {streams} | {stated} |", flush=True)


def head() -> None:
    """Of the table."""
    print("\n| change | found | after, median (least to most) | stated | quiet streams that fired | stated |")
    print("|---|---|---|---|---|---|", flush=True)


class Remembered:
    """The shipped table, which embeds passages at once, and questions by the encoder, each text once."""

    def __init__(self, own: Embedder) -> None:
        self.identity, self.dimensions, self.max_tokens = own.identity, own.dimensions, own.max_tokens
        self.count_tokens, self._own, self._vectors = own.count_tokens, own, dict[tuple[str, str], Any]()

    def embed(self, texts: Sequence[str], *, kind: Literal["query", "passage"]) -> Any:
        """Unit vectors."""
        new = [text for text in dict.fromkeys(texts) if (kind, text) not in self._vectors]
        if new:
            self._vectors |= {(kind, text): row for text, row in zip(new, self._own.embed(new, kind=kind), strict=True)}
        return (
            np.stack([self._vectors[kind, text] for text in texts]) if texts else np.zeros((0, self.dimensions), np.float32)
        )


@cache
def table() -> Remembered:
    """Opened once."""
    return Remembered(catalog.embedder("table", server=ServerSettings(), progress=lambda *_: None))


@contextmanager
def project(folder: Path) -> Iterator[tuple[Project, State, Engines]]:
    """An open project, the shipped table its embedder."""
    loaded = load_project(folder)
    with State(loaded.state) as state, Engines(loaded, StepCache(folder / "scratch.db")) as engines:
        vars(engines)["embedder"] = table()
        yield loaded, state, engines
        engines.cache.close()


def documents() -> list[dict[str, Any]]:
    """SQuAD's paragraphs."""
    return [json.loads(line) for line in (DATA / "documents.jsonl").read_text("utf-8").splitlines()]


def questions() -> list[dict[str, Any]]:
    """Its test questions that have an answer."""
    rows = [json.loads(line) for line in (DATA / "cases_test.jsonl").read_text("utf-8").splitlines()]
    return [one for one in rows if one["answerable"] and len(set(one["answers"])) >= 2]


def make(folder: Path, rng: random.Random, count: int = 60) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """A project of some questions with their paragraphs and others; its documents, and some that are not in it yet."""
    every = {one["id"]: one for one in documents()}
    asked = rng.sample(questions(), 30)
    gold = list(dict.fromkeys(one["gold_documents"][0] for one in asked))
    rest = rng.sample(sorted(set(every) - set(gold)), count)
    used, spare = [every[id] for id in gold + rest[: count // 2]], [every[id] for id in rest[count // 2 :]]
    (folder / "docs").mkdir(parents=True)
    for one in used:
        write(folder, one)
    cases = [
        {
            "id": one["id"],
            "question": one["question"],
            "answers": one["answers"],
            "gold_documents": [path_of(one["gold_documents"][0])],
        }
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
    usage = [
        Usage(int(n), int(m), 2, usd=(n + 4 * m) * 1e-6)
        for n, m in zip(rng.gamma(8, 80, 200), rng.gamma(3, 25, 200), strict=True)
    ]
    outcomes = tuple(Outcome(f"c{n}", Answer("x"), usage=one) for n, one in enumerate(usage))
    return Evaluation(RungResult("rag", {}, "measured", latency=Latency(1000, 2000, 60, times=times)), outcomes=outcomes)


def answers(rng: np.random.Generator, count: int, slower: float = 1, longer: float = 1, dearer: float = 1) -> list[Observed]:
    """Traffic as the verdict's, or otherwise by these factors."""
    seconds, read, written = (
        rng.lognormal(0, 0.4, count) * slower,
        rng.gamma(8, 80, count) * longer,
        rng.gamma(3, 25, count) * longer,
    )
    return [
        Observed(n, f"a{n}", "answered", False, float(s), int(r), int(w), float((r + 4 * w) * 1e-6 * dearer))
        for n, (s, r, w) in enumerate(zip(seconds, read, written, strict=True))
    ]


def traffic(streams: int) -> None:
    """10,000 quiet answers, a look after every 100; then the same with a change at 5,000, a look after every 5."""
    record = DeploymentRecord("rag", StrategySpec("rag"))
    cases: list[tuple[str, str, dict[str, float]]] = [
        ("latency doubles", "seconds of an answer", {"slower": 2.0}),
        ("latency is three times as much", "seconds of an answer", {"slower": 3.0}),
        ("tokens double", "tokens of an answer", {"longer": 2.0}),
        ("the price is three times as much", "dollars of an answer", {"dearer": 3.0}),
    ]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        make(folder, random.Random(1))
        with project(folder) as (loaded, state, engines):

            def look(stream: Stream, evaluation: Evaluation, seen: Sequence[Observed]) -> None:
                surroundings = Surroundings(loaded, state, engines, Clock())
                vars(surroundings).update(deployment=record, evaluation=evaluation, observed=tuple(seen[-WINDOW:]))
                stream.once(surroundings)

            quiet: set[tuple[int, str]] = set()
            for n in range(streams):
                rng, stream = np.random.default_rng(n), Stream(cost_drift.look)
                evaluation, seen = measured(rng), answers(rng, WINDOW)
                for count in range(100, WINDOW + 1, 100):
                    look(stream, evaluation, seen[:count])
                quiet |= {(n, name) for name in stream.fired}
            head()
            for what, name, change in cases:
                found: list[int | None] = []
                for n in range(streams):
                    rng, stream = np.random.default_rng(1000 + n), Stream(cost_drift.look)
                    evaluation, before = measured(rng), answers(rng, 5000)
                    after = answers(rng, 400, **change)
                    at = next(
                        (at for at in range(5, 401, 5) if _fires(look, stream, evaluation, before + after[:at], name)), None
                    )
                    found.append(at)
                readings = {
                    one.name: one
                    for one in cost_drift.look(
                        _with(loaded, state, engines, record, measured(np.random.default_rng(0)), before)
                    )
                }
                within: Any = readings[name].evidence["found_within"]
                stated = ", ".join(f"{count} where {float(share):.0%} are bad" for share, count in within.items())
                row(
                    what,
                    found,
                    "answers",
                    stated,
                    sum(one == name for _, one in quiet),
                    streams,
                    f"1 in 100 per {WINDOW:,} answers",
                )


def _fires(look: Any, stream: Stream, evaluation: Evaluation, seen: Sequence[Observed], name: str) -> bool:
    look(stream, evaluation, seen)
    return name in stream.fired


def _with(
    loaded: Project,
    state: State,
    engines: Engines,
    record: DeploymentRecord,
    evaluation: Evaluation,
    seen: Sequence[Observed],
) -> Surroundings:
    surroundings = Surroundings(loaded, state, engines, Clock())
    vars(surroundings).update(deployment=record, evaluation=evaluation, observed=tuple(seen))
    return surroundings


# --- models


def models(streams: int, looks: int = 100) -> None:
    """A server that gives any of the answers that people gave to a question; changed, it gives those of another question."""
    asked = questions()

    def said(rng: random.Random, chosen: Sequence[dict[str, Any]], share: float) -> Callable[[Generate], str]:
        other = {one["question"]: chosen[(at + 1) % len(chosen)] for at, one in enumerate(chosen)}
        changed = {one["question"] for one in chosen if rng.random() < share}
        by_question = {one["question"]: one for one in chosen}

        def script(step: Generate) -> str:
            question = step.messages[-1].content.rpartition("\n")[2]
            one = (other if question in changed else by_question)[question]
            return str(rng.choice(one["answers"]))

        return script

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        make(folder, random.Random(1))
        with project(folder) as (loaded, state, engines):

            def stream(n: int, share: float, times: int) -> Stream:
                rng = random.Random(n)
                chosen = rng.sample(asked, 20)
                cases = tuple(Case(one["id"], one["question"]) for one in chosen)
                surroundings = Surroundings(loaded, state, engines, Clock())
                vars(surroundings).update(spec=StrategySpec("prompt", model=MODEL), dataset=Dataset(cases=cases))
                view = engines.on(MODEL)
                vars(view)["generator"] = ScriptedGenerator(said(rng, chosen, 0.0))
                value = dict(model_drift.baseline(surroundings))
                vars(surroundings)["baselines"] = {"model": Baseline("d", "model", value)}
                vars(view)["generator"] = ScriptedGenerator(said(rng, chosen, share))
                one = Stream(model_drift.look)
                for _ in range(times):
                    one.once(surroundings)
                    if one.fired:
                        break
                return one

            quiet = sum(bool(stream(n, 0.0, looks).fired) for n in range(streams))
            head()
            for share in (1.0, 0.6, 0.3):
                found = [stream(5000 + n, share, 10).fired.get("answers to canaries") for n in range(streams)]
                row(
                    f"{share:.0%} of a model's answers are of other questions",
                    found,
                    "looks",
                    "1 look of 20 requests from about half on",
                    quiet,
                    streams,
                    f"1 in 10,000 looks; {looks} looks each",
                )


# --- a project whose files change


def prompts(streams: int) -> None:
    """The task is edited, or what says nothing of the rung that is served; a look after each."""
    found: list[int | None] = []
    quiet = 0
    for n in range(streams):
        rng = random.Random(n)
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            make(folder, rng, 4)
            edits = [
                ("rungs: [rag, prompt]", "rungs: [rag, prompt, few_shot]"),
                ("task:", "# a remark\ntask:"),
                ("model: scripted", "model: scripted\nbar: {correct: 0.5}"),
                ("model: scripted", "model: scripted\ntraffic: {queries_per_month: 10}"),
            ]
            words = " ".join(
                rng.sample(["politely", "in French", "with sources", "in one sentence", "as a lawyer would"], 2)
            )
            with project(folder) as (loaded, state, engines):
                spec = prompt_spec(loaded)
                record = DeploymentRecord("rag", spec)

                def look(stream: Stream) -> None:
                    surroundings = Surroundings(load_project(folder), state, engines, Clock())
                    value = {prompt_drift.PROMPTS: prompt_drift.prompts_digest(spec)}
                    vars(surroundings).update(
                        deployment=record, measured_spec=spec, baselines={"prompt": Baseline("d", "prompt", value)}
                    )
                    stream.once(surroundings)

                stream = Stream(prompt_drift.look)
                for _ in range(6):
                    before, after = rng.choice(edits)
                    path = folder / "rung.yaml"
                    path.write_text(YAML.replace(before, after), encoding="utf-8")
                    look(stream)
                quiet += bool(stream.fired)
                (folder / "rung.yaml").write_text(YAML.replace("Answer.", f"Answer {words}."), encoding="utf-8")
                began = stream.looks
                for _ in range(4):
                    look(stream)
                at = stream.fired.get("rung.yaml")
                found.append(None if at is None else at - began)
    head()
    row("the prompt is edited", found, "looks", "2 looks", quiet, streams, "0")


def prompt_spec(loaded: Project) -> StrategySpec:
    """Of `rag` as rung.yaml has it."""
    from rung.pipeline.pinned_strategy import configured_spec

    spec = configured_spec(loaded, "rag", StrategySpec("rag", has_documents=True, model=loaded.settings.model))
    assert spec is not None
    return spec


def sources(streams: int) -> None:
    """Documents are edited by a word, added, taken away; quiet: touched, and synced after each change."""
    found: dict[str, list[int | None]] = {
        "a word of a document is changed": [],
        "a document is added": [],
        "a document is taken away": [],
    }
    names = {"a document is taken away": "sources missing"}
    quiet = 0
    for n in range(streams):
        rng = random.Random(n)
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            used, spare = make(folder, rng, 20)
            with project(folder) as (loaded, state, engines):
                up_to_date(engines, asked=True)

                def look(stream: Stream) -> None:
                    stream.once(Surroundings(loaded, state, engines, Clock()))

                still = Stream(index_drift.look)
                for _ in range(5):
                    path = folder / path_of(rng.choice(used)["id"])
                    path.write_bytes(path.read_bytes())
                    look(still)
                    if spare:
                        write(folder, spare.pop())
                        up_to_date(engines, asked=True)
                quiet += bool(still.fired)
                for what, into in found.items():
                    one = rng.choice(used)
                    if what.startswith("a word"):
                        words = one["text"].split()
                        words[rng.randrange(len(words))] = "elsewhere"
                        write(folder, one, " ".join(words))
                    elif what.endswith("added"):
                        write(folder, {**one, "id": f"new {rng.random()}"})
                    else:
                        (folder / path_of(one["id"])).unlink()
                    stream = Stream(index_drift.look)
                    for _ in range(3):
                        look(stream)
                    into.append(stream.fired.get(names.get(what, "sources changed")))
                    up_to_date(engines, asked=True)
                    used = [each for each in used if (folder / path_of(each["id"])).exists()]
    head()
    for what, some in found.items():
        row(what, some, "looks", "2 looks", quiet, streams, "0")


class Swapped:
    """Another embedder under the same name. `how`: "another" turns every vector, "half" lacks half of its dimensions,
    "noisy" is off by a thousandth, as a server's is from day to day."""

    def __init__(self, own: Remembered, how: Literal["another", "half", "noisy"], seed: int) -> None:
        self._own, self._how, self._rng = own, how, np.random.default_rng(seed)
        self.identity, self.dimensions, self.max_tokens = own.identity, own.dimensions, own.max_tokens
        self.count_tokens = own.count_tokens
        self._turn = np.linalg.qr(self._rng.normal(size=(own.dimensions, own.dimensions)))[0]

    def embed(self, texts: Sequence[str], *, kind: Literal["query", "passage"]) -> Any:
        """Unit vectors."""
        vectors = self._own.embed(texts, kind=kind)
        if self._how == "another":
            vectors = vectors @ self._turn
        elif self._how == "half":
            vectors = vectors * (np.arange(self.dimensions) % 2)
        else:
            vectors = vectors + self._rng.normal(scale=1e-3 / np.sqrt(self.dimensions), size=vectors.shape)
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def embedder(streams: int) -> None:
    """It is swapped under its name; quiet: documents come, go and change, and are synced; a server is a little noisy."""
    found: dict[str, list[int | None]] = {"another embedder under the same name": [], "half of its dimensions are lost": []}
    first: dict[str, int] = {}
    quiet = 0
    for n in range(streams):
        rng = random.Random(n)
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            used, spare = make(folder, rng, 40)
            with project(folder) as (loaded, state, engines):
                own: Any = engines.embedder
                up_to_date(engines, asked=True)
                before = embedding_drift.baseline(Surroundings(loaded, state, engines, Clock()))
                assert before

                def look(stream: Stream) -> None:
                    surroundings = Surroundings(loaded, state, engines, Clock())
                    vars(surroundings).update(deployment=None, baselines={"embedding": Baseline("d", "embedding", before)})
                    stream.once(surroundings)

                still = Stream(embedding_drift.look)
                for _ in range(5):
                    vars(engines)["embedder"] = Swapped(own, "noisy", n)
                    look(still)
                    vars(engines)["embedder"] = own
                    for one in rng.sample(used, 3):
                        words = one["text"].split()
                        rng.shuffle(words)
                        write(folder, one, " ".join(words))
                    for one in [spare.pop() for _ in range(3) if spare]:
                        write(folder, one)
                    gone = folder / path_of(rng.choice(used)["id"])
                    gone.unlink(missing_ok=True)
                    up_to_date(engines, asked=True)
                    look(still)
                quiet += bool(still.fired)
                for name, at in still.fired.items():
                    first[name] = first.get(name, 0) + 1
                    del at
                for what, how in (
                    ("another embedder under the same name", "another"),
                    ("half of its dimensions are lost", "half"),
                ):
                    vars(engines)["embedder"] = Swapped(own, how, n)  # type: ignore[arg-type]
                    stream = Stream(embedding_drift.look)
                    for _ in range(3):
                        look(stream)
                    found[what].append(min(stream.fired.values(), default=None))
                    vars(engines)["embedder"] = own
    head()
    for what, some in found.items():
        row(what, some, "looks", "1 look", quiet, streams, "1 in 100 per change of the index")
    if first:
        print(f"quiet streams that fired, by alert: {first}")


def versions(streams: int) -> None:
    """A number of a paragraph is changed in a version of it; found where none was planted: 0 of all paragraphs of SQuAD."""
    every = documents()
    pages = [Document(one["id"].replace(":", "/") + ".md", one["text"], title=one["title"]) for one in every]
    wrong = list(versions_of.contradictions(pages))
    numbered = [one for one in pages if re.search(r"\b\d+\b", one.text) and len(one.text.split(". ")) >= 4]
    found: list[int | None] = []
    rng = random.Random(1)
    for one in rng.sample(numbered, min(streams, len(numbered))):
        places = [match for match in re.finditer(r"\b\d+\b", one.text)]
        at = rng.choice(places)
        text = f"{one.text[: at.start()]}{int(at[0]) + 1}{one.text[at.end() :]}"
        version = replace(one, id=one.id.replace(".md", "-v2.md"), text=text)
        found.append(1 if any(versions_of.contradictions([one, version])) else None)
    head()
    row(
        "a number differs in a version of a paragraph",
        found,
        "look",
        "2 looks",
        len(wrong),
        len(pages),
        "of contradictions found: 2 %",
    )


def size(traces: int) -> None:
    """One look at the traffic of a deployment that gave so many answers, with as many traces."""
    import sqlalchemy as sa
    from benchmarks.traces import fill

    from rung.state.tables import observations
    from rung.state.tables import traces as kept_of

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        make(folder, random.Random(1), 4)
        with project(folder) as (loaded, state, engines):
            print(f"\nwritten: {fill(state, traces, False):,.0f} traces/s")
            with state.writing() as connection:
                numbered = sa.select(
                    sa.literal(1),
                    kept_of.c.id,
                    sa.literal("d"),
                    sa.literal(""),
                    sa.literal("answered"),
                    sa.false(),
                    kept_of.c.seconds,
                )
                names = ["at", "answer", "deployment", "trial", "end", "refused", "seconds"]
                connection.execute(observations.insert().from_select(names, numbered))
            took: dict[str, list[float]] = {"answers read": [], "a whole look": []}
            for _ in range(5):
                began = time.perf_counter()
                rows = observed(state, "d", limit=WINDOW)
                took["answers read"].append(time.perf_counter() - began)
                surroundings = _with(
                    loaded,
                    state,
                    engines,
                    DeploymentRecord("rag", StrategySpec("rag")),
                    measured(np.random.default_rng(1)),
                    rows,
                )
                list(cost_drift.look(surroundings))
                took["a whole look"].append(time.perf_counter() - began)
            for name, some in took.items():
                print(f"{name}, of {traces:,}: median {sorted(some)[2]:.3f} s, slowest {max(some):.3f} s")


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
    parser.add_argument("part", nargs="*", choices=[*PARTS, "size", []])
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
