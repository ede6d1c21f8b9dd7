"""Does only what a deployment did itself speak for or against it, and is a server never led astray by what it sees?"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from rung.models.scripted import ScriptedGenerator
from rung.records.deployment import DeploymentRecord
from rung.records.steps import GenerateResult, Request
from rung.serving.conversations import Limits
from rung.serving.deployments import Deployment
from rung.serving.going_back import rollback
from rung.state.deployments import BLOCK, events, standing_now
from rung.state.tables import observations
from tests.serving.promoting import Asker, promoted
from tests.serving.serving import Client, Failing, Slow, chat, served
from tests.serving.test_rollouts import OTHER, WINNER, looked, observed, state_of
from tests.serving.test_shadows import answered_by, kept, shadowing, until


class Crashing(ScriptedGenerator):
    """An engine with a defect."""

    def stream(self, request: Request) -> Iterator[str | GenerateResult]:
        raise KeyError("a defect")
        yield ""


def ends(client: Client) -> list[str]:
    looked(client)
    with state_of(client).reading() as connection:
        return list(connection.scalars(sa.select(observations.c.end).order_by(observations.c.number)))


def test_a_deployment_that_crashes_has_failed(measured: Path) -> None:
    promoted(measured, OTHER)
    with served(measured, model=Crashing()) as client:
        assert client.chat(model="rung").status_code == 500
        assert ends(client) == ["failed"]


def test_a_shadow_that_crashes_has_failed(measured: Path) -> None:
    shadowing(measured)
    with served(measured) as client:
        answered_by(client, Crashing())
        counted = kept(client)

        async def asked() -> None:
            async with client.connected() as connected:
                await connected.post("/v1/chat/completions", json=chat(model="rung"))
                await until(lambda: counted.total() == 1)

        asyncio.run(asked())
        assert counted["failed"] == 1
        assert ends(client) == ["answered", "failed"]


@pytest.mark.parametrize(
    "wish", [{"max_tokens": 1}, {"temperature": 0.7}, {"stop": ["x"]}, {"response_format": {"type": "json_object"}}]
)
def test_a_failure_of_a_changed_request_is_not_the_deployments(measured: Path, wish: dict[str, Any]) -> None:
    promoted(measured, OTHER)
    with served(measured, model=Failing()) as client:
        assert client.chat(model="rung", **wish).status_code == 502
        assert ends(client) == []
        assert client.chat(model="rung", max_tokens=100_000).status_code == 502  # more room than it takes changes nothing
        assert ends(client) == ["failed"]


@pytest.mark.slow
def test_who_waited_for_most_of_its_time_was_not_late_by_the_deployments_doing(measured: Path) -> None:
    promoted(measured, WINNER)
    with served(measured, model=Slow(0.05), limits=Limits(at_once=1, seconds=1.0)) as client:

        async def asked() -> list[int]:
            async with client.connected() as connected:
                posts = [connected.post("/v1/chat/completions", json=chat(model="rung")) for _ in range(2)]
                statuses = [response.status_code for response in await asyncio.gather(*posts)]
                await until(lambda: not client.app.state.answering.conversations.open)
                return statuses

        assert sorted(asyncio.run(asked())) == [200, 504], "one waits for the other, whichever came first"
        assert ends(client) == ["answered"]
        client.app.state.answering.conversations.limits = Limits(at_once=1, seconds=0.3)
        assert client.chat(model="rung").status_code == 504
        assert ends(client) == ["answered", "late"]


@pytest.mark.slow
@pytest.mark.parametrize("how", ["never began", "waited"])
def test_the_time_of_a_shadow_begins_with_its_turn(measured: Path, how: str) -> None:
    """One conversation at a time, and the shadow's is kept from its turn."""
    shadowing(measured)
    with served(measured, limits=Limits(at_once=1, seconds=1.5)) as client:
        answered_by(client, Slow(0.08))  # takes about a second
        counted, turns = kept(client), client.app.state.answering.conversations._turns

        async def asked() -> None:
            async with client.connected() as connected:
                turns.behind = 1  # as if another had the one place that there is for what nobody waits for
                await connected.post("/v1/chat/completions", json=chat(model="rung"))
                await asyncio.sleep(0.9 if how == "waited" else 1.7)
                turns.free -= 1
                turns.give(behind=True)
                await until(lambda: counted.total() == 1)

        asyncio.run(asked())
        assert counted == ({"dropped": 1} if how == "never began" else {"other": 1})
        assert "failed" not in ends(client)


def test_an_outage_that_all_share_takes_back_one_and_no_more(measured: Path, caplog: pytest.LogCaptureFixture) -> None:
    first, second, third = (promoted(measured, rung) for rung in (WINNER, OTHER, "few_shot"))
    with served(measured) as client:
        state = state_of(client)
        observed(state, 40, deployment=third.id, end="failed")
        looked(client)
        assert standing_now(state).current == second.id
        line = f"ALERT: deployment {third.id} taken back by rung serve, {second.id} is served again: 40 of 40 answers failed"
        assert [one.levelno for one in caplog.records if line in one.getMessage()] == [logging.ERROR], "shown, and once"
        observed(state, 40, deployment=second.id, end="failed")
        looked(client)
        assert standing_now(state).current == second.id
        assert f"ALERT: deployment {second.id} breaks a limit, and was gone back to by itself already" in caplog.text
        rollback(state, by="ada", reason="the model server is down")  # what a person does begins anew
        looked(client)
        assert standing_now(state).current == first.id
        again = promoted(measured, OTHER)
        looked(client)
        observed(state, 40, deployment=again.id, end="failed")
        looked(client)
        assert standing_now(state).current == first.id


def alerts(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What a log of errors alone says of limits, since it was asked last."""
    lines = [one.getMessage() for one in caplog.records if one.levelno >= logging.ERROR and "ALERT" in one.getMessage()]
    caplog.clear()
    return lines


def test_an_alarm_is_raised_once_and_again_when_it_had_ended(measured: Path, caplog: pytest.LogCaptureFixture) -> None:
    only = promoted(measured, WINNER, max_p95=1.0)
    begun = f"ALERT: deployment {only.id} breaks a limit, and there is none to go back to:"
    with served(measured) as client:
        state = state_of(client)

        def lines(count: int, **given: Any) -> list[str]:
            observed(state, count, deployment=only.id, **given)
            looked(client)
            return alerts(caplog)

        assert lines(16, end="failed") == [f"{begun} 16 of 16 answers failed, and 5.0% may"]
        assert [*lines(1, end="failed"), *lines(4), *lines(20)] == [], "other counts of the same are nothing new"
        (other,) = lines(40, seconds=3.0)
        assert other.startswith(f"{begun} 40 of ")
        assert "took longer than 1 s" in other
        with served(measured) as again:
            looked(again)
            assert alerts(caplog) == [], "an outage of before is none of a server that begins"
            observed(state, 16, deployment=only.id, end="failed")
            looked(again)
            assert len(alerts(caplog)) == 1, "and one that goes on is"
        assert lines(400, end="failed") == []
        ended = [*lines(100), *lines(100), *lines(100)]
        assert len(ended) == 2, "each limit holds again"
        assert all(line.startswith(f"ALERT ended: deployment {only.id} keeps it again: ") for line in ended)
        assert lines(5) == []
        assert len(lines(60, end="failed")) == 1


def test_what_cannot_be_opened_is_tried_again(
    measured: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    first = promoted(measured, WINNER)
    monkeypatch.setattr("rung.serving.rollouts.AGAIN", 0.3)
    with served(measured) as client:
        rollouts, tried = client.app.state.rollouts, []
        opener = rollouts._opener

        def away(record: DeploymentRecord) -> Deployment:
            tried.append(record.id)
            if len(tried) < 3:
                raise ConnectionError("the model server is away")
            opened: Deployment = opener(record)
            return opened

        rollouts._opener = away
        record = promoted(measured, OTHER, kind="canary", share=0.5)
        looked(client)
        assert tried == [record.id]
        assert "is not served here: the model server is away; it is tried again in 0.3 s" in caplog.text
        observed(state_of(client), 40, deployment=first.id, end="failed")
        looked(client)  # and what is served is looked at all the same
        assert "and there is none to go back to" in caplog.text

        async def opened() -> None:
            await until(lambda: rollouts.served.candidate is not None)

        asyncio.run(opened())
        assert tried == [record.id] * 3
        looked(client)
        assert len(tried) == 3


def test_a_block_that_fills_between_two_looks_is_looked_at(measured: Path) -> None:
    first, bad = promoted(measured, WINNER), promoted(measured, OTHER)
    with served(measured) as client, client.app.state.rollouts._looking:
        observed(state_of(client), 300, deployment=bad.id, end="failed")
        observed(state_of(client), BLOCK - 300, deployment=bad.id)
        looked(client)
        assert standing_now(state_of(client)).current == first.id


def test_ratings_of_answers_of_an_earlier_block_count(measured: Path) -> None:
    first, rude = promoted(measured, WINNER), promoted(measured, OTHER, max_down_rate=0.2)
    with served(measured) as client:
        state = state_of(client)
        askers = [Asker(client, f"user{n}") for n in range(12)]
        ids = [asker.ask()[0] for asker in askers]
        cross = [askers[0].ask()[0] for _ in range(8)]
        looked(client)
        observed(state, BLOCK, deployment=rude.id)
        looked(client)
        for id in cross:
            askers[0].rate(id, "down")
        looked(client)
        assert standing_now(state).current == rude.id, "one person, in one session, is one"
        for asker, id in zip(askers, ids, strict=True):
            asker.rate(id, "down")
        looked(client)
        assert standing_now(state).current == first.id
        assert "ratings that count are down" in events(state)[-1].why


def test_the_first_promotion_that_a_running_server_sees_is_told(measured: Path, caplog: pytest.LogCaptureFixture) -> None:
    with served(measured) as client, caplog.at_level(logging.INFO, "rung.serving.rollouts"):
        record = promoted(measured, OTHER)
        looked(client)
        assert f"deployment {record.id} promoted by ada" in caplog.text
        assert 'rung_deployment_events_total{what="promoted"} 1.0' in client.get("/metrics").text
    caplog.clear()
    with served(measured) as client, caplog.at_level(logging.INFO, "rung.serving.rollouts"):
        assert "promoted by" not in caplog.text  # it was before this server
        assert "rung_deployment_events_total{" not in client.get("/metrics").text
