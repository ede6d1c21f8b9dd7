"""kill -9 in the middle of promoting and of serving: is anything lost that was acknowledged?

    python benchmarks/kills.py                # 50 kills of each
    python benchmarks/kills.py --times 5

A small project is measured once. Then, again and again: a process that promotes one deployment after the other, goes back
and promotes again, and says each when it is done, is killed at a random moment; and a `rung serve` is killed while clients
ask and rate. After each kill: everything that was acknowledged is there, the events are numbered without a gap, each
deployment of an event is there and reads, and the next process goes on from there.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from rung.config.project import load_project
from rung.loop import compare
from rung.records.deployment import standing
from rung.state.database import open_state
from rung.state.deployments import all_deployments, deployment, events
from rung.state.feedback import remarks

QUESTIONS = {"amber": "What does the amber model cost?", "birch": "What does the birch model cost?"}
RUNGS = ("long_context", "rag")
CLIENTS = 4
_START = 180.0  # seconds that a server may take to come up


@dataclass
class Lost:
    """What was acknowledged in all, and what of it is gone."""

    kills: int = 0
    acknowledged: int = 0
    gone: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.kills} kills, {self.acknowledged:,} acknowledged, {len(self.gone)} of them lost"


def make_project(folder: Path) -> Path:
    """A project of two documents, measured."""
    (folder / "docs").mkdir(parents=True)
    rows = []
    for number, (name, question) in enumerate(QUESTIONS.items(), 3):
        (folder / f"docs/{name}.md").write_text(f"# The {name}\n\nThe {name} model costs {number} euros.\n", "utf-8")
        rows.append({"id": name, "question": question, "answers": [f"{number} euros"], "split": "test"})
    (folder / "cases.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    lines = ("name: kills", "task: Answer.", 'knowledge: {sources: ["docs/*.md"]}', "cases: cases.jsonl", "model: scripted")
    more = ("embedder: scripted", f"rungs: [{', '.join(RUNGS)}]", "bar: {correct: 0.2}")
    (folder / "rung.yaml").write_text("\n".join((*lines, *more)) + "\n", "utf-8")
    compare(load_project(folder))
    return folder


def promoter(folder: Path) -> None:
    """Promote without end; each deployment's id is printed when it is made."""
    from rung.builders.building import ArtifactBuilder
    from rung.loop import opened
    from rung.records.deployment import Rollout
    from rung.runtime.runner import StepRunner
    from rung.serving.going_back import rollback
    from rung.serving.promotion import PromoteRequest, promote

    project, rng = load_project(folder), random.Random()
    with open_state(project) as state, opened(project, reading=True) as engines, StepRunner(engines) as runner:
        builder = ArtifactBuilder(runner)
        while True:
            request = PromoteRequest(rng.choice(RUNGS), Rollout(), by="a kill", reason="a kill")
            record, event = promote(builder, state, request)
            sys.stdout.write(f"{record.id} {event.number}\n")
            sys.stdout.flush()
            if rng.random() < 0.3 and len(events(state)) > 2:
                with suppress(Exception):  # there may be nothing to go back to
                    back = rollback(state, by="a kill", reason="a kill")
                    sys.stdout.write(f"{back.deployment} {back.number}\n")
                    sys.stdout.flush()


def kill_promoter(folder: Path, lost: Lost, rng: random.Random) -> None:
    """One kill of the process that promotes."""
    process = subprocess.Popen([sys.executable, __file__, "--promoter", str(folder)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    said = [process.stdout.readline()]  # it is at work
    reading = threading.Thread(target=lambda: said.extend(process.stdout or ()))
    reading.start()
    time.sleep(rng.uniform(0, 1.0))
    process.send_signal(signal.SIGKILL)
    process.wait()
    reading.join()
    lost.kills += 1
    whole = [line.split() for line in said if line.endswith("\n") and line.strip()]
    lost.acknowledged += len(whole)
    with open_state(load_project(folder)) as state:
        happened = events(state)
        check_history(folder, lost)
        by_number = {event.number: event.deployment for event in happened}
        lost.gone += [f"{id} at {number}" for id, number in whole if by_number.get(int(number)) != id]


def check_history(folder: Path, lost: Lost) -> None:
    """The history reads, without a gap."""
    with open_state(load_project(folder)) as state:
        happened = events(state)
        standing(happened)
        if [event.number for event in happened] != list(range(1, len(happened) + 1)):
            lost.gone.append("an event between others")
        for event in happened:
            deployment(state, event.deployment)
        if len(all_deployments(state)) != len({event.deployment for event in happened}):
            lost.gone.append("a deployment without its event, or an event without its deployment")


class Server:
    """A real server of the project, without keys."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        command = [sys.executable, "-m", "rung", "serve", str(folder), "--open", "--port", str(self.port)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.url = f"http://127.0.0.1:{self.port}"
        until = time.monotonic() + _START
        while time.monotonic() < until:
            with suppress(httpx.TransportError):
                if httpx.get(f"{self.url}/health/ready").status_code == 200:
                    return
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise RuntimeError("the server did not come up")

    def kill(self) -> None:
        """As a power cut would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def kill_server(folder: Path, lost: Lost, rng: random.Random) -> None:
    """One kill of a server that is asked and rated by several clients."""
    server, acknowledged = Server(folder), list[str]()

    def client() -> None:
        with suppress(httpx.TransportError), httpx.Client(base_url=server.url, timeout=30) as http:
            while True:
                turns = [{"role": "user", "content": rng.choice([*QUESTIONS.values()])}]
                body = http.post("/v1/chat/completions", json={"model": "rung", "messages": turns}).json()
                mark = f"{body['id']} {time.time_ns()}"
                rating = {"id": body["id"], "rating": rng.choice(["up", "down"]), "comment": mark}
                if http.post("/v1/feedback", json=rating).status_code == 200:
                    acknowledged.append(mark)

    threads = [threading.Thread(target=client) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    while not acknowledged:
        time.sleep(0.01)
    time.sleep(rng.uniform(0, 1.0))
    server.kill()
    for thread in threads:
        thread.join()
    lost.kills += 1
    lost.acknowledged += len(acknowledged)
    with open_state(load_project(folder)) as state:
        kept = {remark.details.get("comment") for remark in remarks(state)}
    lost.gone += [mark for mark in acknowledged if mark not in kept]
    check_history(folder, lost)


def kills(folder: Path, times: int, *, seed: int = 0) -> tuple[Lost, Lost]:
    """So many kills of each, in a project of `make_project`."""
    promoting, serving, rng = Lost(), Lost(), random.Random(seed)
    for _ in range(times):
        kill_promoter(folder, promoting, rng)
    for _ in range(times):
        kill_server(folder, serving, rng)
    return promoting, serving


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument("--promoter", type=Path)
    given = parser.parse_args()
    if given.promoter is not None:
        promoter(given.promoter)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as temporary:
        both = kills(make_project(Path(temporary) / "kills"), given.times)
    for name, one in zip(("promoting", "serving"), both, strict=True):
        sys.stdout.write(f"{name}: {one}{'; '.join(['', *one.gone[:10]])}\n")
    sys.stdout.write(f"{time.monotonic() - began:.0f} s\n")
    sys.exit(any(one.gone for one in both))
