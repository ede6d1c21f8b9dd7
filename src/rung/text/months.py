"""The months by their names, in lower case: the one list for whoever reads dates out of texts, or writes them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Month(NamedTuple):
    """Names of a month, several with a space between. `others`: in other languages, short and long."""

    english: str
    short_english: str
    german: str
    short_german: str
    others: str

    @property
    def names(self) -> list[str]:
        """All of them."""
        return " ".join(self).split()


MONTHS = (
    Month("january", "jan", "januar jänner", "jan", "janvier enero ene gennaio janeiro januari"),
    Month("february", "feb", "februar feber", "feb", "février fév febrero febbraio fevereiro februari"),
    Month("march", "mar", "märz", "mrz", "mars marzo março maart"),
    Month("april", "apr", "april", "apr", "avril avr abril abr aprile"),
    Month("may", "", "mai", "", "mayo maggio maio mei"),
    Month("june", "jun", "juni", "jun", "juin junio giugno junho"),
    Month("july", "jul", "juli", "jul", "juillet juil julio luglio julho"),
    Month("august", "aug", "august", "aug", "août agosto ago augustus"),
    Month("september", "sept sep", "september", "sept sep", "septembre septiembre setiembre settembre setembro"),
    Month("october", "oct", "oktober", "okt", "octobre octubre ottobre outubro"),
    Month("november", "nov", "november", "nov", "novembre noviembre novembro"),
    Month("december", "dec", "dezember", "dez", "décembre déc diciembre dic dicembre dezembro"),
)


def capitals(names: Iterable[str]) -> str:
    """The names, several with a space between, as English and German write them within a sentence: a pattern's choices.

    >>> capitals(["june juni", "jun"])
    'June|Juni|Jun'
    """
    return "|".join(dict.fromkeys(name.capitalize() for some in names for name in some.split()))


ENGLISH = tuple(month.english.capitalize() for month in MONTHS)
