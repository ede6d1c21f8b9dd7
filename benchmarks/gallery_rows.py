"""Rows of the examples that are made of tables: brand-content, house-code, live-prices. Used by `make_gallery.py`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from make_examples import jsonl

Row = dict[str, Any]
OWN = {"source": "written for this example", "licence": "CC0 1.0"}

# --- brand content: product sheets in, the house's copy out; the style is in the outputs alone
GOODS = """\
Halden|tent|for two|1.9 kg|moss|train
Rondane|tent|for four|3.8 kg|sand|train
Vardo|tent|for winter|4.4 kg|red|test
Lista|tent|for one|1.1 kg|grey|dev
Senja|sleeping bag|down to minus 5|980 g|blue|train
Otta|sleeping bag|for summer|820 g|green|train
Hitra|sleeping bag|down to minus 15|1.4 kg|orange|test
Frosta|sleeping bag|for children|610 g|yellow|test
Tana|jacket|for rain|390 g|yellow|train
Roros|jacket|for wind|210 g|red|train
Dovre|jacket|for snow|720 g|white|test
Lesja|jacket|for every day|450 g|navy|dev
Mandal|rucksack|for a week|1.6 kg|black|train
Larvik|rucksack|for a day|540 g|sand|train
Grimstad|rucksack|for a weekend|980 g|moss|test
Risor|rucksack|for the city|620 g|grey|test
Bodo|stove|for gas|180 g|silver|train
Narvik|stove|for wood|450 g|steel|train
Sortland|stove|for spirit|120 g|brass|test
Vaga|stove|for groups|1.2 kg|black|dev
Skien|lamp|for the head|80 g|white|train
Arendal|lamp|for the table|320 g|brass|train
Kragero|lamp|for the tent|140 g|orange|test
Horten|lamp|for the bicycle|95 g|black|test
Alta|flask|for tea|410 g|green|train
Harstad|flask|for water|190 g|blue|train
Svolvaer|flask|for soup|520 g|red|test
Rjukan|flask|for two cups|280 g|silver|test
Molde|boots|for mud|1.3 kg|brown|train
Kirkenes|boots|for ice|1.5 kg|black|train
Lom|boots|for rock|1.1 kg|grey|test
Geilo|boots|for the valley|900 g|tan|test
Tromso|gloves|for frost|160 g|red|train
Hamar|gloves|for rope|140 g|tan|train
Elverum|gloves|for cycling|70 g|blue|test
Voss|gloves|for children|60 g|green|test"""
CLOSING = {
    "tent": "Sleep where the map ends.",
    "sleeping bag": "Let the night be cold.",
    "jacket": "Weather is only weather.",
    "rucksack": "Carry less, see more.",
    "stove": "Warm soup, anywhere.",
    "lamp": "Dark is a place, too.",
    "flask": "One sip, and on.",
    "boots": "Ground is where you stand.",
    "gloves": "Hands first.",
}
SHEETS = (
    "Name: {n}\nKind: {k}\nUse: {u}\nWeight: {w}\nColour: {c}",
    "{n}, {k}, {u}, {c}, {w}",
    "Write the copy of our {c} {k} {n}. It is {u} and weighs {w}.",
)


def brand_content() -> dict[str, list[Row]]:
    """Three sheets for each product; a product serves one split."""
    files: dict[str, list[Row]] = {"examples/train.jsonl": [], "cases/dev.jsonl": [], "cases/test.jsonl": []}
    for line in GOODS.splitlines():
        n, k, u, w, c, split = line.split("|")
        copy = f"{n}. {k.capitalize()}, {u}. {w}, and {c} all over. {CLOSING[k]}"
        for number, sheet in enumerate(SHEETS):
            _add(files, split, f"{n.lower()}-{number + 1}", sheet.format(n=n, k=k, u=u, w=w, c=c), copy, skip=number == 1)
    return files


# --- code in the house's style: a signature and a docstring in, the body out
THINGS = [
    "order",
    "invoice",
    "parcel",
    "ticket",
    "refund",
    "basket",
    "coupon",
    "account",
    "address",
    "review",
    "shelf",
    "courier",
]
LEARNT = THINGS[:7]
BODIES = (
    (
        'def load_{t}(store: Store, {t}_id: Id) -> Result[{T}]:\n    """The {t} of this id."""',
        '    row = store.one("{t}", {t}_id)\n    if row is None:\n        return Missing("{t}", {t}_id)\n'
        "    return Ok({T}.of(row))",
    ),
    (
        'def save_{t}(store: Store, {t}: {T}) -> Result[None]:\n    """Write the {t}, or say why not."""',
        '    if problem := {t}.problem():\n        return Refused("{t}", problem)\n'
        '    store.put("{t}", {t}.id, {t}.row())\n    return Ok(None)',
    ),
    (
        'def delete_{t}(store: Store, {t}_id: Id, by: Person) -> Result[None]:\n    """Take the {t} away."""',
        '    if not by.may("{t}:delete"):\n        return Forbidden("{t}", by)\n'
        '    store.drop("{t}", {t}_id)\n    log.info("{t} deleted", id={t}_id, by=by.id)\n    return Ok(None)',
    ),
    (
        'def list_{t}s(store: Store, page: Page) -> Result[list[{T}]]:\n    """A page of {t}s, the newest first."""',
        '    rows = store.many("{t}", order="-created", page=page)\n    return Ok([{T}.of(row) for row in rows])',
    ),
    (
        'def count_{t}s(store: Store) -> Result[int]:\n    """How many {t}s there are."""',
        '    return Ok(store.count("{t}"))',
    ),
    (
        'def rename_{t}(store: Store, {t}_id: Id, name: str) -> Result[{T}]:\n    """Give the {t} another name."""',
        '    name = clean(name)\n    if not name:\n        return Refused("{t}", "a name is wanted")\n'
        '    return store.change("{t}", {t}_id, name=name).then({T}.of)',
    ),
    (
        'def notify_{t}(mail: Mail, {t}: {T}) -> Result[None]:\n    """Tell the owner of the {t}."""',
        "    if not {t}.owner.wants_mail:\n        return Ok(None)\n"
        '    return mail.send({t}.owner.address, template="{t}", id={t}.id)',
    ),
    (
        'def archive_{t}(store: Store, {t}_id: Id, clock: Clock) -> Result[None]:\n    """Put the {t} out of sight."""',
        '    store.change("{t}", {t}_id, archived=clock.now())\n'
        '    log.info("{t} archived", id={t}_id)\n    return Ok(None)',
    ),
)


def house_code() -> dict[str, list[Row]]:
    """Eight functions for each noun; a noun serves one split."""
    files: dict[str, list[Row]] = {"examples/train.jsonl": [], "cases/dev.jsonl": [], "cases/test.jsonl": []}
    for thing in THINGS:
        split = "train" if thing in LEARNT else "dev" if thing == THINGS[-1] else "test"
        for number, (head, body) in enumerate(BODIES):
            names = {"t": thing, "T": thing.capitalize()}
            _add(files, split, f"{thing}-{number + 1}", head.format(**names), body.format(**names))
    return files


# --- live prices: what the till says now, and what the assistant calls for it
STOCK = """\
Halden|tent|319.00|7
Rondane|tent|429.00|2
Vardo|tent|655.00|0
Lista|tarp|84.50|31
Senja|sleeping bag|214.00|12
Otta|sleeping bag|79.90|40
Fauske|mat|82.00|5
Gjovik|pillow|21.50|64
Bodo|stove|69.00|9
Narvik|pot set|45.00|18
Alta|flask|37.50|23
Harstad|mug|12.90|110
Mandal|rucksack|172.00|6
Larvik|daypack|55.00|14
Tana|rain jacket|189.00|3
Roros|jersey|99.00|27
Molde|gaiters|44.90|0
Kirkenes|gloves|36.00|52
Skien|headlamp|57.00|16
Arendal|compass|49.50|11
Moss|whistle|6.50|205
Drammen|repair kit|13.20|38"""
TAUGHT = ["Halden", "Otta", "Gjovik", "Harstad", "Larvik", "Molde", "Arendal", "Drammen", "Alta", "Kirkenes", "Lista"]
ASKED = {
    "train": (
        ("What does the {n} cost?", "How much is the {n} at the moment?"),
        ("How many {n} are in stock?", "Is the {n} there?"),
    ),
    "dev": (
        ("What is the price of the {n} today?", "How much do I pay for the {n}?"),
        ("How many pieces of the {n} have you got?", "Have you any {n} left?"),
    ),
    "test": (
        ("What does the {n} {k} cost now?", "How much is the {n} today?"),
        ("How many of the {n} {k} are in stock?", "Is the {n} in stock, and how many?"),
    ),
}


def live_prices() -> dict[str, list[Row]]:
    """Two questions for the price and two for the stock of each product; a product serves one split."""
    files: dict[str, list[Row]] = {"examples/train.jsonl": [], "cases/dev.jsonl": [], "cases/test.jsonl": []}
    for line in STOCK.splitlines():
        n, k, price, stock = line.split("|")
        split = "train" if n in TAUGHT else "dev" if n in {"Roros", "Fauske"} else "test"
        for tool, questions, number, value in zip(
            ("price", "stock"), ASKED[split], (price, stock), (f"{price} EUR", f"{stock} pieces"), strict=True
        ):
            for place, question in enumerate(questions):
                asked = question.format(n=n, k=k)
                if split == "train":
                    files["examples/train.jsonl"].append(_calling(asked, tool, n, value))
                    continue
                called = {"name": tool, "arguments": {"product": n}, "result": value}
                row = {"id": f"{n.lower()}-{tool}-{place + 1}", "question": asked, "answers": [value, number]}
                files[f"cases/{split}.jsonl"].append(row | {"calls": [called], "split": split})
    return files


def stock_csv() -> str:
    """What `shop.py` reads."""
    return "product,kind,price_eur,stock\n" + "".join(line.replace("|", ",") + "\n" for line in STOCK.splitlines())


def _calling(question: str, tool: str, product: str, value: str) -> Row:
    call = {"id": "c1", "type": "function", "function": {"name": tool, "arguments": json.dumps({"product": product})}}
    turns = [
        {"role": "user", "content": question},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": value},
        {"role": "assistant", "content": f"It costs {value} now." if tool == "price" else f"There are {value} in stock."},
    ]
    return {"messages": turns, **OWN}


def _add(files: dict[str, list[Row]], split: str, id: str, asked: str, answer: str, *, skip: bool = False) -> None:
    """An example, or a case; `skip` leaves it out where it would judge."""
    if split == "train":
        turns = [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}]
        files["examples/train.jsonl"].append({"id": id, "messages": turns, **OWN})
    elif not skip:
        files[f"cases/{split}.jsonl"].append({"id": id, "question": asked, "answers": [answer], "split": split})


def write(out: Path, files: dict[str, list[Row]]) -> None:
    """JSONL files below a folder."""
    for name, rows in files.items():
        path = out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(jsonl(rows), encoding="utf-8")
    print(f"{out.name}: {', '.join(f'{len(rows)} {Path(name).stem}' for name, rows in files.items())}")
