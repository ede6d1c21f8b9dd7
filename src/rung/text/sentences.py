"""Where the sentences of a text begin. For cutting passages, and for judging an answer sentence by sentence.

Rules, no model: a full stop, question or exclamation mark ends a sentence where white space follows, except after an
abbreviation, an initial, an ordinal ("12. März", "im 3. Stock") or, before a lower-case letter, anything shorter than three
letters; East Asian full stops end one anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from rung.text.months import MONTHS, capitals

_VERBS = ("march", "may")  # months that begin sentences as well
_LONG_MONTH = capitals(name for name in " ".join(f"{m.german} {m.english}" for m in MONTHS).split() if name not in _VERBS)
_SHORT_MONTH = capitals([*(f"{month.short_english} {month.short_german}" for month in MONTHS), "jän mär"])
_END = re.compile(r"[.!?…]+[\"'”’»)\]*_]*\s+(?=\S)|[。！？｡]+[」』”’）]*\s*(?=\S)")
_ABBREVIATION = re.compile(
    r"(?:^|[\s(\[\"'“‘])(?:[A-Z]|Mr|Mrs|Ms|Dr|Prof|St|Sr|Jr|vs|etc|al|cf|Figs?|Eq|Inc|Ltd|Co|Corp|approx|dept|est|Gen|Gov|Sen"
    r"|Rep|Rev|Capt|Lt|Col|resp|incl|inkl|usw|bzw|ca|ggf|evtl|Str|z\.B|d\.h|e\.g|i\.e|U\.S|U\.K|Ph\.D|a\.m|p\.m"
    rf"|{_SHORT_MONTH})\.\s+\Z"
)
_BEFORE_NUMBER = re.compile(
    r"(?:^|[\s(\[])(?:nos?|nr|art|abs|ch|sec|vol|pp?|ext|tel|max|min|v|ver|kap|abb|tab|ziff|rn|bd|fig|eq"
    r"|mo|di|mi|do|fr|sa|so)\.\s+\Z",
    re.IGNORECASE,
)
_LONGEST_ABBREVIATION = 12
_WORD_BEFORE = re.compile(r"[^\W\d_]{3}\Z")

# Ordinals of German, whose nouns begin with a capital as sentences do; other languages go on in lower case: a day before its
# month, a number before a noun that is counted so, or one after a word that a number of its own cannot follow.
_MONTH = rf"(?:{_LONG_MONTH}|(?:{capitals(_VERBS)})(?=,? \d{{4}}|[.,;)]|\s*\Z)|(?:{_SHORT_MONTH})(?=[.\s]))\b"
_COUNTED = (
    r"(?:Stock(?:werk)?|Etage|Obergeschoss|Obergeschoß|Untergeschoss|OG|UG|Jahrhunderts?|Jh|Jahrtausends?|Klasse|Quartals?"
    r"|Halbjahre?s?|Semesters?|Trimesters?|Auflage|Ausgabe|Platz|Rang|Liga|Bundesliga|Bezirk|Tage?s?|Woche|Monate?s?|Jahre?s?"
    r"|Lebensjahre?s?|Lebensmonate?s?|Lebenswoche|Schuljahre?s?|Schwangerschaftswoche|SSW|Werktage?s?|Arbeitstage?s?"
    r"|Kalendertage?s?|Mal|Stufe|Weltkriege?s?|Spieltage?s?|Runde|Reihe|Zeile|Staffel|Folge|Generation|Lesung|Instanz|Senat"
    r"|Geburtstage?s?|Hochzeitstage?s?|Wahlgang|Wahlperiode|Legislaturperiode|Kapitels?|Abschnitts?|Advent|Weihnachts(?:feier)?tag"
    r"|(?:Mon|Diens|Donners|Frei|Sams|Sonn)tag|Mittwoch|Person|Kind|Gang|Bauabschnitt|Etappe|Mahnung|Rate|Stunde|Minute)\b"
)
_ORDINAL = re.compile(rf"(?<![\d.,:/])(?:[12]?\d|3[01])\.\s+(?={_MONTH})|(?<![\d.,:/])\d{{1,3}}\.\s+(?={_COUNTED})")
_DETERMINED = re.compile(
    r"(?<![^\W\d_])(?:im|vom|zum|zur|beim|der|das|den|dem|des|jede[nrsm]|diese[nrsm]?|(?:sein|ihr|unser|dein|mein)e?[nrsm]?)"
    r"[ \xa0]\d{1,3}\.\s+(?=[A-ZÄÖÜ])",
    re.IGNORECASE,
)
_BEGINNING = re.compile(  # words that begin a sentence, and are no noun
    r"(?:D(?:er|ie|as|en|em|ann|anach|abei|afür|amit|aher|ort|ies\w*|u|ein\w*)|Ein\w{0,2}|Er|Sie|Es|Wir|Ihr\w{0,2}|Ich|Man|Im|In"
    r"|Am|An|Auf|Beim?|Mit|Von|Vom|Für|Zu|Zum|Zur|Nach|Aber|Und|Oder|Wenn|Als|Ab|Bis|Bitte|Jede\w?|Alle\w?|Hier|Auch|Nur"
    r"|Nicht|Kein\w*|Sonst|Außerdem|Sind|Ist|Wird|Werden|Wer|Was|Wo|Wie|Welche\w?|Ohne|Unter|Über|Um|Vor|Seit|Sowie|So"
    r"|The|This|It|In|If|You|We)\b"
)
_LONGEST_DETERMINER = 16


def sentence_starts(text: str, start: int = 0, end: int | None = None) -> Iterator[int]:
    """Positions in `text` at which a sentence begins, after the one at `start`, before `end`, in ascending order."""
    for match in _END.finditer(text, start, len(text) if end is None else end):
        after = match.end()
        if text[match.start()] in ".!?…" and not _ends(text, start, match.start(), after):
            continue
        yield after


def _ends(text: str, start: int, mark: int, after: int) -> bool:
    """Whether a full stop (or its like) at `mark` ends a sentence, the next word being at `after`."""
    if text[after].islower() and not _WORD_BEFORE.search(text, max(start, mark - 3), mark):
        return False
    if text[mark] != ".":
        return True
    near = max(start, mark - _LONGEST_ABBREVIATION)
    if _ABBREVIATION.search(text, near, after) or (
        text[mark - 1 : mark].isdigit() and _is_ordinal(text, start, mark, after)
    ):
        return False
    return not (text[after].isdigit() and _BEFORE_NUMBER.search(text, near, after))


def _is_ordinal(text: str, start: int, mark: int, after: int) -> bool:
    """Whether the full stop at `mark` is that of an ordinal before the word at `after`."""
    digits = mark
    while digits > start and text[digits - 1].isdigit():
        digits -= 1
    if _ORDINAL.match(text, digits) is not None:
        return True
    near = max(start, digits - _LONGEST_DETERMINER)
    determined = any(match.end() == after for match in _DETERMINED.finditer(text, near, after + 1))
    return determined and _BEGINNING.match(text, after) is None


def sentences(text: str) -> list[tuple[int, int]]:
    """The sentences of a text as (start, end), without the white space around them. A line end ends a sentence as well.

    Made for answers, which are short: lines of a list are sentences of their own there.
    """
    spans = []
    position = 0
    for line in text.splitlines(keepends=True):
        starts = [position, *sentence_starts(text, position, position + len(line)), position + len(line)]
        for start, end in pairwise(starts):
            piece = text[start:end]
            if piece.strip():
                left = start + len(piece) - len(piece.lstrip())
                spans.append((left, left + len(piece.strip())))
        position += len(line)
    return spans
