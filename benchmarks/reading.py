"""How fast are files read, how fast is it said that nothing changed, and is what they say kept? Beside other libraries.

    python benchmarks/reading.py [--files 500] [--compare]

Without `--compare`: a folder of half PDFs (three pages with a table each), half Markdown is read three times: anew, again
with nothing changed, and again with one file changed; then as many again of each, for the peak memory. A line of JSON each:
seconds of the clock, processor seconds of all processes, peak memory of the reading process and of its workers.

With `--compare`: each library reads the PDFs of ../shared/data/realdocs/cuad (contracts, whose text is there too), a PDF
with ruled and one with unruled tables, and one of 500 pages. Seconds of processor time, best of three; the share of the
contract's words that came out; table rows and headings that came out; peak memory. Other libraries (kreuzberg, markitdown,
pypdfium2) take part where they are installed; the data is not part of the project, and its absence is said.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from rung.knowledge.loading import Memory, stream_sources
from rung.records import Document

ROOT = Path(__file__).resolve().parents[1]
CUAD = ROOT.parent / "shared" / "data" / "realdocs" / "cuad"
ROWS = [["Region", "Price", "Days"], ["Norway", "12 EUR", "5"], ["Sweden", "9 EUR", "3"], ["Faroe Islands", "21 EUR", "9"]]
LIBRARIES = ("rung", "kreuzberg", "markitdown", "pypdfium2")


def main() -> None:
    """Print a line of JSON for each measurement."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--files", type=int, default=500)
    parser.add_argument("--compare", action="store_true")
    parser.add_argument("--cuad", type=Path, default=CUAD)
    parser.add_argument("--one", choices=LIBRARIES, help="used by --compare for itself")
    args = parser.parse_args()
    if args.one:
        print(json.dumps({"library": args.one, **_compared(args.one, args.cuad)}))
    elif args.compare:
        for name in LIBRARIES:  # each in a process of its own, for its memory
            command = [sys.executable, __file__, "--one", name, "--cuad", str(args.cuad)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            print(
                done.stdout.strip() or json.dumps({"library": name, "left out": done.stderr.strip().splitlines()[-1]}),
                flush=True,
            )
    else:
        with tempfile.TemporaryDirectory() as folder:
            for line in _speed(Path(folder), args.files):
                print(json.dumps(line), flush=True)


def _speed(root: Path, files: int) -> Iterator[dict[str, object]]:
    _fill(root, 0, files)
    yield {"what": "anew", **_timed(root)}
    time.sleep(2.5)  # so that the times of the files tell a change from none
    _timed(root)
    yield {"what": "nothing changed", **_timed(root)}
    (root / "docs" / "0.pdf").write_bytes(_pdf(4))
    yield {"what": "one changed", **_timed(root)}
    _fill(root, files, files)
    yield {"what": "as many again", **_timed(root)}


def _fill(root: Path, first: int, count: int) -> None:
    (root / "docs").mkdir(exist_ok=True)
    for number in range(first, first + count):
        if number % 2:
            text = f"# Page {number}\n\n" + f"What stands on page {number} is this. " * 200
            (root / "docs" / f"{number}.md").write_text(text, encoding="utf-8")
        else:
            (root / "docs" / f"{number}.pdf").write_bytes(_pdf(3, title=f"Report {number}"))


def _timed(root: Path) -> dict[str, object]:
    clock, used = time.monotonic(), _processor()
    with Memory(root / ".rung" / "reading.db") as memory:
        documents = sum(isinstance(item, Document) for item in stream_sources(root, ["docs"], memory=memory))
    own, workers = (resource.getrusage(who).ru_maxrss // 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return {
        "documents": documents,
        "seconds": round(time.monotonic() - clock, 3),
        "processor_seconds": round(_processor() - used, 3),
        "peak_mib": own,
        "peak_mib_of_a_worker": workers,
    }


def _processor() -> float:
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(used.ru_utime + used.ru_stime for used in both)


def _compared(name: str, cuad: Path) -> dict[str, object]:
    read = _library(name)
    said: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as folder:
        for kind, data in (("ruled", _pdf(1)), ("unruled", _pdf(1, ruled=False)), ("500 pages", _pdf(500))):
            path = Path(folder) / f"{kind}.pdf"
            path.write_bytes(data)
            text, seconds = _best(read, path)
            rows = sum(text.count(f"| {' | '.join(row)} |") for row in ROWS[1:])
            said[kind] = {"seconds": seconds, "table_rows": rows, "headings": len(re.findall(r"^#+ ", text, re.MULTILINE))}
    if not (cuad / "pdfs").is_dir():
        return {**said, "cuad": f"{cuad} is absent"}
    with gzip.open(cuad / "documents.jsonl.gz", "rt", encoding="utf-8") as lines:
        words = [Counter(_words(json.loads(line)["text"])) for line in lines]
    shares, total = [], 0.0
    for path in sorted((cuad / "pdfs").glob("*.pdf")):
        text, seconds = _best(read, path)
        got = Counter(_words(text))
        own = max(words, key=lambda held: (got & held).total() / (got.total() + held.total()))
        shares.append(round((got & own).total() / own.total(), 4))
        total += seconds
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return {**said, "cuad": {"seconds": round(total, 3), "share_of_words": shares}, "peak_mib": memory}


def _best(read: Callable[[Path], str], path: Path) -> tuple[str, float]:
    seconds, text = [], ""
    for _ in range(3):
        began = time.process_time()
        text = read(path)
        seconds.append(time.process_time() - began)
    return text, round(min(seconds), 4)


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", text.lower())


def _library(name: str) -> Callable[[Path], str]:
    if name == "rung":
        from rung.knowledge.readers.converting import read
        from rung.knowledge.readers.source import SourceFile

        return lambda path: "".join(d.text for _, d in read(SourceFile(path.name, path)) if isinstance(d, Document))
    if name == "kreuzberg":
        from kreuzberg import ExtractionConfig, extract_file_sync

        config = ExtractionConfig(use_cache=False, output_format="markdown", enable_quality_processing=False)
        return lambda path: str(extract_file_sync(str(path), config=config).content)
    if name == "markitdown":
        from markitdown import MarkItDown

        converter = MarkItDown(enable_plugins=False)
        return lambda path: str(converter.convert(str(path)).markdown)
    from pypdfium2 import PdfDocument

    return lambda path: "\n".join(page.get_textpage().get_text_bounded() for page in PdfDocument(str(path)))


def _pdf(pages: int, *, title: str = "Rates", ruled: bool = True) -> bytes:
    from reportlab.lib import colors
    from reportlab.lib.styles import getSampleStyleSheet
    from reportlab.platypus import PageBreak, Paragraph, SimpleDocTemplate, Table

    styles, made = getSampleStyleSheet(), io.BytesIO()
    lines = ("GRID", (0, 0), (-1, -1), 0.5, colors.black) if ruled else ("LINEBELOW", (0, 0), (-1, 0), 1, colors.black)
    prose = "These are the rates for parcels to the north of Europe, as agreed with the carrier. " * 8
    story: list[object] = []
    for number in range(1, pages + 1):
        story += [Paragraph(f"{title} of {2000 + number}", styles["Heading1"]), Paragraph(prose, styles["BodyText"])]
        story += [Table(ROWS, style=[lines]), PageBreak()]
    SimpleDocTemplate(made, title=title).build(story)
    return made.getvalue()


if __name__ == "__main__":
    main()
