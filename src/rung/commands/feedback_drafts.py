"""Feedback of served answers as drafts of cases and examples, in files of the project, for a person to approve."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from rung.commands.draft_files import append_rows, lines_of, rows_of
from rung.commands.draft_target import check_target
from rung.commands.review import feedback_drafts_file
from rung.config.project import Project
from rung.dataset.load import Dataset, load_dataset
from rung.dataset.proposals import JUDGING, Borne, Comment, Proposals, Rows, Sought, propose
from rung.dataset.review_log import Basis, basis_of, decided_bases, decided_ids, deciding
from rung.erasure.target import FORGOTTEN
from rung.pipeline.sources import Sources
from rung.records import Asker, Document, Json, Message
from rung.state.database import State, open_state
from rung.state.feedback import Expectation, all_expectations, remarks
from rung.text.json_values import leaves
from rung.text.parsing import Malformed, json_of
from rung.text.refusals.saying import is_refusal

_QUOTED = 20  # characters, and more, of a text that tells where it stands


@dataclass(frozen=True, slots=True)
class DraftRequest:
    """Where drafts go (None: `feedback_drafts_file`), and what share of the corrected ones judges, where some may teach."""

    path: Path | None = None
    judging: float = JUDGING


@dataclass(frozen=True, slots=True)
class FeedbackDrafts:
    """What came of the feedback. `comments`: words with a question; `silent`: those without, whose server forgot it;
    `there`: proposals that a file holds already, or that somebody decided on; `added`: lines written, by file."""

    proposals: Proposals
    comments: int
    silent: int
    there: int
    added: Mapping[Path, int]


def draft_from_feedback(project: Project, request: DraftRequest = DraftRequest()) -> FeedbackDrafts:
    """Add to files what feedback proposes. What stands there is kept, and proposed once.

    Raises:
        UserError: the database or a file cannot be used.
    """
    if request.path is not None:
        check_target(project, request.path)
    with open_state(project) as state:
        heard = list(comments(state))
    asking = [comment for comment in heard if comment.question]
    asked = [comment for comment in asking if not _is_forgotten(comment)]
    dataset = load_dataset(project, judging=False)
    rows = Rows(dataset.cases, dataset.examples, _teaching(project, dataset), request.judging)
    proposals = propose(asked, rows, evidence=_Finder(project))
    if forgotten := len(asking) - len(asked):
        left_out = (FORGOTTEN, f"of {forgotten:,} comments the question, or what was expected, was forgotten")
        proposals = replace(proposals, left_out=(*proposals.left_out, left_out))
    files = {
        "case": request.path or feedback_drafts_file(project, "case"),
        "train": request.path or feedback_drafts_file(project, "train"),
        "example": feedback_drafts_file(project, "example"),
    }
    added: dict[Path, int] = dict.fromkeys(files.values(), 0)
    new = 0
    with deciding(project):
        # wherever a person has put them
        approved = {case.id for case in dataset.cases} | {example.id for example in dataset.examples}
        seen = decided_ids(project).union(approved, *(_ids(path) for path in added))
        decided = decided_bases(project)
        proposed = [(files[one.use], one.row()) for one in proposals.proposals if one.id not in seen]
        unseen = [(file, row) for file, row in proposed if not _is_decided(row, decided)]
        for path in added:
            fresh = [row for file, row in unseen if file == path]
            append_rows(path, fresh)
            added[path] = len(fresh)
            new += len(fresh)
    there = len(proposals.proposals) - new
    written = {path: count for path, count in added.items() if count}
    return FeedbackDrafts(proposals, len(asked), len(heard) - len(asking), there, written)


def _is_forgotten(comment: Comment) -> bool:
    """Whether words were erased that would ask, or be taught."""
    turns = (turn.content for turn in comment.messages)
    return any(FORGOTTEN in text for text in (comment.question, *(comment.expected or ()), *turns))


def _is_decided(row: Mapping[str, Json], decided: Iterable[Basis]) -> bool:
    basis = basis_of(row)
    return any(basis.is_part_of(one) for one in decided)


def _ids(path: Path) -> set[str]:
    return {str(row.get("id", "")) for _, row in rows_of(lines_of(path)[1])}


def _teaching(project: Project, rows: Dataset) -> Literal["train", "example"] | None:
    """As what a row may teach: as the project's other rows do; train cases also show documents, so they come first."""
    if any(case.split == "train" for case in rows.cases):
        return "train"
    return "example" if project.settings.behaviour.examples else None


def comments(state: State) -> Iterator[Comment]:
    """Remarks, each with what was expected beside it, and what was expected without one; by time. The question is "" where
    nobody knows it any more.

    Raises:
        UserError: the database cannot be used.
    """
    expected = list(all_expectations(state))
    with_remark = {one.remark: one for one in expected if one.remark}
    heard = []
    for remark in remarks(state):
        beside = with_remark.get(remark.number)
        heard.append(_comment(remark.entry, remark.caller, remark.at, beside, (remark.rating == "up", remark.number)))
    heard += [_comment(one.entry, one.by, one.at, one, (None, 0)) for one in expected if not one.remark]
    yield from sorted(heard, key=lambda one: (one.at, one.number, one.expectation))


def _comment(
    entry: Mapping[str, Json] | None, by: str, at: int, expected: Expectation | None, opinion: tuple[bool | None, int]
) -> Comment:
    entry = entry or {}
    turns, groups = entry.get("messages"), entry.get("groups")
    return Comment(
        question=str(entry.get("question") or ""),
        answer=str(entry.get("answer") or ""),
        is_good=opinion[0],
        expected=None if expected is None else _accepted(expected),
        evidence=() if expected is None else expected.evidence,
        caller=by,
        deployment=str(entry.get("deployment") or entry.get("digest") or ""),
        number=opinion[1],
        expectation=0 if expected is None else expected.number,
        messages=tuple(
            Message("assistant" if turn.get("role") == "assistant" else "user", str(turn.get("content")))
            for turn in (turns if isinstance(turns, list) else [])
            if isinstance(turn, dict)
        ),
        asker=tuple(map(str, groups)) if isinstance(groups, list) else None,
        at=at,
    )


def _accepted(expected: Expectation) -> tuple[str, ...]:
    """Its answers; none where it says that there is none, or where the right answer is a refusal."""
    refusing = not expected.answerable or all(map(is_refusal, expected.answers))
    return () if refusing else tuple(text for text in expected.answers if not is_refusal(text))


class _Finder:
    """Finds in a project's documents what bears an answer out; they are read when something is first looked up."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._documents: list[Document] | None = None

    def __call__(self, sought: Sought) -> Borne:
        """What was named; else the document that alone holds one of the answers' longer texts word for word, with that text
        as the quote."""
        named = tuple(one for one in sought.named if _is_evidence(one))
        if not self._project.settings.knowledge.sources:
            return Borne(named, is_public=True)  # groups are of documents, and there are none
        if self._documents is None:
            self._documents = list(Sources(self._project, remember=False))
        if named:
            public: set[Json] = {one.id for one in self._documents if not one.groups}
            return Borne(named, all(isinstance(one, dict) and one["document"] in public for one in named))
        reader = Asker(None if sought.asker is None else frozenset(sought.asker))
        readable = [one for one in self._documents if reader.may_read(one.groups)]
        answers = sought.answers
        texts = sorted(
            {text for answer in answers for text in _texts(answer) if len(text) >= _QUOTED}, key=len, reverse=True
        )
        for text in texts:
            holding = [one for one in readable if text in one.text]
            if len(holding) == 1:
                return Borne(({"document": holding[0].id, "quote": text},), not holding[0].groups)
        return Borne()


def _is_evidence(item: Json) -> bool:
    """Whether its document and its quote are texts: what an earlier Rung took from a file need not have them."""
    return isinstance(item, dict) and isinstance(item.get("document"), str) and isinstance(item.get("quote", ""), str)


def _texts(answer: str) -> list[str]:
    """An answer, or the texts in it where it is JSON."""
    try:
        value = json_of(answer)
    except Malformed:
        return [answer.strip()]
    return [leaf.strip() for _, leaf in leaves(value) if isinstance(leaf, str)]


def comment_json(comment: Comment) -> str:
    """A line for programs: the opinion and what is expected, apart."""
    rating = None if comment.is_good is None else "up" if comment.is_good else "down"
    row: dict[str, Json] = {"number": comment.number or None, "rating": rating, "question": comment.question}
    row |= {"answer": comment.answer, "expectation": comment.expectation or None}
    row |= {"expected": None if comment.expected is None else [*comment.expected], "by": comment.caller}
    row |= {"at": datetime.fromtimestamp(comment.at / 1000, UTC).isoformat(timespec="seconds")}
    return json.dumps({**row, "deployment": comment.deployment}, ensure_ascii=False)
