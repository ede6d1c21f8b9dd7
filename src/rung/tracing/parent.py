"""W3C Trace Context: the header `traceparent` of a caller, whose trace a conversation becomes a part of."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

_FORM = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_SPAN_BYTES, _TRACE_BYTES = 8, 16


@dataclass(frozen=True, slots=True)
class TraceParent:
    """A caller's trace, and the span of it that asks. `sampled`: whether the caller's system keeps this trace."""

    trace: str
    span: str
    sampled: bool


def traceparent(headers: Sequence[str]) -> TraceParent | None:
    """What a request's headers of this name say; None where there is none, there are several, or it is malformed.

    >>> traceparent(["00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"]).span
    'b7ad6b7169203331'
    """
    match = _FORM.fullmatch(headers[0].strip()) if len(headers) == 1 else None
    if match is None:
        return None
    version, trace, span, flags, more = match.groups()
    if version == "ff" or (version == "00" and more) or not int(trace, 16) or not int(span, 16):
        return None
    return TraceParent(trace, span, bool(int(flags, 16) & 1))


def new_trace() -> str:
    """A W3C trace id: 32 hexadecimal digits, all drawn."""
    return _drawn(_TRACE_BYTES)


def new_span() -> str:
    """A W3C span id: 16 hexadecimal digits."""
    return _drawn(_SPAN_BYTES)


def is_sampled(trace: str, share: float) -> bool:
    """Whether a trace is of this share of all, decided by its id alone: every server decides alike, whatever it asks."""
    return int(trace[-14:], 16) < round(share * 2**56)  # the 7 bytes that W3C wants drawn, whoever made the id


def _drawn(size: int) -> str:
    while not int(drawn := secrets.token_hex(size), 16):
        pass
    return drawn
