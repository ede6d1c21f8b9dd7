"""What a rung costs, whole: preparing, building, answering and keeping it up. Unknown stays unknown: None, never 0.

A part that a rung does not need costs 0; a part that it needs and that nobody gave a price for is None, and so is every sum
that it goes into. From which volume one rung is cheaper than another, and what would change the choice, is left to `flips`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from rung.records import Bill, Effort, Hosted, Latency, Outcome, Usage

HOSTING = "hosting"  # the part of a bill that hangs on the traffic by steps
_FAR = 10_000  # steps of servers that are looked through
OWN_STEPS = ("search", "rerank", "classify")  # that this machine carries out; tokens pay for the others
_SAME = 1e-9  # of a server's traffic: numbers that differ by less are one
_GIGABYTE = 1e9
_HOUR = 3600.0
_MILLION = 1e6


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices that were given, in US dollars. `machine_usd_per_hour`: of the machine that answers, `machine_concurrency`
    questions at once; tokens per million. `cached_prompt_usd_per_million`: of those that a server had in its
    cache, where they have a price of their own.

    `hosting_usd_per_hour`: of a server that is paid whether it is asked or not, for `hosting_hours_per_month`;
    `hosting_tokens_per_second`: what it reads and writes at most. Tokens of a model on it cost nothing more.

    `gpu_usd_per_hour`: of the machine that trains, else the same one. `documents_hours` and `examples_hours`: a person's
    time to prepare them, at `labour_usd_per_hour`. `months`: over which what is paid once is spread.
    """

    machine_usd_per_hour: float | None = None
    prompt_usd_per_million: float | None = None
    completion_usd_per_million: float | None = None
    gpu_usd_per_hour: float | None = None
    labour_usd_per_hour: float | None = None
    documents_hours: float | None = None
    examples_hours: float | None = None
    storage_usd_per_gb_month: float | None = None
    months: float = 12
    cached_prompt_usd_per_million: float | None = None
    machine_concurrency: float = 1
    hosting_usd_per_hour: float | None = None
    hosting_hours_per_month: float = 730.5
    hosting_tokens_per_second: float | None = None

    @property
    def trainer_usd_per_hour(self) -> float | None:
        """Of the machine that trains."""
        return self.machine_usd_per_hour if self.gpu_usd_per_hour is None else self.gpu_usd_per_hour

    def of_tokens(self, prompt: int, completion: int, cached: int = 0) -> float | None:
        """Dollars of these tokens, `cached` of the prompt's; without a price of their own these cost what the others do.

        None where not both other prices were given.
        """
        if self.prompt_usd_per_million is None or self.completion_usd_per_million is None:
            return None
        of_cached = self.prompt_usd_per_million
        if self.cached_prompt_usd_per_million is not None:
            of_cached = self.cached_prompt_usd_per_million
        read = (prompt - cached) * self.prompt_usd_per_million + cached * of_cached
        return (read + completion * self.completion_usd_per_million) / _MILLION

    def of_seconds(self, seconds: float) -> float | None:
        """Dollars of the machine for an answer that takes so long; None where its hour has no price."""
        if self.machine_usd_per_hour is None:
            return None
        return self.machine_usd_per_hour * seconds / _HOUR / self.machine_concurrency


@dataclass(frozen=True, slots=True)
class Demand:
    """What is asked of a rung in a month. None: not stated. `changed_share`: of the documents, at each of their changes."""

    queries: float | None = None
    retrainings: float | None = None
    changes: float | None = None
    changed_share: float = 1.0


def bill(effort: Effort, prices: Prices, demand: Demand) -> Bill:
    """Every part of a rung's cost, and the sums per month, per thousand queries and per passed answer."""
    training = _product(effort.training_seconds, prices.trainer_usd_per_hour, scale=1 / _HOUR)
    indexing = _product(effort.indexing_seconds, prices.machine_usd_per_hour, scale=1 / _HOUR)
    once = {
        "documents": _product(prices.documents_hours, prices.labour_usd_per_hour) if effort.uses_documents else 0.0,
        "examples": _product(prices.examples_hours, prices.labour_usd_per_hour) if effort.uses_examples else 0.0,
        "training": training,
        "building": _asked(effort, prices),
        "indexing": indexing,
    }
    monthly = {
        "storage": _product(effort.stored_bytes, prices.storage_usd_per_gb_month, scale=1 / _GIGABYTE),
        "retraining": _product(training, demand.retrainings),
        "re-indexing": _product(indexing, demand.changes, scale=demand.changed_share),
        HOSTING: hosting_usd(effort.hosted, demand.queries or 0.0),
    }
    standing = _sum([*monthly.values(), _product(_sum(once.values()), 1 / prices.months)])
    answering = _product(demand.queries, effort.per_query)
    per_month = None if demand.queries is None else _sum([standing, answering])
    per_1k = None if per_month is None or not demand.queries else per_month / demand.queries * 1000
    per_passed = None if per_1k is None or not effort.passed else per_1k / 1000 / effort.passed
    return Bill(once, monthly, effort.per_query, per_month, per_1k, per_passed, effort.hosted)


def hosting_usd(hosted: Iterable[Hosted], queries: float) -> float:
    """Dollars a month of as many servers as so many queries take, at least one of each."""
    return sum(one.usd_per_month * servers(one, queries) for one in hosted)


def servers(hosted: Hosted, queries: float) -> int:
    """How many of a server so many queries a month take."""
    return max(1, math.ceil(queries / hosted.queries - _SAME)) if hosted.queries else 1


def answering_usd_per_1k(effort: Effort, demand: Demand) -> float | None:
    """Dollars of a thousand answers: inference, and its share of what is hosted by the hour; None where one is unknown."""
    if effort.per_query is None or not effort.hosted:
        return _product(effort.per_query, 1000)
    if not demand.queries:
        return None
    return (effort.per_query + hosting_usd(effort.hosted, demand.queries) / demand.queries) * 1000


def hosted_on(prices: Prices, tokens: float) -> Hosted | None:
    """The server that a model answers on, where it is paid by the hour. `tokens`: that a query takes there."""
    if prices.hosting_usd_per_hour is None:
        return None
    hours, rate = prices.hosting_hours_per_month, prices.hosting_tokens_per_second
    return Hosted(prices.hosting_usd_per_hour * hours, rate * _HOUR * hours / tokens if rate and tokens else None)


def _asked(effort: Effort, prices: Prices) -> float | None:
    """The tokens that models took while it was built; where these have no price, the machine's time."""
    if effort.building_usd is not None:
        return effort.building_usd
    return _product(effort.building_seconds, prices.machine_usd_per_hour, scale=1 / _HOUR)


def usd_per_1k(
    outcomes: Sequence[Outcome],
    *,
    prices: Prices,
    latency: Latency | None = None,
    prices_by: Mapping[str, Prices] = MappingProxyType({}),
) -> float | None:
    """Price of a thousand answers like these, in US dollars: inference alone. Failures count where a model was paid for
    them, and are left out where it read and wrote nothing.

    Tokens by their prices where both were given, else by what the model's host charged, where every answer's charge is
    known; to them comes the machine's time for `OWN_STEPS` where its hour has a price. Where no token was used, or none has
    a price: the machine's hour and the mean time of the live pass, all of it. None where none of these is known.

    `prices_by`: by rung, for answers that another rung gave (`Answer.by`).
    """
    given = [
        ("" if outcome.answer is None else outcome.answer.by, outcome.usage)
        for outcome in outcomes
        if outcome.answer is not None or has_tokens(outcome.usage)
    ]
    answers = [usage for _, usage in given]
    if not answers:
        return None
    tokens = [token_usd(usage, prices_by.get(by, prices)) for by, usage in given]
    priced_tokens = [usd for usd in tokens if usd is not None]
    if len(priced_tokens) == len(tokens) and any(map(has_tokens, answers)):
        beside = 0.0 if latency is None else prices.of_seconds(own_seconds(latency)) or 0.0
        return (sum(priced_tokens) / len(priced_tokens) + beside) * 1000
    usd = None if latency is None or not latency.times else prices.of_seconds(mean_seconds(latency))
    return None if usd is None else usd * 1000


def token_usd(usage: Usage, prices: Prices) -> float | None:
    """Dollars of the tokens of an answer: by the prices given, else as its host charged; nothing where it used none, or its
    server is paid by the hour."""
    given = prices.of_tokens(usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens)
    if given is not None:
        return given
    return 0.0 if prices.hosting_usd_per_hour is not None or not has_tokens(usage) else usage.usd


def estimated_answers(outcomes: Iterable[Outcome]) -> int:
    """Answers whose tokens, or some of them, no server counted."""
    return sum(outcome.usage.estimated > 0 for outcome in outcomes if outcome.answer is not None)


def has_tokens(usage: Usage) -> bool:
    """Whether a model read or wrote anything for an answer."""
    return usage.prompt_tokens + usage.completion_tokens > 0


def mean_seconds(latency: Latency) -> float:
    """How long an answer takes on average: a machine is paid for the slow ones too."""
    return sum(latency.times) / len(latency.times) / 1000


def own_seconds(latency: Latency) -> float:
    """How long an answer takes on average in `OWN_STEPS`."""
    return sum(latency.means.get(step, 0.0) for step in OWN_STEPS) / 1000


def break_even(one: Bill, other: Bill, *, months: float) -> float | None:
    """The queries per month from which the one that is cheaper at much traffic (`rate`) is the cheaper of the two; 0: it
    always is. Where servers are paid by the hour, the first such: at a step to a further one it may be the dearer again.

    None where that cannot be said (a part that only one of them has unknown), or where their answers cost the same. A part
    of the same name that both have unknown is taken for the same thing, prepared once for both.
    """
    if one.per_query is None or other.per_query is None or rate(one) == rate(other):
        return None
    cheap, dear = sorted((one, other), key=rate)
    standing = _standing_difference(cheap, dear, months)
    if standing is None:
        return None
    saved = (dear.per_query or 0.0) - (cheap.per_query or 0.0)
    for begin, end, hosting in _steps(cheap.hosted, dear.hosted):
        difference = standing + hosting - saved * begin
        if difference <= 0:
            return begin
        if saved > 0 and (volume := begin + difference / saved) <= end:
            return volume
    return None


def dearer_beyond(one: Bill, other: Bill, volume: float, *, months: float) -> bool:
    """Whether the one that is cheaper from `volume` on, as `break_even` found it, is the dearer again for a while: where it
    takes a further server and the other does not."""
    cheap, dear = sorted((one, other), key=rate)
    standing, saved = _standing_difference(cheap, dear, months) or 0.0, (dear.per_query or 0.0) - (cheap.per_query or 0.0)
    later = ((begin, hosting) for begin, _, hosting in _steps(cheap.hosted, dear.hosted) if begin > volume)
    return any(standing + hosting - saved * begin > _SAME for begin, hosting in later)


def rate(of: Bill) -> float:
    """Dollars of a query where servers that are paid by the hour are busy all the time."""
    return (of.per_query or 0.0) + sum(one.usd_per_month / one.queries for one in of.hosted if one.queries)


def _steps(one: Sequence[Hosted], other: Sequence[Hosted]) -> Iterator[tuple[float, float, float]]:
    """(from, up to, how many dollars a month more the one's servers cost) of each stretch of traffic in which no further
    server is needed, `_FAR` of them at most."""
    limited = [hosted.queries for hosted in (*one, *other) if hosted.queries]
    begin = 0.0
    for _ in range(_FAR):
        end = min((queries * (math.floor(begin / queries + _SAME) + 1) for queries in limited), default=math.inf)
        middle = begin + (end - begin) / 2 if limited else begin
        yield begin, end, hosting_usd(one, middle) - hosting_usd(other, middle)
        if not limited:
            return
        begin = end


def _standing_difference(one: Bill, other: Bill, months: float) -> float | None:
    """How much more the one costs in a month without a single query, servers that are paid by the hour aside."""
    total = 0.0
    for mine, theirs, over in ((one.once, other.once, months), (one.monthly, other.monthly, 1.0)):
        for name, usd in mine.items():
            if name == HOSTING:
                continue
            beside = theirs.get(name, 0.0)
            if usd is None and beside is None:
                continue
            if usd is None or beside is None:
                return None
            total += (usd - beside) / over
    return total


def _product(amount: float | None, price: float | None, *, scale: float = 1.0) -> float | None:
    """Nothing of anything costs nothing, whatever its price; else an unknown factor makes the product unknown."""
    if amount == 0 or price == 0:
        return 0.0
    return None if amount is None or price is None else amount * price * scale


def _sum(parts: Iterable[float | None]) -> float | None:
    amounts = list(parts)
    return None if None in amounts else sum(part for part in amounts if part is not None)
