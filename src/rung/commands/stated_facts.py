"""Plain facts that a document states, and how one would ask for them: rules for headings, tables and statements.

They find little, and what they find is phrased stiffly; it is true to the text, and a person can better it. Which of them
become drafts is left to `drafting`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from rung.records import Document
from rung.text.sentences import sentence_starts
from rung.text.statement_words import CLAUSE, NO_SUBJECT, POINTING

ATTRIBUTES = (
    "warranty period", "delivery time", "country of origin", "manufacturer", "weight", "release date", "telephone number",
    "street address", "founder", "trade mark", "serial number", "insurance number", "licence number",
)  # fmt: skip
_STATEMENT = re.compile(
    r"(?P<subject>(?:The |A |An )?[A-Z][\w'’-]*(?: [\w'’-]+){0,5}?) (?P<verb>is|are|was|were|costs|takes|lasts) "
    r"(?P<rest>[^;:!?|]{2,120})\."
)
# What answers "what is X?": a noun, a name or a number; not "confirmed in 1901" or "very old".
_NOUN = re.compile(
    r"(?:an?|the|one|two|three|four|five|six|seven|eight|nine|ten|twelve|twenty|thirty|forty|fifty|sixty|ninety|half)\b"
    r"|[A-Z\d$€£]",
)
# Subjects that point elsewhere, or were cut out of a longer sentence.
_NO_SUBJECT = re.compile(
    r"(?:The )?(?:It|This|That|These|Those|There|He|She|They|We|You|I|Here|What|Which|Who|If|When|As|In|On|At|Another|Other"
    r"|Some|Many|Most|Such|Several|One|Both|All|Each|Today|Now|However|But|And|So|Thus|Also|Its|His|Her|Their"
    r"|Our|[Rr]esult|[Ff]irst|[Ss]econd|[Ff]ormer|[Ll]atter|[Ss]ame|[Rr]eason|[Ff]ollowing|\w+ing|\w+ly)\b"
    r"|.*\b(?:could|would|may|can|must|not|will|which|that|who|has|have"
    r"|had|and|or|but|to)\b"
)
_CHANGING = re.compile(
    r"\b20[2-9]\d\b|\b(?:currently|now|today|as of|latest|at present|this year|version)\b"
    r"|[$€£]\s?\d|\d\s?(?:USD|EUR|GBP|CHF|%|per cent|euros?|dollars?|days?|weeks?|months?|hours?)\b",
    re.IGNORECASE,
)
_QUESTION_HEADING = re.compile(
    r"^#{1,6}[ \t]+(?P<question>[^\n]{6,150}\?)[ \t]*#*[ \t]*$\n+(?P<answer>[^\n#|>`-][^\n]*)", re.MULTILINE
)
_ROWS = re.compile(r"^[ \t]*\|.*\|[ \t]*$", re.MULTILINE)
_DASHES = re.compile(r"[\s|:-]+")
_LONGEST_ANSWER = 160
MAX_WORDS = 12  # of what a statement says of its subject


@dataclass(frozen=True, slots=True)
class Fact:
    """A question, its answer, and the characters of the document that say so. `changes`: it is likely to, with time."""

    question: str
    answer: str
    start: int
    end: int
    subject: str = ""
    changes: bool = False
    note: str = ""


def facts(document: Document) -> Iterator[Fact]:
    """The facts of a document, the surest ways of asking first: question headings, tables, statements."""
    yield from _headings(document.text)
    yield from _tables(document.text)
    yield from _statements(document.text)


def absent_attribute(subject: str, corpus: str) -> str:
    """Something that could be asked of anything and that no document names; "" if there is none.

    Args:
        subject: what is asked about; the same one gets the same attribute.
        corpus: all documents, case folded.
    """
    start = sum(map(ord, subject)) % len(ATTRIBUTES)
    return next((a for a in (*ATTRIBUTES[start:], *ATTRIBUTES[:start]) if a not in corpus), "")


def _headings(text: str) -> Iterator[Fact]:
    """A heading that is a question, answered by the first sentence below it."""
    for match in _QUESTION_HEADING.finditer(text):
        start = match.start("answer")
        end = next(sentence_starts(text, start, match.end("answer")), match.end("answer"))
        answer = text[start:end].strip()
        if len(answer) <= _LONGEST_ANSWER:
            changes = _CHANGING.search(answer) is not None
            yield Fact(
                match["question"].strip(), answer, start, start + len(answer), "", changes, "from a heading that asks"
            )


def _tables(text: str) -> Iterator[Fact]:
    """A cell, asked for by its column and by the first cell of its row."""
    rows = list(_ROWS.finditer(text))
    head: list[str] = []
    last_end = -2
    for index, row in enumerate(rows):
        cells = _cells(row[0])
        begins = row.start() > last_end + 1
        last_end = row.end()
        if begins:
            follows = rows[index + 1][0] if index + 1 < len(rows) else ""
            head = cells if _DASHES.fullmatch(follows) else []
        elif head and not _DASHES.fullmatch(row[0]) and len(cells) == len(head) and cells[0]:
            for column, cell in zip(head[1:], cells[1:], strict=True):
                if cell and column:
                    question = f"What is the {column} of {cells[0]}?"
                    changes = _CHANGING.search(f"{column} {cell}") is not None
                    yield Fact(question, cell, row.start(), row.end(), cells[0], changes, "from a table")


def _cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip().strip("|").split("|")]


def _statements(text: str) -> Iterator[Fact]:
    """'X is a Y.' asked as 'What is X?': whole sentences whose subject stands by itself and whose answer is a noun."""
    starts = [0, *sentence_starts(text), len(text)]
    for start, end in pairwise(starts):
        piece = text[start:end].rstrip()
        begin = start + piece.rfind("\n") + 1  # a heading before it ends without a full stop
        match = _STATEMENT.fullmatch(text, begin, start + len(piece))
        if not match or _NO_SUBJECT.match(match["subject"]) or match["subject"].split()[0].lower() in NO_SUBJECT:
            continue
        if POINTING.search(match["subject"]) or CLAUSE.search(match["rest"]) or len(match["rest"].split()) > MAX_WORDS:
            continue
        subject, verb, rest = match["subject"], match["verb"], match["rest"].strip()
        asked = subject if subject.split()[0] not in ("The", "A", "An") else subject[0].lower() + subject[1:]
        if verb in ("is", "are", "was", "were"):
            if not _NOUN.match(rest):
                continue
            question = f"What {verb} {asked}?"
        else:
            question = f"What does {asked} {verb.removesuffix('s')}?"
        changes = verb not in ("was", "were") and _CHANGING.search(match[0]) is not None
        yield Fact(
            question, rest, match.start(), match.end(), asked, changes, "from a statement: word the question as people would"
        )
