"""What is wrong with rows before they teach: every check over every row, as findings with line numbers.

Each check is a file beside this one. Lengths are counted by whoever holds a tokenizer, and handed in; which files and cases
are meant is left to `commands.lint`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

from rung.dataset.balance import Balance, balance
from rung.dataset.credentials import masked, secrets
from rung.dataset.declining import declines
from rung.dataset.duplicates import Group, contradictions, duplicates, leaks, near_pairs, short, sides
from rung.dataset.formats import flaw
from rung.dataset.personal import personal
from rung.records import Case, Example, Json

Kind = Literal[
    "duplicate", "near_duplicate", "contradiction", "leak", "too_long", "empty", "refusal", "pii", "secret", "imbalance"
]
KINDS: tuple[Kind, ...] = (
    *("duplicate", "near_duplicate", "contradiction", "leak", "too_long"),
    *("empty", "refusal", "pii", "secret", "imbalance"),
)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong with rows of a file; `rows` are line numbers from 1, `why` says what, masked where it is private."""

    kind: Kind
    rows: tuple[int, ...]
    why: str
    file: str = ""

    def as_json(self, *, several: bool = False) -> dict[str, Json]:
        """As `rung examples lint --json` says it; `several`: rows come from more than one file."""
        file: dict[str, Json] = {"file": self.file} if several else {}
        why = f"{self.file}: {self.why}" if several else self.why
        return {"kind": self.kind, "rows": list(self.rows), **file, "why": why}


@dataclass(frozen=True, slots=True)
class LintReport:
    """What was found. `disagreements` are findings too soft to be called wrong: near-equal inputs, other outputs."""

    rows: int
    findings: tuple[Finding, ...]
    labels: Balance | None = None
    disagreements: tuple[Finding, ...] = ()

    def count(self, kind: Kind) -> int:
        """Rows that have findings of this kind."""
        return len({(f.file, row) for f in self.findings if f.kind == kind for row in f.rows})

    @property
    def sound(self) -> int:
        """Rows that may teach: neither empty nor a repetition, contradiction, leak or too long."""
        bad: set[tuple[str, int]] = set()
        for finding in self.findings:
            if finding.kind in ("duplicate", "near_duplicate"):
                bad.update((finding.file, row) for row in finding.rows[1:])
            elif finding.kind not in ("imbalance", "refusal"):
                bad.update((finding.file, row) for row in finding.rows)
        return self.rows - len(bad)


def lint(
    examples: Sequence[Example], cases: Sequence[Case] = (), *, too_long: Mapping[int, str] | None = None
) -> LintReport:
    """Check rows, as `read_examples(…, flawed=True)` gives them.

    Args:
        cases: what judges: no row may repeat one.
        too_long: place in `examples` -> what of it would be lost.
    """
    filled = sides(examples)
    repeated = near_pairs(filled, examples)
    findings = [
        *_named("duplicate", duplicates(filled), examples, "the same input and output"),
        *_named("near_duplicate", repeated[0], examples, "nearly the same input and the same output"),
        *_named("contradiction", contradictions(filled, examples), examples),
        *_named("leak", leaks(filled, examples, cases), examples),
        *_named("too_long", [Group((index,), why) for index, why in (too_long or {}).items()], examples),
        *_named("empty", [Group((index,), why) for index, e in enumerate(examples) if (why := flaw(e))], examples),
        *_unwanted(examples),
    ]
    labels = balance([examples[row.index].output for row in filled])
    if labels is not None and labels.why:
        rare = [index for index, e in enumerate(examples) if e.output.strip() in labels.rare]
        findings += _named("imbalance", [Group(tuple(rare), labels.why)], examples)
    findings.sort(key=lambda f: (f.file, KINDS.index(f.kind), f.rows))
    disagreements = tuple(_named("contradiction", repeated[1], examples))
    return LintReport(len(examples), tuple(findings), labels, disagreements)


def _unwanted(examples: Sequence[Example]) -> Iterator[Finding]:
    """What each row says that it should not."""
    refusing, private, secret = list[Group](), list[Group](), list[Group]()
    finders = {secrets: cache(lambda text: tuple(secrets(text))), personal: cache(lambda text: tuple(personal(text)))}
    for index, example in enumerate(examples):
        if declines(example.output):
            refusing.append(
                Group((index,), f"the output declines or says that it does not know: {short(example.output, 80)}")
            )
        for look, into in ((secrets, secret), (personal, private)):
            seen = {(what, token): m.role for m in example.messages for what, token in finders[look](m.content)}
            if seen:
                listed = [f"{what} ({masked(token)}) in the {role}'s turn" for (what, token), role in list(seen.items())[:3]]
                more = f" and {len(seen) - 3} more" if len(seen) > 3 else ""
                into.append(Group((index,), ", ".join(listed) + more))
    yield from _named("refusal", refusing, examples)
    yield from _named("pii", private, examples)
    yield from _named("secret", secret, examples)


def _named(kind: Kind, groups: Sequence[Group], examples: Sequence[Example], why: str = "") -> Iterator[Finding]:
    """Findings with files and lines. A group over several files is one finding in each, naming the others."""
    for group in groups:
        by_file: dict[str, list[int]] = defaultdict(list)
        for index in group.indices:
            file, _, line = examples[index].place.rpartition(":")
            by_file[file].append(int(line or index + 1))
        for file, lines in by_file.items():
            others = [f"{other}:{rows[0]}" for other, rows in by_file.items() if other != file]
            also = f" (also {', '.join(others[:3])}{' …' if len(others) > 3 else ''})" if others else ""
            listed = tuple(lines) if kind == "near_duplicate" else tuple(sorted(lines))
            yield Finding(kind, listed, (group.why or why) + also, file)
