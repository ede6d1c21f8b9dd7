"""What serving costs over the bare engine: tokens a second at 1, 8 and 64 clients, and with batching switched off.

The same questions go to the engine in one call, and over HTTP to `rung serve` with so many clients at once. Rows: tokens a
second, their share of the bare engine's batch, and the time to the first token.

    python benchmarks/serving.py [--questions 64] [--model NAME] [--rung rag]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx

from rung.builders.building import ArtifactBuilder
from rung.config.project import load_project
from rung.loop import opened
from rung.records import Question
from rung.records.steps import Generate, GenerateResult, Request
from rung.runtime.runner import StepRunner
from rung.serving.deployments import open_deployments

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


def bare(folder: Path, rung: str, asked: list[str], rounds: int) -> float:
    """Tokens a second of the engine given all the steps in one call: the best of so many rounds."""
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
        rates = []
        for _ in range(rounds):
            deployment.generator.close()  # an empty prefix cache
            list(deployment.generator.run(steps[:1]))
            began = time.perf_counter()
            results = [result for _, result in deployment.generator.run(steps)]
            tokens = sum(result.completion_tokens for result in results if isinstance(result, GenerateResult))
            rates.append(tokens / (time.perf_counter() - began))
        return max(rates)


async def load(url: str, rung: str, asked: list[str], clients: int) -> tuple[float, float, float]:
    """(tokens a second, median and 95th percentile of seconds to the first token) of so many clients at once."""
    waiting, firsts, tokens = list(reversed(asked)), [], 0
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
                firsts.append(first or 0.0)

        began = time.perf_counter()
        await asyncio.gather(*(one() for _ in range(clients)))
        seconds = time.perf_counter() - began
    ranked = sorted(firsts)
    return tokens / seconds, statistics.median(ranked), ranked[int(0.95 * (len(ranked) - 1))]


def served(folder: Path, rung: str, asked: list[str], clients: int) -> tuple[float, float, float]:
    """The same over HTTP, by a server of its own, whose prefix cache is empty."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "rung", "serve", str(folder), "--open", "--port", str(port)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{port}"
        for _ in range(600):
            try:
                httpx.get(f"{url}/health/ready")
                break
            except httpx.TransportError:
                time.sleep(0.2)
        asyncio.run(load(url, rung, ["Hello?"], 1))
        return asyncio.run(load(url, rung, asked, clients))
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=64)
    parser.add_argument("--model", default="smollm2-135m-grounded")
    parser.add_argument("--rung", default="rag")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--clients", type=int, nargs="*", default=[1, 8, 64])
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder, asked = project(Path(scratch), given.model), questions(given.questions)
        engine = bare(folder, given.rung, asked, given.rounds)
        print(f"bare engine, one call   {engine:8.1f} tokens/s")
        for clients in given.clients:
            rate, median, late = max(served(folder, given.rung, asked, clients) for _ in range(given.rounds))
            first = f"first token {median:.2f} s, p95 {late:.2f} s"
            print(f"{clients:3} clients over HTTP    {rate:8.1f} tokens/s  {rate / engine:5.2f} of it  {first}")


if __name__ == "__main__":
    main()
