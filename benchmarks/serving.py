"""What serving costs over the bare engine: tokens a second at 1, 8 and 64 clients, and with batching switched off.

The same questions go to the engine in one call, and over HTTP to `rung serve` with so many clients at once; "off" is the
same server with `--concurrency 1`, at the most clients. Each round does all of it, one after the other, so that a neighbour
on the machine slows all rows alike; a row is the median of the rounds. Columns: tokens a second, their share of the bare
engine's batch, seconds of an answer and to its first token, and processor milliseconds an answer, which a neighbour changes
less than the clock: of all that answers, of the server's own process in it, and of the clients, which ask from the same
machine. The engine is also asked one step after the other: what an answer of a single client takes longer than that is what
HTTP, the search and the server add.

The clients are `httpx`, or `wrk` where it is installed, which costs next to nothing, gives the mean time of an answer in
place of its median, and knows no first token. Answers are streamed, or come whole (`--whole`).

    python benchmarks/serving.py [--questions 64] [--model NAME] [--rung rag] [--rounds 3] [--client wrk] [--whole]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path

from a_server import Served, served
from load_clients import CLIENTS, Load, chat, high, load

from rung.builders.building import ArtifactBuilder
from rung.config.project import load_project
from rung.loop import opened
from rung.models.protocol import Generator
from rung.records import Question
from rung.records.steps import Generate, GenerateResult, Request
from rung.runtime.runner import StepRunner
from rung.serving.deployments import Deployment, open_deployments

BATCH = "engine, one call"
ALONE = 16  # questions that are asked one after the other
TOPICS = ("returns", "shipping", "invoices", "warranty", "gift cards", "repairs", "accounts", "discounts")


def project(folder: Path, model: str) -> Path:
    """A small help centre without cases that matter: what is answered is not judged here."""
    (folder / "docs").mkdir()
    for number, topic in enumerate(TOPICS):
        lines = [
            f"{topic.capitalize()} rule {n}: within {n + number + 2} days a fee of {n * 3 + number} euros is due."
            for n in range(12)
        ]
        (folder / "docs" / f"{topic}.md").write_text(f"# {topic}\n\n" + "\n\n".join(lines) + "\n", "utf-8")
    row = {"id": "c", "question": "What fee is due?", "answers": ["3 euros"], "split": "test"}
    (folder / "cases.jsonl").write_text(json.dumps(row) + "\n", "utf-8")
    yaml = "task: Answer the customer in three sentences.\nknowledge: {sources: ['docs/*.md']}\ncases: cases.jsonl\n"
    (folder / "rung.yaml").write_text(
        yaml + f"model: {model}\nrungs: [prompt: {{max_tokens: 64}}, rag: {{max_tokens: 64}}]\n", "utf-8"
    )
    return folder


def questions(count: int) -> list[str]:
    """All of them different."""
    return [
        f"What fee is due by rule {n // 8 % 12} of {TOPICS[n % 8]}, and how long does it take? ({n})" for n in range(count)
    ]


def steps_of(deployment: Deployment, asked: Sequence[str]) -> list[Generate]:
    """What the model is asked for each question, the search done."""
    steps = []
    for text in asked:
        conversation = deployment.strategy.answer(Question("q", text))
        step = next(conversation)
        while not isinstance(step, Generate):
            ((_, result),) = deployment.engines["search"].run([Request(step)])
            step = conversation.send(result)  # type: ignore[arg-type]
        steps.append(step)
    return steps


def bare(folder: Path, rung: str, asked: list[str]) -> tuple[Load, Load]:
    """The engine given all the steps in one call, and one after the other; its prefix cache is empty before each."""
    with opened(load_project(folder)) as engines, StepRunner(engines) as runner:
        deployment = open_deployments(ArtifactBuilder(runner))[rung]
        steps = [Request(step) for step in steps_of(deployment, asked)]
        rows = []
        for calls in ([steps], [[step] for step in steps[:ALONE]]):
            deployment.generator.close()
            list(deployment.generator.run(steps[:1]))
            rows.append(timed(deployment.generator, calls))
        return rows[0], rows[1]


def timed(generator: Generator, calls: list[list[Request]]) -> Load:
    """One call after the other."""
    tokens, times, before = 0, [], time.process_time()
    for call in calls:
        began = time.perf_counter()
        results = [result for _, result in generator.run(call)]
        times.append(time.perf_counter() - began)
        tokens += sum(result.completion_tokens for result in results if isinstance(result, GenerateResult))
    used = time.process_time() - before
    count = sum(map(len, calls))
    return Load(tokens / sum(times), statistics.median(times), tokens / count, high(times), processor=1000 * used / count)


def processor_seconds(process: int) -> float:
    """That a process has used so far."""
    fields = Path(f"/proc/{process}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def children(process: int) -> list[int]:
    """Processes that a process has started."""
    lists = Path(f"/proc/{process}/task").glob("*/children")
    return [int(child) for one in lists for child in one.read_text("utf-8").split()]


def over_http(folder: Path, given: argparse.Namespace, asked: Sequence[str], clients: int, *, concurrency: int = 64) -> Load:
    """The same over HTTP, by a server of its own, whose prefix cache is empty."""
    hello, *bodies = (
        chat(given.rung, [{"role": "user", "content": text}], streamed=not given.whole) for text in ("Hello?", *asked)
    )
    with served(folder, "--open", "--concurrency", str(concurrency), "--seconds", "3600") as server:
        load(given.client, server.url, [hello], 1)
        return measured(given.client, server, bodies, clients)


def measured(kind: str, server: Served, bodies: Sequence[dict[str, object]], clients: int) -> Load:
    """The load, with what the server's processes used meanwhile."""
    processes = [server.process.pid, *children(server.process.pid)]
    before = [*map(processor_seconds, processes)]
    row = load(kind, server.url, bodies, clients)
    used = [after - first for first, after in zip(before, map(processor_seconds, processes), strict=True)]
    return replace(row, processor=1000 * sum(used) / len(bodies), server=1000 * used[0] / len(bodies))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", type=int, default=64)
    parser.add_argument("--model", default="smollm2-135m-grounded")
    parser.add_argument("--rung", default="rag")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clients", type=int, nargs="*", default=[1, 8, 64])
    parser.add_argument("--client", choices=CLIENTS, default="httpx")
    parser.add_argument("--off", action=argparse.BooleanOptionalAction, default=True, help="with batching off, too")
    parser.add_argument("--whole", action="store_true", help="answers that are not streamed")
    given = parser.parse_args()
    rounds: dict[str, list[Load]] = {}

    def note(name: str, row: Load) -> None:
        rounds.setdefault(name, []).append(row)
        print(shown(name, [row]), flush=True)

    with tempfile.TemporaryDirectory() as scratch:
        folder, asked = project(Path(scratch), given.model), questions(given.questions)
        for _ in range(given.rounds):
            batch, alone = bare(folder, given.rung, asked)
            note(BATCH, batch)
            note("engine, one by one", alone)
            for clients in given.clients:
                few = asked[:ALONE] if clients == 1 else asked
                note(f"{clients} clients", over_http(folder, given, few, clients))
            if given.off:
                off = over_http(folder, given, asked[: 2 * ALONE], max(given.clients), concurrency=1)
                note("the same, batching off", off)
    print("medians; shares are medians of the rounds' own")
    for name, rows in rounds.items():
        shares = [row.rate / batch.rate for row, batch in zip(rows, rounds[BATCH], strict=True)]
        print(f"{statistics.median(shares):5.2f} of the batch: {shown(name, rows)}")
    print("load average", *os.getloadavg())


def shown(name: str, rows: Sequence[Load]) -> str:
    """Medians over these rows, in a line."""
    row = Load(*(statistics.median(getattr(row, column.name) for row in rows) for column in fields(Load)))
    times = f"answer {row.whole:.3f} s" + (f", p95 {row.late:.3f} s" if row.late else " in the mean")
    more = f"; first token {row.first:.3f} s, p95 {row.late_first:.3f} s" if row.first else ""
    spent = f"processor {row.processor:.0f} ms an answer"
    whose = f" (server {row.server:.1f}), clients {row.clients:.1f}" if row.server else ""
    return f"{name:24} {row.rate:7.1f} tokens/s, {row.tokens:.1f} an answer  {times}{more}  {spent}{whose}"


if __name__ == "__main__":
    main()
