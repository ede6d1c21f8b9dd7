"""Plain facts that a document states, and how one would ask for them: rules for headings, tables and statements.

They find little, and what they find is phrased stiffly; it is true to the text, and a person can better it. Which of them
become drafts is left to `drafting`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from rung.commands.asked_headings import answers, heading_question
from rung.pipeline.gold_slips import squeezed
from rung.records import Document
from rung.text.prose import plain
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
_LASTING = re.compile(
    r"(?:\d+|[a-z]+) (?:seconds?|minutes?|hours?|days?|weeks?|months?|years?) (?:long|old|away|ago|later)\b"
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
_HEADING = re.compile(
    r"^#{1,6}[ \t]+(?P<heading>[^\n]{6,150}?)[ \t]*#*[ \t]*$\n+"
    r"(?P<paragraph>[^\n#|>`<{!\[*+\d-](?:[^\n]|\n(?![ \t]*(?:\n|[#|>`<{*+-]|\d+[.)])))*)",
    re.MULTILINE,
)
_ROWS = re.compile(r"^[ \t]*\|.*\|[ \t]*$", re.MULTILINE)
_DASHES = re.compile(r"[\s|:-]+")
_LONGEST_ANSWER = 200
_KEY_WORDS, _COLUMN_WORDS, _VALUE_WORDS = 6, 4, 12
_ATTRIBUTE = re.compile(  # what people ask of a thing by its name
    r"(?:[a-z]+ )?(?:"
    r"prices?|costs?|fees?|rates?|weight|size|length|width|height|depth|duration|time|period|deadline|due date"
    r"|limit|capacity|maximum|minimum|max|min|default(?: value)?|port|address|phone|telephone|e-?mail|contact"
    r"|owner|manager|capital|population|area|date|year|month|country|city|state|location|place|hours|opening hours"
    r"|language|version|warranty|colou?r|material|author|director|salary|amount|currency|symbol|abbreviation|code"
    r"|distance|speed|temperature|age|score|rank|frequency|retention|expiry|expiration|lead|head|founder"
    r"|manufacturer|model|unit|room|floor|office|point of contact"
    r")(?: \([^()]*\))?",
    re.IGNORECASE,
)
_FROM_A_TABLE = 8  # cells of one table that are asked for
_STEPS = re.compile(
    r"(?:steps?|tasks?|actions?|activit|process|phase|question|what|if|when|error|problem|event|scenario)", re.IGNORECASE
)
_NO_VALUE = re.compile(r"(?:y|n|x|yes|no|true|false|n/?a|none|tbd|see .*|[^\w]+)", re.IGNORECASE)
_GOODS = re.compile(r"\b(?:price|cost|size|weight|colou?r|model|sku|stock|dimensions|capacity)\b", re.IGNORECASE)
MAX_WORDS = 12  # of what a statement says of its subject


@dataclass(frozen=True, slots=True)
class Fact:
    """A question, its answer, and the characters of the document that say so. `changes`: it is likely to, with time;
    `is_goods`: its subject is something that is sold."""

    question: str
    answer: str
    start: int
    end: int
    subject: str = ""
    changes: bool = False
    note: str = ""
    is_goods: bool = False


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
    """A heading that asks, or says what is to be done, answered by the first sentence below it where that sentence does."""
    for match in _HEADING.finditer(text):
        start = match.start("paragraph")
        end = next(sentence_starts(text, start, match.end("paragraph")), match.end("paragraph"))
        raw = text[start:end].rstrip()
        answer, question = plain(raw), heading_question(plain(match["heading"]))
        if len(answer) <= _LONGEST_ANSWER and question and answers(question, answer) and squeezed(answer) in squeezed(raw):
            changes = _CHANGING.search(answer) is not None
            yield Fact(question, answer, start, start + len(raw), "", changes, "from a heading that asks")


def _tables(text: str) -> Iterator[Fact]:
    """A cell, asked for by its column and by the first cell of its row, where both are names and the cell is a value."""
    rows = list(_ROWS.finditer(text))
    head: list[str] = []
    last_end, asked = -2, 0
    for index, row in enumerate(rows):
        cells = _cells(row[0])
        begins = row.start() > last_end + 1
        last_end = row.end()
        if begins:
            follows = rows[index + 1][0] if index + 1 < len(rows) else ""
            head = cells if _DASHES.fullmatch(follows) and not _STEPS.match(cells[0]) else []
            asked = 0
        elif head and not _DASHES.fullmatch(row[0]) and len(cells) == len(head):
            for question, subject, cell, column in _of_row(head, cells):
                if asked < _FROM_A_TABLE and squeezed(cell) in squeezed(row[0]):
                    changes = _CHANGING.search(f"{column} {cell}") is not None
                    yield Fact(question, cell, row.start(), row.end(), subject, changes, "from a table", _is_goods(head))
                    asked += 1


def _of_row(head: Sequence[str], cells: Sequence[str]) -> Iterator[tuple[str, str, str, str]]:
    """(question, subject, cell, attribute): what a row with a name says under columns that are attributes."""
    if not head[0] or not is_key(cells[0]):
        return
    for attribute, cell in zip(head[1:], cells[1:], strict=True):
        if is_column(attribute) and is_value(cell):
            yield f"What is the {_lower(attribute)} of {cells[0]}?", cells[0], cell, attribute


def _cells(row: str) -> list[str]:
    raw = row.strip().strip("|").split("|")
    cells = ["" if "<br" in cell else plain(cell.strip()) for cell in raw]
    return ["", *cells[1:]] if "`" in raw[0] else cells  # code is no name


def is_key(cell: str) -> bool:
    """Whether the first cell of a row names something: no sentence, code or number.

    >>> is_key("Express delivery"), is_key("`title`"), is_key("5 days"), is_key("Whoever is asked for a parcel by mail")
    (True, False, False, False)
    """
    return bool(re.match(r"[A-Za-z]", cell)) and len(cell.split()) <= _KEY_WORDS and not re.search(r"[.?!:;`<>{}\[\]]", cell)


def is_column(name: str) -> bool:
    """Whether the head of a column is something that is asked of a thing by its name.

    >>> is_column("Price"), is_column("Delivery time"), is_column("Where we keep it"), is_column("Free"), is_column("Values")
    (True, True, False, False, False)
    """
    return len(name.split()) <= _COLUMN_WORDS and bool(_ATTRIBUTE.fullmatch(name))


def is_value(cell: str) -> bool:
    """Whether a cell is something that can be an answer: no mark, no link, no long text."""
    return len(cell) >= 2 and len(cell.split()) <= _VALUE_WORDS and not _NO_VALUE.fullmatch(cell) and "://" not in cell


def _lower(name: str) -> str:
    """A column's name within a sentence."""
    if name.isupper() and len(name) > 3:
        return name.lower()
    return f"{name[:1].lower()}{name[1:]}" if re.fullmatch(r"[A-Z][a-z]+", name.split(maxsplit=1)[0]) else name


def _is_goods(head: Sequence[str]) -> bool:
    """Whether the rows of a table are things that are sold, of which much may be asked."""
    return any(_GOODS.search(column) for column in head)


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
        if verb in ("costs", "takes", "lasts"):
            continue  # asked by `asked_times`
        if not _NOUN.match(rest) or _LASTING.match(rest):
            continue
        question = f"What {verb} {asked}?"
        changes = verb not in ("was", "were") and _CHANGING.search(match[0]) is not None
        yield Fact(
            question, rest, match.start(), match.end(), asked, changes, "from a statement: word the question as people would"
        )
