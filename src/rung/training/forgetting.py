"""What a model forgot while it was tuned, by the same probe before and after: general text, choices, instructions.

Three numbers: `answer_loss`, the mean over texts of nats per token of the wanted answer (in the chat's form); `choices`, the
share of questions whose right option is the likeliest by log-likelihood per byte, in plain text (`choices_raw`: without the
division); `instructions`, the share of greedy, served answers that keep to the form asked for. What is asked is in
`probing`, the forms in `following`; keeping the base's numbers and writing the manifest is left to `artifacts`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from rung.errors import InternalError
from rung.records import Estimate, Json, Message
from rung.records.steps import Engine, Generate, GenerateResult, Request
from rung.training.examples import Row, Tokens, tokenised
from rung.training.following import follows
from rung.training.forward import Forward
from rung.training.probing import Choice, Probe

FORMAT = 2  # raise it when the same weights and probe lead to other numbers
MAX_TOKENS = 2048  # of a row: longer texts are left out, longer prompts of choices lose their beginning
ANSWER_TOKENS = 120


@dataclass(frozen=True, slots=True)
class Limit:
    """How much may be forgotten: a rise in nats, falls as shares. A number is over its limit only where it is larger *and*
    the 95 % interval of the change excludes 0, so that a coin's luck marks nobody.

    The defaults are a judgement, made on adapters that were trained here (docs/forgetting.md has their numbers), and keep
    out what is broken, not what is narrow. A rise of the loss by 1 nat makes a token of a good general answer 0.37 times as
    likely as it was; a fall of 0.1 in `choices` is a quarter of what the small model knows above chance. Instructions are
    not limited (1 cannot be exceeded) but told of: a model that was taught one form answers in it whatever it is asked, and
    a tuned rung is asked nothing else.
    """

    answer_loss: float = 1.0
    choices: float = 0.1
    instructions: float = 1.0


NOTABLE = Limit(answer_loss=0.5, choices=0.05, instructions=0.25)  # from here on it is worth telling, though it is allowed


@dataclass(frozen=True, slots=True)
class Measured:
    """What a probe came to, item by item, in its order."""

    answer_loss: tuple[float, ...] = ()
    choices: tuple[float, ...] = ()
    choices_raw: tuple[float, ...] = ()
    instructions: tuple[float, ...] = ()

    def means(self) -> dict[str, Json]:
        """Each number's mean; None where nothing was asked."""
        return {name: sum(column) / len(column) if column else None for name, column in self.columns().items()}

    def columns(self) -> dict[str, tuple[float, ...]]:
        """The numbers by name."""
        return asdict(self)


def measure_text(weights: Forward, tokens: Tokens, probe: Probe, *, context: int = MAX_TOKENS) -> Measured:
    """Losses and choices, by the weights that are served, of a model that takes `context` tokens."""
    most = min(MAX_TOKENS, context)
    chats = [row for row in tokenised(probe.examples, tokens) if len(row.ids) <= most]
    options = [_options(tokens, choice, most) for choice in probe.choices]
    losses_of = dict(weights.summed([*chats, *(row for rows in options for row in rows)]))
    raw, normalised = [], []
    for choice, rows in zip(probe.choices, options, strict=True):
        likely = [-losses_of[row] for row in rows]
        by_byte = [each / len(text.encode()) for each, text in zip(likely, choice.scored, strict=True)]
        raw.append(float(likely.index(max(likely)) == choice.gold))
        normalised.append(float(by_byte.index(max(by_byte)) == choice.gold))
    losses = tuple(losses_of[row] / (len(row.ids) - row.prompt) for row in chats)
    return Measured(losses, tuple(normalised), tuple(raw))


def measure_following(engine: Engine, probe: Probe, *, adapter: str = "") -> tuple[float, ...]:
    """1 for each instruction whose answer keeps to its form. An answer that failed does not."""
    asked = [Request(Generate((Message("user", i.prompt),), adapter, max_tokens=ANSWER_TOKENS)) for i in probe.instructions]
    results = dict(engine.run(asked)) if asked else {}
    scores = []
    for index, instruction in enumerate(probe.instructions):
        result = results[index]
        scores.append(float(isinstance(result, GenerateResult) and follows(result.text, instruction.check)))
    return tuple(scores)


def _options(tokens: Tokens, choice: Choice, most: int) -> list[Row]:
    given, scored = tokens.encode(choice.given), tokens.encode(choice.scored)
    rows = []
    for before, after in zip(given, scored, strict=True):
        prompt = before[max(0, len(before) + len(after) - most) :]
        rows.append(Row((*prompt, *after), len(prompt)))
    return rows


def worse(before: Measured, after: Measured) -> dict[str, Estimate]:
    """How much worse each number is after the tuning, item by item: mean and 95 % interval; above 0 is worse.

    Raises:
        InternalError: the two were not asked the same.
    """
    from rung.verdict.statistics import paired

    changes: dict[str, Estimate] = {}
    later = after.columns()
    for name, column in before.columns().items():
        if len(column) != len(later[name]):
            raise InternalError(f"{name} was measured on {len(column)} items before and {len(later[name])} after")
        is_loss = name == "answer_loss"
        more, less = (later[name], column) if is_loss else (column, later[name])
        changes[name] = paired(more, less, share=not is_loss).estimate
    return changes


def over(change: Mapping[str, Estimate], limit: Limit) -> tuple[str, ...]:
    """A sentence for each number that is over its limit; none: the gate is passed."""
    allowed = asdict(limit)
    return tuple(f"{_shown(name, change[name])}, more than the {allowed[name]:g} allowed" for name in _above(change, limit))


def notable(change: Mapping[str, Estimate], limit: Limit) -> tuple[str, ...]:
    """A sentence for each number that changed enough to be told of, and is within its limit."""
    allowed, broken = asdict(limit), _above(change, limit)
    names = [name for name in _above(change, NOTABLE) if name not in broken]
    bounds = {
        name: "not limited" if name != "answer_loss" and allowed[name] >= 1 else f"{allowed[name]:g} allowed"
        for name in names
    }
    return tuple(f"{_shown(name, change[name])} ({bounds[name]})" for name in names)


def _above(change: Mapping[str, Estimate], limit: Limit) -> list[str]:
    """The numbers that are larger, and whose interval leaves out 0."""
    measured = {name: change[name] for name in asdict(limit) if name in change}
    bounds = asdict(limit)
    return [n for n, e in measured.items() if e.mean is not None and e.low is not None and e.mean > bounds[n] and e.low > 0]


def _shown(name: str, e: Estimate) -> str:
    return _WORDS[name].format(f"{e.mean:.2f} [{e.low:.2f}, {e.high:.2f}]")


_WORDS = {
    "answer_loss": "the loss on general answers rose by {} nats a token",
    "choices": "the share of general questions answered right fell by {}",
    "instructions": "the share of instructions followed fell by {}",
}


def report_of(probe: Probe, before: Measured, after: Measured, limit: Limit) -> dict[str, Json]:
    """What a manifest says under `forgetting`."""
    change = worse(before, after)
    why = over(change, limit)
    return {
        "probe": {
            "digest": probe.digest,
            "answer_loss": len(before.answer_loss),
            "choices": len(before.choices),
            "instructions": len(before.instructions),
        },
        "before": before.means(),
        "after": after.means(),
        "worse": {name: asdict(estimate) for name, estimate in change.items()},
        "limit": asdict(limit),
        "passed": not why,
        "why": list(why),
        "notable": [_shown(name, change[name]) for name in _above(change, NOTABLE)],
    }


def judged(report: Mapping[str, Json], limit: Limit) -> tuple[str, ...]:
    """`over`, from what a manifest says under `forgetting`: the limit may be another today than when it was trained."""
    return over(changed(report), limit)


def changed(report: Mapping[str, Json]) -> dict[str, Estimate]:
    """How much worse each number became, from what a manifest says under `forgetting`."""
    change = report.get("worse")
    worse_by = change if isinstance(change, dict) else {}
    return {name: Estimate(**e) for name, e in worse_by.items() if isinstance(e, dict)}  # type: ignore[arg-type]
