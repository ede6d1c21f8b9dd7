"""Units of time, weight, length, volume and data behind a number: one name for each, and one unit where two texts differ.

"30 min" is "30 minutes" everywhere. "Two weeks" is "14 days" where one text speaks of weeks and the other of days: a
`family` has units that are multiples of one another, and "1 h 30 min" is "90 minutes". Months are not days, and data has no
factors (1,000 or 1,024).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from rung.text.matching.characters import choices


class _Unit(NamedTuple):
    name: str
    family: str
    factor: Decimal  # of the family's smallest unit; 0: it is not converted
    smallest: str


_TABLE = """
    time seconds 1 second s sec secs sekunde sekunden seconde secondes segundo segundos secondo secondi
    time minutes 60 minute min mins minuten minuto minutos minuti minuut minuten
    time hours 3600 hour h hr hrs std stunde stunden heure heures hora horas ora ore uur uren
    time days 86400 day tag tage tagen jour jours día días dia dias giorno giorni dag dagen
    time weeks 604800 week wk wks woche wochen semaine semaines semana semanas settimana settimane weken
    time fortnights 1209600 fortnight
    months months 1 month mo mos monat monate monaten mois mes meses mese mesi mês maand maanden
    months years 12 year yr yrs jahr jahre jahren ans année années annee annees año años anno anni ano anos jaar jaren
    weight mg 1 milligram milligrams milligramm milligrammes miligramos
    weight g 1000 gram grams gramm gramme grammes gramo gramos grammi
    weight kg 1000000 kilo kilos kilogram kilograms kilogramm kilogramme kilogrammes kilogramo kilogramos chilogrammi
    weight t 1000000000 tonne tonnes tonnen tonelada toneladas tonnellate
    length mm 1 millimetre millimetres millimeter millimeters millimètre millimètres milímetro milímetros millimetri
    length cm 10 centimetre centimetres centimeter centimeters zentimeter zentimetern centimètre centimètres centímetros
    length m 1000 metre metres meter meters metern mètre mètres metro metros metri
    length km 1000000 kilometre kilometres kilometer kilometers kilometern kilomètre kilomètres kilómetro kilómetros
    volume ml 1 millilitre millilitres milliliter milliliters mililitros
    volume l 1000 litre litres liter liters litern litro litros litri
    inches inches 0 inch zoll pulgadas
    feet feet 0 ft foot
    miles miles 0 mi mile meilen meile
    bytes kb 0 kilobyte kilobytes
    bytes mb 0 megabyte megabytes
    bytes gb 0 gigabyte gigabytes
    bytes tb 0 terabyte terabytes
"""
_UNITS: dict[str, _Unit] = {}  # by the one name
_ONE_NAME: dict[str, str] = {}
for _line in _TABLE.strip().splitlines():
    _family, _name, _factor, *_others = _line.split()
    _first = next((name for name, unit in _UNITS.items() if unit.family == _family), _name)
    _UNITS[_name] = _Unit(_name, _family, Decimal(_factor), _first)
    _ONE_NAME |= dict.fromkeys((_name, *_others), _name)
_LETTERS = 3  # of a name that is a unit wherever it stands; "l" and "h" are behind a number


NAME = f"(?:{choices(_ONE_NAME)})"
_WORD = re.compile(r"[^\W\d_]+")
_BEHIND_NUMBER = re.compile(r"\d[ -]?([^\W\d_]+)")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_AND = ("and", "und", "et", "y", "e")
_GOES_ON = re.compile(rf"\.?,? ?(?:(?:{'|'.join(_AND)}) )?(?=(?:\d+|[^\W\d_]+\b) ?([^\W\d_]+)\b)")  # behind a unit
_RANGE = "–"


def families_apart(texts: Sequence[str]) -> frozenset[str]:
    """The families of which two texts, in one way of writing, have units, and none in common, or others in one amount."""
    one, *others = map(_measured, texts)
    apart: set[str] = set()
    for other in others if one else ():
        for family in one.keys() & other.keys():
            mine, theirs = one[family], other[family]
            is_apart = mine.names.isdisjoint(theirs.names)
            if is_apart or (mine.names != theirs.names and (mine.is_compound or theirs.is_compound)):
                apart.add(family)
    return frozenset(apart)


class _Measured(NamedTuple):
    """The units of a family that a text speaks of, and whether one amount has several of them: "1 h 30 min"."""

    names: frozenset[str]
    is_compound: bool


@lru_cache(maxsize=2048)
def _measured(text: str) -> dict[str, _Measured]:
    """By family; of units that can be converted."""
    there = _ONE_NAME.keys() & set(_WORD.findall(text))
    if any(len(word) < _LETTERS for word in there):
        behind = set(_BEHIND_NUMBER.findall(text))
        there = {word for word in there if len(word) >= _LETTERS or word in behind}
    units = [_UNITS[_ONE_NAME[word]] for word in there]
    compound = {_UNITS[_ONE_NAME[after[1]]].family for after in _amounts_of_two(text)} if len(units) > 1 else set()
    return {
        family: _Measured(frozenset(unit.name for unit in units if unit.family == family), family in compound)
        for family in {unit.family for unit in units if unit.factor}
    }


def _amounts_of_two(text: str) -> Iterator[re.Match[str]]:
    """What stands between the unit of an amount and its number in a smaller unit of the family: " and " of "1 hour and 30
    minutes"."""
    for word in _WORD.finditer(text):
        name = _ONE_NAME.get(word[0].lower())
        if name and (after := _GOES_ON.match(text, word.end())) and _is_smaller(_ONE_NAME.get(after[1].lower(), ""), name):
            yield after


def joined_amounts(text: str) -> str:
    """A text without the "and" inside an amount of two units.

    >>> joined_amounts("It takes 1 hour and 30 minutes and costs 5 EUR.")
    'It takes 1 hour 30 minutes and costs 5 EUR.'
    """
    for between in reversed(list(_amounts_of_two(text))):
        text = f"{text[: between.start()]} {text[between.end() :]}"
    return text


def _is_smaller(name: str, other: str) -> bool:
    return name in _UNITS and _UNITS[name].family == _UNITS[other].family and 0 < _UNITS[name].factor < _UNITS[other].factor


def in_one_unit(tokens: Sequence[str], families: frozenset[str] = frozenset()) -> list[str]:
    """Tokens with each unit right behind a number by its one name; those of `families` in the smallest unit.

    >>> in_one_unit(("4", "h")), in_one_unit(("2", "–", "3", "weeks"), frozenset({"time"}))
    (['4', 'hours'], ['1209600', '–', '1814400', 'seconds'])
    """
    written = list[str]()
    before = ""  # the unit that was converted, where its amount may go on
    for token in tokens:
        name = _ONE_NAME.get(token) if written and _NUMBER.fullmatch(written[-1]) else None
        if name is None:
            written.append(token)
            before = before if _NUMBER.fullmatch(token) or token in _AND else ""
        elif (unit := _UNITS[name]).family not in families:
            written.append(name)
            before = ""
        else:
            _convert(written, unit, is_more=bool(before) and _is_smaller(name, before) and _goes_on(written, unit))
            before = name
    return written


def _goes_on(written: Sequence[str], unit: _Unit) -> bool:
    """Whether the number that was written last stands right behind an amount of the unit's family, or behind its "and"."""
    before = written[:-2] if written[-2:-1] and written[-2] in _AND else written[:-1]
    return len(before) > 1 and before[-1] == unit.smallest and _NUMBER.fullmatch(before[-2]) is not None


def _convert(written: list[str], unit: _Unit, *, is_more: bool) -> None:
    """Behind the number that was written last, its unit. `is_more`: it is more of the amount before it."""
    written[-1] = _times(written[-1], unit.factor)
    if is_more:
        number = written.pop()
        if written[-1] in _AND:
            written.pop()
        written[-2] = _plain(Decimal(written[-2]) + Decimal(number))
        return
    if len(written) > 2 and written[-2] == _RANGE and _NUMBER.fullmatch(written[-3]):
        written[-3] = _times(written[-3], unit.factor)
    written.append(unit.smallest)


def _times(number: str, factor: Decimal) -> str:
    return _plain(Decimal(number) * factor)


def _plain(number: Decimal) -> str:
    return format(number.quantize(Decimal(1)) if number == number.to_integral_value() else number.normalize(), "f")
