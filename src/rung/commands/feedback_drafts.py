"""Feedback of served answers as drafts of cases, in a file of the project, for a person to approve."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from rung.commands.draft_cases import append_rows, rows_of, text_of
from rung.commands.review import deciding, rejected
from rung.config.project import Project
from rung.dataset.load import load_dataset
from rung.dataset.proposals import Comment, Proposals, propose
from rung.records import Json, Message
from rung.state.database import State, open_state
from rung.state.feedback import Remark, remarks

FILE = "feedback.drafts.jsonl"


@dataclass(frozen=True, slots=True)
class FeedbackDrafts:
    """What came of the feedback. `comments`: remarks with a question; `silent`: those without, whose server forgot it;
    `there`: proposals that the file holds already, or that somebody rejected; `added`: lines that were written."""

    proposals: Proposals
    comments: int
    silent: int
    there: int
    added: int


def draft_from_feedback(project: Project, path: Path) -> FeedbackDrafts:
    """Add to a file what feedback proposes. What stands there is kept, and proposed once.

    Raises:
        UserError: the database or the file cannot be used.
    """
    with open_state(project) as state:
        heard = list(comments(state))
    asked = [comment for comment in heard if comment.question]
    dataset = load_dataset(project, judging=False)
    proposals = propose(asked, cases=dataset.cases, examples=dataset.examples)
    rows = [proposal.row() for proposal in proposals.proposals]
    with deciding(project):
        seen = {str(row.get("id", "")) for _, row in rows_of(text_of(path).split("\n"))}
        new = [row for row in rows if row["id"] not in seen | rejected(project)]
        append_rows(path, new)
    return FeedbackDrafts(proposals, len(asked), len(heard) - len(asked), len(rows) - len(new), len(new))


def comments(state: State) -> Iterator[Comment]:
    """Remarks as comments; the question is "" where nobody knows it any more.

    Raises:
        UserError: the database cannot be used.
    """
    for remark in remarks(state):
        yield _comment(remark)


def _comment(remark: Remark) -> Comment:
    entry: Mapping[str, Json] = remark.entry or {}
    turns = entry.get("messages")
    groups = entry.get("groups")
    return Comment(
        question=str(entry.get("question") or ""),
        answer=str(entry.get("answer") or ""),
        is_good=remark.rating == "up",
        correction=str(remark.details.get("correction") or ""),
        caller=remark.caller,
        deployment=str(entry.get("digest") or ""),
        number=remark.number,
        messages=tuple(
            Message("assistant" if turn.get("role") == "assistant" else "user", str(turn.get("content")))
            for turn in (turns if isinstance(turns, list) else [])
            if isinstance(turn, dict)
        ),
        asker=tuple(map(str, groups)) if isinstance(groups, list) else None,
    )


def remark_json(comment: Comment) -> str:
    """A line for programs."""
    row: dict[str, Json] = {"number": comment.number, "rating": "up" if comment.is_good else "down"}
    row |= {"question": comment.question, "answer": comment.answer, "correction": comment.correction}
    return json.dumps({**row, "caller": comment.caller, "deployment": comment.deployment}, ensure_ascii=False)
