"""Patterns of English statements: names, times, numbers, and the words by which a sentence points to others.

For rules that ask for what a sentence says (`commands.asked_statements`).
"""

from __future__ import annotations

import re

from rung.text.months import ENGLISH

NAME = r"(?:[A-Z][\w'’.-]*|[A-Z]{2,}\d*)"
_LINK = r"(?:of the|of|the|de|du|von|van|and|for|in)"
NAMES = rf"{NAME}(?: (?:{_LINK} )?{NAME}){{0,5}}"
SUBJECT = rf"(?:(?:The|the|A|An|a|an) )?(?:{NAMES}|(?:[\w'’-]+ ){{0,3}}[\w'’-]+)"  # a noun phrase of a few words
YEAR = r"(?:1[0-9]|20)\d{2}"
_MONTHS = "|".join(ENGLISH)
DATE = rf"(?:(?:{_MONTHS}) \d{{1,2}}, {YEAR}|\d{{1,2}} (?:{_MONTHS}) {YEAR})"
NUMBER = r"(?:\d{1,3}(?:,\d{3})+|\d+(?:\.\d+)?)(?: (?:million|billion|trillion|thousand))?"
_ABOUT = "about|approximately|around|nearly|almost|over|more than|some|an estimated|estimated|up to"
ABOUT = rf"(?:(?i:{_ABOUT}))"
REST = r"[^.;:!?()\[\]\"“”]{2,110}"
CLAUSE = re.compile(
    r"\b(?:which|who|whom|whose|where|when|while|because|although|though|but|if|than|since|until|whereas|that|after|before)\b|,"
)
_PERSONS = "we|our|us|i|my|you|your"
_ELSEWHERE = (
    "this|that|these|those|such|it|its|he|his|him|she|her|hers|they|their|them|here|there"
    "|former|latter|above|below|following|previous|aforementioned|respectively|however|therefore|also|another|other|others"
    "|same|similar|figure|fig|table|section|article|paper|study|et al|hereof|herein|thereof|hereunder|both|each|either"
    "|neither|then|now|later|earlier|again|still|too|so|said|one|ones|first|second|third|next|last|where|neither"
)
# No question that stands alone holds one of these; of those that a reader asks for themselves, POINTING_AWAY alone.
POINTING = re.compile(rf"\b(?:{_ELSEWHERE}|{_PERSONS})\b", re.IGNORECASE)
POINTING_AWAY = re.compile(rf"\b(?:{_ELSEWHERE})\b", re.IGNORECASE)
_NO_SUBJECT_WORDS = (
    "although though under when after before during with from for by as some many most all common long while if since until "
    "because despite unlike like among between within without over at on to of and or but it she he they we this that "
    "these those there here its his her their one two three several both each such other another any no not only even "
    "today given using based due according first second finally thus hence moreover furthermore additionally nevertheless "
    "what how why who where neither either results conclusion conclusions background methods abstract currently"
)
NO_SUBJECT = frozenset(_NO_SUBJECT_WORDS.split())  # no sentence that stands by itself begins so
_KINDS = (
    "movie|film|song|album|single|book|novel|story|play|company|firm|band|group|team|club|game|match|show|series|episode"
    "|property|building|house|church|school|university|college|city|town|village|state|country|region|area|site|station|ship"
    "|virus|disease|drug|protein|gene|patients?|participants?|authors?|project|program|programme|system|event|season|war"
    "|battle|treaty|agreement|fort|castle|island|river|lake|park|road|bridge|tournament|race|election|party|government"
    "|character|actor|director|king|queen|president|council|court|building|works?|paper|market|product|service|customer"
)
NAMELESS = re.compile(rf"\bthe (?:{_KINDS})\b(?! (?:of|in|at|on|for|called|named|by|that) |[’']s? )")  # which one?
_PERSON = re.compile(r"^(?:[A-Z][a-z'’-]+|[A-Z]\.)(?: (?:[A-Z][A-Za-z'’-]+|[A-Z]\.|de|du|von|van|der|la|le)){1,3}$")
_ORGANISED_WORDS = (
    "University|College|School|Institute|Company|Corporation|Inc|Ltd|Party|Church|Museum|Library|League|Club|Act|Treaty|War"
    "|River|Lake|Sea|Ocean|Mountains?|Islands?|County|City|Street|Road|Bridge|Tower|Palace|Castle|Building|Park|Stadium|Hall"
    "|Court|Council|Congress|Parliament|Senate|Army|Navy|Empire|Kingdom|Republic|Union|States?|Nations|Network|Group|House"
    "|Association|Society|Committee|Agency|Department|Ministry|Bank|Fund|Award|Prize|Festival|Championship|Cup|Bowl|Games"
    "|Series|Album|Records|Studios?|Entertainment|Pictures|Films|Press|Times|Post|News|Channel|Radio|Television|Virus"
    "|Disease|Syndrome|Protein|Air|Airlines|Airport|Railway|Station|Hospital|Cent(?:er|re)|Foundation|Trust|North|South|East"
    "|West|New|Great|Old|Saint|St|World|National|International|Hurricane|Maps|Systems|Research|Valley|Band|Team|Royal|Hotel|Charter|Decree|Law|Order"
    "|Theat(?:er|re)|Gallery|Square|Charter|Labs?|Laboratories|Biotech|Aviation|Center|Technologies|Media|Online|Software|Networks?|Falls"
)
_ORGANISED = re.compile(rf"\b(?:{_ORGANISED_WORDS})\b")


def inner(subject: str) -> str:
    """A subject as it stands within a sentence.

    >>> inner("The city of Oslo"), inner("A castle"), inner("Oslo")
    ('the city of Oslo', 'a castle', 'Oslo')
    """
    first, blank, rest = subject.partition(" ")
    return f"{first.lower()}{blank}{rest}" if first in ("The", "A", "An") else subject


def is_person(name: str) -> bool:
    """Whether a name looks like somebody's.

    >>> is_person("Ada Lovelace"), is_person("The Romans"), is_person("Oslo University")
    (True, False, False)
    """
    if name.startswith(("The ", "A ")) or re.search(r"\b[A-Z]{2,}$", name):
        return False
    return bool(_PERSON.match(name)) and not _ORGANISED.search(name)
