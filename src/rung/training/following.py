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
    said = text.strip()
    wanted = check.get("contains")
    words = [str(word).lower() for word in wanted] if isinstance(wanted, list) else []
    return bool(said) and all(word in said.lower() for word in words) and KINDS[kind](said, check)


def _number(check: Mapping[str, Json], key: str) -> int:
    value = check.get(key)
    if not isinstance(value, int):
        raise UserError(f"the check {check.get('kind')!r} needs a whole number {key!r}")
    return value


def _list(said: str, check: Mapping[str, Json]) -> bool:
    return len(_BULLET.findall(said)) >= _number(check, "least")


def _numbered(said: str, check: Mapping[str, Json]) -> bool:
    return len(_NUMBERED.findall(said)) >= _number(check, "least")


def _json(said: str, check: Mapping[str, Json]) -> bool:
    try:
        value, _ = json.JSONDecoder().raw_decode(said, said.index("{"))
    except ValueError:
        return False
    keys = check.get("keys")
    return isinstance(value, dict) and all(key in value for key in (keys if isinstance(keys, list) else ()))


def _words(said: str, check: Mapping[str, Json]) -> bool:
    return len(said.split()) <= _number(check, "most")


def _upper(said: str, _check: Mapping[str, Json]) -> bool:
    return said.upper() == said and said.lower() != said


def _lower(said: str, _check: Mapping[str, Json]) -> bool:
    return said.lower() == said and said.upper() != said


def _prose(said: str, check: Mapping[str, Json]) -> bool:
    return not said.startswith(("{", "[")) and len(_sentences(said)) >= _number(check, "sentences")


def _sentences(said: str) -> Sequence[str]:
    spans = [said[start:end] for start, end in sentences(said)]
    return [span for span in spans if len(span.split()) >= 3]


def _lines(said: str, check: Mapping[str, Json]) -> bool:
    return sum(1 for line in said.splitlines() if line.strip()) >= _number(check, "least")


def _ends(said: str, check: Mapping[str, Json]) -> bool:
    return said.rstrip(" .!\"'*").endswith(str(check.get("with")))


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
