"""Which parts of a report are not for everybody, and how the report reads without them.

The page carries the marks in comments, which text cannot imitate: it is escaped. Rows of answers carry them in a column.
"""

from __future__ import annotations

import json
import re
from binascii import hexlify, unhexlify
from collections.abc import Mapping, Sequence

from rung.verdict.report_markup import Safe, el, join
from rung.verdict.report_numbers import count
from rung.verdict.report_records import CasePage, Report

COLUMN = "groups"  # of rows of answers: the lists of groups, of each of which an asker must have one
Needs = tuple[tuple[str, ...], ...]

_PART = re.compile(r"<!--for ([0-9a-f]+)-->(.*?)<!--end-->", re.DOTALL)
_NOTICE = re.compile(r"<!--notice-->(.*?)<!--end notice-->", re.DOTALL)


def needs_of(page: CasePage, documents: Mapping[str, tuple[str, ...]]) -> Needs:
    """The groups of everything restricted that a case touches: what was found, shown or cited, and its gold.

    Args:
        documents: id -> groups, of the restricted documents.
    """
    case = page.case
    answers = [outcome.answer for outcome in page.outcomes.values() if outcome.answer is not None]
    found = [p.groups for answer in answers for p in (*answer.passages, *answer.retrieved) if p.groups]
    named = [*case.gold_documents, *(e.document for e in case.evidence)]
    named += [citation.document for answer in answers for citation in answer.citations]
    found += [documents[id] for id in named if documents.get(id)]
    if case.groups and case.answerable and not case.gold_documents and not case.evidence:
        found.append(case.groups)  # where its answer stands is not known: it is for those who asked
    return tuple(sorted({tuple(sorted(groups)) for groups in found}))


def guarded(part: Safe, needs: Needs) -> Safe:
    """A part of the page that is only for askers with a group of each of these."""
    if not needs:
        return part
    return join(Safe(f"<!--for {hexlify(json.dumps(needs).encode()).decode()}-->"), part, Safe("<!--end-->"))


def notice(report: Report) -> Safe:
    """What the page says of its restricted parts, at its top."""
    needs = [needs_of(page, report.restricted) for page in report.cases[: report.limits.cases]]
    names = sorted({group for some in needs for groups in some for group in groups})
    said = Safe("")
    if names:
        cases = count(sum(map(bool, needs)), "case")
        words = f"This page shows text that is only for {', '.join(names)} (in {cases}). To leave it out: rung report --as"
        said = el("p", el("b", words), cls="small", role="note")
    return join(Safe("<!--notice-->"), said, Safe("<!--end notice-->"))


def is_marked(page: str) -> bool:
    """Whether a page says which of its parts are restricted; those of earlier versions of Rung do not."""
    return _NOTICE.search(page) is not None


def groups_in(page: str) -> tuple[str, ...]:
    """All groups that parts of a page are for."""
    return tuple(sorted({group for found in _PART.finditer(page) for groups in _needs(found[1]) for group in groups}))


def page_for(page: str, groups: frozenset[str]) -> str:
    """The page without what an asker with these groups may not read."""
    left = 0

    def shown(found: re.Match[str]) -> str:
        nonlocal left
        if may_read(_needs(found[1]), groups):
            return found[0]
        left += 'class="case"' in found[2][:300]
        return ""

    kept = _PART.sub(shown, page)
    said = Safe("")
    if left:
        whom = f"askers with {', '.join(sorted(groups))}" if groups else "askers without a group"
        said = el("p", f"{count(left, 'case')} with documents that are not for {whom} are left out below.", cls="small")
    return _NOTICE.sub(lambda _: said, kept)


def rows_for(rows: str, groups: frozenset[str]) -> str:
    """Rows of answers without those of cases that an asker with these groups may not read."""
    lines = rows.splitlines(keepends=True)
    return "".join(line for line in lines if may_read(json.loads(line).get(COLUMN, []), groups))


def may_read(needs: Sequence[Sequence[str]], groups: frozenset[str]) -> bool:
    """Whether an asker with these groups has one of each list."""
    return all(groups & set(some) for some in needs)


def _needs(mark: str) -> list[list[str]]:
    needs: list[list[str]] = json.loads(unhexlify(mark))
    return needs
