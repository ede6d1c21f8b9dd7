"""Who speaks to whom: what a page says to its reader, as the reader would ask it, and whether it tells them what to do."""

from __future__ import annotations

import re

_FIRST = {
    **{"you are": "I am", "you're": "I'm", "you were": "I was", "you've": "I've", "you'll": "I'll", "you'd": "I'd"},
    **{"yourself": "myself", "yours": "mine", "your": "my", "our": "your", "ours": "yours", "us": "you", "we": "you"},
    **{"we're": "you're", "we've": "you've", "we'll": "you'll"},
}
_TO_ME = (
    "to|for|with|from|by|about|of|at|on|give|gives|gave|send|sends|sent|allow|allows|let|lets|help|helps|ask|asks|asked|tell"
    "|tells|told|email|text|call|contact|contacts|notify|notifies|charge|charges|enable|enables|prompt|prompts|show|shows"
    "|remind|require|requires|want|wants|need|around|behind|than|like|owe|owes|pay|pays|reach|reaches|prevent|prevents"
)
_ME = re.compile(rf"\b({_TO_ME}) you\b(?!['’])", re.IGNORECASE)
_WORD = re.compile(
    r"\b(?:you are|you['’]re|you were|you['’]ve|you['’]ll|you['’]d|yourself|yours|your|you|ours|our|us|we['’]re|we['’]ve"
    r"|we['’]ll|we)\b",
    re.IGNORECASE,
)
_DOING = (
    "go visit open click tap select choose pick enter type use try check contact call email write send submit fill "
    "complete follow see read review make create add remove delete change update edit set turn enable disable "
    "install uninstall download upload log sign press hold scroll navigate ask tell talk speak reach bring take "
    "keep put return print copy paste save move find search look confirm verify provide request report restart "
    "reset refresh clear start stop run wait register apply pay cancel book order schedule join leave attend "
    "replace reinstall reboot connect disconnect scan insert export import share invite assign allow switch drag "
    "double-click right-click hover expand specify define configure pass consult notify message post email include "
    "attach mark note locate launch close repeat generate revoke unlock lock simply please just"
)
DOING = frozenset(_DOING.split())


def to_reader(text: str) -> str:
    """What a page tells its reader, in the words of a reader who asks.

    >>> to_reader("you forgot your password"), to_reader("we send you our list"), to_reader("if you are abroad")
    ('I forgot my password', 'you send me your list', 'if I am abroad')
    >>> to_reader("you live in the US")
    'I live in the US'
    """
    return _WORD.sub(_turned, _ME.sub(r"\1 me", text))


def _turned(match: re.Match[str]) -> str:
    word = match[0].replace("’", "'")
    if word == "US":
        return word
    return _FIRST.get(word.lower(), "I")


def is_instruction(clause: str) -> bool:
    """Whether a clause tells a reader to do something: it begins with a verb of doing, or says what they can or must do.

    >>> is_instruction("Select 'Forgot password'"), is_instruction("you can call us"), is_instruction("it is free")
    (True, True, False)
    """
    first = clause.split(" ", 1)[0].strip(",'\"").lower()
    return first in DOING or bool(YOU_DO.match(clause))


YOU_DO = re.compile(
    r"you (?:can|should|must|need to|have to|will need to|will have to|will be able to|'ll need to|’ll need to)\b",
    re.IGNORECASE,
)
