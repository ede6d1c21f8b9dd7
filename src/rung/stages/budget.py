"""How much may a comparison spend, and how much has it spent? Money by the prices that are known, time by the clock."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from rung.drivers.batch import Tally
from rung.errors import UserError
from rung.settings import PriceSettings


@dataclass(frozen=True, slots=True)
class Allowed:
    """What the person allows: `exhaustive` switches the race off; None means no limit of money or time.

    `trials`: how many combinations of settings a search may try, None where none is wanted.
    """

    exhaustive: bool = False
    usd: float | None = None
    minutes: float | None = None
    trials: int | None = None
    began: float = field(default_factory=time.monotonic)

    @property
    def limited(self) -> bool:
        """Whether there is any limit."""
        return self.usd is not None or self.minutes is not None


def spent_usd(tally: Tally, prices: PriceSettings, seconds: float) -> float | None:
    """Dollars spent on generations so far: by token prices where both are given, else what the host charged, else the hours
    of the machine; None where nothing is known."""
    if prices.prompt_usd_per_million is not None and prices.completion_usd_per_million is not None:
        tokens = tally.prompt_tokens * prices.prompt_usd_per_million
        return (tokens + tally.completion_tokens * prices.completion_usd_per_million) / 1e6
    if not tally.unpriced:
        return tally.usd
    if prices.machine_usd_per_hour is not None:
        return tally.usd + prices.machine_usd_per_hour * seconds / 3600
    return None


@dataclass(slots=True)
class Meter:
    """Keeps a comparison within what is allowed. Costs of one answer are learnt from the answers so far."""

    allowed: Allowed
    tally: Tally
    prices: PriceSettings

    def used(self) -> tuple[float | None, float]:
        """Dollars (None: unknown) and minutes since the command began."""
        seconds = time.monotonic() - self.allowed.began
        return spent_usd(self.tally, self.prices, seconds), seconds / 60

    def affordable(self, per_answer: tuple[float, float] | None, wanted: int) -> int:
        """How many of the answers wanted are within what is left.

        Args:
            per_answer: dollars and minutes that one took so far; None where it is not known yet.
            wanted: how many would be next.

        Raises:
            UserError: dollars are limited and nobody knows what an answer costs.
        """
        usd, minutes = self.used()
        if self.allowed.usd is not None and usd is None:
            raise UserError(
                "--budget-usd cannot be kept: nobody knows what this model charges; give prices in rung.yaml "
                "(prompt_usd_per_million and completion_usd_per_million, or machine_usd_per_hour), or use --budget-minutes"
            )
        fits = wanted
        for limit, used, each in (
            (self.allowed.usd, usd or 0.0, (per_answer or (0, 0))[0]),
            (self.allowed.minutes, minutes, (per_answer or (0, 0))[1]),
        ):
            if limit is not None:
                left = limit - used
                fits = min(fits, 0 if left <= 0 else wanted if each <= 0 else int(left / each))
        return fits

    def said(self) -> str:
        """Why the comparison ended, in words."""
        usd, minutes = self.used()
        limits = []
        if self.allowed.usd is not None:
            limits.append(f"${usd or 0:.4g} of the ${self.allowed.usd:g} allowed are spent")
        if self.allowed.minutes is not None:
            limits.append(f"{minutes:.1f} of the {self.allowed.minutes:g} minutes allowed are over")
        return " and ".join(limits)
