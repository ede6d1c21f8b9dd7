"""Sentences of guides, help pages and policies turned into what their readers ask: what to do if, how to, how long, how much.

They speak to somebody ("you", "we"), or say of a thing what it takes, costs, lasts and when. Statements about names are left
to `asked_statements`.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator

from rung.commands.asked_numbers import Found
from rung.text.past_tense import is_participle
from rung.text.persons import DOING, is_instruction, to_reader
from rung.text.statement_words import CLAUSE, NO_SUBJECT, POINTING_AWAY, inner
from rung.text.support import content

MAX_ASKED = 26  # words of a question
MAX_TOLD = 32  # words of an answer
_FEW_WORDS = 2  # content words of a condition or a time, at least
_COUNTS = "one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|thirty|forty|sixty|ninety|half"
_NUMBER = rf"(?:\d[\d,.]*|{_COUNTS})"
_HEDGE = (
    r"(?:about|approximately|around|nearly|almost|over|more than|less than|fewer than|at least|at most|no more than|no less than"
    r"|up to|a maximum of|a minimum of|between|roughly|usually|typically)"
)
UNITS = (
    r"(?:(?:business|working|calendar|consecutive|school|full) )?"
    r"(?:seconds?|minutes?|hours?|days?|weeks?|weekdays?|months?|years?|quarters?)"
)
TIME = rf"(?:{_HEDGE} )*(?:an?|{_NUMBER})(?:(?: ?[-–] ?| to | or | and ){_NUMBER})?[ -]{UNITS}"
MONEY = (
    r"(?:[$€£¥]\s?\d[\d,.]*(?: (?:million|billion))?|\d[\d,.]*\s?(?:USD|EUR|GBP|CHF|dollars?|euros?|pounds|cents|francs))"
)
PRICE = rf"(?:{_HEDGE} )*{MONEY}(?:(?: ?[-–] ?| to | or ){MONEY})?(?: (?:per|an?|each) [a-z]+)?"
_NOUNS = r"(?:[Tt]he |[Aa]n? |[Yy]our |[Oo]ur |[Aa]ll |[Ee]very |[Mm]ost )?[\w'’-]+(?: [\w'’-]+){0,6}?"
_MORE = r"[^.;:!?()\[\]\"“”]"
_CLAUSE = re.compile(r"\b(?:which|who|whom|whose|where|when|while|because|although|though|but|if|than|whereas|that)\b|,")
_CUT_OFF = re.compile(r"\b(?:of|from|to|in|on|at|for|by|with|and|or|the|an?|only)$|\bonly\b")
_NO_NOUN = re.compile(
    r"\b(?:is|are|was|were|be|been|has|have|had|do|does|did|can|could|will|would|may|might|must|should|and|or|but|if|not"
    r"|which|who|what|when|where|how|why|than|to|because|while|please|whether|usually|typically|also|only)\b|,"
)


def guided(text: str, common: Container[str] = frozenset()) -> Iterator[Found]:
    """The questions that a plain sentence of a guide answers, each once.

    Args:
        text: ends with its full stop.
        common: words of the documents that stand there in lower case; where it is empty every first word may be one.
    """
    bare, asked = text[:-1].strip(), set[str]()
    first = bare.split(" ", 1)[0]
    is_name = bool(common) and first.lower() not in common and _is_word(first)
    for rule in (_conditions, _purposes, _means, _lasting, _dated, _waiting, _limits, _offers, _defaults):
        for found in rule(bare):
            question, answer, subject, slot, verb = found
            question = " ".join(question.split())
            if is_name:
                question = re.sub(rf"\b{re.escape(first.lower())}\b", first, question)
            is_whole = is_asked(question) and _stands_alone(answer, told=slot in ("condition", "purpose"))
            if question not in asked and is_whole and 0 < len(answer.split()) <= MAX_TOLD:
                asked.add(question)
                yield question, answer.strip(), subject, slot, verb


_BARE_OBJECT = re.compile(r"(?:How|Where) (?:do|can) I [a-z]+ the [a-z]+\?")  # which one?
_VAGUE = re.compile(
    r"\bif I(?:['’]m| am| have| still have)? (?:in doubt|not sure|unsure|ready|(?:any )?(?:questions?|problems?|issues?|trouble))\?"
)
_NAMELESS = re.compile(  # which one? A guide's own service, order or account is known to its reader
    r"\bthe (?:mountain|fort|film|song|book|ship|house|building|village|town|city|river|lake|battle|album|team|club|band|gene"
    r"|protein|virus|patients?|study|authors?|castle|island|bridge|game|match|war)\b(?! (?:of|in|at|on|for|called|named|by|that) )"
)


def is_asked(question: str) -> bool:
    """Whether a question of a reader's can be understood by itself."""
    bare = re.sub(r"^(?:What (?:should|can) I do|What happens)\b", "", question)
    asked = re.sub(r"^\w+|\bdoes it take\b|\blast(?=\?| (?:for|in|from)\b)", "", bare)
    return (
        len(question.split()) <= MAX_ASKED
        and not _VAGUE.search(question)
        and not _BARE_OBJECT.fullmatch(question)
        and not re.search(r"\b[b-hj-zB-HJ-Z]\b(?!['’])", question)
        and not POINTING_AWAY.search(asked)
        and not _NAMELESS.search(asked)
        and not re.search(r"[:;()\"“”<>|{}\[\]]", question)
        and len(content(bare)) >= (_FEW_WORDS if bare != question else 1)
    )


def _stands_alone(answer: str, *, told: bool) -> bool:
    """Whether an answer points to nothing before it. `told`: it says what to do or what happens, of what the question names."""
    if not told and _PRONOUN.search(answer):
        return False
    return not _POINTS.search(answer)


_PRONOUN = re.compile(r"\b(?:it|its|they|them|their|he|his|she|her)\b", re.IGNORECASE)
_POINTS = re.compile(
    r"\b(?:this|these|those|above|below|as follows|here|the (?:following|former|latter|same|steps?|instructions?|link)"
    r"|(?:follow|do|does|discuss|about|with|for|of|at|like) that|that (?:case|special|first|one|page|file)"
    r"|steps? (?:\d|one|two|three)|(?:table|figure|section) [\dA-Z])\b|:$",
    re.IGNORECASE,
)
_IF = re.compile(rf"(?P<word>If|When|Once) (?P<when>you{_MORE}{{4,110}}?|your {_MORE}{{4,110}}?), (?:then )?(?P<do>.+)")
_LATER_IF = re.compile(rf"(?P<do>[A-Z]{_MORE}{{8,150}}?),? if (?P<when>you(?:r [a-z]+)? {_MORE}{{4,110}})")


def _conditions(text: str) -> Iterator[Found]:
    """ "If you forgot your password, reset it in Settings": what should I do."""
    match = _IF.fullmatch(text)
    when, do = (match["when"], match["do"]) if match else ("", "")
    if not match and (later := _LATER_IF.fullmatch(text)) and is_instruction(later["do"]):
        when, do = later["when"], later["do"]
    if not when or "," in when or re.search(r"\b(?:you|your) (?:want|wish|would like|'d like|’d like|need|plan)\b", when):
        wished = _WISHED.fullmatch(when) if when and "," not in when else None
        if wished and is_instruction(do):
            yield f"How can I {to_reader(wished['what'])}?", do, "", "purpose", wished["what"].split()[0]
        return
    word = "when" if match and match["word"] != "If" else "if"
    condition = to_reader(when)
    if is_instruction(do):
        if word == "when":
            return  # a step after another one
        can = re.match(r"you (?:can|will be able)\b", do, re.IGNORECASE)
        yield f"What {'can' if can else 'should'} I do {word} {condition}?", do, "", "condition", ""
    elif re.match(r"(?:you|your|we|the|an?|all|any|[A-Z][\w.]*)\b.* (?:will|is|are|may|can(?:not)?|won['’]t)\b", do):
        yield f"What happens {word} {condition}?", do, "", "condition", ""


_WISHED = re.compile(
    r"you(?:(?: would|['’]d)? (?:want|wish|like|need|plan|intend)|['’]re (?:looking|trying)) to (?P<what>[a-z]+ .+)"
)
_NO_PURPOSE = (
    "be",
    "date",
    "this",
    "that",
    "avoid",
    "help",
    "learn",
    "ensure",
    "make",
    "do",
    "begin",
    "start",
    "continue",
    "proceed",
)
_TO = re.compile(rf"To (?P<what>[a-z]+(?:-[a-z]+)? {_MORE}{{3,90}}?), (?P<do>.+)")


def _purposes(text: str) -> Iterator[Found]:
    """ "To delete your account, go to Settings": how."""
    match = _TO.fullmatch(text)
    if match and "," not in match["what"] and match["what"].split()[0] not in _NO_PURPOSE:
        if is_instruction(match["do"]):
            yield f"How do I {to_reader(match['what'])}?", match["do"], "", "purpose", match["what"].split()[0]


_BY = re.compile(rf"You can (?P<what>[a-z]+(?: {_MORE}{{2,80}}?)?) (?P<by>(?:by|via|using|through) {_MORE}{{3,140}})")
_FIND = re.compile(
    rf"You can (?P<what>(?:find|see|view|change|download|update|check|manage|edit|get|read|access|set|buy) {_MORE}{{3,70}}?)"
    rf" (?P<where>(?:in|on|at|under|from) (?:the |your |our )?{_MORE}{{3,80}})"
)


def _means(text: str) -> Iterator[Found]:
    """ "You can pay by card": how; "You can find invoices in Settings": where."""
    if (match := _BY.fullmatch(text)) and not CLAUSE.search(match["what"]):
        if is_participle(match["what"].split()[-1]) or _CUT_OFF.search(match["what"]) or match["what"] == "be":
            return
        yield f"How can I {to_reader(match['what'])}?", match["by"], "", "means", match["what"].split()[0]
    elif (
        (match := _FIND.fullmatch(text))
        and not CLAUSE.search(match["what"])
        and not re.search(r"\b(?:in|on|by)\b", match["what"])
    ):
        yield f"Where can I {to_reader(match['what'])}?", match["where"], "", "place", match["what"].split()[0]


def _subject(words: str) -> str:
    """A thing as a reader names it within a question; "" where the words are none."""
    first = words.split(maxsplit=1)[0].lower()
    if (first in NO_SUBJECT and first not in ("all", "most", "our", "your")) or _NO_NOUN.search(words):
        return ""
    if first in DOING and len(words.split()) < 2:
        return ""
    bare = inner(words)
    second = bare.split()[0]
    is_name = any(c.isupper() for c in second[1:]) or (bare.count(" ") and bare.split()[1][:1].isupper()) or "." in second
    return to_reader(bare if is_name or second == "I" else f"{bare[:1].lower()}{bare[1:]}" if _is_word(second) else bare)


def _is_word(word: str) -> bool:
    return bool(re.fullmatch(r"[A-Z][a-z'’-]+", word))


_TAKES = re.compile(
    rf"(?P<who>{_NOUNS}) (?P<verb>takes?|lasts?|costs?) (?P<value>{TIME}|{PRICE})(?P<rest>(?: (?:to|for|in|from|per|by) {_MORE}+)?)"
)
_MAY_TAKE = re.compile(
    rf"(?P<who>{_NOUNS}) (?P<may>will|can|may|should|could) (?:usually |typically )?(?P<verb>take|last|cost) "
    rf"(?P<value>{TIME}|{PRICE})(?P<rest>(?: (?:to|for|in|from|per|by) {_MORE}+)?)"
)
_VALID = re.compile(rf"(?P<who>{_NOUNS}) (?P<be>is|are) valid for (?P<value>{TIME})")


def _lasting(text: str) -> Iterator[Found]:
    """ "Delivery takes three days", "Express costs 9 EUR", "Vouchers are valid for a year": how long, how much."""
    if match := _VALID.fullmatch(text):
        if who := _subject(match["who"]):
            yield f"How long {match['be']} {who} valid?", match["value"], who, "duration", "valid"
        return
    match = _TAKES.fullmatch(text) or _MAY_TAKE.fullmatch(text)
    if match is None or _CLAUSE.search(match["rest"]):
        return
    verb = match["verb"].removesuffix("s") if match["verb"] != "takes" else "take"
    how = "How much" if verb == "cost" else "How long"
    if (verb == "cost") != bool(re.search(MONEY, match["value"])):
        return
    may = match.groupdict().get("may")
    does = may or ("does" if match["verb"].endswith("s") else "do")
    rest = match["rest"]
    if match["who"] in ("It", "This process") and rest.startswith(" to ") and match["who"] == "It":
        yield f"{how} {does} it {verb}{to_reader(rest)}?", match["value"], "", "duration", verb
    elif who := _subject(match["who"]):
        yield f"{how} {does} {who} {verb}{to_reader(rest)}?", match["value"], who, "duration", verb


_EVERY = re.compile(
    rf"(?P<who>{_NOUNS}) (?P<be>is|are|will be|must be|can be|may be|should be) (?:only |automatically |usually )?(?P<verb>[a-z]+)"
    rf"(?P<what>(?: [a-z]+){{0,3}}?) (?P<how>within|after|for|every|once every|in) (?P<value>(?:the )?{TIME})"
    rf"(?P<rest>(?: (?:of|after|from|before|by|to|in|at|on) {_MORE}+)?)"
)
_VERBS_AFTER = re.compile(
    rf"(?P<who>{_NOUNS}) (?:automatically |usually |will |typically )?(?P<verb>expires?|ends?|renews?|arrives?|starts?|begins?"
    rf"|closes?|opens?|resets?|ships?|disappears?|updates?|runs?|changes?) "
    rf"(?P<when>(?:after|within|every|in|at|on) (?:{TIME}|\d{{1,2}}(?::\d\d)? ?(?:[ap]\.?m\.?)?|[A-Z][a-z]+days?|(?:[A-Z][a-z]+) \d{{1,2}})"
    rf"(?: (?:of|after|from|on|before) {_MORE}+)?)"
)
_WE_WITHIN = re.compile(rf"We (?:usually |always |will |aim to )?(?P<what>[a-z]+(?: {_MORE}+?)?) (?P<value>within {TIME})")
_OPEN = re.compile(
    rf"(?P<who>{_NOUNS}) (?P<be>is|are) (?P<what>open|closed|available) (?P<when>(?:from \d|on [A-Z]|between \d|daily|24|every )[^,;:()]{{1,60}})"
)


def _dated(text: str) -> Iterator[Found]:
    """ "Returns are accepted within 30 days", "Codes expire after an hour", "The desk is open from 9 to 5": when, how long."""
    if (match := _EVERY.fullmatch(text)) and is_participle(match["verb"]) and not _CLAUSE.search(match["rest"]):
        if who := _subject(match["who"]):
            be, _, passive = match["be"].partition(" ")
            ask = {"for": "For how long", "within": "Within what time", "after": "After what time", "in": "Within what time"}
            done = f"{passive} {match['verb']}".strip() + match["what"]
            how, value = match["how"], match["value"]
            answer = f"{how} {value}{match['rest'] if how in ('within', 'in', 'after') else ''}"
            question = f"{ask.get(how, 'How often')} {be} {who} {done}{to_reader(match['rest']) if how not in ('within', 'in', 'after') else ''}?"
            yield question, answer, who, "duration", match["verb"]
    elif match := _VERBS_AFTER.fullmatch(text):
        if (who := _subject(match["who"])) and not _CLAUSE.search(match["when"]):
            does, verb = ("does", match["verb"].removesuffix("s")) if match["verb"].endswith("s") else ("do", match["verb"])
            will = "will" if f"{match['who']} will " in text else does
            how = "How often" if match["when"].startswith("every") else "When"
            yield f"{how} {will} {who} {verb}?", match["when"], who, "duration", verb
    elif (match := _WE_WITHIN.fullmatch(text)) and not CLAUSE.search(match["what"]) and not _CUT_OFF.search(match["what"]):
        yield (
            f"Within what time do you {to_reader(match['what'])}?",
            match["value"],
            "",
            "duration",
            match["what"].split()[0],
        )
    elif match := _OPEN.fullmatch(text):
        if (who := _subject(match["who"])) and not _CLAUSE.search(match["when"]):
            yield f"When {match['be']} {who} {match['what']}?", match["when"], who, "duration", match["what"]


_YOU_WAIT = re.compile(
    rf"You (?P<may>will need to|need to|must|should|have to|can|will have to|may) (?P<verb>[a-z]+)(?P<what>(?: {_MORE}+?)?) "
    rf"(?P<how>for |within |up to |at least |every |once every )?(?P<value>{TIME})(?P<rest>(?: (?:before|after|from|of|in|to|until|for) {_MORE}+)?)"
)
_YOU_HAVE = re.compile(rf"You (?:will |only )?have (?P<value>{TIME})(?P<rest> (?:to|from|after|until) {_MORE}+)")
_HAVE_TO = {
    "need to": "do I need to",
    "have to": "do I have to",
    "will need to": "will I need to",
    "will have to": "will I have to",
}


def _waiting(text: str) -> Iterator[Found]:
    """ "You must wait 24 hours after you close your account": how long; "You have 30 days to return an item"."""
    if (match := _YOU_HAVE.fullmatch(text)) and "," not in match["rest"]:
        rest = match["rest"].strip()
        if rest.startswith("to "):
            yield f"How long do I have {to_reader(rest)}?", match["value"], "", "duration", rest.split()[1]
    elif (match := _YOU_WAIT.fullmatch(text)) and "," not in match["rest"] and "," not in match["what"]:
        may = _HAVE_TO.get(match["may"], f"{match['may']} I")
        how = (match["how"] or "").strip()
        ask = {"within": "Within what time", "every": "How often", "once every": "How often"}.get(how, "For how long")
        answer = f"{how} {match['value']}".strip()
        if (not how and match["verb"] not in ("wait", "stay", "work")) or _CUT_OFF.search(match["what"]):
            return
        if ask == "For how long" and match["verb"] == "wait":
            ask = "How long"
        yield (
            f"{ask} {may} {match['verb']}{to_reader(match['what'])}{to_reader(match['rest'])}?",
            answer,
            "",
            "duration",
            match["verb"],
        )


_LIMIT = re.compile(
    rf"(?P<who>{_NOUNS}) (?P<may>can|may|must|should|will) (?P<verb>have|be|hold|include|contain|use|add|invite|create|receive|get"
    rf"|store|upload|send|make|enter|keep|register|request|earn|take|attend|accept|support|carry) "
    rf"(?P<value>{_HEDGE} {_NUMBER}) (?P<what>[a-z]+(?: [a-z]+)?s)(?P<rest>(?: (?:in|on|at|per|for|from|to|with) {_MORE}+)?)"
)
_COUNT = re.compile(
    rf"We (?P<verb>[a-z]+) (?P<how>to |in |with |from )?(?P<value>(?:{_HEDGE} )?{_NUMBER}) (?P<what>[a-z]+(?: [a-z]+)?s)(?P<rest>(?: (?:in|on|at|per|for|of) {_MORE}+)?)"
)


def _limits(text: str) -> Iterator[Found]:
    """ "You can add up to five users", "We ship to 12 countries": how many."""
    if (match := _LIMIT.fullmatch(text)) and not _CLAUSE.search(match["rest"]) and not re.fullmatch(UNITS, match["what"]):
        who = "I" if match["who"] == "You" else "you" if match["who"] == "We" else _subject(match["who"])
        if who:
            question = f"How many {match['what']} {match['may']} {who} {match['verb']}{to_reader(match['rest'])}?"
            yield question, match["value"], who, "limit", match["verb"]
    elif (match := _COUNT.fullmatch(text)) and not _CLAUSE.search(match["rest"]) and not re.fullmatch(UNITS, match["what"]):
        how = f" {match['how'].strip()}" if match["how"] else ""
        if match["verb"] not in ("are", "were", "had", "did") and not match["verb"].endswith("ed"):
            yield (
                f"How many {match['what']} do you {match['verb']}{how}{to_reader(match['rest'])}?",
                match["value"],
                "",
                "limit",
                match["verb"],
            )


_PASSIVE_BY = re.compile(
    rf"(?P<who>{_NOUNS}) (?P<be>is|are) (?P<verb>sent|shipped|delivered|paid|handled|stored|kept|processed|reviewed|managed|hosted|located|required|available) (?P<by>(?:by|in|on|at|to|for) {_MORE}{{3,80}})"
)
_ASKS = {"in": "Where", "on": "Where", "at": "Where"}


def _offers(text: str) -> Iterator[Found]:
    """ "Parcels over 30 kg are sent by freight", "Invoices are kept in Settings": how, where, to whom."""
    match = _PASSIVE_BY.fullmatch(text)
    if match is None or _CLAUSE.search(match["by"]):
        return
    who, how = _subject(match["who"]), match["by"].split()[0]
    if not who or re.search(rf"\b(?:{UNITS}|default|time|general)\b", match["by"]):
        return
    if how == "by":
        ask = "By whom" if match["verb"] in ("handled", "reviewed", "managed", "processed") else "How"
        yield f"{ask} {match['be']} {who} {match['verb']}?", match["by"], who, "means", match["verb"]
    elif how in _ASKS and match["verb"] in ("stored", "kept", "hosted", "located"):
        yield f"Where {match['be']} {who} {match['verb']}?", match["by"], who, "place", match["verb"]
    elif how == "for" and match["verb"] in ("required", "available"):
        yield f"What {match['be']} {who} {match['verb']} for?", match["by"][4:], who, "object", match["verb"]
    elif how == "to" and match["verb"] in ("paid", "sent", "delivered", "available"):
        yield f"To whom or where {match['be']} {who} {match['verb']}?", match["by"][3:], who, "object", match["verb"]


_DEFAULT = re.compile(
    rf"(?P<who>[Tt]he (?:default|maximum|minimum|current|standard|recommended|deadline|limit|annual|monthly|hourly|total|only)"
    rf"(?: [\w'’-]+){{0,4}}?(?: (?:for|of|on|to|in) {_NOUNS})?) (?P<be>is|are) (?P<value>(?:{_HEDGE} )?[^,;:()]{{1,60}})"
)
_ADDRESS = re.compile(
    rf"(?P<who>(?:[Tt]he|[Oo]ur|[Yy]our) (?:[a-z]+ ){{0,3}}(?:address|number|email|hotline|phone|password|port|username|office|showroom|website"
    rf"|deadline|fee|price|rate|limit|name)(?: (?:for|of) {_NOUNS})?) (?P<be>is|are) (?P<on>on |at |in )?(?P<value>[^,;:()]{{2,60}})"
)


def _defaults(text: str) -> Iterator[Found]:
    """ "The default port is 8080", "Our showroom is on Harbour Street 4": what, where."""
    match = _DEFAULT.fullmatch(text) or _ADDRESS.fullmatch(text)
    if match is None or CLAUSE.search(match["value"]) or is_participle(match["value"].split()[0]):
        return
    if not re.match(
        r"[\d$€£A-Z`'\"]|an? |the |one|two|three|four|five|six|seven|eight|nine|ten|up to|at least", match["value"]
    ):
        return
    who = _subject(match["who"])
    if who and (on := match.groupdict().get("on")):
        yield f"Where {match['be']} {who}?", f"{on}{match['value']}", who, "place", ""
    elif who:
        yield f"What {match['be']} {who}?", match["value"], who, "name", ""
