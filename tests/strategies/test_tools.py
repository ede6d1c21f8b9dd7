"""Does `tools` call what the model asks for, in rounds, and learn calling from examples that call?"""

from __future__ import annotations

from pathlib import Path

import pytest

from rung.models.scripted import ScriptedGenerator
from rung.records import Asker, Example, Failure, Json, Message, Passage, Question, ToolCall, ToolSpec
from rung.records.steps import (
    CallTool,
    CallToolResult,
    Engine,
    Generate,
    GenerateResult,
    Result,
    Search,
    SearchResult,
    Step,
    StepFailed,
)
from rung.runtime.batch import Tally, carry
from rung.runtime.cache import StepCache
from rung.strategies.protocol import Adapter, NotApplicable, Plan
from rung.strategies.registry import make_strategy
from rung.strategies.tools import Tools
from rung.testing.strategies import drive, materials
from rung.tools import ToolEngine, open_tools

CALC = tuple(tool.spec for tool in open_tools(["calculator"]))
ASK = '<tool_call>{"name": "calculator", "arguments": {"expression": "6*7"}}</tool_call>'
CHAT = Example(
    "e1",
    (
        Message("system", "Be exact."),
        Message("user", "What is 6 times 7?"),
        Message("assistant", ASK),
        Message("tool", "42"),
        Message("assistant", "It is 42."),
    ),
)


def planned(settings: dict[str, Json] | None = None, **given: object) -> Plan:
    plan = Tools.plan(materials(tools=CALC, examples=(CHAT,), **given), settings or {})
    assert isinstance(plan, Plan)
    return plan


def asked(plan: Plan, *says: str) -> tuple[str, list[Step]]:
    """The answer when the model says these words in turn, and the steps."""
    words = iter(says)

    def answer(step: Step) -> Result:
        return GenerateResult(next(words)) if isinstance(step, Generate) else CallToolResult("42")

    strategy = make_strategy(plan.with_artifacts(("ab",) * len(plan.needs)))
    said, steps = drive(strategy.answer(Question("q", "6 times 7?")), answer)
    return said.text, steps


def test_a_call_is_carried_out_and_its_result_is_the_next_turn() -> None:
    text, steps = asked(planned(), f"I calculate. {ASK} and then", "It is 42.")
    assert text == "It is 42."
    first, call, second = steps
    assert isinstance(first, Generate)
    assert isinstance(second, Generate)
    assert call == CallTool("calculator", '{"expression": "6*7"}')
    assert second.messages[: len(first.messages)] == first.messages
    assert [m.content for m in second.messages[-2:]] == [f"I calculate. {ASK}", "<tool_response>\n42\n</tool_response>"]


def test_the_prompt_names_the_tools_and_shows_worked_calls() -> None:
    _, (step,) = asked(planned(), "42")
    assert isinstance(step, Generate)
    assert '"name": "calculator"' in step.messages[0].content
    assert [m.role for m in step.messages] == ["system", "user", "assistant", "user", "assistant", "user"]
    _, (bare,) = asked(planned({"shots": 0}), "42")
    assert isinstance(bare, Generate)
    assert [m.role for m in bare.messages] == ["system", "user"]


def test_calls_end_after_the_rounds() -> None:
    text, steps = asked(planned({"rounds": 2}), ASK, ASK, f"again {ASK}")
    assert [type(s).__name__ for s in steps] == ["Generate", "CallTool", "Generate", "CallTool", "Generate"]
    assert text.startswith("again")


def test_calls_that_stand_together_are_all_carried_out() -> None:
    _, steps = asked(planned(), f"Both: {ASK}\n{ASK} so then {ASK}", "84")
    assert [type(s).__name__ for s in steps] == ["Generate", "CallTool", "CallTool", "Generate"]
    last = steps[-1]
    assert isinstance(last, Generate)
    assert last.messages[-2].content == f"Both: {ASK}\n{ASK}"
    assert last.messages[-1].content.count("<tool_response>\n42\n</tool_response>") == 2


@pytest.mark.parametrize("said", ["<tool_call>6*7</tool_call>", "<tool_call>[1]</tool_call>"])
def test_a_call_that_is_none_is_put_to_the_engine_without_a_name(said: str) -> None:
    _, steps = asked(planned(), said, "42")
    assert steps[1] == CallTool("", "{}")


def test_only_the_last_turn_is_held_to_the_labels() -> None:
    text, steps = asked(planned(labels=("yes", "no")), ASK, "hm", "yes")
    generated = [s for s in steps if isinstance(s, Generate)]
    assert [s.choices for s in generated] == [(), (), ("yes", "no")]
    assert text == "yes"


def test_tuned_learns_every_turn_of_the_assistant() -> None:
    plan = planned({"tuned": True})
    (need,) = plan.needs
    assert isinstance(need, Adapter)
    rows = [drive(lesson.talk(), lambda step: CallToolResult())[0] for lesson in need.lessons]
    assert [row.output for row in rows if row] == [ASK, "It is 42."]
    last = rows[-1]
    assert last
    assert [m.role for m in last.messages] == ["system", "user", "assistant", "user", "assistant"]
    assert last.messages[3].content == "<tool_response>\n42\n</tool_response>"
    _, (step,) = asked(plan, "42")
    assert isinstance(step, Generate)
    assert step.adapter == "ab"
    assert step.messages[0] == last.messages[0]  # what is served is what was learnt


@pytest.mark.parametrize(
    ("given", "settings", "says"),
    [
        ({"tools": ()}, {}, "names no tools"),
        ({"examples": ()}, {"tuned": True}, "no example calls"),
        ({"trainable": False}, {"tuned": True}, "no weights"),
    ],
)
def test_it_says_why_it_does_not_apply(given: dict[str, object], settings: dict[str, Json], says: str) -> None:
    plan = Tools.plan(materials(**{"tools": CALC, "examples": (CHAT,), **given}), settings)
    assert isinstance(plan, NotApplicable)
    assert says in plan.why


class Script:
    """Asks the calculator for what stands in the question, then says the result."""

    def __call__(self, step: Generate) -> str:
        last = step.messages[-1].content
        if last.startswith("<tool_response>"):
            return f"It is {last.split(chr(10))[1]}."
        return f'<tool_call>{{"name": "calculator", "arguments": {{"expression": "{last}"}}}}</tool_call>'


def test_carried_by_the_driver_with_the_real_engine(tmp_path: Path) -> None:
    strategy = make_strategy(planned({"shots": 0}).spec)
    engines: dict[str, Engine] = {
        "generate": ScriptedGenerator(Script()),
        "call_tool": ToolEngine(open_tools(["calculator"])),
    }
    questions = [Question("a", "6*7"), Question("b", "1/0"), Question("c", "10 - 4")]
    talks = [(Asker(), lambda q=q: strategy.answer(q)) for q in questions]
    store = StepCache(tmp_path / "rung.db")
    said = [ended.value.text for ended in carry(talks, engines=engines, store=store, tally=Tally()) if ended.value]
    assert said[0] == "It is 42."
    assert "no value" in said[1]
    assert said[2] == "It is 6."
    store.close()


LOOKING = ToolSpec("search", "Passages.", "{}")
FIND = '<tool_call>{"name": "search", "arguments": {"query": "discount"}}</tool_call>'


def test_documents_are_searched_by_a_step_of_the_askers_and_cited_by_their_numbers() -> None:
    """A search is no call of a tool, so that the driver adds who asks; numbers go through all searches of an answer."""
    found = {
        "discount": [passage("a", "Staff buy at 20 %."), passage("b", "No discount on food.")],
        "food": [passage("b", "No discount on food."), passage("c", "Food is sold.")],
    }
    words = iter((FIND, FIND.replace("discount", "food"), "Food has none [2], and is sold [3]."))

    def answer(step: Step) -> Result:
        match step:
            case Generate():
                return GenerateResult(next(words))
            case Search():
                return SearchResult(tuple(found[step.query]))
        raise AssertionError(step)

    plan = Tools.plan(materials(tools=(*CALC, LOOKING)), {"passages": 2})
    assert isinstance(plan, Plan)
    said, steps = drive(make_strategy(plan.with_artifacts(())).answer(Question("q", "Is there a discount on food?")), answer)
    assert [step.top for step in steps if isinstance(step, Search)] == [2, 2]
    assert [one.document for one in said.passages] == ["a", "b", "c"]
    assert [(one.mark, one.document) for one in said.citations] == [(2, "b"), (3, "c")]
    assert [(call.name, call.failed) for call in said.calls] == [("search", False)] * 2


def test_a_tool_that_breaks_ends_no_answer_and_is_on_record() -> None:
    conversation = make_strategy(planned().with_artifacts(())).answer(Question("q", "?"))
    assert isinstance(next(conversation), Generate)
    assert isinstance(conversation.send(GenerateResult(ASK)), CallTool)
    last = conversation.throw(StepFailed(Failure("the tool 'calculator' broke", step="call_tool")))
    assert isinstance(last, Generate)
    assert "the tool 'calculator' broke" in last.messages[-1].content
    with pytest.raises(StopIteration) as end:
        conversation.send(GenerateResult("I cannot tell."))
    assert [(call.name, call.failed) for call in end.value.value.calls] == [("calculator", True)]


def test_calls_are_kept_with_what_they_said() -> None:
    words = iter((ASK, "42"))

    def answer(step: Step) -> Result:
        return GenerateResult(next(words)) if isinstance(step, Generate) else CallToolResult({"value": 42})

    said, _ = drive(make_strategy(planned().with_artifacts(())).answer(Question("q", "?")), answer)
    assert said.calls == (ToolCall("calculator", '{"expression": "6*7"}', '{"value":42}'),)


def passage(document: str, text: str) -> Passage:
    return Passage(f"{document}:0", document, 0, len(text), text, document)
