"""What `rung.yaml` says, checked, with the line of the mistake in every error.

Reading the files that it names is left to `materials` and `knowledge`; which rungs exist is known to `strategies`.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from rung.errors import InputError
from rung.records import Document, Json

GroupsOf = Callable[[Document], Sequence[str] | None]
FILE = "rung.yaml"
_NEW_ROWS = re.compile(r"(\d{1,3}(?:,\d{3})+|\d{1,9}) (?:new )?approved rows?")
_SWEPT_BY_RAG = ("chunk_tokens", "chunk_overlap", "parent_tokens")
DEFAULT_MODEL = "smollm2-135m-instruct"
DEFAULT_EMBEDDER = "minilm-l6-v2"
TUNED = "tuned"  # as an embedder or a reranker: the promoted one


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
    said = pace.strip().lower()
    if said in ("", "rarely"):
        return None
    if said in _PACES:
        return _PACES[said]
    often = re.fullmatch(r"(\d+(?:\.\d+)?) (?:times )?(?:per|a|an|each|every) (hour|day|week|month|quarter|year)", said)
    if often:
        return float(often[1]) * _UNITS[often[2]]
    seldom = re.fullmatch(r"every (?:(\d+(?:\.\d+)?) )?(hour|day|week|month|quarter|year)s?", said)
    if seldom and float(seldom[1] or 1) > 0:
        return _UNITS[seldom[2]] / float(seldom[1] or 1)
    raise ValueError(f"one of {', '.join(_PACES)}, rarely, or such as '3 per week' or 'every 2 months'")


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


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
        return tuple(name.strip() for name in names)


class KnowledgeSettings(_Section):
    """Where the documents are, who may read them and how they are cut. Sizes are in the embedder's tokens."""

    sources: tuple[str, ...] = ()
    pairs: tuple[str, ...] = ()
    access: tuple[AccessSettings, ...] = ()
    changes: str = ""
    changed_share: float = Field(default=1, ge=0, le=1)
    chunk_tokens: int = Field(default=160, ge=16, le=4096)
    chunk_overlap: int | None = Field(default=None, ge=0, le=2048)
    parent_tokens: int = Field(default=0, ge=0, le=65536)
    fusion: Literal["scores", "ranks"] = "scores"
    dense_weight: float | Literal["auto"] = "auto"
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

    With `require_approval`, only examples that somebody approved are used.
    """

    examples: tuple[str, ...] = ()
    require_approval: bool = False
    schema_file: str = Field(default="", alias="schema")
    labels: tuple[str, ...] | str = ()


class ForgettingSettings(_Section):
    """How much a tuned model may forget, where the published limit does not suit: a rise in nats, falls as shares."""

    answer_loss: float | None = Field(default=None, ge=0)
    choices: float | None = Field(default=None, ge=0, le=1)
    instructions: float | None = Field(default=None, ge=0, le=1)


class BarSettings(_Section):
    """What good enough means. `correct` is the bar; every other number is a hard limit."""

    model_config = ConfigDict(extra="allow", frozen=True)
    __pydantic_extra__: dict[str, float] = Field(init=False)
    correct: float | None = Field(default=None, ge=0, le=1)
    metric: Literal["json", "label", "f1", "rouge_l", "em", "contains", "judge"] | None = None
    p95_seconds: float | None = Field(default=None, gt=0)
    usd_per_1k: float | None = Field(default=None, ge=0)
    forgetting: ForgettingSettings = ForgettingSettings()

    def limits(self) -> dict[str, float]:
        """The hard limits by name, `correct` and `metric` left out."""
        named = {"p95_seconds": self.p95_seconds, "usd_per_1k": self.usd_per_1k, **(self.model_extra or {})}
        return {name: float(value) for name, value in named.items() if value is not None}


class JudgeSettings(_Section):
    """The model that judges where `bar.metric` is `judge`: each answer by the rubric, or against the closed book's."""

    model: str = ""
    rubric: str = ""
    mode: Literal["rubric", "pairwise"] = "rubric"


class TrafficSettings(_Section):
    """How much is asked, and how often what was trained is trained again."""

    queries_per_month: float | None = Field(default=None, ge=0)
    retrain: str = ""

    @field_validator("retrain")
    @classmethod
    def _a_pace(cls, retrain: str) -> str:
        times_per_month(retrain)
        return retrain


class PriceSettings(_Section):
    """Prices that Rung cannot know. None stays unknown; it never becomes 0."""

    machine_usd_per_hour: float | None = Field(default=None, ge=0)
    prompt_usd_per_million: float | None = Field(default=None, ge=0)
    completion_usd_per_million: float | None = Field(default=None, ge=0)
    gpu_usd_per_hour: float | None = Field(default=None, ge=0)
    labour_usd_per_hour: float | None = Field(default=None, ge=0)
    documents_hours: float | None = Field(default=None, ge=0)
    examples_hours: float | None = Field(default=None, ge=0)
    storage_usd_per_gb_month: float | None = Field(default=None, ge=0)
    months: float = Field(default=12, gt=0)


class RetrainSettings(_Section):
    """When an artifact is to be trained again: after so many new approved rows, after a time, or on drift."""

    when: str = ""

    @property
    def rows(self) -> int | None:
        """New approved rows after which it is time; None where another rule was given."""
        found = _NEW_ROWS.fullmatch(self.when)
        return int(found[1].replace(",", "")) if found else None

    @property
    def days(self) -> int | None:
        """The age in days at which it is time; None where another rule was given."""
        return {"weekly": 7, "monthly": 30}.get(self.when)

    @field_validator("when")
    @classmethod
    def _a_rule(cls, when: str) -> str:
        when = " ".join(when.split())
        rows = _NEW_ROWS.fullmatch(when)
        if when not in ("monthly", "weekly", "drift") and not (rows and int(rows[1].replace(",", "")) > 0):
            raise ValueError("must be monthly, weekly, drift, or a number of rows such as '200 new approved rows'")
        return when


class ServerSettings(_Section):
    """How to treat a model server."""

    timeout_seconds: float = Field(default=60, gt=0)
    retries: int = Field(default=4, ge=0, le=20)
    concurrency: int = Field(default=8, ge=1, le=256)
    requests_per_minute: float | None = Field(default=None, gt=0)
    context_tokens: int = Field(default=8192, ge=256)


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
    embedder: str = DEFAULT_EMBEDDER
    reranker: str = ""
    tools: tuple[str, ...] = ()
    rungs: tuple[str | dict[str, dict[str, Any]], ...] = ()
    bar: BarSettings = BarSettings()
    judge: JudgeSettings = JudgeSettings()
    traffic: TrafficSettings = TrafficSettings()
    prices: PriceSettings = PriceSettings()
    retrain: RetrainSettings = RetrainSettings()
    server: ServerSettings = ServerSettings()
    workers: WorkersSettings = WorkersSettings()
    seed: int = 0

    @field_validator("rungs")
    @classmethod
    def _one_name_each(cls, rungs: tuple[Any, ...]) -> tuple[Any, ...]:
        for rung in rungs:
            if isinstance(rung, dict) and len(rung) != 1:
                raise ValueError("each entry is a name, or one name with its settings")
        return rungs


class Project:
    """A folder with `rung.yaml`. `settings` is what it says; `line` finds where it says it.

    `groups_of`, given from Python, names the groups that may read a document besides what files and rules say.
    """

    def __init__(
        self,
        root: Path,
        settings: Settings,
        lines: Mapping[tuple[str | int, ...], int],
        groups_of: GroupsOf | None = None,
    ) -> None:
        self.root = root
        self.settings = settings
        self.groups_of = groups_of
        self._lines = lines

    @property
    def file(self) -> Path:
        """The project file."""
        return self.root / FILE

    @property
    def state(self) -> Path:
        """Where runs, artifacts and the index are kept."""
        return self.root / ".rung"

    @property
    def name(self) -> str:
        """The name in the file, or the folder's."""
        return self.settings.name or self.root.resolve().name

    def line(self, *where: str | int) -> int:
        """Line of a key in `rung.yaml`, of the nearest enclosing key if it is not there; 1 at last."""
        for cut in range(len(where), 0, -1):
            if where[:cut] in self._lines:
                return self._lines[where[:cut]]
        return 1

    def error(self, message: str, *where: str | int) -> InputError:
        """An error that points at a key of `rung.yaml`."""
        return InputError(message, path=self.file, line=self.line(*where))

    def rungs(self) -> list[tuple[str, dict[str, Json]]]:
        """The rungs that may be tried, with their settings, in the file's order."""
        named: list[tuple[str, dict[str, Json]]] = []
        for rung in self.settings.rungs:
            if isinstance(rung, str):
                named.append((rung, {}))
            else:
                named.extend((name, dict(settings or {})) for name, settings in rung.items())
        return named


def load_project(folder: Path | str, *, groups_of: GroupsOf | None = None) -> Project:
    """Read and check a project's `rung.yaml`. `groups_of`: see `Project`.

    Raises:
        InputError: no such file, no YAML, an unknown key or a wrong value; names the line.
    """
    root = Path(folder)
    path = root if root.is_file() else root / FILE
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        hint = f"there is no {FILE} here; make a project with: rung init {root}"
        raise InputError(hint, path=root) from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read as UTF-8 text: {error}", path=path) from error
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        lines = _lines(node, path)
        raw = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise InputError(f"is no YAML: {error.problem}", path=path, line=mark.line + 1 if mark else 1) from error
    except yaml.YAMLError as error:
        raise InputError(f"is no YAML: {error}", path=path, line=1) from error
    if not isinstance(raw, dict):
        raise InputError("must hold keys such as 'task:' and 'cases:'", path=path, line=1)
    try:
        settings = Settings.model_validate(_listed(raw))
    except ValidationError as error:
        raise _explained(error, lines, path) from None
    return Project(path.parent, settings, lines, groups_of)


def _listed(raw: dict[str, Any]) -> dict[str, Any]:
    """One path where a list of paths is wanted is a list of one; an empty section is the default."""
    raw = {key: value for key, value in raw.items() if value is not None}
    for key in ("cases", "rungs"):
        if isinstance(raw.get(key), str):
            raw[key] = [raw[key]]
    for section, key in (("knowledge", "sources"), ("knowledge", "pairs"), ("behaviour", "examples")):
        inner = raw.get(section)
        if isinstance(inner, dict) and isinstance(inner.get(key), str):
            raw[section] = {**inner, key: [inner[key]]}
    return raw


def _lines(node: yaml.Node | None, path: Path, where: tuple[str | int, ...] = ()) -> dict[tuple[str | int, ...], int]:
    """Line (from 1) of every key and list item; a key given twice is an error."""
    found: dict[tuple[str | int, ...], int] = {}
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            place = (*where, str(key.value))
            line = key.start_mark.line + 1
            if place in found:
                raise InputError(f"'{key.value}' stands twice (first on line {found[place]})", path=path, line=line)
            found[place] = line
            found |= _lines(value, path, place)
    elif isinstance(node, yaml.SequenceNode):
        for place_in_list, item in enumerate(node.value):
            found[(*where, place_in_list)] = item.start_mark.line + 1
            found |= _lines(item, path, (*where, place_in_list))
    return found


def _explained(error: ValidationError, lines: Mapping[tuple[str | int, ...], int], path: Path) -> InputError:
    """The first mistake, in words, at its line."""
    mistake = error.errors()[0]
    where = tuple(mistake["loc"])
    line = next((lines[where[:cut]] for cut in range(len(where), 0, -1) if where[:cut] in lines), 1)
    name = ".".join(str(part) for part in where)
    if mistake["type"] == "extra_forbidden":
        known = _known_keys(where[:-1])
        close = difflib.get_close_matches(str(where[-1]), known, n=1)
        hint = f"did you mean '{close[0]}'?" if close else f"known here: {', '.join(known)}"
        return InputError(f"unknown key '{where[-1]}'; {hint}", path=path, line=line)
    if where[:2] == ("behaviour", "labels"):
        found = mistake["input"]
        message = (
            f'behaviour.labels: a list of texts (quote words such as "yes"), a file, or from_examples (found {found!r})'
        )
        return InputError(message, path=path, line=line)
    if where[:1] == ("knowledge",) and isinstance(mistake["input"], list) and where[-1] in _SWEPT_BY_RAG:
        sweep = f"rag: {{{where[-1]}: {mistake['input']}}}"
        message = f"{name} is one number for the project; to try several, sweep them under a rung: '{sweep}'"
        return InputError(message, path=path, line=line)
    said = str(mistake["msg"]).removeprefix("Value error, ")
    return InputError(f"{name}: {said[:1].lower()}{said[1:]} (found {mistake['input']!r})", path=path, line=line)


def _known_keys(where: tuple[str | int, ...]) -> list[str]:
    model: type[BaseModel] = Settings
    for part in where:
        kind = model.model_fields[str(part)].annotation if str(part) in model.model_fields else None
        if not (isinstance(kind, type) and issubclass(kind, BaseModel)):
            return []
        model = kind
    return [field.alias or name for name, field in model.model_fields.items()]
