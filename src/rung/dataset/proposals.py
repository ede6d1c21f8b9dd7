"""What people said of answers, as cases that a person may approve: rules, each with its reason.

Remarks on nearly the same question, after the same turns and by the same rights, are one. Of each such question:

| remarks | proposed | as |
|---|---|---|
| one correction, nobody contradicts it | a case with it as the accepted answer | `corrected` |
| several corrections, or one beside praise of another answer | a case, its answer to be chosen | `disputed` |
| no correction, an answer that refused is called bad | a case, its answer to be found | `unanswered` |
| no correction, another answer is called bad | a case, its answer to be found | `wrong` |
| praise alone | nothing | |

A question that is a case already is none again, and one that teaches is no case: what teaches must not judge.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from rung.dataset.credentials import secrets
from rung.dataset.minhash import candidates
from rung.dataset.near_duplicates import Read, near, normal, same_answer
from rung.dataset.personal import personal
from rung.records import Case, Example, Json, Message, digest
from rung.text.refusals.saying import is_refusal

Kind = Literal["corrected", "disputed", "unanswered", "wrong"]
BY = "feedback"  # who drafted
_NOTES: dict[Kind, str] = {
    "corrected": "check that the correction is right, and what the documents say",
    "disputed": "people disagree: choose the accepted answers",
    "unanswered": 'nobody knew: write the answer, or "answerable": false where no document has it',
    "wrong": "the answer was called bad: write the right one",
}


@dataclass(frozen=True, slots=True)
class Comment:
    """A remark on an answer. `asker`: whose documents were read, None where it is not known; `number`: names the remark."""

    question: str
    answer: str
    is_good: bool
    correction: str = ""
    caller: str = ""
    deployment: str = ""
    number: int = 0
    messages: tuple[Message, ...] = ()
    asker: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Proposal:
    """A case to be approved. `comments`: those that it rests on; `marked`: personal data and secrets in it, by kind."""

    kind: Kind
    question: str
    answers: tuple[str, ...]
    comments: tuple[Comment, ...]
    marked: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """Equal questions, equal ids."""
        return f"feedback-{digest('feedback', normal(self.question), _setting(self.comments[0]))[:12]}"

    def row(self) -> dict[str, Json]:
        """As a line of a cases file, which judges nothing while `approved_by` is empty."""
        first = self.comments[0]
        row: dict[str, Json] = {"id": self.id, "question": self.question, "answers": list(self.answers), "answerable": True}
        if first.messages:
            row["messages"] = [{"role": m.role, "content": m.content} for m in first.messages]
        if first.asker is not None:
            row["as"] = list(first.asker)
        meta: dict[str, Json] = {"kind": self.kind, "note": _NOTES[self.kind]}
        meta["feedback"] = [comment.number for comment in self.comments]
        meta["callers"] = len({comment.caller for comment in self.comments})
        meta["answers_given"] = list(dict.fromkeys(comment.answer for comment in self.comments if comment.answer))
        meta["deployments"] = [*sorted({comment.deployment for comment in self.comments if comment.deployment})]
        if self.marked:
            meta["personal"] = list(self.marked)
        return {**row, "meta": meta, "drafted_by": BY, "approved_by": ""}


@dataclass(frozen=True, slots=True)
class Proposals:
    """What is proposed, and of what nothing is: (question, why)."""

    proposals: tuple[Proposal, ...]
    left_out: tuple[tuple[str, str], ...] = field(default=())


def propose(comments: Iterable[Comment], *, cases: Sequence[Case] = (), examples: Sequence[Example] = ()) -> Proposals:
    """Cases that comments give reason for, in the order of the first comment.

    Args:
        comments: on answers, the oldest first.
        cases: that there are.
        examples: that teach.
    """
    judged = [(_read(case.question), f"case {case.id} asks it already") for case in cases]
    taught = [(_read(e.input), f"an example teaches it ({e.place}), and what teaches may not judge") for e in examples]
    proposals, left_out = [], []
    for group in _alike([comment for comment in comments if comment.question.strip()]):
        question, kind = group[0].question.strip(), _kind(group)
        if kind is None:
            continue
        read = _read(question)
        reason = next((why for other, why in (*judged, *taught) if near(read, other)), None)
        if reason is not None:
            left_out.append((question, reason))
            continue
        answers = _distinct(comment.correction.strip() for comment in group if comment.correction.strip())
        given = (comment.answer for comment in group)
        before = (message.content for message in group[0].messages)
        proposals.append(Proposal(kind, question, answers, tuple(group), _marked(question, *answers, *given, *before)))
    return Proposals(tuple(proposals), tuple(left_out))


def _alike(comments: Sequence[Comment]) -> list[list[Comment]]:
    """Comments on nearly the same question."""
    texts = [normal(comment.question) for comment in comments]
    read = [Read(text) for text in texts]
    first: dict[tuple[str, str], int] = {}
    of: dict[int, int] = {}
    for index, comment in enumerate(comments):
        of[index] = first.setdefault((texts[index], _setting(comment)), index)
    for a, b in candidates(texts):
        if of[a] != of[b] and of[b] == b and _setting(comments[a]) == _setting(comments[b]) and near(read[a], read[b]):
            of = {index: of[a] if head == b else head for index, head in of.items()}
    groups: dict[int, list[Comment]] = {}
    for index, head in of.items():
        groups.setdefault(head, []).append(comments[index])
    return [groups[head] for head in sorted(groups)]


def _kind(group: Sequence[Comment]) -> Kind | None:
    corrections = _distinct(comment.correction.strip() for comment in group if comment.correction.strip())
    praised = [comment.answer for comment in group if comment.is_good and not comment.correction.strip()]
    if corrections:
        contradicted = any(not _same(answer, corrections[0]) for answer in praised if answer)
        return "disputed" if len(corrections) > 1 or contradicted else "corrected"
    bad = [comment for comment in group if not comment.is_good]
    if not bad:
        return None
    if praised:
        return "disputed"
    return "unanswered" if all(not comment.answer or is_refusal(comment.answer) for comment in bad) else "wrong"


def _distinct(texts: Iterable[str]) -> tuple[str, ...]:
    chosen: list[str] = []
    for text in texts:
        if not any(_same(text, other) for other in chosen):
            chosen.append(text)
    return tuple(chosen)


def _same(one: str, other: str) -> bool:
    return normal(one) == normal(other) or same_answer(normal(one), normal(other))


def _read(text: str) -> Read:
    return Read(normal(text))


def _setting(comment: Comment) -> str:
    """The turns before, and whose documents were read: what one may know is no answer to another."""
    asker = "unknown" if comment.asker is None else " ".join(sorted(comment.asker))
    return "\n".join([asker, *(f"{m.role}: {normal(m.content)}" for m in comment.messages)])


def _marked(*texts: str) -> tuple[str, ...]:
    kinds = {kind for text in texts for kind, _ in personal(text)} | {kind for text in texts for kind, _ in secrets(text)}
    return tuple(sorted(kinds))
