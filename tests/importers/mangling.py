"""Files of every form, mangled by a seed: every end is a report or a sentence.

``python -m tests.importers.mangling 10000`` tries that many, and prints the seeds that end otherwise.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

from rung.commands.import_files import ImportRequest, import_files
from rung.errors import UserError
from rung.importers.registry import importers
from tests.importers.samples import SAMPLES, Sample

VALUES: tuple[Any, ...] = (
    *(
        None,
        "",
        " ",
        "x",
        "[",
        "{}",
        "[{",
        "{{a.b}}",
        "\ud800",
        0,
        -1,
        2.5,
        10**400,
        True,
        [],
        {},
        [[]],
        [{}],
        [None],
        [1, "a"],
    ),
    *({"a": None}, [{"role": "user"}], [{"role": 7, "content": []}], {"text": 3}, "file://x", "a: [", "0" * 50),
)


def mangle(content: bytes, rng: random.Random) -> bytes:
    """Bytes changed, cut, put in or doubled; or a value of a JSON text replaced."""
    if rng.random() < 0.6 and (changed := _value_replaced(content, rng)) is not None:
        return changed
    data = bytearray(content)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(data) + 1)
        match rng.randrange(6):
            case 0:
                del data[at:]
            case 1:
                del data[at : at + rng.randint(1, 30)]
            case 2:
                data[at:at] = rng.choice(
                    (b"\x00", b"\xff\xfe", b'"', b"{", b"]", b",", b"\n", b": ", b"\t", b"NaN", b"&a *a")
                )
            case 3:
                data[at:at] = data[max(0, at - 40) : at]
            case 4:
                data = data[at:] + data[:at]
            case 5 if at < len(data):
                data[at] = rng.randrange(256)
    return bytes(data)


def _value_replaced(content: bytes, rng: random.Random) -> bytes | None:
    """One value somewhere in a JSON file, or in a line of JSONL, replaced by one of `VALUES`, or a key taken away."""
    try:
        text = content.decode()
        rows = [json.loads(text)] if text.lstrip().startswith("[") else [json.loads(line) for line in text.splitlines()]
    except ValueError:
        try:
            rows = [json.loads(content)]
        except ValueError:
            return None
    at = rows
    index: Any = rng.randrange(len(at)) if at else None
    while index is not None and isinstance(at[index], (dict, list)) and at[index] and rng.random() < 0.8:
        at = at[index]
        index = rng.choice(list(at)) if isinstance(at, dict) else rng.randrange(len(at))
    if index is None:
        return None
    if rng.random() < 0.2:
        del at[index]
    else:
        at[index] = rng.choice(VALUES)
    try:
        return "\n".join(json.dumps(row) for row in rows).encode()
    except (ValueError, TypeError):
        return None


def ending(seed: int, folder: Path) -> str:
    """What importing the file of a seed comes to: "imported", "refused" or the traceback of a defect."""
    rng = random.Random(seed)
    sample: Sample = rng.choice(SAMPLES)
    name = rng.choice(list(sample.files))
    path = Sample(
        sample.form, {**sample.files, name: mangle(sample.files[name], rng)}, 0, 0, {}, folder=sample.folder
    ).write(folder / "in")
    form = rng.choice(("", "", sample.form, rng.choice(list(importers()))))
    to = rng.choice((None, None, "cases", "examples", "documents"))
    try:
        report = import_files([path], ImportRequest(form, to, folder / "out.jsonl"))  # type: ignore[arg-type]
        json.dumps(report.as_json())
        for file in report.files:
            assert file.rows == file.taken + len(file.refused)
    except UserError as error:
        return "refused" if str(error).strip() else "an empty sentence"
    except Exception:
        return traceback.format_exc()
    return "imported"


def main() -> None:
    """Try as many as the command line says."""
    counts: dict[str, int] = {}
    for seed in range(int(sys.argv[1])):
        with tempfile.TemporaryDirectory() as folder:
            end = ending(seed, Path(folder))
        if end not in ("imported", "refused"):
            sys.stderr.write(f"seed {seed}:\n{end}\n")
            end = "defect"
        counts[end] = counts.get(end, 0) + 1
    sys.stdout.write(f"{counts}\n")


if __name__ == "__main__":
    main()
