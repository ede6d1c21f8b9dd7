"""Drafts of cases and examples before a person: approved, mended, divided or rejected, each with a name, in a log that only
grows.

A draft is a row with `drafted_by` and without `approved_by`. It stands in the files that `cases` and `behaviour.examples`
name, or in a file `*.drafts.jsonl` of the project's folder. Approved by as many people as `review.reviewers` asks for, it
stays and counts from the next comparison and training on; rejected, it leaves the file for the log, or is set aside in it
where a person may have written it. What else waits for people is in `stakes_review`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, get_args

from rung.commands.draft_files import append_rows, drafts_file, lines_of, rows_of, write_lines
from rung.commands.draft_rows import By
from rung.commands.sample_cases import BY as TRAFFIC
from rung.config.project import Project
from rung.dataset.case_rows import case_of
from rung.dataset.drafted_rows import is_draft, meta_in, rejection, set_aside
from rung.dataset.formats import example_of
from rung.dataset.high_stakes import DRAFT
from rung.dataset.leakage import overlaps
from rung.dataset.load import load_dataset, paths, read_cases, read_examples
from rung.dataset.proposals import BY as FEEDBACK
from rung.dataset.proposals import Use
from rung.dataset.review_log import add_review, approvers, deciding, decisions, people
from rung.errors import UserError
from rung.records import Case, Example, Json, Problem, digest, plain
from rung.text.parsing import json_of

DRAFTS = "*.drafts.jsonl"
FILE, EXAMPLES = "feedback.drafts.jsonl", "feedback.examples.drafts.jsonl"  # of feedback
Action = Literal["approve", "reject"]
OF_PROGRAMS = frozenset({FEEDBACK, TRAFFIC, *get_args(By)})  # who drafted, where no person did
_SHARED = ("id", "meta", "drafted_by", "approved_by")  # keys of a row that cases and examples share


@dataclass(frozen=True, slots=True)
class Waiting:
    """A draft that waits for a person. `line` counts from 1; `read`: the row as it stood there, `row` as it is now;
    `is_named`: whether `rung.yaml` names its file; `by`: who approved it so far, as it is now."""

    path: Path
    line: int
    row: Mapping[str, Json]
    read: Mapping[str, Json]
    is_named: bool
    by: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The row's id."""
        return str(self.row.get("id", ""))

    @property
    def use(self) -> Use:
        """What it is to do: judge as a case, or teach as a train case or an example."""
        return "example" if "messages" in self.row and "question" not in self.row else _use_of_case(self.row)

    @property
    def question(self) -> str:
        """What is asked."""
        return str(self.row.get("question", "")) if self.use != "example" else _turn(self.row, -2)

    @property
    def answers(self) -> tuple[str, ...]:
        """Accepted ones."""
        if self.use == "example":
            return (text,) if (text := _turn(self.row, -1)).strip() else ()
        answers = self.row.get("answers")
        return tuple(map(str, answers)) if isinstance(answers, list) else ()

    @property
    def subject(self) -> str:
        """What an approval is of: the row as it is now."""
        return subject_of_row(self.row)

    def meta(self, key: str) -> Json:
        """Of the draft's `meta`."""
        return meta_in(self.row).get(key)

    def mended(self, *, question: str, answers: Sequence[str], answerable: bool) -> Waiting:
        """With what a person wrote in place of it; nobody has approved that yet.

        Raises:
            UserError: it is an example, which has exactly one answer.
        """
        if self.use != "example":
            case: dict[str, Json] = {**self.row, "question": question, "answers": [*answers], "answerable": answerable}
            if self.meta("kind") == "disputed" and tuple(answers) != self.answers:
                case["meta"] = {**meta_in(self.row), "kind": "chosen"}
            return replace(self, row=case, by=() if case != self.row else self.by)
        if len(answers) != 1:
            raise UserError("an example teaches one answer: write exactly one, or make a case of it (--as case)")
        turns = self.row.get("messages")
        before = turns[:-2] if isinstance(turns, list) else []
        own: list[Json] = [{"role": "user", "content": question}, {"role": "assistant", "content": answers[0]}]
        row: dict[str, Json] = {**self.row, "messages": [*before, *own]}
        return replace(self, row=row, by=() if row != self.row else self.by)

    def used_as(self, use: Use) -> Waiting:
        """As another kind of row. Evidence is for cases only; who asked is said in the `meta` of an example."""
        if use == self.use:
            return self
        shared = {key: self.row[key] for key in _SHARED if key in self.row}
        turns = self.row.get("messages")
        before = [*turns] if isinstance(turns, list) else []
        if use == "example":
            own: list[Json] = [{"role": "user", "content": self.question}]
            own += [{"role": "assistant", "content": self.answers[0] if self.answers else ""}]
            source = str(self.row.get("drafted_by"))
            shared |= {"meta": {**meta_in(self.row), "as": self.row["as"]}} if "as" in self.row else {}
            return replace(self, row={**shared, "messages": [*before, *own], "source": source}, by=())
        if self.use == "example":
            row: dict[str, Json] = {"question": self.question, "answers": [*self.answers], "answerable": True}
            row |= {"messages": before[:-2]} if before[:-2] else {}
            if "as" in (meta := meta_in(self.row)):
                row |= {"as": meta.pop("as")}
                shared |= {"meta": meta}
        else:
            row = {key: value for key, value in self.row.items() if key not in (*_SHARED, "split")}
        return replace(self, row={**shared, **row, **({"split": "train"} if use == "train" else {})}, by=())


def subject_of_row(row: Mapping[str, Json]) -> str:
    """What an approval of a row is of: its id, and a digest of all that it says but by whom it was approved."""
    return f"{row.get('id', '')}:{digest({key: value for key, value in row.items() if key != 'approved_by'})[:12]}"


def _use_of_case(row: Mapping[str, Json]) -> Use:
    return "train" if row.get("split") == "train" else "case"


def _turn(row: Mapping[str, Json], index: int) -> str:
    turns = row.get("messages")
    turn = turns[index] if isinstance(turns, list) and len(turns) >= -index else None
    return str(turn.get("content") or "") if isinstance(turn, dict) else ""


def waiting(project: Project) -> tuple[Waiting, ...]:
    """The drafts of a project that nobody has decided on, those of feedback first.

    Raises:
        UserError: a file cannot be read.
    """
    named = _named(project)
    files = sorted(named | {path.resolve() for path in project.root.glob(DRAFTS)})
    drafts = [one for path in files if path.suffix == ".jsonl" for one in _drafts(path, is_named=path in named)]
    events = decisions(project) if drafts else ()
    drafts = [replace(one, by=approvers(events, DRAFT, one.subject)) for one in drafts]
    return tuple(sorted(drafts, key=lambda one: one.row.get("drafted_by") != "feedback"))


def _named(project: Project) -> set[Path]:
    """The files that `rung.yaml` names."""
    settings = project.settings
    examples = paths(project, settings.behaviour.examples, ("behaviour", "examples"))
    return {path.resolve() for path in (*paths(project, settings.cases, ("cases",)), *examples)}


def unnamed(project: Project, drafts: Sequence[Waiting]) -> list[tuple[str, Use]]:
    """Files that approved drafts are in by now and that `rung.yaml` does not name, each with what its rows do there.

    Raises:
        UserError: a file that it names is absent.
    """
    named = _named(project)
    files = {(_target(project, one), one.use) for one in drafts}
    return sorted({(path.name, use) for path, use in files if path.resolve() not in named})


def decide(project: Project, draft: Waiting, action: Action, *, by: str, reason: str = "") -> tuple[str, ...]:
    """Approve a draft as it is now, or reject it. In the log before it is in the file. One that was rejected leaves the file
    where a program drafted it; a row that a person may have written stays in it, set aside.

    Args:
        project: whose.
        draft: of `waiting`, mended or not.
        action: what is to be done.
        by: who decides.
        reason: why; needed for a rejection.

    Returns:
        Who has approved it by now; fewer people than `review.reviewers`, and it waits on.

    Raises:
        UserError: no name, no reason, it is no case and no example, it would teach what judges or judge what teaches, the
            same person approved it already, the file was changed meanwhile, or it cannot be written.
    """
    check_decision(action, by, reason)
    after: dict[str, Json] | None = None
    if action == "approve":
        after = _checked(project, draft, by)
    with deciding(project):
        mark, lines = lines_of(draft.path)
        index = _index_of(lines, draft)
        before = json_of(lines[index])
        so_far = approvers(decisions(project), DRAFT, draft.subject) if after is not None else ()
        names = people((*so_far, by)) if action == "approve" else ()
        is_new = len(names) > len(so_far) or action == "reject"
        if after is not None:
            is_done = len(names) >= project.settings.review.reviewers
            if not is_new and not is_done:
                raise UserError(f"{by.strip()} has approved '{draft.id}' already: another person has to look at it")
            after["approved_by"] = ", ".join(names) if is_done else ""
            if is_done and draft.use == "example":
                after["approved_at"] = datetime.now(UTC).date().isoformat()
        elif isinstance(before, dict) and before.get("drafted_by") not in OF_PROGRAMS:
            after = set_aside(before, by=by.strip(), reason=reason.strip(), at=datetime.now(UTC).date().isoformat())
        if is_new:  # else the log had it, and what was to follow was cut off
            event = {"what": DRAFT, "action": action, "subject": draft.subject, "by": by.strip(), "reason": reason.strip()}
            where = {"file": _shown(project, draft.path), "before": plain(before), "after": plain(after)}
            add_review(project, {**event, **where})
        target = _target(project, draft) if action == "approve" else draft.path
        if after is not None and target != draft.path and not _stands(target, after):
            append_rows(target, [after])
        stays = after is not None and target == draft.path
        lines[index : index + 1] = [json.dumps(after, ensure_ascii=False)] if stays else []
        write_lines(draft.path, mark, lines)
    return names


def split(project: Project, draft: Waiting, questions: Sequence[str], *, by: str, reason: str = "") -> tuple[str, ...]:
    """Divide a draft that asks several things into one draft for each question, with the same answers, to be mended.

    Returns:
        Their ids.

    Raises:
        UserError: no name, fewer than two questions, or as `decide`.
    """
    check_decision("approve", by, reason)
    asked = list(dict.fromkeys(question.strip() for question in questions if question.strip()))
    if len(asked) < 2:
        raise UserError("a draft is divided into two questions at least: --question TEXT for each")
    rows = []
    for number, question in enumerate(asked, 1):
        answers = draft.answers[:1] if draft.use == "example" else draft.answers
        if draft.use == "example" and not answers:
            raise UserError(f"'{draft.id}' has no answer that could be taught: make a case of it (--as case)")
        part = draft.mended(question=question, answers=answers, answerable=draft.row.get("answerable") is not False)
        rows.append({**part.row, "id": f"{draft.id}-{number}"})
    with deciding(project):
        mark, lines = lines_of(draft.path)
        index = _index_of(lines, draft)
        event = {"what": DRAFT, "action": "split", "subject": draft.subject, "by": by.strip(), "reason": reason.strip()}
        before = plain(json_of(lines[index]))
        add_review(project, {**event, "file": _shown(project, draft.path), "before": before, "after": plain(rows)})
        lines[index : index + 1] = [json.dumps(row, ensure_ascii=False) for row in rows]
        write_lines(draft.path, mark, lines)
    return tuple(str(row["id"]) for row in rows)


def check_decision(action: str, by: str, reason: str) -> None:
    """Refuse a decision without a name, or a rejection without a reason.

    Raises:
        UserError: it has none.
    """
    if not by.strip():
        raise UserError("who reviews has to be said: --by NAME")
    if "," in by:
        raise UserError(f"--by is one person, not '{by}': each decides for themselves")
    if action == "reject" and not reason.strip():
        raise UserError("a rejection needs its reason: --reason TEXT")


def _checked(project: Project, draft: Waiting, by: str) -> dict[str, Json]:
    """The row as it will stand, if it may."""
    after, location = {**draft.row, "approved_by": by.strip()}, f"{draft.path}:{draft.line}"
    one: Case | Example
    try:
        one = example_of(after, location) if draft.use == "example" else case_of(after, location)[0]
    except ValueError as error:
        raise UserError(f"{location}: {error}") from error
    if isinstance(one, Example) and not one.output.strip():
        raise UserError(f"{location}: the answer is empty: an example teaches one")
    if isinstance(one, Case) and len(one.answers) > 1 and draft.meta("kind") == "disputed":
        raise UserError(
            f"{location}: people disagree about '{draft.id}', and a case with all their answers accepts anything: choose "
            "those that are right, with 'rung review' at a terminal, or in the file, where meta.kind is then \"chosen\""
        )
    if repeated := _repeated(project, one):
        raise UserError(f"{repeated[0]}: what teaches may not judge. Approve it as the other (--as), or reject it")
    return after


def _repeated(project: Project, one: Case | Example) -> tuple[Problem, ...]:
    """Rows that are for the other use and ask the same."""
    problems: list[Problem] = []
    is_masked = project.settings.behaviour.personal_data == "mask"  # rows that teach are other ones then
    cases = [case for case, _ in read_cases(project, problems)] if project.settings.cases else []
    if not is_masked and not _overlapping(one, read_examples(project, problems), cases):
        return ()  # neither does any of those that are fit to teach, which takes longer to tell
    rows = load_dataset(project, judging=False)
    return _overlapping(one, rows.examples, rows.cases)


def _overlapping(one: Case | Example, examples: Sequence[Example], cases: Sequence[Case]) -> tuple[Problem, ...]:
    if isinstance(one, Case) and one.split != "train":
        return overlaps([*examples, *(case for case in cases if case.split == "train")], [one])[1]
    return overlaps([one], [case for case in cases if case.split != "train"])[1]


def _stands(path: Path, row: Mapping[str, Json]) -> bool:
    """Whether a file has the row, whenever it was approved: what was to follow was cut off then."""
    undated = {**row, "approved_at": None}
    return any({**other, "approved_at": None} == undated for _, other in rows_of(lines_of(path)[1]))


def _target(project: Project, draft: Waiting) -> Path:
    """The file that it belongs into: where it stands, unless it was made an example, or a case of one."""
    was = replace(draft, row=draft.read).use
    if (was == "example") == (draft.use == "example"):
        return draft.path
    return feedback_drafts_file(project, draft.use)


def feedback_drafts_file(project: Project, use: Use) -> Path:
    """Where drafts of feedback for this use go."""
    return drafts_file(project, EXAMPLES, examples=True) if use == "example" else drafts_file(project, FILE)


def _shown(project: Project, path: Path) -> str:
    root = project.root.resolve()
    return str(path.relative_to(root) if path.is_relative_to(root) else path)


def _drafts(path: Path, *, is_named: bool) -> Iterator[Waiting]:
    _, lines = lines_of(path)
    for index, row in rows_of([line if "drafted_by" in line else "" for line in lines]):  # of many rows few are drafts
        if is_draft(row) and not rejection(row):
            yield Waiting(path, index + 1, row, row, is_named)


def _index_of(lines: Sequence[str], draft: Waiting) -> int:
    """Where the draft stands now: others may have been taken out before it."""
    for index, row in rows_of(lines):
        if row == draft.read:
            return index
    raise UserError(f"{draft.path}: '{draft.id}' was changed, or decided on, meanwhile: look at it again")
