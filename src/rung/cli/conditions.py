"""What `--where 'year>=2024'` means: words of the command line into the condition that a search takes."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rung.errors import UserError
from rung.records import Json, canonical
from rung.text.parsing import json_of

_SIGNS = {">=": "gte", "<=": "lte", "!=": "ne", ">": "gt", "<": "lt", "==": "", "=": "", "in": "in"}
_FORM = re.compile(r"\s*(?P<key>[^\s<>=!]+)\s*(?P<sign>>=|<=|!=|==|=|>|<|(?<=\s)in(?=\s))(?P<value>.*)", re.DOTALL)


def condition(terms: Sequence[str]) -> str:
    """The canonical JSON of all conditions together, "" where there are none.

    A value is a number, true or false where it reads as one, else text; quote it as JSON ('"2024"') to have text.

    Raises:
        UserError: one of them is no condition, or two say the same of one key.

    >>> condition(["year>=2024", "kind in manual,faq"])
    '{"kind":{"in":["manual","faq"]},"year":{"gte":2024}}'
    """
    by_key: dict[str, Json] = {}
    for words in terms:
        form = _FORM.fullmatch(words)
        if form is None:
            raise UserError(f"--where {words!r} is no condition: write 'year>=2024', 'kind=manual' or 'kind in manual,faq'")
        key, sign = form["key"], _SIGNS[form["sign"]]
        value: Json = [_value(part) for part in form["value"].split(",")] if sign == "in" else _value(form["value"])
        before = by_key.get(key, {})
        if key in by_key and (not sign or not isinstance(before, dict) or sign in before):
            raise UserError(f"--where says two things of '{key}' that do not go together; write one of them")
        by_key[key] = {**before, sign: value} if sign and isinstance(before, dict) else value
    return canonical(by_key) if by_key else ""


def _value(text: str) -> Json:
    try:
        value = json_of(text)
    except ValueError:
        return text.strip()
    return value if isinstance(value, (str, int, float, bool)) and value == value else text.strip()  # noqa: PLR0124 - NaN
