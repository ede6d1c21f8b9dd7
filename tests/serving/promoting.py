"""A shop that was measured, and deployments of its rungs without the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rung.builders.building import ArtifactBuilder
from rung.config.project import load_project
from rung.loop import opened
from rung.records.deployment import DeploymentRecord, Rollout
from rung.runtime.runner import StepRunner
from rung.serving.promotion import PromoteRequest, promote
from rung.state.database import State, open_state
from tests.serving.serving import SHIPPING, Client

BY: dict[str, str] = {"by": "ada", "reason": "a test"}


@contextmanager
def promoting(shop: Path) -> Iterator[tuple[ArtifactBuilder, State]]:
    """What promoting takes."""
    project = load_project(shop)
    with open_state(project) as state, opened(project, reading=True) as engines, StepRunner(engines) as runner:
        yield ArtifactBuilder(runner), state


def promoted(shop: Path, rung: str = "", **rollout: Any) -> DeploymentRecord:
    """A rung of the last verdict, promoted whatever the gate says."""
    with promoting(shop) as (builder, state):
        return promote(builder, state, PromoteRequest(rung, Rollout(**rollout), **BY))[0]


@dataclass
class Asker:
    """Somebody who asks `rung`, and which deployment answers."""

    client: Client
    name: str

    @property
    def _as(self) -> Client:
        return self.client.as_caller(self.name)

    def ask(self, text: str = SHIPPING) -> tuple[str, str]:
        """The answer's id, and the digest of the strategy that gave it; ("", "") where it failed."""
        response = self._as.chat(text, model="rung")
        if response.status_code != 200:
            return "", ""
        body = response.json()
        return body["id"], body["choices"][0]["message"]["rung"]["digest"]

    def rate(self, id: str, rating: str) -> None:
        """Say something of an answer."""
        assert self._as.post("/v1/feedback", {"id": id, "rating": rating}).status_code == 200


def deployments(client: Client) -> list[str]:
    """What is served: the ids of models."""
    return [one["id"] for one in client.get("/v1/models").json()["data"]]


def verdict_file(shop: Path, name: str) -> Path:
    """A file of the last verdict."""
    return shop / ".rung/verdicts" / (shop / ".rung/verdicts/latest").read_text("utf-8").strip() / name


def said(shop: Path) -> dict[str, Any]:
    """The last verdict's line."""
    line: dict[str, Any] = json.loads(verdict_file(shop, "verdict.json").read_text("utf-8"))
    return line
