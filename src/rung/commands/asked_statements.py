"""English statements turned into the questions that they answer, by rules of syntax: few, whole sentences, short answers.

A sentence is taken where it stands by itself: it begins with its subject, points to nothing before it, and the answer is a
year, a number, a name, a place, what something is, or the words for which letters stand. Of the rest nothing is made.
Headings and tables are left to `stated_facts`, numbers to `asked_numbers`.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator
from dataclasses import dataclass

from rung.commands.asked_guides import guided
from rung.commands.asked_numbers import Found, births_of, letters_of, numbers_of
from rung.pipeline.gold_slips import squeezed
from rung.text.past_tense import base_form, is_participle
from rung.text.prose import plain
from rung.text.statement_words import (
    ABOUT,
    CLAUSE,
    DATE,
    NAMELESS,
    NAMES,
    NO_SUBJECT,
    NUMBER,
    POINTING,
    REST,
    SUBJECT,
    YEAR,
    inner,
    is_person,
)

SHORT, LONG = 25, 320  # characters of a sentence
MAX_DEFINITION = 14  # words that say what something is
_ASIDE = re.compile(r"\s*\([^()]*\)|\s*\[[^\[\]]*\]")
_CUT = re.compile(
    r", (?:which|where|who|whose|whom|when|while|but|making|leaving|becoming|replacing|after|before|although|though"
    r"|and (?:it|the|was|were|he|she|they|its)\b)"
    r"| (?:which|where|when|while|who|whose|because|before|after|but) | and (?:is|was|are|were|has|had|then) |; "
)
_HANGS = re.compile(r"\b(?:a time|time|just|only|in|of|to|as|at|by|for|with|from|on|not|and|or|the|an?)$")  # ends no clause
_ASKS = re.compile(r"^(?:In what year|On what date|By which organisation or person|What percentage of|How many|[BW]h?\w+)\b")
_TELLS = re.compile(r"\b[A-Z]|[a-z]\d|\d[a-z]|\b\w\w+est\b")


@dataclass(frozen=True, slots=True)
class Asked:
    """A question and its answer, with the characters of the sentence. `subject`, `verb`: what it says of whom; `slot`: which
    part of it is asked for ("year", "agent", "place", "number", "share", "name", "object", "holder", "definition",
    "letters")."""

    question: str
    answer: str
    start: int
    end: int
    subject: str
    slot: str
    verb: str = ""


def asked_of(sentence: str, start: int, *, title: str = "", common: Container[str] = frozenset()) -> Iterator[Asked]:
    """The questions that a sentence answers.

    Args:
        sentence: as it stands in the document.
        start: the index of its first character.
        title: of the document; a surname is written out as it has it.
        common: words of the documents that stand there in lower case: no names.
    """
    text = plain(sentence)
    if not SHORT <= len(text) <= LONG or not text.endswith(".") or not text[:1].isupper() or text.count('"') % 2:
        return
    marked = text != " ".join(sentence.split())
    seen, births = set[str](), list(births_of(text))
    for match in (*_of_clauses(text, common), *births, *letters_of(text)):
        question, answer, subject = _with_full_name(match, title)
        if births and match[3] == "definition":  # what was born is somebody
            question = question.replace("What ", "Who ", 1)
        slot, verb = match[3:]
        if question not in seen and (slot == "letters" or _is_whole(question, answer, subject, text=text, title=title)):
            seen.add(question)
            if not marked or squeezed(answer) in squeezed(sentence):
                yield Asked(question, answer, start, start + len(sentence), subject, slot, verb)
    for question, answer, subject, slot, verb in guided(text, common):
        if question not in seen and squeezed(answer) in squeezed(sentence):
            seen.add(question)
            yield Asked(question, answer, start, start + len(sentence), subject, slot, verb)


def _of_clauses(text: str, common: Container[str]) -> Iterator[Found]:
    """Of the sentence, and of its main clause without those that hang on it."""
    bare = _ASIDE.sub("", text)[:-1].strip()
    first, _, others = bare.partition(" ")
    if first.lower() in NO_SUBJECT or re.match(r"\w+ly\b", bare) or re.search(r"\b[A-Z]$", bare):  # ends at an initial
        return
    if first.lower() in common and first not in ("The", "In", "A", "An"):
        bare = f"{first.lower()} {others}"
    clauses = [bare]
    cut = _CUT.search(bare)
    if cut and len(bare[: cut.start()].split()) >= 4 and not _HANGS.search(bare[: cut.start()]):
        clauses.append(bare[: cut.start()])
    for clause in clauses:
        for rule in (_passive, _active, _objects, _holders, _definitions, numbers_of):
            yield from rule(clause)


def _with_full_name(match: Found, title: str) -> tuple[str, str, str]:
    """(question, answer, subject), a surname as the title has it: "Burton" in "Richard Burton"."""
    question, answer, subject = match[:3]
    named = title.partition(" (")[0]
    words = named.split()
    is_surname = 2 <= len(words) <= 3 and words[-1] == subject and all(word[:1].isupper() for word in words)
    if not subject or not is_surname:
        return question, answer, subject
    asked = re.sub(rf"(?<= ){re.escape(subject)}(?=[ ?'’])", named, question, count=1)
    return asked, named if answer == subject else answer, named


def _is_whole(question: str, answer: str, subject: str, *, text: str, title: str) -> bool:
    """Whether a reader knows what is asked, and the sentence answers it."""
    asked = _ASKS.sub("", question)
    if POINTING.search(asked) or POINTING.search(answer) or NAMELESS.search(asked) or not _TELLS.search(asked):
        return False
    if answer.casefold() in question.casefold() or answer.rsplit(maxsplit=1)[-1] not in text:
        return False
    if not subject or " " in re.sub(r"^(?:the|an?) ", "", subject) or not subject.istitle():
        return not re.fullmatch(r"(?:the|an?) [a-z-]+", subject)
    # a single name may be anybody's surname: the title, or something else, has to say whose
    return subject in (title.partition(",")[0], title) or bool(re.search(r"\b[A-Z]\w|\d", asked.replace(subject, "", 1)))


_WHEN = re.compile(rf"(?:^|\s)(?P<how>in|on) (?P<when>{DATE}|{YEAR})(?=$| (?:by|in|at|to|for|with|from|as|of|on)\b)")


def _dated(rest: str) -> tuple[str, str, str] | None:
    """(how to ask for the time, the time, the rest without it) of what has one time and no second clause; else None."""
    if (match := _WHEN.search(rest)) is None:
        return None
    without = " ".join(f"{rest[: match.start()]} {rest[match.end() :]}".split())
    if re.search(YEAR, without) or CLAUSE.search(without):
        return None
    return "In what year" if match["how"] == "in" else "On what date", match["when"], without


def _ended(words: str) -> str:
    return f" {words}" if words else ""


_PASSIVE = re.compile(
    rf"(?:In (?P<front>{YEAR}),? )?(?P<subject>{SUBJECT}) (?P<be>was|were|is|are) "
    rf"(?:(?P<adverb>first|then|later|[a-z]+ly) )?(?P<verb>[a-z]+)(?P<rest>(?: {REST})?)"
)
_AGENT = re.compile(
    rf"(?P<when>(?:in {YEAR} )?)by (?P<who>(?:the )?{NAMES}(?:,? and (?:the )?{NAMES})?)(?P<more>(?: in {YEAR})?)"
)
_INSTRUMENT = re.compile(r"\b(?:Charter|Decree|Law|Act|Treaty|Order|DNA|PCR|Amendment|Agreement)$")
_PLACED = re.compile(rf"(?:in|at|on|near) (?:the )?{NAMES}(?:, {NAMES})?")
_PLACES = ("located", "situated", "based", "headquartered", "buried")


def _passive(text: str) -> Iterator[Found]:
    """ "X was founded by Y in 1901": by whom, in what year, where."""
    match = _PASSIVE.fullmatch(text)
    if match is None or not is_participle(match["verb"]):
        return
    subject, be, verb, rest = inner(match["subject"]), match["be"], match["verb"], match["rest"].strip()
    if CLAUSE.search(match["subject"]) or re.search(r"[a-z]ed\b|\bto\b", match["subject"]):
        return
    done, past = f"{match['adverb']} {verb}" if match["adverb"] else verb, be in ("was", "were")
    if match["front"]:
        if past and not re.search(YEAR, rest) and not CLAUSE.search(rest):
            yield f"In what year {be} {subject} {done}{_ended(rest)}?", match["front"], subject, "year", verb
        return
    if past and (dated := _dated(rest)):
        ask, when, without = dated
        yield f"{ask} {be} {subject} {done}{_ended(without)}?", when, subject, "year", verb
    if past and (by := _AGENT.fullmatch(rest)) and " " in by["who"] and not _INSTRUMENT.search(by["who"]):
        when = f"{by['when'].strip()} {by['more'].strip()}".strip()
        ask = "By whom" if all(map(is_person, re.split(",? and ", by["who"]))) else "By which organisation or person"
        yield f"{ask} {be} {subject} {done}{_ended(when)}?", by["who"], subject, "agent", verb
    if verb in _PLACES and _PLACED.fullmatch(rest):
        yield f"Where {be} {subject} {done}?", rest, subject, "place", verb
    if verb in ("called", "known", "named"):
        named = re.fullmatch(r"(?P<how>as|after|for) (?P<what>(?:an?|the )?[^,]{3,60})", rest)
        if named and not CLAUSE.search(named["what"]):
            yield f"What {be} {subject} {done} {named['how']}?", named["what"], subject, "name", verb


_ACTIVE = re.compile(rf"(?:In (?P<front>{YEAR}),? )?(?P<subject>(?:[Tt]he )?{NAMES}) (?P<verb>[a-z]+)(?P<rest>(?: {REST})?)")
_TAKES_MORE = ("joined", "left", "entered", "won", "lost", "led", "met", "became", "made", "took", "gave", "held", "began")
_GOES_ON = re.compile(rf"^ and\b|{CLAUSE.pattern}")
_COUNTED = re.compile(rf"(?:{ABOUT} )?(?P<number>{NUMBER}) (?P<what>[a-z]+(?: [a-z]+)?s)\b(?P<rest>.*)")


def _active(text: str) -> Iterator[Found]:
    """ "X premiered in 1963", "Ada Byron wrote Y": in what year, who, how many."""
    match = _ACTIVE.fullmatch(text)
    if match is None or match["verb"] in ("was", "were", "said", "had") or not (base := base_form(match["verb"])):
        return
    subject, verb, rest = inner(match["subject"]), match["verb"], match["rest"].strip()
    if rest.startswith(("by ", "that ")):
        return
    ask, when, middle = "In what year", match["front"], rest
    if when is None and (dated := _dated(rest)):
        ask, when, middle = dated
    is_whole = bool(middle) or verb not in _TAKES_MORE
    if when and is_whole and not re.search(YEAR, middle) and not CLAUSE.search(middle):
        yield f"{ask} did {subject} {base}{_ended(middle)}?", when, subject, "year", verb
    counted = _COUNTED.fullmatch(rest)
    if counted and not match["front"] and not re.search(YEAR, counted["number"]) and not _GOES_ON.search(counted["rest"]):
        question = f"How many {counted['what']} did {subject} {base}{counted['rest']}?"
        yield question, counted["number"], subject, "number", verb
    names_more = any(word[:1].isupper() or word[:1].isdigit() for word in rest.split())
    if is_person(subject) and len(middle.split()) >= 3 and not CLAUSE.search(rest) and names_more:
        yield f"Who {verb} {rest}?", subject, subject, "agent", verb


_DOES = (
    "encodes|causes|contains|inhibits|regulates|binds|produces|affects|infects|requires|provides|uses|represents|induces"
    "|governs|operates|publishes|manages|supports|controls|promotes|transports|connects|separates|drains|borders|stimulates"
    "|activates|targets|prevents|treats|owns|sells|manufactures|offers"
    "|interacts with|consists of|belongs to|depends on|refers to|serves as|leads to|results in"
)
_OBJECT = re.compile(rf"(?P<subject>(?:The )?{NAMES}) (?P<verb>{_DOES}) (?P<what>(?:an? |the )?[^.;:!?()]{{4,80}})")
_NO_OBJECT = re.compile(r"(?:of|were|was|is|are|to|in|at|and|or|by|that|how|what)\b|.*\b(?:has|have|had|is|are|was|were)\b")


def _objects(text: str) -> Iterator[Found]:
    """ "X encodes Y": what does X encode."""
    match = _OBJECT.fullmatch(text)
    if match is None or CLAUSE.search(match["what"]) or not 2 <= len(match["what"].split()) <= 9:
        return
    if _NO_OBJECT.match(match["what"]) or " of which " in match["what"]:
        return
    verb, _, preposition = match["verb"].partition(" ")
    base = verb[:-2] if verb.endswith(("ches", "shes", "sses")) else verb[:-1]
    subject = inner(match["subject"])
    yield f"What does {subject} {base}{_ended(preposition)}?", match["what"], subject, "object", verb


_HOLDER = re.compile(rf"(?P<subject>(?:[Tt]he )?{NAMES}) (?P<be>is|was) (?P<what>the {REST})")
_UNIQUE = re.compile(
    r"\b(?:\w+(?<!for)(?<!int)(?<!aft)est|capital|only|founder|author|inventor|president|director|leader|head|site|birthplace"
    r"|winner|main|principal|official|most|home|seat|namesake|creator|host|owner|composer|designer|architect|mayor|governor"
    r"|cause)\b"
)
_THING = re.compile(
    r"\b(?:city|town|capital|county|state|country|airport|river|school|hospital|company|language|element|home|site|seat)\b"
)


def _holders(text: str) -> Iterator[Found]:
    """ "X is the largest city of Y": what, or who, is it."""
    match = _HOLDER.fullmatch(text)
    if match is None or CLAUSE.search(match["what"]) or not _UNIQUE.search(match["what"]) or len(match["what"].split()) < 4:
        return
    subject = inner(match["subject"])
    if " " not in subject and subject.istitle() and not _THING.search(match["what"]):
        return  # a surname, perhaps
    word = "Who" if is_person(subject) and _ROLE.search(match["what"]) else "What"
    yield f"{word} {match['be']} {match['what']}?", subject, subject, "holder", ""


_ROLE = re.compile(
    r"\b(?:founder|author|inventor|president|director|leader|head|winner|creator|host|owner|composer|designer|architect|mayor"
    r"|governor|coach|king|queen|person|man|woman|player|singer|actor|actress|minister|chairman|editor|captain|son|daughter)\b"
)
_DEFINED = re.compile(rf"(?P<subject>(?:[Tt]he )?{NAMES}) (?P<be>is|was) (?P<what>an? {REST})")


_SOMEBODY = re.compile(
    r"\b(?:\w+(?:ist|ician|woman|man|ress)|player|actor|singer|writer|author|producer|director|composer|jumper|catcher|wrestler"
    r"|lawyer|teacher|professor|student|host|king|queen|Earl|footballer|boxer|driver|dancer|rapper|designer|engineer|officer"
    r"|soldier|poet|painter|sculptor|reporter|broadcaster|inventor|editor|judge|bishop|priest|prince|princess|duke|cricketer"
    r"|golfer|skier|runner|racer|sprinter|athlete|jurist|scholar|diplomat|astronaut|pilot|comedian|historian|lawyer|person|leader|coach|manager|president|minister|philosopher|explorer|ruler|emperor|swimmer|swindler)\b"
    r"(?!.*\b(?:film|album|song|book|novel|series|opera|band|company|magazine|game|play|show|city|river)\b)"
)


def _definitions(text: str) -> Iterator[Found]:
    """ "X is a river in Y": what, or who, is it."""
    match = _DEFINED.fullmatch(text)
    if match is None or CLAUSE.search(match["what"]) or not 4 <= len(match["what"].split()) <= MAX_DEFINITION:
        return
    if re.search(r" and (?:is|was|has|had)\b| such as ", match["what"]) or _HANGS.search(match["what"]):
        return
    subject = inner(match["subject"])
    word = "Who" if _SOMEBODY.search(match["what"]) and not subject.startswith("the ") else "What"
    yield f"{word} {match['be']} {subject}?", match["what"], subject, "definition", ""
