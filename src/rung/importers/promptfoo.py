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
    object_of,
    texts,
    words,
)
from rung.importers.imported import ImportedRow, Importer, Row, case_row, document_row, ids
from rung.importers.promptfoo_asserts import (
    SEVERAL,
    Asserted,
    all_accepted,
    always_in,
    asserted,
    names_in,
    test_of,
    unraw,
)
from rung.importers.promptfoo_exports import config_of, tests_of
from rung.importers.promptfoo_variables import combinations, flattened, is_within, last_name
from rung.importers.source import ImportFile
from rung.records import Json
from rung.text.parsing import Malformed, json_of

MAX_EXPANDED = 1000  # cases of one test whose variables are lists
_KEYS = ("prompts", "providers", "targets", "tests", "defaultTest", "scenarios", "evaluateOptions")
_COLUMNS = ("__expected", "__prefix", "__suffix", "__metadata:")
_OTHER_KEYS = ("assertScoringFunction", "threshold", "provider")
_OF_A_ROW = (
    *("id", "split", "as", "evidence", "gold_documents", "drafted_by", "approved_by"),
    *("meta", "answers", "weight", "calls"),
)
_HIDDEN = (*ANSWERS, "rubric", "criteria", "grading_criteria", "assertion")


def _claims(file: ImportFile) -> float:
    whole: Json = config_of(file.whole)[0] or file.whole
    if isinstance(whole, dict) and ("tests" in whole or "scenarios" in whole or "defaultTest" in whole):
        named = sum(key in whole for key in _KEYS)
        return 1.0 if named >= 2 else 0.6
    if isinstance(whole, list):
        return _share(whole)
    if file.is_table:
        return 1.0 if any(key.startswith(_COLUMNS) for key in file.rows[0][1]) else 0.0
    return _share([row for _, row in file.rows])


def _share(tests: Sequence[Json]) -> float:
    some = tests[:20]
    return sum(isinstance(one, dict) and "vars" in one for one in some) / len(some) if some else 0.0


def _read(file: ImportFile) -> Iterator[ImportedRow]:
    config, pointer = config_of(file.whole)
    if not file.is_table and any(key in config for key in _KEYS):
        yield from _configuration(file, config, pointer)
        if pointer:
            file.note(0, "the results of the evaluation are not taken: they are what was to be judged")
    elif file.yaml_fault is not None:
        raise InputError(f"is no YAML that can be used: {file.yaml_fault}", path=file.shown, line=file.yaml_fault.line)
    else:
        yield from _listed(file, {})


def _listed(file: ImportFile, config: Mapping[str, Json], part: str = "", line: int = 0) -> Iterator[ImportedRow]:
    """Tests of a list: YAML, JSON, JSONL, CSV. `line`: in the configuration that names them as `part`."""
    tests: list[tuple[int, Json]] = [(number, test_of(row) if file.is_table else row) for number, row in file.rows]
    if isinstance(file.whole, list) and not file.looks_json:
        tests = [(file.line(f"/{index}"), test) for index, test in enumerate(file.whole)]
    suite = Suite.of(file, config, [test for _, test in tests])
    for number, test in tests:
        yield suite.row(test, number, part=part)
    for problem in file.bad_rows if part else ():
        yield ImportedRow(problem.line or line, refused=problem.message, part=part)


def _configuration(file: ImportFile, config: Mapping[str, Json], pointer: str) -> Iterator[ImportedRow]:
    """The tests of a configuration, which stands at a JSON pointer of the file."""
    tests = tests_of(file.whole, config, pointer)
    scenarios = config.get("scenarios")
    if isinstance(config.get("defaultTest"), str):
        file.note(
            file.line(f"{pointer}/defaultTest"),
            f"'defaultTest' stands in another file, and is not taken: {config['defaultTest']}",
        )
    suite = Suite.of(file, config, [test for _, test in tests])
    for of_test, test in tests:
        line = file.line(of_test)
        if isinstance(test, str) or (isinstance(test, dict) and isinstance(test.get("path"), str)):
            yield from _elsewhere(file, config, str(test if isinstance(test, str) else test["path"]), line)
        else:
            yield suite.row(test, line)
    for index, _ in enumerate(_some(scenarios)):
        why = "is a scenario, whose tests are made of combinations: write them out under 'tests'"
        yield ImportedRow(file.line(f"{pointer}/scenarios/{index}"), refused=why)


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
            yield from _listed(other, config, path.as_posix(), line)
        except InputError as error:
            yield ImportedRow(line, refused=f"names tests in {name}, which cannot be read: {error.reason}")
        file.notes += other.notes


@dataclass(frozen=True, slots=True)
class Suite:
    """What all tests of a file share: the defaults, the templates of assertions by name, and what its prompts show."""

    file: ImportFile
    default: Mapping[str, Json]  # what of the default test goes into each besides variables and assertions
    variables: Mapping[str, Json]
    assertions: tuple[Json, ...]
    templates: Mapping[str, Json]
    prompted: frozenset[str] | None  # variables that its prompts show; None where the prompts are not known
    asked_by: frozenset[str]  # of these the ones that every prompt asks by
    judged_by: frozenset[str]  # variables that its assertions name
    constant: frozenset[str]  # variables of the defaults that no test changes

    @classmethod
    def of(cls, file: ImportFile, config: Mapping[str, Json], tests: Sequence[Json]) -> Suite:
        """The suite of a configuration, which may be empty, and of its tests."""
        default = object_of(config.get("defaultTest"))
        prompts = [_prompt_text(file, one) for one in _some(config.get("prompts"))]
        shown = frozenset(name for text in prompts if text is not None for name in names_in(text))
        every = [frozenset[str]() if text is None else always_in(text) for text in prompts]
        variables = object_of(default.get("vars"))
        changed = {name for test in tests for name in object_of(object_of(test).get("vars"))}
        constant = frozenset(variables) - changed if len(tests) > 1 and changed else frozenset[str]()
        whole, pointer = config_of(file.whole) if constant else ({}, "")
        if "defaultTest" in whole:
            what = ", ".join(f"'{name}'" for name in sorted(constant))
            why = f"{what} of defaultTest is the same in every test: say what it means in rung.yaml's 'task'"
            file.note(file.line(f"{pointer}/defaultTest/vars"), why)
        return cls(
            file,
            {key: default[key] for key in ("options", "metadata", *_OTHER_KEYS) if key in default},
            variables,
            tuple(_some(default.get("assert"))),
            object_of(config.get("assertionTemplates")),
            None if not prompts or None in prompts or not shown else shown,
            frozenset(name for name in frozenset[str]().union(*every).intersection(*every) if last_name(name) in QUESTIONS),
            frozenset(name for test in (default, *tests) for text in _assertion_texts(test) for name in names_in(text)),
            constant,
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
        variables = {**self.variables, **object_of(own)}
        if not variables:
            raise ValueError("has no 'vars': there is no question in it")
        if outside := [name for name, value in variables.items() if isinstance(value, str) and value.startswith("file://")]:
            raise ValueError(f"has the variable '{outside[0]}' in another file: {variables[outside[0]]}")
        options = {**object_of(self.default.get("options")), **object_of(test.get("options"))}
        test = {**self.default, **test, "options": options}
        assertions = [self._by_reference(one) for one in (*self.assertions, *_some(test.get("assert")))]
        others = [key for key in test if (key in _OTHER_KEYS or key.startswith("__")) and test[key] not in (None, "")]
        others += [f"options.{key}" for key in options if key not in ("prefix", "suffix")]
        notes = [f"'{key}' is not carried over" for key in (*others, *_unkept(test))]
        sets = list(itertools.islice(combinations(variables), MAX_EXPANDED + 1))
        if len(sets) > MAX_EXPANDED:
            raise ValueError(f"stands for more than {MAX_EXPANDED:,} combinations of its variables")
        cases, documents = list[Row](), list[Row]()
        for each in sets:
            results = asserted(assertions, each)
            if self.file.answer and results.answers:
                results.notes.append("its assertions name the answer: what --answer names is not read")
            notes = list(dict.fromkeys((*notes, *results.notes)))
            case, context = self._case(test, each, results)
            cases.append(case)
            documents += context
        only = {"judge"} if results.schema is not None else {*results.metrics} - {""}  # by a schema answers are JSON
        metrics = only.intersection(results.metrics)
        metric = "judge" if "judge" in metrics and not results.answers else next(iter(metrics - {"judge"}), "judge")
        return ImportedRow(
            line,
            cases=tuple(cases),
            documents=tuple(documents),
            notes=tuple(notes),
            part=part,
            schema=results.schema,
            metric=metric if len(metrics - {"judge"}) <= 1 and metrics else "",
        )

    def _by_reference(self, one: Json) -> Json:
        name = one.get("$ref") if isinstance(one, dict) else None
        return self.templates.get(str(name).rpartition("/")[2], one) if name else one

    def _case(self, test: Mapping[str, Json], variables: Mapping[str, Json], results: Asserted) -> tuple[Row, list[Row]]:
        """(the case, the documents that its contexts are).

        Raises:
            ValueError: there is no question, or nothing to judge by.
        """
        flat = dict(flattened(variables))
        question_name, contexts, beside = self._roles(flat)
        if self.file.answer and self.file.answer not in flat:
            raise ValueError(f"has no variable '{self.file.answer}'; it has {', '.join(flat)}")
        answers: list[Json] = [*results.answers]
        stated = ""
        if not answers and (self.file.answer or not (results.rubrics or results.several or results.refuses)):
            stated = self._stated(flat, question_name)
            answers = [*texts(flat.get(stated))]
        if not answers and not results.rubrics and not results.refuses:
            why = "; ".join(note for note in results.notes if not results.several or note.startswith(SEVERAL))
            why = why or "no assertion names one"
            raise ValueError(f"has no accepted answer: {why}")
        meta = _metadata(test)
        read = {question_name, stated, *contexts, *beside}
        if unshown := {name: flat[name] for name in self._left(flat) if name not in read}:
            meta["vars"] = unshown
        if results.rubrics:
            meta["rubric"] = "\n".join(results.rubrics)
        own_row = _own_row(test)
        if isinstance(test.get("description"), str) and test["description"] != own_row.get("id"):
            meta["description"] = test["description"]
        question, before = _question(unraw(flat[question_name]))
        answers = all_accepted(answers, own_row.pop("answers", None), as_json=results.is_json)
        meta = {**object_of(own_row.pop("meta", None)), **meta}
        options = object_of(test.get("options"))
        question = f"{words(options.get('prefix'))}{question}{words(options.get('suffix'))}"
        lines = [f"{name.rpartition('.')[2]}: {words(flat[name])}" for name in beside]
        documents = [document_row(text) for name in contexts for text in texts(flat[name])]
        case = case_row(
            "\n".join([question, *lines]),
            [] if results.refuses else answers,
            gold=[] if results.refuses else ids(documents),
            answerable=not results.refuses,
            messages=before,
            meta=meta,
        )
        return {**case, **own_row}, documents

    def _stated(self, flat: Mapping[str, Json], question: str) -> str:
        """The variable that states the answer where no assertion does; "" where none is."""
        if self.file.answer in flat:
            return self.file.answer
        others = [name for name in flat if name != question and not is_within(name, self.prompted or frozenset())]
        return next((one for answer in ANSWERS for one in others if last_name(one) == answer), "")

    def _left(self, flat: Mapping[str, Json]) -> list[str]:
        """The variables with a value that are neither the same in every test nor named by an assertion."""
        return [name for name in flat if words(flat[name]).strip() and not is_within(name, self.constant | self.judged_by)]

    def _roles(self, flat: Mapping[str, Json]) -> tuple[str, list[str], list[str]]:
        """(the variable that is the question, those that are contexts, those that stand under the question)."""
        names = [name for name in flat if words(flat[name]).strip() and name not in self.constant]
        if self.prompted is not None:
            shown = [name for name in names if is_within(name, self.prompted)] or names
        else:
            shown = [n for n in names if last_name(n) not in _HIDDEN and not is_within(n, self.judged_by)] or names
        contexts = [name for name in shown if last_name(name) in CONTEXTS]
        candidates = [name for name in shown if name not in contexts] or shown
        question = self.file.question
        if question and question not in flat:
            raise ValueError(f"has no variable '{question}'; it has {', '.join(flat)}")
        if not question and not any(last_name(name) in QUESTIONS for name in candidates):
            there = [name for name in flat if words(flat[name]).strip()]
            for path in sorted(self.asked_by):
                if not any(is_within(name, frozenset((path,))) or path.startswith(f"{name}.") for name in there):
                    raise ValueError(f"has no variable '{path}', by which its prompts ask")
        if not question:
            longest = max(candidates, key=lambda name: len(words(flat[name])), default="")
            question = next((one for asks in QUESTIONS for one in candidates if last_name(one) == asks), longest)
        if not question:
            raise ValueError("has no variable with a value: there is no question in it")
        beside = [name for name in candidates if name != question]
        return question, [name for name in contexts if name != question], beside


def _own_row(test: Mapping[str, Json]) -> Row:
    """What `rung export` wrote of a case beside its question, its answers and its turns."""
    row = object_of(object_of(test.get("metadata")).get("rung"))
    return {key: value for key, value in row.items() if key in _OF_A_ROW}


def _metadata(test: Mapping[str, Json]) -> Row:
    """What a test says of itself, as a case's own object."""
    metadata = object_of(test.get("metadata"))
    return {key: value for key, value in metadata.items() if key != "rung" and key not in _unkept(test)}


def _unkept(test: Mapping[str, Json]) -> list[str]:
    """Keys of a test's metadata that are no texts, numbers or lists of them."""
    metadata = object_of(test.get("metadata"))
    return [key for key, value in metadata.items() if key != "rung" and isinstance(value, dict)]


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
    return [words(one) for one in _some(object_of(test).get("assert"))]


def _some(value: Json) -> list[Json]:
    return value if isinstance(value, list) else [] if value is None else [value]


PROMPTFOO = Importer("Promptfoo: tests with assertions", _claims, _read, ("question", "answer"))
