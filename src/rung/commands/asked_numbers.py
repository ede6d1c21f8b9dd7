"""How many, how large, what share, when born, and what letters stand for: statements of numbers, as questions."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rung.text.statement_words import ABOUT, CLAUSE, DATE, NAMES, NUMBER, REST, inner

Found = tuple[str, str, str, str, str]  # question, answer, subject, slot, verb
_SHARE = re.compile(rf"(?:{ABOUT} )?(?P<share>\d+(?:\.\d+)?(?:%| percent| per cent)) of (?P<rest>{REST})")
_MEASURES = (
    "population|area|length|height|width|depth|size|mass|diameter|capacity|budget|revenue|enrollment|membership|circulation"
    "|circumference|genome|endowment|price|warranty|weight|range|value"
)
_MEASURE = re.compile(
    rf"(?P<subject>(?:The )?{NAMES}) (?P<have>has|had) an? (?P<what>(?:[a-z]+ )?(?:{_MEASURES})) of "
    rf"(?P<value>(?:{ABOUT} )?[^,;]{{1,30}})"
)
_THERE = re.compile(rf"There (?P<be>are|were) (?:{ABOUT} )?(?P<number>{NUMBER}) (?P<rest>[a-z]+ {REST})")
_HAVING = {
    **{"has": ("does", "have"), "have": ("do", "have"), "had": ("did", "have"), "contains": ("does", "contain")},
    **{"contained": ("did", "contain"), "comprises": ("does", "comprise"), "comprised": ("did", "comprise")},
    **{"employs": ("does", "employ"), "employed": ("did", "employ"), "covers": ("does", "cover")},
    **{"covered": ("did", "cover"), "operates": ("does", "operate"), "operated": ("did", "operate")},
}
_HAVE = re.compile(
    rf"(?P<subject>(?:The )?{NAMES}) (?P<verb>{'|'.join(_HAVING)}) (?:a total of )?(?:{ABOUT} )?(?P<number>{NUMBER}) "
    rf"(?P<what>[a-z]+(?: [a-z]+){{0,2}}s)(?P<rest>(?: (?:in|on|at|of|with) {REST})?)"
)
_BORN = re.compile(rf"(?P<name>{NAMES}) \((?:born |b\. )(?:[^()]*?, )?(?P<born>{DATE})[^()]*\)")
_LIVED = re.compile(rf"(?P<name>{NAMES}) \((?P<born>{DATE}) ?[–-] ?(?P<died>{DATE})\)")
_WORD = r"[A-Za-z][\w-]*"
_LETTERS = re.compile(
    rf"\b(?P<long>{_WORD}(?:[ -](?:of |and |for |the |in )?{_WORD}){{1,6}}) \((?P<short>[A-Z][A-Za-z]{{1,6}}s?)\)"
)
_SMALL = ("of", "and", "for", "the", "in")


def numbers_of(text: str) -> Iterator[Found]:
    """Of a sentence without its parentheses and its full stop."""
    share = _SHARE.fullmatch(text)
    rest = share["rest"] if share else ""
    if (
        share
        and not CLAUSE.search(rest)
        and 5 <= len(rest.split()) <= 16
        and re.search(r"^[^%]*(?:[A-Z]|\d{4})[^%]*$", rest)
    ):
        yield f"What percentage of {rest}?", share["share"], "", "share", ""
    if (sized := _MEASURE.fullmatch(text)) and not CLAUSE.search(sized["value"]):
        subject, be = inner(sized["subject"]), {"has": "is", "had": "was"}[sized["have"]]
        yield f"What {be} the {sized['what']} of {subject}?", sized["value"], subject, "number", sized["have"]
    if (there := _THERE.fullmatch(text)) and not CLAUSE.search(there["rest"]):
        counted = re.fullmatch(r"((?:[a-z]+ )*?[a-z]+s)\b(.*)", there["rest"])
        if counted and len(there["rest"].split()) >= 4:
            yield f"How many {counted[1]} {there['be']} there{counted[2]}?", there["number"], "", "number", "there"
    if (have := _HAVE.fullmatch(text)) and not CLAUSE.search(have["rest"]):
        helper, verb = _HAVING[have["verb"]]
        subject = inner(have["subject"])
        question = f"How many {have['what']} {helper} {subject} {verb}{have['rest']}?"
        yield question, have["number"], subject, "number", have["verb"]


def births_of(text: str) -> Iterator[Found]:
    """ "Ada Byron (born 10 December 1815)": when; of a whole sentence."""
    if lived := _LIVED.match(text):
        name = lived["name"]
        yield f"On what date was {name} born?", lived["born"], name, "year", "born"
        yield f"On what date did {name} die?", lived["died"], name, "year", "died"
    elif born := _BORN.match(text):
        yield f"On what date was {born['name']} born?", born["born"], born["name"], "year", "born"


def letters_of(text: str) -> Iterator[Found]:
    """ "Severe Acute Respiratory Syndrome (SARS)": what the letters stand for."""
    for match in _LETTERS.finditer(text):
        letters = match["short"].removesuffix("s")
        if not 3 <= len(letters) <= 6 or not letters.isupper():
            continue
        words = re.split(r"[ -]", match["long"])
        begins = [0, *(gap.end() for gap in re.finditer(r"[ -]", match["long"]))]
        for number, begin in enumerate(begins):
            initials = "".join(word[:1] for word in words[number:] if word not in _SMALL)
            if initials.upper() == letters and words[number] not in _SMALL:
                yield f"What does {letters} stand for?", match["long"][begin:], letters, "letters", ""
                break
