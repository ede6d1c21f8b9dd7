"""Asks a server of OpenAI's chat completions by many clients at once, and counts the tokens that its answers say they have.

Two kinds of client. `httpx` tells the time to the first token and of each answer, and takes 4 to 5 ms of processor an
answer, on the machine that is measured. `wrk` takes next to nothing; it tells the mean time of an answer and no first token.
"""

from __future__ import annotations

import asyncio
import json
import resource
import shutil
import signal
import statistics
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

PATH = "/v1/chat/completions"
CLIENTS = ("wrk", "httpx")
_SCRIPT = Path(__file__).with_name("load.lua")


@dataclass(frozen=True)
class Load:
    """Of one way to ask, in one round: tokens a second; seconds of an answer (wrk: the mean, else the median) and to its
    first token, with 95th percentiles; milliseconds of processor an answer. 0 is what is not known."""

    rate: float
    whole: float
    tokens: float = 0.0  # of an answer, in the mean
    late: float = 0.0
    first: float = 0.0
    late_first: float = 0.0
    clients: float = 0.0  # milliseconds, of those who ask
    processor: float = 0.0  # of all processes that answer
    server: float = 0.0  # of these, the server's own


def load(kind: str, url: str, bodies: Sequence[dict[str, object]], clients: int) -> Load:
    """Send each body once, by so many clients at once.

    Raises:
        RuntimeError: an answer is an error, is not whole, or does not say its tokens.
    """
    return by_wrk(url, bodies, clients) if kind == "wrk" else asyncio.run(by_httpx(url, bodies, clients))


def high(times: Sequence[float]) -> float:
    """The 95th percentile."""
    return sorted(times)[int(0.95 * (len(times) - 1))]


def chat(model: str, messages: list[dict[str, str]], *, streamed: bool, **more: object) -> dict[str, object]:
    """The body of a request whose answer says its tokens."""
    stream: dict[str, object] = {"stream": True, "stream_options": {"include_usage": True}} if streamed else {}
    return {"model": model, "messages": messages, **stream, **more}


def by_wrk(url: str, bodies: Sequence[dict[str, object]], clients: int) -> Load:
    """By `wrk`, which has to be installed."""
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is not installed ('apt-get install wrk'): use '--client httpx'")
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "bodies.jsonl"
        file.write_text("".join(json.dumps(body) + "\n" for body in bodies), "utf-8")
        command = ["wrk", "-t1", f"-c{clients}", "-d1h", "-s", str(_SCRIPT), url + PATH, "--", str(file)]
        before = _of_children()
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as wrk:
            assert wrk.stdout is not None
            said = next((line for line in wrk.stdout if line.startswith("{")), None)
            wrk.send_signal(signal.SIGINT)  # it would go on for its hour
            wrk.communicate()
        used = _of_children() - before
    if said is None:
        raise RuntimeError(f"wrk ended with {wrk.returncode} before all were answered")
    came = json.loads(said)
    if came["failed"]:
        raise RuntimeError(f"{came['failed']} of {len(bodies)} answers failed, such as {came['example']}")
    each = came["tokens"] / len(bodies)
    return Load(came["tokens"] / came["seconds"], came["mean"], tokens=each, clients=1000 * used / len(bodies))


def _of_children() -> float:
    """Seconds of processor of processes that were started here, and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


async def by_httpx(url: str, bodies: Sequence[dict[str, object]], clients: int) -> Load:
    """By httpx, streamed or whole as the bodies say."""
    waiting, tokens, own = list(reversed(bodies)), 0, time.process_time()
    firsts: list[float] = []
    whole: list[float] = []
    async with httpx.AsyncClient(base_url=url, timeout=None, limits=httpx.Limits(max_connections=clients)) as client:

        async def one() -> None:
            nonlocal tokens
            while waiting:
                body = waiting.pop()
                began, first, counted = time.perf_counter(), None, None
                async with client.stream("POST", PATH, json=body) as response:
                    async for line in response.aiter_lines():
                        chunk = json.loads(line.removeprefix("data: ")) if line.startswith(("data: {", "{")) else {}
                        choices = chunk.get("choices")
                        if first is None and choices and choices[0].get("delta", {}).get("content"):
                            first = time.perf_counter() - began
                        if chunk.get("usage"):
                            counted = chunk["usage"]["completion_tokens"]
                        if "error" in chunk:
                            raise RuntimeError(chunk["error"])
                if counted is None:
                    raise RuntimeError(f"an answer with status {response.status_code} says no tokens")
                tokens += counted
                whole.append(time.perf_counter() - began)
                firsts.append(first or whole[-1])

        began = time.perf_counter()
        await asyncio.gather(*(one() for _ in range(clients)))
        seconds = time.perf_counter() - began
    return Load(
        tokens / seconds,
        statistics.median(whole),
        tokens / len(bodies),
        high(whole),
        statistics.median(firsts),
        high(firsts),
        1000 * (time.process_time() - own) / len(bodies),
    )
