"""A conversation that is longer than the model reads, with models that count: what is cut, what is said, what is not."""

from __future__ import annotations

from typing import cast

import pytest

from rung.knowledge import Knowledge
from rung.knowledge.retrieval import KnowledgeEngine
from rung.models.http_words import Complaint
from rung.models.scripted import ScriptedEmbedder, ScriptedGenerator
from rung.records import Answer, Asker, Document, Failure, Message, Question
from rung.records.steps import Conversation, Engine, Generate, GenerateResult, StepFailed
from rung.runtime.batch import Tally
from rung.runtime.live import Live, StepRun, converse
from rung.strategies.protocol import Plan, Strategy
from rung.strategies.registry import find, make_strategy
from rung.strategies.within_context import WithinContext, shortened
from rung.testing.strategies import materials
from rung.text.left_out import left_out

TURNS = tuple(
    Message(role, f"{role} turn {n}: " + "words of no weight " * 12) for n in range(15) for role in ("user", "assistant")
)
LONG = Question("q", "Do you ship to Norway?", TURNS)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> KnowledgeEngine:
    knowledge = Knowledge.open(tmp_path_factory.mktemp("index") / "index", embedder=ScriptedEmbedder())
    knowledge.sync([Document("a", "We ship to Norway."), Document("b", "Refunds take thirty days.")])
    return KnowledgeEngine(knowledge, example_indexes={}, embedder=ScriptedEmbedder)


def ask(
    index: KnowledgeEngine, question: Question, rung: str = "rag", *, reads: int, said: int = 0
) -> tuple[Live[Answer], list[Generate], Tally]:
    """How the answer ended, the prompts that were sent, and what they cost. `said`: what the project says is read."""
    plan = find(rung).plan(materials(gold={}, limit_tokens=said), {})
    assert isinstance(plan, Plan)
    strategy = make_strategy(plan.with_artifacts(tuple("a" * 64 for _ in plan.needs)))
    runs: list[StepRun] = []
    tally = Tally()
    model = ScriptedGenerator([(".", "Yes. [1]")], context_tokens=reads)
    engines: dict[str, Engine] = {"search": index, "generate": model}
    live = converse(strategy.answer(question), asker=Asker(), engines=engines, tally=tally, on_step=runs.append)
    return live, [run.step for run in runs if isinstance(run.step, Generate)], tally


def turns_in(step: Generate) -> list[str]:
    return [message.content.split(":")[0] for message in step.messages if " turn " in message.content]


@pytest.mark.parametrize("rung", ["prompt", "rag", "multi_hop"])
def test_the_oldest_turns_are_cut_until_it_fits_and_the_answer_says_how_many(index: KnowledgeEngine, rung: str) -> None:
    live, prompts, tally = ask(index, LONG, rung, reads=700)
    answer = live.value
    assert answer is not None
    shown = turns_in(prompts[-1])
    assert 0 < len(shown) < len(TURNS)
    assert shown == [turn.content.split(":")[0] for turn in TURNS[-len(shown) :]]  # the newest, in their order
    assert shown[0].startswith("user")  # as chat templates want it
    assert answer.turns_left_out == len(TURNS) - len(shown)
    assert f"{answer.turns_left_out} oldest turns" in next(left_out(answer))
    assert tally.prompt_tokens <= 700  # what did not fit was refused before it cost anything
    assert len(prompts) <= 4


def test_a_conversation_that_fits_is_whole_and_nothing_is_said(index: KnowledgeEngine) -> None:
    live, prompts, _ = ask(index, LONG, reads=8192)
    assert live.value is not None
    assert live.value.turns_left_out == 0
    assert list(left_out(live.value)) == []
    assert len(prompts) == 1
    assert len(turns_in(prompts[0])) == len(TURNS)


def test_a_last_turn_that_does_not_fit_by_itself_fails_as_before(index: KnowledgeEngine) -> None:
    live, _, _ = ask(index, Question("q", "Norway? " * 400, TURNS), reads=300)
    assert live.value is None
    assert live.failure is not None
    assert "show fewer or shorter passages" in live.failure.error


def test_where_it_is_said_what_is_read_turns_leave_half_of_it_to_passages(index: KnowledgeEngine) -> None:
    live, prompts, _ = ask(index, LONG, reads=100_000, said=800)
    assert live.value is not None
    assert live.value.turns_left_out
    assert sum(len(m.content) for m in prompts[0].messages if " turn " in m.content) <= 2_000
    assert len(live.value.passages) == 2


def test_another_failure_is_not_mended_by_cutting(index: KnowledgeEngine) -> None:
    strategy = make_strategy(find("prompt").plan(materials(), {}).spec)  # type: ignore[union-attr]
    conversation = strategy.answer(LONG)
    next(conversation)
    with pytest.raises(StepFailed, match="no server"):
        conversation.throw(StepFailed(Failure("no server", step="generate")))


def test_a_server_that_does_not_say_by_how_much_gets_half_of_the_turns(index: KnowledgeEngine) -> None:
    strategy = make_strategy(find("prompt").plan(materials(), {}).spec)  # type: ignore[union-attr]
    conversation = strategy.answer(LONG)
    first = next(conversation)
    second = conversation.throw(StepFailed(Failure("too long", step="generate", excess=-1)))
    assert isinstance(first, Generate)
    assert isinstance(second, Generate)
    assert len(turns_in(second)) == len(turns_in(first)) / 2 - 1  # a whole exchange: the first that stays is a user's
    with pytest.raises(StopIteration) as ended:
        conversation.send(GenerateResult("Yes."))
    assert ended.value.value.turns_left_out == 16


def test_shortening_ends() -> None:
    question, tries = LONG, 0
    while question.messages:
        question, tries = shortened(question, 1), tries + 1
    assert tries == len(TURNS) / 2
    assert shortened(LONG, 10**9).messages == ()


@pytest.mark.parametrize(
    ("words", "code", "is_so"),
    [("prompt is too long: 210000 tokens > 200000 maximum", "", True), ("x", "context_length_exceeded", True),
     ("This model's maximum context length is 4096 tokens. However, you requested 5000 tokens", "", True),
     ("the request exceeds the available context size, try increasing it", "", True),
     ("The input token count (70000) exceeds the maximum number of tokens allowed (32768).", "", True),
     ("the input length exceeds the context length of 2,048 tokens", "", True), ("Input is too long: at most 9", "", True),
     ("max_tokens is too large: 900", "", False), ("Rate limit reached: try again", "", False)],
)  # fmt: skip
def test_servers_say_that_a_prompt_is_too_long_in_their_own_words(words: str, code: str, is_so: bool) -> None:
    assert Complaint(400, words, code).is_too_long is is_so


def test_a_budget_of_tokens_leaves_room_for_passages_whatever_the_conversation(index: KnowledgeEngine) -> None:
    live, prompts, tally = ask(index, LONG, "multi_hop", reads=100_000)
    assert live.value is not None
    assert live.value.turns_left_out
    assert tally.prompt_tokens + tally.completion_tokens <= 4096
    assert len(prompts) == 1
    assert len(live.value.passages) == 2


def test_what_a_part_of_a_rung_left_out_counts_too() -> None:
    """A router's member cuts what the router has cut already."""
    said = Answer("a", "a", turns_left_out=6)

    class Member:
        def answer(self, question: Question) -> Conversation[Answer]:
            return said
            yield

    strategy = WithinContext(cast("Strategy", Member()), context_tokens=1000)
    with pytest.raises(StopIteration) as ended:
        next(strategy.answer(LONG))
    shown = strategy._fitting(LONG)
    assert 0 < len(shown.messages) < len(LONG.messages)
    assert ended.value.value.turns_left_out == 6 + len(LONG.messages) - len(shown.messages)
