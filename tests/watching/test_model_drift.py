"""Is a server that answers otherwise under the same name found, and one that merely varies left alone?"""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from rung.dataset.load import Dataset
from rung.errors import ServerError
from rung.records import Case, StrategySpec
from rung.testing.server import FakeServer
from rung.watching.model_drift import ROOM, SOON, TIMES, baseline, look
from rung.watching.surroundings import Clock
from tests.cli.conftest import make_shop
from tests.watching.around import around, baselines, by_name

QUESTIONS = [f"What is number {n} called?" for n in range(20)]
ANSWERS, VERSION, FINGERPRINT, END = (
    *("answers to canaries", "version: model", "version: system_fingerprint", "end of the model"),
)


class Server(FakeServer):
    """Answers each question by a function of it; says which version and system it is."""

    says: Any = None
    version: str = "m-2026-01"
    system: str = "fp_1"

    def __enter__(self) -> Server:
        super().__enter__()
        return self

    def reply(self, asked: Any) -> dict[str, Any]:
        """See `FakeServer`."""
        question = asked.text.rpartition("\n")[2]
        response = super().reply(asked)
        body: Any = response["body"]
        if self.says is not None and "choices" in body and "number" in question:
            body["choices"][0]["message"]["content"] = self.says(question)
        return {**response, "body": {**body, "model": self.version, "system_fingerprint": self.system}}


def parts(url: str) -> dict[str, Any]:
    """Of a project that asks this model."""
    cases = tuple(Case(f"c{n}", question) for n, question in enumerate(QUESTIONS))
    return {"spec": StrategySpec("prompt", model=f"{url}#m"), "dataset": Dataset(cases=cases)}


def readings(shop: Path, server: Server, value: Any, clock: Clock = Clock()) -> Any:
    given = {**parts(server.url), "baselines": baselines("model", value) if value is not None else {}}
    with around(shop, clock=clock, **given) as surroundings:
        return by_name(look, surroundings)


def kept(shop: Path, server: Server) -> Mapping[str, Any]:
    with around(shop, **parts(server.url)) as surroundings:
        return baseline(surroundings)


def name_of(question: str) -> str:
    return f"Number {question.split()[3]} is called Ada {question.split()[3]}."


@pytest.fixture(scope="module")
def steady(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The baseline of a server that always says the same."""
    with Server() as server:
        server.says = name_of
        (value,) = kept(make_shop(tmp_path_factory.mktemp("steady") / "shop"), server).values()
    return value


def test_the_same_server_answers_as_it_did(shop: Path, steady: Any) -> None:
    with Server() as server:
        server.says = name_of
        now = readings(shop, server, {f"{server.url}#m": steady})
        asked = [one for one in server.asked if "number" in one.text]
        assert len(asked) == len(QUESTIONS)
        assert all(one.body["max_tokens"] == ROOM for one in asked)
    assert [len(row["answers"]) for row in steady["canaries"]] == [TIMES] * len(QUESTIONS)
    assert {name: one.state for name, one in now.items()} == dict.fromkeys((VERSION, FINGERPRINT, ANSWERS, END), "fine")
    assert {one.subject for one in now.values()} == {f"{server.url}#m"}


@pytest.mark.parametrize(("changed", "state"), [(0, "fine"), (2, "fine"), (4, "between"), (7, "drifted"), (20, "drifted")])
def test_answers_that_changed_are_found_where_enough_did(shop: Path, steady: Any, changed: int, state: str) -> None:
    with Server() as server:
        server.says = lambda question: "I cannot say." if int(question.split()[3]) < changed else name_of(question)
        reading = readings(shop, server, {f"{server.url}#m": steady})[ANSWERS]
    assert (reading.state, reading.evidence["otherwise"]) == (state, changed)
    assert bool(reading.do) == (state == "drifted")


def test_a_server_that_says_it_in_many_ways_is_left_alone_until_it_says_something_else(shop: Path) -> None:
    rng = random.Random(3)

    def varying(question: str) -> str:
        return rng.choice(["It is", "Its name is", "One calls it", "They call it"]) + f" Ada {question.split()[3]}."

    with Server() as server:
        server.says = varying
        value = kept(shop, server)
        assert {readings(shop, server, value)[ANSWERS].state for _ in range(2)} <= {"fine", "between"}
        server.says = lambda question: f"Bob, number {rng.randrange(9)}, and nobody else."
        assert readings(shop, server, value)[ANSWERS].state == "drifted"


def test_another_version_and_another_system_are_named(shop: Path, steady: Any) -> None:
    with Server() as server:
        server.version, server.system = "m-2026-07", "fp_2"
        now = readings(shop, server, {f"{server.url}#m": {**steady, "canaries": []}})
    assert (now[VERSION].state, now[FINGERPRINT].state) == ("drifted", "drifted")
    assert "m-2026-07" in now[VERSION].says
    assert (now[VERSION].fires_after, now[FINGERPRINT].fires_after) == (1, 3)


def test_without_a_baseline_nothing_is_asked(shop: Path) -> None:
    with Server() as server:
        now = readings(shop, server, None)
        assert not [one for one in server.asked if "number" in one.text]
    assert (now[ANSWERS].state, now[VERSION].state) == ("unknown", "unknown")


@pytest.mark.parametrize(("count", "asked"), [(0, 0), (7, 7)])
def test_fewer_canaries_and_none_are_asked_where_rung_yaml_says_so(shop: Path, steady: Any, count: int, asked: int) -> None:
    path = shop / "rung.yaml"
    path.write_text(path.read_text("utf-8") + f"watch: {{canaries: {count}}}\n", encoding="utf-8")
    with Server() as server:
        server.says = name_of
        reading = readings(shop, server, {f"{server.url}#m": steady})[ANSWERS]
        assert len([one for one in server.asked if "number" in one.text]) == asked
    assert reading.state == ("fine" if count else "unknown")
    assert ("turned off" in reading.says) == (not count)


def test_a_server_that_answers_no_canary_gives_no_baseline(shop: Path) -> None:
    with Server({"number": {"status": 400}}) as server, pytest.raises(ServerError, match="0 of 20 canaries"):
        kept(shop, server)


def test_canaries_that_are_not_answered_are_said(shop: Path, steady: Any) -> None:
    with Server({"number": {"status": 400}}) as server:
        reading = readings(shop, server, {f"{server.url}#m": steady})[ANSWERS]
    assert (reading.state, "0 of 20" in reading.says) == ("unknown", True)


@pytest.mark.parametrize(("days", "state"), [(SOON + 5, "fine"), (SOON - 5, "drifted"), (-3, "drifted")])
def test_an_end_that_nears_is_told(shop: Path, days: int, state: str) -> None:
    today = date(2026, 11, 29)
    with Server(models={"m": {"shutdown_date": (today + timedelta(days=days)).isoformat()}}) as server:
        clock = Clock(1, datetime(2026, 11, 29, tzinfo=UTC))
        reading = readings(shop, server, {}, clock)[END]
        jumped = readings(shop, server, {}, Clock(1, clock.now, "the clock jumped"))[END]
    assert (reading.state, reading.figure, jumped.state) == (state, days, "unknown")


def test_models_that_run_here_are_not_asked(shop: Path) -> None:
    with around(shop, spec=StrategySpec("prompt", model="scripted")) as surroundings:
        assert by_name(look, surroundings) == {}
        assert baseline(surroundings) == {}
