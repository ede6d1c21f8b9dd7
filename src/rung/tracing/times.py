"""Times as people write them where traces are looked for: so long ago, or a moment in UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from rung.errors import UserError

_AGO = re.compile(r"(\d{1,6})\s*([smhdw])")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
FORM = "10m, 2h, 7d ago, or a time in UTC, 2027-01-31 or 2027-01-31T09:30"


def milliseconds(text: str | None, option: str) -> int | None:
    """A time since 1970. "2h" is so long ago.

    Raises:
        UserError: it is none.
    """
    if text is None:
        return None
    now = datetime.now(UTC)
    try:
        if ago := _AGO.fullmatch(text.strip()):
            return _since_1970(now - timedelta(seconds=int(ago[1]) * _UNITS[ago[2]]))
        moment = datetime.fromisoformat(text.strip())
        return _since_1970(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError) as error:
        raise UserError(f"{option} '{text[:40]}' is no time: write {FORM}") from error


def _since_1970(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
