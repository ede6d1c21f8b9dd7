"""The rows of those examples that are made: of CUAD (`contracts`), banking77 (`triage`), and of tables of our own.

    python benchmarks/make_gallery.py [NAME ...] [--data FOLDER]

`contracts` and `triage` need the public data sets. Everything else in the gallery is written by hand, and
so are the questions about contracts (`contract_questions.jsonl`). The same data gives the same bytes.
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
from bisect import bisect_left, bisect_right
from pathlib import Path
from random import Random
from typing import Any

from gallery_rows import brand_content, house_code, live_prices, stock_csv, write
from make_examples import jsonl

HERE = Path(__file__).resolve().parents[1]
DATA = HERE.parent / "shared" / "data"
Row = dict[str, Any]

# file name in CUAD begins so: how a question names the contract, and its split
CONTRACTS = {
    "GridironBionutrients": ("Gridiron endorsement agreement with the NFL Alumni", "test"),
    "ClickstreamCorp": ("Clickstream application development agreement", "test"),
    "DYNTEKINC": ("Dyntek online hosting agreement", "test"),
    "FreezeTag": ("Freeze Tag sponsorship agreement", "test"),
    "OMINTO": ("Ominto reseller agreement", "test"),
    "VnueInc": ("VNUE promotion agreement", "test"),
    "WEBHELPCOM": ("WebHelp hosting agreement with eGain", "test"),
    "HealthcareIntegrated": ("Walabot-Home reseller agreement", "test"),
    "LIGHTBRIDGE": ("Lightbridge strategic alliance", "dev"),
    "PharmagenInc": ("Pharmagen endorsement agreement", "dev"),
    "UsioInc": ("Usio affiliate office agreement", "dev"),
    "ADAMSGOLF": ("Adams Golf endorsement agreement", "train"),
    "ADIANUTRITION": ("Adia Nutrition reseller agreement", "train"),
    "ArcGroup": ("Jaguars sponsorship agreement with Arc Group", "train"),
    "COOLTECHNOLOGIES": ("Cool Technologies strategic alliance", "train"),
    "HertzGroupRealty": ("Hertz Group Realty trademark licence", "train"),
    "HOLIDAYRV": ("Holiday RV endorsement agreement", "train"),
    "IntegrityMedia": ("Integrity Media co-branding agreement", "train"),
    "KIROMIC": ("Kiromic consulting agreement", "train"),
    "MERITLIFE": ("Merit Life master services agreement", "train"),
    "MorganStanley": ("Morgan Stanley trademark licence", "train"),
    "OAKTREE": ("Oaktree services agreement", "train"),
    "PREMIERBIOMEDICAL": ("Premier Biomedical intellectual property agreement", "train"),
    "PhotronicsInc": ("Photronics outsourcing agreement", "train"),
    "SPARKLINGSPRING": ("Sparkling Spring software licence", "train"),
    "VgrabCommunications": ("Vgrab mobile application agreement", "train"),
    "WebmdHealth": ("WebMD content licence", "train"),
}
# how people who are no lawyers ask for a clause; the first is for even contracts, the second for odd ones
ASKED = {
    "Governing Law": ("Which state's law applies to the {}?", "Under which law does the {} stand?"),
    "Anti-Assignment": (
        "Can we hand the {} over to another firm without asking?",
        "Does the other side have to agree before somebody else takes our part in the {}?",
    ),
    "Cap on Liability": (
        "How much could we be made to pay if something goes wrong under the {}?",
        "Is there a ceiling on damages in the {}?",
    ),
    "Termination for Convenience": ("Can we walk away from the {} for no reason?", "How do we get out of the {} early?"),
    "Audit Rights": ("May they look into our books under the {}?", "Who may check the accounts kept for the {}?"),
    "Exclusivity": ("Are we tied to them alone by the {}?", "May we deal with their rivals too under the {}?"),
    "Insurance": ("Do we have to be insured for the {}?", "What cover must be taken out for the {}?"),
    "License Grant": ("What are we allowed to use under the {}?", "Which rights of use does the {} give us?"),
    "Post-Termination Services": (
        "What still has to be done once the {} is over?",
        "Which duties go on after the end of the {}?",
    ),
    "IP Ownership Assignment": ("Who owns what is made under the {}?", "Whose property are the results of the {}?"),
    "Non-Compete": ("May we start a rival business during the {}?", "Does the {} keep us out of a market?"),
    "Revenue/Profit Sharing": ("How is the money split in the {}?", "What share of sales do we owe under the {}?"),
    "Minimum Commitment": (
        "How much do we have to buy at least under the {}?",
        "What is the least we must order by the {}?",
    ),
}


def contracts(data: Path, out: Path) -> None:
    """Excerpts of contracts, and a question for each clause that CUAD's annotators marked in one of them."""
    texts = {row["id"]: row for row in _rows(data / "realdocs/cuad/documents.jsonl.gz")}
    marked: dict[str, list[Row]] = {}
    for name in ("cases_test.jsonl", "cases_train.jsonl"):
        for row in _rows(data / "realdocs/cuad" / name):
            marked.setdefault(row["meta"]["context_document"], []).append(row)
    answered = {id: tuple(asked) for id, *asked in _rows(HERE / "benchmarks" / "contract_questions.jsonl")}
    splits: dict[str, list[Row]] = {"train": [], "dev": [], "test": []}
    for number, (prefix, (called, split)) in enumerate(CONTRACTS.items()):
        id = next(id for id in texts if id.removeprefix("cuad:").startswith(prefix))
        sentences = _sentences(texts[id]["text"])
        clauses = {
            row["meta"]["category"]: (row, *clause)
            for row in marked[id]
            if row["meta"]["category"] in ASKED and (clause := _clause(row, sentences)) is not None
        }
        document = f"docs/{prefix.lower()}.md"
        title = called[0].upper() + called[1:]
        body = _excerpt(sentences, [span for _, _, span in clauses.values()])
        _write(out / document, f"# {title}\n\n{body}\n")
        for category, (_, quote, _) in sorted(clauses.items()):
            case_id = f"{prefix.lower()}-{re.sub('[^a-z]+', '-', category.lower())}"
            if split != "train" and case_id not in answered:
                print(f"  not asked: {case_id}: {quote[:400]}")
                continue
            asked, *answers = answered.get(case_id, (ASKED[category][number % 2],))
            case: Row = {"id": case_id, "question": asked.format(called)} | ({"answers": answers} if answers else {})
            case |= {"evidence": [{"document": document, "quote": quote}], "split": split, "meta": {"category": category}}
            splits[split].append(case)
    for split, cases in splits.items():
        _write(out / "cases" / f"{split}.jsonl", jsonl(cases))
        print(f"contracts: {len(cases)} {split}")


def _sentences(text: str) -> list[str]:
    """Pieces of a contract, a sentence or a little more each, without white space at their ends."""
    pieces = re.split(r"\s{2,}|\n|(?<=[.;:])\s+(?=[A-Z(\"])|\s(?=\d{1,2}\. [A-Z])", text)
    return [piece for part in pieces if (piece := " ".join(part.split()))]


def _clause(row: Row, sentences: list[str]) -> tuple[str, tuple[int, int]] | None:
    """The longest marked clause that stands once in the contract, and the first and last sentence that hold it."""
    ends: list[int] = []
    for sentence in sentences:
        ends.append((ends[-1] if ends else 0) + len("".join(sentence.split())))
    whole = "".join("".join(sentences).split())
    for clause in sorted(row["meta"].get("evidence", ()), key=len, reverse=True):
        squeezed = "".join(clause.split())
        start = whole.find(squeezed)
        if 20 < len(squeezed) <= 900 and start >= 0 and whole.find(squeezed, start + 1) < 0:
            return " ".join(clause.split()), (bisect_right(ends, start), bisect_left(ends, start + len(squeezed)))
    return None


def _excerpt(sentences: list[str], spans: list[tuple[int, int]], room: int = 6_000) -> str:
    """The beginning, every span, and its neighbours while there is room; "[...]" where something is left out."""
    taken = set(range(min(6, len(sentences)))) | {i for first, last in spans for i in range(first, last + 1)}
    for distance in range(1, 9):
        for first, last in spans:
            for i in (first - distance, last + distance):
                if 0 <= i < len(sentences) and sum(len(sentences[k]) for k in taken | {i}) <= room:
                    taken.add(i)
    paragraphs: list[str] = []
    previous = -1
    for i in sorted(taken):
        if i != previous + 1:
            paragraphs += ["[...]", ""]
        elif not paragraphs or (len(paragraphs[-1]) > 500 and not any(first < i <= last for first, last in spans)):
            paragraphs.append("")
        paragraphs[-1] = f"{paragraphs[-1]} {sentences[i]}".strip()
        previous = i
    return "\n\n".join(paragraphs + (["[...]"] if previous != len(sentences) - 1 else []))


INTENTS = {
    "card_arrival": "card not here yet",
    "lost_or_stolen_card": "card lost or stolen",
    "pin_blocked": "PIN blocked",
    "change_pin": "change PIN",
    "card_payment_fee_charged": "fee on a card payment",
    "transaction_charged_twice": "charged twice",
    "request_refund": "refund wanted",
    "Refund_not_showing_up": "refund missing",
    "transfer_not_received_by_recipient": "transfer not received",
    "cancel_transfer": "cancel a transfer",
    "exchange_rate": "exchange rate",
    "terminate_account": "close the account",
}


def triage(data: Path, out: Path) -> None:
    """Messages of bank customers under twelve of the 77 intents: 40 that teach, 4 of dev and 5 of test for each."""
    rng = Random(0)
    train = _rows(data / "behaviour/banking77/train.jsonl.gz")
    test = _rows(data / "behaviour/banking77/test.jsonl")
    lines: dict[str, list[Row]] = {"examples": [], "dev": [], "test": []}
    seen: list[frozenset[str]] = []
    for intent, label in INTENTS.items():
        for split, rows, count in (("test", test, 5), ("dev", train, 4), ("examples", train, 40)):
            of_intent = [row for row in rows if row["meta"]["label"] == intent]
            rng.shuffle(of_intent)
            taken = 0
            for row in of_intent:
                text = " ".join(row["messages"][1]["content"].split())
                words = frozenset(re.findall(r"\w+", text.casefold()))
                if taken == count or any(len(words & other) >= 0.7 * len(words | other) for other in seen):
                    continue
                seen.append(words)
                taken += 1
                lines[split].append(_labelled(row["id"], text, label, split))
    _write(out / "examples/train.jsonl", jsonl(lines["examples"]))
    for split in ("dev", "test"):
        _write(out / "cases" / f"{split}.jsonl", jsonl(lines[split]))
    print(f"triage: {', '.join(f'{len(rows)} {split}' for split, rows in lines.items())}")


def _labelled(id: str, text: str, label: str, split: str) -> Row:
    if split != "examples":
        return {"id": id, "question": text, "answers": [label], "split": split}
    turns = [{"role": "user", "content": text}, {"role": "assistant", "content": label}]
    return {"id": id, "messages": turns, "source": "PolyAI banking77", "licence": "CC BY 4.0"}


def _rows(path: Path) -> list[Row]:
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="which; left out: all of them")
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the public data sets")
    chosen = parser.parse_args()
    public = {"contracts": contracts, "triage": triage}
    own = {"brand-content": brand_content, "house-code": house_code, "live-prices": live_prices}
    if unknown := sorted(set(chosen.names) - set(public) - set(own)):
        parser.error(f"nothing is made under {', '.join(unknown)}; there are {', '.join([*public, *own])}")
    for name in chosen.names or [*public, *own]:
        if name in public:
            public[name](chosen.data, HERE / "examples" / name)
        else:
            write(HERE / "examples" / name, own[name]())
        if name == "live-prices":
            _write(HERE / "examples" / name / "stock.csv", stock_csv())


if __name__ == "__main__":
    main()
