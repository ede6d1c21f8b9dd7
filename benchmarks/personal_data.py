"""How much personal data is recognised, and how often something is taken for it that is none, by each detector.

Recall: values that the package Faker draws, in five countries' forms, within sentences (Faker is no dependency of Rung:
install it beside it). Precision: the same sentences with what resembles such values (order numbers, dates, sums, versions),
and, in texts of public sets where nobody's data should stand, the share of texts with an alarm; some are printed, masked,
to be looked at.

    python benchmarks/personal_data.py [--rows 200] [--detector presidio:en_core_web_sm] [--sets FOLDER] [--show 5]

On a public set with labels, rows of `full_text` and `spans` in a JSON array, as `data/synth_dataset_v2.json` of the
repository microsoft/presidio-research is: recall of each kind, and precision, a piece being right that lies in its greater
part in what is labelled. Nothing else is then measured.

    python benchmarks/personal_data.py --labelled FILE [--detector …]
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from rung.dataset.credentials import masked
from rung.dataset.detectors import detector_of

SENTENCES = (
    "Hello, I am writing about my order. {} Please answer soon.",
    "Customer note: {}",
    "As agreed on the phone yesterday, {}, and nothing else.",
    "Q: how do I change it?\nA: {} is what we have on file.",
)
LOCALES = ("en_US", "en_GB", "de_DE", "fr_FR", "es_ES")
KINDS: dict[str, tuple[str, ...]] = {
    "e-mail": ("my address is {}", "write to {}"),
    "phone": ("my number is {}", "call me at {}", "{}"),
    "card": ("I paid with {}", "card number {}"),
    "IBAN": ("transfer it to {}", "IBAN: {}"),
    "US social security": ("my SSN is {}", "social security number {}"),
    "public IPv4": ("I came from {}", "the address {}"),
    "name": ("my name is {}", "regards, {}"),
    "street address": ("I live at {}", "send it to {}"),
}
NONE: dict[str, Callable[[random.Random], str]] = {
    "order number": lambda r: f"order {r.randrange(10**7, 10**12)}",
    "date": lambda r: f"{r.randrange(1, 29):02}.{r.randrange(1, 13):02}.{r.randrange(1990, 2030)}",
    "ISO time": lambda r: (
        f"20{r.randrange(10, 30)}-{r.randrange(1, 13):02}-{r.randrange(1, 29):02}T10:{r.randrange(60):02}:00Z"
    ),
    "sum": lambda r: f"{r.randrange(1, 10**6):,}.{r.randrange(100):02} euros",
    "version": lambda r: f"version {r.randrange(20)}.{r.randrange(40)}.{r.randrange(200)}.{r.randrange(9)}",
    "tracking id": lambda r: "1Z" + "".join(r.choice("0123456789ABCDEFGH") for _ in range(16)),
    "ISBN": lambda r: f"978-{r.randrange(10)}-{r.randrange(10**4, 10**5)}-{r.randrange(100, 1000)}-{r.randrange(10)}",
    "role address": lambda r: f"{r.choice(['support', 'info', 'sales'])}@shop{r.randrange(99)}.com",
    "private IP": lambda r: f"192.168.{r.randrange(255)}.{r.randrange(255)}",
    "digest": lambda r: f"{r.getrandbits(160):040x}",
    "range": lambda r: f"pages {r.randrange(100, 400)}-{r.randrange(400, 999)}",
    "day of a call": lambda r: f"call me on {r.randrange(1, 29):02}.{r.randrange(1, 13):02}.{r.randrange(1990, 2030)}",
    "scores": lambda r: "-".join(str(r.randrange(64, 80)) for _ in range(4)),
    "sum in groups": lambda r: f"{r.randrange(1, 999)} {r.randrange(1000):03} {r.randrange(1000):03} people",
}


def drawn(kind: str, faker: Any) -> str:
    """One value of a kind."""
    return {
        "e-mail": faker.ascii_free_email,
        "phone": faker.phone_number,
        "card": lambda: faker.credit_card_number(card_type=faker.random_element(["visa", "mastercard", "amex"])),
        "IBAN": faker.iban,
        "US social security": faker.ssn,
        "public IPv4": faker.ipv4_public,
        "name": faker.name,
        "street address": lambda: faker.street_address().replace("\n", ", "),
    }[kind]()


def recall(detector: Any, rows: int, seed: int) -> None:
    """Of values that are somebody's: the share that is recognised at least in its greater part."""
    from faker import Faker

    rng = random.Random(seed)
    print(f"{'kind':<22} {'recognised':>10} of {rows}   by country")
    for kind, phrases in KINDS.items():
        locales = ("en_US",) if kind == "US social security" else LOCALES
        by_locale: dict[str, list[bool]] = defaultdict(list)
        for number in range(rows):
            locale = locales[number % len(locales)]
            faker = Faker(locale)
            faker.seed_instance(seed * 1_000_003 + number)
            value = drawn(kind, faker)
            text = rng.choice(SENTENCES).format(rng.choice(phrases).format(value))
            pieces = [characters for _, characters in detector(text)]
            covered = any(value in one or (one in value and 2 * len(one) >= len(value)) for one in pieces)
            by_locale[locale].append(covered)
        hits = sum(map(sum, by_locale.values()))
        parts = ", ".join(f"{locale} {sum(some) / len(some):.2f}" for locale, some in by_locale.items())
        print(f"{kind:<22} {hits / rows:>10.3f}         {parts}")


def alarms(detector: Any, rows: int, seed: int) -> None:
    """Of what resembles such values and is none: the share that is taken for one."""
    rng = random.Random(seed)
    for kind, make in NONE.items():
        texts = [rng.choice(SENTENCES).format(make(rng)) for _ in range(rows)]
        wrong = sum(bool(list(detector(text))) for text in texts)
        print(f"{kind:<22} {wrong / rows:>10.3f} of {rows} taken for personal data or a secret")


def texts_in(path: Path) -> Iterator[str]:
    """The texts of a file of rows."""
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            messages = row.get("messages")
            if isinstance(messages, list):
                yield "\n".join(str(one.get("content")) for one in messages)
            else:
                yield "\n".join(str(row[key]) for key in ("question", "text", "input", "output") if row.get(key))


def public(detector: Any, sets: Path, show: int, limit: int) -> None:
    """Of texts of public sets: the share with an alarm, and the first of them, masked."""
    files = sorted(
        path for path in sets.rglob("*.jsonl*") if path.name.startswith(("documents", "examples", "test", "cases_test"))
    )
    for path in files:
        texts = [text for text, _ in zip(texts_in(path), range(limit), strict=False) if text]
        if not texts:
            continue
        began = time.process_time()
        hits = [(text, list(detector(text))) for text in texts]
        seconds = time.process_time() - began
        flagged = [(text, pieces) for text, pieces in hits if pieces]
        name = path.relative_to(sets)
        per_mb = seconds / max(1, sum(map(len, texts))) * 1e6
        share = f"{len(flagged):>6,} of {len(texts):>6,} ({len(flagged) / len(texts):.4f})"
        print(f"{name!s:<50} {share}, {per_mb:.2f} s a million characters")
        for _, pieces in flagged[:show]:
            print("      ", "; ".join(f"{what}: {masked(characters)}" for what, characters in pieces[:4]))


def labelled(detector: Any, file: Path, show: int) -> None:
    """Recall of each labelled kind, and precision over all pieces that are taken for personal data."""
    rows = json.loads(file.read_text(encoding="utf-8"))
    recognised: dict[str, list[bool]] = defaultdict(list)
    right, wrong = 0, []
    for row in rows:
        text = row["full_text"]
        pieces = list(_places(text, list(detector(text))))
        spans = [(one["start_position"], one["end_position"]) for one in row["spans"]]
        for one, (start, end) in zip(row["spans"], spans, strict=True):
            share = sum(_shared((start, end), piece) for _, piece in pieces) / max(1, end - start)
            recognised[one["entity_type"]].append(share > 0.5)
        for what, piece in pieces:
            if 2 * sum(_shared(piece, span) for span in spans) > piece[1] - piece[0]:
                right += 1
            else:
                wrong.append((what, text[slice(*piece)]))
    for kind, hits in sorted(recognised.items(), key=lambda one: -len(one[1])):
        print(f"{kind:<22} {sum(hits) / len(hits):>6.3f} of {len(hits):>5}")
    print(f"{'precision':<22} {right / max(1, right + len(wrong)):>6.3f} of {right + len(wrong):>5} pieces")
    for what, characters in wrong[:show]:
        print("      ", f"{what}: {characters}")


def _places(text: str, pieces: list[tuple[str, str]]) -> Iterator[tuple[str, tuple[int, int]]]:
    """Where the pieces stand, each looked for behind the one before it."""
    ends: dict[str, int] = {}
    for what, characters in pieces:
        start = text.find(characters, ends.get(characters, 0))
        if start >= 0:
            ends[characters] = start + len(characters)
            yield what, (start, start + len(characters))


def _shared(one: tuple[int, int], other: tuple[int, int]) -> int:
    return max(0, min(one[1], other[1]) - max(one[0], other[0]))


def main() -> None:
    """Print all of it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=200)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--detector", default="forms")
    parser.add_argument("--sets", type=Path)
    parser.add_argument("--show", type=int, default=0)
    parser.add_argument("--limit", type=int, default=5_000)
    parser.add_argument("--labelled", type=Path)
    given = parser.parse_args()
    detector = detector_of(given.detector)
    if given.labelled:
        labelled(detector, given.labelled, given.show)
        return
    recall(detector, given.rows, given.seed)
    alarms(detector, given.rows, given.seed)
    if given.sets:
        public(detector, given.sets, given.show, given.limit)


if __name__ == "__main__":
    main()
