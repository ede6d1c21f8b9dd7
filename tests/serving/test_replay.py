"""What is asked again is what was asked: whole, with its parameters, for the same groups; or it is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from rung.errors import UserError
from rung.progress import Silent, reporting
from rung.records import Message, Question
from rung.records.traces import Trace
from rung.serving.replay import answer_again, asked_again
from rung.serving.wishes import Wishes
from rung.tracing import conventions as names
from rung.tracing.comparing import comparison_lines
from rung.tracing.content import MAX_TEXT
from tests.serving.promoting import promoted, promoting
from tests.tracing.traces import ending, opening, runs, spans

QUESTION = Question("asked", "And to Norway?", (Message("user", "Do you ship?"), Message("assistant", "We do. [1]")))


def recorded(question: Question = QUESTION, wishes: Wishes | None = None, prompt: str = "x", content: bool = True) -> Trace:
    wishes = wishes or Wishes()
    asked = replace(
        opening(),
        question=question,
        attributes={names.STRATEGY: "rag", **wishes.attributes},
        content=wishes.texts,
    )
    return spans(content=content).trace(asked, runs(prompt), ending())


class Told(Silent):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)


def answered_by(id: str, digest: str) -> Trace:
    """A trace of `rung`, when it was this deployment."""
    attributes = {names.STRATEGY: "rag", names.DEPLOYMENT: id}
    asked = replace(opening(), deployment="rung", digest=digest, question=QUESTION, attributes=attributes)
    return spans(content=True).trace(asked, runs(), ending())


@pytest.mark.parametrize(
    "wishes",
    [
        Wishes(),
        Wishes(40, 0.5, 7, ("END", "\n\n"), '{"type":"object"}'),
        Wishes(temperature=0.0, seed=0),
        Wishes(instruction="In French."),
    ],
)
def test_question_turns_parameters_and_groups_come_back(wishes: Wishes) -> None:
    again = asked_again(recorded(wishes=wishes))
    assert (again.question, again.wishes, again.groups, again.masked) == (QUESTION, wishes, frozenset({"staff"}), 0)


def test_a_long_prompt_is_no_reason_and_a_long_question_is() -> None:
    trace = recorded(prompt="x" * (MAX_TEXT + 1))
    assert trace.root.attributes[names.CUT] == 1
    assert asked_again(trace).question == QUESTION
    for long in (
        recorded(Question("asked", "x " * MAX_TEXT)),
        recorded(replace(QUESTION, messages=(Message("user", "x " * MAX_TEXT),))),
        recorded(wishes=Wishes(schema="x" * (MAX_TEXT + 1))),
        recorded(wishes=Wishes(instruction="x " * MAX_TEXT)),
    ):
        with pytest.raises(UserError, match="was cut, as it is long"):
            asked_again(long)


def test_what_was_masked_is_counted_where_it_was_asked_only() -> None:
    assert asked_again(recorded(prompt="write to ann.miller@corp.de")).masked == 0
    assert asked_again(recorded(replace(QUESTION, text="I am ann.miller@corp.de"))).masked == 1
    assert asked_again(recorded(wishes=Wishes(instruction="Write to ann.miller@corp.de"))).masked == 1


def test_without_its_text_it_is_refused() -> None:
    with pytest.raises(UserError, match="content: true"):
        asked_again(recorded(content=False))


def test_what_was_promoted_answers_again(measured: Path) -> None:
    first, second = promoted(measured, "long_context"), promoted(measured, "rag")
    with promoting(measured) as (builder, state):
        for name, record in (("rung", second), (first.id, first)):
            assert answer_again(builder, state, recorded(), name).summary.digest == record.spec.digest
        with pytest.raises(UserError, match="there is no deployment 'gone'"):
            answer_again(builder, state, recorded(), "gone")


def test_the_deployment_that_answered_does_so_again_whatever_is_served_now(measured: Path) -> None:
    first, second = promoted(measured, "long_context"), promoted(measured, "rag")
    with promoting(measured) as (builder, state):
        with reporting(told := Told()):
            trace = answered_by(first.id, first.spec.digest)
            again = answer_again(builder, state, trace)
            assert (again.summary.digest, again.root.attributes[names.DEPLOYMENT]) == (first.spec.digest, first.id)
            assert told.lines == []
            other = answer_again(builder, state, trace, second.id)
            names_of = next(line for line in comparison_lines(trace, other) if line.startswith("deployment"))
            assert names_of.split("  ")[-1].strip() == f"{second.id} (rag)"
            assert f" {first.id} (" in names_of
            gone = answered_by("0" * 12, first.spec.digest)
            assert answer_again(builder, state, gone).summary.digest == second.spec.digest
        assert "cannot be opened any more" in told.lines[0]
        assert "another strategy is 'rung' now" in told.lines[1]
