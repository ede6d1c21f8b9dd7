"""How good an answer is where no reference says so: a model judges it, by a rubric, or against another, both ways round.

Judging is a conversation of steps, as answering is, so drivers carry it out, remember it and count what it costs. A judge
that fails, or whose reply names no grade, has said nothing: neither right nor wrong. How far people agree with it is told by
`agreement`. Carrying it out is left to whoever calls `card.score_run`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rung.records import Case, Failure, Message
from rung.records.steps import Conversation, Generate, StepFailed, generate

RUBRIC = "A good answer is correct, answers what was asked, and says nothing that is not so."
WORST, BEST = 1, 5
TRUSTED_FROM = 0.4  # Cohen's kappa below which agreement is poor to fair (Landis and Koch 1977: moderate from 0.41)
NO_ANSWER = "(no answer)"  # what a failure is held to have said, where another answer is held against it
SILENT = "judge"  # step of the failure where its reply says nothing that counts
_TOKENS = 256
_GRADE = re.compile(r"grade\W{0,5}([1-5])\b", re.IGNORECASE)
_BETTER = re.compile(r"better\W{0,5}(A|B|tie)\b", re.IGNORECASE)


def judgement(case: Case, answer: str, rival: str | None, *, rubric: str = "") -> Conversation[float]:
    """How good an answer is: against its rival, or by the rubric where there is none; raises as `graded` does."""
    return graded(case, answer, rubric=rubric) if rival is None else preferred(case, answer, rival, rubric=rubric)


def graded(case: Case, answer: str, *, rubric: str = "") -> Conversation[float]:
    """A grade from 1 to 5 by the rubric, as a number in [0, 1].

    Raises:
        StepFailed: the judge failed, or its reply names no grade.
    """
    asked = (
        f"You judge an answer. {rubric.strip() or RUBRIC}\n"
        f"Think in one or two sentences, then end with a line 'Grade: N', N from {WORST} (useless) to {BEST} (perfect)."
    )
    reply = yield from _reply(asked, f"{_asked(case)}\n\nAnswer:\n{answer}")
    return (_last(_GRADE, reply, "grade") - WORST) / (BEST - WORST)


def preferred(case: Case, answer: str, other: str, *, rubric: str = "") -> Conversation[float]:
    """Whether an answer is better than another: 1 if so, 0 if worse, 0.5 for a tie.

    Judges favour a place, so both orders are asked; where the two replies contradict each other it is a tie.

    Raises:
        StepFailed: the judge failed, or a reply names no side.
    """
    if answer.strip() == other.strip():
        return 0.5
    asked = (
        f"You compare two answers to one question. {rubric.strip() or RUBRIC}\n"
        "Think in one or two sentences, then end with a line 'Better: A', 'Better: B' or 'Better: tie'."
    )
    points = 0.0
    for mine, first, second in (("A", answer, other), ("B", other, answer)):
        reply = yield from _reply(asked, f"{_asked(case)}\n\nAnswer A:\n{first}\n\nAnswer B:\n{second}")
        side = _match(_BETTER, reply, "side").upper()
        points += 0.5 if side == "TIE" else float(side == mine)
    return {0.0: 0.0, 2.0: 1.0}.get(points, 0.5)


def _asked(case: Case) -> str:
    accepted = "\n".join(f"- {text}" for text in case.answers)
    return f"Question:\n{case.question}" + (f"\n\nAccepted answers:\n{accepted}" if accepted else "")


def _reply(instruction: str, text: str) -> Conversation[str]:
    messages = (Message("system", instruction), Message("user", text))
    return (yield from generate(Generate(messages, max_tokens=_TOKENS))).text


def _last(pattern: re.Pattern[str], reply: str, what: str) -> int:
    return int(_match(pattern, reply, what))


def _match(pattern: re.Pattern[str], reply: str, what: str) -> str:
    """The last mention: what stands before it is the judge thinking."""
    matches = pattern.findall(reply)
    if not matches:
        raise StepFailed(Failure(f"the judge's reply names no {what}: {reply.strip()[-80:]!r}", step=SILENT))
    return str(matches[-1])


@dataclass(frozen=True, slots=True)
class Label:
    """What a person said of an answer: `good`, on its own or (with `other`) against another."""

    case: Case
    answer: str
    good: bool
    other: str = ""


def labels(cases: Sequence[Case], *, pairwise: bool) -> list[Label]:
    """The human labels that stand in the cases' `meta.human`: `[{answer, good}]`, or `[{answer, other, good}]` for pairs."""
    human = []
    for case in cases:
        rows = case.meta.get("human")
        for row in rows if isinstance(rows, list) else []:
            if isinstance(row, dict) and isinstance(row.get("answer"), str) and isinstance(row.get("good"), bool):
                other = row.get("other")
                if pairwise == isinstance(other, str):
                    label = Label(case, str(row["answer"]), bool(row["good"]), other if isinstance(other, str) else "")
                    human.append(label)
    return human


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far the judge and people say the same: labels judged, share that agree, Cohen's kappa (None: not defined)."""

    n: int
    share: float
    kappa: float | None

    def words(self, judge: str, *, corrected: bool = False) -> str:
        """For the report. `corrected`: the scores are no longer the judge's alone."""
        kappa = "not defined: one side always says the same" if self.kappa is None else f"{self.kappa:.2f}"
        doubt = " Do not rely on its word alone." if corrected else " Do not rely on its scores."
        trust = "" if self.kappa is not None and self.kappa >= TRUSTED_FROM else doubt
        return f"The judge {judge} agrees with {self.share:.0%} of {self.n} human labels (kappa {kappa}).{trust}"


def agreement(pairs: Sequence[tuple[bool, bool]]) -> Agreement | None:
    """(what people said, what the judge said) of each label; None without any. Kappa: Cohen 1960.

    >>> agreement([(True, True), (True, True), (False, False), (False, True)])
    Agreement(n=4, share=0.75, kappa=0.5)
    """
    if not pairs:
        return None
    n = len(pairs)
    share = sum(a == b for a, b in pairs) / n
    people, judge = (sum(column) / n for column in zip(*pairs, strict=True))
    chance = people * judge + (1 - people) * (1 - judge)
    return Agreement(n, share, None if chance == 1 else (share - chance) / (1 - chance))
