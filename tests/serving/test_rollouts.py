"""Do servers answer by what was promoted, follow changes without dropping anything, and act on what they see?"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from rung.config.project import load_project
from rung.errors import UserError
from rung.models.scripted import ScriptedGenerator
from rung.records.deployment import DeploymentRecord
from rung.records.steps import GenerateResult, Request
from rung.serving.conversations import Limits
from rung.serving.going_back import rollback, withdraw
from rung.serving.rollouts import asker_of, is_chosen
from rung.state.database import State
from rung.state.deployments import BLOCK, deployment, events, standing_now
from rung.state.tables import deployment_events, observations
from rung.state.tables import deployments as table
from tests.serving.promoting import Asker, deployments, promoted
from tests.serving.serving import SHIPPING, Client, Slow, chat, served
from tests.serving.test_traces import database_away
from tests.state.databases import KINDS, database, named
from tests.tracing.test_recorder import until

WINNER, OTHER = "long_context", "rag"


def state_of(client: Client) -> State:
    state: State = client.app.state.rollouts._state
    return state


def looked(client: Client) -> None:
    """As the server does every moment."""
    client.app.state.rollouts.work()


def seen(client: Client) -> int:
    """Answers that are written down as seen."""
    with state_of(client).reading() as connection:
        return connection.scalar(sa.select(sa.func.count()).select_from(observations)) or 0


def askers(client: Client, record: DeploymentRecord, share: float, count: int) -> tuple[list[Asker], list[Asker]]:
    """So many of both kinds: those whom the deployment does not answer, and those whom it does."""
    sides: tuple[list[Asker], list[Asker]] = ([], [])
    for n in range(10_000):
        name = f"user{n}"
        side = sides[is_chosen(f":{name}", record.digest, share)]
        if len(side) < count:
            side.append(Asker(client, name))
        if all(len(side) == count for side in sides):
            break
    return sides


def observed(state: State, count: int, **given: Any) -> None:
    row = {"at": 1, "trial": "", "end": "answered", "refused": False, "seconds": 0.1, **given}
    with state.writing() as connection:
        connection.execute(observations.insert(), [{**row, "answer": f"{time.time_ns()}-{n}"} for n in range(count)])


def test_what_is_promoted_is_what_answers_and_the_rungs_are_no_models_any_more(measured: Path) -> None:
    with served(measured) as client:
        assert deployments(client) == ["rung", "prompt", "few_shot", "long_context", "rag"]
        record = promoted(measured, OTHER)
        looked(client)
        assert deployments(client) == ["rung"]
        assert Asker(client, "ada").ask()[1] == record.spec.digest
        entry = client.get("/v1/models").json()["data"][0]["rung"]
        assert entry["deployment"] == record.id
    with served(measured) as client:
        assert deployments(client) == ["rung"]
        assert Asker(client, "ada").ask()[1] == record.spec.digest
        assert (
            f'rung_deployment_info{{deployment="{record.id}",rung="rag",state="served"}} 1.0' in client.get("/metrics").text
        )


def test_a_new_deployment_is_taken_while_answers_are_open_which_end_by_the_old_one(measured: Path) -> None:
    old = promoted(measured, WINNER)
    with served(measured, model=Slow(0.05)) as client:

        async def both() -> tuple[str, str]:
            async with client.connected() as connected:
                before = asyncio.create_task(connected.post("/v1/chat/completions", json=chat(model="rung")))
                while not client.app.state.answering.conversations.open:
                    await asyncio.sleep(0.01)
                new = await asyncio.to_thread(promoted, measured, OTHER)
                await asyncio.to_thread(looked, client)
                assert not before.done()
                after = await connected.post("/v1/chat/completions", json=chat(model="rung"))
                first = await before
                digests = [r.json()["choices"][0]["message"]["rung"]["digest"] for r in (first, after)]
                assert digests[1] == new.spec.digest
                return digests[0], new.id

        first, _ = asyncio.run(both())
        assert first == old.spec.digest


def test_who_asked_is_told_apart_by_the_salt_alone() -> None:
    assert asker_of("key:1", "a" * 64) == asker_of("key:1", "a" * 64)
    assert len({asker_of(who, salt) for who in ("key:1", "key:2", ":\ud800") for salt in ("a" * 64, "b" * 64)}) == 6


def test_the_same_askers_are_answered_by_a_canary_everywhere(measured: Path) -> None:
    promoted(measured, WINNER)
    record = promoted(measured, OTHER, kind="canary", share=0.3)
    chosen = {n for n in range(400) if is_chosen(f":user{n}", record.digest, 0.3)}
    assert 80 < len(chosen) < 160
    assert chosen <= {n for n in range(400) if is_chosen(f":user{n}", record.digest, 0.5)}
    with served(measured) as one, served(measured) as two:
        for client in (one, two, one):
            for asker in askers(client, record, 0.3, 2)[0]:
                assert asker.ask()[1] != record.spec.digest
            for asker in askers(client, record, 0.3, 2)[1]:
                assert asker.ask()[1] == record.spec.digest
        assert deployments(one) == ["rung", record.id]  # by its id for who wants to try it
        assert one.chat(model=record.id).status_code == 200


@pytest.mark.slow
def test_a_canary_that_is_rated_worse_is_stopped_by_itself_and_everybody_is_told(
    measured: Path, caplog: pytest.LogCaptureFixture
) -> None:
    old = promoted(measured, WINNER)
    record = promoted(measured, OTHER, kind="canary", share=0.5)
    with served(measured) as client:
        others, chosen = askers(client, record, 0.5, 25)
        with caplog.at_level(logging.INFO, "rung.serving.rollouts"):
            for good, bad in zip(others, chosen, strict=True):
                good.rate(good.ask()[0], "up")
                bad.rate(bad.ask()[0], "down")
            looked(client)
            now = standing_now(state_of(client))
            assert (now.current, now.candidate, now.failed) == (old.id, "", frozenset({record.id}))
            last = events(state_of(client))[-1]
            assert (last.what, last.by) == ("stopped", "rung serve")
            assert last.why.startswith("worse by its ratings")
            assert last.figures["new"]["down"] > 5  # type: ignore[index,call-overload,operator]
            assert chosen[0].ask()[1] == old.spec.digest
        assert f"ALERT: deployment {record.id} stopped by rung serve: worse by its ratings" in caplog.text
        assert 'rung_deployment_events_total{what="stopped"} 1.0' in client.get("/metrics").text


@pytest.mark.slow
def test_a_canary_that_is_shown_to_be_as_good_takes_over(measured: Path) -> None:
    old = promoted(measured, WINNER)
    record = promoted(measured, OTHER, kind="canary", share=0.5, margin=0.3)
    with served(measured) as client:
        others, chosen = askers(client, record, 0.5, 45)
        for asker in (*others, *chosen):
            asker.rate(asker.ask()[0], "up")
            looked(client)
        now = standing_now(state_of(client))
        assert (now.current, now.candidate, now.green) == (record.id, "", old.id)
        assert others[0].ask()[1] == record.spec.digest


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_two_servers_on_one_database_decide_once_and_follow_each_other(
    measured: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database(kind, measured) as address, named(address, monkeypatch):
        _two_servers(measured)


def _two_servers(measured: Path) -> None:
    old = promoted(measured, WINNER)
    record = promoted(measured, OTHER, kind="canary", share=0.5)
    with served(measured) as one, served(measured) as two:
        others, chosen = askers(one, record, 0.5, 25)
        for good, bad in zip(others, chosen, strict=True):
            id = bad.ask()[0]
            Asker(two, bad.name).rate(id, "down")  # at another server than the one that answered
            good.rate(good.ask()[0], "up")
        for client in (one, two, one):
            looked(client)
        assert [event.what for event in events(state_of(one))] == ["promoted", "canary", "stopped"]
        for client in (one, two):
            assert Asker(client, chosen[0].name).ask()[1] == old.spec.digest


class FailsShort(ScriptedGenerator):
    """Fails where it is shown a few passages, and answers where it is shown all documents."""

    def stream(self, request: Request) -> Iterator[str | GenerateResult]:
        if "forty percent" not in str(request.step) and "[1]" in str(request.step):
            raise UserError("the machine is gone")
        yield from super().stream(request)


@contextmanager
def failing(measured: Path) -> Iterator[Client]:
    with served(measured, model=FailsShort()) as client:
        yield client


def test_errors_take_a_deployment_back_to_the_last_green_one(measured: Path) -> None:
    first, bad = promoted(measured, WINNER), promoted(measured, OTHER)
    with served(measured) as client:
        observed(state_of(client), 40, deployment=bad.id, end="failed")
        looked(client)
        now = standing_now(state_of(client))
        assert (now.current, now.failed) == (first.id, frozenset({bad.id}))
        last = events(state_of(client))[-1]
        assert (last.what, last.by) == ("rolled back", "rung serve")
        assert last.why == f"{bad.id}: 40 of 40 answers failed, and 5.0% may"
        assert Asker(client, "ada").ask()[1] == first.spec.digest
        looked(client)  # what was seen before does not count against what is served now
        again = promoted(measured, OTHER)
        looked(client)
        looked(client)
        assert standing_now(state_of(client)).current == again.id


def test_slow_answers_take_it_back_too(measured: Path) -> None:
    first, slow = promoted(measured, WINNER), promoted(measured, OTHER, max_p95=0.5)
    with served(measured) as client:
        observed(state_of(client), 30, deployment=slow.id, seconds=0.7)
        looked(client)
        assert standing_now(state_of(client)).current == first.id


def test_failures_long_ago_are_no_failures_of_now(measured: Path) -> None:
    promoted(measured, WINNER)
    record = promoted(measured, OTHER)
    with served(measured) as client:
        observed(state_of(client), BLOCK - 5, deployment=record.id)
        looked(client)
        observed(state_of(client), 5, deployment=record.id, end="failed")
        observed(state_of(client), 40, deployment=record.id, end="failed")
        looked(client)
        assert standing_now(state_of(client)).current != record.id


def test_with_nothing_to_go_back_to_it_says_so_and_goes_on(measured: Path, caplog: pytest.LogCaptureFixture) -> None:
    record = promoted(measured, WINNER)
    with served(measured) as client:
        observed(state_of(client), 40, deployment=record.id, end="failed")
        looked(client)
        looked(client)
        assert standing_now(state_of(client)).current == record.id
        assert caplog.text.count("and there is none to go back to") == 1
        assert Asker(client, "ada").ask()[1] == record.spec.digest


def test_an_answer_that_fails_is_seen_and_one_that_a_client_gets_wrong_is_not(measured: Path) -> None:
    record = promoted(measured, OTHER)
    with failing(measured) as client:
        assert client.chat(model="rung").status_code == 502
        assert client.chat(model="rung", temperature=9).status_code == 400
        looked(client)
        with state_of(client).reading() as connection:
            rows = connection.execute(sa.select(observations)).all()
        assert [(row.deployment, row.end) for row in rows] == [(record.id, "failed")]


def test_going_back_by_hand(measured: Path) -> None:
    first, second = promoted(measured, WINNER), promoted(measured, OTHER)
    with served(measured) as client:
        state = state_of(client)
        rollback(state, by="ada", reason="it is rude")
        looked(client)
        assert Asker(client, "ada").ask()[1] == first.spec.digest
        with pytest.raises(UserError, match=r"nothing was served before .* that could be gone back to"):
            rollback(state, by="ada", reason="worse still")
        rollback(state, to=second.id[:5], by="ada", reason="it was better")
        looked(client)
        assert Asker(client, "ada").ask()[1] == second.spec.digest
        with pytest.raises(UserError, match="is what is served"):
            rollback(state, to=second.id, by="ada", reason="again")
        third = promoted(measured, WINNER, kind="canary", share=0.5)
        rollback(state, by="ada", reason="not now")
        now = standing_now(state)
        assert (now.current, now.candidate, now.failed) == (second.id, "", frozenset({first.id, third.id}))


def test_the_first_promotion_can_be_gone_back_from(measured: Path) -> None:
    """To the winner, as before any promotion: while it runs, and at the next start; and forward again."""
    with served(measured) as client:
        before, asked = deployments(client), Asker(client, "ada").ask()[1]
        record = promoted(measured, OTHER)
        looked(client)
        assert Asker(client, "ada").ask()[1] == record.spec.digest != asked
        with pytest.raises(UserError, match="--to winner"):
            rollback(state_of(client), by="ada", reason="it is rude")
        with pytest.raises(UserError, match="say why"):
            withdraw(load_project(measured), state_of(client), by="ada", reason="")
        event = withdraw(load_project(measured), state_of(client), by="ada", reason="it is rude")
        assert (event.what, event.deployment, event.by) == ("withdrawn", record.id, "ada")
        looked(client)
        assert (deployments(client), Asker(client, "ada").ask()[1]) == (before, asked)
        with pytest.raises(UserError, match="answers already"):
            withdraw(load_project(measured), state_of(client), by="ada", reason="again")
    with served(measured) as client:
        assert (deployments(client), Asker(client, "ada").ask()[1]) == (before, asked)
        rollback(state_of(client), to=record.id, by="ada", reason="it was not")
        looked(client)
        assert Asker(client, "ada").ask()[1] == record.spec.digest


def test_a_winner_that_cannot_be_opened_leaves_what_was_open(measured: Path, caplog: pytest.LogCaptureFixture) -> None:
    record = promoted(measured, OTHER)
    with served(measured) as client:
        withdraw(load_project(measured), state_of(client), by="ada", reason="a test")
        strategies = next(measured.glob(".rung/verdicts/*/strategies.json"))
        kept = strategies.read_text("utf-8")
        strategies.write_text("{}", "utf-8")
        looked(client)
        assert "the winner is not served here" in caplog.text
        assert Asker(client, "ada").ask()[1] == record.spec.digest
        strategies.write_text(kept, "utf-8")
        client.app.state.rollouts._again = 0  # the pause is over
        looked(client)
        assert Asker(client, "ada").ask()[1] != record.spec.digest


def test_a_database_that_is_away_stops_no_answer(measured: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = promoted(measured, WINNER)
    with served(measured) as client:
        with database_away(measured, client):
            with pytest.raises(UserError, match="cannot be used"):
                looked(client)
            assert "deployments" in client.get("/health/ready").json()["degraded"]
            assert client.get("/health/ready").status_code == 200
            assert Asker(client, "ada").ask()[1] == record.spec.digest
        until(lambda: "degraded" not in client.get("/health/ready").json())
        until(lambda: seen(client) == 1)  # what was seen meanwhile was kept for later


def test_what_a_server_cannot_open_it_does_not_serve_and_says_so(measured: Path, caplog: pytest.LogCaptureFixture) -> None:
    first = promoted(measured, WINNER)
    with served(measured) as client:
        second = promoted(measured, OTHER)
        with state_of(client).writing() as connection:  # as if a newer Rung had promoted it
            kept: Any = connection.scalar(sa.select(table.c.record).where(table.c.id == second.id))
            connection.execute(table.update().where(table.c.id == second.id).values(record={**kept, "format": 99}))
        looked(client)
        looked(client)
        assert "promoted by Rung" in caplog.text
        assert "update this one" in caplog.text
        assert Asker(client, "ada").ask()[1] == first.spec.digest  # an older server beside a newer one goes on
        assert 'state="refused"} 1.0' in client.get("/metrics").text
    with pytest.raises(UserError, match="update this one"), served(measured):
        pass


def test_an_event_of_a_newer_rung_leaves_a_running_server_as_it_is(measured: Path) -> None:
    first = promoted(measured, WINNER)
    with served(measured) as client:
        with state_of(client).writing() as connection:
            row = {"number": 2, "at": 1, "deployment": first.id, "what": "split", "by": "", "why": "", "figures": {}}
            connection.execute(deployment_events.insert().values(**row))
        with pytest.raises(UserError, match="a newer one wrote it"):
            looked(client)
        assert Asker(client, "ada").ask()[1] == first.spec.digest
    with pytest.raises(UserError, match="a newer one wrote it"), served(measured):
        pass


def test_a_clock_that_jumps_changes_nothing(measured: Path) -> None:
    first, second = promoted(measured, WINNER), promoted(measured, OTHER)
    with served(measured) as client:
        with state_of(client).writing() as connection:
            for number, at in ((1, 4_000_000_000_000), (2, 5)):
                connection.execute(deployment_events.update().where(deployment_events.c.number == number).values(at=at))
        observed(state_of(client), 20, deployment=second.id, at=9_000_000_000_000)
        looked(client)
        assert standing_now(state_of(client)).current == second.id
    with served(measured) as client:
        assert Asker(client, "ada").ask()[1] == second.spec.digest
        assert deployment(state_of(client), first.id).id == first.id


@pytest.mark.parametrize("how", ["embedder", "model", "documents"])
def test_what_answers_otherwise_than_it_was_promoted_is_refused_at_start(measured: Path, how: str) -> None:
    record = promoted(measured, OTHER)
    text = (measured / "rung.yaml").read_text("utf-8")
    changed = {
        "embedder": text.replace("embedder: scripted", "embedder: scripted-2"),
        "model": text.replace("model: scripted", "model: scripted-2"),
        "documents": text.replace('sources: ["docs/*.md"]', 'sources: ["docs/*.md"], chunk_tokens: 64'),
    }[how]
    if how != "documents":  # the same name, another identity
        with ExitStack() as stack:
            _refused_by_identity(stack, measured, record, how)
        return
    (measured / "rung.yaml").write_text(changed, "utf-8")
    with pytest.raises(UserError, match=rf"{record.id} \(rag\) is not served.*the index's chunking"), served(measured):
        pass


def _refused_by_identity(stack: ExitStack, measured: Path, record: DeploymentRecord, how: str) -> None:
    """What was pinned is changed in the record, as if another model had stood behind the name then."""
    from rung.config.project import load_project
    from rung.state.database import open_state

    state = stack.enter_context(open_state(load_project(measured)))
    with state.writing() as connection:
        kept: Any = connection.scalar(sa.select(table.c.record).where(table.c.id == record.id))
        kept = json.loads(json.dumps(kept))
        if how == "model":
            kept["models"]["scripted"] = "scripted:before/1"
        else:
            kept["index"]["embedder"] = "before"
        connection.execute(table.update().where(table.c.id == record.id).values(record=kept))
    says = (
        "model scripted is scripted:extractive/1 and was scripted:before/1"
        if how == "model"
        else "embedder is .* and was before"
    )
    with pytest.raises(UserError, match=says), served(measured):
        pass


def test_questions_are_answered_by_search_too_while_deployments_change(measured: Path) -> None:
    promoted(measured, OTHER)
    with served(measured) as client:
        assert client.post("/v1/search", {"query": SHIPPING}).json()["data"]


def test_who_only_waited_speaks_against_no_deployment(measured: Path) -> None:
    """A server that has too much to do is no reason to take anything back."""
    promoted(measured, WINNER)
    limits = Limits(at_once=1, seconds=1.5)
    with served(measured, model=Slow(0.4), limits=limits) as client:

        async def asked() -> list[int]:
            async with client.connected() as connected:
                posts = [connected.post("/v1/chat/completions", json=chat(model="rung")) for _ in range(3)]
                return [response.status_code for response in await asyncio.gather(*posts)]

        assert asyncio.run(asked()) == [504, 504, 504]
        looked(client)
        with state_of(client).reading() as connection:
            ends = connection.scalars(sa.select(observations.c.end)).all()
        assert ends == ["late"]  # the one that had its turn
