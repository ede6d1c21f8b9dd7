"""A project that is served in a test: in this process by its application, or in another by the real server."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from rung.builders.building import ArtifactBuilder
from rung.config.project import load_project
from rung.loop import opened
from rung.models.protocol import Generator
from rung.models.scripted import ScriptedGenerator
from rung.records import Failure
from rung.records.steps import GenerateResult, Request
from rung.runtime.runner import StepRunner
from rung.serving.app import Service, application
from rung.serving.callers import Caller, Identity, Refused
from rung.serving.conversations import Limits
from rung.serving.server import listening, serve
from rung.state.database import open_state

SHIPPING = "What does express shipping cost?"
STAFF = "At what discount do staff buy everything?"


class Named:
    """Callers say who they are: `x-caller: NAME GROUP GROUP`. Nobody else is answered."""

    def identify(self, headers: Mapping[str, str], address: str = "") -> Caller:
        del address
        words = headers.get("x-caller", "").split()
        if not words:
            raise Refused(401, "say who you are", headers={"WWW-Authenticate": "Named"})
        return Caller(words[0], frozenset(words[1:]))


class Slow(ScriptedGenerator):
    """The scripted model, a while between two words. `pieces`: how many it has said so far; `most`: streams at once."""

    def __init__(self, delay: float, **given: Any) -> None:
        super().__init__(**given)
        self._delay, self._lock = delay, threading.Lock()
        self.pieces = self.now = self.most = 0

    def stream(self, request: Request) -> Iterator[str | GenerateResult]:
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)
        try:
            for piece in super().stream(request):
                time.sleep(self._delay)
                self.pieces += isinstance(piece, str)
                yield piece
        finally:
            with self._lock:
                self.now -= 1


class Failing(ScriptedGenerator):
    """A model that answers nothing."""

    def stream(self, request: Request) -> Iterator[str | GenerateResult | Failure]:  # type: ignore[override]
        del request
        yield Failure("the secret is 42", step="generate")


@dataclass
class Client:
    """Asks an application in this process."""

    app: FastAPI
    headers: dict[str, str] = field(default_factory=dict)

    def as_caller(self, words: str) -> Client:
        """The same, said to be this caller."""
        return Client(self.app, {"x-caller": words})

    def send(self, method: str, path: str, **given: Any) -> httpx.Response:
        """One request."""

        async def sent() -> httpx.Response:
            async with self.connected() as client:
                return await client.request(method, path, **given)

        return asyncio.run(sent())

    def connected(self) -> httpx.AsyncClient:
        """For several requests at once."""
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url="http://testserver", headers=self.headers)

    def get(self, path: str) -> httpx.Response:
        """One request without a body."""
        return self.send("GET", path)

    def post(self, path: str, body: object) -> httpx.Response:
        """One request with a body of JSON."""
        return self.send("POST", path, json=body)

    def chat(self, text: str = SHIPPING, **more: Any) -> httpx.Response:
        """A question to `rag`, by OpenAI's API."""
        return self.post("/v1/chat/completions", chat(text, **more))


def chat(text: str = SHIPPING, **more: Any) -> dict[str, Any]:
    """The body of a question to `rag`."""
    return {"model": "rag", "messages": [{"role": "user", "content": text}], **more}


@contextmanager
def served(
    folder: Path,
    *,
    model: Generator | None = None,
    limits: Limits | None = None,
    identity: Identity | None = None,
) -> Iterator[Client]:
    """The project's application, with this model in its own one's place."""
    project = load_project(folder)
    with open_state(project) as state, opened(project) as engines, StepRunner(engines) as runner:
        if model is not None:
            engines.generator = model
        app = application(Service(ArtifactBuilder(runner), identity or Named(), state, limits or Limits()))
        try:
            yield Client(app, {"x-caller": "somebody"})
        finally:
            app.state.answering.conversations.close()
            app.state.answering.following.close()
            app.state.answering.traces.close()
            for part in (app.state.feedback, app.state.shadows, app.state.rollouts, app.state.retention):
                part.close()


def events(response: httpx.Response) -> list[dict[str, Any]]:
    """The events of a streamed answer, the last one of OpenAI's left out."""
    lines = [line.removeprefix("data: ") for line in response.text.splitlines() if line.startswith("data: ")]
    return [json.loads(line) for line in lines if line != "[DONE]"]


if __name__ == "__main__":  # FOLDER PORT DELAY: the real server, its model slow
    of_project = load_project(Path(sys.argv[1]))
    with open_state(of_project) as database, opened(of_project) as engines, StepRunner(engines) as runner:
        engines.generator = Slow(float(sys.argv[3]))
        app = application(Service(ArtifactBuilder(runner), Named(), database))
        serve(app, listening("127.0.0.1", int(sys.argv[2])), seconds=30)
    sys.stdout.write("closed in order\n")
