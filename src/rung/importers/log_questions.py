"""The questions of a log, whatever was answered to them: requests to model servers, chats, tables, exports of platforms.

A failed request was asked all the same: to leave it out would flatter whoever failed. What becomes of the answers is left to
the importers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from rung.errors import InputError
from rung.importers.chat_exports import CHAT_EXPORTS
from rung.importers.chat_logs import turns_asked
from rung.importers.fields import QUESTIONS, asked, asked_in, chat_turns, name_in, words
from rung.importers.imported import LOOKED_AT, Row
from rung.importers.registry import SURE, form_of
from rung.importers.source import ImportFile
from rung.records import Json, Message, Problem


@dataclass(frozen=True, slots=True)
class LoggedQuestion:
    """Words that somebody asked, and the turns before them. `place` ("log.jsonl:3") is where they stand; `groups`: the
    asker's, None where they are not known."""

    text: str
    messages: tuple[Message, ...] = ()
    place: str = ""
    groups: tuple[str, ...] | None = None


def questions_in(file: ImportFile, form: str = "") -> Iterator[LoggedQuestion | Problem]:
    """Every question of a log, and a problem for each row that holds none.

    Args:
        file: the log; its `question` names the column, where the user says so.
        form: as `rung import` has it; "" to find out.

    Raises:
        InputError: it cannot be read, or nothing in it is a question.
        UserError: there is no such form.
    """
    if form or not _reads_itself(file):
        yield from _imported(file, form)
        return
    for line, row in file.rows:
        try:
            yield _question(row, file, line)
        except ValueError as error:
            yield Problem(file.shown, line, str(error))
    yield from file.bad_rows


def _reads_itself(file: ImportFile) -> bool:
    """Whether one of the first rows is a request, a chat, or has a column of questions; the title of a chat is none."""
    if CHAT_EXPORTS.claims(file) > SURE:
        return False
    rows = file.rows[:LOOKED_AT]
    if file.question and rows and not any(file.question in row for _, row in rows):
        listed = ", ".join(f"'{name}'" for name in list(rows[0][1])[:12])
        raise InputError(f"has no column '{file.question}'; there are: {listed}", path=file.shown)
    for line, row in rows:
        try:
            return bool(_question(row, file, line))
        except ValueError:
            continue
    return False


def _question(row: Row, file: ImportFile, line: int) -> LoggedQuestion:
    turns = None if file.question else turns_asked(row)
    if turns is not None:
        text, before = _last_asked(chat_turns(turns))
    else:
        name = file.question or name_in(row, QUESTIONS)
        value = _within(row.get(name)) if name else None
        if value is None:
            raise ValueError("holds no request and no question: name its column with --question")
        text, before, _ = asked_in(value)
    messages = tuple(Message(str(turn["role"]), str(turn["content"])) for turn in before)
    return LoggedQuestion(text.strip(), messages, f"{file.shown}:{line}")


def _within(value: Json) -> Json:
    """What an object holds under a name of questions; else the value."""
    if not isinstance(value, dict):
        return value
    name = name_in(value, QUESTIONS) or ("messages" if "messages" in value else "")
    return value.get(name) if name else None


def _last_asked(turns: list[dict[str, Json]]) -> tuple[str, list[Mapping[str, Json]]]:
    """The last thing a user said, if nothing but answers come after it."""
    while turns and turns[-1]["role"] == "assistant":
        turns = turns[:-1]
    text, before, _ = asked(turns)
    return text, before


def _imported(file: ImportFile, form: str) -> Iterator[LoggedQuestion | Problem]:
    """By the importer of its form."""
    _, importer = form_of(file, form)
    for row in importer.read(file):
        if row.refused:
            yield Problem(file.shown, row.line, row.refused)
        for case in row.cases:
            turns = case.get("messages")
            before = tuple(
                Message(words(turn["role"]), words(turn["content"]))
                for turn in (turns if isinstance(turns, list) else [])
                if isinstance(turn, dict)
            )
            yield LoggedQuestion(words(case["question"]).strip(), before, f"{file.shown}:{row.line}")
        for example in row.examples:
            try:
                text, turns_before = _last_asked(chat_turns(example.get("messages")))
            except ValueError as error:
                yield Problem(file.shown, row.line, str(error))
                continue
            earlier = tuple(Message(str(turn["role"]), str(turn["content"])) for turn in turns_before)
            yield LoggedQuestion(text.strip(), earlier, f"{file.shown}:{row.line}")
    yield from file.bad_rows
