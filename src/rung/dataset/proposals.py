"""What people said of answers, and what they say is right, as drafts that a person may approve: rules, each with its reason.

Words on nearly the same question, after the same turns and by the same rights, are one. Of each such question:

| words | proposed | as |
|---|---|---|
| somebody says what is right, nobody contradicts it | a row with it as the accepted answer | `corrected` |
| they say different things, or another answer is praised | a case with all of them, to be chosen from | `disputed` |
| nobody says what is right, an answer that refused is called bad | a case, its answer to be found | `unanswered` |
| nobody says what is right, another answer is called bad | a case, its answer to be found | `wrong` |
| praise alone | nothing | |

A corrected row judges or teaches, one of the two: drawn by its question, so that it stays what it was. What seems to hold
personal data teaches nothing, and so does an answer for somebody with groups of their own that no public document bears out.
A question that judges or teaches already is neither again; where what it accepts is another answer, that is said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from rung.dataset.credentials import secrets
from rung.dataset.minhash import candidates
from rung.dataset.near_duplicates import Read, near, normal, same_answer
from rung.dataset.personal import personal
from rung.records import Case, Example, Json, Message, digest
from rung.text.refusals.saying import is_refusal

Kind = Literal["corrected", "disputed", "unanswered", "wrong"]
Use = Literal["case", "train", "example"]  # judges; teaches as a case of split train; teaches as an example
BY = "feedback"  # who drafted
JUDGING = 0.2  # share of corrected questions that judge where there is something to teach
FindEvidence = Callable[["Sought"], "Borne"]
_NOTES: dict[Kind, str] = {
    "corrected": "check that the correction is right, and what the documents say",
    "disputed": "people disagree: choose the accepted answers",
    "unanswered": 'nobody knew: write the answer, or "answerable": false where no document has it',
    "wrong": "the answer was called bad: write the right one",
}
_TEACHES = "; what teaches is seen by everybody who asks"


@dataclass(frozen=True, slots=True)
class Comment:
    """What somebody said of an answer, or says is right.

    Args:
        question: what was asked.
        answer: what was answered, "" where nobody knows.
        is_good: the opinion of it; None: there is none, only what is right.
        expected: accepted answers; None: nothing was said of what is right; (): that there is none.
        evidence: where that stands, as in a case.
        caller: who.
        deployment: which one answered.
        number: names the remark; 0: there is none.
        expectation: names what was expected; 0: nothing was, or an earlier Rung kept it.
        messages: the turns before.
        asker: whose documents were read, None where it is not known.
        at: in ms since 1970.
    """

    question: str
    answer: str
    is_good: bool | None
    expected: tuple[str, ...] | None = None
    evidence: tuple[Json, ...] = ()
    caller: str = ""
    deployment: str = ""
    number: int = 0
    expectation: int = 0
    messages: tuple[Message, ...] = ()
    asker: tuple[str, ...] | None = None
    at: int = 0


@dataclass(frozen=True, slots=True)
class Proposal:
    """A row to be approved. `comments`: those that it rests on; `marked`: personal data and secrets in it, by kind."""

    kind: Kind
    question: str
    answers: tuple[str, ...]
    comments: tuple[Comment, ...]
    marked: tuple[str, ...] = ()
    answerable: bool = True
    evidence: tuple[Json, ...] = ()
    use: Use = "case"

    @property
    def id(self) -> str:
        """Equal questions, equal ids."""
        return proposal_id(self.comments[0])

    def row(self) -> dict[str, Json]:
        """As a line of a file of cases or of examples, which judges and teaches nothing while `approved_by` is empty."""
        first = self.comments[0]
        before: list[Json] = [{"role": m.role, "content": m.content} for m in first.messages]
        row: dict[str, Json] = {"id": self.id}
        if self.use == "example":
            reply = self.answers[0] if self.answers else ""
            own: list[Json] = [{"role": "user", "content": self.question}, {"role": "assistant", "content": reply}]
            row |= {"messages": [*before, *own], "source": BY, "author": ", ".join(self._experts())}
        else:
            row |= {"question": self.question, "answers": list(self.answers), "answerable": self.answerable}
            row |= {"evidence": list(self.evidence)} if self.evidence else {}
            row |= {"split": "train"} if self.use == "train" else {}
            row |= {"messages": before} if before else {}
            row |= {"as": list(first.asker)} if first.asker is not None else {}
        return {**row, "meta": self._provenance(), "drafted_by": BY, "approved_by": ""}

    def _experts(self) -> list[str]:
        return list(dict.fromkeys(c.caller for c in self.comments if c.expected is not None and c.caller))

    def _provenance(self) -> dict[str, Json]:
        comments = self.comments
        note = _NOTES[self.kind] + (_TEACHES if self.use != "case" else "")
        meta: dict[str, Json] = {"kind": self.kind, "note": note}
        meta["feedback"] = [one.number for one in comments if one.number]
        meta["expectations"] = [one.expectation for one in comments if one.expectation]
        # the times of both, as another database gives the same numbers; numbers alone stay where words are forgotten
        meta["feedback_at"] = [one.at for one in comments if one.number]
        meta["expectations_at"] = [one.at for one in comments if one.expectation]
        meta["callers"] = len({one.caller for one in comments})
        meta["answers_given"] = list(dict.fromkeys(one.answer for one in comments if one.answer))
        meta["deployments"] = [*sorted({one.deployment for one in comments if one.deployment})]
        questions = list(dict.fromkeys(one.question.strip() for one in comments))
        meta |= {"asked_as": [*questions]} if len(questions) > 1 else {}
        asker = comments[0].asker if self.use == "example" else None  # rows of cases say it themselves
        meta |= {"as": [*asker]} if asker is not None else {}
        return meta | ({"personal": [*self.marked]} if self.marked else {})


@dataclass(frozen=True, slots=True)
class Rows:
    """What there is: `cases` and `examples`; `teach`: as what a corrected row may teach, None: nothing teaches here."""

    cases: Sequence[Case] = ()
    examples: Sequence[Example] = ()
    teach: Literal["train", "example"] | None = None
    judging: float = JUDGING


@dataclass(frozen=True, slots=True)
class Proposals:
    """What is proposed, and of what nothing is: (question, why)."""

    proposals: tuple[Proposal, ...]
    left_out: tuple[tuple[str, str], ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Sought:
    """What documents are to bear out: answers, by evidence that somebody named (or none), for an asker of these groups."""

    answers: tuple[str, ...]
    named: tuple[Json, ...] = ()
    asker: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Borne:
    """Where documents bear an answer out, as in a case, and whether everybody may read all of them."""

    evidence: tuple[Json, ...] = ()
    is_public: bool = False


def no_evidence(sought: Sought) -> Borne:
    """Nothing is looked up."""
    return Borne(sought.named)


def propose(comments: Iterable[Comment], rows: Rows = Rows(), *, evidence: FindEvidence = no_evidence) -> Proposals:
    """Rows that comments give reason for, in the order of the first comment.

    Args:
        comments: on answers, the oldest first.
        rows: that there are.
        evidence: finds where the documents that the asker may read bear one of the answers out.
    """
    there = [*_there(rows)]
    proposals, left_out = [], []
    for group in _alike([comment for comment in comments if comment.question.strip()]):
        question, kind = group[0].question.strip(), _kind(group)
        if kind is None:
            continue
        expected = [one.expected for one in group if one.expected is not None]
        answers, read = _distinct(text for one in expected for text in one), _read(question)
        taken = next((one for one in there if near(read, one.read)), None)
        if taken is not None and not (taken.id == proposal_id(group[0]) and taken.accepts(answers)):
            left_out.append((question, taken.why(answers)))
            continue
        given = (comment.answer for comment in group)
        before = (message.content for message in group[0].messages)
        marked = _marked(question, *answers, *given, *before)
        answerable = not (kind == "corrected" and not answers)
        named = next((one.evidence for one in group if one.evidence), ())
        borne = evidence(Sought(answers, named, group[0].asker)) if answers else Borne()
        may_teach = kind == "corrected" and not marked and (borne.is_public or not answerable or not group[0].asker)
        use = _use(question, rows) if may_teach else "case"
        use = "train" if use == "example" and not answerable else use  # a chat would teach one wording of a refusal
        proposals.append(Proposal(kind, question, answers, tuple(group), marked, answerable, borne.evidence, use))
    return Proposals(tuple(proposals), tuple(left_out))


@dataclass(frozen=True, slots=True)
class _There:
    """A row that asks a question already, and what it accepts."""

    id: str
    read: Read
    says: str
    answers: tuple[str, ...]

    def accepts(self, answers: Sequence[str]) -> bool:
        """Whether one of the answers is one of its own, or there is none to be held against them."""
        return not answers or any(_same(one, other) for one in answers for other in self.answers)

    def why(self, answers: Sequence[str]) -> str:
        """Why nothing is proposed."""
        suffix = "" if self.accepts(answers) else "; it accepts another answer than the correction: look at it"
        return self.says + suffix


def proposal_id(first: Comment) -> str:
    """Of what is proposed upon these words and their like: equal questions, equal ids."""
    return f"feedback-{digest('feedback', normal(first.question.strip()), _setting(first))[:12]}"


def _there(rows: Rows) -> Iterator[_There]:
    for case in rows.cases:
        if case.split == "train":
            says = f"case {case.id} teaches it already, and what teaches may not judge"
        else:
            says = f"case {case.id} asks it already"
        yield _There(case.id, _read(case.question), says, case.answers)
    for one in rows.examples:
        says = f"an example teaches it ({one.place}), and what teaches may not judge"
        yield _There(one.id, _read(one.input), says, (one.output,))


def _use(question: str, rows: Rows) -> Use:
    """Whether a corrected row judges or teaches: by its question alone."""
    if rows.teach is None:
        return "case"
    drawn = int(digest("judges", normal(question))[:8], 16) / 0x1_0000_0000
    return "case" if drawn < rows.judging else rows.teach


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
    expected = [comment.expected for comment in group if comment.expected is not None]
    praised = [comment.answer for comment in group if comment.is_good and comment.expected is None]
    if expected:
        first = expected[0]
        contradicted = any(not _agree(first, (answer,)) for answer in praised if answer)
        return "disputed" if contradicted or not all(_agree(first, other) for other in expected) else "corrected"
    bad = [comment for comment in group if comment.is_good is False]
    if not bad:
        return None
    if praised:
        return "disputed"
    return "unanswered" if all(not comment.answer or is_refusal(comment.answer) for comment in bad) else "wrong"


def _agree(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether two say the same is right: an answer in common, or both that there is none."""
    if not one or not other:
        return all(is_refusal(text) for text in (*one, *other))
    return any(_same(a, b) for a in one for b in other)


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
