"""What verdicts keep of single answers goes; of what they are compared and answered by, the text alone.

Pages, rows and stored answers that hold it are removed, as a prune removes those that show deleted documents: the numbers
stay. In the table, the line of JSON, the record and the strategies the text is replaced.
"""

from __future__ import annotations

import gzip
import html
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rung.config.project import Project
from rung.erasure.target import FORGOTTEN, Finding, Left, Target, value_of, visible
from rung.errors import UserError
from rung.files.durable import SEAL, files_in, seal, sha256, unseal, write_whole
from rung.pipeline.evaluation_store import EVALUATIONS
from rung.pipeline.publishing import JUNIT, MARKDOWN, PAGE, RAGAS, verdicts_of
from rung.records import Json

OF_ANSWERS = (PAGE, MARKDOWN, JUNIT, RAGAS, EVALUATIONS)  # files of a verdict that speak of single answers


@dataclass(frozen=True, slots=True)
class Verdicts:
    """The folders of a project's verdicts."""

    project: Project

    def find(self, target: Target) -> Sequence[Finding]:
        """See `Place`."""
        pages, texts = 0, 0
        for folder in folders(self.project):
            held = set(_held(folder, target.of_nobody_else))
            pages += bool(held & set(OF_ANSWERS))
            texts += bool(held - set(OF_ANSWERS))
        listed = [Finding("verdicts", "verdicts' pages and answers", pages)] if pages else []
        return [*listed, *([Finding("verdicts", "verdicts' other files", texts, "the text is replaced")] if texts else [])]

    def left(self, target: Target) -> Sequence[Left]:
        """See `Place`."""
        del target
        return ()

    def erase(self, target: Target) -> None:
        """See `Place`."""
        for folder in folders(self.project):
            held = set(_held(folder, target.of_nobody_else))
            if held & set(OF_ANSWERS):
                remove(folder, OF_ANSWERS)
            unseal(folder, tuple(held - set(OF_ANSWERS)))  # a kill before they are sealed anew leaves the verdict whole
            for name in sorted(held - set(OF_ANSWERS)):
                _replace(folder / name, target)
            if held - set(OF_ANSWERS) and (folder / SEAL).exists():
                seal(folder, {one: sha256(folder / one) for one in sorted(files_in(folder))})

    def count(self) -> int:
        """See `Place`."""
        return 0


def loses_answers(project: Project, verdict: str, target: Target) -> bool:
    """Whether a verdict's stored answers, with their scores and times, would go."""
    folder = verdicts_of(project) / verdict
    if not (verdict and (folder / EVALUATIONS).is_file()):
        return False
    return not set(OF_ANSWERS).isdisjoint(_held(folder, target.of_nobody_else))


def folders(project: Project) -> tuple[Path, ...]:
    """The folders of all verdicts."""
    return tuple(path for path in sorted(verdicts_of(project).glob("*")) if path.is_dir())


def remove(folder: Path, names: Sequence[str]) -> None:
    """Remove these files of a verdict."""
    unseal(folder, tuple(names))
    for name in names:
        (folder / name).unlink(missing_ok=True)


def _held(folder: Path, target: Target) -> Iterator[str]:
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.name != SEAL and _is_in(path, target):
            yield path.name


def _is_in(path: Path, target: Target) -> bool:
    """Whether a file holds it; one that cannot be read is taken to."""
    try:
        if path.name == EVALUATIONS:
            return any(_is_of(json.loads(line), target) for line in _unpacked(path))
        text = path.read_text(encoding="utf-8", errors="replace")
    except (OSError, EOFError, ValueError):
        return True
    if path.suffix in (".json", ".jsonl"):
        return any(target.is_in(value) for value in _values(text))
    if path.suffix in (".html", ".xml"):
        return target.holds(visible(text)) or target.holds(html.unescape(text))
    return target.holds(text) or target.holds(text.replace("\\", ""))


def _is_of(row: Json, target: Target) -> bool:
    return target.is_in(row) or (isinstance(row, dict) and row.get("case") in target.rows)


def _unpacked(path: Path) -> Iterator[str]:
    with gzip.open(path, "rt", encoding="utf-8", errors="surrogatepass") as lines:
        yield from lines


def _values(text: str) -> Iterator[Json]:
    """The JSON values of a file of one, or of one a line; what is none, as a text."""
    try:
        yield json.loads(text)
        return
    except ValueError:
        pass
    yield from map(value_of, text.removesuffix("\n").split("\n"))


def _replace(path: Path, target: Target) -> None:
    """Write a file anew without the text: of JSON each text that holds it, else each line."""
    text = path.read_text(encoding="utf-8", errors="replace")
    if path.suffix in (".json", ".jsonl"):
        try:
            written = json.dumps(target.without(json.loads(text)), ensure_ascii=False)
        except ValueError as error:
            raise UserError(f"{path} holds it and is no JSON ({error}): delete it by hand") from error
    else:
        written = "\n".join(FORGOTTEN if target.holds(line) else line for line in text.split("\n"))
        if target.holds(written):  # across lines
            written = FORGOTTEN
    write_whole(path, written)
