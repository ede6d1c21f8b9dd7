"""Rows that say the same, nearly the same, or something else of the same, and rows that repeat a case.

Texts are compared as `resembling` says; the pairs worth comparing come from `minhash`. Lines that many inputs share (a
schema above each question) are given, not asked: two rows are judged by the rest.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from rung.dataset.formats import flaw
from rung.dataset.leakage import overlaps
from rung.dataset.minhash import candidates
from rung.dataset.near_duplicates import BARELY, Read, near, normal, same_answer, words
from rung.records import Case, Example, canonical
from rung.text.parsing import Malformed, json_of

SHARED_LINES = 3  # different inputs that have a line: from here on it is given
QUOTED = 6  # words of a question that, word for word within a row, give it away
LONG_ANSWER = 12  # words of an answer that nobody writes twice by chance
OFTEN = 2  # rows with one output: more, and it is a standing phrase


@dataclass(frozen=True)
class Side:
    """One row, normalised. `input` is the whole chat before the answer, `asked` the same without the system's turn.

    `exact` is the whole chat with nothing but case and white space aside.
    """

    index: int
    exact: tuple[str, str]
    input: str
    asked: str
    output: str

    @cached_property
    def read(self) -> Read:
        """What was asked, for comparison."""
        return Read(self.asked)


@dataclass(frozen=True, slots=True)
class Group:
    """Indices of rows that belong together, the first named first, and why."""

    indices: tuple[int, ...]
    why: str = ""


def sides(examples: Sequence[Example]) -> list[Side]:
    """The rows that can teach, normalised."""
    filled = []
    for index, example in enumerate(examples):
        if not flaw(example):
            turns = [f"{m.role}: {m.content}" for m in example.messages[:-1] if m.role != "system"]
            system = [m.content for m in example.messages[:-1] if m.role == "system"]
            single = len(turns) == 1 and example.messages[-2].role == "user"
            asked = normal(example.messages[-2].content if single else "\n".join(turns))
            whole = "\n".join([*system, example.tools, *turns])
            output = _output(example.output)
            exact = (_folded(whole), output if output[:1] in "{[" else _folded(example.output))
            filled.append(Side(index, exact, normal(whole), asked, output))
    return filled


def duplicates(rows: Sequence[Side]) -> list[Group]:
    """Rows with the same input and the same output, case and white space aside."""
    by_text: dict[tuple[str, str], list[int]] = defaultdict(list)
    for row in rows:
        by_text[row.exact].append(row.index)
    return [Group(tuple(indices)) for indices in by_text.values() if len(indices) > 1]


def contradictions(rows: Sequence[Side], examples: Sequence[Example]) -> list[Group]:
    """Rows with the same input and another output."""
    by_input: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        by_input[row.input][row.output].append(row.index)
    groups = []
    for outputs in by_input.values():
        if len(outputs) > 1:
            shown = [short(examples[indices[0]].output) for indices in list(outputs.values())[:3]]
            more = f" and {len(outputs) - 3} more" if len(outputs) > 3 else ""
            why = f"the same input has {len(outputs)} different outputs: {', '.join(shown)}{more}"
            groups.append(Group(tuple(sorted(index for indices in outputs.values() for index in indices)), why))
    return groups


def near_pairs(rows: Sequence[Side], examples: Sequence[Example]) -> tuple[list[Group], list[Group]]:
    """(near-duplicates, disagreements): rows with nearly the same input, and the same output or another one.

    Equal rows are taken once, and equal inputs are `contradictions`. A near-duplicate is nearly equal to the first of its
    group; a disagreement is a pair.
    """
    once = list({row.exact: row for row in reversed(rows)}.values())[::-1]
    asked = _without_given(once, examples)
    read = [row.read if text is row.asked else Read(text) for row, text in zip(once, asked, strict=True)]
    first: dict[int, int] = {}  # row -> the first row of its group
    groups: dict[int, list[int]] = {}
    disagreeing: list[Group] = []
    for a, b in candidates(asked):
        one, other = once[a], once[b]
        contradicts = one.input == other.input and one.output != other.output
        if contradicts or b in first or not near(read[a], read[b]):
            continue
        if one.output == other.output or same_answer(one.output, other.output):
            if a not in first:
                first[b] = a
                groups.setdefault(a, [one.index]).append(other.index)
        elif near(read[a], read[b], most=BARELY):
            outputs = f"{short(examples[one.index].output)} and {short(examples[other.index].output)}"
            disagreeing.append(Group((one.index, other.index), f"nearly the same input has the outputs {outputs}"))
    return [Group(tuple(indices)) for indices in groups.values()], disagreeing


def leaks(rows: Sequence[Side], examples: Sequence[Example], cases: Sequence[Case]) -> list[Group]:
    """Rows that give a case away: they ask it, nearly ask it, hold it word for word, or have its long answer."""
    if not cases:
        return []
    reasons: dict[int, str] = {}
    asked = [normal("\n".join([*(f"{m.role}: {m.content}" for m in c.messages), c.question])) for c in cases]
    exact = dict(zip(reversed(asked), reversed(cases), strict=True))
    often = Counter(row.output for row in rows)
    answers = {
        normal(a): case for case in cases for a in case.answers if case.answerable and len(words(normal(a))) >= LONG_ANSWER
    }
    for row in rows:
        last = normal(examples[row.index].input)
        twin = exact.get(row.asked) or exact.get(last)
        if twin is not None:
            reasons[row.index] = f"its input is the question of {_named(twin)}"
        elif (twin := answers.get(row.output)) is not None and often[row.output] <= OFTEN:
            reasons[row.index] = f"its output is the answer of {_named(twin)}"
    for index, case in _near_cases(rows, asked, cases):
        reasons.setdefault(index, f"its input is nearly the question of {_named(case)}")
    for index, case in _quoting(rows, asked, cases):
        reasons.setdefault(index, f"it holds the question of {_named(case)} word for word")
    # What `materials` refuses is a leak; a follow-up ("Yes, please") says nothing without the turns before it.
    allowed, problems = overlaps([examples[row.index] for row in rows], [case for case in cases if not case.messages])
    refused = [row.index for row in rows if examples[row.index].place not in allowed]
    for index, problem in zip(refused, problems, strict=True):
        reasons.setdefault(index, problem.message)
    return [Group((index,), reasons[index]) for index in sorted(reasons)]


def short(text: str, most: int = 40) -> str:
    """A text in quotation marks, for a message."""
    line = " ".join(text.split())
    return f"'{line if len(line) <= most else line[: most - 1] + '…'}'"


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def _output(text: str) -> str:
    """An output normalised: JSON by its value, other text by its words and marks."""
    stripped = text.strip()
    if stripped[:1] in "{[":
        try:
            return canonical(json_of(stripped)).casefold()
        except Malformed:
            pass
    return normal(stripped)


def _without_given(rows: Sequence[Side], examples: Sequence[Example]) -> list[str]:
    """What each row asks, without the lines that stand in many inputs; a row of nothing else keeps them."""
    lines = [[normal(line) for line in examples[row.index].input.split("\n") if line.strip()] for row in rows]
    inputs: dict[str, set[str]] = defaultdict(set)
    for row, own in zip(rows, lines, strict=True):
        if len(own) > 1:
            for line in own:
                if len(inputs[line]) < SHARED_LINES:
                    inputs[line].add(row.asked)
    questions = []
    for row, own in zip(rows, lines, strict=True):
        distinctive = [line for line in own if len(inputs.get(line, ())) < SHARED_LINES] if len(own) > 1 else []
        questions.append("\n".join(distinctive) if distinctive and len(distinctive) < len(own) else row.asked)
    return questions


def _near_cases(rows: Sequence[Side], asked: Sequence[str], cases: Sequence[Case]) -> Iterator[tuple[int, Case]]:
    texts = [row.asked for row in rows]
    read = [Read(text) for text in asked]
    for a, b in candidates([*texts, *asked], across=len(texts)):
        if near(rows[a].read, read[b - len(texts)]):
            yield rows[a].index, cases[b - len(texts)]


def _quoting(rows: Sequence[Side], asked: Sequence[str], cases: Sequence[Case]) -> Iterator[tuple[int, Case]]:
    """Rows that hold all words of a question, one after the other."""
    opening: dict[tuple[str, ...], list[tuple[list[str], Case]]] = defaultdict(list)
    for text, case in zip(asked, cases, strict=True):
        if len(tokens := words(text)) >= QUOTED:
            opening[tuple(tokens[:QUOTED])].append((tokens, case))
    first_words = {start[0] for start in opening}
    for row in rows:
        tokens = words(f"{row.input}\n{row.output}")
        for at, word in enumerate(tokens):
            if word in first_words:
                for question, case in opening.get(tuple(tokens[at : at + QUOTED]), ()):
                    if tokens[at : at + len(question)] == question:
                        yield row.index, case


def _named(case: Case) -> str:
    return f"case '{case.id}'" + (f" ({case.place})" if case.place else "")
