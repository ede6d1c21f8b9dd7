"""Sentences of guides, help pages and policies turned into what their readers ask: what to do if, how to, where, to whom.

They speak to somebody ("you", "we"), or say of a thing where and how. Times, prices and limits are left to `asked_times`,
statements about names to `asked_statements`.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator

from rung.commands.asked_numbers import Found
from rung.commands.asked_times import dated, lasting, limits, waiting
from rung.text.guide_words import CUT_OFF, HANGS_ON, HEDGE, MORE, THING, UNITS, is_word, thing
from rung.text.past_tense import is_participle
from rung.text.persons import is_instruction, to_reader
from rung.text.statement_words import CLAUSE, POINTING_AWAY
from rung.text.support import content

MAX_ASKED = 26  # words of a question
MAX_TOLD = 32  # words of an answer
_FEW_WORDS = 2  # content words of a condition, at least


def guided(text: str, common: Container[str] = frozenset()) -> Iterator[Found]:
    """The questions that a plain sentence of a guide answers, each once.

    Args:
        text: ends with its full stop.
        common: words of the documents that stand there in lower case; where it is empty every first word may be one.
    """
    bare, asked = text[:-1].strip(), set[str]()
    first = bare.split(" ", 1)[0]
    is_name = bool(common) and first.lower() not in common and is_word(first)
    for rule in (_conditions, _purposes, _means, lasting, dated, waiting, limits, _offers, _defaults):
        for written, answer, subject, slot, verb in rule(bare):
            question = " ".join(written.split())
            if is_name:
                question = re.sub(rf"\b{re.escape(first.lower())}\b", first, question)
            is_whole = is_asked(question) and _stands_alone(answer, names_subject=slot in ("condition", "purpose"))
            if question not in asked and is_whole and 0 < len(answer.split()) <= MAX_TOLD:
                asked.add(question)
                yield question, answer.strip(), subject, slot, verb


_BARE_OBJECT = re.compile(r"(?:How|Where) (?:do|can) I [a-z]+ the [a-z]+\?")  # which one?
_LETTER = re.compile(r"\b[b-hj-zB-HJ-Z]\b(?!['’])")
_VAGUE = re.compile(
    r"\bif I(?:['’]m| am| have| still have)? (?:in doubt|not sure|unsure|ready"
    r"|(?:any )?(?:questions?|problems?|issues?|trouble))\?"
)
_NAMELESS = re.compile(  # which one? A guide's own service, order or account is known to its reader
    r"\bthe (?:mountain|fort|film|song|book|ship|house|building|village|town|city|river|lake|battle|album|team|club|band"
    r"|gene|protein|virus|patients?|study|authors?|castle|island|bridge|game|match|war)\b"
    r"(?! (?:of|in|at|on|for|called|named|by|that) )"
)


def is_asked(question: str) -> bool:
    """Whether a question of a reader's can be understood by itself."""
    bare = re.sub(r"^(?:What (?:should|can) I do|What happens)\b", "", question)
    asked = re.sub(r"^\w+|\bdoes it take\b|\blast(?=\?| (?:for|in|from)\b)", "", bare)
    unclear = (_VAGUE, _LETTER, re.compile(r"[:;()\"“”<>|{}\[\]]"))
    return (
        len(question.split()) <= MAX_ASKED
        and not any(pattern.search(question) for pattern in unclear)
        and not _BARE_OBJECT.fullmatch(question)
        and not POINTING_AWAY.search(asked)
        and not _NAMELESS.search(asked)
        and len(content(bare)) >= (_FEW_WORDS if bare != question else 1)
    )


_PRONOUN = re.compile(r"\b(?:it|its|they|them|their|he|his|she|her)\b", re.IGNORECASE)
_POINTS = re.compile(
    r"\b(?:this|these|those|above|below|as follows|here|the (?:following|former|latter|same|steps?|instructions?|link)"
    r"|(?:follow|do|does|discuss|about|with|for|of|at|like) that|that (?:case|special|first|one|page|file)"
    r"|steps? (?:\d|one|two|three)|(?:table|figure|section) [\dA-Z])\b|:$",
    re.IGNORECASE,
)


def _stands_alone(answer: str, *, names_subject: bool) -> bool:
    """Whether an answer points to nothing before it. `names_subject`: the question names what its pronouns stand for."""
    return not _POINTS.search(answer) and (names_subject or not _PRONOUN.search(answer))


_IF = re.compile(rf"(?P<word>If|When|Once) (?P<when>you{MORE}{{4,110}}?|your {MORE}{{4,110}}?), (?:then )?(?P<do>.+)")
_LATER_IF = re.compile(rf"(?P<do>[A-Z]{MORE}{{8,150}}?),? if (?P<when>you(?:r [a-z]+)? {MORE}{{4,110}})")
_WISHES = re.compile(r"\b(?:you|your) (?:want|wish|would like|'d like|’d like|need|plan)\b")
_WISHED = re.compile(
    r"you(?:(?: would|['’]d)? (?:want|wish|like|need|plan|intend)|['’]re (?:looking|trying)) to (?P<what>[a-z]+ .+)"
)
_HAPPENS = re.compile(r"(?:you|your|we|the|an?|all|any|[A-Z][\w.]*)\b.* (?:will|is|are|may|can(?:not)?|won['’]t)\b")


def _conditions(text: str) -> Iterator[Found]:
    """ "If you forgot your password, reset it in Settings": what should I do."""
    match = _IF.fullmatch(text)
    when, do = (match["when"], match["do"]) if match else ("", "")
    if not match and (later := _LATER_IF.fullmatch(text)) and is_instruction(later["do"]):
        when, do = later["when"], later["do"]
    if not when or "," in when:
        return
    if _WISHES.search(when):
        if (wished := _WISHED.fullmatch(when)) and is_instruction(do):
            yield f"How can I {to_reader(wished['what'])}?", do, "", "purpose", wished["what"].split()[0]
        return
    word = "when" if match and match["word"] != "If" else "if"
    if is_instruction(do):
        if word == "if":  # what is to be done "once" is a step after another
            can = "can" if re.match(r"you (?:can|will be able)\b", do, re.IGNORECASE) else "should"
            yield f"What {can} I do if {to_reader(when)}?", do, "", "condition", ""
    elif _HAPPENS.match(do):
        yield f"What happens {word} {to_reader(when)}?", do, "", "condition", ""


_NO_PURPOSE = "be date this that avoid help learn ensure make do begin start continue proceed".split()  # noqa: SIM905 - words
_TO = re.compile(rf"To (?P<what>[a-z]+(?:-[a-z]+)? {MORE}{{3,90}}?), (?P<do>.+)")


def _purposes(text: str) -> Iterator[Found]:
    """ "To delete your account, go to Settings": how."""
    match = _TO.fullmatch(text)
    if match and "," not in match["what"] and is_instruction(match["do"]):
        verb = match["what"].split()[0]
        if verb not in _NO_PURPOSE:
            yield f"How do I {to_reader(match['what'])}?", match["do"], "", "purpose", verb


_BY = re.compile(rf"You can (?P<what>[a-z]+(?: {MORE}{{2,80}}?)?) (?P<by>(?:by|via|using|through) {MORE}{{3,140}})")
_FIND = re.compile(
    rf"You can (?P<what>(?:find|see|view|change|download|update|check|manage|edit|get|read|access|set|buy) {MORE}{{3,70}}?)"
    rf" (?P<where>(?:in|on|at|under|from) (?:the |your |our )?{MORE}{{3,80}})"
)


def _means(text: str) -> Iterator[Found]:
    """ "You can pay by card": how; "You can find invoices in Settings": where."""
    by, find = _BY.fullmatch(text), _FIND.fullmatch(text)
    if by and not CLAUSE.search(by["what"]):
        what = by["what"]
        if not is_participle(what.split()[-1]) and not CUT_OFF.search(what) and what != "be":
            yield f"How can I {to_reader(what)}?", by["by"], "", "means", what.split()[0]
    elif find and not CLAUSE.search(find["what"]) and not re.search(r"\b(?:in|on|by)\b", find["what"]):
        yield f"Where can I {to_reader(find['what'])}?", find["where"], "", "place", find["what"].split()[0]


_PASSIVE = re.compile(
    rf"(?P<who>{THING}) (?P<be>is|are) (?P<verb>sent|shipped|delivered|paid|handled|stored|kept|processed|reviewed|managed"
    rf"|hosted|located|required|available) (?P<by>(?:by|in|on|at|to|for) {MORE}{{3,80}})"
)
_NO_PLACE = re.compile(rf"\b(?:{UNITS}|default|time|general)\b")


def _offers(text: str) -> Iterator[Found]:
    """ "Parcels over 30 kg are sent by freight", "Invoices are kept in Settings": how, where, to whom."""
    match = _PASSIVE.fullmatch(text)
    if match is None or HANGS_ON.search(match["by"]) or _NO_PLACE.search(match["by"]):
        return
    who, be, verb = thing(match["who"]), match["be"], match["verb"]
    how, _, what = match["by"].partition(" ")
    if not who:
        return
    if how == "by":
        ask = "By whom" if verb in ("handled", "reviewed", "managed", "processed") else "How"
        yield f"{ask} {be} {who} {verb}?", match["by"], who, "means", verb
    elif how in ("in", "on", "at") and verb in ("stored", "kept", "hosted", "located"):
        yield f"Where {be} {who} {verb}?", match["by"], who, "place", verb
    elif how == "for" and verb in ("required", "available"):
        yield f"What {be} {who} {verb} for?", what, who, "object", verb
    elif how == "to" and verb in ("paid", "sent", "delivered", "available"):
        yield f"To whom or where {be} {who} {verb}?", what, who, "object", verb


_DEFAULT = re.compile(
    r"(?P<who>[Tt]he (?:default|maximum|minimum|current|standard|recommended|deadline|limit|annual|monthly|hourly|total"
    rf"|only)(?: [\w'’-]+){{0,4}}?(?: (?:for|of|on|to|in) {THING})?) (?P<be>is|are) (?P<value>(?:{HEDGE} )?[^,;:()]{{1,60}})"
)
_ADDRESS = re.compile(
    r"(?P<who>(?:[Tt]he|[Oo]ur|[Yy]our) (?:[a-z]+ ){0,3}(?:address|number|email|hotline|phone|password|port|username|office"
    rf"|showroom|website|deadline|fee|price|rate|limit|name)(?: (?:for|of) {THING})?) (?P<be>is|are) (?P<on>on |at |in )?"
    r"(?P<value>[^,;:()]{2,60})"
)
_NOUN = re.compile(
    r"[\d$€£A-Z'\"]|an? |the |one|two|three|four|five|six|seven|eight|nine|ten|up to|at least",
)


def _defaults(text: str) -> Iterator[Found]:
    """ "The default port is 8080", "Our showroom is on Harbour Street 4": what, where."""
    match = _DEFAULT.fullmatch(text) or _ADDRESS.fullmatch(text)
    if match is None or CLAUSE.search(match["value"]) or not _NOUN.match(match["value"]):
        return
    who = "" if is_participle(match["value"].split()[0]) else thing(match["who"])
    if who and (on := match.groupdict().get("on")):
        yield f"Where {match['be']} {who}?", f"{on}{match['value']}", who, "place", ""
    elif who:
        yield f"What {match['be']} {who}?", match["value"], who, "name", ""
