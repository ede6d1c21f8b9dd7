"""Numbers in words as digits: "twenty-one", "two hundred and fifty", "einundzwanzig", "trente-deux", "half an hour".

Of single words `WORDS` tells the value, which `scanning` looks up; numbers of several words are rewritten beforehand. "One"
and "a" are numbers only before a unit or a hundred.
"""

from __future__ import annotations

import re
from itertools import product

from rung.text.matching.characters import choices
from rung.text.matching.units import NAME

_UNITS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
_TEENS = ["ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_GERMAN = ["ein", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun"]
_GERMAN_TENS = ["zwanzig", "dreissig", "vierzig", "fünfzig", "sechzig", "siebzig", "achtzig", "neunzig"]  # ß is ss here
_FRENCH = ["un", "deux", "trois", "quatre", "cinq", "six", "sept", "huit", "neuf"]
_FRENCH_TENS = ["vingt", "trente", "quarante", "cinquante", "soixante"]
_SPANISH = ["uno", "dos", "tres", "cuatro", "cinco", "seis", "siete", "ocho", "nueve"]
_SPANISH_TENS = ["treinta", "cuarenta", "cincuenta", "sesenta", "setenta", "ochenta", "noventa"]
_OTHERS = """
    2 zwei deux dos dois duas twee; 3 drei trois tres três tre drie; 4 vier quatre cuatro quatro quattro
    5 fünf cinq cinco cinque vijf; 6 sechs seis; 7 sieben siete sette zeven; 8 acht huit ocho oito
    9 neun neuf nueve nove negen; 10 zehn dix diez dez dieci tien; 11 elf onze undici; 12 zwölf douze doce doze dodici
    13 dreizehn treize trece; 14 vierzehn quatorze catorce; 15 fünfzehn quinze quince quindici; 16 sechzehn dieciséis
    17 siebzehn diecisiete; 18 achtzehn dieciocho; 19 neunzehn diecinueve; 20 vingt veinte vinte venti twintig
    21 veintiuno; 22 veintidós; 23 veintitrés; 24 veinticuatro; 25 veinticinco; 26 veintiséis; 27 veintisiete
    28 veintiocho; 29 veintinueve
    30 trente treinta trinta trenta dertig
    40 quarante cuarenta quarenta quaranta; 50 cinquante cincuenta cinquenta cinquanta; 60 soixante sesenta sessenta
    70 setenta settanta; 80 ochenta oitenta ottanta; 90 noventa novanta; 100 hundert einhundert; 1.5 anderthalb eineinhalb
    2.5 zweieinhalb; 3.5 dreieinhalb
"""


def _spelled() -> dict[str, str]:
    words = {"zero": "0", **{word: str(n) for n, word in enumerate((*_UNITS, *_TEENS), start=1) if n > 1}}
    words |= {word: str(10 * n) for n, word in enumerate(_TENS, start=2)}
    for line in _OTHERS.replace("\n", ";").split(";"):
        number, *named = line.split() or [""]
        words |= dict.fromkeys(named, number)
    words |= {word: str(10 * n) for n, word in enumerate(_GERMAN_TENS, start=2)}
    for (n, one), (tens, ten) in product(enumerate(_GERMAN, start=1), enumerate(_GERMAN_TENS, start=2)):
        words[f"{one}und{ten}"] = str(10 * tens + n)
    words |= {f"{one}hundert": str(100 * n) for n, one in enumerate(_GERMAN, start=1)}
    bare = str.maketrans("üöéêó", "uoeeo")
    for word, number in list(words.items()):
        words |= dict.fromkeys((word.translate(bare), word.replace("ü", "ue").replace("ö", "oe")), number)
    return words


WORDS = _spelled()


_99 = rf"(?:(?:{choices(_TENS)})(?:[ -](?:{choices(_UNITS)}))?|{choices(_TEENS)}|{choices(_UNITS)})"
_999 = rf"(?:(?:{choices(_UNITS)}|an?) hundred(?:(?: and)? {_99})?|{_99})"
_ENGLISH = re.compile(rf"\b(?:(?:{_999}|an?) thousand(?:,?(?: and)? {_999})?|{_999})\b(?![-'])", re.IGNORECASE)
_IN_FRENCH = re.compile(
    rf"\b(quatre[ -]vingts?|{choices(_FRENCH_TENS)}|dix(?=[ -](?:sept|huit|neuf)\b))(?:[ -](?:et[ -])?(?:(dix)[ -])?"
    rf"({choices(_FRENCH)}|dix|onze|douze|treize|quatorze|quinze|seize))?\b",
    re.IGNORECASE,
)
_IN_SPANISH = re.compile(rf"\b({choices(_SPANISH_TENS)}) y ({choices(_SPANISH)})\b", re.IGNORECASE)
_HALF = re.compile(
    rf"\b(?:half(?: an?)?|(?:eine?[nrms]? )?halbe[nrms]?|(?:une )?demi[- ]|media|mezz'|mezza) ?(?={NAME}\b)"
    rf"|\b(?:an?|one) ({NAME}) and a half\b|(?<![\d.,])(\d+|{choices(_UNITS)}) and a half\b",
    re.IGNORECASE,
)
_BEFORE_UNIT = {"one": "1", "sept": "7", "once": "11", "due": "2", "sei": "6", "cien": "100", "cent": "100"}
_AMBIGUOUS = re.compile(rf"\b({choices(_BEFORE_UNIT)})(?=[ -]{NAME}\b)", re.IGNORECASE)
_ARTICLE = re.compile(rf"\b(?:an?|eine?[nrms]?|une?|una|uma?|een) (?={NAME}\b)", re.IGNORECASE)
_ONE = re.compile(rf"(?:(?<![\w.,:/-])1|\bone)[ -]?(?={NAME}\b)")
_PERHAPS = re.compile(  # most texts have none of these
    rf"\b(?:half|halbe|demi|media|mezz|hundred|thousand|{choices(_TENS)}|vingt|quatre|dix[ -]|{choices(_FRENCH_TENS)}"
    rf"|{choices(_SPANISH_TENS)}|(?:{choices(_BEFORE_UNIT)})\b)",
    re.IGNORECASE,
)


def has_one(text: str) -> bool:
    """Whether a text in one way of writing has one of a unit, in figures or as "one": then articles before units count."""
    return ("1" in text or "one" in text) and _ONE.search(text) is not None


def as_digits(text: str, *, articles: bool = False) -> str:
    """A text with numbers of several words in digits. `articles`: those before a unit are 1.

    >>> as_digits("twenty-one days, two hundred and fifty, one hour and a half"), as_digits("a week", articles=True)
    ('21 days, 250, 1.5 hour', '1 week')
    """
    if _PERHAPS.search(text):
        text = _ENGLISH.sub(_english, _HALF.sub(_halved, text))
        text = _IN_SPANISH.sub(lambda match: str(int(WORDS[match[1].lower()]) + _SPANISH.index(match[2].lower()) + 1), text)
        text = _IN_FRENCH.sub(_french, text)
        text = _AMBIGUOUS.sub(lambda match: _BEFORE_UNIT[match[1].lower()], text)
    return _ARTICLE.sub("1 ", text) if articles else text


def _halved(match: re.Match[str]) -> str:
    unit, number = match.groups()
    if unit:
        return f"1.5 {unit}"
    if number:
        return f"{number if number.isdigit() else _UNITS.index(number.lower()) + 1}.5"
    return "0.5 "


def _english(match: re.Match[str]) -> str:
    total = part = 0
    for word in re.findall(r"[a-z]+", match[0].lower()):
        if word == "thousand":
            total, part = 1000 * max(1, part), 0
        elif word == "hundred":
            part = 100 * max(1, part)
        elif word == "one" or word in WORDS:
            part += int(WORDS.get(word, "1"))
    return match[0] if match[0].lower() == "one" else str(total + part)


def _french(match: re.Match[str]) -> str:
    tens, ten, more = (group.lower() if group else "" for group in match.groups())
    total = 80 if tens.startswith("quatre") else int(WORDS[tens])
    teens = {"dix": 10, "onze": 11, "douze": 12, "treize": 13, "quatorze": 14, "quinze": 15, "seize": 16}
    if more in teens:
        total += teens[more]
    elif more:
        total += _FRENCH.index(more) + 1 + (10 if ten else 0)
    return str(total)
