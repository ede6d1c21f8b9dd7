"""Promptfoo's assertions as accepted answers, a schema and a metric; what has no counterpart is said.

Assertions of a test must all hold, accepted answers are alternatives: a test that asks for two different texts cannot be
carried over by listing both.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from rung.importers.fields import listed_in, texts, words
from rung.importers.imported import unique
from rung.records import Json, canonical
from rung.text.parsing import Malformed, json_of

# The type of an assertion whose value is an accepted answer -> the bar's metric that asks nearest to the same.
REFERENCES = {
    **{"equals": "em", "contains": "contains", "icontains": "contains", "starts-with": "contains"},
    **{"contains-any": "contains", "icontains-any": "contains", "contains-all": "contains", "icontains-all": "contains"},
    **{"similar": "judge", "levenshtein": "", "factuality": "judge", "model-graded-factuality": "judge"},
    **{"rouge-n": "rouge_l", "rouge-l": "rouge_l", "bleu": "rouge_l", "gleu": "rouge_l", "meteor": "rouge_l"},
    **{"context-recall": "", "answer-correctness": "judge"},
}
GRADED = ("llm-rubric", "model-graded-closedqa", "g-eval")
_ANY, _ALL = ("contains-any", "icontains-any"), ("contains-all", "icontains-all")
_LOOSER = ("similar", "levenshtein", "starts-with", "context-recall", "rouge-n", "bleu", "gleu", "meteor")
_UNREAD = ("weight", "metric", "transform", "contextTransform", "provider", "rubricPrompt")
SEVERAL = "asks for several texts at once"
_RAW = re.compile(r"\{%-?\s*raw\s*-?%\}(.*)\{%-?\s*endraw\s*-?%\}", re.DOTALL)
_END_RAW = re.compile(r"\{%-?\s*endraw")
_JSON = ("is-json", "contains-json")
_NAME = re.compile(r"\{\{-?\s*([\w.\[\]'\"-]+)\s*-?\}\}")
_NAMED = re.compile(r"\{[{%][^}]*?\b([A-Za-z_][\w.]*)")  # also beside a filter, or in a loop
_WITH_ARGUMENT = re.compile(r"^(not-)?([a-z][a-z0-9-]*)(?:\(([\d.]+)\))?(?::(.*))?$", re.DOTALL)


@dataclass(slots=True)
class Asserted:
    """What the assertions of a test come to."""

    answers: list[str] = field(default_factory=list)
    rubrics: list[str] = field(default_factory=list)
    refuses: bool = False
    schema: Json = None
    metrics: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    several: bool = False  # asks for several texts at once
    is_json: bool = False  # asks for JSON, with a schema or without


def asserted(assertions: Sequence[Json], variables: Mapping[str, Json]) -> Asserted:
    """What a test's assertions come to, their templates filled in with its variables."""
    result, groups = Asserted(), list[list[str]]()
    for one in _flat(assertions, result):
        kind = str(one.get("type") or "")
        if one.get("weight") == 0:
            result.notes.append(f"an assertion '{kind}' of weight 0, which only reports, is not carried over")
        elif kind in REFERENCES:
            groups += _references(kind, one, variables, result)
        elif kind in GRADED:
            result.rubrics += [text for value in texts(one.get("value")) if (text := _rendered(value, variables, result))]
            result.metrics.append("judge")
        elif kind in _JSON:
            result.is_json = True
            _schema(kind, one.get("value"), result)
        elif kind == "is-refusal":
            result.refuses = True
        else:
            value = " ".join(words(one.get("value")).split())
            shown = f": {value[:60]}{'…' if len(value) > 60 else ''}" if value else ""
            result.notes.append(f"the assertion '{kind or 'without a type'}' is not carried over{shown}")
            continue
        result.notes += _unread(one) if one.get("weight") != 0 else ()
    _combine(groups, result)
    if result.refuses and groups:
        result.notes.append("'is-refusal' beside an expected text: the text is not carried over, the question has no answer")
    return result


def filled(template: str, variables: Mapping[str, Json]) -> str:
    """A template with its `{{variables}}` filled in.

    Raises:
        ValueError: it names a variable that is not there, or says more than a name (a filter, a loop).
    """

    def value(match: re.Match[str]) -> str:
        path = match[1]
        if path in variables:
            return words(variables[path])
        at: Json = dict(variables)
        for name in path.split("."):
            if not isinstance(at, dict) or name not in at:
                raise ValueError(f"names the variable '{path}', which the test does not have")
            at = at[name]
        return words(at)

    if (bare := unraw(template)) != template:
        return words(bare)
    text = _NAME.sub(value, template)
    rest = _NAME.sub("", template)
    if "{{" in rest or "{%" in rest:
        raise ValueError("holds a template with more than names in it")
    return text


def unraw(value: Json) -> Json:
    """A text without the marks around it that keep its braces from being filled in."""
    match = _RAW.fullmatch(value) if isinstance(value, str) else None
    return match[1] if match and not _END_RAW.search(match[1]) else value


def names_in(template: str) -> set[str]:
    """The variables that a template names, by their whole paths ("item.question")."""
    return set(_NAMED.findall(template)) | {match[1] for match in _NAME.finditer(template)}


def always_in(template: str) -> frozenset[str]:
    """The variables that a template fills in whatever the others are; none where it has loops or conditions."""
    return frozenset(match[1] for match in _NAME.finditer(template)) if "{%" not in template else frozenset()


def from_cell(cell: str) -> Json:
    """The assertion that a cell of a column `__expected` writes: `contains: x`, `similar(0.8): x`; else the text itself.

    Raises:
        ValueError: never; a cell that is no assertion is an expected text.
    """
    cell = cell.strip()
    if cell.startswith(("javascript:", "fn:", "eval:", "python:", "file://")):
        kind, _, value = cell.partition(":")
        return {"type": {"fn": "javascript", "eval": "javascript"}.get(kind, kind), "value": value.strip()}
    if cell.startswith("grade:"):
        return {"type": "llm-rubric", "value": cell.removeprefix("grade:").strip()}
    if cell.removeprefix("not-") in (*_JSON, "is-refusal", "is-valid-openai-function-call", "is-valid-openai-tools-call"):
        return {"type": cell}
    match = _WITH_ARGUMENT.match(cell)
    if match is None or match[2] not in _KINDS or (match[4] is None and match[3] is None):
        return {"type": "equals", "value": cell}
    kind, value = match[2], (match[4] or match[3]).strip()
    several: list[Json] = [part.strip() for part in value.split(",")]
    is_list = kind in (*_ANY, *_ALL)
    return {"type": (match[1] or "") + kind, "value": several if is_list else value}


_KINDS = frozenset(
    (
        *(*REFERENCES, *GRADED, *_JSON, "regex", "answer-relevance", "context-relevance", "context-faithfulness"),
        *(
            "cost",
            "latency",
            "perplexity",
            "perplexity-score",
            "webhook",
            "contains-sql",
            "is-sql",
            "is-xml",
            "contains-xml",
        ),
        *("moderation", "classifier", "is-refusal", "word-count", "trajectory", "guardrails", "ruby", "pi", "select-best"),
    )
)


_META = "__metadata:"


def _listed(name: str, cell: Json) -> Json:
    """A cell of metadata; in a column whose name ends with `[]` it is a list with commas."""
    if not name.endswith("[]"):
        return cell
    return [part.strip() for part in re.split(r"(?<!\\),", words(cell)) if part.strip()]


def test_of(row: Mapping[str, Json]) -> Json:
    """A row of Promptfoo's CSV as a test."""
    options: dict[str, Json] = {key: row[f"__{key}"] for key in ("prefix", "suffix") if words(row.get(f"__{key}"))}
    variables: dict[str, Json] = {name: value for name, value in row.items() if not name.startswith("__")}
    cells = [words(row[name]) for name in row if name.startswith("__expected")]
    asserted_cells: list[Json] = [from_cell(cell) for cell in cells if cell.strip()]
    test: dict[str, Json] = {"vars": variables, "assert": asserted_cells, "options": options}
    if words(row.get("__description")).strip():
        test["description"] = row["__description"]
    if words(row.get("__threshold")).strip():
        test["threshold"] = row["__threshold"]
    if metadata := {
        name.partition(":")[2].removesuffix("[]"): _listed(name, row[name]) for name in row if name.startswith(_META)
    }:
        test["metadata"] = {key: value for key, value in metadata.items() if value not in ("", [])}
    columns = ("__prefix", "__suffix", "__description", "__threshold", "__expected", _META)
    return test | {name: row[name] for name in row if name.startswith("__") and not name.startswith(columns)}


def _flat(assertions: Sequence[Json], result: Asserted) -> Iterator[Mapping[str, Json]]:
    for one in assertions:
        if not isinstance(one, dict):
            result.notes.append(f"an assertion is no object: {words(one)[:60]}")
        elif one.get("type") == "assert-set":
            inner = one.get("assert")
            if one.get("weight") == 0:
                result.notes.append("an assert-set of weight 0, which only reports, is not carried over")
            elif one.get("threshold") is not None:
                result.notes.append("an assert-set with a threshold is not carried over: only a part of it must hold")
            else:
                result.notes += _unread(one)
                yield from _flat(inner if isinstance(inner, list) else [], result)
        else:
            yield one


def _unread(one: Mapping[str, Json]) -> Iterator[str]:
    """What an assertion that is carried over says beside its value; the weight 1 is every assertion's."""
    for key in _UNREAD:
        if one.get(key) not in (None, "") and (key, one[key]) != ("weight", 1):
            shown = words(one[key])[:60]
            yield f"'{key}' of the assertion '{one.get('type')}' is not carried over: {shown}"


def _references(kind: str, one: Mapping[str, Json], variables: Mapping[str, Json], result: Asserted) -> Iterator[list[str]]:
    """The accepted texts of an assertion, as groups of alternatives that must all hold."""
    value = one.get("value")
    if isinstance(value, str) and kind in (*_ANY, *_ALL):
        listed = listed_in(value) if value.strip().startswith("[") else None
        value = listed if listed is not None else [part.strip() for part in value.split(",")]
    listed_values = value if isinstance(value, list) and kind != "equals" else [value]
    rendered = [text for part in listed_values if (text := _rendered(words(part), variables, result)).strip()]
    if not rendered:
        if value is None or not words(value).strip():
            result.notes.append(f"the assertion '{kind}' has no value")
        return
    if kind in _LOOSER:
        result.notes.append(
            f"the assertion '{kind}' became an accepted answer: how near an answer must come is not carried over"
        )
    if REFERENCES[kind]:
        result.metrics.append(REFERENCES[kind])
    yield from ([text] for text in rendered) if kind in _ALL else [rendered]


def _rendered(value: str, variables: Mapping[str, Json], result: Asserted) -> str:
    if value.startswith("file://"):
        result.notes.append(f"an assertion has its value in another file, which is not read: {value}")
        return ""
    try:
        return filled(value, variables)
    except ValueError as error:
        result.notes.append(f"an assertion {error}: {value[:60]}")
        return ""


def _schema(kind: str, value: Json, result: Asserted) -> None:
    if isinstance(value, str) and value.strip():
        if value.startswith("file://"):
            result.notes.append(f"a schema stands in another file ({value}): name it as behaviour.schema")
            return
        try:
            value = json_of(value)
        except Malformed as error:
            result.notes.append(f"the schema of '{kind}' is no JSON ({error})")
            return
    if not isinstance(value, dict) or not value:
        result.notes.append(f"'{kind}' has no schema: name one as behaviour.schema")
    elif result.schema is not None and result.schema != value:
        result.notes.append(f"a second schema of '{kind}' is not carried over")
    else:
        result.schema = value


def _combine(groups: Sequence[list[str]], result: Asserted) -> None:
    """One group of alternatives that, met, meets all others: those are implied by it."""
    folded = [[text.casefold().strip() for text in group] for group in groups]
    for group, texts_of in zip(groups, folded, strict=True):
        if all(all(any(part in text for part in other) for text in texts_of) for other in folded):
            result.answers = [str(text) for text in unique([*group])]
            return
    if groups:
        result.several = True
        listed = " and ".join(f"'{' or '.join(group)}'"[:40] for group in groups[:4])
        result.notes.append(f"{SEVERAL} ({listed}): accepted answers are alternatives")


def all_accepted(answers: list[Json], written: Json, *, as_json: bool) -> list[Json]:
    """The accepted answers: all that were written, where the assertions have some of those and no others."""
    if not isinstance(written, list):
        return answers
    same = _of_json if as_json else words
    there = {same(one) for one in written}
    return [*written] if all(same(one) in there for one in answers) else answers


def _of_json(answer: Json) -> str:
    """A text that JSON texts of the same value share: the order of keys, spaces and `1.0` for `1` are no difference."""
    text = words(answer)
    with suppress(ValueError, RecursionError):
        return canonical(json.loads(text, parse_int=float))
    return text
