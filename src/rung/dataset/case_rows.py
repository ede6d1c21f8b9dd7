"""A row of a file of cases as a case: what may stand under its keys, and what is meant where one is left out."""

from __future__ import annotations

import json
from dataclasses import replace

from rung.dataset.drafted_rows import is_draft, rejection
from rung.dataset.formats import id_of, meta_of
from rung.records import Case, Json, Message, Split, ToolCall, canonical, digest

DEV_SHARE = 0.2
MAX_WEIGHT = 1000


def case_of(
    row: dict[str, Json], location: str, *, judged: bool = False, drafts: bool = False
) -> tuple[Case, tuple[Json, ...]]:
    """A row as a case, with its evidence as written.

    Args:
        row: as it stands in its file.
        location: its file and line.
        judged: answers are judged by a model, and need no reference.
        drafts: one that nobody approved yet is taken, too.

    Raises:
        ValueError: it is none, or a draft.
    """
    if is_draft(row) and not drafts:
        why = rejection(row) or (
            f"is a draft by {row['drafted_by']}: check the question, its answers and the evidence, then write who did in "
            "'approved_by'; until then it judges nothing"
        )
        raise ValueError(why)
    question = _text(row, "question")
    answers = row.get("answers")
    answerable = row.get("answerable", bool(answers) if isinstance(answers, list) else True)
    if not isinstance(answerable, bool):
        raise ValueError(f"'answerable' must be true or false, found {answerable!r}")
    gold = bool(row.get("evidence") or row.get("gold_documents"))
    if answers is None and (gold or judged or not answerable):
        answers = []  # with gold and without answers a case judges the search alone, unless a model judges
    if not isinstance(answers, list):
        raise ValueError("'answers' must be a list of accepted answers (empty when 'answerable' is false)")
    if answerable and not answers and not (gold or judged):
        raise ValueError("'answers' is empty, but 'answerable' is true: give an answer or say \"answerable\": false")
    evidence = row.get("evidence") or []
    if not isinstance(evidence, list):
        raise ValueError("'evidence' must be a list of {document, quote} or {document, start, end}")
    messages = _messages(row.get("messages") or [])
    id = id_of(row, question, messages)
    groups = row.get("as")
    case = Case(
        id=id,
        question=question,
        answers=tuple(a if isinstance(a, str) else json.dumps(a, ensure_ascii=False) for a in answers),
        answerable=answerable,
        gold_documents=_strings(row, "gold_documents"),
        split=_split(row, id),
        groups=None if groups is None else _strings(row, "as"),
        messages=messages,
        meta=meta_of(row),
        place=location,
        calls=_calls(row.get("calls") or []),
    )
    return case, tuple(evidence)


def copies_of(case: Case, weight: Json) -> tuple[Case, ...]:
    """A case as often as its row's `weight` says: each copy is a draw of the same question, with an id of its own.

    Raises:
        ValueError: the weight is none.
    """
    return (case, *(replace(case, id=f"{case.id}#{number}") for number in range(2, weight_of(weight) + 1)))


def weight_of(weight: Json) -> int:
    """How often a case counts by its row's `weight`: once where it has none.

    Raises:
        ValueError: it is no weight.
    """
    if weight is None:
        return 1
    if isinstance(weight, float) and weight.is_integer():
        weight = int(weight)
    if not isinstance(weight, int) or isinstance(weight, bool) or not 1 <= weight <= MAX_WEIGHT:
        raise ValueError(f"'weight' must be a whole number from 1 to {MAX_WEIGHT:,}, found {weight!r}")
    return weight


def _split(row: dict[str, Json], id: str) -> Split:
    match row.get("split"):
        case None:
            return "dev" if int(digest("split", id)[:8], 16) < DEV_SHARE * 0x1_0000_0000 else "test"
        case "train" | "dev" | "test" as split:
            return split
        case other:
            raise ValueError(f"'split' must be train, dev or test, found {other!r}")


def _text(row: dict[str, Json], key: str) -> str:
    value = row.get(key)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"'{key}' must be text, found {value!r}" if key in row else f"'{key}' is missing")
    return value


def _strings(row: dict[str, Json], key: str) -> tuple[str, ...]:
    value = row.get(key)
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
        raise ValueError(f"'{key}' must be a list of texts, found {value!r}")
    return tuple(str(v) for v in value)


def _calls(value: Json) -> tuple[ToolCall, ...]:
    if not isinstance(value, list):
        raise ValueError("'calls' must be a list of {name, arguments, result}")
    calls: list[ToolCall] = []
    for call in value:
        name, arguments = (call.get("name"), call.get("arguments", {})) if isinstance(call, dict) else (None, None)
        if not isinstance(name, str) or not isinstance(arguments, dict) or set(call) - {"name", "arguments", "result"}:  # type: ignore[arg-type]
            raise ValueError(f"each call needs a tool's name, and may have arguments {{…}} and a result, found {call!r}")
        result = canonical(call["result"]) if "result" in call else ""  # type: ignore[operator,index,call-overload]
        calls.append(ToolCall(name, canonical(arguments) if "arguments" in call else "", result))  # type: ignore[operator]
    return tuple(calls)


def _messages(value: Json) -> tuple[Message, ...]:
    if not isinstance(value, list):
        raise ValueError("'messages' must be a list of {role, content}")
    turns: list[Message] = []
    for turn in value:
        role, content = (turn.get("role"), turn.get("content")) if isinstance(turn, dict) else (None, None)
        if role not in ("system", "user", "assistant", "tool") or not isinstance(content, str):
            raise ValueError(f"each message needs a role (system, user, assistant, tool) and text content, found {turn!r}")
        turns.append(Message(str(role), content))
    return tuple(turns)
