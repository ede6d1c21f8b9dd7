"""Is the history of deployments one, whoever adds to it and however they end, in either database?"""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from rung.errors import UserError
from rung.records.deployment import DeploymentEvent, DeploymentRecord
from rung.state.database import State, Unavailable
from rung.state.deployments import (
    BLOCK,
    Overtaken,
    Seen,
    add_event,
    all_deployments,
    deployment,
    events,
    last_event,
    pairs,
    seen,
    seen_since,
    standing_now,
    trial_salt,
)
from rung.state.feedback import Remark, add_remark
from rung.state.tables import about, answers, deployment_events, differences, feedback, observations
from tests.records.test_deployment import RECORD


def named(by: str) -> DeploymentRecord:
    """A deployment by somebody."""
    return replace(RECORD, by=by)


def promoted(state: State, by: str, *, expected: int) -> DeploymentEvent:
    record = named(by)
    return add_event(state, DeploymentEvent(0, record.id, "promoted", by), expected=expected, record=record)


def observed(state: State, count: int, *, of: str, trial: str = "", end: str = "answered", first: int = 0) -> None:
    row = {"at": 1, "deployment": of, "trial": trial, "end": end, "refused": False, "seconds": 0.5}
    rows = [{**row, "answer": f"{of}{end}{first + n}", "asker": f"asker{n % 2}"} for n in range(count)]
    with state.writing() as connection:
        connection.execute(observations.insert(), rows)


def test_a_deployment_and_its_event_are_kept_together_in_order(state: State) -> None:
    assert last_event(state) == 0
    assert standing_now(state).current == ""
    first, second = promoted(state, "ada", expected=0), promoted(state, "eve", expected=1)
    assert (first.number, second.number, last_event(state)) == (1, 2, 2)
    assert [event.deployment for event in events(state)] == [named("ada").id, named("eve").id]
    assert [record for record, _ in all_deployments(state)] == [named("ada"), named("eve")]
    assert deployment(state, named("eve").id[:6]) == named("eve")
    assert standing_now(state).green == named("ada").id


@pytest.mark.parametrize("id", ["", "zzzz", "%", "_"])
def test_an_id_that_is_none_is_said(state: State, id: str) -> None:
    promoted(state, "ada", expected=0)
    with pytest.raises(UserError, match="rung deployments"):
        deployment(state, id)


def test_of_many_at_once_one_is_first_and_the_others_are_told_of_it(state: State) -> None:
    done: list[object] = []
    ready = threading.Barrier(6)

    def act(by: str) -> None:
        ready.wait()
        try:
            done.append(promoted(state, by, expected=0))
        except Overtaken as error:
            done.append(error)

    threads = [threading.Thread(target=act, args=(f"user{n}",)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    first = [one for one in done if isinstance(one, DeploymentEvent)]
    assert len(first) == 1
    assert len(all_deployments(state)) == len(events(state)) == 1
    assert all(f"was promoted meanwhile by {first[0].by}" in str(one) for one in done if one is not first[0])


def test_what_a_newer_rung_wrote_is_not_added_to(state: State) -> None:
    promoted(state, "ada", expected=0)
    with state.writing() as connection:
        row = {"number": 2, "at": 1, "deployment": "x", "what": "split", "by": "", "why": "", "figures": {}}
        connection.execute(deployment_events.insert().values(**row))
    with pytest.raises(UserError, match="a newer one wrote it"):
        promoted(state, "eve", expected=2)
    assert last_event(state) == 2


def test_what_was_seen_is_counted_by_deployment_and_the_first_rating_of_an_answer_counts(state: State) -> None:
    observed(state, 5, of="old", trial="new")
    observed(state, 3, of="new", trial="new")
    observed(state, 2, of="new", trial="new", end="failed")
    observed(state, 9, of="old")
    ratings = [("oldanswered0", "up"), ("oldanswered0", "down"), ("newanswered1", "down"), ("elsewhere", "up")]
    for answer, rating in ratings:
        add_remark(state, Remark(answer, "ada", rating, {}, {}))  # type: ignore[arg-type]
    by_id = seen(state, trial="new", slower_than={"new": 0.4})
    people = {"old": Seen(askers=2, askers_up=1), "new": Seen(askers=2, askers_down=1)}
    assert by_id == {
        "old": replace(people["old"], answers=5, up=1),
        "new": replace(people["new"], answers=5, failed=2, slow=3, down=1),
    }


def test_each_asker_counts_once_by_the_first_answer_and_the_first_rating(state: State) -> None:
    observed(state, 2, of="new", trial="new", end="failed")  # the first of asker0 and of asker1
    observed(state, 30, of="new", trial="new")
    for n in range(0, 30, 2):
        add_remark(state, Remark(f"newanswered{n}", "asker0", "down" if n else "up", {}, {}))
    add_remark(state, Remark("newanswered1", "asker1", "down", {}, {}))
    (now,) = seen(state, trial="new").values()
    assert (now.answers, now.failed, now.up, now.down) == (32, 2, 1, 15)
    assert (now.askers, now.askers_failed, now.askers_up, now.askers_down) == (2, 2, 1, 1)


def test_a_rating_is_of_who_got_the_answer_whatever_their_name(state: State) -> None:
    observed(state, 4, of="new", trial="new")  # of asker0 and asker1, in turn
    for n, name in enumerate(("one name", "one name", "renamed", "renamed")):
        add_remark(state, Remark(f"newanswered{n}", name, "up" if n == 0 else "down", {}, {}))
    (now,) = seen(state, trial="new").values()
    assert (now.up, now.down, now.askers, now.askers_up, now.askers_down) == (1, 3, 2, 1, 1)


def test_sessions_are_told_by_ids_of_callers_where_answers_still_have_them(state: State) -> None:
    observed(state, 2, of="d")
    row = {"at": 1, "process": "p", "model": "m", "digest": "x"}
    with state.writing() as connection:
        connection.execute(answers.insert(), [{**row, "id": f"danswered{n}", "caller": f"key:{n}"} for n in range(2)])
    for n in range(2):
        add_remark(state, Remark(f"danswered{n}", "one name", "down", {}, {}))
    assert seen_since(state, "d", since=0)[0][-1] == Seen(down=2, askers_down=2)


def test_a_salt_is_one_for_all_servers_and_is_forgotten_with_its_trial(state: State) -> None:
    record = named("eve")
    promoted(state, "ada", expected=0)
    add_event(state, DeploymentEvent(0, record.id, "canary", "eve"), expected=1, record=record)
    salt = trial_salt(state, record.id)
    assert len(salt) == 64
    assert salt == trial_salt(state, record.id)
    add_event(state, DeploymentEvent(0, record.id, "stopped", "eve"), expected=2)
    with state.reading() as connection:
        assert salt not in connection.scalars(sa.select(about.c.value)).all()
    assert trial_salt(state, record.id) not in (salt, trial_salt(state, record.id))


def test_limits_are_looked_at_over_one_block_at_a_time(state: State) -> None:
    observed(state, BLOCK, of="d", end="failed")
    blocks, place = seen_since(state, "d", since=0)
    assert blocks == (Seen(answers=BLOCK, failed=BLOCK), Seen(), Seen())
    observed(state, 7, of="d")
    assert seen_since(state, "d", since=0) == ((blocks[0], Seen(answers=7), Seen()), place)
    observed(state, 4, of="other")
    assert seen_since(state, "d", since=0, after=place) == ((Seen(answers=7), Seen()), place)
    assert seen_since(state, "d", since=place[0] + 2)[0] == (Seen(answers=5), Seen())


def test_ratings_have_blocks_of_their_own_and_none_is_lost(state: State) -> None:
    observed(state, 2 * BLOCK, of="d")
    with state.writing() as connection:
        row = {"at": 1, "caller": "ada", "details": {}}
        rows = [{**row, "answer": f"danswered{n}", "caller": f"u{n % 50}", "rating": "down"} for n in range(BLOCK + 3)]
        connection.execute(feedback.insert(), [{**row, "answer": "elsewhere", "rating": "down"}, *rows])
        connection.execute(feedback.insert(), [{**one, "rating": "up"} for one in rows])  # the second word on each
    blocks, place = seen_since(state, "d", since=0)
    assert blocks == (
        Seen(answers=BLOCK),
        Seen(answers=BLOCK),
        Seen(),
        Seen(down=BLOCK, askers_down=100),
        Seen(down=3, askers_down=3),
    )
    add_remark(state, Remark(f"danswered{BLOCK + 5}", "bob", "up", {}, {}))
    assert seen_since(state, "d", since=0, after=place)[0] == (Seen(), Seen(up=1, down=3, askers_up=1, askers_down=3))


def test_an_event_says_how_many_answers_had_been_seen(state: State) -> None:
    observed(state, 4, of="d")
    promoted(state, "ada", expected=0)
    assert standing_now(state).since == 4


def test_differences_come_newest_first(state: State) -> None:
    with state.writing() as connection:
        row = {"at": 1, "deployment": "d", "question": {"text": "q"}, "old": {"text": "a"}, "new": {"text": "b"}}
        connection.execute(differences.insert(), [{**row, "answer": str(n)} for n in range(5)])
    some, count = pairs(state, "d", limit=2)
    assert ([pair.answer for pair in some], count) == (["4", "3"], 5)
    assert some[0].old == {"text": "a"}


def test_a_full_disk_keeps_nothing_and_says_so(tmp_path: Path) -> None:
    with State(tmp_path) as state:
        promoted(state, "ada", expected=0)

        @sa.event.listens_for(state.engine, "begin")
        def full(connection: sa.Connection) -> None:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
            connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")

        big = replace(RECORD, reason="x" * 200_000)
        with pytest.raises(Unavailable, match="full"):
            add_event(state, DeploymentEvent(0, big.id, "promoted"), expected=1, record=big)
    with State(tmp_path) as state:
        assert [record.by for record, _ in all_deployments(state)] == ["ada"]
        assert last_event(state) == 1
        promoted(state, "eve", expected=1)
