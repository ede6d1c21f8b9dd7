"""Promptfoo: a configuration (YAML or JSON), its tests alone (a list, or JSONL), or its CSV with `__expected` columns."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from rung.errors import InputError
from rung.importers.fields import (
    ANSWERS,
    CONTEXTS,
    QUESTIONS,
    asked,
    chat_turns,
    name_in,
    object_of,
    plain_name,
    texts,
    words,
)
from rung.importers.imported import ImportedRow, Importer, Row, case_row, document_row, ids
from rung.importers.promptfoo_asserts import Asserted, asserted, from_cell, names_in
from rung.importers.source import ImportFile
from rung.records import Json
from rung.text.parsing import Malformed, json_of

MAX_EXPANDED = 1000  # cases of one test whose variables are lists
_KEYS = ("prompts", "providers", "targets", "tests", "defaultTest", "scenarios", "evaluateOptions")
_OTHER_KEYS = ("assertScoringFunction", "threshold", "provider")
_HIDDEN = (*ANSWERS, "rubric", "criteria", "grading_criteria", "assertion")


def _claims(file: ImportFile) -> float:
    whole = file.whole
    if isinstance(whole, dict) and ("tests" in whole or "scenarios" in whole or "defaultTest" in whole):
        named = sum(key in whole for key in _KEYS)
        return 1.0 if named >= 2 else 0.6
    if isinstance(whole, list):
        return _share(whole)
    if file.is_table:
        return 1.0 if any(key.startswith(("__expected", "__prefix", "__suffix")) for key in file.rows[0][1]) else 0.0
    return _share([row for _, row in file.rows])


def _share(tests: Sequence[Json]) -> float:
    some = tests[:20]
    return sum(isinstance(one, dict) and "vars" in one for one in some) / len(some) if some else 0.0


def _read(file: ImportFile) -> Iterator[ImportedRow]:
    whole = file.whole
    if not file.is_table and isinstance(whole, dict) and any(key in whole for key in _KEYS):
        yield from _configuration(file, whole)
    elif isinstance(whole, list) and not file.looks_json:
        suite = Suite.of(file, {}, [words_of for test in whole for words_of in _assertion_texts(test)])
        for index, test in enumerate(whole):
            yield suite.row(test, file.line(f"/{index}"))
    elif file.yaml_fault is not None:
        raise InputError(f"is no YAML that can be used: {file.yaml_fault}", path=file.shown, line=file.yaml_fault.line)
    else:
        yield from _listed(file, {})


def _listed(file: ImportFile, config: Mapping[str, Json], part: str = "", line: int = 0) -> Iterator[ImportedRow]:
    """Tests of a list of rows: JSON, JSONL, CSV. `line`: in the configuration that names them as `part`."""
    tests = [(number, _test_of(row) if file.is_table else row) for number, row in file.rows]
    suite = Suite.of(file, config, [text for _, test in tests for text in _assertion_texts(test)])
    for number, test in tests:
        yield suite.row(test, number, part=part)
    for problem in file.bad_rows if part else ():
        yield ImportedRow(problem.line or line, refused=problem.message, part=part)


def _configuration(file: ImportFile, config: Mapping[str, Json]) -> Iterator[ImportedRow]:
    tests = config.get("tests")
    scenarios = config.get("scenarios")
    if isinstance(config.get("defaultTest"), str):
        file.note(
            file.line("/defaultTest"), f"'defaultTest' stands in another file, and is not taken: {config['defaultTest']}"
        )
    suite = Suite.of(file, config, [text for test in _some(tests) for text in _assertion_texts(test)])
    single = isinstance(tests, (str, dict))
    for index, test in enumerate([tests] if single else _some(tests)):
        line = file.line("/tests" if single else f"/tests/{index}")
        if isinstance(test, str) or (isinstance(test, dict) and isinstance(test.get("path"), str)):
            yield from _elsewhere(file, config, str(test if isinstance(test, str) else test["path"]), line)
        else:
            yield suite.row(test, line)
    for index, _ in enumerate(_some(scenarios)):
        why = "is a scenario, whose tests are made of combinations: write them out under 'tests'"
        yield ImportedRow(file.line(f"/scenarios/{index}"), refused=why)


def _elsewhere(file: ImportFile, config: Mapping[str, Json], name: str, line: int) -> Iterator[ImportedRow]:
    """The tests of a file that a configuration names, if it lies beside it."""
    path = Path(name.removeprefix("file://"))
    there = file.path.parent / path
    if "://" in name.removeprefix("file://") or path.suffix in (".py", ".js", ".ts", ".mjs") or any(c in name for c in "*?"):
        yield ImportedRow(line, refused=f"names tests that are made by a program, a pattern or an address: {name}")
    elif path.is_absolute() or ".." in path.parts or not there.is_file():
        yield ImportedRow(
            line, refused=f"names tests in a file that is not beside this one: {name}; import that file by itself"
        )
    else:
        other = ImportFile(there, question=file.question, answer=file.answer)
        try:
            whole = other.whole
            if isinstance(whole, list) and not other.looks_json:
                suite = Suite.of(other, config, [text for test in whole for text in _assertion_texts(test)])
                for index, test in enumerate(whole):
                    yield suite.row(test, other.line(f"/{index}"), part=path.as_posix())
            else:
                yield from _listed(other, config, path.as_posix(), line)
        except InputError as error:
            yield ImportedRow(line, refused=f"names tests in {name}, which cannot be read: {error.reason}")
        file.notes += other.notes


@dataclass(frozen=True, slots=True)
class Suite:
    """What all tests of a file share: the defaults, the templates of assertions by name, and what its prompts show."""

    file: ImportFile
    variables: Mapping[str, Json]
    assertions: tuple[Json, ...]
    templates: Mapping[str, Json]
    prompted: frozenset[str] | None  # variables that its prompts show; None where the prompts are not known
    judged_by: frozenset[str]  # variables that its assertions name

    @classmethod
    def of(cls, file: ImportFile, config: Mapping[str, Json], assertion_texts: Sequence[str]) -> Suite:
        """The suite of a configuration, which may be empty."""
        default = config.get("defaultTest")
        default = default if isinstance(default, dict) else {}
        prompts = [_prompt_text(file, one) for one in _some(config.get("prompts"))]
        shown = frozenset(name for text in prompts if text is not None for name in names_in(text))
        variables, shared = default.get("vars"), default.get("assert")
        templates = config.get("assertionTemplates")
        texts_of = [*assertion_texts, *_assertion_texts(default)]
        return cls(
            file,
            variables if isinstance(variables, dict) else {},
            tuple(shared) if isinstance(shared, list) else (),
            templates if isinstance(templates, dict) else {},
            None if not prompts or None in prompts or not shown else shown,
            frozenset(name for text in texts_of for name in names_in(text)),
        )

    def row(self, test: Json, line: int, *, part: str = "") -> ImportedRow:
        """A test as cases: one for each combination of its variables."""
        try:
            return self._row(test, line, part)
        except ValueError as error:
            return ImportedRow(line, refused=str(error), part=part)

    def _row(self, test: Json, line: int, part: str) -> ImportedRow:
        if not isinstance(test, dict):
            raise ValueError(f"is no test: it must be an object with 'vars', found {words(test)[:60]}")
        own = test.get("vars")
        if isinstance(own, str):
            raise ValueError(f"has its variables in another file: {own}")
        variables = {**self.variables, **(own if isinstance(own, dict) else {})}
        if not variables:
            raise ValueError("has no 'vars': there is no question in it")
        if outside := [name for name, value in variables.items() if isinstance(value, str) and value.startswith("file://")]:
            raise ValueError(f"has the variable '{outside[0]}' in another file: {variables[outside[0]]}")
        own_assertions = test.get("assert")
        assertions = [self._by_reference(one) for one in (*self.assertions, *_some(own_assertions))]
        notes = [f"'{key}'" for key in _OTHER_KEYS if test.get(key) not in (None, "")]
        notes += [f"'options.{key}'" for key in object_of(test.get("options")) if key not in ("prefix", "suffix")]
        combinations = list(itertools.islice(_combinations(variables), MAX_EXPANDED + 1))
        if len(combinations) > MAX_EXPANDED:
            raise ValueError(f"stands for more than {MAX_EXPANDED:,} combinations of its variables")
        cases, documents = list[Row](), list[Row]()
        for each in combinations:
            results = asserted(assertions, each)
            notes += [note for note in results.notes if note not in notes]
            case, context = self._case(test, each, results)
            cases.append(case)
            documents += context
        metrics = sorted({metric for metric in results.metrics if metric})
        return ImportedRow(
            line,
            cases=tuple(cases),
            documents=tuple(documents),
            notes=tuple(notes),
            part=part,
            schema=results.schema,
            metric="judge" if "judge" in metrics else metrics[0] if len(metrics) == 1 else "",
        )

    def _by_reference(self, one: Json) -> Json:
        name = one.get("$ref") if isinstance(one, dict) else None
        known_as = str(name).rpartition("/")[2] if name else ""
        return self.templates.get(known_as, one) if known_as else one

    def _case(self, test: Mapping[str, Json], variables: Mapping[str, Json], results: Asserted) -> tuple[Row, list[Row]]:
        question_name, contexts, beside = self._roles(variables)
        answers: list[Json] = [*results.answers]
        if not answers and (self.file.answer or not (results.rubrics or results.several or results.refuses)):
            answers = [*self._stated(variables, question_name)]
        meta: Row = {}
        if results.rubrics:
            meta["rubric"] = results.rubrics[0] if len(results.rubrics) == 1 else [*results.rubrics]
        if isinstance(test.get("description"), str):
            meta["description"] = test["description"]
        if not answers and not results.rubrics and not results.refuses:
            why = "; ".join(results.notes) or "no assertion names one"
            raise ValueError(f"has no accepted answer: {why}")
        question, before = _question(variables[question_name])
        options = object_of(test.get("options"))
        question = f"{words(options.get('prefix'))}{question}{words(options.get('suffix'))}"
        lines = [f"{name}: {words(variables[name])}" for name in beside]
        documents = [document_row(text) for name in contexts for text in texts(variables[name])]
        return (
            case_row(
                "\n".join([question, *lines]),
                [] if results.refuses else answers,
                gold=ids(documents) if not results.refuses else [],
                answerable=not results.refuses,
                messages=before,
                meta=meta,
            ),
            documents,
        )

    def _stated(self, variables: Mapping[str, Json], question: str) -> list[str]:
        """The answer that a variable states where no assertion does."""
        name = self.file.answer if self.file.answer in variables else ""
        name = name or name_in([one for one in variables if one != question], ANSWERS)
        return texts(variables[name]) if name and name not in (self.prompted or ()) else []

    def _roles(self, variables: Mapping[str, Json]) -> tuple[str, list[str], list[str]]:
        """(the variable that is the question, those that are contexts, those that stand under the question)."""
        names = [name for name in variables if variables[name] is not None and not isinstance(variables[name], bool)]
        shown = [name for name in names if self.prompted is None or name in self.prompted] or names
        if self.prompted is None:
            shown = [n for n in shown if plain_name(n) not in _HIDDEN and n not in self.judged_by] or shown
        contexts = [name for name in shown if plain_name(name) in CONTEXTS]
        candidates = [name for name in shown if name not in contexts] or shown
        if self.file.question:
            if self.file.question not in variables:
                raise ValueError(f"has no variable '{self.file.question}'; it has {', '.join(variables)}")
            question = self.file.question
        else:
            longest = max(candidates, key=lambda name: len(words(variables[name])), default="")
            question = name_in(candidates, QUESTIONS) or longest
        if not question:
            raise ValueError("has no variable with a value: there is no question in it")
        contexts = [name for name in contexts if name != question]
        return question, contexts, [name for name in candidates if name != question and words(variables[name]).strip()]


def _question(value: Json) -> tuple[str, list[Mapping[str, Json]]]:
    """(question, earlier turns) of a variable, which may hold a chat."""
    if isinstance(value, str) and value.lstrip().startswith("[{"):
        with suppress(Malformed):
            value = json_of(value)
    if isinstance(value, list) and value and all(isinstance(turn, dict) for turn in value):
        question, before, _ = asked(chat_turns(value))
        return question, before
    text = words(value)
    if not text.strip():
        raise ValueError("has an empty question")
    return text, []


def _combinations(variables: Mapping[str, Json]) -> Iterator[Mapping[str, Json]]:
    """A list of plain values stands for each of them, as in Promptfoo."""
    lists = {
        name: value
        if isinstance(value, list) and value and all(isinstance(one, (str, int, float)) for one in value)
        else [value]
        for name, value in variables.items()
    }
    for values in itertools.product(*lists.values()):
        yield dict(zip(lists, values, strict=True))


def _prompt_text(file: ImportFile, prompt: Json) -> str | None:
    """A prompt's text; None where it stands in a file that cannot be looked at."""
    text = prompt.get("raw", prompt.get("label")) if isinstance(prompt, dict) else prompt
    if isinstance(prompt, dict) and isinstance(prompt.get("id"), str) and "raw" not in prompt:
        text = prompt["id"]
    if not isinstance(text, str):
        return words(text)
    if not text.startswith("file://"):
        return text
    path = Path(text.removeprefix("file://"))
    if path.is_absolute() or ".." in path.parts or path.suffix not in (".txt", ".json", ".md", ".yaml", ".yml", ".j2"):
        return None
    try:
        return ImportFile(file.path.parent / path).text
    except InputError:
        return None


def _assertion_texts(test: Json) -> list[str]:
    assertions = test.get("assert") if isinstance(test, dict) else None
    return [words(one) for one in assertions] if isinstance(assertions, list) else []


def _test_of(row: Mapping[str, Json]) -> Json:
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
    return test


def _some(value: Json) -> list[Json]:
    return value if isinstance(value, list) else [] if value is None else [value]


PROMPTFOO = Importer("Promptfoo: tests with assertions", _claims, _read)
