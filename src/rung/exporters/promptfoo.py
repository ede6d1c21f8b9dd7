"""Cases as a Promptfoo configuration: a test each, whose assertions ask nearest to what the project's bar does.

A test's `metadata.rung` has what of the case Promptfoo has no place for, and all accepted answers where its assertion holds
one alone or judges JSON; `rung import` reads it back. Braces that Promptfoo would fill in stand between `{% raw %}` and
`{% endraw %}`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import yaml

from rung.exporters.case_rows import Written, counted_once, row_of, weighed
from rung.records import Case, Json

RAW, END = "{% raw %}", "{% endraw %}"
_TEMPLATE = re.compile(r"\{[{%#]")
_BARE = re.compile(r"(?!(?:true|false|null|yes|no|on|off|y|n)\Z)[A-Za-z_][\w-]*", re.IGNORECASE | re.ASCII)
_HEAD = """\
# Cases of {name}, written by Rung. Put your models in the place of `providers`, your prompt in that of `prompts`.
"""


@dataclass(slots=True)
class Suite:
    """A configuration, as text, and how many tests it has; the cases that it does not hold, with the reason; what is to be
    said of it."""

    text: str = ""
    count: int = 0
    left_out: list[tuple[Case, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Judged:
    """How the project judges: by what `correct` is (`scoring.CorrectBy`), its schema, the judge's rubric and the bar."""

    by: str
    schema: str = ""
    rubric: str = ""
    bar: float | None = None


def suite_of(
    name: str,
    cases: Sequence[Case],
    judged: Judged,
    written: Written,
    *,
    outputs: Mapping[str, str] | None = None,
    hidden: Collection[str] = (),
) -> Suite:
    """The configuration of a project's cases.

    Args:
        name: of the project.
        cases: in their order.
        judged: how the project judges.
        written: what their rows say beside what a case has.
        outputs: what a rung answered, by case: Promptfoo judges that and asks no provider; other cases are left out.
        hidden: of the others those whose output is kept from who gets the configuration.
    """
    suite, tests, notes, weights = Suite(), list[Json](), dict[str, int](), list[int]()
    for case, weight in weighed(cases):
        if outputs is not None and case.id not in outputs:
            withheld = "what the rung made of it touches what these groups may not read"
            reason = withheld if case.id in hidden else "the rung gave no answer to it"
            suite.left_out.append((case, reason))
            continue
        try:
            test = _test(case, judged, row_of(case, written, weight), notes)
            if outputs is not None:
                test["providerOutput"] = outputs[case.id]
        except ValueError as why:
            suite.left_out.append((case, str(why)))
            continue
        tests.append(test)
        weights.append(weight)
    suite.notes = [f"{text} ({count:,} {'case' if count == 1 else 'cases'})" for text, count in notes.items()]
    suite.notes += counted_once(weights)
    suite.count = len(tests)
    whole: Json = {
        "description": f"cases of {name}",
        "prompts": ["{{question}}"],
        "providers": ["echo"],
        "tests": tests,
    }
    suite.text = _HEAD.format(name=" ".join(name.split())) + yaml.dump(
        whole, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=float("inf")
    )
    return suite


class _Dumper(yaml.SafeDumper):
    """Writes texts in double quotes: what is a number or a date differs between versions of YAML."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - as the class above has it
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = None if _BARE.fullmatch(text) else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def _test(case: Case, judged: Judged, its_row: Mapping[str, Json], notes: dict[str, int]) -> dict[str, Json]:
    """One test. `its_row`: the case as Rung writes it.

    Raises:
        ValueError: Promptfoo would read another text out of it, or there is nothing to judge by.
    """
    question = case.question
    if case.messages:
        turns = [*((turn.role, turn.content) for turn in case.messages), ("user", case.question)]
        question = json.dumps([{"role": role, "content": text} for role, text in turns], ensure_ascii=False)
    assertions, whole = _assertions(case, judged, notes)
    row = {key: value for key, value in its_row.items() if key not in ("question", "answers", "answerable", "messages")}
    own: dict[str, Json] = row if whole else {**row, "answers": [*case.answers]}
    return {
        "description": case.id,
        "vars": {"question": raw(question)},
        "assert": assertions,
        "metadata": {"rung": own},
    }


def _assertions(case: Case, judged: Judged, notes: dict[str, int]) -> tuple[list[Json], bool]:
    """(what a test asserts, whether that holds every accepted answer).

    Raises:
        ValueError: there is nothing to judge by, or a text that cannot be written.
    """
    if not case.answerable:
        return [{"type": "is-refusal"}], True
    if not case.answers:
        if judged.by == "judge" and judged.rubric:
            return [{"type": "llm-rubric", "value": raw(judged.rubric)}], True
        raise ValueError("it judges the search alone, and has no accepted answer")
    first, several = case.answers[0], len(case.answers) > 1

    def noted(text: str) -> None:
        notes[text] = notes.get(text, 0) + 1

    if judged.by in ("json", "json_fields"):
        form: dict[str, Json] = {"type": "is-json", **({"value": json.loads(judged.schema)} if judged.schema else {})}
        if several:
            noted("Promptfoo compares with the first accepted answer alone")
        if judged.by == "json_fields":
            noted("Promptfoo compares JSON as a whole, not by field")
        return [form, {"type": "equals", "value": _json(first)}], False  # which text of the JSON it was is not held
    if judged.by in ("judge", "rouge_l"):
        if several:
            noted("Promptfoo compares with the first accepted answer alone")
        kind = "factuality" if judged.by == "judge" else "rouge-n"
        near: dict[str, Json] = {"threshold": judged.bar} if kind == "rouge-n" and judged.bar is not None else {}
        return [{"type": kind, "value": raw(first), **near}], not several
    if judged.by in ("em", "label") and not several:
        return [{"type": "equals", "value": raw(first)}], True
    noted("Promptfoo looks for an accepted answer within the output")
    listed: list[Json] = [raw(answer) for answer in case.answers]
    return [{"type": "icontains-any", "value": listed} if several else {"type": "icontains", "value": listed[0]}], True


def raw(text: str) -> str:
    """A text as Promptfoo has to find it, so that it reads the text itself.

    Raises:
        ValueError: nothing makes it do so.
    """
    if text.startswith("file://"):
        raise ValueError("a text that begins with file:// is read as a file")
    if not _TEMPLATE.search(text):
        return text
    if re.search(r"\{%-?\s*endraw", text):
        raise ValueError("a text with {% endraw %} ends what is not to be filled in")
    return f"{RAW}{text}{END}"


def _json(answer: str) -> Json:
    """JSON as `equals` compares it: objects, lists and numbers as such, texts and null as the output spells them."""
    try:
        value: Json = json.loads(answer)
    except ValueError:
        raise ValueError("its accepted answer is no JSON") from None
    if _TEMPLATE.search(answer):
        raise ValueError("its accepted answer is JSON with braces that would be filled in")
    return json.dumps(value, ensure_ascii=False) if value is None or isinstance(value, str) else value
