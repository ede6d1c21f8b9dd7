"""What do workers bring? The same batch by this process, by one Ray worker and by two, on this machine.

    python benchmarks/distributed.py [--steps 64] [--tokens 48] [--wait 0.05]

Two batches. `model`: the local generator, whose threads already use every core, so two workers on one machine can bring
nothing but overhead; on two machines they would have twice the cores. `wait`: a scripted engine that takes `--wait` seconds
a step and no core, as a model server does: here the second worker counts. Workers are started, and have opened the model,
before the clock runs.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from functools import partial

from rung.models.catalog import generator
from rung.models.scripted import ScriptedGenerator
from rung.models.scripted_engines import Play
from rung.records import Message
from rung.records.steps import Engine, Generate, GenerateResult, Request
from rung.runtime.distributed import Cluster, Pool

MODEL = "smollm2-135m-instruct"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--steps", type=int, default=64)
    options.add_argument("--tokens", type=int, default=48)
    options.add_argument("--wait", type=float, default=0.05)
    options.add_argument("--only", choices=["model", "wait"])
    said = options.parse_args()
    print(f"{os.cpu_count()} cores, {said.steps} steps")
    openers: dict[str, Callable[[], Engine]] = {
        "wait": partial(ScriptedGenerator, play=Play(delay=said.wait)),
        "model": partial(generator, MODEL),
    }
    for name, opener in openers.items():
        if said.only in (None, name):
            _measure(name, opener, said.steps, said.tokens)


def _measure(name: str, opener: Callable[[], Engine], steps: int, tokens: int) -> None:
    requests = [
        Request(Generate((Message("user", f"Write one sentence about the number {n}."),), max_tokens=tokens))
        for n in range(steps)
    ]
    warm = [
        Request(Generate((Message("user", f"Say {n}."),), max_tokens=4)) for n in range(8)
    ]  # a slice or more for each worker
    local = opener()
    list(local.run(warm))
    alone, texts = _timed(local, requests)
    print(f"{name:<8} this process  {alone:7.2f} s  {steps / alone:7.1f} steps/s")
    if hasattr(local, "close"):
        local.close()
    for count in (1, 2):
        with Pool(Cluster(count=count), {"generate": opener}) as pool:
            engine = pool.engine("generate", local)
            list(engine.run(warm))
            seconds, same = _timed(engine, requests)
        equal = sum(a == b for a, b in zip(texts, same, strict=True))
        workers = f"{count} worker{'s' if count > 1 else ''}"
        print(f"{name:<8} {workers:<13} {seconds:7.2f} s  {steps / seconds:7.1f} steps/s  {equal} of {steps} texts equal")


def _timed(engine: Engine, requests: list[Request]) -> tuple[float, list[str]]:
    """Seconds, and the texts in the order of the requests."""
    began = time.perf_counter()
    results = dict(engine.run(requests))
    seconds = time.perf_counter() - began
    return seconds, [r.text if isinstance(r := results[n], GenerateResult) else "" for n in range(len(requests))]


if __name__ == "__main__":
    main()
