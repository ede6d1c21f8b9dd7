"""The requests of a batch, which lie in another file than its responses, beside it.

A `custom_id` alone says little: `request-1` stands in many batches. A file is that of the requests where its ids are those
of the responses, in both directions (what failed may lie in a file of its own), and the models are the same.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

from rung.errors import InputError
from rung.importers.fields import object_of, words
from rung.importers.imported import Row
from rung.importers.source import ImportFile
from rung.text.parsing import Malformed, json_of

_LISTED = 3  # ids, lines and files that a message names
_DATED = re.compile(r"[-@:](?:\d{4}-\d{2}-\d{2}|\d{8}|\d{3,4}|latest)$")  # the version after a model's name
_ById = dict[str, list[tuple[int, Row]]]  # `custom_id` -> line and row of each that has it


class BatchRequests:
    """The requests that lie beside a file of responses. `joined_from`: the file that gave some; "" where none did."""

    def __init__(self, file: ImportFile) -> None:
        self.file = file
        self.joined_from = ""

    def joined(self, row: Row, line: int) -> tuple[Row, str]:
        """A response with its request; or as it is, and what to do, if files of requests lie beside it."""
        id = _id_of_response(row)
        if not id:
            return row, ""
        if others := [other for other, _ in self._responses[id] if other != line]:
            return row, f"has the custom_id '{id}' of line {_listed(others)}, too: leave one row with it"
        fitting = [name for name, why in self._unlike.items() if not why]
        if len(fitting) > 1:
            return row, f"has its request in several files ({_listed(fitting)}): leave the one beside it that it answers"
        if not fitting:
            unlike = [f"{name}: {why}" for name, why in self._unlike.items() if id in self._requests[name]]
            remedy = "put all requests of this batch beside it, and the file of what failed of it"
            return row, f"has no request that is surely its own ({_listed(unlike, sign='; ')}): {remedy}" if unlike else ""
        (name,) = fitting
        (first, request), *more = self._requests[name][id]
        if more:
            twice = f"{name}, lines {_listed([first, *(other for other, _ in more)])}"
            return row, f"has a custom_id, '{id}', that several requests have ({twice}): leave one"
        self.joined_from = name
        return {**row, "body": request["body"]}, ""

    @cached_property
    def _responses(self) -> _ById:
        """The responses."""
        return _by_id((_id_of_response(row), line, row) for line, row in self.file.rows)

    @cached_property
    def _beside(self) -> list[tuple[Path, Row]]:
        """The other files in its folder, each with its first row."""
        paths = sorted(self.file.path.parent.glob("*.jsonl"))
        return [(path, _first_row(path)) for path in paths if path != self.file.path]

    @cached_property
    def _requests(self) -> dict[str, _ById]:
        """Name of a file of requests -> these."""
        return {
            path.name: _by_id((str(row["custom_id"]), line, row) for line, row in _rows(path) if _is_request(row))
            for path, first in self._beside
            if _is_request(first)
        }

    @cached_property
    def _failed(self) -> set[str]:
        """Ids in the files beside it that hold failures alone: a batch has its failed requests in a file of their own."""
        failed: set[str] = set()
        for path, first in self._beside:
            rows = [row for _, row in _rows(path)] if _has_failed(first) else []
            if all(_has_failed(row) for row in rows):
                failed |= {_id_of_response(row) for row in rows}
        return failed

    @cached_property
    def _unlike(self) -> dict[str, str]:
        """Name of a file of requests -> why it is not that of these responses; "" where it is."""
        return {name: self._why_unlike(requests) for name, requests in self._requests.items()}

    def _why_unlike(self, requests: _ById) -> str:
        asked, answered = set(requests), set(self._responses)
        if unasked := sorted(answered - asked):
            return f"does not ask {_listed(unasked)}"
        if unanswered := sorted(asked - answered - self._failed):
            return f"asks {_listed(unanswered)}, too, which is not answered"
        for id, responses in self._responses.items():
            for (_, request), (_, response) in zip(requests[id], responses, strict=False):
                model, other = words(object_of(request["body"]).get("model")), _model_of(response)
                if model and other and not _is_same(model, other):
                    return f"asks the model {model}, and {other} answered"
        return ""


def _by_id(rows: Iterable[tuple[str, int, Row]]) -> _ById:
    by_id: _ById = defaultdict(list)
    for id, line, row in rows:
        if id:
            by_id[id].append((line, row))
    return dict(by_id)


def _id_of_response(row: Row) -> str:
    """The `custom_id` of a response without its request; "" of another row."""
    id = row.get("custom_id")
    return id if isinstance(id, str) and "response" in row and "body" not in row else ""


def _is_request(row: Row) -> bool:
    return isinstance(row.get("custom_id"), str) and isinstance(row.get("body"), dict) and "response" not in row


def _has_failed(row: Row) -> bool:
    response = object_of(row.get("response"))
    status = response.get("status_code")
    is_error = isinstance(status, int) and status >= 400
    return bool(_id_of_response(row)) and (bool(object_of(row.get("error"))) or is_error)


def _first_row(path: Path) -> Row:
    """The first row of a file, however long; {} where it is none."""
    try:
        with path.open("rb") as file:
            line = next((line for line in file if line.strip()), b"")
        row = json_of(line.decode("utf-8-sig"))
    except (OSError, UnicodeDecodeError, Malformed):
        return {}
    return row if isinstance(row, dict) else {}


def _rows(path: Path) -> list[tuple[int, Row]]:
    try:
        return list(ImportFile(path).rows)
    except InputError:
        return []


def _model_of(response: Row) -> str:
    envelope = object_of(response["response"])
    return words((object_of(envelope.get("body")) or envelope).get("model"))


def _is_same(asked: str, answered: str) -> bool:
    """Whether a model answers to a name: providers put their own before it, and answer with the version after it."""
    name, other = (model.rpartition("/")[2].casefold() for model in (asked, answered))
    return name == other or name.removesuffix("-latest") in (other, _DATED.sub("", other))


def _listed(values: Iterable[object], *, sign: str = ", ") -> str:
    """The first of them, and how many more there are."""
    texts = [str(value) for value in values]
    more = f" and {len(texts) - _LISTED:,} more" if len(texts) > _LISTED else ""
    return sign.join(texts[:_LISTED]) + more
