"""How much a comparison may spend, and how much it has: money by the prices that are known, time by the clock.

A `Meter` is read before each piece of work. Work that cannot be cut into pieces of known cost (indexing, training) is done
below `bounded`: it is told to stop at its next tick, and keeps what it has.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from rung.config.pricing import PriceSettings
from rung.errors import BudgetEnded, UserError
from rung.pipeline.pricing import BATCH_SHARE, by_token, in_batches
from rung.pipeline.spending import Spending
from rung.pipeline.steering import Steering
from rung.progress import Reporter, Tick, listening, post, reporting, working_time
from rung.records.run_state import RunEvent
from rung.runtime.batch import Tally
from rung.runtime.engines import Engines
from rung.runtime.runner import StepRunner

UNPRICED = (
    "--budget-usd cannot be kept: nobody knows what this model charges; give prices in rung.yaml "
    "(prompt_usd_per_million and completion_usd_per_million, or machine_usd_per_hour), or use --budget-minutes"
)


@dataclass(frozen=True, slots=True)
class CompareRequest:
    """What the person allows: `exhaustive` switches the race off; None means no limit of money or time.

    `trials`: how many combinations of settings a search may try, None where none is wanted. `retime`: latencies that are
    known do not count, all rungs are timed anew.
    """

    exhaustive: bool = False
    usd: float | None = None
    minutes: float | None = None
    trials: int | None = None
    retime: bool = False
    began: float = field(default_factory=working_time)

    @property
    def limited(self) -> bool:
        """Whether there is any limit."""
        return self.usd is not None or self.minutes is not None


def spent_usd(tally: Tally, prices: PriceSettings, seconds: float) -> float | None:
    """Dollars spent on generations so far: by token prices where both are given, nothing where a server is paid asked or
    not, else what the host charged, else the hours of the machine; None where nothing is known."""
    priced = by_token(prices, tally.prompt_tokens, tally.completion_tokens, cached=tally.cached_tokens)
    if priced is not None:
        return priced
    if not tally.unpriced:
        return tally.usd
    if prices.machine_usd_per_hour is not None:
        return tally.usd + prices.machine_usd_per_hour * seconds / 3600
    return None


def spent_in_batches(tally: Tally, prices: PriceSettings) -> float | None:
    """Dollars spent on generations through a batch interface; None where nothing is known."""
    priced = by_token(in_batches(prices), tally.prompt_tokens, tally.completion_tokens, cached=tally.cached_tokens)
    if priced is not None:
        return priced
    return None if tally.unpriced else tally.usd * BATCH_SHARE


def training_usd_per_hour(prices: PriceSettings) -> float | None:
    """What an hour of training costs; None where nobody said."""
    return prices.gpu_usd_per_hour if prices.gpu_usd_per_hour is not None else prices.machine_usd_per_hour


@dataclass(slots=True)
class Meter:
    """Keeps a comparison within what is allowed. Costs of one answer are learnt from the answers so far.

    The tallies of `engines` count the batches, `live` the live pass of each model, `trained` the seconds of training;
    `passes` names the live passes that were made, `undone` what a limit left undone after the last answer. `steering`: who
    steers from elsewhere; the budget may grow by that.
    """

    allowed: CompareRequest
    engines: Engines
    live: dict[str, Tally] = field(default_factory=lambda: defaultdict(Tally))
    live_seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    trained: float = 0.0
    passes: list[str] = field(default_factory=list)
    undone: list[str] = field(default_factory=list)
    steering: Steering = field(default_factory=Steering)
    _training_since: float | None = None
    _refused: float | None = None  # dollars that the first step would have cost that did not fit any more

    @classmethod
    def of(cls, engines: Engines, allowed: CompareRequest | None = None, steering: Steering | None = None) -> Meter:
        """The meter of one command."""
        meter = cls(allowed or CompareRequest(), engines, steering=steering or Steering())
        meter.steering.on_more = meter.more
        meter.tell()
        return meter

    def tell(self) -> None:
        """Tell who watches what is allowed."""
        seconds = None if self.allowed.minutes is None else self.allowed.minutes * 60
        post(RunEvent(seconds_allowed=seconds, usd_allowed=self.allowed.usd))

    def more(self, minutes: float, usd: float) -> None:
        """So much is allowed besides, of what is limited."""
        allowed = self.allowed
        if allowed.minutes is not None:
            allowed = replace(allowed, minutes=allowed.minutes + minutes)
        if allowed.usd is not None:
            allowed = replace(allowed, usd=allowed.usd + usd)
            self._refused = None if usd > 0 else self._refused
        self.allowed = allowed
        self.tell()

    @property
    def prices(self) -> PriceSettings:
        """Those of the project's default model: of the machines, those of the project."""
        return self.engines.project.settings.prices

    def runner(self, engines: Engines) -> StepRunner:
        """Who runs steps on these engines; where dollars are limited, their models begin only what fits."""
        if self.allowed.usd is None:
            return StepRunner(engines)
        spending = Spending(engines, self.usd_left, self.end)
        return StepRunner(engines, lambda own, asked: replace(spending, engines=own).gated(asked))

    def used(self) -> tuple[float | None, float]:
        """Dollars (None: unknown) and minutes since the command began.

        Hours of the machine are counted once: as training while it trains, else as answering. Where nobody said what an hour
        of training costs, it is not among the dollars.
        """
        now = working_time()
        seconds = now - self.allowed.began
        trained = self.trained + (0.0 if self._training_since is None else now - self._training_since)
        usd = self._spent(seconds - trained)
        return None if usd is None else usd + trained / 3600 * (training_usd_per_hour(self.prices) or 0.0), seconds / 60

    def _spent(self, seconds: float) -> float | None:
        """Dollars of all models; the hours of the machine are the default model's. None where one of them is unknown."""
        total = 0.0
        for engines in self.engines.every:
            settings = engines.project.settings
            tally = engines.tally + self.live[settings.model]
            usd = spent_usd(tally, settings.prices, seconds if engines.whole is None else 0.0)
            if usd is None and (tally.executed or engines.whole is None):
                return None
            batched = spent_in_batches(engines.batch_tally, settings.prices)
            if batched is None and engines.batch_tally.executed:
                return None
            total += (usd or 0.0) + (batched or 0.0)
        return total

    def usd_left(self) -> float:
        """Dollars that may still be spent; 0 once a step was refused."""
        usd = self.used()[0] or 0.0
        return 0.0 if self.allowed.usd is None or self._refused is not None else max(0.0, self.allowed.usd - usd)

    def end(self, usd: float) -> str:
        """A step was refused that would cost so many dollars at most: the budget has ended. Returns why, in words."""
        self._refused = self._refused or usd
        return self.said()

    @property
    def over(self) -> bool:
        """Whether a limit is reached."""
        self.steering.obey()
        if not self.allowed.limited:
            return False
        if self._refused is not None:
            return True
        usd, minutes = self.used()
        ended = self.allowed.usd is not None and usd is not None and usd >= self.allowed.usd
        return ended or (self.allowed.minutes is not None and minutes >= self.allowed.minutes)

    def go_on(self) -> None:
        """Do so unless a limit is reached.

        Raises:
            BudgetEnded: one is.
        """
        if self.over:
            raise BudgetEnded(f"{self.said()}, while others were waited for")

    @property
    def seconds_left(self) -> float | None:
        """Seconds of training that are still allowed, by both limits; None: no limit, or no price to tell by."""
        usd, minutes = self.used()
        left = [] if self.allowed.minutes is None else [60 * (self.allowed.minutes - minutes)]
        hourly = training_usd_per_hour(self.prices)
        if self.allowed.usd is not None and usd is not None and hourly:
            left.append((self.allowed.usd - usd) / hourly * 3600)
        return max(0.0, min(left)) if left else None

    @contextmanager
    def training(self) -> Iterator[None]:
        """What is done meanwhile is training."""
        self._training_since = working_time()
        try:
            yield
        finally:
            self.trained += working_time() - self._training_since
            self._training_since = None

    def affordable(self, per_answer: tuple[float, float] | None, requested: int) -> int:
        """How many of the answers requested are within what is left.

        Args:
            per_answer: dollars and minutes that one took so far; None where it is not known yet.
            requested: how many would be next.

        Raises:
            UserError: dollars are limited and nobody knows what an answer costs.
        """
        self.steering.obey()
        usd, minutes = self.used()
        if self.allowed.usd is not None and usd is None:
            raise UserError(UNPRICED)
        fits = requested
        for limit, used, each in (
            (self.allowed.usd, usd or 0.0, (per_answer or (0, 0))[0]),
            (self.allowed.minutes, minutes, (per_answer or (0, 0))[1]),
        ):
            if limit is not None:
                left = limit - used
                fits = min(fits, 0 if left <= 0 else requested if each <= 0 else int(min(left / each, requested)))
        return fits

    def said(self) -> str:
        """Why the comparison ended, in words."""
        usd, minutes = self.used()
        limits = []
        if self.allowed.usd is not None:
            spent = f"${usd or 0:.4g} of the ${self.allowed.usd:g} allowed are spent"
            limits.append(spent + (f", and the next step may cost ${self._refused:.4g}" if self._refused else ""))
        if self.allowed.minutes is not None:
            limits.append(f"{minutes:.1f} of the {self.allowed.minutes:g} minutes allowed are over")
        return " and ".join(limits)


@dataclass(frozen=True, slots=True)
class _Bounded:
    """A reporter whose ticks end work that is not done when a limit is reached."""

    reporter: Reporter
    meter: Meter

    @contextmanager
    def phase(self, title: str) -> Iterator[Tick]:
        """As the reporter's; the tick raises `BudgetEnded`."""
        with self.reporter.phase(title) as tick:

            def bounded_tick(done: int, total: int, note: str) -> None:
                tick(done, total, note)
                if done < total and self.meter.over:
                    raise BudgetEnded(self.meter.said(), done=done, total=total)

            yield bounded_tick

    def say(self, text: str) -> None:
        """As the reporter's."""
        self.reporter.say(text)


@contextmanager
def bounded(meter: Meter) -> Iterator[None]:
    """Whatever is done meanwhile ends with `BudgetEnded` at its first tick after a limit is reached."""
    with reporting(_Bounded(listening(), meter) if meter.allowed.limited else None):
        yield
