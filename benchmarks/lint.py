"""Does `rung examples lint` find what was planted in real rows, and how much of the rest does it call wrong?

    python benchmarks/lint.py planted DATA/banking77/train.jsonl.gz DATA/gsm8k/train.jsonl.gz …
    python benchmarks/lint.py real DATA/banking77/train.jsonl.gz … --sample 50
    python benchmarks/lint.py speed DATA/*/train.jsonl.gz --rows 100000

`planted`: defects with known answers among rows that have none; precision and recall by kind. Rows in which the lint finds
something before anything is planted are taken out first, so what is found besides is counted as wrong. `real`: what is
found in the sets as they are, with a sample to read by eye. `speed`: seconds for so many rows, recombined from the sets.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

from rung.commands.lint import LintRequest, look
from rung.dataset import lint, read_examples
from rung.dataset.lint import KINDS, LintReport
from rung.records import Case, Example

SWAPS = {"how": "in what way", "can": "could", "want": "would like", "get": "obtain", "need": "require", "buy": "purchase"}
REFUSALS = (
    "I'm sorry, but I can't assist with that.",
    "As an AI language model, I'm unable to provide that information.",
    "I cannot help with this request.",
    "Sorry, I'm not able to do that. Please contact a professional.",
    "I apologize, but I can't fulfill this request as it goes against my guidelines.",
)


def rows_of(path: Path) -> list[dict[str, object]]:
    """The rows of a JSONL file, packed or not."""
    text = gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text(encoding="utf-8")
    return [json.loads(line) for line in text.split("\n") if line.strip()]


def looked(rows: list[dict[str, object]], cases: list[Case]) -> tuple[list[Example], LintReport]:
    """The rows as a file, read and looked over."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        examples = list(read_examples(path, [], flawed=True))
    too_long = {n: "long" for n, e in enumerate(examples) if len(e.output) > 12_000}  # lengths have their own tests
    return examples, lint(examples, cases, too_long=too_long)


def turn(row: dict[str, object], role: str) -> dict[str, str]:
    """The last turn of a role."""
    turns = row["messages"]
    assert isinstance(turns, list)
    return next(t for t in reversed(turns) if t["role"] == role)


def copied(row: dict[str, object], *, asked: str | None = None, said: str | None = None) -> dict[str, object]:
    """A row with another input or output, and no id."""
    new: dict[str, object] = json.loads(json.dumps({"messages": row["messages"]}))
    if asked is not None:
        turn(new, "user")["content"] = asked
    if said is not None:
        turn(new, "assistant")["content"] = said
    return new


def misspelt(text: str, luck: random.Random) -> str:
    """Two letters of a long word change places."""
    words = text.split(" ")
    places = [n for n, word in enumerate(words) if len(word) > 6 and word.isalpha()]
    if not places:
        return text + " please"
    place = luck.choice(places)
    at = luck.randrange(2, len(words[place]) - 2)
    word = words[place]
    words[place] = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    return " ".join(words)


NEAR: dict[str, Callable[[str, random.Random], str]] = {
    "please": lambda text, luck: luck.choice([f"Please, {text}", f"{text} please", f"hi, {text}", f"{text} thanks"]),
    "misspelt": misspelt,
    "marks": lambda text, _: text.replace(",", " ").replace("'", "").replace("?", " ?") + " !",
    "small word": lambda text, luck: " ".join(
        [
            *text.split(" ")[: len(text.split(" ")) // 2],
            luck.choice(["just", "really", "also"]),
            *text.split(" ")[len(text.split(" ")) // 2 :],
        ]
    ),
    "one word": lambda text, _: " ".join(SWAPS.get(word.casefold(), word) for word in text.split(" ")),
    "a word dropped": lambda text, _: " ".join(w for n, w in enumerate(text.split(" ")) if n != len(text.split(" ")) // 2),
}


def personal(luck: random.Random) -> Iterator[str]:
    """Personal data, made up, of every kind."""
    d = lambda n: "".join(str(luck.randrange(10)) for _ in range(n))  # noqa: E731
    name = luck.choice(["jane.doe", "m_muster", "okafor77", "li.wei"])
    yield from (f"{name}@{luck.choice(['gmail.com', 'web.de', 'corp.example', 'example.com'])}", f"+44 20 7{d(3)} {d(4)}")
    yield from (f"+1 (415) 555-{d(4)}", f"(212) 55{d(1)}-{d(4)}", f"0171 {d(7)}", f"212-555-{d(4)}", f"+49{d(10)}")
    yield from (f"{luck.randrange(100, 666)}-{luck.randrange(10, 99)}-{luck.randrange(1000, 9999)}",)
    yield from ("DE89370400440532013000", "GB82 WEST 1234 5698 7654 32", "FR14 2004 1010 0505 0001 3M02 606")
    yield from (
        "4111 1111 1111 1111",
        "5500-0055-5555-5559",
        "371449635398431",
        f"{luck.randrange(60, 220)}.{d(2)}.{luck.randrange(20, 250)}.{d(2)}",
    )


def secret(luck: random.Random) -> Iterator[str]:
    """Secrets, made up, of many kinds."""
    letters = "abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
    s = lambda n: "".join(luck.choice(letters) for _ in range(n))  # noqa: E731
    capitals = "".join(luck.choice("ABCDEFGHJKLMNPQRSTUVWXYZ234567") for _ in range(16))
    yield from (
        f"AKIA{capitals}",
        f"ghp_{s(36)}",
        f"github_pat_{s(22)}_{s(59)}",
        f"sk-proj-{s(40)}",
        f"xoxb-{s(12)}-{s(24)}",
    )
    yield from (
        f"sk_live_{s(24)}",
        f"AIza{s(35)}",
        f"hf_{s(34)}",
        f"glpat-{s(20)}",
        f"npm_{s(36)}",
        f"eyJ{s(30)}.eyJ{s(60)}.{s(43)}",
    )
    yield from (
        f"api_key={s(32)}",
        f'"client_secret": "{s(28)}"',
        f"password: {s(5)}9!{s(4)}",
        f"mysql://root:{s(12)}@db.host/app",
    )
    yield "-----BEGIN OPENSSH PRIVATE KEY-----\n" + s(64)


def _defects(
    clean: list[dict[str, object]], outputs: list[str], luck: random.Random, each: int
) -> tuple[list[tuple[str, str, dict[str, object]]], list[Case]]:
    """(kind, how, row) of every defect, and the cases that leak. What leaks is taken out of the clean rows."""
    drawn = iter(luck.sample(clean, min(len(clean), each * 9)))
    told: list[tuple[str, str, dict[str, object]]] = []
    cases: list[Case] = []
    for n in range(each):
        row = next(drawn)
        asked = turn(row, "user")["content"]
        told.append(("duplicate", "", copied(row, asked=f" {asked.upper() if n % 2 else asked}  ")))
        row = next(drawn)
        how = list(NEAR)[n % len(NEAR)]
        asked = turn(row, "user")["content"]
        changed = NEAR[how](asked, luck)
        if changed.split() == asked.split():
            how, changed = "please", NEAR["please"](asked, luck)
        told.append(("near_duplicate", how, copied(row, asked=changed)))
        row = next(drawn)
        other = luck.choice([o for o in outputs[:500] if o != turn(row, "assistant")["content"]])
        told.append(("contradiction", "", copied(row, said=other)))
        row = next(drawn)
        asked = turn(row, "user")["content"]
        cases.append(Case(f"c{n}", asked, (turn(row, "assistant")["content"],), place=f"cases.jsonl:{n + 1}"))
        how = ["exact", *NEAR, "quoted"][n % (len(NEAR) + 2)]
        leaked = (
            asked
            if how == "exact"
            else f"Answer the question.\n{asked}\nAnswer:"
            if how == "quoted"
            else NEAR[how](asked, luck)
        )
        clean.remove(row)
        told.append(("leak", how, copied(row, asked=leaked)))
        told.append(("empty", "", copied(next(drawn), said=luck.choice(["", "  ", "\n"]))))
        told.append(("refusal", "", copied(next(drawn), said=luck.choice(REFUSALS))))
        row = next(drawn)
        what = list(personal(luck))[n % 15]
        told.append(("pii", what, copied(row, asked=f"{turn(row, 'user')['content']} You can reach me: {what}.")))
        row = next(drawn)
        what = list(secret(luck))[n % 16]
        told.append(("secret", what, copied(row, asked=f"{turn(row, 'user')['content']}\n{what}")))
        told.append(("too_long", "", copied(next(drawn), said="word " * 3000)))
    return told, cases


def planted(path: Path, *, seed: int, each: int) -> dict[str, tuple[int, int, int, Counter[str]]]:
    """kind -> (planted and found, planted, found besides, what was missed)."""
    rng = random.Random(seed)
    rows = rows_of(path)
    rng.shuffle(rows)
    rows = rows[:6000]
    _, before = looked(rows, [])
    bad = {row for f in [*before.findings, *before.disagreements] if f.kind != "imbalance" for row in f.rows}
    clean = [row for n, row in enumerate(rows, 1) if n not in bad and len(turn(row, "user")["content"].split()) >= 5]
    outputs = sorted({turn(row, "assistant")["content"] for row in clean})
    told, cases = _defects(clean, outputs, rng, each)
    moved = {id(row) for _, _, row in told}
    whole = [*clean, *(row for _, _, row in told)]
    rng.shuffle(whole)
    lines = {id(row): n for n, row in enumerate(whole, 1) if id(row) in moved}
    _, after = looked(whole, cases)
    found: dict[str, set[int]] = defaultdict(set)
    for finding in after.findings:
        found[finding.kind].update(finding.rows)
    right: dict[str, set[int]] = defaultdict(set)
    for kind, _, row in told:
        right[kind].add(lines[id(row)])
    partners = _partners(whole)
    scores = {}
    for kind in (k for k in KINDS if k != "imbalance"):
        missed = Counter(how for k, how, row in told if k == kind and lines[id(row)] not in found[kind])
        # the row that a planted one repeats is part of the finding, and not wrong
        besides = {row for row in found[kind] - right[kind] if not (partners.get(row, set()) & set(lines.values()))}
        wrong = (
            besides
            if kind not in ("duplicate", "near_duplicate", "contradiction")
            else _lonely(after, kind, set(lines.values()))
        )
        scores[kind] = (len(found[kind] & right[kind]), len(right[kind]), len(wrong), missed)
    return scores


def _partners(rows: list[dict[str, object]]) -> dict[int, set[int]]:
    by_input: dict[str, set[int]] = defaultdict(set)
    for n, row in enumerate(rows, 1):
        by_input[turn(row, "user")["content"]].add(n)
    return {n: by_input[turn(row, "user")["content"]] - {n} for n, row in enumerate(rows, 1)}


def _lonely(after: LintReport, kind: str, mine: set[int]) -> set[int]:
    """Rows of findings in which nothing was planted."""
    return {row for f in after.findings if f.kind == kind and not (set(f.rows) & mine) for row in f.rows}


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("planted", "real", "speed"))
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--each", type=int, default=48, help="defects of each kind")
    parser.add_argument("--sample", type=int, default=0, help="findings to print, to be read by eye")
    parser.add_argument("--kind", default="near_duplicate", help="of the sample")
    parser.add_argument("--rows", type=int, default=100_000)
    asked = parser.parse_args()
    if asked.what == "planted":
        total: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
        for path in asked.files:
            for kind, (hit, all_, wrong, missed) in planted(path, seed=asked.seed, each=asked.each).items():
                said = f"found {hit:>3} of {all_:>3}, besides {wrong:>3}  missed {dict(missed) or '-'}"
                print(f"{path.parent.name:<16} {kind:<15} {said}")
                for place, n in enumerate((hit, all_, wrong)):
                    total[kind][place] += n
        for kind, (hit, all_, wrong) in total.items():
            print(f"{'all':<16} {kind:<15} recall {hit / all_:.3f}  precision {hit / max(1, hit + wrong):.3f}")
    elif asked.what == "real":
        for path in asked.files:
            rows = rows_of(path)
            began = time.monotonic()
            examples, told = looked(rows, [])
            counts = {kind: told.count(kind) for kind in KINDS if told.count(kind)}
            print(
                f"{path.parent.name}: {len(rows):,} rows, {time.monotonic() - began:.1f} s, rows by kind: {counts}; "
                f"disagreements {len(told.disagreements)}; {told.labels.why if told.labels else 'no labels'}"
            )
            some = [f for f in told.findings if f.kind == asked.kind]
            for f in random.Random(asked.seed).sample(some, min(asked.sample, len(some))):
                print(
                    "  ",
                    " | ".join(f"{examples[n - 1].input[-160:]!r} -> {examples[n - 1].output[:50]!r}" for n in f.rows[:2]),
                    f.why[:80],
                )
    else:
        rng = random.Random(asked.seed)
        pool = [row for path in asked.files for row in rows_of(path)]
        made = []
        for _ in range(asked.rows):
            row = rng.choice(pool)
            words = turn(row, "user")["content"].split()
            for _ in range(max(1, len(words) // 3)):
                words.insert(rng.randrange(len(words) + 1), f"word{rng.randrange(5000)}")
            made.append(copied(row, asked=" ".join(words)))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "rows.jsonl"
            path.write_text("".join(json.dumps(row) + "\n" for row in made), encoding="utf-8")
            began = time.monotonic()
            look([path], request=LintRequest(table=False))
            spent = time.monotonic() - began
            print(f"{len(made):,} rows, {path.stat().st_size / 1e6:.0f} MB: {spent:.1f} s, read and looked over")


if __name__ == "__main__":
    main()
