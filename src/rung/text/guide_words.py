"""Patterns of guides, help pages and policies: quantities, times, prices, and the things that they are said of."""

from __future__ import annotations

import re

from rung.text.persons import DOING, to_reader
from rung.text.statement_words import NO_SUBJECT, inner

_COUNTS = "one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|thirty|forty|sixty|ninety|half"
NUMBER = rf"(?:\d[\d,.]*|{_COUNTS})"
HEDGE = (
    r"(?:about|approximately|around|nearly|almost|over|more than|less than|fewer than|at least|at most|no more than"
    r"|no less than|up to|a maximum of|a minimum of|between|roughly|usually|typically)"
)
UNITS = (
    r"(?:(?:business|working|calendar|consecutive|school|full) )?"
    r"(?:seconds?|minutes?|hours?|days?|weeks?|weekdays?|months?|years?|quarters?)"
)
TIME = rf"(?:{HEDGE} )*(?:an?|{NUMBER})(?:(?: ?[-–] ?| to | or | and ){NUMBER})?[ -]{UNITS}"
MONEY = (
    r"(?:[$€£¥]\s?\d[\d,.]*(?: (?:million|billion))?"
    rf"|{NUMBER}\s?(?:USD|EUR|GBP|CHF|dollars?|euros?|pounds|cents|francs))"
)
PRICE = rf"(?:{HEDGE} )*{MONEY}(?:(?: ?[-–] ?| to | or ){MONEY})?(?: (?:per|an?|each) [a-z]+)?"
THING = r"(?:[Tt]he |[Aa]n? |[Yy]our |[Oo]ur |[Aa]ll |[Ee]very |[Mm]ost )?[\w'’-]+(?: [\w'’-]+){0,6}?"
MORE = r"[^.;:!?()\[\]\"“”]"  # a character of what follows within a clause
HANGS_ON = re.compile(r"\b(?:which|who|whom|whose|where|when|while|because|although|though|but|if|than|whereas|that)\b|,")
CUT_OFF = re.compile(r"\b(?:of|from|to|in|on|at|for|by|with|and|or|the|an?|only)$|\bonly\b")
_NO_THING = re.compile(
    r"\b(?:is|are|was|were|be|been|has|have|had|do|does|did|can|could|will|would|may|might|must|should|and|or|but|if|not"
    r"|which|who|what|when|where|how|why|than|to|because|while|please|whether|usually|typically|also|only)\b|,"
)
_KEPT_FIRST = ("all", "most", "our", "your")


def thing(words: str) -> str:
    """Something as a reader names it within a question; "" where the words name nothing by themselves.

    >>> thing("Our return desk"), thing("Express delivery"), thing("Login.gov"), thing("If the desk"), thing("It")
    ('your return desk', 'express delivery', 'Login.gov', '', '')
    """
    parts = words.split()
    first = parts[0].lower()
    if (first in NO_SUBJECT and first not in _KEPT_FIRST) or _NO_THING.search(words) or (first in DOING and len(parts) < 2):
        return ""
    bare = inner(words)
    opening, _, rest = bare.partition(" ")
    is_name = any(c.isupper() for c in opening[1:]) or rest[:1].isupper() or "." in opening
    return to_reader(bare if is_name or not is_word(opening) else f"{bare[:1].lower()}{bare[1:]}")


def is_word(text: str) -> bool:
    """Whether it is one word with a capital, which may be so because it begins a sentence."""
    return bool(re.fullmatch(r"[A-Z][a-z'’-]+", text))
