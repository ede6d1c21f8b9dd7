"""The formats of JSON Schema that are held, each as a regular expression: of some what is usual, of none what is wrong.

Of other formats the grammar knows nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_MONTHS = r"(?:0[13578]|1[02])-(?:0[1-9]|[12]\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\d|30)|02-(?:0[1-9]|1\d|2[0-8])"
_LEAP = r"(?:\d\d(?:0[48]|[2468][048]|[13579][26])|(?:0[48]|[2468][048]|[13579][26])00)-02-29"
_YEAR = r"(?:[1-9]\d{3}|0[1-9]\d\d|00[1-9]\d|000[1-9])"
_DATE = rf"(?:{_YEAR}-(?:{_MONTHS})|{_LEAP})"
_TIME = r"(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)"
_LABEL = r"[A-Za-z0-9](?:-?[A-Za-z0-9]){0,30}"
_HOST = rf"{_LABEL}(?:\.{_LABEL}){{0,7}}"
_BYTE = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_IPV4 = rf"{_BYTE}(?:\.{_BYTE}){{3}}"
_HEX = r"[0-9a-fA-F]{1,4}"
_LAST = rf"(?:{_HEX}:{_HEX}|{_IPV4})"
_IPV6 = "|".join(
    (
        rf"(?:{_HEX}:){{6}}{_LAST}",
        rf"::(?:{_HEX}:){{0,5}}{_LAST}",
        rf"(?:{_HEX}:){{1}}(?::{_HEX}){{1,6}}",
        rf"(?:{_HEX}:){{2}}(?::{_HEX}){{1,5}}",
        rf"(?:{_HEX}:){{3}}(?::{_HEX}){{1,4}}",
        rf"(?:{_HEX}:){{4}}(?::{_HEX}){{1,3}}",
        rf"(?:{_HEX}:){{5}}(?::{_HEX}){{1,2}}",
        rf"(?:{_HEX}:){{6}}:{_HEX}",
        rf"(?:{_HEX}:){{1,7}}:",
        rf"::{_HEX}",
        "::",
    )
)
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,32}"
_CHAR = r"(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})"
_TAIL = rf"(?:\?(?:{_CHAR}|[/?]){{0,120}})?(?:#(?:{_CHAR}|[/?]){{0,60}})?"
_PATH = rf"(?:/{_CHAR}{{0,60}}){{0,12}}"
_AUTHORITY = rf"//(?:[A-Za-z0-9._~-]{{1,40}}@)?{_HOST}(?::\d{{1,5}})?"
_URI = rf"[A-Za-z][A-Za-z0-9+.-]{{0,20}}:(?:{_AUTHORITY}{_PATH}|/?{_CHAR}{{1,60}}{_PATH}){_TAIL}"
_FIRST = r"(?:[A-Za-z0-9._~!$&'()*+,;=@-]|%[0-9A-Fa-f]{2})"  # of a path that has no scheme: no colon
_REFERENCE = rf"(?:{_URI}|/?{_FIRST}{{1,60}}{_PATH}{_TAIL})"
_POINTER = r"(?:/(?:[^~/]|~[01]){0,60}){0,12}"
_TERM = r"(?:[A-Za-z0-9 _-]|\\[dws.]|\.|\[[a-z0-9]{1,20}\])[*+?]?"
_DURATION_TIME = r"T(?:\d+H(?:\d+M(?:\d+S)?)?|\d+M(?:\d+S)?|\d+S)"

FORMATS: Mapping[str, str] = {
    "date": rf"^{_DATE}$",
    "time": rf"^{_TIME}$",
    "date-time": rf"^{_DATE}T{_TIME}$",
    "duration": rf"^P(?:\d+W|(?:\d+Y(?:\d+M(?:\d+D)?)?|\d+M(?:\d+D)?|\d+D)(?:{_DURATION_TIME})?|{_DURATION_TIME})$".replace(
        r"\d+", r"\d{1,9}"
    ),
    "email": rf"^{_ATOM}(?:\.{_ATOM}){{0,3}}@{_HOST}$",
    "hostname": rf"^{_HOST}$",
    "ipv4": rf"^{_IPV4}$",
    "ipv6": rf"^(?:{_IPV6})$",
    "uuid": r"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$",
    "uri": rf"^{_URI}$",
    "iri": rf"^{_URI}$",
    "uri-reference": rf"^{_REFERENCE}$",
    "iri-reference": rf"^{_REFERENCE}$",
    "uri-template": rf"^{_REFERENCE}$",
    "idn-email": rf"^{_ATOM}(?:\.{_ATOM}){{0,3}}@{_HOST}$",
    "idn-hostname": rf"^{_HOST}$",
    "json-pointer": rf"^{_POINTER}$",
    "relative-json-pointer": rf"^(?:0|[1-9]\d{{0,3}})(?:#|{_POINTER})$",
    "regex": rf"^\^?(?:{_TERM}){{1,60}}\$?$",
}

_COUNTS = re.compile(r"\{(\d+),(\d+)\}")

_OF_ONE_SIZE = frozenset(
    {"date", "time", "date-time", "duration", "ipv4", "ipv6", "uuid"}
)  # counts are part of what they mean


def shrunk(name: str, factor: int) -> str:
    """A format's expression with fewer repetitions, one in so many, for texts that must be short."""
    return _COUNTS.sub(lambda count: f"{{{count[1]},{max(int(count[1]), int(count[2]) // factor)}}}", FORMATS[name])


def unbounded(name: str) -> str:
    """A format's expression without upper counts where they only keep it short: it goes well together with others.

    >>> unbounded("json-pointer")
    '^(?:/(?:[^~/]|~[01]){0,}){0,}$'
    """
    return FORMATS[name] if name in _OF_ONE_SIZE else _COUNTS.sub(lambda count: f"{{{count[1]},}}", FORMATS[name])
