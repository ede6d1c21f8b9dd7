"""Personal data in a text: e-mail addresses, phone and card numbers, IBANs, social security numbers, IP addresses.

Each is known by its form and, where it has one, its check sum; order numbers, dates and sums are let pass. Role addresses
(support@…) are nobody's; names and postal addresses are not recognised.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from functools import cache

from rung.dataset.telephones import telephones

_DIGITS = re.compile(r"[0-9]")
MIN_DIGITS = 5  # the shortest of them, an IP address, has so many
_EMAIL = re.compile(
    r"(?<![\w.+-])([\w.+-]{1,64})@((?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,24})(?![\w-])"
)
_ROLES_WORDS = (
    "info support help helpdesk contact sales admin administrator office hello team service services "
    "customerservice customercare care noreply no-reply donotreply do-not-reply billing accounts orders returns "
    "press media jobs careers hr privacy legal security abuse webmaster postmaster hostmaster marketing feedback "
    "enquiries inquiries mail email news newsletter reception git root"
)
_ROLES = frozenset(_ROLES_WORDS.split())
_NOBODY_WORDS = "user username name you your me foo bar baz test example someone somebody nobody xxx abc email your.name"
_NOBODY = frozenset(_NOBODY_WORDS.split())
_NO_DOMAINS = ("example.com", "example.org", "example.net", "test.com", "domain.com", "yourdomain.com", "yourcompany.com")
_IBAN_BEGINS = re.compile(r"(?<![A-Za-z0-9])([A-Za-z]{2})[0-9]{2}")
_IBAN_LENGTHS = {
    **{
        "AD": 24,
        "AE": 23,
        "AL": 28,
        "AT": 20,
        "AZ": 28,
        "BA": 20,
        "BE": 16,
        "BG": 22,
        "BH": 22,
        "BR": 29,
        "BY": 28,
        "CH": 21,
    },
    **{
        "CR": 22,
        "CY": 28,
        "CZ": 24,
        "DE": 22,
        "DK": 18,
        "DO": 28,
        "EE": 20,
        "EG": 29,
        "ES": 24,
        "FI": 18,
        "FO": 18,
        "FR": 27,
    },
    **{
        "GB": 22,
        "GE": 22,
        "GI": 23,
        "GL": 18,
        "GR": 27,
        "GT": 28,
        "HR": 21,
        "HU": 28,
        "IE": 22,
        "IL": 23,
        "IQ": 23,
        "IS": 26,
    },
    **{
        "IT": 27,
        "JO": 30,
        "KW": 30,
        "KZ": 20,
        "LB": 28,
        "LC": 32,
        "LI": 21,
        "LT": 20,
        "LU": 20,
        "LV": 21,
        "LY": 25,
        "MC": 27,
    },
    **{
        "MD": 24,
        "ME": 22,
        "MK": 19,
        "MR": 27,
        "MT": 31,
        "MU": 30,
        "NL": 18,
        "NO": 15,
        "PK": 24,
        "PL": 28,
        "PS": 29,
        "PT": 25,
    },
    **{
        "QA": 29,
        "RO": 24,
        "RS": 22,
        "SA": 24,
        "SC": 31,
        "SE": 24,
        "SI": 19,
        "SK": 24,
        "SM": 27,
        "ST": 25,
        "SV": 28,
        "TL": 23,
    },
    **{"TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24, "XK": 20},
}
_CARD = re.compile(r"(?<![\w.-])(?:\d{4}[ -]\d{4}[ -]\d{4}[ -]\d{4}|\d{4}[ -]\d{6}[ -]\d{5}|\d{13,19})(?![\w-]|\.\d)")
_ISSUERS = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})|(?:5[1-5]|2[2-7])\d{14}|3[47]\d{13}|6(?:011|4[4-9]\d|5\d\d)\d{12}|3[068]\d{12}|35\d{14}"
    r"|(?:2131|1800)\d{11}"
)
_NAMED_CARD = re.compile(r"(?i:\b(?:card|maestro|cc)\b)\D{0,20}((?:5[06-8]|6)\d{10,17})(?![\w-]|\.\d)")
_SSN = re.compile(r"(?<![\w-])(?!000|666|9)\d{3}([- ])(?!00)\d{2}\1(?!0000)\d{4}(?![\w-])")
_NUMBER = re.compile(r"(?:ssn|social security)\D{0,20}(\d{9})(?!\d)", re.IGNORECASE)
_BORN = re.compile(
    r"\b(?:date of birth|birth ?date|d\.?o\.?b\.?|i was born on)\b\W{0,4}(?:is "
    r")?(\d{1,4}[./-]\d{1,2}[./-]\d{1,4}|\d{1,2}\.? [A-Za-z]+ \d{4}"
    r"|[A-Za-z]+ \d{1,2},? \d{4})",
    re.IGNORECASE,
)
_IP = re.compile(r"(?<![\w.-])(?:\d{1,3}\.){3}\d{1,3}(?![\w-]|\.\d)")
_IP6 = re.compile(
    r"(?<![\w:.])(?:[0-9A-Fa-f]{1,4}:){3,7}(?::?[0-9A-Fa-f]{1,4}){1,4}(?![\w:])|"
    r"(?<![\w:])[0-9A-Fa-f]{4}(?::[0-9A-Fa-f]{1,4})*::[0-9A-Fa-f:]+"
)
_VERSION = re.compile(r"(?:\bv|version|release|firmware|build|section|chapter)[ .:]*$", re.IGNORECASE)


def personal(text: str) -> Iterator[tuple[str, str]]:
    """(what it is, the characters) of every piece of personal data that is recognised."""
    if "@" in text:
        yield from (("an e-mail address", m[0]) for m in _EMAIL.finditer(text) if _is_somebodys(m))
    if len(_DIGITS.findall(text)) < MIN_DIGITS:
        return
    taken: list[tuple[int, int]] = []
    for what, (start, end) in _numbers(text):
        if not any(begin < end and start < stop for begin, stop in taken):
            taken.append((start, end))
            yield what, text[start:end]


def _numbers(text: str) -> Iterator[tuple[str, tuple[int, int]]]:
    """Where numbers stand that are somebody's, those with a check sum first."""
    folded = text.casefold()
    yield from (("an IBAN", m.span()) for begin in _IBAN_BEGINS.finditer(text) if (m := _iban(begin)) is not None)
    yield from (("a card number", m.span()) for m in _CARD.finditer(text) if is_card(m[0]))
    if "card" in folded or "maestro" in folded or "cc" in folded:
        yield from (("a card number", m.span()) for m in _NAMED_CARD.finditer(text) if has_luhn_sum(m[1]))
    yield from (("a social security number", m.span()) for m in (*_SSN.finditer(text), *_NUMBER.finditer(text)))
    if any(hint in folded for hint in ("birth", "dob", "d.o.b", "born")):
        yield from (("a date of birth", m.span()) for m in _BORN.finditer(text))
    sixes = _IP6.finditer(text) if text.count(":") > 2 else ()
    yield from (("an IP address", m.span()) for m in (*_IP.finditer(text), *sixes) if _is_address(m, text))
    yield from (("a phone number", span) for span in telephones(text))


def _iban(begin: re.Match[str]) -> re.Match[str] | None:
    """The IBAN that begins so, as long as its country has it: the next word may follow at a space."""
    length = _IBAN_LENGTHS.get(begin[1].upper(), 0)
    match = _of_length(length).match(begin.string, begin.start()) if length else None
    return match if match is not None and is_iban(match[0]) else None


@cache
def _of_length(length: int) -> re.Pattern[str]:
    return re.compile(rf"[A-Za-z]{{2}}\d{{2}}(?:[ -]?[A-Za-z0-9]){{{length - 4}}}(?![A-Za-z0-9])")


def is_iban(text: str) -> bool:
    """Whether it is an IBAN: a country's length and the check sum of ISO 13616 (mod 97 = 1).

    >>> is_iban("GB82 WEST 1234 5698 7654 32"), is_iban("GB82 WEST 1234 5698 7654 33")
    (True, False)
    """
    compact = re.sub(r"[ -]", "", text).upper()
    if _IBAN_LENGTHS.get(compact[:2]) != len(compact):
        return False
    return int("".join(str(int(c, 36)) for c in compact[4:] + compact[:4])) % 97 == 1


def is_card(text: str) -> bool:
    """Whether it is a payment card's number: an issuer's beginning and length, and the check sum of Luhn.

    >>> is_card("4111 1111 1111 1111"), is_card("4111 1111 1111 1112")
    (True, False)
    """
    digits = re.sub(r"\D", "", text)
    return bool(_ISSUERS.fullmatch(digits)) and has_luhn_sum(digits)


def has_luhn_sum(digits: str) -> bool:
    """Whether the check sum of Luhn is right, and the digits are not all the same."""
    doubled = [int(c) * (1 + n % 2) for n, c in enumerate(reversed(digits))]
    return len(set(digits)) > 1 and sum(d - 9 if d > 9 else d for d in doubled) % 10 == 0


def _is_somebodys(match: re.Match[str]) -> bool:
    local, host = match[1].casefold(), match[2].casefold()
    before = match.string[max(0, match.start() - 80) : match.start()].rsplit(None, 1)
    if before and "://" in before[-1] and not match.string[match.start() - 1].isspace():
        return False  # user and password of a URL
    if local in _ROLES or host.endswith((".png", ".jpg", ".gif", ".svg", ".py", ".js")):
        return False
    return not (local in _NOBODY and (host in _NO_DOMAINS or host.endswith((".example", ".test", ".invalid"))))


def _is_address(match: re.Match[str], text: str) -> bool:
    """Whether it is an address of a machine in the world, not a version, and not one that everybody has at home."""
    try:
        address = ipaddress.ip_address(match[0])
    except ValueError:
        return False
    if address.is_loopback or address.is_unspecified or address.is_multicast or _is_home(address):
        return False
    return isinstance(address, ipaddress.IPv6Address) or not (
        _VERSION.search(text[max(0, match.start() - 12) : match.start()]) or all(int(n) < 20 for n in match[0].split("."))
    )


def _is_home(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    homes = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "255.0.0.0/8", "fe80::/10", "fc00::/7")
    return any(address in net for home in homes if (net := ipaddress.ip_network(home)).version == address.version)
