"""Is a strategy that draws its texts the same conversation, but for how they are drawn?"""

from __future__ import annotations

from dataclasses import dataclass

from rung.records import Answer, Failure, Message, Question
from rung.records.steps import (
    Conversation,
    Generate,
    GenerateResult,
    Result,
    Search,
    SearchResult,
    Step,
    StepFailed,
    generate,
    search,
)
from rung.strategies.sampling import sampled
from rung.testing.strategies import drive


@dataclass
class Careful:
    """Searches, asks, and asks more shortly where that failed."""

    streams: bool = False

    def answer(self, question: Question) -> Conversation[Answer]:
        yield from search(question.text, top=3)
        try:
            said = yield from generate(Generate((Message("user", question.text),)))
        except StepFailed as failed:
            said = yield from generate(Generate((Message("user", failed.failure.error),), max_tokens=8))
        return Answer(said.text)


def test_every_text_is_drawn_and_nothing_else_is_touched() -> None:
    def answer(step: Step) -> Result:
        return SearchResult(()) if isinstance(step, Search) else GenerateResult("yes")

    plain, plain_steps = drive(Careful().answer(Question("q", "Why?")), answer)
    said, steps = drive(sampled(Careful(), 0.7, 5).answer(Question("q", "Why?")), answer)
    assert said == plain
    assert steps[0] == plain_steps[0]
    assert isinstance(steps[1], Generate)
    assert (steps[1].temperature, steps[1].seed) == (0.7, 5)


def test_a_failed_step_reaches_the_strategy() -> None:
    talk = sampled(Careful(), 0.7, 5).answer(Question("q", "Why?"))
    next(talk)
    talk.send(SearchResult(()))
    second = talk.throw(StepFailed(Failure("too long", step="generate")))
    assert isinstance(second, Generate)
    assert (second.messages[0].content, second.max_tokens, second.temperature) == ("too long", 8, 0.7)


def test_the_last_word_on_seed_and_streaming() -> None:
    inner = sampled(Careful(streams=True), 0.7, 0)
    outer = sampled(inner, 0.7, 2)
    assert outer.streams
    assert not sampled(Careful(), 0.7, 0).streams
    talk = outer.answer(Question("q", "Why?"))
    next(talk)
    step = talk.send(SearchResult(()))
    assert isinstance(step, Generate)
    assert step.seed == 2
