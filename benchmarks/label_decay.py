"""Label decay (`rung.dataset.label_decay`) on edited corpora: precision and recall of each state against what was edited.

    python -m benchmarks.label_decay

Documents and questions are squad2's (../shared/data beside the checkout, which is no part of the project), one case for a
document, its answer there once. Every document gets one edit by chance, whose effect on the gold is known. The same cases
are written as quotes, as characters and as documents.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rung.dataset.label_decay import STATES, Gold, State, Texts, decayed
from rung.knowledge import find_quote
from rung.records import Case, Json, Passage
from rung.text.sentences import sentences

DATA = Path(__file__).parents[2] / "shared" / "data" / "knowledge" / "squad2"
EDITS = {  # share of the documents
    "nothing": 0.30,
    "others reworded": 0.10,
    "preface": 0.10,
    "renamed": 0.10,
    "moved to another": 0.08,
    "reworded": 0.10,
    "answer altered": 0.10,
    "sentence deleted": 0.06,
    "deleted": 0.06,
}
SMALL = frozenset(
    re.findall(r"\w+", "the a an of in on at to for by with and or that which also was were is are be been as its")
)
FORMS = ("quote", "characters", "document")  # as which gold is written
PREFACE = "This page was revised. Its sections were put into another order, and an introduction was added.\n\n"


@dataclass(frozen=True)
class Edited:
    """A case with its document before the edit, and what the edit makes of its gold, by form."""

    case: Case
    text: str
    span: tuple[int, int]
    edit: str
    truth: dict[str, State]


def reworded(sentence: str, answer: str, rng: np.random.Generator) -> str:
    """The sentence in other words: most small words gone, a beginning of its own, what is left of the answer as it was."""
    before, found, after = sentence.partition(answer)
    shorter = []
    for part in (before, after):
        words = [word for word in part.split(" ") if word.lower() not in SMALL or rng.random() < 0.3]
        shorter.append(" ".join(words))
    return f"As our editors report: {shorter[0]}{found}{shorter[1]}"


def altered(sentence: str, answer: str, rng: np.random.Generator, others: Sequence[str]) -> str:
    """The sentence with another answer: other numbers, else that of another question."""
    if re.search(r"\d", answer):
        other = re.sub(r"\d", lambda digit: str((int(digit[0]) + int(rng.integers(1, 9))) % 10), answer)
    else:
        other = next(one for one in rng.permutation(np.array(others)) if one.lower() not in sentence.lower())
    return sentence.replace(answer, str(other))


def rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (DATA / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]


def edited(seed: int) -> tuple[list[Edited], dict[str, str]]:
    """Cases, and the documents as they are after the edits."""
    rng = np.random.default_rng(seed)
    texts = {row["id"]: row["text"] for row in rows("documents")}
    chosen: dict[str, dict[str, Any]] = {}
    for row in [*rows("cases_test"), *rows("cases_dev")]:
        document = (row["gold_documents"] or [""])[0]
        answer = row["answers"][0] if row["answers"] else ""
        whole = texts.get(document, "")
        if len(answer) >= 3 and whole.lower().count(answer.lower()) == 1 and answer in whole:
            chosen.setdefault(document, row)
    answers = [row["answers"][0] for row in chosen.values()]
    after, made = dict(texts), []
    for document, row in chosen.items():
        edit = str(rng.choice(list(EDITS), p=list(EDITS.values())))
        made.append(_edit(row, edit, texts[document], after, rng=rng, answers=answers))
    return made, after


def _edit(
    row: dict[str, Any],
    edit: str,
    text: str,
    after: dict[str, str],
    *,
    rng: np.random.Generator,
    answers: Sequence[str],
) -> Edited:
    document, answer = row["gold_documents"][0], row["answers"][0]
    at = text.index(answer)
    start, end = next((a, b) for a, b in sentences(text) if a <= at < b)
    end = max(end, at + len(answer))
    sentence = text[start:end]
    truth: dict[str, State] = dict.fromkeys(FORMS, "true")
    if edit == "preface":
        after[document] = PREFACE + text
        truth["characters"] = "moved"
    elif edit == "others reworded":
        parts = [text[a:b] if a < end and b > start else reworded(text[a:b], "\0", rng) for a, b in sentences(text)]
        after[document] = " ".join(parts)
        place = after[document].find(sentence)
        truth["characters"] = "true" if place == start else "moved"
    elif edit == "renamed":
        after[f"{document.rpartition(':')[0]}_new:{document.rpartition(':')[2]}"] = after.pop(document)
        truth = dict.fromkeys(FORMS, "moved")
    elif edit == "moved to another":
        other = str(rng.choice([id for id in after if id != document]))
        after[other] += "\n\n" + after.pop(document)
        truth = dict.fromkeys(FORMS, "moved")
    elif edit == "reworded":
        after[document] = text[:start] + reworded(sentence, answer, rng) + text[end:]
        truth |= {"quote": "moved", "characters": "moved"}
    elif edit == "answer altered":
        after[document] = text[:start] + altered(sentence, answer, rng, answers) + text[end:]
        truth = dict.fromkeys(FORMS, "gone")
    elif edit == "sentence deleted":
        after[document] = text[:start] + text[end:]
        truth = dict.fromkeys(FORMS, "gone")
    elif edit == "deleted":
        del after[document]
        truth = dict.fromkeys(FORMS, "gone")
    case = Case(row["id"], row["question"], tuple(row["answers"]), gold_documents=(document,))
    return Edited(case, text, (start, end), edit, truth)


def found(made: Sequence[Edited], after: dict[str, str], form: str) -> dict[str, State]:
    """What is said of each case in one form."""
    evidence: dict[str, list[Json]] = {}
    before = {}
    for one in made:
        document, (start, end) = one.case.gold_documents[0], one.span
        if form == "quote":
            evidence[one.case.id] = [{"document": document, "quote": one.text[start:end]}]
        elif form == "characters":
            evidence[one.case.id] = [{"document": document, "start": start, "end": end}]
        before[one.case.id] = [Passage("p", document, 0, len(one.text), one.text)]
    gold = Gold([one.case for one in made], evidence, before)
    return {one.case.id: one.state for one in decayed(gold, Texts(after, find_quote))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--show", action="store_true", help="the cases of which something else is said")
    asked = parser.parse_args()
    print("written as    state     truly  said  precision  recall")
    seconds, cases = 0.0, 0
    for form in FORMS:
        counted: Counter[tuple[State, State]] = Counter()
        wrong: Counter[tuple[str, State]] = Counter()
        for seed in range(asked.seeds):
            made, after = edited(seed)
            began = time.perf_counter()
            said = found(made, after, form)
            seconds, cases = seconds + time.perf_counter() - began, cases + len(made)
            for one in made:
                counted[one.truth[form], said[one.case.id]] += 1
                if one.truth[form] != said[one.case.id]:
                    wrong[one.edit, said[one.case.id]] += 1
                    if asked.show:
                        print(f"  {one.edit}: {said[one.case.id]}: {one.case.question} {one.case.answers[:2]}")
        for state in STATES:
            truly = sum(count for (truth, _), count in counted.items() if truth == state)
            claimed = sum(count for (_, as_said), count in counted.items() if as_said == state)
            right = counted[state, state]
            if truly or claimed:
                precision = f"{right / claimed:.3f}" if claimed else "-"
                recall = f"{right / truly:.3f}" if truly else "-"
                print(f"{form:<12}  {state:<8} {truly:>6} {claimed:>5}  {precision:>9}  {recall:>6}")
        print(f"{'':<12}  otherwise said: {dict(wrong.most_common(6))}")
    print(f"{cases:,} cases, {1000 * seconds / cases:.1f} ms each")


if __name__ == "__main__":
    main()
