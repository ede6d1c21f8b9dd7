"""What serving costs over the bare engine: tokens a second at 1, 8 and 64 clients, and with batching switched off.

The same questions go to the engine in one call, and over HTTP to `rung serve` with so many clients at once; "off" is the
same server with `--concurrency 1`, at the most clients. Each round does all of it, one after the other, so that a neighbour
on the machine slows all rows alike; a row is the median of the rounds. Columns: tokens a second, their share of the bare
engine's batch, seconds of an answer and to its first token, and processor milliseconds an answer, which a neighbour changes
less than the clock: of all that answers, of the server's own process in it, and of the clients, which ask from the same
machine. The engine is also asked one step after the other: what an answer of a single client takes longer than that is what
HTTP, the search and the server add.

    python benchmarks/serving.py [--questions 64] [--model NAME] [--rung rag] [--rounds 3]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
from a_server import served

from rung.builders.building import ArtifactBuilder
from rung.config.project import load_project
from rung.loop import opened
from rung.models.protocol import Generator
from rung.records import Question
from rung.records.steps import Generate, GenerateResult, Request
from rung.runtime.runner import StepRunner
from rung.serving.deployments import open_deployments

ALONE = 16  # questions that are asked one after the other
TOPICS = ("returns", "shipping", "invoices", "warranty", "gift cards", "repairs", "accounts", "discounts")


@dataclass(frozen=True)
class Row:
    """Of one way to ask, in one round: tokens a second; seconds to the first token and to the whole answer (medians and
    95th percentiles)."""

    rate: float
    whole: float
    late: float
    first: float = 0.0
    late_first: float = 0.0
    processor: float = 0.0  # milliseconds an answer, in all processes
    server: float = 0.0  # of these, in the server's own
    clients: float = 0.0


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


def bare(folder: Path, rung: str, asked: list[str]) -> tuple[Row, Row]:
    """The engine given all the steps in one call, and one after the other; its prefix cache is empty before each."""
    with opened(load_project(folder)) as engines, StepRunner(engines) as runner:
        deployment = open_deployments(ArtifactBuilder(runner))[rung]
        steps = []
        for text in asked:
            conversation = deployment.strategy.answer(Question("q", text))
            step = next(conversation)
            while not isinstance(step, Generate):
                ((_, result),) = deployment.engines["search"].run([Request(step)])
                step = conversation.send(result)  # type: ignore[arg-type]
            steps.append(Request(step))
        rows = []
        for calls in ([steps], [[step] for step in steps[:ALONE]]):
            deployment.generator.close()
            list(deployment.generator.run(steps[:1]))
            rows.append(timed(deployment.generator, calls))
        return rows[0], rows[1]


def timed(generator: Generator, calls: list[list[Request]]) -> Row:
    """One call after the other."""
    tokens, times, before = 0, [], time.process_time()
    for call in calls:
        began = time.perf_counter()
        results = [result for _, result in generator.run(call)]
        times.append(time.perf_counter() - began)
        tokens += sum(result.completion_tokens for result in results if isinstance(result, GenerateResult))
    processor = 1000 * (time.process_time() - before) / sum(map(len, calls))
    return Row(tokens / sum(times), statistics.median(times), high(times), processor=processor)


def processor_seconds(process: int) -> float:
    """That a process has used so far."""
    fields = Path(f"/proc/{process}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def children(process: int) -> list[int]:
    """Processes that a process has started."""
    lists = Path(f"/proc/{process}/task").glob("*/children")
    return [int(child) for one in lists for child in one.read_text("utf-8").split()]


def high(times: list[float]) -> float:
    """The 95th percentile."""
    return sorted(times)[int(0.95 * (len(times) - 1))]


async def load(url: str, rung: str, asked: list[str], clients: int) -> Row:
    """So many clients at once."""
    waiting, tokens = list(reversed(asked)), 0
    firsts: list[float] = []
    whole: list[float] = []
    async with httpx.AsyncClient(base_url=url, timeout=None, limits=httpx.Limits(max_connections=clients)) as client:

        async def one() -> None:
            nonlocal tokens
            while waiting:
                body = {"model": rung, "stream": True, "stream_options": {"include_usage": True}}
                body["messages"] = [{"role": "user", "content": waiting.pop()}]
                began, first = time.perf_counter(), None
                async with client.stream("POST", "/v1/chat/completions", json=body) as response:
                    async for line in response.aiter_lines():
                        chunk = json.loads(line[6:]) if line.startswith("data: {") else {}
                        if first is None and chunk.get("choices") and chunk["choices"][0]["delta"].get("content"):
                            first = time.perf_counter() - began
                        if chunk.get("usage"):
                            tokens += chunk["usage"]["completion_tokens"]
                        if "error" in chunk:
                            raise RuntimeError(chunk["error"])
                whole.append(time.perf_counter() - began)
                firsts.append(first or whole[-1])

        began = time.perf_counter()
        await asyncio.gather(*(one() for _ in range(clients)))
        seconds = time.perf_counter() - began
    return Row(tokens / seconds, statistics.median(whole), high(whole), statistics.median(firsts), high(firsts))


def over_http(folder: Path, rung: str, asked: list[str], clients: int, *, concurrency: int = 64) -> Row:
    """The same over HTTP, by a server of its own, whose prefix cache is empty."""
    with served(folder, "--open", "--concurrency", str(concurrency), "--seconds", "3600") as server:
        asyncio.run(load(server.url, rung, ["Hello?"], 1))
        processes = [server.process.pid, *children(server.process.pid)]
        before, own = [*map(processor_seconds, processes)], time.process_time()
        row = asyncio.run(load(server.url, rung, asked, clients))
        used = [after - first for first, after in zip(before, map(processor_seconds, processes), strict=True)]
        each = [1000 * seconds / len(asked) for seconds in (sum(used), used[0], time.process_time() - own)]
        return replace(row, processor=each[0], server=each[1], clients=each[2])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", type=int, default=64)
    parser.add_argument("--model", default="smollm2-135m-grounded")
    parser.add_argument("--rung", default="rag")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clients", type=int, nargs="*", default=[1, 8, 64])
    given = parser.parse_args()
    rounds: dict[str, list[Row]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        folder, asked = project(Path(scratch), given.model), questions(given.questions)
        for _ in range(given.rounds):
            batch, alone = bare(folder, given.rung, asked)
            rounds.setdefault("engine, one call", []).append(batch)
            rounds.setdefault("engine, one by one", []).append(alone)
            for clients in given.clients:
                few = asked[:ALONE] if clients == 1 else asked
                rounds.setdefault(f"{clients} clients", []).append(over_http(folder, given.rung, few, clients))
            off = over_http(folder, given.rung, asked[: 2 * ALONE], max(given.clients), concurrency=1)
            rounds.setdefault("the same, batching off", []).append(off)
    report(rounds)


def report(rounds: dict[str, list[Row]]) -> None:
    """Medians over the rounds; shares are medians of the rounds' own."""
    for name, rows in rounds.items():
        shares = [row.rate / batch.rate for row, batch in zip(rows, rounds["engine, one call"], strict=True)]
        whole, late, first, late_first = (
            statistics.median(getattr(row, column) for row in rows) for column in ("whole", "late", "first", "late_first")
        )
        rate = statistics.median(row.rate for row in rows)
        times = f"answer {whole:.3f} s, p95 {late:.3f} s"
        more = f"; first token {first:.3f} s, p95 {late_first:.3f} s" if first else ""
        used = [statistics.median(getattr(row, column) for row in rows) for column in ("processor", "server", "clients")]
        spent = f"processor {used[0]:.0f} ms an answer" + (
            f" (server {used[1]:.1f}), clients {used[2]:.1f}" if used[1] else ""
        )
        print(f"{name:24} {rate:7.1f} tokens/s  {statistics.median(shares):5.2f} of the batch  {times}{more}  {spent}")
    print("load average", *os.getloadavg())


if __name__ == "__main__":
    main()
