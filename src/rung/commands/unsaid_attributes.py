"""Near misses by what is asked of a thing of its kind and no document says: where a treaty was signed, how long a river is.

What a thing is stands in its name ("the Muslim League", "Treaty of Rome") or in a definition ("is a river in"). A question
falls where a sentence that names the thing, or stands beside one that does, has a word that an answer would have.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from rung.commands.draft_checks import Corpus, Miss, alternating, bare_name
from rung.text.guide_words import MONEY
from rung.text.statement_words import DATE, NAME, NUMBER, YEAR, is_person
from rung.text.support import content

_MIN_SENTENCES = 2  # that name a thing: a search finds something near
_EACH = 2  # questions of one thing


@dataclass(frozen=True, slots=True)
class Attribute:
    """What is asked of a kind of things. `answers`: a word of a sentence that may say it."""

    question: str
    answers: re.Pattern[str]


def _attribute(question: str, words: str, *others: str) -> Attribute:
    """`words`: patterns of whole words that an answer would have; `others`: of what else."""
    return Attribute(question, re.compile("|".join((rf"\b(?:{words})\b", *others)), re.I))


_FOUNDED = rf"found\w*|establish\w*|creat\w*|form(?:ed|ation)|set up|incorporat\w*|origin\w*|since|began|open\w*|{YEAR}"
_ORGANISATION = (
    _attribute("How many people work for {}?", r"employ\w*|staff\w*|workers?|personnel|work(?:s|ed)? for|members?|judges?"),
    _attribute(
        "In which city is {} based?", r"headquarter\w*|based|seat\w*|located|situated|sits?|offices?|city|in [A-Z]\w+"
    ),
    _attribute("What is the yearly budget of {}?", r"budget\w*|spen[dt]\w*|fund\w*|financ\w*|costs?|million|billion", MONEY),
    _attribute("In what year was {} founded?", _FOUNDED),
)
_COST = _attribute("How much did it cost to build {}?", r"costs?|price\w*|expens\w*|paid|million|billion", MONEY)
_KINDS: dict[str, tuple[Attribute, ...]] = {
    "organisation": _ORGANISATION,
    "school": (_attribute("How many students does {} have?", rf"students?|enrol\w*|pupils?|{NUMBER}"), *_ORGANISATION[2:]),
    "agreement": (
        _attribute("In which city was {} signed?", r"sign\w*|conclu\w*|agreed (?:in|at)|city"),
        _attribute("On what day did {} come into force?", rf"force|effect|effective|{DATE}"),
        _attribute("How many articles does {} have?", r"articles|sections|chapters|paragraphs|pages"),
    ),
    "battle": (
        _attribute("How many people died in {}?", r"kill\w*|die[ds]?|dead|deaths?|casualt\w*|fatal\w*|loss\w*|lives?|slain"),
        _attribute("How long did {} last?", rf"last\w*|days?|weeks?|months?|years?|until|end\w*|{YEAR}"),
    ),
    "river": (
        _attribute("How long is {}?", r"kilomet\w*|miles?|km|mi|long|length\w*"),
        _attribute("How deep is {}?", r"deep\w*|depth\w*|feet|met(?:er|re)s?"),
    ),
    "building": (
        _attribute("How tall is {}?", r"tall\w*|height\w*|high\w*|met(?:er|re)s?|feet|ft|m|storeys?|stories"),
        _COST,
        _attribute("Who designed {}?", r"design\w*|architect\w*|built by|plans?|engineer\w*"),
    ),
    "facility": (
        _COST,
        _attribute("In what year was {} opened?", _FOUNDED),
    ),
    "city": (
        _attribute("Who is the mayor of {}?", r"mayor\w*|govern\w*|council\w*|administ\w*|elect\w*"),
        _attribute("What is the area of {}?", r"areas?|square|acres?|hectares?|km2?|size"),
        _attribute("What is the population of {}?", rf"populat\w*|inhabitants?|residents?|people|census|{NUMBER}"),
    ),
    "film": (
        _attribute("How many minutes long is {}?", r"minutes?|length\w*|running|long|hours?"),
        _attribute("How much did it cost to make {}?", r"budget\w*|costs?|gross\w*|million|box", MONEY),
        _attribute("Who composed the music for {}?", r"music\w*|scor\w*|compos\w*|soundtrack\w*|songs?"),
    ),
    "record": (
        _attribute("In which studio was {} recorded?", r"record\w*|studios?|tap(?:ed|ing)"),
        _attribute("How many copies of {} were sold?", r"cop(?:y|ies)|s[eo]ll\w*|sold|sales|platinum|gold|million"),
    ),
    "book": (
        _attribute("How many pages does {} have?", r"pages?|length\w*|long"),
        _attribute("How many copies of {} were sold?", r"cop(?:y|ies)|s[eo]ll\w*|sold|sales|best\w*|million"),
    ),
    "person": (
        _attribute("In which city was {} born?", r"born|birth\w*|native|hometown|grew up"),
        _attribute(
            "Which university did {} attend?", r"universit\w*|college\w*|educat\w*|graduat\w*|stud\w+|school\w*|degree\w*"
        ),
        _attribute("How many children did {} have?", r"child\w*|sons?|daughters?|marr\w*|famil\w*|father|mother|kids?"),
    ),
}  # fmt: skip
_WORDS = {
    "organisation": "Commission Council Court Parliament Committee Agency Department Ministry Bank Association Society "
    "Foundation Institute League Club Corporation Company Museum Library Congress Senate Federation",
    "school": "University College Academy",
    "agreement": "Treaty Convention Agreement Charter Act Pact Accord",
    "battle": "Battle Siege",
    "river": "River",
    "building": "Bridge Tower Palace Castle Stadium Cathedral",
    "facility": "Hospital Airport Theatre",
}
_HEADS = {
    "organisation": "company organisation organization agency bank club museum charity",
    "school": "university college",
    "river": "river stream tributary",
    "building": "bridge tower palace castle stadium cathedral skyscraper hospital",
    "city": "city town village municipality",
    "film": "film movie comedy thriller",
    "record": "album song single",
    "book": "novel book",
}
_BY_WORD = {word: kind for kind, words in _WORDS.items() for word in words.split()}
_BY_HEAD = {head: kind for kind, heads in _HEADS.items() for head in heads.split()}
_TYPES = "|".join(_BY_WORD)
_NAMED = re.compile(
    rf"\b(?>(?:{_TYPES}) of (?:the )?{NAME}(?: (?:and )?{NAME}){{0,3}})|\b(?:{NAME} ){{1,4}}(?:{_TYPES})\b(?! of\b)"
)
_BARE = "University College Academy Bank Corporation Palace Castle Stadium Cathedral Hospital Airport Theatre"
_WITHOUT_ARTICLE = frozenset(_BARE.split())
_VAGUE = re.compile(  # of which country, or which university?
    r"(?:Department|Ministry|College|Committee|Academy|Council|Institute|Court|Senate|Library|Board) of\b"
    r"|(?:International|National|Major|General|Joint|Executive|Regional|Local|Special|Federal|Central|State|High|Higher|Supreme"
    r"|Public|Internal|First|Second|City|County|Constitutional|New|Old|University|Research|Legislative) \w+$"
)
_HEAD = re.compile(r"(?:an?|the) (?P<words>(?:[\w'’-]+ )*?[a-z-]+)(?= (?:of|in|at|on|from|for|by|with|to|near|and)\b|$)")
_NO_NAME = re.compile(
    r"^(?:The|This|That|These|Each|Any|No|In|At|On|By|For|A|An|His|Her|Its|Their|Under|With|From|And|If|As)\b"
)


def attribute_misses(corpus: Corpus) -> Iterator[Miss]:
    """What is not said of the things that the documents name, the kinds of things in turns."""
    by_kind: dict[str, list[str]] = defaultdict(list)
    for name, kind in _things(corpus).items():
        by_kind[kind].append(name)
    yield from alternating(*(_of_kind(corpus, by_kind[kind], _KINDS[kind]) for kind in sorted(by_kind)))


def _of_kind(corpus: Corpus, names: list[str], attributes: tuple[Attribute, ...]) -> Iterator[Miss]:
    count: Counter[str] = Counter()
    for turn in range(len(attributes)):
        for number, name in enumerate(names):
            about = corpus.naming(content(name)) if count[name] < _EACH else []
            if len(about) < _MIN_SENTENCES:
                continue
            attribute = attributes[(turn + number) % len(attributes)]
            if not any(attribute.answers.search(sentence.text) for sentence in corpus.beside(about)):
                count[name] += 1
                note = f"{len(about)} sentences are about {name}, and none says this: check that nothing does"
                yield Miss(corpus.documents[about[0].document], attribute.question.format(name), note, attribute.answers)


def _is_cut(before: list[str], after: str) -> bool:
    """Whether a name goes on before its words, or after them."""
    words = before[:-1] if before and before[-1] in ("and", "of", "for", "&", "the") else before
    return bool(words and words[-1][:1].isupper() and words[-1] != "The") or bool(re.match(r" [A-Z]", after))


def _has_article(name: str, word: str) -> bool:
    return "'s " not in name and "’s " not in name and (word not in _WITHOUT_ARTICLE or f"{word} of " in name)


def _things(corpus: Corpus) -> dict[str, str]:
    """The name of each thing, with its article where it has one -> its kind; those that are named most first."""
    named: Counter[str] = Counter()
    kinds: dict[str, str] = {}
    for sentence in corpus.sentences:
        for match in _NAMED.finditer(sentence.text):
            name = " ".join(match[0].split()).rstrip(".")
            first, last = name.split()[0], name.split()[-1]
            word = first if first in _BY_WORD and " of " in name else last
            before, after = sentence.text[: match.start()].split(), sentence.text[match.end() :]
            if not (_NO_NAME.match(name) or _VAGUE.match(name) or _is_cut(before, after)):
                named[name] += 1
                kinds[name] = word
    things = {
        f"the {name}" if _has_article(name, kinds[name]) else name: _BY_WORD[kinds[name]]
        for name, count in named.most_common()
        if count > 1
    }
    bare = set(map(bare_name, things))
    for _, one in corpus.asked:
        if one.slot == "definition" and bare_name(one.subject) not in bare:
            defined = _HEAD.match(one.answer)
            kind = _BY_HEAD.get(defined["words"].rsplit(maxsplit=1)[-1], "") if defined else ""
            kind = kind or ("person" if one.question.startswith("Who ") and is_person(one.subject) else "")
            if kind and not _NO_NAME.match(one.subject):
                things[one.subject] = kind
                bare.add(bare_name(one.subject))
    return things
