"""What a job at a host may cost, before it is begun: tokens of all passes, times a price that somebody has named.

The price is the one of `rung.yaml`, else that of a small dated table with its source, else unknown.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import cache
from importlib.resources import files
from typing import Any

from rung.training.hosted.protocol import TuningHost
from rung.training.hosted.rows import TuningRows


@dataclass(frozen=True, slots=True)
class Forecast:
    """A job in the future. `usd` None: nobody named a price; `source`: who did. `closing`: when the host takes no more."""

    host: str
    base: str
    url: str
    rows: int
    held_out: int
    passes: int
    tokens: int
    usd: float | None
    source: str
    closing: str = ""

    def __str__(self) -> str:
        held = f", {self.held_out:,} held out" if self.held_out else ""
        price = "the price is unknown" if self.usd is None else f"about {dollars(self.usd)} ({self.source})"
        passes = "1 pass" if self.passes == 1 else f"{self.passes} passes"
        closing = f" {self.closing}" if self.closing else ""
        return (
            f"{self.host} would tune {self.base} on {self.rows:,} rows{held}, in {passes}: about {self.tokens:,} tokens, "
            f"{price}. The rows would leave this machine for {self.url}.{closing}"
        )

    def quoted(self, usd: float | None) -> Forecast:
        """With the host's own price, where it names one."""
        return self if usd is None else replace(self, usd=usd, source="as the host foretells it")


def forecast(
    host: TuningHost, rows: TuningRows, *, passes: int, usd_per_million: float | None, url: str, is_vendors: bool
) -> Forecast:
    """What a job may cost. `is_vendors`: it is the host's own server, for which the table's prices hold."""
    tokens, source = rows.tokens * passes, "the price of 'tuning' in rung.yaml"
    if usd_per_million is None and is_vendors:
        usd_per_million, source = _price(host)
    return Forecast(
        host=host.name,
        base=host.base,
        url=url,
        rows=rows.train.rows,
        held_out=rows.validation.rows if rows.validation else 0,
        passes=passes,
        tokens=tokens,
        usd=None if usd_per_million is None else tokens / 1e6 * usd_per_million,
        source=source,
        closing=closing(host.name) if is_vendors else "",
    )


def dollars(usd: float) -> str:
    """An amount, to the cent or two digits, so that a small one can be compared with a limit.

    >>> dollars(1234.5), dollars(0.00061), dollars(0)
    ('$1,234.50', '$0.00061', '$0.00')
    """
    decimals = 2 if usd <= 0 else max(2, 1 - math.floor(math.log10(usd)))
    return f"${usd:,.{decimals}f}"


def closing(host: str, *, today: date | None = None) -> str:
    """From when a host takes no new jobs, as a sentence; "" where nobody said."""
    row = next((one for one in _table()["no_new_jobs_from"] if one["host"] == host), None)
    if row is None:
        return ""
    past = date.fromisoformat(row["day"]) <= (today or datetime.now(UTC).date())
    verb = "has taken no new jobs since" if past else "takes no new jobs from"
    return f"{host} {verb} {row['day']} ({row['source']}, read {row['read']})."


def _price(host: TuningHost) -> tuple[float | None, str]:
    for row in _table()["training_usd_per_million_tokens"]:
        if row["host"] == host.name and host.base in row["models"]:
            return float(row["usd"]), f"${row['usd']:g} a million tokens: {row['source']}, read {row['read']}"
    return None, ""


@cache
def _table() -> Any:
    return json.loads((files("rung.training.hosted") / "hosts.json").read_text(encoding="utf-8"))
