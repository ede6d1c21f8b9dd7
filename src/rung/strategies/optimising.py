"""Better words for the task, looked for on dev cases: who proposes them, what it is shown, and how its reply is read.

The model sees what the strategy got wrong of some dev cases, and proposes; each proposal is scored on the other dev cases,
which no proposal was made from. The cases of the verdict play no part. Asking and scoring is left to `builders.instruction`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal, Protocol

from pydantic import Field

from rung.records import Case, StrategySpec, digest
from rung.records.steps import Conversation, Generate, generate
from rung.strategies.prompting import DEFAULT_TASK, new_instruction
from rung.strategies.protocol import InstructionSearch, Materials, NotApplicable, Plan
from rung.text.parsing import unfenced
from rung.text.refusals import is_refusal

Optimise = Literal["none", "propose", "gepa", "mipro"]
Proposals = Annotated[int, Field(ge=1, le=50)]
MIN_SCORED = 10  # dev cases; fewer tell instructions apart by luck
MAX_SHOWN = 24  # dev cases that proposals are made from
FAILURES = 6  # that one proposal is made from
LONGEST = 2000  # characters of an instruction
ROOM = 512  # tokens for a proposal
_CUT = 300  # characters of each text of a failure
_SHORTEST = 8
_MARKED = re.compile(r"<instruction>(.*?)</instruction>", re.S | re.I)
_LABEL = re.compile(r"^\W*(?:the )?(?:new |improved |revised )?(?:instructions?|prompt|system prompt)\W*:\W*", re.I)
# What each proposal in turn is asked to try, so that they differ.
_TRIES = (
    "Say what a right answer looks like.",
    "Name the mistakes above and how to avoid them.",
    "Keep it to one or two short sentences.",
    "Say who the model is and for whom it answers.",
    "Say step by step how to come to the answer, and to give the answer alone.",
)


class Optimised(Protocol):
    """The settings of a rung whose instruction may be looked for."""

    @property
    def optimise(self) -> Optimise: ...

    @property
    def proposals(self) -> int: ...

    @property
    def instruction(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Failed:
    """A dev case, and what the strategy said to it, "" where it said nothing. `right`: it was right."""

    case: Case
    response: str
    right: bool = False


def check_optimised(settings: Optimised) -> None:
    """Refuse an instruction that was not looked for.

    Raises:
        ValueError: there is one.
    """
    if settings.instruction and settings.optimise == "none":
        raise ValueError("setting 'instruction' is what 'optimise' finds; give words of your own by 'task'")


def worded(spec: StrategySpec, settings: Optimised) -> StrategySpec:
    """The spec with the instruction that was found in the place of its task, where one was."""
    return replace(spec, task=settings.instruction) if settings.instruction else spec


def with_instruction(plan: Plan, materials: Materials, settings: Optimised) -> Plan | NotApplicable:
    """The plan; with `optimise` it needs an instruction, found on the dev cases."""
    if settings.optimise == "none":
        return plan
    cases = sorted(materials.dev_apart, key=lambda case: digest("optimise", materials.seed, case.id))
    shown = [case for case in cases if case.id in materials.dev_open][: _shown(len(cases))]
    scored = [case for case in cases if case not in shown]
    if not shown and cases:
        return NotApplicable(
            "its setting 'optimise' shows dev cases to the model, and what it words is seen by everybody; the project has "
            "no dev case whose answer everybody may read"
        )
    if len(scored) < MIN_SCORED:
        return NotApplicable(
            f"its setting 'optimise' takes {_least()} dev cases at least that repeat no test case, and the project has "
            f"{len(cases)}"
        )
    spec = replace(plan.spec, settings={**plan.spec.settings, "optimise": "none", "instruction": ""})
    need = InstructionSearch(spec, tuple(shown), tuple(scored), settings.optimise, settings.proposals)
    return replace(plan, needs=(*plan.needs, need))


def _shown(cases: int) -> int:
    """Of so many dev cases those that proposals are made from."""
    return min(MAX_SHOWN, max(1, cases // 4))


def _least() -> int:
    """Dev cases with which enough are left to score, were all of them open."""
    return next(n for n in range(1, 1000) if n - _shown(n) >= MIN_SCORED)


def proposal(task: str, failed: Sequence[Failed], number: int, seed: int) -> Conversation[str]:
    """The reply of a model that is asked for the proposal of this number, from 0; "" where its room was too short."""
    drawn = sorted(failed, key=lambda one: (one.right, digest("failure", seed, number, one.case.id)))[:FAILURES]
    shown = [(_cut(one.case.question), _cut(one.response), _right(one.case)) for one in drawn]
    messages = new_instruction(task.strip() or DEFAULT_TASK, shown, hint=_TRIES[number % len(_TRIES)])
    response = yield from generate(Generate(messages, max_tokens=ROOM, seed=seed + number))
    return "" if response.truncated else response.text


def instruction_of(reply: str, task: str) -> str:
    """The instruction in a reply: between its marks, or the reply itself, where it has none; "" where it is none at all.

    None are: nothing, the task again, a refusal, what has no word, and more than `LONGEST` characters.
    """
    marked = _MARKED.search(reply)
    text = (marked.group(1) if marked else reply).strip()
    if not marked:
        inner = unfenced(text)
        text = _LABEL.sub("", (text if inner is None else inner).strip()).strip()
        text = re.sub(r"</?instruction>", "", text, flags=re.I).strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'`":
        text = text[1:-1].strip()
    is_none = not _SHORTEST <= len(text) <= LONGEST or not re.search(r"\w{2}", text) or (not marked and is_refusal(text))
    return "" if is_none or text == task.strip() else text


def _right(case: Case) -> str:
    return _cut(case.answers[0]) if case.answerable and case.answers else ""


def _cut(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _CUT else f"{text[:_CUT]}…"
