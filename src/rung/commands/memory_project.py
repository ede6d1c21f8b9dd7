"""A project of what is in memory: rows of lists or DataFrames are written into a folder with its `rung.yaml`."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import yaml

from rung.config.project import FILE, Project, load_project
from rung.errors import UserError
from rung.files.outputs import check_free, write_output
from rung.models.callables import register
from rung.records import digest

DOCUMENTS, CASES, EXAMPLES = "documents.jsonl", "cases.jsonl", "examples.jsonl"
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
        folder: where; None: a new folder for temporary files. `rung.yaml` must not be there yet.
        settings: the other keys of `rung.yaml`; a function in the place of a model's name is that model.

    Raises:
        UserError: rows that are none, a project that is there, or settings that cannot be.
    """
    root = Path(mkdtemp(prefix="rung-")) if folder is None else folder
    check_free(root / FILE, instead="name another folder")
    rows = {
        "documents": [_document(row) for row in records(documents, "documents", text="text")],
        "cases": [_case(row) for row in records(cases, "cases")],
        "examples": records(examples, "examples"),
    }
    whole = {key: _named(value) for key, value in settings.items()}
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
    for kind, some in rows.items():
        if some:
            write_output(root / _PLURAL[kind], "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in some))
    write_output(root / FILE, yaml.safe_dump(whole, allow_unicode=True, sort_keys=False))
    return load_project(root)


def _named(value: Any) -> Any:
    """A setting as rung.yaml has it: a function becomes the name of a model of this process."""
    if callable(value):
        return register(value)
    if isinstance(value, Mapping):
        return {key: _named(inner) for key, inner in value.items()}
    return [_named(inner) for inner in value] if isinstance(value, (list, tuple)) else value


def records(rows: Any, what: str, *, text: str = "") -> list[dict[str, Any]]:
    """Rows as dictionaries: of a list, of pandas' or polars' DataFrame; `text`: the key of a row that is a text alone.

    Raises:
        UserError: they are none.
    """
    if hasattr(rows, "to_dicts"):  # polars
        rows = rows.to_dicts()
    elif hasattr(rows, "to_dict") and hasattr(rows, "columns"):  # pandas
        rows = rows.to_dict("records")
    if isinstance(rows, (str, bytes, Mapping)) or not isinstance(rows, Iterable):
        raise UserError(f"{what} must be a list of rows or a DataFrame, found {type(rows).__name__}")
    listed: list[dict[str, Any]] = []
    for number, row in enumerate(rows):
        if text and isinstance(row, str):
            listed.append({text: row})
        elif isinstance(row, Mapping):
            listed.append({str(key): _bare(value) for key, value in row.items() if not _is_missing(value)})
        else:
            raise UserError(f"{what}[{number}] is no row: it must be a dictionary, found {type(row).__name__}")
    return listed


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


def _bare(value: Any) -> Any:
    """A cell as JSON writes it: numpy's numbers and arrays as Python's."""
    bare = value.tolist() if hasattr(value, "tolist") else value
    return list(bare) if isinstance(bare, tuple) else bare
