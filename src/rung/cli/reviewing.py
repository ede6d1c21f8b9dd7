"""A person at a terminal, asked about one draft after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rung.cli.screen import out_line

if TYPE_CHECKING:
    from rung.commands.review import Waiting
    from rung.config.project import Project
    from rung.dataset.proposals import Use

_USES: dict[Use, str] = {"case": "judges", "train": "teaches, as a train case", "example": "teaches, as an example"}


class _Quit(Exception):
    """The person has had enough."""


def ask_all(project: Project, drafts: Sequence[Waiting], by: str) -> int:
    """Ask about each, until all are decided on or the person has had enough; how many were decided on."""
    decided = 0
    try:
        for number, draft in enumerate(drafts, 1):
            decided += _asked(project, draft, f"{number} of {len(drafts)}", by)
    except (_Quit, EOFError):
        pass
    return decided


def _asked(project: Project, draft: Waiting, count: str, by: str) -> bool:
    """Ask about a draft; whether it was decided.

    Raises:
        _Quit: nothing more is to be asked.
    """
    from rung.commands.review import decide
    from rung.errors import UserError

    while True:
        for line in _lines(draft, count):
            out_line(line)
        word = _read("[a]pprove [e]dit [u]se [d]ivide [r]eject [s]kip [q]uit: ").lower()[:1]
        try:
            match word:
                case "q":
                    raise _Quit
                case "s":
                    return False
                case "e":
                    draft = _edited(draft)
                case "u":
                    draft = _used(draft)
                case "d":
                    return _divided(project, draft, by)
                case "a":
                    names = decide(project, draft, "approve", by=by)
                    if (more := project.settings.review.reviewers - len(names)) > 0:
                        out_line(f"approved by {', '.join(names)}; {more} more have to")
                    return True
                case "r":
                    decide(project, draft, "reject", by=by, reason=_read("why? "))
                    return True
        except UserError as error:
            out_line(str(error))


def _lines(draft: Waiting, count: str) -> Iterator[str]:
    yield ""
    kind = f", {draft.meta('kind')}" if draft.meta("kind") else ""
    so_far = f", approved by {', '.join(draft.by)}" if draft.by else ""
    yield f"{count}: {draft.id}, by {draft.row.get('drafted_by')}{kind}{so_far} ({draft.path.name}:{draft.line})"
    yield f"Use: {_USES[draft.use]}"
    yield f"Question: {draft.question}"
    for answer in draft.answers:
        yield f"Accepted: {answer}"
    if not draft.answers:
        yield "Accepted: none" + ("" if draft.row.get("answerable", True) else " (not answerable)")
    given = draft.meta("answers_given")
    yield from (f"Was said: {text}" for text in (given if isinstance(given, list) else []))
    evidence = draft.row.get("evidence")
    for one in evidence if isinstance(evidence, list) else []:
        if isinstance(one, dict):
            yield f"Evidence: {one.get('document')}: {one.get('quote') or ''}"
    asked = draft.meta("asked_as")
    yield from (f"Asked as: {text}" for text in (asked if isinstance(asked, list) else []))
    for key in ("note", "personal"):
        if value := draft.meta(key):
            yield f"{key.capitalize()}: {', '.join(map(str, value)) if isinstance(value, list) else value}"


def _edited(draft: Waiting) -> Waiting:
    question = _read(f"question [{draft.question}]: ") or draft.question
    out_line("accepted answers, one a line; an empty line ends (nothing at all keeps them, '-' says that there is none)")
    answers: list[str] = []
    while line := _read("answer: "):
        answers.append(line)
    if answers == ["-"]:
        return draft.mended(question=question, answers=(), answerable=False)
    if not answers:
        return draft.mended(question=question, answers=draft.answers, answerable=draft.row.get("answerable") is not False)
    return draft.mended(question=question, answers=answers, answerable=True)


def _used(draft: Waiting) -> Waiting:
    word = _read("[c]ase that judges, [t]rain case, [e]xample: ").lower()[:1]
    use = next((one for one in _USES if one[0] == word), draft.use)
    return draft.used_as(use)


def _divided(project: Project, draft: Waiting, by: str) -> bool:
    from rung.commands.review import split

    out_line("its questions, one a line; an empty line ends")
    questions: list[str] = []
    while line := _read("question: "):
        questions.append(line)
    ids = split(project, draft, questions, by=by)
    out_line(f"divided into {', '.join(ids)}: they wait, to be mended")
    return True


def _read(prompt: str) -> str:
    return input(prompt).strip()
