"""JSON as people and models write it: what no program can work with is refused in words, with its line. Pure; files, and
YAML, are left to `files`.

Values that pass have limits that later work may count on: they are at most `MAX_DEPTH` deep, their numbers are finite and
have at most `MAX_DIGITS` digits, and their texts hold whole characters.
"""

from __future__ import annotations

import codecs
import json
import math
import re

from rung.records import Json

MAX_DEPTH = 100
MAX_DIGITS = 300
_LARGEST = 10**MAX_DIGITS
_FENCE = re.compile(r"^```\w*\n(.*?)\n?```$", re.DOTALL)
_HALF = re.compile("[\ud800-\udfff]")
_MARKS = (  # byte order marks; that of UTF-16 begins that of UTF-32
    *((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32")),
    *((codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16")),
)
DEEP = f"it is nested more than {MAX_DEPTH} deep"


def unfenced(text: str) -> str | None:
    """What stands within a Markdown fence that is all of a text; None where there is none."""
    fence = _FENCE.match(text.strip())
    return None if fence is None else fence[1]


class Malformed(ValueError):
    """This text cannot be taken; the message says why. `line` from 1; 0 where it is not known."""

    def __init__(self, reason: str, line: int = 0) -> None:
        self.line = line
        super().__init__(reason)


def decoded(content: bytes) -> str:
    """Bytes as text, the byte order mark aside.

    Raises:
        UnicodeDecodeError: they are neither UTF-8 nor what their mark says.
    """
    return content.decode(next((name for mark, name in _MARKS if content.startswith(mark)), "utf-8"))


def json_of(text: str) -> Json:
    """The value of a JSON text. NaN and Infinity, which are no JSON, are refused too.

    Raises:
        Malformed: it is none, or beyond the limits.
    """
    try:
        value: Json = json.loads(text, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise Malformed(f"{error.msg.removesuffix(' at')} at column {error.colno}", error.lineno) from error
    except RecursionError:
        raise Malformed(DEEP) from None
    except Malformed:
        raise
    except ValueError as error:  # from Python's limit on the digits of a number
        raise Malformed(f"a number has more than {MAX_DIGITS} digits") from error
    check_value(value)
    return value


def _no_constant(name: str) -> Json:
    raise Malformed(f"{name} is no JSON")


def check_value(value: object) -> None:
    """Refuse what is beyond the limits, without going as deep as the value does.

    Raises:
        Malformed: says what.
    """
    waiting: list[tuple[object, int]] = [(value, 1)]
    while waiting:
        one, depth = waiting.pop()
        match one:
            case str():
                if _HALF.search(one):
                    half = ascii(_HALF.findall(one)[0])[1:-1]
                    raise Malformed(f"a text holds half of a character ({half}): write it whole")
            case int():
                if not -_LARGEST < one < _LARGEST:
                    raise Malformed(f"a number has more than {MAX_DIGITS} digits")
            case float():
                if not math.isfinite(one):
                    raise Malformed("a number is infinite, or none")
            case dict() | list() | tuple() if depth > MAX_DEPTH:
                raise Malformed(DEEP)
            case dict():
                waiting.extend((inner, depth + 1) for pair in one.items() for inner in pair)
            case list() | tuple():
                waiting.extend((inner, depth + 1) for inner in one)
