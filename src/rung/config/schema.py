"""The keys that may stand in `rung.yaml`, and what may stand there. Sections as frozen models.

Reading the file, with the line of every mistake, is left to `project`; which rungs exist is known to `strategies`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from rung.config.addresses import LOGIN_ELSEWHERE, holds_login
from rung.config.pricing import OF_TOKENS, PriceSettings
from rung.config.reviewing import ReviewSettings
from rung.config.servers import ServerSettings
from rung.config.serving import ServeSettings
from rung.config.tool_settings import ToolSettings
from rung.config.tuning import TuningSettings
from rung.config.watching import WatchSettings

_NEW_ROWS = re.compile(r"(\d{1,3}(?:,\d{3})+|\d{1,9}) (?:new )?approved rows?")
DEFAULT_MODEL = "smollm2-135m-grounded"
DEFAULT_EMBEDDER = "minilm-l6-v2"
TUNED = "tuned"  # as an embedder or a reranker: the promoted one
MAX_SEED = 2**32 - 1  # what every library that draws takes
_DAYS = 365.25 / 12  # in a month
_PACES: Mapping[str, float] = {
    **{"hourly": 24 * _DAYS, "daily": _DAYS, "weekly": _DAYS / 7, "monthly": 1, "quarterly": 1 / 3},
    **{"yearly": 1 / 12, "never": 0},
}
_UNITS: Mapping[str, float] = {
    "hour": 24 * _DAYS,
    "day": _DAYS,
    "week": _DAYS / 7,
    "month": 1,
    "quarter": 1 / 3,
    "year": 1 / 12,
}


def times_per_month(pace: str) -> float | None:
    """How often a month: of "weekly", "3 per week" or "every 2 months"; None where nothing, or only "rarely", is said.

    Raises:
        ValueError: it is none of these.

    >>> times_per_month("4 per year")
    0.333...
    """
    text = pace.strip().lower()
    if text in ("", "rarely"):
        return None
    if text in _PACES:
        return _PACES[text]
    often = re.fullmatch(r"(\d+(?:\.\d+)?) (?:times )?(?:per|a|an|each|every) (hour|day|week|month|quarter|year)", text)
    if often:
        return float(often[1]) * _UNITS[often[2]]
    seldom = re.fullmatch(r"every (?:(\d+(?:\.\d+)?) )?(hour|day|week|month|quarter|year)s?", text)
    if seldom and float(seldom[1] or 1) > 0:
        return _UNITS[seldom[2]] / float(seldom[1] or 1)
    raise ValueError(f"one of {', '.join(_PACES)}, rarely, or such as '3 per week' or 'every 2 months'")


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def _hidden(text: str) -> str:
    """The first character of a text that nobody sees, or that only looks like a space: "U+200B"; "" where there is none."""
    odd = (c for c in text if not c.isprintable() or unicodedata.category(c) == "Cf")
    return next((f"U+{ord(c):04X}" for c in odd), "")


class AccessSettings(_Section):
    """Who may read the documents under a path; an empty list of groups is everybody."""

    path: str = Field(min_length=1)
    groups: tuple[str, ...]

    @field_validator("groups", mode="before")
    @classmethod
    def _names(cls, groups: object) -> object:
        names = [name.strip() for name in groups.split(",")] if isinstance(groups, str) else groups
        if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) and name.strip() for name in names):
            raise ValueError("a list of group names (quote yes, no, on, off and numbers); [] is everybody")
        if hidden := next(filter(None, map(_hidden, names)), ""):
            raise ValueError(f"a name holds {hidden}, which nobody sees: write it anew")
        return tuple(name.strip() for name in names)

    @field_validator("path")
    @classmethod
    def _a_path(cls, path: str) -> str:
        if hidden := _hidden(path):
            raise ValueError(f"it holds {hidden}, which nobody sees: write it anew")
        return path.strip()


NO_CONTEXT, BY_MODEL = "none", "model"  # of `knowledge.context`; else a name of `models`


class KnowledgeSettings(_Section):
    """Where the documents are, who may read them and how they are cut. Sizes are in the embedder's tokens."""

    sources: tuple[str, ...] = ()
    pairs: tuple[str, ...] = ()
    access: tuple[AccessSettings, ...] = ()
    outside_links: bool = False
    changes: str = ""
    changed_share: float = Field(default=1, ge=0, le=1)
    chunk_tokens: int = Field(default=160, ge=16, le=4096)
    chunk_overlap: int | None = Field(default=None, ge=0, le=2048)
    parent_tokens: int = Field(default=0, ge=0, le=65536)
    fusion: Literal["scores", "ranks"] = "scores"
    dense_weight: float | Literal["auto"] = "auto"
    ignore_identical_ids: bool = False
    personal_data: Literal["allow", "mask"] = "allow"
    context: str = NO_CONTEXT
    store: str = ""

    @property
    def overlap(self) -> int:
        """Tokens that neighbours share; where the project does not say, about a seventh of a passage."""
        return self.chunk_tokens * 3 // 20 if self.chunk_overlap is None else self.chunk_overlap

    @field_validator("dense_weight", mode="before")
    @classmethod
    def _share_or_auto(cls, weight: object) -> object:
        if weight == "auto" or (isinstance(weight, (int, float)) and not isinstance(weight, bool) and 0 <= weight <= 1):
            return weight
        raise ValueError("a number from 0 (BM25 only) to 1 (dense only), or auto")

    @field_validator("changes")
    @classmethod
    def _a_pace(cls, changes: str) -> str:
        times_per_month(changes)
        return changes

    @field_validator("store")
    @classmethod
    def _a_place(cls, store: str) -> str:
        if store and not re.fullmatch(r"s3://[^/]+/.*[^/].*", store):
            raise ValueError("must be s3://bucket/prefix; left out, the index is kept in the project's folder")
        return store

    @field_validator("parent_tokens")
    @classmethod
    def _twice(cls, parent: int, info: ValidationInfo) -> int:
        tokens = info.data.get("chunk_tokens")
        if parent and isinstance(tokens, int) and parent < 2 * tokens:
            raise ValueError(f"must be 0 or at least twice chunk_tokens ({tokens})")
        return parent

    @field_validator("chunk_overlap")
    @classmethod
    def _less_than_half(cls, overlap: int | None, info: ValidationInfo) -> int | None:
        tokens = info.data.get("chunk_tokens")
        if overlap is not None and isinstance(tokens, int) and overlap > tokens // 2:
            raise ValueError(f"must be at most half of chunk_tokens ({tokens})")
        return overlap


class BehaviourSettings(_Section):
    """What the answer must be like: examples of it, a JSON Schema file, or a closed list of labels (or a file of them).

    With `require_approval`, only examples that somebody approved are used. `personal_data`: what becomes of rows that are to
    teach and hold some, or a secret.
    """

    examples: tuple[str, ...] = ()
    require_approval: bool = False
    personal_data: Literal["refuse", "mask", "allow"] = "refuse"
    schema_file: str = Field(default="", alias="schema")
    labels: tuple[str, ...] | str = ()


class ForgettingSettings(_Section):
    """How much a tuned model may forget, where the published limit does not suit: a rise in nats, falls as shares."""

    answer_loss: float | None = Field(default=None, ge=0)
    choices: float | None = Field(default=None, ge=0, le=1)
    instructions: float | None = Field(default=None, ge=0, le=1)


class BarSettings(_Section):
    """What good enough means. `correct` is the bar; every other number is a hard limit. `fields`: weights of JSON fields."""

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)
    __pydantic_extra__: dict[str, float] = Field(init=False)
    correct: float | None = Field(default=None, ge=0, le=1)
    metric: Literal["json", "json_fields", "label", "match", "f1", "rouge_l", "em", "contains", "judge"] | None = None
    fields: dict[str, Annotated[float, Field(ge=0)]] = {}
    p95_seconds: float | None = Field(default=None, gt=0)
    usd_per_1k: float | None = Field(default=None, ge=0)
    forgetting: ForgettingSettings = ForgettingSettings()

    def limits(self) -> dict[str, float]:
        """The hard limits by name, `correct` and `metric` left out."""
        named = {"p95_seconds": self.p95_seconds, "usd_per_1k": self.usd_per_1k, **(self.model_extra or {})}
        return {name: float(value) for name, value in named.items() if value is not None}


class VerdictSettings(_Section):
    """How sure a verdict must be: the chance of being wrong that is taken."""

    risk: float = Field(default=0.2, gt=0, le=0.5)


class JudgeSettings(_Section):
    """The model that judges where `bar.metric` is `judge`: each answer by the rubric, or against the closed book's."""

    model: str = ""
    rubric: str = ""
    mode: Literal["rubric", "pairwise"] = "rubric"


class SamplingSettings(_Section):
    """How texts are drawn (0: greedy), and how often each case is asked, by how many seeds."""

    temperature: float = Field(default=0, ge=0, le=2)
    repeats: int = Field(default=1, ge=1, le=20)


class TrafficSettings(_Section):
    """How much is asked."""

    queries_per_month: float | None = Field(default=None, ge=0)


class RetrainSettings(_Section):
    """When an artifact is to be trained again: after so many new approved rows, after a time, or on drift."""

    when: str = ""

    @property
    def rows(self) -> int | None:
        """New approved rows after which it is time; None where another rule was given."""
        match = _NEW_ROWS.fullmatch(self.when)
        return int(match[1].replace(",", "")) if match else None

    @property
    def days(self) -> int | None:
        """The age in days at which it is time; None where another rule was given."""
        return {"weekly": 7, "monthly": 30}.get(self.when)

    @property
    def per_month(self) -> float | None:
        """How often a month; None where it does not go by time."""
        return times_per_month(self.when) if self.days else None

    @field_validator("when")
    @classmethod
    def _a_rule(cls, when: str) -> str:
        when = " ".join(when.split())
        rows = _NEW_ROWS.fullmatch(when)
        if when not in ("monthly", "weekly", "drift") and not (rows and int(rows[1].replace(",", "")) > 0):
            raise ValueError("must be monthly, weekly, drift, or a number of rows such as '200 new approved rows'")
        return when


class ModelSettings(_Section):
    """One of several models: its name, and what of `server` and `prices` is other for it than the project says; `weights`:
    those here that the server of this name answers with, for tuning; `tuning`: its host tunes it."""

    use: str = Field(min_length=1)
    weights: str = ""
    tuning: TuningSettings | None = None
    server: ServerSettings = ServerSettings()
    prices: PriceSettings = PriceSettings()


class WorkersSettings(_Section):
    """Who carries steps out besides this process: Ray workers, on this machine ("local") or at a cluster's address."""

    ray: str = ""
    count: int = Field(default=2, ge=1, le=1024)

    @field_validator("ray")
    @classmethod
    def _an_address(cls, ray: str) -> str:
        if ray not in ("local", "auto") and not re.fullmatch(r"[^\s/:]+:\d{1,5}", ray):
            raise ValueError("must be local, auto (the cluster that this machine belongs to), or host:port")
        return ray


class Settings(_Section):
    """The whole of `rung.yaml`."""

    name: str = ""
    task: str = ""
    knowledge: KnowledgeSettings = KnowledgeSettings()
    behaviour: BehaviourSettings = BehaviourSettings()
    cases: tuple[str, ...] = ()
    model: str = DEFAULT_MODEL
    models: dict[str, ModelSettings] = {}
    embedder: str = DEFAULT_EMBEDDER
    reranker: str = ""
    tools: tuple[ToolSettings, ...] = ()
    rungs: tuple[str | dict[str, dict[str, Any]], ...] = ()
    bar: BarSettings = BarSettings()
    prefer: Literal["ladder", "cost"] = "ladder"
    verdict: VerdictSettings = VerdictSettings()
    judge: JudgeSettings = JudgeSettings()
    sampling: SamplingSettings = SamplingSettings()
    traffic: TrafficSettings = TrafficSettings()
    prices: PriceSettings = PriceSettings()
    retrain: RetrainSettings = RetrainSettings()
    review: ReviewSettings = ReviewSettings()
    server: ServerSettings = ServerSettings()
    workers: WorkersSettings = WorkersSettings()
    serve: ServeSettings = ServeSettings()
    watch: WatchSettings = WatchSettings()
    records: str = ""
    detector: str = "forms"
    seed: int = Field(default=0, ge=0, le=MAX_SEED)

    @property
    def model_names(self) -> dict[str, str]:
        """What `rung.yaml` calls each model -> its name; the first is the default."""
        return {alias: entry.use for alias, entry in self.models.items()} or {self.model: self.model}

    def alias_of(self, model: str = "") -> str:
        """What `rung.yaml` calls this model ("": the project's own); "" where it names none so."""
        return next((alias for alias, name in self.model_names.items() if name == (model or self.model)), "")

    def tuned_on(self, model: str = "") -> str:
        """The model whose weights are tuned where this one is ("": the project's own): itself, or what `rung.yaml` names
        beside a server's name."""
        model = model or self.model
        return next((one.weights for one in self.models.values() if one.use == model and one.weights), model)

    def tuning_of(self, model: str = "") -> TuningSettings | None:
        """How its host tunes this model ("": the project's own); None where that is not said."""
        return next((one.tuning for one in self.models.values() if one.use == (model or self.model)), None)

    def on(self, model: str) -> Settings:
        """As if the project named this model alone.

        Args:
            model: its name, not what `rung.yaml` calls it.
        """
        entry = next((one for one in self.models.values() if one.use == model), None)
        if entry is None:
            return self.model_copy(update={"model": model})
        server = self.server.model_copy(update=entry.server.model_dump(exclude_unset=True))
        general = self.prices
        if model.startswith("python:"):  # a function: prices of other models' tokens are none of its
            general = general.model_copy(update=dict.fromkeys(OF_TOKENS))
        prices = general.model_copy(update=entry.prices.model_dump(exclude_unset=True))
        return self.model_copy(update={"model": model, "server": server, "prices": prices})

    @field_validator("review", mode="before")
    @classmethod
    def _required(cls, review: object) -> object:
        if isinstance(review, str):
            if review != "required":
                raise ValueError("must be required, or such as {required: true, reviewers: 2}")
            return {"required": True}
        return review

    @field_validator("records")
    @classmethod
    def _a_database(cls, records: str) -> str:
        if records and not re.fullmatch(r"postgres(ql)?://\S*", records):
            raise ValueError("must be postgresql://HOST/DATABASE; left out, the project's folder keeps them")
        if holds_login(records):
            raise ValueError(LOGIN_ELSEWHERE)
        return records

    @field_validator("detector")
    @classmethod
    def _a_detector(cls, detector: str) -> str:
        if not re.fullmatch(r"forms|presidio:[A-Za-z0-9_.-]+", detector):
            raise ValueError("must be forms, or presidio:MODEL with the name of an installed spaCy model, as en_core_web_sm")
        return detector

    @field_validator("models", mode="before")
    @classmethod
    def _by_name(cls, models: object) -> object:
        if not isinstance(models, dict) or not models:
            raise ValueError("a name of yours for each, as 'models: {small: smollm2-135m-instruct, big: openai:gpt-x}'")
        return {alias: {"use": entry} if isinstance(entry, str) else entry for alias, entry in models.items()}

    @field_validator("rungs")
    @classmethod
    def _one_name_each(cls, rungs: tuple[Any, ...]) -> tuple[Any, ...]:
        for rung in rungs:
            if isinstance(rung, dict) and len(rung) != 1:
                raise ValueError("each entry is a name, or one name with its settings")
        return rungs
