"""Which rule for short answers agrees best with people: EM, F1, contains, or whether a sentence states an accepted answer?

    python benchmarks/matching.py [--misses]

The answers marked by hand are those of tests/scoring/matching.jsonl: 1 right, 0.5 partly, 0 wrong. No rule was made after
reading its half "held out"; no question is in both halves. Some are real answers of the small model that Rung ships
("smollm2"), the others were written by one hand as people and chat models write, most wrong ones on purpose near misses.
Questions and accepted answers are from public sets (SQuAD 2.0, SQuADShifts, Natural Questions, TAT-QA, AIT-QA,
WikiTableQuestions, FairytaleQA, QAMR, Quoref: attribution in docs/benchmarks.md) or made up.

Beside them, on ../shared/data (it says so when that is absent): how many sentences of documents that hold the accepted
answer count as right, and how many others, and denials, as wrong. These sentences were looked at.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rung.scoring import squad
from rung.text import matching
from rung.text.sentences import sentences
from rung.text.stating import stated

Row = dict[str, Any]
ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data"
RIGHT = 0.5  # from here on a score says "right"
TERSE = 6  # words
RULES: Mapping[str, Callable[[str, Sequence[str], str], float]] = {
    "em (SQuAD)": lambda said, answers, _: squad.exact_match(said, answers),
    "f1 (SQuAD)": lambda said, answers, _: squad.token_f1(said, answers),
    "contains (SQuAD)": lambda said, answers, _: squad.contains(said, answers),
    "em": lambda said, answers, _: float(matching.matches(said, answers)),
    "f1": lambda said, answers, _: matching.figured_f1(said, answers),
    "contains": lambda said, answers, _: float(matching.contains(said, answers)),
    "match": stated,
}
SETS = ("squad_train", "nq_passages", "tatqa", "qamr", "fairytaleqa", "squadshifts_new_wiki")
EACH = 400  # cases of a set
SENTENCE, ANSWER = 400, 8  # characters of a sentence, words of an accepted answer


def main() -> int:
    """Print the tables as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--misses", action="store_true", help="show where match is wrong, in the design half")
    wanted = parser.parse_args()
    rows = list(_rows(ROOT / "tests" / "scoring" / "matching.jsonl"))
    for half in ("held out", "design"):
        some = [row for row in rows if row["half"] == half]
        _table(half, some)
        for name, part in _parts(some).items():
            _table(f"{half}, {name}", part)
    twice = [row for row in rows if "second" in row]
    print(f"\nmarked twice: {len(twice)}, differently {sum(row['first'] != row['second'] for row in twice)}")
    if wanted.misses:
        _misses([row for row in rows if row["half"] == "design"])
    if not DATA.is_dir():
        print(f"left out: the public sentences, {DATA} is not there", file=sys.stderr)
        return 0
    _public()
    return 0


def _parts(rows: Sequence[Row]) -> dict[str, list[Row]]:
    short = [row for row in rows if len(row["answer"].split()) <= TERSE]
    return {
        f"at most {TERSE} words": short,
        f"more than {TERSE} words": [row for row in rows if row not in short],
        "real answers": [row for row in rows if row["by"].startswith("smollm2")],
    }


def _table(name: str, rows: Sequence[Row]) -> None:
    marks = [row["mark"] for row in rows]
    counts = ", ".join(f"{marks.count(mark)} {word}" for mark, word in ((1, "right"), (0.5, "partly"), (0, "wrong")))
    print(f"\n{name}: {len(rows)} answers ({counts})\n")
    print("| rule | agrees | wrong ones called right | right ones called wrong | mean error | mean score, people's |")
    print("|---|---|---|---|---|---|")
    for rule, score in RULES.items():
        scores = [score(row["answer"], row["answers"], row["question"]) for row in rows]
        sure = [(one >= RIGHT, mark == 1) for one, mark in zip(scores, marks, strict=True) if mark != 0.5]
        wrong, right = [said for said, is_right in sure if not is_right], [said for said, is_right in sure if is_right]
        error = sum(abs(one - mark) for one, mark in zip(scores, marks, strict=True)) / len(rows)
        agrees, taken, missed = (
            sum(a == b for a, b in sure) / len(sure),
            sum(wrong) / max(1, len(wrong)),
            1 - sum(right) / max(1, len(right)),
        )
        means = f"{sum(scores) / len(rows):.2f}, {sum(marks) / len(rows):.2f}"
        print(f"| {rule} | {agrees:.3f} | {taken:.2f} | {missed:.2f} | {error:.3f} | {means} |")


def _misses(rows: Sequence[Row]) -> None:
    for row in rows:
        score = stated(row["answer"], row["answers"], row["question"])
        if abs(score - row["mark"]) >= RIGHT:
            print(f"{score:.2f}, mark {row['mark']}: {row['question']} | {row['answers'][:2]} | {row['answer'][:140]!r}")


def _public() -> None:
    print(
        "\n| set | sentences with the answer called right | by f1 | others called wrong | denials called wrong | µs each |"
    )
    print("|---|---|---|---|---|---|")
    for name in SETS:
        said = list(_sentences(DATA / "grounded" / name))
        began = time.perf_counter()
        scores = [(kind, stated(text, row["answers"], row["question"])) for kind, text, row in said]
        each = (time.perf_counter() - began) / len(said) * 1e6
        f1 = [matching.figured_f1(text, row["answers"]) >= RIGHT for kind, text, row in said if kind == "holds"]
        shares = []
        for kind, right in (("holds", True), ("other", False), ("denial", False)):
            own = [(score >= RIGHT) == right for of, score in scores if of == kind]
            shares.append(f"{sum(own) / len(own):.3f} of {len(own)}")
        print(f"| {name} | {shares[0]} | {sum(f1) / len(f1):.3f} | {shares[1]} | {shares[2]} | {each:.0f} |")


def _sentences(folder: Path) -> Iterator[tuple[str, str, Row]]:
    """(kind, text, case): a sentence that holds the answer, one that does not, and a denial."""
    texts = {row["id"]: row["text"] for row in _rows(folder / "documents.jsonl.gz")}
    cases = [row for row in _rows(folder / "cases.jsonl.gz") if row["answers"]]
    dice = random.Random(4)
    for row in dice.sample(cases, min(EACH, len(cases))):
        answer = row["answers"][0]
        if len(answer.split()) > ANSWER:
            continue
        text = texts[row["gold_documents"][0]]
        parts = [text[start:end] for start, end in sentences(text)]
        held = next((part for part in parts if answer in part and len(part) < SENTENCE), None)
        others = [part for part in parts if not matching.contains(part, row["answers"])]
        if held:
            yield "holds", held, row
        if others:
            yield "other", dice.choice(others), row
        yield "denial", f"It is not {answer}.", row


def _rows(path: Path) -> Iterator[Row]:
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
        yield from map(json.loads, file)


if __name__ == "__main__":
    sys.exit(main())
