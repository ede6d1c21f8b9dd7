"""Whether the right tools were called, with the right arguments, and said the right thing, where a case names its calls.

Calls that a case does not name count against none of the three: looking twice is no fault, and its cost is scored elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

from rung.records import Case, Json, Metric, Outcome, ToolCall
from rung.scoring.protocol import ScoringContext
from rung.text.parsing import json_of

_NEEDS = "a case that says which calls it takes"
_SAYS = "a case that says what a call should say"
_GIVES = "a case that says with which arguments"


class ToolCalls:
    """`tool_choice`, `tool_arguments`, `tool_result`: of the calls that a case takes, the share that was made so.

    Each expected call is matched with a call of its own. Arguments are equal as JSON values, numbers by value; a result also
    where the expected value stands in the result (one number of a table, say).
    """

    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("tool_choice", "tools", "of the calls that it takes, those of the right tool", needs=_NEEDS, headline=True),
        Metric("tool_arguments", "tools", "of the calls that it takes, those with the right arguments", needs=_GIVES),
        Metric("tool_result", "tools", "of the calls that it takes, those that said the right thing", needs=_SAYS),
    )

    def __init__(self, scoring_context: ScoringContext) -> None:
        del scoring_context

    def __call__(self, case: Case, outcome: Outcome) -> Mapping[str, float]:
        """Metrics of one outcome; a failure has made no call."""
        if not case.calls:
            return {}
        calls = () if outcome.answer is None else outcome.answer.calls
        scores = {"tool_choice": _share(case.calls, calls, lambda expected, call: expected.name == call.name)}
        if given := [call for call in case.calls if call.arguments]:
            scores["tool_arguments"] = _share(given, calls, _same_arguments)
        if saying := [call for call in case.calls if call.value]:
            scores["tool_result"] = _share(saying, calls, _same_result)
        return scores


def _share(expected: Sequence[ToolCall], calls: Sequence[ToolCall], fits: Callable[[ToolCall, ToolCall], bool]) -> float:
    """The largest share of expected calls that can each have a fitting call of its own (bipartite matching)."""
    fitting = [[n for n, call in enumerate(calls) if fits(one, call)] for one in expected]
    taken: dict[int, int] = {}

    def placed(number: int, seen: set[int]) -> bool:
        for n in fitting[number]:
            if n not in seen:
                seen.add(n)
                if n not in taken or placed(taken[n], seen):
                    taken[n] = number
                    return True
        return False

    return sum(placed(number, set()) for number in range(len(expected))) / len(expected)


def _same_arguments(expected: ToolCall, call: ToolCall) -> bool:
    return expected.name == call.name and _value(expected.arguments) == _value(call.arguments)


def _same_result(expected: ToolCall, call: ToolCall) -> bool:
    if expected.name != call.name or call.failed:
        return False
    target, value = _value(expected.value), _value(call.value)
    return target == value or target in _leaves(value)


def _leaves(value: Json) -> list[Json]:
    """All single values in a value, numbers that stand as text as numbers."""
    if isinstance(value, dict):
        return [leaf for part in value.values() for leaf in _leaves(part)]
    if isinstance(value, list):
        return [leaf for part in value for leaf in _leaves(part)]
    return [value, _number(value)]


def _number(value: Json) -> Json:
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _value(text: str) -> Json:
    try:
        return json_of(text)
    except ValueError:
        return text
