"""English verbs in the past tense: the base form, where spelling tells it for sure; else none: nobody reads "contribut"."""

from __future__ import annotations

import re

_WORDS = (
    "became become began begin bought buy brought bring built build came come chose choose died die drew draw drove drive "
    "fell fall fought fight found find gave give went go grew grow held hold kept keep knew know led lead left leave "
    "lost lose made make met meet ran run rose rise said say sang sing sank sink saw see sent send set set shot shoot "
    "sold sell spent spend spoke speak spread spread stood stand struck strike taught teach thought think told tell "
    "took take tied tie understood understand won win wore wear wrote write added add visited visit edited edit "
    "exhibited exhibit inhabited inhabit inherited inherit united unite invited invite focused focus created create "
    "agreed agree freed free belonged belong used use premiered premiere developed develop described describe "
    "completed complete encoded encode hosted host awarded award rewarded reward appointed appoint"
)
_PAIRS = _WORDS.split()
IRREGULAR = dict(zip(_PAIRS[::2], _PAIRS[1::2], strict=True))
_PARTICIPLES = (
    "born built bought brought begun broken chosen drawn driven fought found given grown held kept known led lost made met "
    "seen sent shot shown sold sung sunk spoken stolen struck taken taught told torn won worn written laid paid"
)
PARTICIPLES = frozenset(_PARTICIPLES.split())  # those that do not end on -ed
_NO_DEED_WORDS = "indeed exceed proceed succeed rumored rumoured believed reported expected considered alleged supposed"
_NO_DEED = frozenset(_NO_DEED_WORDS.split())
_WITH_E = re.compile(
    r"(?:[cvzu]|[aeiou]s|[dr]g|ng|ag|[^aeiou]at|[iu]at|[^aeiou]ir|uir|[^aeiou]ur|at?ur|[^aeioqu]id|[^aeo]ud|[^aeo]in|[^aeo]il|[^aeo]ul"
    r"|[^aeo]ot|[^aeo]ut|[^aeo]am|[^aeo]um|[^aeo]ar)$"
)
_AS_IT_IS = re.compile(r"(?:[bcdfghjklmnprstwx][dhkmnpt]|[aeiou]{2}[dlmnprt]|er|en|on|op|[aeo]y|w|x|ss|ll|[lr]f|ff)$")
_DOUBLED = re.compile(r"([bdgmnprt])\1$")
_UNSURE = re.compile(r"(?:[oe]ll|[ie]t|ast|ak|ok|[ao]p)$")


def base_form(past: str) -> str:
    """The base form of a verb in the past tense; "" where its spelling leaves it open.

    >>> [base_form(word) for word in ("introduced", "worked", "stopped", "carried", "wrote", "targeted")]
    ['introduce', 'work', 'stop', 'carry', 'write', '']
    """
    if past in IRREGULAR:
        return IRREGULAR[past]
    if not past.endswith("ed") or len(past) < 5:
        return ""
    stem = past[:-2]
    if stem.endswith("i"):
        return f"{stem[:-1]}y"
    if _UNSURE.search(stem):
        return ""
    if _DOUBLED.search(stem):
        return stem[:-1]
    if _WITH_E.search(stem):
        return f"{stem}e"
    return stem if _AS_IT_IS.search(stem) else ""


def is_participle(word: str) -> bool:
    """Whether a word can be a past participle."""
    return word in PARTICIPLES or (word.endswith("ed") and len(word) > 4 and word not in _NO_DEED)
