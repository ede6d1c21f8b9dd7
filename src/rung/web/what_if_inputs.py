"""What may be changed on the page "What if": the inputs of a decision as fields of a form, and a decision with other ones.

Pure: from a stored decision and what a form sent to a decision. Deciding is left to `verdict`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from rung.pipeline.decision_store import Decision
from rung.verdict.bar import Bar, Limit
from rung.verdict.costs import Demand, Prices
from rung.verdict.share_flips import MOST_RISK

PREFER = "prefer"
ASKED, GOOD, PRICES = "What is asked", "What is good enough", "Prices"  # groups of inputs
PREFERENCES = {"ladder": "the lowest rung", "cost": "the cheapest"}
_MOST = 1e12


@dataclass(frozen=True, slots=True)
class Field:
    """One number of the form. `now`: the verdict's, None: not stated; `least`, `most`: what it may be, `above` where `least`
    itself may not; `needed`: whether it may not be empty; `slider`: from, to, and whether its scale is logarithmic."""

    name: str
    label: str
    group: str
    now: float | None
    least: float = 0.0
    most: float = _MOST
    above: bool = False
    needed: bool = False
    slider: tuple[float, float, bool] | None = None

    def read(self, text: str) -> float | None:
        """What was sent for it.

        Raises:
            ValueError: what is wrong, in words.
        """
        if self.now is not None and text.strip() == written(self.now):
            return self.now
        if not text.strip():
            if self.needed:
                raise ValueError(f"{self.label}: it needs a number")
            return None
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not (self.least < value or (value == self.least and not self.above)) or not value <= self.most:
            start = "above" if self.above else "from"
            upto = "" if self.most == _MOST else f" to {self.most:g}"
            raise ValueError(f"{self.label}: '{text[:40]}' is no number {start} {self.least:g}{upto}")
        return value


def written(value: float) -> str:
    """A number as the form shows it: 5000, 0.2, 4.348. Sent back as it was shown, it is the verdict's own."""
    return f"{value:.0f}" if value == round(value) else f"{value:.4g}"


_OF_DEMAND = ("queries", "changes", "changed_share", "retrainings")
# key, label, and how far its slider goes: a number of its own may be larger
_OF_PRICES: tuple[tuple[str, str, float], ...] = (
    ("machine_usd_per_hour", "An hour of the machine that answers, $", 10),
    ("machine_concurrency", "Questions that it answers at once", 64),
    ("prompt_usd_per_million", "A million tokens of prompts, $", 20),
    ("completion_usd_per_million", "A million tokens of answers, $", 80),
    ("cached_prompt_usd_per_million", "A million cached tokens of prompts, $", 20),
    ("gpu_usd_per_hour", "An hour of the machine that trains, $", 20),
    ("labour_usd_per_hour", "An hour of a person, $", 200),
    ("documents_hours", "Hours of a person for the documents", 200),
    ("examples_hours", "Hours of a person for the examples", 200),
    ("storage_usd_per_gb_month", "A gigabyte stored for a month, $", 2),
    ("months", "Months over which is spread what is paid once", 60),
)
_POSITIVE = ("machine_concurrency", "months")


def fields_of(decision: Decision) -> tuple[Field, ...]:
    """Every number that may be changed, with the verdict's own."""
    bar, context = decision.bar, decision.context
    demand = context.demand
    fields = [
        Field("queries", "Questions a month", ASKED, demand.queries, above=True, slider=(10, 10_000_000, True)),
        Field("changes", "Changes of the documents a month", ASKED, demand.changes, slider=(0, 60, False)),
        Field(
            "changed_share", "Share of the documents that changes", ASKED, demand.changed_share,
            most=1.0, needed=True, slider=(0, 1, False),
        ),
        Field("retrainings", "Trainings anew a month", ASKED, demand.retrainings, slider=(0, 30, False)),
        Field("correct", "Bar for correct", GOOD, bar.correct, most=1.0, slider=(0, 1, False)),
        Field(
            "risk", "Risk of being wrong", GOOD, bar.risk,
            most=MOST_RISK, above=True, needed=True, slider=(0.01, MOST_RISK, False),
        ),
    ]  # fmt: skip
    for name, limit in bar.limits.items():
        words = f"{name}, at {'most' if limit.is_upper else 'least'}"
        most = 1.0 if limit.metric.is_share else _MOST
        slider = (0.0, 1.0 if limit.metric.is_share else 4 * limit.value or 10.0, False)
        fields.append(Field(f"limit.{name}", words, GOOD, limit.value, most=most, needed=True, slider=slider))
    fields += [_of_price(name, label, most, getattr(context.prices, name)) for name, label, most in _OF_PRICES]
    for model, prices in context.prices_on.items():
        for name, label, most in _OF_PRICES:
            if (own := getattr(prices, name)) != getattr(context.prices, name):
                field = _of_price(name, label, most, own)
                fields.append(replace(field, name=f"{model}.{name}", group=f"{PRICES} of {model}"))
    return tuple(fields)


def _of_price(name: str, label: str, most: float, now: float | None) -> Field:
    is_positive = name in _POSITIVE
    slider = (1.0 if is_positive else 0.0, max(most, 2 * (now or 0)), False)
    return Field(name, label, PRICES, now, above=is_positive, needed=is_positive, slider=slider)


@dataclass(frozen=True, slots=True)
class Changed:
    """A decision with other inputs. `values`: of each field, as it counts; `wrong`: what was sent and cannot be; `names`: of
    the inputs that differ from the verdict's."""

    decision: Decision
    values: Mapping[str, float | None]
    wrong: tuple[str, ...]
    names: tuple[str, ...]


def changed(decision: Decision, sent: Mapping[str, str]) -> Changed:
    """The decision with what a form sent in the place of the verdict's numbers; what was not sent stays."""
    fields, values, wrong = fields_of(decision), dict[str, float | None](), list[str]()
    for field in fields:
        values[field.name] = field.now
        if field.name in sent:
            try:
                values[field.name] = field.read(sent[field.name])
            except ValueError as error:
                wrong.append(str(error))
    prefer = sent.get(PREFER, decision.bar.prefer)
    if prefer not in PREFERENCES:
        wrong.append(f"'{prefer[:40]}' is none of {', '.join(PREFERENCES)}")
        prefer = decision.bar.prefer
    names = [field.label for field in fields if values[field.name] != field.now]
    names += ["Which is taken"] if prefer != decision.bar.prefer else []
    bar = _bar(decision.bar, values)
    bar = replace(bar, prefer="cost" if prefer == "cost" else "ladder")
    return Changed(_with(decision, bar, values), values, tuple(wrong), tuple(names))


def _bar(bar: Bar, values: Mapping[str, float | None]) -> Bar:
    def limited(name: str, limit: Limit) -> Limit:
        value = values[f"limit.{name}"]
        return limit if value is None else replace(limit, value=value)

    limits = {name: limited(name, limit) for name, limit in bar.limits.items()}
    return replace(bar, correct=values["correct"], risk=values["risk"] or bar.risk, limits=limits)


def _with(decision: Decision, bar: Bar, values: Mapping[str, float | None]) -> Decision:
    """Prices that a model shares with the project change with the project's."""
    context = decision.context

    def prices(before: Prices, name: Callable[[str], str]) -> Prices:
        return replace(before, **{key: values[name(key)] for key, *_ in _OF_PRICES})  # type: ignore[arg-type]

    demand = Demand(**{name: values[name] for name in _OF_DEMAND})  # type: ignore[arg-type]
    on = {
        model: prices(before, lambda key, model=model: f"{model}.{key}" if f"{model}.{key}" in values else key)  # type: ignore[misc]
        for model, before in context.prices_on.items()
    }
    context = replace(context, demand=demand, prices=prices(context.prices, lambda key: key), prices_on=on)
    return replace(decision, bar=bar, context=context)
