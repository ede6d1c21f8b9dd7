"""Does a deployment in the shadow answer the same questions, unseen, behind all that somebody waits for?"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from rung.models.scripted import ScriptedGenerator
from rung.records.deployment import DeploymentRecord
from rung.serving.conversations import Limits
from rung.state.database import State
from rung.state.deployments import events, pairs, seen, standing_now
from tests.cli.conftest import Run
from tests.serving.promoting import promoted
from tests.serving.serving import STAFF, Client, Failing, Slow, chat, served

QUESTION = "Do we ship to Norway?"


def shadowing(folder: Path) -> DeploymentRecord:
    promoted(folder, "long_context")
    return promoted(folder, "rag", kind="shadow")


def answered_by(client: Client, model: ScriptedGenerator) -> None:
    """Have another model answer in the shadow."""
    candidate = client.app.state.rollouts.served.candidate
    engines = {**candidate.engines, "generate": model, "generate:scripted": model}
    object.__setattr__(candidate, "engines", engines)


def kept(client: Client) -> Counter[str]:
    """What the shadow's answers come to, counted as they come."""
    counted: Counter[str] = Counter()

    def count(how: str) -> None:
        counted[how] += 1

    client.app.state.shadows._on_kept = count
    return counted


async def until(done: Callable[[], bool]) -> None:
    for _ in range(1500):
        if done():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not come")


def ask(client: Client, *texts: str, caller: str = "somebody", wait: Callable[[], bool]) -> list[dict]:  # type: ignore[type-arg]
    """Answers to these questions, one after the other; ends when the shadow has answered too."""

    async def asked() -> list[dict]:  # type: ignore[type-arg]
        async with client.as_caller(caller).connected() as connected:
            responses = [await connected.post("/v1/chat/completions", json=chat(text, model="rung")) for text in texts]
            await until(wait)
            return [response.json() for response in responses]

    return asyncio.run(asked())


def written(client: Client) -> State:
    client.app.state.shadows._writer.flush()
    client.app.state.rollouts.work()
    state: State = client.app.state.rollouts._state
    return state


def test_what_it_says_otherwise_is_kept_and_the_old_one_is_served(rung: Run, measured: Path) -> None:
    record = shadowing(measured)
    with served(measured) as client:
        counted = kept(client)
        asked = ["What does express shipping cost?", QUESTION, "Who pays for the return parcel?", "Who is the CEO?"]
        bodies = ask(client, *asked, wait=lambda: counted.total() == 4)
        assert all(one["choices"][0]["message"]["rung"]["strategy"] == "long_context" for one in bodies)
        state = written(client)
        some, count = pairs(state, record.id)
        assert counted["other"] == count
        assert counted["same"] + counted["other"] == 4
        for pair in some:
            assert str(dict(pair.question)["text"]) in asked  # type: ignore[arg-type]
            assert pair.old != pair.new
        by_id = seen(state, trial=record.id)
        assert by_id[record.id].answers == 4
        assert sum(one.answers for one in by_id.values()) == 8
        exposed = client.get("/metrics").text
        assert f'rung_shadow_answers_total{{how="same"}} {counted["same"]}.0' in exposed or not counted["same"]
    shown = rung("deployments", measured, record.id, "--json").json
    assert shown["differences"]["count"] == count
    assert shown["state"] == "shadow"


def test_it_reads_what_its_asker_may_read(measured: Path) -> None:
    record = shadowing(measured)
    with served(measured) as client:
        counted = kept(client)
        ask(client, STAFF, caller="ann staff", wait=lambda: counted.total() == 1)
        ask(client, STAFF, caller="bob", wait=lambda: counted.total() == 2)
        texts = json.dumps([[pair.new, pair.old] for pair in pairs(written(client), record.id)[0]])
        with_staff = [pair for pair in pairs(written(client), record.id)[0] if "forty" in json.dumps([pair.new])]
        assert "forty percent" not in texts or len(with_staff) == 1


def test_a_changed_question_is_not_asked_in_the_shadow(measured: Path) -> None:
    shadowing(measured)
    with served(measured) as client:
        counted = kept(client)

        async def asked() -> None:
            async with client.connected() as connected:
                await connected.post("/v1/chat/completions", json=chat(model="rung", temperature=0.7))
                await connected.post("/v1/chat/completions", json=chat(model="rung"))
                await until(lambda: counted.total() == 1)
                await asyncio.sleep(0.1)

        asyncio.run(asked())
        assert counted.total() == 1


def test_it_gives_way_to_whoever_waits(measured: Path) -> None:
    """One conversation at a time: a question must not wait until the shadow has ended its own."""
    shadowing(measured)
    with served(measured, limits=Limits(at_once=1)) as client:
        answered_by(client, Slow(1.0))
        counted = kept(client)

        async def asked() -> float:
            async with client.connected() as connected:
                await connected.post("/v1/chat/completions", json=chat(model="rung"))
                await until(lambda: client.app.state.answering.conversations._turns.behind == 1)
                began = time.monotonic()
                response = await connected.post("/v1/chat/completions", json=chat(QUESTION, model="rung"))
                assert response.status_code == 200
                took = time.monotonic() - began
                await until(lambda: counted["dropped"] == 1)
                return took

        assert asyncio.run(asked()) < 6  # the shadow alone takes ten seconds


def test_one_that_fails_fails_nobody_and_is_stopped(measured: Path) -> None:
    record = shadowing(measured)
    with served(measured) as client:
        answered_by(client, Failing())
        counted = kept(client)
        texts = [f"What does express shipping cost? ({n})" for n in range(12)]
        bodies = ask(client, *texts, wait=lambda: counted.total() >= 3)  # it may be stopped before the others are asked
        assert all(body["choices"][0]["message"]["content"] for body in bodies)
        assert counted["failed"] == counted.total()
        state = written(client)
        now = standing_now(state)
        assert (now.candidate, now.failed) == ("", frozenset({record.id}))
        assert events(state)[-1].why.endswith("answers failed, and 5.0% may")
        assert pairs(state, record.id)[0][0].new == {"failure": "the secret is 42"}


def test_it_takes_no_tokens_of_its_asker(measured: Path) -> None:
    shadowing(measured)
    with served(measured, model=Slow(0.0)) as client:
        counted, spent = kept(client), []
        client.app.state.answering.on_spent = lambda caller, tokens: spent.append(tokens)
        ask(client, QUESTION, wait=lambda: counted.total() == 1)
        assert len(spent) == 1


@pytest.mark.parametrize("most", [1])
def test_too_many_at_once_are_left_out_and_counted(measured: Path, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    shadowing(measured)
    monkeypatch.setattr("rung.serving.shadows.MOST", most)
    with served(measured) as client:
        answered_by(client, Slow(0.2))
        counted = kept(client)

        async def asked() -> None:
            async with client.connected() as connected:
                posts = [
                    connected.post("/v1/chat/completions", json=chat(f"{QUESTION} ({n})", model="rung")) for n in range(3)
                ]
                await asyncio.gather(*posts)
                await until(lambda: counted.total() == 3)

        asyncio.run(asked())
        assert counted["dropped"] >= 1
