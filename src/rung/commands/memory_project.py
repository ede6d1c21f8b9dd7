"""A project of what is in memory: rows of lists or DataFrames are written into a folder with its `rung.yaml`."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from datetime import date, time
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import yaml

from rung.config.project import FILE, Project, load_project
from rung.config.schema import DEFAULT_MODEL
from rung.errors import UserError
from rung.files.outputs import check_free, whole_or_not, write_output
from rung.models.callables import parameters, register, short_name
from rung.records import digest

DOCUMENTS, CASES, EXAMPLES = "documents.jsonl", "cases.jsonl", "examples.jsonl"
PASSAGES = 3  # that a function is given which has a parameter of this name, where nothing else is said
MAX_DEPTH = 100  # of lists and objects within each other
_PLURAL = {"documents": DOCUMENTS, "cases": CASES, "examples": EXAMPLES}


def write_project(
    *, documents: Any = (), cases: Any = (), examples: Any = (), folder: Path | None = None, settings: Mapping[str, Any]
) -> Project:
    """Write the rows and `rung.yaml`, and load it.

    Args:
        documents: texts, or rows as docs/data-formats.md has them; a list, or a DataFrame of pandas or polars. An `id` is
            made of the text where there is none.
        cases: rows with `question` and `answers`; one answer may stand as `answer`, or as a text.
        examples: rows of chats, or of prompt and completion.
        folder: where; None: a new folder for temporary files. `rung.yaml` must not be there yet, unless all files are there
            and say the same: that project is opened.
        settings: the other keys of `rung.yaml`; a function in the place of a model's name is that model, one in the place of
            a rung is that rung.

    Raises:
        UserError: rows that are none, another project that is there, or settings that cannot be.
    """
    rows = {
        "documents": [_document(row) for row in records(documents, "documents", text="text")],
        "cases": [_case(row) for row in records(cases, "cases")],
        "examples": records(examples, "examples"),
    }
    whole = {key: _named(value, key) for key, value in with_functions(settings).items()}
    for kind, section, key in (("documents", "knowledge", "sources"), ("examples", "behaviour", "examples")):
        if rows[kind]:
            inner = whole.setdefault(section, {})
            if not isinstance(inner, dict) or key in inner:
                raise UserError(f"{section}.{key} is said twice: leave it out, or give no {kind}")
            inner[key] = [_PLURAL[kind]]
    if rows["cases"]:
        if "cases" in settings:
            raise UserError("cases are said twice: leave one of the two out")
        whole["cases"] = [CASES]
    texts = {
        _PLURAL[kind]: "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in some)
        for kind, some in rows.items()
        if some
    }
    texts[FILE] = yaml.safe_dump(whole, allow_unicode=True, sort_keys=False)
    if folder is None:
        return _written(Path(mkdtemp(prefix="rung-")), texts, temporary=True)
    return _written(folder, texts)


def _written(root: Path, texts: Mapping[str, str], *, temporary: bool = False) -> Project:
    """The project of these files; nothing of them stays where it cannot be. `temporary`: the folder then goes, too."""
    files = [root / name for name in texts]
    if all(path.is_file() and path.read_bytes() == text.encode() for path, text in zip(files, texts.values(), strict=True)):
        return load_project(root)
    for path in files:
        check_free(path, instead="name another folder")
    try:
        with whole_or_not(files):
            for path, text in zip(files, texts.values(), strict=True):
                write_output(path, text)
            return load_project(root)
    except BaseException:
        if temporary:
            root.rmdir()
        raise


def with_functions(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings, functions among `rungs` named as `rung.yaml` has them: each a model, and a rung that asks it.

    Raises:
        UserError: settings of a function that are none.
    """
    rungs = settings.get("rungs")
    if not isinstance(rungs, (list, tuple)) or not any(_functions_in(entry) for entry in rungs):
        return dict(settings)
    model = settings.get("model", DEFAULT_MODEL)
    models = dict(settings.get("models") or {short_name(model) if callable(model) else str(model): model})
    entries: list[Any] = []
    for entry in rungs:
        if not (functions := _functions_in(entry)):
            entries.append(entry)
        for function, given in functions:
            alias = _free(short_name(function), models)
            models[alias] = function
            shown = {"passages": PASSAGES} if "passages" in parameters(function) else {}
            entries.append({"function": {"model": alias, **shown, **given}})
    rest = {key: value for key, value in settings.items() if key != "model"}
    return {**rest, "models": models, "rungs": entries}


def _functions_in(entry: Any) -> list[tuple[Any, dict[str, Any]]]:
    """The functions of an item of `rungs`, with what it says of each."""
    if callable(entry):
        return [(entry, {})]
    pairs = entry.items() if isinstance(entry, Mapping) else ()
    functions = [(key, value if value is not None else {}) for key, value in pairs if callable(key)]
    for function, given in functions:
        if not isinstance(given, Mapping):
            raise UserError(f"rungs: settings of {short_name(function)} must stand as {{function: {{'passages': 3}}}}")
    return [(function, dict(given)) for function, given in functions]


def _free(name: str, taken: Mapping[str, Any]) -> str:
    return name if name not in taken else next(f"{name}_{n}" for n in range(2, len(taken) + 3) if f"{name}_{n}" not in taken)


def _named(value: Any, where: str) -> Any:
    """A setting as rung.yaml has it: a function becomes the name of a model of this process."""
    if callable(value):
        return register(value)
    if isinstance(value, Mapping):
        return {str(key): _named(inner, f"{where}.{key}") for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_named(inner, f"{where}[{index}]") for index, inner in enumerate(value)]
    return _bare(value, where)


def records(rows: Any, what: str, *, text: str = "") -> list[dict[str, Any]]:
    """Rows as dictionaries: of a list, of pandas' or polars' DataFrame; `text`: the key of a row that is a text alone.

    Raises:
        UserError: they are none.
    """
    is_pandas = not hasattr(rows, "to_dicts") and hasattr(rows, "to_dict") and hasattr(rows, "columns")
    if hasattr(rows, "to_dicts"):  # polars
        rows = rows.to_dicts()
    elif is_pandas:
        rows = rows.to_dict("records")
    if isinstance(rows, (str, bytes, Mapping)) or not isinstance(rows, Iterable):
        raise UserError(f"{what} must be a list of rows or a DataFrame, found {type(rows).__name__}")
    listed: list[dict[str, Any]] = []
    for number, row in enumerate(rows):
        if text and isinstance(row, str):
            listed.append({text: _bare(row, f"{what}[{number}]")})
        elif isinstance(row, Mapping):
            bare = {str(key): _bare(value, f"{what}[{number}].{key}") for key, value in row.items()}
            listed.append({key: value for key, value in bare.items() if value is not None})
        else:
            raise UserError(f"{what}[{number}] is no row: it must be a dictionary, found {type(row).__name__}")
    return _whole_numbers(listed) if is_pandas else listed


def _whole_numbers(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows, with the whole numbers that pandas writes as 7.0 in a column where others are missing."""
    columns: dict[str, list[Any]] = {}
    for row in rows:
        for key, value in row.items():
            columns.setdefault(key, []).append(value)
    whole = {
        key
        for key, values in columns.items()
        if len(values) < len(rows) and all(isinstance(one, float) and one.is_integer() for one in values)
    }
    return [{key: int(value) if key in whole else value for key, value in row.items()} for row in rows]


def _document(row: dict[str, Any]) -> dict[str, Any]:
    return row if "id" in row else {"id": f"text-{digest(row.get('text'))[:12]}", **row}


def _case(row: dict[str, Any]) -> dict[str, Any]:
    """A case, its one answer as the list of it."""
    answers = row.get("answers", row.get("answer"))
    if answers is None:
        return row
    rest = {key: value for key, value in row.items() if key not in ("answer", "answers")}
    return {**rest, "answers": answers if isinstance(answers, list) else [answers]}


def _is_missing(value: Any) -> bool:
    """What a DataFrame has where a row says nothing."""
    return value is None or (isinstance(value, float) and math.isnan(value)) or type(value).__name__ in ("NAType", "NaTType")


def _bare(value: Any, where: str, depth: int = 0) -> Any:
    """A value as JSON writes it: dates as ISO 8601, numpy's numbers and arrays as Python's; None where it says nothing.

    Raises:
        UserError: it is none of these; begins with `where` it stands.
    """
    if depth > MAX_DEPTH:
        raise UserError(f"{where[:60]}…: is nested more than {MAX_DEPTH} deep")
    if isinstance(value, Mapping):
        return {str(key): _bare(inner, f"{where}.{key}", depth + 1) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_bare(inner, f"{where}[{index}]", depth + 1) for index, inner in enumerate(value)]
    if isinstance(value, (set, frozenset)):
        return [_bare(inner, where, depth + 1) for inner in sorted(value, key=str)]
    if hasattr(value, "tolist"):  # numpy
        if getattr(getattr(value, "dtype", None), "kind", "") != "M":
            return _bare(value.tolist(), where, depth + 1)
        if getattr(value, "ndim", 1):
            return [_bare(inner, where, depth + 1) for inner in value]
        return None if str(value) == "NaT" else str(value)  # nanoseconds would become a number
    return _scalar(value, where)


def _scalar(value: Any, where: str) -> Any:
    if isinstance(value, (bool, str)):
        if isinstance(value, str) and any("\ud800" <= character <= "\udfff" for character in value):
            raise UserError(f"{where}: holds half a character (a lone surrogate), which no file can hold")
        return value
    if _is_missing(value):
        return None
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, (int, float)) and value not in (math.inf, -math.inf):
        return value
    raise UserError(f"{where}: {value!r:.60} ({type(value).__name__}) has no form in JSON: give a text or a number")
