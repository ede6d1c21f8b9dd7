"""What is known of a need before anything is measured, and how people write it down.

What follows from it is left to `advise`; reading facts from a folder or asking a person to `commands.interview` and the CLI.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Literal, get_args

from rung.errors import UserError
from rung.records import Json
from rung.stats.rules_of_thumb import MIN_EXAMPLES, TASK_EXAMPLES

Changes = Literal["never", "rarely", "yearly", "quarterly", "monthly", "weekly", "daily", "hourly"]

FITS_TOKENS = 100_000  # a corpus up to here can be stuffed into a prompt, for a prototype or little traffic
SMALL_TOKENS = 32_000  # up to here it is worth a try while nobody knows how much is asked
LITTLE_TRAFFIC = 3_000  # questions a month
HARD_LATENCY_MS = 200  # below, a long prompt has no room
HIGH_VOLUME = 1_000_000  # questions a month
_BOOLEANS: Mapping[str, Json] = {"yes": True, "y": True, "true": True, "no": False, "n": False, "false": False}
_NUMBER = re.compile(r"(\d{1,3}(?:[,_\s]\d{3})+|\d+(?:\.\d+)?)\s*(k|thousand|m|million|bn|billion)?")
_TIMES = {"": 1, "k": 1e3, "thousand": 1e3, "m": 1e6, "million": 1e6, "bn": 1e9, "billion": 1e9}
MEASURED = ("compared", "compared_clears")  # facts that nobody can say before a comparison


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of the need; None is not known, and counts as no.

    `examples` are inputs with wanted outputs (for `domain_vocabulary`: questions with their passages).
    `prompting_exhausted`: a serious prompt with examples was tried, and its quality no longer rises; False: it was not, or
    still rises. `answers_are_labels`: each answer is one of a fixed set. `compared`: the rung
    that the last comparison chose, `compared_clears` whether it clears the bar; what was measured goes before every rule.
    """

    needs_specific_facts: bool | None = None
    needs_behaviour_change: bool | None = None
    knowledge_changes: Changes | None = None
    needs_citations: bool | None = None
    strict_format: bool | None = None
    per_user_access: bool | None = None
    examples: int | None = None
    corpus_tokens: int | None = None
    p95_latency_ms: float | None = None
    queries_per_month: float | None = None
    prompting_exhausted: bool | None = None
    has_eval_set: bool | None = None
    prototype: bool | None = None
    specialised_reasoning: bool | None = None
    domain_vocabulary: bool | None = None
    live_values: bool | None = None
    multi_document: bool | None = None
    high_stakes: bool | None = None
    mixed_queries: bool | None = None
    answers_are_labels: bool | None = None
    compared: str | None = None
    compared_clears: bool | None = None

    @property
    def knowledge(self) -> bool:
        """Whether answers hang on facts that the model cannot have."""
        return bool(self.needs_specific_facts or self.needs_citations or self.live_values or self.per_user_access)

    @property
    def behaviour(self) -> bool:
        """Whether the model must act otherwise than it does."""
        return bool(
            self.needs_behaviour_change or self.strict_format or self.specialised_reasoning or self.answers_are_labels
        )

    @property
    def can_train(self) -> bool:
        """Whether there is enough to learn from."""
        return (self.examples or 0) >= MIN_EXAMPLES

    @property
    def hurried(self) -> bool:
        """Whether the latency limit leaves no room for long prompts."""
        return self.p95_latency_ms is not None and self.p95_latency_ms <= HARD_LATENCY_MS

    @property
    def must_tune(self) -> bool:
        """Whether prompting is done with: it has plateaued, has no room, or costs too much for the volume."""
        narrow = (self.examples or 0) >= TASK_EXAMPLES and (self.queries_per_month or 0) >= HIGH_VOLUME
        return bool(self.prompting_exhausted) or self.hurried or narrow

    @property
    def stuffable(self) -> bool:
        """Whether the whole corpus can go into every prompt."""
        size, asked = self.corpus_tokens or 0, self.queries_per_month
        unknown = bool(self.prototype) or size <= SMALL_TOKENS
        little = asked <= LITTLE_TRAFFIC if asked is not None else unknown
        open_to_all = not (self.per_user_access or self.needs_citations or self.hurried)
        return 0 < size <= FITS_TOKENS and little and open_to_all

    @property
    def few_untried(self) -> bool:
        """Whether there are too few examples to lean on, and nobody said that a prompt was tried."""
        return self.prompting_exhausted is None and not self.can_train


def facts_of(given: Mapping[str, Json], *, location: str = "facts") -> Facts:
    """Facts from an object; `location` names it in errors.

    Raises:
        UserError: an unknown key, or a value of the wrong kind.
    """
    types = {f.name: str(f.type) for f in fields(Facts)}
    values = {key: _as_written(value, types.get(key, "")) for key, value in given.items()}
    for key, value in values.items():
        if key not in types:
            close = difflib.get_close_matches(key, types, n=1)
            raise UserError(
                f"{location}: unknown fact '{key}'; {f'did you mean {close[0]!r}?' if close else ', '.join(types)}"
            )
        if value is not None and not _fits(value, types[key]):
            expected = " or ".join(get_args(Changes)) if "Changes" in types[key] else types[key].removesuffix(" | None")
            raise UserError(f"{location}: '{key}' must be {expected} or null, found {value!r}")
    return Facts(**values)  # type: ignore[arg-type]  # checked above


def _as_written(value: Json, kind: str) -> Json:
    """A value as people write it: "yes", "200,000", "60k", "1.5 million", "Weekly"; what is none of these stays."""
    if not isinstance(value, str) or kind.startswith("str"):
        return value
    text = value.strip().casefold()
    if "Changes" in kind:
        return text
    if "bool" in kind:
        return _BOOLEANS.get(text, value)
    number = _NUMBER.fullmatch(text)
    if number is None:
        return value
    amount = float(re.sub(r"[,_\s]", "", number[1])) * _TIMES[number[2] or ""]
    return int(amount) if amount.is_integer() else amount


def _fits(value: Json, kind: str) -> bool:
    if "Changes" in kind:
        return value in get_args(Changes)
    if "str" in kind:
        return isinstance(value, str)
    if "bool" in kind:
        return isinstance(value, bool)
    whole = isinstance(value, int) and not isinstance(value, bool)
    number = whole or (isinstance(value, float) and ("float" in kind or value.is_integer()))
    return number and value >= 0  # type: ignore[operator]  # a number, as just seen
