"""How long, how much, when, how often, how many: what guides and policies say of times, prices and limits, as questions."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rung.commands.asked_numbers import Found
from rung.text.guide_words import CUT_OFF, HANGS_ON, HEDGE, MONEY, MORE, NUMBER, PRICE, THING, TIME, UNITS, thing
from rung.text.past_tense import is_participle
from rung.text.persons import to_reader
from rung.text.statement_words import CLAUSE

_OF_WHAT = rf"(?P<rest>(?: (?:to|for|in|from|per|by) {MORE}+)?)"
_TAKES = re.compile(rf"(?P<who>{THING}) (?P<verb>takes?|lasts?|costs?) (?P<value>{TIME}|{PRICE}){_OF_WHAT}")
_MAY_TAKE = re.compile(
    rf"(?P<who>{THING}) (?P<may>will|can|may|should|could) (?:usually |typically )?(?P<verb>take|last|cost) "
    rf"(?P<value>{TIME}|{PRICE}){_OF_WHAT}"
)
_VALID = re.compile(rf"(?P<who>{THING}) (?P<be>is|are) valid for (?P<value>{TIME})")


def lasting(text: str) -> Iterator[Found]:
    """ "Delivery takes three days", "Express costs 9 EUR", "Vouchers are valid for a year": how long, how much."""
    if match := _VALID.fullmatch(text):
        if who := thing(match["who"]):
            yield f"How long {match['be']} {who} valid?", match["value"], who, "duration", "valid"
        return
    match = _TAKES.fullmatch(text) or _MAY_TAKE.fullmatch(text)
    if match is None or HANGS_ON.search(match["rest"]):
        return
    verb, rest = match["verb"].removesuffix("s"), to_reader(match["rest"])
    how = "How much" if verb == "cost" else "How long"
    if (verb == "cost") != bool(re.search(MONEY, match["value"])):
        return
    does = match.groupdict().get("may") or ("does" if match["verb"].endswith("s") else "do")
    if match["who"] == "It" and rest.startswith(" to "):
        yield f"{how} {does} it {verb}{rest}?", match["value"], "", "duration", verb
    elif who := thing(match["who"]):
        yield f"{how} {does} {who} {verb}{rest}?", match["value"], who, "duration", verb


_DONE = re.compile(
    rf"(?P<who>{THING}) (?P<be>is|are|will be|must be|can be|may be|should be) (?:only |automatically |usually )?"
    rf"(?P<verb>[a-z]+)(?P<what>(?: [a-z]+){{0,3}}?) (?P<how>within|after|for|every|once every|in) "
    rf"(?P<value>(?:the )?{TIME})(?P<rest>(?: (?:of|after|from|before|by|to|in|at|on) {MORE}+)?)"
)
_ASKS_WHEN = {"for": "For how long", "within": "Within what time", "after": "After what time", "in": "Within what time"}
_DAY_OR_HOUR = r"\d{1,2}(?::\d\d)? ?(?:[ap]\.?m\.?)?|[A-Z][a-z]+days?|(?:[A-Z][a-z]+) \d{1,2}"
_ENDS = re.compile(
    rf"(?P<who>{THING}) (?:automatically |usually |will |typically )?(?P<verb>expires?|ends?|renews?|arrives?|starts?"
    r"|begins?|closes?|opens?|resets?|ships?|disappears?|updates?|runs?|changes?) "
    rf"(?P<when>(?:after|within|every|in|at|on) (?:{TIME}|{_DAY_OR_HOUR})(?: (?:of|after|from|on|before) {MORE}+)?)"
)
_WE_WITHIN = re.compile(rf"We (?:usually |always |will |aim to )?(?P<what>[a-z]+(?: {MORE}+?)?) (?P<value>within {TIME})")
_OPEN = re.compile(
    rf"(?P<who>{THING}) (?P<be>is|are) (?P<what>open|closed|available) "
    r"(?P<when>(?:from \d|on [A-Z]|between \d|daily|24|every )[^,;:()]{1,60})"
)


def dated(text: str) -> Iterator[Found]:
    """ "Returns are accepted within 30 days", "Codes expire after an hour", "The desk is open from 9 to 5": when."""
    if (match := _DONE.fullmatch(text)) and is_participle(match["verb"]) and not HANGS_ON.search(match["rest"]):
        yield from _done(match)
    elif (match := _ENDS.fullmatch(text)) and not HANGS_ON.search(match["when"]) and (who := thing(match["who"])):
        verb = match["verb"].removesuffix("s")
        will = "will" if f"{match['who']} will " in text else "does" if match["verb"].endswith("s") else "do"
        how = "How often" if match["when"].startswith("every") else "When"
        yield f"{how} {will} {who} {verb}?", match["when"], who, "duration", verb
    elif (match := _WE_WITHIN.fullmatch(text)) and not CLAUSE.search(match["what"]) and not CUT_OFF.search(match["what"]):
        asked = to_reader(match["what"])
        yield f"Within what time do you {asked}?", match["value"], "", "duration", asked.split()[0]
    elif (match := _OPEN.fullmatch(text)) and not HANGS_ON.search(match["when"]) and (who := thing(match["who"])):
        yield f"When {match['be']} {who} {match['what']}?", match["when"], who, "duration", match["what"]


def _done(match: re.Match[str]) -> Iterator[Found]:
    who, how = thing(match["who"]), match["how"]
    if not who:
        return
    be, _, passive = match["be"].partition(" ")
    done = f"{passive} {match['verb']}".strip() + match["what"]
    is_end = how in ("within", "in", "after")  # "within 30 days of delivery" is one time
    rest = "" if is_end else to_reader(match["rest"])
    answer = f"{how} {match['value']}{match['rest'] if is_end else ''}"
    yield f"{_ASKS_WHEN.get(how, 'How often')} {be} {who} {done}{rest}?", answer, who, "duration", match["verb"]


_YOU_WAIT = re.compile(
    rf"You (?P<may>will need to|need to|must|should|have to|can|will have to|may) (?P<verb>[a-z]+)(?P<what>(?: {MORE}+?)?) "
    rf"(?P<how>for |within |up to |at least |every |once every )?(?P<value>{TIME})"
    rf"(?P<rest>(?: (?:before|after|from|of|in|to|until|for) {MORE}+)?)"
)
_YOU_HAVE = re.compile(rf"You (?:will |only )?have (?P<value>{TIME})(?P<rest> (?:to|from|after|until) {MORE}+)")
_HAVE_TO = {
    **{"need to": "do I need to", "have to": "do I have to"},
    **{"will need to": "will I need to", "will have to": "will I have to"},
}


def waiting(text: str) -> Iterator[Found]:
    """ "You must wait 24 hours before you try again": how long; "You have 30 days to return an item"."""
    if (match := _YOU_HAVE.fullmatch(text)) and "," not in match["rest"]:
        rest = match["rest"].strip()
        if rest.startswith("to "):
            yield f"How long do I have {to_reader(rest)}?", match["value"], "", "duration", rest.split()[1]
        return
    match = _YOU_WAIT.fullmatch(text)
    if match is None or "," in match["rest"] or "," in match["what"] or CUT_OFF.search(match["what"]):
        return
    verb, how = match["verb"], (match["how"] or "").strip()
    if not how and verb not in ("wait", "stay", "work"):
        return
    usual = "How long" if verb == "wait" else "For how long"
    ask = {"within": "Within what time", "every": "How often", "once every": "How often"}.get(how, usual)
    may = _HAVE_TO.get(match["may"], f"{match['may']} I")
    question = f"{ask} {may} {verb}{to_reader(match['what'])}{to_reader(match['rest'])}?"
    yield question, f"{how} {match['value']}".strip(), "", "duration", verb


_COUNTED = r"(?P<what>[a-z]+(?: [a-z]+)?s)"
_LIMIT = re.compile(
    rf"(?P<who>{THING}) (?P<may>can|may|must|should|will) (?P<verb>have|be|hold|include|contain|use|add|invite|create"
    r"|receive|get|store|upload|send|make|enter|keep|register|request|earn|take|attend|accept|support|carry) "
    rf"(?P<value>{HEDGE} {NUMBER}) {_COUNTED}(?P<rest>(?: (?:in|on|at|per|for|from|to|with) {MORE}+)?)"
)
_WE_COUNT = re.compile(
    rf"We (?P<verb>[a-z]+) (?P<how>to |in |with |from )?(?P<value>(?:{HEDGE} )?{NUMBER}) {_COUNTED}"
    rf"(?P<rest>(?: (?:in|on|at|per|for|of) {MORE}+)?)"
)


def limits(text: str) -> Iterator[Found]:
    """ "You can add up to five users", "We ship to 12 countries": how many."""
    match = _LIMIT.fullmatch(text) or _WE_COUNT.fullmatch(text)
    if match is None or HANGS_ON.search(match["rest"]) or re.fullmatch(UNITS, match["what"]):
        return
    verb, rest = match["verb"], to_reader(match["rest"])
    if "may" in match.groupdict():
        who = {"You": "I", "We": "you"}.get(match["who"]) or thing(match["who"])
        if who:
            yield f"How many {match['what']} {match['may']} {who} {verb}{rest}?", match["value"], who, "limit", verb
    elif verb not in ("are", "were", "had", "did") and not verb.endswith("ed"):
        how = f" {match['how'].strip()}" if match["how"] else ""
        yield f"How many {match['what']} do you {verb}{how}{rest}?", match["value"], "", "limit", verb
