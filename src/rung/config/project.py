"""What `rung.yaml` says, checked, with the line of the mistake in every error.

Its keys are in `settings`; reading the files that it names is left to `materials` and `knowledge`.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError

from rung.config.addresses import LOGIN_ELSEWHERE, has_password, holds_login, without_password
from rung.config.schema import BY_MODEL, NO_CONTEXT, Settings
from rung.errors import InputError, UserError
from rung.files.limited import check_name, yaml_file
from rung.plugins import hint
from rung.records import Document, Json

GroupsOf = Callable[[Document], Sequence[str] | None]
FILE = "rung.yaml"
OWN_FILES = frozenset((FILE, "report.html", "AGENTS.md"))  # at its root, which Rung writes
Where = tuple[str | int, ...]
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
LARGEST = 1e12  # of any number
_IN_WORDS = (("task",), ("judge", "rubric"))  # may speak of anything, addresses with passwords too
_OTHER_WORDS = {"input": "prompt", "output": "completion"}  # of prices elsewhere: what they are here
_SWEPT_BY_RAG = ("chunk_tokens", "chunk_overlap", "parent_tokens")


class Project:
    """A folder with `rung.yaml`. `settings` is what it says of one of its models, the first unless another is asked `on`;
    `written`, what it says as it stands there; `line` finds where it says it.

    `groups_of`, given from Python, names the groups that may read a document besides what files and rules say. `left_out`:
    what `rung.yaml` calls a model that is taken for gone, else "".
    """

    def __init__(
        self,
        root: Path,
        settings: Settings,
        lines: Mapping[Where, int],
        groups_of: GroupsOf | None = None,
        *,
        model: str = "",
        left_out: str = "",
    ) -> None:
        self.root = root
        self.left_out = left_out
        self.written = settings
        self.settings = settings.on(model or next(iter(settings.model_names.values())))
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

    def seeded(self, seed: int | None) -> Project:
        """The same project with another seed; None changes nothing."""
        if seed is None:
            return self
        seeded = self.written.model_copy(update={"seed": seed})
        return Project(self.root, seeded, self._lines, self.groups_of, model=self.settings.model, left_out=self.left_out)

    def on(self, model: str) -> Project:
        """The same project as if it named this model (by its name, "" is the default) alone."""
        if model in ("", self.settings.model):
            return self
        return Project(self.root, self.written, self._lines, self.groups_of, model=model, left_out=self.left_out)

    def without(self, alias: str) -> Project:
        """The same project as if one of its models were gone: what answers by it alone is gone too.

        Args:
            alias: what `rung.yaml` calls the model.

        Raises:
            UserError: it names none so, or nothing is left without it, or not the judge.
        """
        name = self.named_model(alias)
        others = {key: entry for key, entry in self.written.models.items() if key != alias}
        if not others:
            raise self.error(f"'{alias}' is the only model: name others beside it", "models")
        if self.written.judge.model == name:
            raise self.error(f"'{alias}' is the judge too, and without it nothing is judged: name another", "judge", "model")
        entries = [_without_model(entry, alias) for entry in self.written.rungs]
        rungs = [(number, entry) for number, entry in enumerate(entries) if entry]
        if entries and not rungs:
            raise self.error(f"every rung names '{alias}' alone: let some be tried with other models", "rungs")
        settings = self.written.model_copy(update={"models": others, "rungs": tuple(entry for _, entry in rungs)})
        numbers = {before: after for after, (before, _) in enumerate(rungs)}
        lines = {_renumbered(where, numbers): line for where, line in self._lines.items()}
        return Project(self.root, settings, lines, self.groups_of, left_out=alias)

    def naming(self, key: str) -> Where:
        """Where a model is named: "model" (which this is a project on), "judge", "embedder" or "reranker"."""
        if key == "judge":
            return ("judge", "model")
        return ("models", self.settings.alias_of()) if key == "model" and self.settings.models else (key,)

    @property
    def context_model(self) -> str:
        """The name of the model that writes a sentence of context for each passage; "" where none does."""
        context = self.written.knowledge.context
        return "" if context == NO_CONTEXT else self.named_model("" if context == BY_MODEL else context)

    def named_model(self, alias: str) -> str:
        """The name of what `rung.yaml` calls a model; "" is the default.

        Raises:
            UserError: it names none so.
        """
        names = self.settings.model_names
        if not alias:
            return next(iter(names.values()))
        if not self.settings.models:
            raise UserError(
                f"rung.yaml has no 'models' that '{alias}' could be one of: name them ('models: {{{alias}: …}}')"
            )
        if alias not in names:
            raise UserError(f"'{alias}' is no model of this project; {hint(alias, names)}")
        return names[alias]

    def rungs(self) -> list[tuple[str, dict[str, Json]]]:
        """The rungs that may be tried, with their settings, in the file's order."""
        named: list[tuple[str, dict[str, Json]]] = []
        for rung in self.settings.rungs:
            if isinstance(rung, str):
                named.append((rung, {}))
            else:
                named.extend((name, dict(settings or {})) for name, settings in rung.items())
        return named


def _without_model(entry: str | dict[str, dict[str, Json]], alias: str) -> str | dict[str, dict[str, Json]]:
    """An item of `rungs` without what names this model alone; empty where nothing is left."""
    if isinstance(entry, str):
        return entry
    left = {}
    for rung, settings in entry.items():
        named = (settings or {}).get("model")
        others = [one for one in named if one != alias] if isinstance(named, list) else named
        if others not in (alias, []):
            left[rung] = {**settings, "model": others} if isinstance(named, list) else settings
    return left


def _renumbered(where: Where, numbers: Mapping[int, int]) -> Where:
    """Where a key of `rungs` stands after items were left out."""
    if where[:1] == ("rungs",) and len(where) > 1 and where[1] in numbers:
        return ("rungs", numbers[int(where[1])], *where[2:])
    return where


def load_project(folder: Path | str, *, groups_of: GroupsOf | None = None) -> Project:
    """Read and check a project's `rung.yaml`. `groups_of`: see `Project`.

    Raises:
        InputError: no such file, no YAML, an unknown key or a wrong value; names the line.
    """
    root = Path(folder)
    path = root if root.is_file() else root / FILE
    if not path.exists() and not path.is_symlink():
        raise InputError(f"there is no {FILE} here; make a project with: rung init {root}", path=root, code="no_project")
    check_name(root)
    raw, node = yaml_file(path)
    lines = _lines(node, path)
    if not isinstance(raw, dict):
        raise InputError("must hold keys such as 'task:' and 'cases:'", path=path, line=1)
    _refuse_odd(raw, lines, path)
    _refuse_two_lists(raw, lines, path)
    try:
        settings = Settings.model_validate(_listed(raw))
    except ValidationError as error:
        raise _explained(error, lines, path) from None
    _refuse_odd(settings.model_dump(by_alias=True), lines, path)  # numbers that YAML takes for texts, such as 1e300
    names = settings.model_names
    models = {alias: _resolved(path.parent, name) for alias, name in names.items()}
    for alias, name in names.items():
        if (first := next(one for one in names if models[one] == models[alias])) != alias:
            line = lines.get(("models", alias), 1)
            raise InputError(f"models: '{alias}' is {name}, as '{first}' is: name each model once", path=path, line=line)
    context = settings.knowledge.context
    if context not in (NO_CONTEXT, BY_MODEL, *settings.models):
        suggestion = hint(context, [NO_CONTEXT, BY_MODEL, *settings.models])
        message = f"knowledge.context: must be none, model, or a name of 'models': {suggestion}"
        raise InputError(message, path=path, line=lines.get(("knowledge", "context"), 1))
    if settings.judge.model in settings.models:
        judge = settings.judge.model_copy(update={"model": names[settings.judge.model]})
        settings = settings.model_copy(update={"judge": judge})
    return Project(path.parent, settings, lines, groups_of)


def _resolved(root: Path, name: str) -> str:
    """A model's name; where it is that of a file or folder, by the one path that every way of writing it leads to."""
    scheme, _, path = name.partition(":")
    if scheme not in ("gguf", "hf"):
        return name
    try:
        return f"{scheme}:{(root / Path(path).expanduser()).resolve(strict=True)}"
    except (OSError, RuntimeError):  # not there, a name that is too long, a person whom nobody knows
        return name


def _refuse_two_lists(raw: Mapping[str, Any], lines: Mapping[Where, int], path: Path) -> None:
    if raw.get("model") is not None and raw.get("models") is not None:
        message = "'model' and 'models' stand both: the first of 'models' is the default, so take 'model' out"
        raise InputError(message, path=path, line=lines.get(("model",), 1))


def _refuse_odd(value: object, lines: Mapping[Where, int], path: Path) -> None:
    for where, why in _odd(value):
        line = next((lines[where[:cut]] for cut in range(len(where), 0, -1) if where[:cut] in lines), 1)
        raise InputError(f"{'.'.join(map(str, where))}: {why}", path=path, line=line)


def _odd(value: object, where: Where = ()) -> Iterator[tuple[Where, str]]:
    """What no setting can mean, wherever: a key that is no word, a control character, a password, a huge number."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if not isinstance(key, str):
                yield (*where, str(key)), "a key must be a word: put quotes around it"
            yield from ((where, why) for _, why in _odd(key))
            yield from _odd(inner, (*where, str(key)))
    elif isinstance(value, (list, tuple, set)):
        for number, inner in enumerate(value):
            yield from _odd(inner, (*where, number))
    elif isinstance(value, (int, float)) and abs(value) > LARGEST:
        yield where, f"no setting is larger than {LARGEST:g}"
    elif isinstance(value, str):
        if control := _CONTROL.search(value):
            yield where, f"it holds the control character {ascii(control[0])[1:-1]}, which nobody sees: write it anew"
        if where == ("records",) and holds_login(value):  # not shown: what of it is the password may be read in several ways
            yield where, LOGIN_ELSEWHERE
        elif has_password(value) and where not in _IN_WORDS and where[:2] != ("behaviour", "labels"):
            message = "holds a user or a password, which would be kept and sent: take them out of it"
            yield where, f"'{without_password(value)}' {message}; keys of servers are set in the environment"


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


def _lines(node: yaml.Node | None, path: Path, where: Where = ()) -> dict[Where, int]:
    """Line (from 1) of every key and list item; a key given twice is an error."""
    lines: dict[Where, int] = {}
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            key_path = (*where, str(key.value))
            line = key.start_mark.line + 1
            if key_path in lines:
                raise InputError(f"'{key.value}' stands twice (first on line {lines[key_path]})", path=path, line=line)
            lines[key_path] = line
            lines |= _lines(value, path, key_path)
    elif isinstance(node, yaml.SequenceNode):
        for place_in_list, item in enumerate(node.value):
            lines[(*where, place_in_list)] = item.start_mark.line + 1
            lines |= _lines(item, path, (*where, place_in_list))
    return lines


def _explained(error: ValidationError, lines: Mapping[Where, int], path: Path) -> InputError:
    """The first mistake, in words, at its line."""
    mistake = error.errors()[0]
    where = tuple(mistake["loc"])
    line = next((lines[where[:cut]] for cut in range(len(where), 0, -1) if where[:cut] in lines), 1)
    name = ".".join(str(part) for part in where)
    if mistake["type"] == "extra_forbidden":
        keys = _known_keys(where[:-1])
        own = str(where[-1])
        close = [key for word, ours in _OTHER_WORDS.items() if (key := own.replace(word, ours)) in keys and key != own]
        close += difflib.get_close_matches(own, keys, n=1)
        meant = f"did you mean '{close[0]}'?" if close else f"known here: {', '.join(keys)}"
        return InputError(f"unknown key '{where[-1]}'; {meant}", path=path, line=line)
    if where[:2] == ("behaviour", "labels"):
        value = mistake["input"]
        message = (
            f'behaviour.labels: a list of texts (quote words such as "yes"), a file, or from_examples (found {value!r})'
        )
        return InputError(message, path=path, line=line)
    if where[:1] == ("knowledge",) and isinstance(mistake["input"], list) and where[-1] in _SWEPT_BY_RAG:
        sweep = f"rag: {{{where[-1]}: {mistake['input']}}}"
        message = f"{name} is one number for the project; to try several, sweep them under a rung: '{sweep}'"
        return InputError(message, path=path, line=line)
    text = str(mistake["msg"]).removeprefix("Value error, ")
    return InputError(
        f"{name}: {text[:1].lower()}{text[1:]} (found {without_password(repr(mistake['input']))})", path=path, line=line
    )


def _known_keys(where: Where) -> list[str]:
    """Keys of the section at this place; [] where that has none. The names of a mapping (`models`) are the user's own."""
    model: type[BaseModel] = Settings
    parts = iter(one for one in where if not isinstance(one, int))
    for part in parts:
        kind = model.model_fields[str(part)].annotation if str(part) in model.model_fields else None
        kinds = [one for one in (kind, *get_args(kind)) if isinstance(one, type) and issubclass(one, BaseModel)]
        if get_origin(kind) is dict:
            next(parts, None)
        if not kinds:
            return []
        model = kinds[0]
    return [field.alias or name for name, field in model.model_fields.items()]
