"""How an answer says that it does not know, and which answers say so.

Strategies say it and scorers recognise it, by this one vocabulary. It is English: a rung is told to use `REFUSAL`'s words
whatever the language of the documents. Whether refusing was right is left to `scoring`.
"""

from __future__ import annotations

import json
import re
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING

from rung.json_values import leaves, parse, validator
from rung.records import Json

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

REFUSAL = "I don't know."

_NOTHING = r"(?:information|info|data|knowledge|details?|context|evidence|answers?|mention|reference)"
_SOURCES = (
    r"(?:the |these |those |this |that |any |my |given |provided |supplied |retrieved |available |above )*"
    r"(?:documents?|passages?|texts?|context|contexts|sources?|articles?|information|knowledge base|corpus)"
    r"(?: provided| given| above| supplied)?"
)
_ASKED = r"(?:the |this |that |your )?(?:answer|question|information|it|this|that)(?: to (?:the|this|that|your) question)?"
_NOT = r"(?:do not|don't|does not|doesn't|did not|didn't)"
_CANNOT = (
    r"(?:cannot|can't|can not|could not|couldn't|am unable to|'m unable to|was unable to|am not able to|'m not able to)"
)
_WHAT = (
    r"(?:about |of |on |for )?(?:the |any |an? |this |that |it\b|your "
    r"|what|who|whom|whose|when|where|which|why|how|if |whether )"
)
_END = r"(?=$|[.,;:!?(\n—–-])"
_STATED = (
    r"(?:found|mentioned|stated|given|provided|available|specified|contained|present|included|answered|discussed|known)"
)

# Each pattern must match from the first word of the answer; what may follow is part of the pattern, so that a sentence
# which merely begins alike ("I don't know much about it, …", "There is no evidence that …") is an answer.
_REFUSALS = re.compile(
    "|".join(
        (
            rf"(?:i |we )(?:really |honestly |simply |just )?(?:do not|don't|dont) (?:really |actually )?know"
            rf"(?:{_END}| (?:that|this|it|the answer)\b| {_WHAT}| based on | from )",
            rf"(?:idk|(?:do not|don't|dont) know){_END}|(?:i have |i've )?no (?:idea|clue)\b",
            rf"(?:i'm|i am|we're|we are) not (?:sure|certain|aware)(?:{_END}| {_WHAT}|$)",
            rf"(?:i |we |i)?{_CANNOT} (?:answer|find|locate|determine|say|tell|provide|give|help|confirm|know|assist)\b",
            rf"(?:i |we ){_NOT} (?:have|see|find) "
            rf"(?:any |enough |sufficient |the |that |this |an |access to |more |specific |relevant )*{_NOTHING}\b",
            rf"there(?: is| was| are| were|'s) (?:no|not enough|insufficient|not any) (?:relevant |specific |such |clear )*"
            rf"(?:information|info|mention|details?|reference|answer|data|context)\b"
            rf"(?:{_END}| (?:in|about|on|of|to|for|regarding|given|provided|available|from|that)\b)",
            rf"(?:no|not enough|insufficient) (?:relevant |specific )?(?:information|info|context|answer|data)"
            rf"(?:{_END}| (?:is |was )?(?:available|provided|given|found|in|about|to answer|on|regarding)\b)",
            rf"(?:{_ASKED} )?(?:is |was |are |were |has )?(?:not |isn't |wasn't )(?:been |explicitly |directly |clearly )*"
            rf"(?:{_STATED} )?(?:in|by|from|within) {_SOURCES}\b",
            rf"(?:{_ASKED} )?(?:is |was |has )?not (?:been |explicitly |directly )*{_STATED}(?:$|[.!])",
            rf"(?:{_ASKED} )?(?:cannot|can't|can not|could not|couldn't) be (?:answered|determined|found|inferred|known)\b",
            rf"{_SOURCES} {_NOT} (?:explicitly |directly |actually )*(?:say|mention|specify|state|tell|discuss|address)\b",
            rf"{_SOURCES} {_NOT} (?:contain|provide|include|give|answer|cover|have|offer) "
            rf"(?:me |us )?(?:the |an |any |enough |sufficient |this |that |your |a |clear |direct |specific |relevant )*"
            rf"(?:{_NOTHING}|question|anything|it|this)\b",
            rf"none of {_SOURCES} (?:say|mention|specify|state|tell|discuss|address|contain|provide|answer)s?\b",
            r"(?:it is |it's )?(?:unclear|not clear|unknown|not known)"
            r"(?:[.!]?$| from | (?:what|who|when|where|which|why|how|if|whether)\b)",
            rf"(?:{_ASKED} is )?(?:unanswerable|not answerable){_END}",
            r"(?:no answer|n/a)[.!]?$",
        )
    )
)
_OPENING = re.compile(
    r"(?:(?:i'm |i am |we're |we are )?(?:very |so |really )?sorry|i apologi[sz]e|(?:my )?apologies|unfortunately"
    r"|as an ai[a-z ]{0,30}(?=,)|answer|based on [a-z ]{1,60}(?=,))[\s,.:;!—–-]+(?:(?:but|that) )?"
)
_OPENINGS = 3  # "I'm sorry, but as an AI, …"
# "I don't know, but it is Paris" answers after all; "…, but you can ask the help desk" does not.
_AFTER_ALL = re.compile(
    r"\b(?:but|however|though|although)\b,?(?! (?:you |i suggest|i recommend|i can |please|feel free|try |perhaps you))"
)
_QUOTES = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "`": "'"})


def is_refusal(text: str, schema: str = "") -> bool:
    """Whether an answer says that it does not know.

    With a schema, a value all of whose leaves are null, empty or a refusal in words is one; words outside of JSON are
    judged as without. Empty text is no refusal: silence does not tell the asker anything. Only the beginning of the text
    is judged, and one that goes on to answer ("I don't know, but …") is no refusal.

    >>> is_refusal("I don't know."), is_refusal("I don't know much about it, but it is Paris")
    (True, False)
    >>> is_refusal('{"answer": null, "quote": null}', '{"type": "object"}')
    True
    """
    if schema:
        try:
            return all(_says_nothing(value) for _, value in leaves(parse(text)))
        except ValueError:
            pass  # not JSON: the words decide
    return _in_words(text)


def _says_nothing(value: Json) -> bool:
    if isinstance(value, str):
        return not value.strip() or _in_words(value)
    return value is None or value in ({}, [])


@lru_cache(maxsize=4096)  # several scorers ask about the same answer, one after the other
def _in_words(text: str) -> bool:
    said = unicodedata.normalize("NFKC", text[:600]).translate(_QUOTES).casefold()
    said = " ".join(said.split()).lstrip("\"'*_#>-([ ").rstrip("\"'*_)] ")
    for _ in range(_OPENINGS):
        opening = _OPENING.match(said)
        said = said[opening.end() :] if opening else said
    return _REFUSALS.match(said) is not None and _AFTER_ALL.search(said) is None


def refusal_json(schema: str) -> str | None:
    """The JSON text by which an answer refuses under a schema, or None if the schema leaves no room for it.

    Every required property, and every optional one that may be null, gets the emptiest value that it allows: null, else an
    empty string, list or object; properties in the schema's own order, as constrained decoding writes them.

    Raises:
        UserError: the schema is none.
    """
    whole = validator(schema)
    value = _emptiest(whole.schema, whole, depth=0)
    if value is _NO_ROOM or not whole.is_valid(value):
        return None
    text = json.dumps(value, ensure_ascii=False)
    return text if is_refusal(text, schema) else None


_NO_ROOM: Json = {"": "no room"}  # told apart by identity


def _emptiest(schema: object, whole: Validator, *, depth: int) -> Json:
    here = whole.evolve(schema=schema)
    if here.is_valid(None):
        return None
    if isinstance(schema, dict) and depth < 16:
        for branch in _branches(schema, whole):
            value = _emptiest(branch, whole, depth=depth + 1)
            if value is not _NO_ROOM and here.is_valid(value):
                return value
        if schema.get("properties"):
            value = _empty_object(schema, whole, depth=depth)
            if value is not _NO_ROOM and here.is_valid(value):
                return value
    candidates: tuple[Json, ...] = ("", [], {})
    return next((value for value in candidates if here.is_valid(value)), _NO_ROOM)


def _empty_object(schema: dict[str, object], whole: Validator, *, depth: int) -> Json:
    properties, required = schema["properties"], schema.get("required", [])
    value: dict[str, Json] = {}
    if not isinstance(properties, dict) or not isinstance(required, list):
        return _NO_ROOM
    for name, inner in properties.items():
        empty = _emptiest(inner, whole, depth=depth + 1)
        if name in required and empty is _NO_ROOM:
            return _NO_ROOM
        if name in required or empty is None:
            value[name] = empty
    return value


def _branches(schema: dict[str, object], whole: Validator) -> list[object]:
    """What a schema may stand for: the alternatives, and the target of a reference into the same schema."""
    found: list[object] = []
    for word in ("anyOf", "oneOf"):
        alternatives = schema.get(word)
        found += alternatives if isinstance(alternatives, list) else []
    reference = schema.get("$ref")
    if isinstance(reference, str) and reference.startswith("#"):
        target: object = whole.schema
        for part in reference.removeprefix("#").split("/")[1:]:
            name = part.replace("~1", "/").replace("~0", "~")
            target = target.get(name) if isinstance(target, dict) else None
        found.append(target)
    return [branch for branch in found if isinstance(branch, dict)]
