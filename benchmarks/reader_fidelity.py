"""What readers keep of a file: its words, its numbers, the cells of its tables with their heads. Beside other libraries.

    python benchmarks/reader_fidelity.py --others /tmp/readers/bin/python [--rows 120] [--keep FOLDER]

Files of two kinds are read. *Made* files: one handbook (raised and lowered text, a long table, a table with merged cells)
and one workbook, written by LibreOffice, pandoc, WeasyPrint, Typst, ReportLab, python-docx, openpyxl and XlsxWriter; what is
in them is known. *Real* files: the PDFs of ../shared/data/realdocs/cuad, and the HTML, PDF and CSV files below /usr/share;
their words are told by pdftotext (Poppler), html.parser and csv. Each library runs in a process of its own.

For each library and kind of file, a line of JSON: `words`, the share of the words kept, each as often as it is there;
`distinct`, each once (headers of pages are kept once and navigation is left out, and counted, by Rung's rules); `numbers`,
words with a digit; `raised`, the share of eleven statements that a person reads in raised and lowered text (10^6, not 106;
25 and the note's mark 1, not 251); `cells`, the share of cells that stand in one row with their row's first cell, below or
beside the name of their column; `failed`, the files of which nothing came.

The other libraries, and the programs that make files:

    python -m venv /tmp/readers
    /tmp/readers/bin/pip install 'markitdown[pdf,docx,pptx,xlsx,xls]' kreuzberg pypandoc-binary weasyprint typst
    apt-get install --no-install-recommends libreoffice-writer-nogui libreoffice-calc-nogui poppler-utils

What is absent takes no part, and that is said.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable
from html.parser import HTMLParser
from pathlib import Path

from reader_fidelity_making import TOWNS, handbook, long_table, make

ROOT = Path(__file__).resolve().parents[1]
CUAD = ROOT.parent / "shared" / "data" / "realdocs" / "cuad" / "pdfs"
SHARE = Path("/usr/share")
LIBRARIES = ("rung", "markitdown", "kreuzberg")
MAX_REAL = 60  # files of a kind
WORD = re.compile(r"[^\W_]+")
SEEN = {  # what a person reads -> how it may be written
    "3 x 10^6": r"10\s?(?:\^\{?|<sup>|\*\*)\s?6|10⁶",
    "10^-9": r"10\s?(?:\^[({]?|<sup>|\*\*)\s?[-−–]9|10⁻⁹",
    "25 m^2": r"m\s?(?:\^\{?|<sup>)\s?2|m²",
    "25 [1] euro": r"25(?:\s+1\b|\s?\[\^?1\]|\s?<sup>1|\s?\^\[1\]|¹|\s?\(1\))",
    "not 106": r"(?!.*\b106 litres)",
    "not 251": r"(?!.*\b251 euro)",
    "not 10-9": r"(?!.*\b10[-−]9\b)",
    "H2O": r"\bH(?:_|~|<sub>)?\{?2(?:\}|~|</sub>)?O\b|H₂O",
    "x_12": r"\bx\s?(?:_|~|<sub>)\{?12|x₁₂",
    "not x12": r"(?!.*\bx12\b)",
    "1st": r"\b1(?:\^|<sup>)?st\b",
}


def main() -> None:
    """Make the files, let each library read them, and print a line of JSON for each library and kind of file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--others", type=Path, help="the Python of a virtual environment with the other libraries")
    parser.add_argument("--rows", type=int, default=120, help="of the long table")
    parser.add_argument("--keep", type=Path, help="keep the made files and what was read in this folder")
    parser.add_argument("--read", choices=LIBRARIES, help="used by the benchmark for itself")
    parser.add_argument("files", nargs="*", type=Path)
    args = parser.parse_args()
    if args.read:
        for path in args.files:
            print(json.dumps({"file": str(path), "text": _read(args.read, path)}), flush=True)
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        made, real = make(folder, args.others, args.rows), list(real_files())
        truth = {path: text for path in real if (text := independent(path)) is not None}
        for library in LIBRARIES:
            python = Path(sys.executable) if library == "rung" else args.others
            if python is None:
                print(json.dumps({"library": library, "left out": "no --others"}))
                continue
            texts = read_all(library, python, [*made, *truth])
            if args.keep:
                (folder / f"{library}.json").write_text(json.dumps({str(p): t for p, t in texts.items()}), encoding="utf-8")
            for line in (*judge_made(made, texts, args.rows), *judge_real(truth, texts)):
                print(json.dumps({"library": library, **line}), flush=True)


def real_files() -> Iterable[Path]:
    """Files of this machine that people wrote, at most some of each kind, the same ones each time."""
    yield from sorted(CUAD.glob("*.pdf"))
    for suffix in (".pdf", ".html", ".csv"):
        found = [p for p in sorted(SHARE.rglob(f"*{suffix}")) if p.is_file() and 2_000 < p.stat().st_size < 2_000_000]
        yield from found[:: max(1, len(found) // MAX_REAL)][:MAX_REAL]


def independent(path: Path) -> str | None:
    """The words of a file as another program tells them; None where that is absent."""
    if path.suffix == ".pdf":
        if not shutil.which("pdftotext"):
            return None
        return subprocess.run(["pdftotext", str(path), "-"], capture_output=True, check=False).stdout.decode(
            "utf-8", "replace"
        )
    text = path.read_bytes().decode("utf-8", "replace")
    if path.suffix == ".csv":
        return " ".join(cell for row in csv.reader(text.splitlines()) for cell in row)
    return " ".join(_Texts(text).parts)


class _Texts(HTMLParser):
    """The text of a page without its head, scripts, navigation and what is marked as hidden."""

    OUT = frozenset({"head", "script", "style", "nav", "template", "noscript", "select", "button"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._out: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002
        if tag in self.OUT:
            self._out.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self._out:
            self._out.remove(tag)

    def handle_data(self, data: str) -> None:
        if not self._out:
            self.parts.append(data)


def read_all(library: str, python: Path, files: list[Path]) -> dict[Path, str]:
    """What a library makes of the files, in a process of its own; a file that ends it is left out, and the rest goes on."""
    texts: dict[Path, str] = {}
    left = list(files)
    while left:
        command = [str(python), __file__, "--read", library, *map(str, left)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        texts |= {Path(line["file"]): line["text"] for line in lines}
        left = left[len(lines) + 1 :] if len(lines) < len(left) else []
    return texts


def _read(library: str, path: Path) -> str:
    """The text of a file; "" where the library gives none."""
    try:
        if library == "rung":
            from rung.knowledge.readers.converting import read
            from rung.knowledge.readers.source import SourceFile
            from rung.records import Document

            return "\n\n".join(d.text for _, d in read(SourceFile(path.name, path)) if isinstance(d, Document))
        if library == "kreuzberg":
            from kreuzberg import ExtractionConfig, extract_file_sync

            return str(
                extract_file_sync(str(path), config=ExtractionConfig(use_cache=False, output_format="markdown")).content
            )
        from markitdown import MarkItDown

        return str(MarkItDown(enable_plugins=False).convert(str(path)).markdown)
    except Exception as error:  # what another library raises: its failure is a result
        sys.stderr.write(f"{library}: {path}: {error}\n")
        return ""


def judge_made(made: list[Path], texts: dict[Path, str], rows: int) -> Iterable[dict[str, object]]:
    """A line for each made file."""
    page = _Texts(re.sub(r"<p>[^<]*<su.*?</p>", "", handbook(rows), flags=re.DOTALL))  # raised text is judged by itself
    for path in made:
        text = texts.get(path, "")
        book = path.suffix in (".xlsx", ".ods", ".csv") or "openpyxl" in path.name
        amounts = [(part, colour, price.replace(",", ".") if book else price) for part, colour, price in long_table(rows)]
        tables = [(("Part", "Colour", "Price EUR"), amounts)]
        if path.suffix != ".csv":
            tables.append((("Region", "Town", "People"), list(TOWNS)))
        wanted = (
            " ".join(word for head, cells in tables for row in (head, *cells) for word in row)
            if book
            else " ".join(page.parts)
        )
        line: dict[str, object] = {"file": path.name, **_kept(wanted, text), "cells": _cells(text, tables)}
        if not book:
            flat = " ".join(text.replace("**", "").split())
            line["raised"] = f"{sum(bool(text) and _is_said(name, way, flat) for name, way in SEEN.items())} of {len(SEEN)}"
        yield line


def _is_said(name: str, way: str, text: str) -> bool:
    return bool(re.match(way, text) if name.startswith("not ") else re.search(way, text))


def judge_real(truth: dict[Path, str], texts: dict[Path, str]) -> Iterable[dict[str, object]]:
    """A line for each kind of real file: means over the files."""
    kinds: dict[str, list[dict[str, float]]] = defaultdict(list)
    failed: Counter[str] = Counter()
    for path, wanted in truth.items():
        if WORD.search(wanted):
            kinds[path.suffix].append(_kept(wanted, texts.get(path, "")))
            failed[path.suffix] += not texts.get(path, "").strip()
    for kind, files in kinds.items():
        means = {key: round(sum(file[key] for file in files) / len(files), 4) for key in files[0]}
        yield {"real": kind, "files": len(files), **means, "failed": failed[kind]}


def _kept(wanted: str, text: str) -> dict[str, float]:
    have, said = Counter(WORD.findall(text.lower())), Counter(WORD.findall(wanted.lower()))
    numbers = Counter({word: count for word, count in said.items() if any(map(str.isdigit, word))})
    once = Counter(dict.fromkeys(said, 1))
    return {"words": _share(said, have), "distinct": _share(once, have), "numbers": _share(numbers, have)}


def _share(wanted: Counter[str], have: Counter[str]) -> float:
    return round((wanted & have).total() / wanted.total(), 4) if wanted else 1.0


def _cells(text: str, tables: list[tuple[tuple[str, ...], list[tuple[str, str, str]]]]) -> float:
    """The share of cells that stand in a row with the row's first two cells, below or beside their column's name."""
    found = _rows(text)
    kept = total = 0
    for head, rows in tables:
        for row in rows:
            total += len(row)
            kept += sum(any(_holds(pairs, head, row, place) for pairs in found) for place in range(len(row)))
    return round(kept / total, 4)


def _holds(pairs: dict[str, str], head: tuple[str, ...], row: tuple[str, ...], place: int) -> bool:
    key = 0 if row[0].startswith("P") else 1  # towns are known by their names
    return pairs.get(head[key]) == row[key] and pairs.get(head[place]) == row[place]


def _rows(text: str) -> list[dict[str, str]]:
    """Rows as column's name -> cell: of Markdown tables, and of lines such as `Part: P1; Colour: red`."""
    found: list[dict[str, str]] = []
    head: list[str] = []
    for line in text.splitlines():
        cells = [" ".join(cell.replace("**", "").split()) for cell in line.strip().strip("|").split("|")]
        if not line.strip().startswith("|"):
            head = []
            parts = [part.partition(": ") for part in line.split("; ")]
            found += (
                [{name: value for name, _, value in parts}] if len(parts) > 1 and all(mid for _, mid, _ in parts) else []
            )
        elif all(set(cell) <= set("-: ") and cell for cell in cells):
            continue
        elif head and any(head):
            found.append(dict(zip(head, cells, strict=False)))
        else:
            head = cells
    return found


if __name__ == "__main__":
    main()
