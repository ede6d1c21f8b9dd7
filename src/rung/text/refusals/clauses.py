"""Whether a text in words says that it does not know, clause by clause; each language's words are in a file of its own.

A text refuses where a clause says so and nothing answers: neither before ("It opened in 1990; the passages do not say who
built it"), nor after it in the same breath ("I don't know exactly, but about forty"). What the sources are about instead and
where to ask are no answers. What stands in quotation marks is somebody else's.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import Literal, NamedTuple

from rung.text.refusals.english import ENGLISH
from rung.text.refusals.french import FRENCH
from rung.text.refusals.german import GERMAN
from rung.text.refusals.language import Language
from rung.text.refusals.spanish import SPANISH
from rung.text.sentences import sentences
from rung.text.support import MARK

Kind = Literal["refusal", "topic", "pointer", "looked", "nothing", "answer"]

_LANGUAGES = (ENGLISH, GERMAN, SPANISH, FRENCH)
_LOOKED_AT = 600  # characters: refusals say so soon
_OPENINGS = 4  # "Hmm, I'm sorry, but as an AI, …"
_LABEL_WORDS = 4
_STRAIGHT = str.maketrans(
    {"’": "'", "‘": "'", "ʼ": "'", "`": "'", "“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "‹": "'", "›": "'"}
)
_QUOTED = re.compile(r'"[^"]{1,300}"')
_SAID_NO = re.compile(r"(?:no|nein|non|yes|ja|oui|sí|doch|si)\b[,.!:]? ?(?:,|[.!]|$)")  # "No, …": an answer to a question
_BUT_NOT = re.compile(r"(?:not|nicht|no|pas|keine?|ni)\b(?! only| nur| sólo| solo| seulement)")
_ITEM = re.compile(r"^\s*(?:[-•·–—]|\d{1,2}[.)])\s+(?=\S)")  # of a list
# What is asked for, before what is said of it: "Price: not given."; not what a machine shows: "Error 404: not found."
_LABEL = re.compile(
    r"(?!.*\b(?:status|errors?|fehler\w*|codes?|messages?|says?|shows?|displays?|means?|http)\b[^:]*: )"
    r"[^\d.:;,!?]{1,40}(?: ?:| [-–—]) (?=\S)"
)
_AMOUNT = re.compile(
    r"(?:it is |it's |es sind |son |c'est |ce sont )?[$€£]?\d[^,]{0,25}, "
)  # "12 euros, VAT is not mentioned"
_BREAK = re.compile(r"\s*[;:]\s+|\s+[–—-]\s+|\s*[–—]\s*|\s*…\s*")


class _Clause(NamedTuple):
    text: str
    contrasts: bool  # whether it begins with "but"
    same_breath: bool  # whether it stands in the sentence of the clause before it


@lru_cache(maxsize=4096)  # several scorers ask about the same answer, one after the other
def says_unknown(text: str) -> bool:
    """Whether a text says that it does not know, in English, German, Spanish or French."""
    plain = _plain(text)
    label = _LABEL.match(plain)
    texts = (plain, plain[label.end() :]) if label and len(label[0].split()) <= _LABEL_WORDS else (plain,)
    return any(_refuses(one, language) for language in _LANGUAGES if re.search(language.negations, plain) for one in texts)


def _plain(text: str) -> str:
    """Lower case, without markup, citation marks and the quotation marks around all of it; other quotations as one word."""
    plain = unicodedata.normalize("NFKC", _ITEM.sub("", text[:_LOOKED_AT])).translate(_STRAIGHT).casefold()
    plain = MARK.sub("", re.sub(r"[*_#>]+", "", plain))
    plain = " ".join(plain.split()).strip("'([ )]")
    if plain[:1] == '"' and plain.rstrip(".!")[-1:] == '"' and plain.count('"') == 2:
        plain = plain.strip('".! ')
    return _QUOTED.sub("quoted", plain).strip('" ')


def _refuses(text: str, language: Language) -> bool:
    if _SAID_NO.match(text):
        return False
    refused, inexact, before = False, False, ""
    for clause in _clauses(_opened(text, language), language):
        kind, whole = _kind(clause, language, before)
        if kind == "refusal":
            refused = True
            inexact = inexact or language.exact.match(whole) is not None
        elif kind == "answer":
            goes_on = clause.same_breath or clause.contrasts or inexact or language.guess.match(whole) is not None
            if goes_on or not refused:
                return False
        elif kind == "pointer" and not refused:
            return False
        before = whole if kind in ("topic", "looked", "refusal") else before
    return refused


def _clauses(text: str, language: Language) -> Iterator[_Clause]:
    breaks = _breaks(language.contrast, language.weak_contrast)
    for start, end in sentences(text):
        same = False
        for part in _BREAK.split(text[start:end]):
            at, contrasts = 0, False
            for match in breaks.finditer(part):
                if not match.start() and language.yielding.match(part):
                    continue
                if part[at : match.start()].strip(" ,.!"):
                    yield _Clause(part[at : match.start()].strip(" ,.!"), contrasts, same)
                    same = True
                at, contrasts = match.end(), True
            if part[at:].strip(" ,.!"):
                yield _Clause(part[at:].strip(" ,.!"), contrasts, same)
                same = True


@lru_cache(maxsize=8)
def _breaks(contrast: str, weak: str) -> re.Pattern[str]:
    """Where a clause ends: before a contrast, and before a weak one only behind a comma."""
    return re.compile(rf"(?:,\s*|\s+|^)(?:{contrast})\b,?\s+|(?:,\s*|^)(?:{weak})\b,?\s+")


def _kind(clause: _Clause, language: Language, before: str) -> tuple[Kind, str]:
    """What a clause is, and its text without openings."""
    text = _opened(clause.text, language)
    if not text.strip(" .,!?"):
        return "nothing", text
    if text.endswith("?"):
        return "pointer", text
    if language.condition.match(text) and ("," in text or not language.refuses.match(text)):  # "When it opens is not said"
        return ("pointer" if language.pointer.match(text) else "answer"), text
    yields = language.yielding.match(text)
    if yields and ", " in text:
        first, _, rest = text[yields.end() :].partition(", ")
        kind, _ = _plain_kind(_opened(rest, language), language, first)
        if kind == "answer" and len(rest.split()) < 2:
            return _plain_kind(first, language, before)
        return (kind if kind != "pointer" or not language.refuses.match(first) else "refusal"), rest
    return _plain_kind(text, language, before)


def _plain_kind(text: str, language: Language, before: str) -> tuple[Kind, str]:
    """What a clause without openings is; `before`: the last clause that was about the sources, or about looking."""
    if _AMOUNT.match(text):
        return "answer", text
    if language.refuses.match(text) or _goes_on_refusing(text, language, before):
        return "refusal", text
    if language.looked.match(text):
        return "looked", text
    if language.topic.match(text):
        return "topic", text
    return ("pointer" if language.pointer.match(text) else "answer"), text


def _goes_on_refusing(text: str, language: Language, before: str) -> bool:
    """Whether a clause refuses by the one before it: "The passages give the year, BUT NOT THE DAY"."""
    if language.looked.match(before):
        return re.search(language.negations, text) is not None
    if not language.topic.match(before):
        return bool(before and language.headless.match(text)) and language.refuses.match("i " + text) is not None
    rest = language.pronoun.sub("", text, count=1) if language.pronoun.match(text) else f" {text}"
    return _BUT_NOT.match(text) is not None or language.refuses.match(language.sources + rest) is not None


def _opened(text: str, language: Language) -> str:
    for _ in range(_OPENINGS):
        opening = language.opening.match(text)
        if not opening or not opening[0]:
            break
        text = text[opening.end() :].lstrip(" ,")
    return text
