"""What a comparison would take: calls and tokens by rehearsing each rung without a model; money and minutes from those.

The numbers are bounds: every rung answers every case, at its longest (`rehearsing`). A race needs a part, and equal steps
count once. Minutes are bounds of another kind: as many tokens, at the pace that was measured here; where nothing was
measured they are unknown. Beside each bound stands what is likely.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from rung.config.project import Project
from rung.errors import UserError
from rung.models.catalog import is_local
from rung.models.endpoint import is_on_server
from rung.pipeline.budget import UNPRICED
from rung.pipeline.candidates import models_asked
from rung.pipeline.pricing import is_batched, usd_of
from rung.pipeline.rehearsal import Use
from rung.records import Json


@dataclass(frozen=True, slots=True)
class Forecast:
    """What some work takes at most: model calls and tokens. `usd` and `minutes` None: unknown. `likely`: about what it will
    come to, None where that is not told apart."""

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    usd: float | None = None
    minutes: float | None = None
    likely: Forecast | None = None

    def lines(self) -> Iterator[str]:
        """For a person: the bound, and below it what is likely."""
        yield f"at most {self.words()}"
        if self.likely is not None and self.calls:
            yield f"likely {self.likely.consumed()}"

    def words(self) -> str:
        """Calls, tokens, dollars, minutes."""
        return f"{self.calls:,} call{'s' if self.calls != 1 else ''}, {self.consumed()}"

    def consumed(self) -> str:
        """Tokens read and written, dollars, minutes."""
        tokens = f"{self.prompt_tokens:,} + {self.completion_tokens:,} tokens"
        return f"{tokens}, {usd_in_words(self.usd)}, {minutes_in_words(self.minutes)}"

    def as_json(self) -> dict[str, Json]:
        """For programs."""
        names = ("calls", "prompt_tokens", "completion_tokens", "usd", "minutes")
        entry: dict[str, Json] = {name: getattr(self, name) for name in names}
        return entry if self.likely is None else {**entry, "likely": self.likely.as_json()}


@dataclass(frozen=True, slots=True)
class Rates:
    """What tokens cost and how long they take. By the name of the model, `pace`: seconds of a token in batches, `live`: in
    the live pass; `indexing`: of a passage. None, or absent, where none was measured here."""

    project: Project
    pace: Mapping[str, float | None] = field(default_factory=dict)
    live: Mapping[str, float | None] = field(default_factory=dict)
    indexing: float | None = None

    def of(
        self, most: Use, likely: Use | None = None, *, live: bool = False, model: str = "", answers: bool = False
    ) -> Forecast:
        """The forecast of this work. `model`: who generates; "" is the project's model. `answers`: of rungs to cases, which
        may go through a batch interface: at its prices, in a time that nobody knows.

        A server's model may write `server.reasoning_tokens` beside each answer; how many it likely does, nobody knows.
        """
        batched = answers and is_batched(self.project.on(model))
        expected = None if likely is None else self._of(likely, live=live, model=model, batched=batched)
        settings = self.project.on(model).settings
        if is_on_server(model or settings.model):
            most = replace(most, completion=most.completion + most.calls * settings.server.reasoning_tokens)
        return replace(self._of(most, live=live, model=model, batched=batched), likely=expected)

    def _of(self, use: Use, *, live: bool, model: str, batched: bool) -> Forecast:
        settings, paces = self.project.settings, self.live if live else self.pace
        pace = None if batched else paces.get(model or settings.model)
        minutes = None if pace is None else (use.prompt + use.completion) * pace / 60
        minutes = 0.0 if not use.calls else minutes
        usd = self._usd(use, minutes, model or settings.model, batched=batched)
        return Forecast(use.calls, use.prompt, use.completion, usd, minutes)

    def _usd(self, use: Use, minutes: float | None, model: str, *, batched: bool) -> float | None:
        """As a comparison counts what it spends (`budget.spent_usd`)."""
        prices = self.project.on(model).settings.prices
        priced = usd_of(prices, model, use.prompt, use.completion, batched=batched)
        if priced is None:
            hourly = prices.machine_usd_per_hour
            return 0.0 if not use.calls else None if hourly is None or minutes is None else hourly * minutes / 60
        return priced


def in_all(forecasts: Sequence[Forecast]) -> Forecast:
    """The sum; what one does not know, the sum does not. What calls no model is as likely as it is at most."""
    likely = [f.likely or (f if not f.calls else None) for f in forecasts]
    stated = [one for one in likely if one is not None]
    return replace(_sum(forecasts), likely=_sum(stated) if len(stated) == len(forecasts) else None)


def _sum(forecasts: Sequence[Forecast]) -> Forecast:
    usd = [f.usd for f in forecasts if f.usd is not None]
    minutes = [f.minutes for f in forecasts if f.minutes is not None]
    return Forecast(
        sum(f.calls for f in forecasts),
        sum(f.prompt_tokens for f in forecasts),
        sum(f.completion_tokens for f in forecasts),
        sum(usd) if len(usd) == len(forecasts) else None,
        sum(minutes) if len(minutes) == len(forecasts) else None,
    )


def rates_of(project: Project) -> Rates:
    """Prices as `rung.yaml` and the price list have them, paces as earlier comparisons noted them."""
    path: Path = project.state / "rung.db"
    if not path.is_file():
        return Rates(project)
    from rung.runtime.scratch import ScratchCache

    store = ScratchCache(path)
    try:
        names = project.settings.model_names.values()
        pace, live = ({name: _pace(store.noted(kind, name)) for name in names} for kind in ("pace", "live_pace"))
        indexing = _pace(store.noted("index_pace_of", project.settings.embedder), of="passages")
    finally:
        store.close()
    return Rates(project, pace, live, indexing)


def check_priced(project: Project, usd: float | None) -> None:
    """Refuse a budget in dollars that cannot be kept, before documents are read; `usd` None: there is none.

    Raises:
        UserError: neither `rung.yaml` nor the price list has a price for this model. A plugin's may still name one.
    """
    for model in models_asked(project) if usd is not None else ():
        prices = project.on(model).settings.prices
        is_priced = prices.machine_usd_per_hour is not None or usd_of(prices, model, 1, 1) is not None
        if not is_priced and (is_local(model) or is_on_server(model)):
            raise UserError(UNPRICED)


def usd_in_words(usd: float | None) -> str:
    """ "$0.12", "under $0.01", "$ unknown"."""
    return "$ unknown" if usd is None else f"${usd:.2f}" if usd >= 0.01 or not usd else "under $0.01"


def minutes_in_words(minutes: float | None) -> str:
    """ "3.1 minutes", "minutes unknown"."""
    return "minutes unknown" if minutes is None else f"{minutes:.1f} minutes"


def _pace(note: Json, *, of: str = "tokens") -> float | None:
    """Seconds of a token, or of whatever was counted; None before the first was."""
    seconds, count = (note.get("seconds"), note.get(of)) if isinstance(note, dict) else (None, None)
    measured = isinstance(seconds, (int, float)) and isinstance(count, int) and count > 0
    return float(seconds) / count if measured else None  # type: ignore[arg-type, operator]  # as measured says
