"""Rows of the serving state, in either database: what holds a text goes, what deployments are judged by stays."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from rung.commands.feedback_drafts import DraftRequest, draft_from_feedback
from rung.commands.forget import forget
from rung.commands.review import decide, waiting
from rung.config.project import Project, load_project
from rung.erasure.served import Served
from rung.erasure.stale import end_stale, stale_in
from rung.erasure.target import Target, folded
from rung.records import Json
from rung.records.deployment import DeploymentEvent
from rung.state.alerts import baselines_of, keep_baseline
from rung.state.database import State, now_ms, open_state
from rung.state.deployments import add_event
from rung.state.feedback import Remark, add_remark
from rung.state.retention import AGED, end_old
from rung.state.tables import differences, feedback, observations, traces
from rung.tracing.conventions import RETRIEVAL_DOCUMENTS
from rung.tracing.store import row_of
from tests.records.test_deployment import RECORD
from tests.state.databases import KINDS, database, named
from tests.tracing.traces import made

SECRET = "Wilhelmina Ångström"


@pytest.fixture(params=KINDS)
def served(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """A project's serving state with a remark, a difference and two traces."""
    (tmp_path / "rung.yaml").write_text("task: x\nname: shop\n", encoding="utf-8")
    project = load_project(tmp_path)
    with database(request.param, tmp_path) as address, named(address, monkeypatch):
        with open_state(project) as state:
            add_remark(state, Remark("1" * 32, "ann", "down", {"comment": f"it is {SECRET}"}, {"question": SECRET.upper()}))
            old, new = {"text": "a", "documents": ["docs/a.md"]}, {"text": "b", "documents": []}
            row = {"at": now_ms(), "deployment": "d", "answer": "1" * 32, "old": old, "new": new}
            with state.writing() as connection:
                connection.execute(differences.insert().values(**row, question={"text": f"of {SECRET}"}))
                connection.execute(differences.insert().values(**row, question={"text": "of somebody"}))
                connection.execute(traces.insert(), [row_of(made(id * 32, content=True)) for id in "12"])
        yield Served(project)


def count(served: Served, table: sa.Table) -> int:
    with served.opened() as state:
        assert state is not None
        with state.reading() as connection:
            return connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0


def test_what_holds_a_text_is_found_and_goes(served: Served) -> None:
    target = Target("text", SECRET, (folded(SECRET),))
    assert {(one.what, one.count) for one in served.find(target)} == {("remarks", 1), ("differences", 1)}
    served.erase(target)
    assert served.find(target) == []
    assert (count(served, feedback), count(served, differences), count(served, traces)) == (1, 1, 2)
    with served.opened() as state:
        assert state is not None
        with state.reading() as connection:
            row = connection.execute(sa.select(feedback)).one()
            assert (row.rating, row.caller, row.details) == ("down", "ann", {"comment": "[forgotten]"})
        if state.is_shared:
            assert "Wilhelmina" not in files_of(state), "also not in rows that are dead"


def files_of(state: State) -> str:
    """What stands in the files of PostgreSQL's tables: its logs of changes, which end by themselves, left out."""
    with state.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("CHECKPOINT"))
        folder = Path(str(connection.scalar(sa.text("SHOW data_directory")))) / "base"
    return "".join(path.read_bytes().decode("latin-1") for path in folder.rglob("*") if path.is_file())


def test_a_rated_answer_is_forgotten_once(served: Served) -> None:
    target = Target("answer", "1" * 32, answers=frozenset({"1" * 32}))
    assert {one.what for one in served.find(target)} == {"remarks", "differences", "traces"}
    served.erase(target)
    assert served.find(target) == []


def test_what_was_forgotten_is_no_draft_and_is_counted(served: Served) -> None:
    with served.opened() as state:
        assert state is not None
        add_remark(state, Remark("3" * 32, "bob", "down", {}, {"question": "Where is my blue kettle?", "answer": "Here."}))
    served.erase(Target("text", SECRET, (folded(SECRET),)))
    done = draft_from_feedback(served.project)
    assert [one.question for one in done.proposals.proposals] == ["Where is my blue kettle?"]
    assert done.proposals.left_out == (("[forgotten]", "of 1 comments the question, or what was expected, was forgotten"),)
    assert (done.comments, done.silent) == (1, 0)


def test_examples_that_a_step_found_are_no_documents(served: Served) -> None:
    before = set(served.documents())
    trace = made("5" * 32, content=True)
    found = [{"id": "example-7", "document": "example-7", "start": 0, "end": 9, "score": 1.0}]
    steps = [replace(step, attributes={**step.attributes, RETRIEVAL_DOCUMENTS: found}) for step in trace.steps]  # type: ignore[dict-item]
    with served.opened() as state:
        assert state is not None
        with state.writing() as connection:
            connection.execute(traces.insert(), [row_of(replace(trace, steps=tuple(steps)))])
    assert ("traces", "docs/a.md") in before, "the check of the check"
    assert set(served.documents()) == before


def joined(served: Served) -> list[str]:
    """Three people on nearly the same question: answers' ids."""
    asked = ("How can I reset my kettle, please?", "How do I reset my kettle?", "how do i reset my kettle")
    right_ones = ("nine weeks, as Pia says", "ten weeks, as Quin says", "ten weeks, as Quin says")
    with served.opened() as state:
        assert state is not None
        for n, (question, right) in enumerate(zip(asked, right_ones, strict=True)):
            entry: dict[str, Json] = {"question": question, "answer": "never"}
            add_remark(state, Remark(f"{n + 4}" * 32, f"user{n}", "down", {"correction": right}, entry))
    return [f"{n + 4}" * 32 for n in range(3)]


def drafts(project: Project) -> list[dict[str, Any]]:
    path = project.root / "feedback.drafts.jsonl"
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.is_file() else []


def test_of_a_joined_draft_the_words_of_one_go_and_the_others_are_drafted_anew(served: Served) -> None:
    ids, project = joined(served), served.project
    draft_from_feedback(project, DraftRequest(judging=1))
    (row,) = [row for row in drafts(project) if "kettle" in row["question"]]
    assert (row["meta"]["kind"], row["meta"]["callers"], len(row["answers"])) == ("disputed", 3, 2)
    report = forget(project, f"chatcmpl-{ids[0]}", by="dpo")
    assert (report.remaining, [one for one in drafts(project) if "kettle" in one["question"]]) == ((), [])
    draft_from_feedback(project, DraftRequest(judging=1))
    (row,) = [row for row in drafts(project) if "kettle" in row["question"]]
    assert (row["meta"]["kind"], row["meta"]["callers"], row["answers"]) == ("corrected", 2, ["ten weeks, as Quin says"])
    assert "Pia" not in json.dumps(row)
    assert "please" not in json.dumps(row)


def test_a_joined_draft_that_was_rejected_does_not_come_back_without_the_forgotten_words(served: Served) -> None:
    ids, project = joined(served), served.project
    draft_from_feedback(project, DraftRequest(judging=1))
    (row,) = [row for row in drafts(project) if "kettle" in row["question"]]
    (draft,) = [one for one in waiting(project) if one.id == row["id"]]
    decide(project, draft, "reject", by="Grace", reason="nobody knows")
    forget(project, f"chatcmpl-{ids[0]}", by="dpo")
    assert draft_from_feedback(project, DraftRequest(judging=1)).there == 2
    assert [one for one in drafts(project) if "kettle" in one["question"]] == []


def test_of_a_baseline_a_canary_goes_whole(served: Served) -> None:
    rows: list[Json] = [
        {"id": id, "question": asked, "vector": "AA=="} for id, asked in (("a", f"{SECRET}?"), ("b", "?"), ("c", "!"))
    ]
    models: list[Json] = [{"question": f"{SECRET}?", "answers": ["x"]}, {"question": "?", "answers": ["y"]}]
    with served.opened() as state:
        assert state is not None
        keep_baseline(state, "d", {"embedding": {"canaries": rows}, "model": {"m": {"canaries": models}}})
    for target in (Target("text", SECRET, (folded(SECRET),)), Target("row", "c", rows=frozenset({"c"}))):
        assert "baselines" in {one.what for one in served.find(target)}
        served.erase(target)
        assert "baselines" not in {one.what for one in served.find(target)}
    with served.opened() as state:
        assert state is not None
        values = {name: one.value for name, one in baselines_of(state, "d").items()}
    assert values == {"embedding": {"canaries": rows[1:2]}, "model": {"m": {"canaries": models[1:]}}}


def test_who_rolled_back_is_said_and_stays(served: Served) -> None:
    with served.opened() as state:
        assert state is not None
        add_event(state, DeploymentEvent(0, RECORD.id, "promoted", SECRET), expected=0, record=RECORD)
    target = Target("text", SECRET, (folded(SECRET),))
    served.erase(target)
    assert [one.why for one in served.left(target)] == [f"event 1 of deployment {RECORD.id} says who acted, which is kept"]


def test_what_names_a_document_goes(served: Served) -> None:
    served.erase(Target("document", "docs/a.md", documents=frozenset({"docs/a.md"})))
    assert (count(served, traces), count(served, differences), count(served, feedback)) == (0, 0, 1)


def test_of_documents_that_are_gone_texts_of_traces_and_differences_end(served: Served) -> None:
    project = served.project
    assert stale_in(project, {"docs/a.md": "Nine euros. And more."}).traces == ()
    stale = stale_in(project, {"docs/a.md": "Ten euros, and more."})
    assert (len(stale.traces), stale.differences) == (2, ())
    stale = stale_in(project, {})
    assert (len(stale.traces), len(stale.differences)) == (2, 2)
    end_stale(project, stale)
    assert (count(served, traces), count(served, differences)) == (2, 0)
    assert stale_in(project, {}).traces == ()
    with served.opened() as state:
        assert state is not None
        with state.reading() as connection:
            assert not any(row.has_content for row in connection.execute(sa.select(traces)))


def test_what_is_older_than_said_ends_and_numbers_are_not_given_again(served: Served) -> None:
    row = {"deployment": "d", "answer": "", "trial": "", "end": "answered", "refused": False, "seconds": 1.0}
    with served.opened() as state:
        assert state is not None
        with state.writing() as connection:
            connection.execute(observations.insert(), [{**row, "at": now_ms() - 90_000_000 * n} for n in (5, 4, 3, 2)])
        days = dict.fromkeys(AGED, 1.0)
        assert end_old(state, days) == 3, "the newest stays, whatever its age"
        assert end_old(state, days) == 0
        with state.writing() as connection:
            connection.execute(observations.insert().values(**row, at=now_ms()))
        with state.reading() as connection:
            assert connection.scalars(sa.select(observations.c.number).order_by(observations.c.number)).all() == [4, 5]
    assert count(served, differences) == 2
