"""What recording costs an answer: the same questions, recorded and not, in turns, by one server in this process.

A scripted model answers at once, so that all that is left is Rung's own work: the share is the largest that tracing can
have. Seconds of the processor count, those of the threads that write with them.

    python benchmarks/traces_overhead.py [--answers 300] [--rounds 12]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from contextlib import aclosing
from pathlib import Path
from statistics import median

from rung.builders.building import ArtifactBuilder
from rung.config.project import load_project
from rung.loop import opened
from rung.records import Message, Passage, Question
from rung.records.steps import Generate, GenerateResult, Search, SearchResult
from rung.runtime.live import StepRun
from rung.runtime.runner import StepRunner
from rung.serving.answered import Asked
from rung.serving.answering import Answering
from rung.serving.app import Service
from rung.serving.callers import Caller, Open
from rung.serving.traced import Subject, Traces, traces_of
from rung.state.database import open_state

TOPICS = ("returns", "shipping", "invoices", "warranty", "gift cards", "repairs", "accounts", "discounts")


def project(folder: Path, content: bool) -> Path:
    """A small help centre, answered by rules."""
    (folder / "docs").mkdir()
    for number, topic in enumerate(TOPICS):
        lines = [
            f"{topic.capitalize()} rule {n}: within {n + number + 2} days a fee of {n * 3} euros is due." for n in range(12)
        ]
        (folder / "docs" / f"{topic}.md").write_text(f"# {topic}\n\n" + "\n\n".join(lines) + "\n", "utf-8")
    row = {"id": "c", "question": "What fee is due?", "answers": ["3 euros"], "split": "test"}
    (folder / "cases.jsonl").write_text(json.dumps(row) + "\n", "utf-8")
    (folder / "rung.yaml").write_text(
        "task: Answer the customer.\nknowledge: {sources: ['docs/*.md']}\ncases: cases.jsonl\nmodel: scripted\n"
        f"embedder: scripted\nrungs: [rag]\nserve: {{traces: {{content: {str(content).lower()}}}}}\n",
        "utf-8",
    )
    return folder


async def ask(answering: Answering, count: int, at_once: int) -> None:
    """So many answers, so many at a time."""
    numbers = iter(range(count))

    async def one() -> None:
        for n in numbers:
            text = f"What fee is due by rule {n % 12} of {TOPICS[n % 8]}? ({n})"
            asked = Asked(answering.deployments["rag"], Question("q", text))
            async with aclosing(answering.answer(Caller("ann"), asked)) as news:
                async for _ in news:
                    pass

    await asyncio.gather(*(one() for _ in range(at_once)))


def measured(answering: Answering, answers: int, at_once: int) -> tuple[float, float]:
    """(seconds of the processor, seconds) for an answer; what is written a moment later counts."""
    processor, began = time.process_time(), time.perf_counter()
    asyncio.run(ask(answering, answers, at_once))
    took = time.perf_counter() - began
    time.sleep(2.0)  # until all of it is written
    return (time.process_time() - processor) / answers, took / answers


def on_the_path(answering: Answering, traces: Traces, count: int = 4_000) -> float:
    """Seconds of the answering thread alone for what it records of an answer with two steps."""
    deployment = answering.deployments["rag"]
    question = Question("q", "What fee is due?")
    found = SearchResult(tuple(Passage(f"d#{n}", "d", n, n + 1, "word " * 80) for n in range(20)))
    runs = [
        StepRun(Search("x", 20), found, time.perf_counter(), 0.01),
        StepRun(Generate((Message("user", "word " * 300),)), GenerateResult("Nine.", 300, 3), time.perf_counter(), 0.01),
    ]
    spent = 0.0
    for n in range(count):
        began = time.thread_time()
        with traces.recorded(Caller("ann"), Subject(f"{n:032x}", "rag", question, deployment)) as recording:
            if recording is not None:
                for run in runs:
                    recording.step(run)
                recording.end()
        spent += time.thread_time() - began
        if n % 200 == 0:
            time.sleep(0.2)  # else what waits has no room, and costs less
    return spent / count


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--answers", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--at-once", type=int, default=4)
    parser.add_argument("--content", action="store_true", help="texts are kept too, masked")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        loaded = load_project(project(Path(scratch), given.content))
        with open_state(loaded) as state, opened(loaded, reading=True) as engines, StepRunner(engines) as runner:
            answering = Service(ArtifactBuilder(runner), Open(), state).answering()
            recorded, _ = traces_of(loaded, state)
            rows: dict[str, list[tuple[float, float]]] = {"off": [], "on": []}
            measured(answering, 50, given.at_once)
            for number in range(given.rounds):
                for name in ("off", "on") if number % 2 else ("on", "off"):
                    answering.traces = recorded if name == "on" else Traces()
                    rows[name].append(measured(answering, given.answers, given.at_once))
            path = on_the_path(answering, recorded)
            recorded.close()
            answering.conversations.close()
    for name, listed in rows.items():
        processor, seconds = (1000 * median(row[n] for row in listed) for n in (0, 1))
        print(f"traces {name:<3}  {processor:7.3f} ms of the processor an answer, {seconds:7.3f} ms")
    shares = [on[0] / off[0] - 1 for on, off in zip(rows["on"], rows["off"], strict=True)]
    more = 1000 * median(on[0] - off[0] for on, off in zip(rows["on"], rows["off"], strict=True))
    print(f"on the answer's own path: {1e6 * path:.0f} microseconds of it")
    print(f"more by traces: {100 * median(shares):.1f} % of the processor ({more:.3f} ms an answer)")


if __name__ == "__main__":
    main()
