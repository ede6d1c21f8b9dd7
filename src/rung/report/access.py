"""Which parts of a report are not for everybody, and how the report reads without them.

The page carries the marks in comments, which text cannot imitate: it is escaped. Rows of answers carry them in a column.
"""

from __future__ import annotations

import json
import re
from binascii import hexlify, unhexlify
from collections.abc import Iterable, Iterator, Mapping, Sequence

from rung.records import Outcome, Passage
from rung.report.contents import CasePage, Report
from rung.report.html.markup import Safe, el, join
from rung.report.numbers import count

COLUMN = "groups"  # of rows of answers: the lists of groups, of each of which an asker must have one
Needs = tuple[tuple[str, ...], ...]

_PART = re.compile(r"<!--for ([0-9a-f]+)-->(.*?)<!--end-->", re.DOTALL)
_ANSWER = re.compile(r"<!--answer ([0-9a-f]*) for ([0-9a-f]+)-->(.*?)<!--end answer-->", re.DOTALL)
_NOTICE = re.compile(r"<!--notice-->(.*?)<!--end notice-->", re.DOTALL)


def needs_of(page: CasePage, documents: Mapping[str, tuple[str, ...]]) -> Needs:
    """The groups that a case is for, whatever was answered: of its gold, or of those who asked.

    Where nobody says in which documents its answer stands, a case that found restricted passages is for their groups,
    unless a passage for everybody holds an accepted answer.

    Args:
        page: the case with its answers.
        documents: id -> groups, of the restricted documents.
    """
    case = page.case
    named = [*case.gold_documents, *(e.document for e in case.evidence)]
    needs: list[Sequence[str]] = [documents[id] for id in named if documents.get(id)]
    if case.answerable and not named:
        needs += [(group,) for group in case.groups or ()]  # its answer may stand in a document of any of them
        needs += [] if _stands_openly(page) else _groups_of(page.outcomes.values())
    return _sorted(needs)


def needs_of_answer(outcome: Outcome, documents: Mapping[str, tuple[str, ...]]) -> Needs:
    """The groups of everything restricted that an answer was made of: what was found, shown or cited."""
    cited = () if outcome.answer is None else outcome.answer.citations
    return _sorted([*_groups_of([outcome]), *(documents[c.document] for c in cited if documents.get(c.document))])


def _sorted(groups: Iterable[Sequence[str]]) -> Needs:
    return tuple(sorted({tuple(sorted(some)) for some in groups}))


def _passages(outcomes: Iterable[Outcome]) -> Iterator[Passage]:
    for outcome in outcomes:
        if outcome.answer is not None:
            yield from (*outcome.answer.passages, *outcome.answer.retrieved)


def _groups_of(outcomes: Iterable[Outcome]) -> list[Sequence[str]]:
    return [passage.groups for passage in _passages(outcomes) if passage.groups]


def _stands_openly(page: CasePage) -> bool:
    accepted = [answer.casefold() for answer in page.case.answers if answer.strip()]
    texts = (passage.text.casefold() for passage in _passages(page.outcomes.values()) if not passage.groups)
    return any(answer in text for text in texts for answer in accepted)


def guarded(part: Safe, needs: Needs) -> Safe:
    """A part of the page that is only for askers with a group of each of these."""
    return part if not needs else join(Safe(f"<!--for {_mark(needs)}-->"), part, Safe("<!--end-->"))


def guarded_answer(rung: str, part: Safe, needs: Needs) -> Safe:
    """One rung's answer within a case, only for askers with a group of each of these."""
    named = hexlify(rung.encode()).decode()
    return part if not needs else join(Safe(f"<!--answer {named} for {_mark(needs)}-->"), part, Safe("<!--end answer-->"))


def _mark(needs: Needs) -> str:
    return hexlify(json.dumps(needs).encode()).decode()


def notice(report: Report) -> Safe:
    """What the page says of its restricted parts, at its top."""
    restricted = report.restricted
    needs = [
        {
            *needs_of(page, restricted),
            *(need for outcome in page.outcomes.values() for need in needs_of_answer(outcome, restricted)),
        }
        for page in report.cases[: report.limits.cases]
    ]
    names = sorted({group for some in needs for groups in some for group in groups})
    note = Safe("")
    if names:
        cases = count(sum(map(bool, needs)), "case")
        trial = " --verdict NUMBER" if report.verdict.coverage.trial else ""
        how = f"rung report FOLDER{trial} --as '' -o FILE"
        words = f"This page shows text that is only for {', '.join(names)} (in {cases}). To leave it out: {how}"
        note = el("p", el("b", words), cls="small", role="note")
    return join(Safe("<!--notice-->"), note, Safe("<!--end notice-->"))


def is_marked(page: str) -> bool:
    """Whether a page says which of its parts are restricted; those of earlier versions of Rung do not."""
    return _NOTICE.search(page) is not None


def groups_in(page: str) -> tuple[str, ...]:
    """All groups that parts of a page are for."""
    marks = [match[1] for match in _PART.finditer(page)] + [match[2] for match in _ANSWER.finditer(page)]
    return tuple(sorted({group for mark in marks for groups in _needs(mark) for group in groups}))


def page_for(page: str, groups: frozenset[str]) -> str:
    """The page without what an asker with these groups may not read."""
    left, answers = 0, 0

    def shown(match: re.Match[str]) -> str:
        nonlocal left
        if may_read(_needs(match[1]), groups):
            return match[0]
        left += 'class="case"' in match[2][:300]
        return ""

    def answered(match: re.Match[str]) -> str:
        nonlocal answers
        if may_read(_needs(match[2]), groups):
            return match[0]
        answers += 1
        rung = unhexlify(match[1]).decode()
        return el("p", el("b", rung), ": left out, since it was made of documents that are not for everybody", cls="quiet")

    visible = _ANSWER.sub(answered, _PART.sub(shown, page))
    note = Safe("")
    if left or answers:
        whom = f"askers with {', '.join(sorted(groups))}" if groups else "askers without a group"
        what = " and ".join(count(n, one) for n, one in ((left, "case"), (answers, "answer")) if n)
        note = el("p", f"Left out below, for documents that are not for {whom}: {what}.", cls="small")
    return _NOTICE.sub(lambda _: note, visible)


def rows_for(rows: str, groups: frozenset[str]) -> str:
    """Rows of answers without those of cases that an asker with these groups may not read."""
    lines = filter(None, rows.split("\n"))
    return "".join(f"{line}\n" for line in lines if may_read(json.loads(line).get(COLUMN, []), groups))


def may_read(needs: Sequence[Sequence[str]], groups: frozenset[str]) -> bool:
    """Whether an asker with these groups has one of each list."""
    return all(groups & set(some) for some in needs)


def _needs(mark: str) -> list[list[str]]:
    needs: list[list[str]] = json.loads(unhexlify(mark))
    return needs
