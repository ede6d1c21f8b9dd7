"""Questions with choices: which of them a row lets choose from, and which of those its answer means."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from string import ascii_uppercase

from rung.importers.fields import listed_in, name_in, object_of, texts, words
from rung.importers.imported import Row
from rung.records import Json

_NAMES = ("choices", "options")
_MAX_LETTERS = 10
Choices = tuple[dict[str, str], tuple[str, ...]]  # choice by its label, the columns that hold them


def choices_of(row: Row, others: Sequence[str] = ()) -> Choices:
    """The choices of a row; none where there are not two.

    They stand in columns A, B, …; in a list, which has letters for labels; in an object of labels; or as ARC has them, in an
    object of `text` and `label`. Tables hold lists and objects as text.

    Args:
        row: a row of any table.
        others: columns that are something else.
    """
    letters = [
        name for name in ascii_uppercase[:_MAX_LETTERS] if name in row and name not in others and words(row[name]).strip()
    ]
    if letters[:2] == ["A", "B"]:
        return {name: words(row[name]) for name in letters}, tuple(letters)
    name = name_in([key for key in row if key not in others], _NAMES)
    choices = _labelled(row.get(name)) if name else {}
    return (choices, (name,)) if len(choices) > 1 else ({}, ())


def _labelled(value: Json) -> dict[str, str]:
    if isinstance(value, str):
        value = object_of(value) or listed_in(value)
    if isinstance(value, dict) and isinstance(value.get("text"), list):
        labels = texts(value.get("label")) if isinstance(value.get("label"), list) else []
        listed = texts(value["text"])
        return dict(zip(labels, listed, strict=True)) if len(labels) == len(listed) else _labelled([*listed])
    if isinstance(value, dict):
        return {label: words(choice) for label, choice in value.items() if isinstance(choice, (str, int, float))}
    plain = value if isinstance(value, list) and not any(isinstance(one, (dict, list)) for one in value) else []
    return dict(zip(ascii_uppercase, map(words, plain), strict=False)) if len(plain) <= len(ascii_uppercase) else {}


def first_number(answered: Iterable[tuple[Mapping[str, str], Json]]) -> int:
    """By which number the answers of a file mean the first of their choices: 1 where one of them is the number of its
    choices, which is none from 0, and none is 0; else 0."""
    numbers = [
        (words(answer).strip().removesuffix(".0"), len(choices))
        for choices, answer in answered
        if choices and words(answer).strip() not in (*choices, *choices.values())
    ]
    return int(any(number == str(count) for number, count in numbers) and all(number != "0" for number, _ in numbers))


def chosen_of(choices: Mapping[str, str], answer: Json, first: int = 0) -> str:
    """The choice that an answer means: by its label, its text, or its number from `first`; "" where it means none.

    A number, which a text is not, is that of a choice first: `["1", "0"]` and 1 mean "0".
    """
    listed, text = list(choices.values()), words(answer).strip()
    number = text.removesuffix(".0")
    index = int(number) - first if number.isdecimal() else -1
    counted = listed[index] if 0 <= index < len(listed) else ""
    if counted and not isinstance(answer, str) and text not in choices:
        return counted
    return choices.get(text, text if text in listed else counted)
