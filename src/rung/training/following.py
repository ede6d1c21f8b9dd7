"""Whether an answer keeps to the form that was asked for. Checks by program: lists, JSON, length, case, words.

They are lenient where people are (a fence around JSON, a sentence before a list) and look at the form alone. What is asked,
and of whom, is left to `probing` and `forgetting`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence

from rung.errors import UserError
from rung.records import Json
from rung.text.sentences import sentences

_BULLET = re.compile(r"^\s*(?:[-*•–]|\d+[.)])\s+\S", re.MULTILINE)
_NUMBERED = re.compile(r"^\s*\d+[.)]\s+\S", re.MULTILINE)


def follows(text: str, check: Mapping[str, Json]) -> bool:
    """Whether an answer passes a check: `kind`, its number, and the words that it has to contain (in any case).

    Raises:
        UserError: there is no such kind of check.
    """
    kind = check.get("kind")
    if kind not in KINDS:
        raise UserError(f"no check is called {kind!r}; there are: {', '.join(KINDS)}")
    answer = text.strip()
    expected = check.get("contains")
    words = [str(word).lower() for word in expected] if isinstance(expected, list) else []
    return bool(answer) and all(word in answer.lower() for word in words) and KINDS[kind](answer, check)


def _number(check: Mapping[str, Json], key: str) -> int:
    value = check.get(key)
    if not isinstance(value, int):
        raise UserError(f"the check {check.get('kind')!r} needs a whole number {key!r}")
    return value


def _list(answer: str, check: Mapping[str, Json]) -> bool:
    return len(_BULLET.findall(answer)) >= _number(check, "least")


def _numbered(answer: str, check: Mapping[str, Json]) -> bool:
    return len(_NUMBERED.findall(answer)) >= _number(check, "least")


def _json(answer: str, check: Mapping[str, Json]) -> bool:
    try:
        value, _ = json.JSONDecoder().raw_decode(answer, answer.index("{"))
    except ValueError:
        return False
    keys = check.get("keys")
    return isinstance(value, dict) and all(key in value for key in (keys if isinstance(keys, list) else ()))


def _words(answer: str, check: Mapping[str, Json]) -> bool:
    return len(answer.split()) <= _number(check, "most")


def _upper(answer: str, _check: Mapping[str, Json]) -> bool:
    return answer.upper() == answer and answer.lower() != answer


def _lower(answer: str, _check: Mapping[str, Json]) -> bool:
    return answer.lower() == answer and answer.upper() != answer


def _prose(answer: str, check: Mapping[str, Json]) -> bool:
    return not answer.startswith(("{", "[")) and len(_sentences(answer)) >= _number(check, "sentences")


def _sentences(answer: str) -> Sequence[str]:
    spans = [answer[start:end] for start, end in sentences(answer)]
    return [span for span in spans if len(span.split()) >= 3]


def _lines(answer: str, check: Mapping[str, Json]) -> bool:
    return sum(1 for line in answer.splitlines() if line.strip()) >= _number(check, "least")


def _ends(answer: str, check: Mapping[str, Json]) -> bool:
    return answer.rstrip(" .!\"'*").endswith(str(check.get("with")))


KINDS: dict[str, Callable[[str, Mapping[str, Json]], bool]] = {
    "list": _list,
    "numbered": _numbered,
    "json": _json,
    "words": _words,
    "upper": _upper,
    "lower": _lower,
    "prose": _prose,
    "lines": _lines,
    "ends": _ends,
}
