"""Tables of scores that other tools made: CSV, TSV, JSONL or JSON, a case or a score a row, as columns of one score a case.

Two forms of one file are told apart by its header. Wide: a row is a case, a column is a system. Long: a row is one score,
with a column for the case, one for the system and one for the score. Several files are a system each. What a cell says is
left to `score_cells`, what follows from the scores to `verdict.score_columns`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rung.dataset.row_files import rows_in, table_cells
from rung.dataset.score_cells import NoScore, OffScale, Scale, has_decimal_comma, is_missing, letters_of, score_of, usd_of
from rung.errors import InputError, UserError
from rung.files.limited import content_of, text_of
from rung.records import Json, Problem

CASES = ("case", "case_id", "id", "sample_id", "doc_id", "question_id", "test_id", "example_id")
NUMBERS = ("index", "")  # of the rows, as pandas writes them; of several files they may differ for one case
QUESTIONS = ("question", "query", "user_input", "input")  # name a case where nothing else does
SYSTEMS = ("system", "rung", "model", "strategy", "variant", "provider")
SCORES = ("score", "correct", "passed", "pass", "success")
CLUSTERS = ("cluster", "document")
COSTS = ("usd", "cost")
PASSES = ("epoch", "repeat")
_TEXTS = (
    *QUESTIONS,
    "reference",
    "expected",
    "target",
    "answer",
    "answers",
    "response",
    "output",
    "contexts",
    "description",
)
_TEXTS_TOO = ("retrieved_contexts", "reference_contexts", "comment", "comments", "note", "notes", "reason", "metadata")
_COST_OF = re.compile(rf"(?:{'|'.join(COSTS)})\s*:\s*(.+)", re.IGNORECASE)
_BINARY = {b"PAR1": "a Parquet file", b"PK\x03\x04": "a spreadsheet or archive", b"\xd0\xcf\x11\xe0": "a spreadsheet"}
_LONGEST = 40  # characters of a name that stands in sentences; promptfoo names a column by the whole prompt


@dataclass(frozen=True, slots=True)
class ScoreTable:
    """Scores in [0, 1] by system, one a case, None where there is none; the cluster of each case and dollars of each case by
    system, where the files tell them. `notes`: how they were read, in sentences."""

    columns: Mapping[str, Sequence[float | None]]
    clusters: Sequence[str | None] | None = None
    usd: Mapping[str, Sequence[float | None]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Sheet:
    path: Path
    header: Sequence[str]
    rows: Sequence[tuple[int, Sequence[Json]]]  # line from 1, cells

    def column_of(self, names: Iterable[str]) -> int | None:
        """The first column of one of these names, the names' order first."""
        lower = [name.casefold() for name in self.header]
        return next((lower.index(name) for name in names if name in lower), None)

    def cells(self, column: int) -> list[Json]:
        return [cells[column] for _, cells in self.rows]

    def keys(self, column: int) -> list[str]:
        """The names of cases, systems or clusters in a column."""
        return ["" if is_missing(cell) else str(cell).strip() for cell in self.cells(column)]

    def scores(self, column: int, scale: Scale, hint: str = "") -> list[float | None]:
        letters = letters_of(self.cells(column))
        return [
            self._read(n, column, lambda cell: score_of(cell, scale, letters=letters), hint) for n in range(len(self.rows))
        ]

    def usd(self, column: int) -> list[float | None]:
        return [self._read(n, column, usd_of, "") for n in range(len(self.rows))]

    def _read(self, row: int, column: int, reading: Callable[[Json], float | None], hint: str) -> float | None:
        line, cells = self.rows[row]
        try:
            return reading(cells[column])
        except NoScore as error:
            more = "" if isinstance(error, OffScale) else hint
            message = f"{cells[column]!r:.60} in column {self.header[column]!r} {error}{more}"
            raise InputError(message, path=self.path, line=line) from error


@dataclass(frozen=True, slots=True)
class _Entry:
    """One score of the long form, and where it stands."""

    case: str
    system: str
    score: float | None
    usd: float | None
    cluster: str
    where: str


def read_scores(
    files: Sequence[tuple[str, Path]], *, score: str = "", order: Sequence[str] = (), scale: Scale = Scale()
) -> ScoreTable:
    """The scores of one table, or of several files with a system each.

    Args:
        files: (the system's name, the file); one file without a name holds all systems.
        score: name of the column that holds the scores, where a row is one score; "": the first of `SCORES`.
        order: in the wide form, the columns that are systems; (): all but those that say something else by their name.
        scale: of the numbers.

    Raises:
        InputError: a file cannot be read, a cell is no score, a case stands twice or in two clusters; names the line.
        UserError: two files have one name, or a column that is needed is not there.
    """
    sheets = [(name, _sheet(path)) for name, path in files]
    names = [name for name, _ in sheets]
    if twice := [name for n, name in enumerate(names) if name in names[:n]]:
        raise UserError(f"two files are called {twice[0]!r}: name each, as in {twice[0]}2=FILE")
    notes = [_commas(sheet) for _, sheet in sheets]
    if len(sheets) == 1 and not names[0]:
        sheet = sheets[0][1]
        system = sheet.column_of(SYSTEMS)
        if system is not None and (score or sheet.column_of(SCORES) is not None or not _is_scores(sheet, system, scale)):
            table = _pivoted(_long(sheet, system, score, scale), passes=sheet.column_of(PASSES) is not None)
        elif score:
            table = _pivoted(_one_system(sheet.path.stem, sheet, score, scale), passes=sheet.column_of(PASSES) is not None)
        else:
            table = _wide(sheet, order, scale)
    else:
        passes = any(sheet.column_of(PASSES) is not None for _, sheet in sheets)
        entries = [entry for name, sheet in sheets for entry in _one_system(name, sheet, score, scale)]
        table = _pivoted(entries, passes=passes)
    return ScoreTable(table.columns, table.clusters, table.usd, (*dict.fromkeys(filter(None, notes)), *table.notes))


def _sheet(path: Path) -> _Sheet:
    content = content_of(path)
    if binary := next((what for magic, what in _BINARY.items() if content.startswith(magic)), ""):
        raise InputError(f"is {binary}: save it as CSV or JSONL", path=path)
    text = text_of(path)
    if not text.strip():
        raise InputError("is empty: it needs a header and a row for each case", path=path)
    problems: list[Problem] = []
    if path.suffix.lower() in (".csv", ".tsv", ".txt") or text.lstrip()[:1] not in ("{", "["):
        header, rows = _promptfoo(*_of_cells([*table_cells(text, str(path), problems)]))
    else:
        header, rows = _of_objects([*rows_in(path, str(path), problems)])
    if problems:
        raise InputError(problems[0].message, path=path, line=problems[0].line)
    if not rows:
        raise InputError("holds no case: below the header stands a row for each", path=path)
    if twice := [name for n, name in enumerate(header) if name in header[:n]]:
        raise InputError(f"two columns are called {twice[0]!r}: give each a name of its own", path=path, line=1)
    return _Sheet(path, header, rows)


def _of_cells(lines: Sequence[tuple[int, list[str]]]) -> tuple[list[str], list[tuple[int, list[Json]]]]:
    """Header and rows of a CSV; a column without a name and without a value, as spreadsheets leave them, is none."""
    if not lines:
        return [], []
    header = lines[0][1]
    there = [n for n, name in enumerate(header) if name or any(not is_missing(cells[n]) for _, cells in lines[1:])]
    return [header[n] for n in there], [(line, [cells[n] for n in there]) for line, cells in lines[1:]]


def _of_objects(objects: Sequence[tuple[int, Mapping[str, Json]]]) -> tuple[list[str], list[tuple[int, list[Json]]]]:
    """Header and rows of JSON objects; one object of lists is a table by columns."""
    header = list(dict.fromkeys(key for _, row in objects for key in row))
    if len(objects) == 1 and all(isinstance(value, list) for value in objects[0][1].values()):
        line, row = objects[0]
        columns = [value for value in row.values() if isinstance(value, list)]
        if len({len(column) for column in columns}) > 1:
            lengths = ", ".join(f"{name} {len(column)}" for name, column in zip(header, columns, strict=True))
            raise UserError(
                f"columns are of unequal length ({lengths}): each needs one value for every case, null where none is"
            )
        return header, [(line, list(cells)) for cells in zip(*columns, strict=True)]
    return header, [(line, [row.get(key) for key in header]) for line, row in objects]


def _promptfoo(header: list[str], rows: list[tuple[int, list[Json]]]) -> tuple[list[str], list[tuple[int, list[Json]]]]:
    """promptfoo's CSV, where each prompt's output is followed by "Status" and "Score", as a table of its scores."""
    at = [n for n in range(2, len(header)) if header[n] == "Score" and header[n - 1] == "Status"]
    if not at:
        return header, rows
    names: list[str] = []
    for n in at:
        short = " ".join(header[n - 2].split())
        short = short if len(short) <= _LONGEST else f"{short[: _LONGEST - 1]}…"
        same = sum(name == short or name.startswith(f"{short} #") for name in names)
        names.append(f"{short} #{same + 1}" if same else short)
    return names, [(line, [cells[n] for n in at]) for line, cells in rows]


def _commas(sheet: _Sheet) -> str:
    shown = next((cell for _, cells in sheet.rows for cell in cells if has_decimal_comma(cell)), None)
    return (
        "" if shown is None else f"Commas in numbers were read as decimal commas: {shown} is {str(shown).replace(',', '.')}."
    )


def _is_scores(sheet: _Sheet, column: int, scale: Scale) -> bool:
    try:
        sheet.scores(column, scale)
    except InputError:
        return False
    return True


def _has_scores(sheet: _Sheet, column: int, scale: Scale) -> bool:
    """Whether any cell of a column is a score."""
    for cell in sheet.cells(column):
        try:
            if score_of(cell, scale) is not None:
                return True
        except NoScore:
            continue
    return False


def _wide(sheet: _Sheet, chosen: Sequence[str], scale: Scale) -> ScoreTable:
    case = sheet.column_of((*CASES, *NUMBERS, *QUESTIONS))
    cluster = sheet.column_of(CLUSTERS)
    taken = {case, cluster}
    prices = {n: match[1].strip() for n, name in enumerate(sheet.header) if (match := _COST_OF.fullmatch(name))}
    rest = [n for n, name in enumerate(sheet.header) if n not in taken and n not in prices and name]
    if chosen:
        systems = [n for n in rest if sheet.header[n] in chosen]
        skipped, why = [n for n in rest if n not in systems], "since the order does not name them"
        if missing := [name for name in chosen if name not in sheet.header]:
            there = ", ".join(sheet.header[n] for n in rest)
            raise InputError(
                f"the order names {missing[0]!r}, and no column is called so; there are {there}", path=sheet.path, line=1
            )
    else:
        lone = next((n for n in rest if sheet.header[n].casefold() in COSTS), None)
        if lone is not None:
            name = sheet.header[lone]
            raise InputError(f"whose cost is in {name!r}? Call it {name}:SYSTEM", path=sheet.path, line=1)
        text_names = (*_TEXTS, *_TEXTS_TOO)
        texts = [n for n in rest if sheet.header[n].casefold() in text_names and not _has_scores(sheet, n, scale)]
        skipped, why = texts, "since they hold texts"
        systems = [n for n in rest if n not in texts]
    if case is not None:
        _check_cases(sheet, case)
    if not systems:
        raise InputError("holds no column of scores: a column for each system is needed", path=sheet.path, line=1)
    hint = "; where this column is no system, --order a,b names those that are"
    columns = {sheet.header[n]: sheet.scores(n, scale, "" if chosen else hint) for n in systems}
    for n, name in prices.items():
        if name not in columns and not (chosen and name in sheet.header):
            there = ", ".join(columns)
            message = f"column {sheet.header[n]!r} is the cost of no system that is here: there are {there}"
            raise InputError(message, path=sheet.path, line=1)
    usd = {name: sheet.usd(n) for n, name in prices.items() if name in columns}
    groups = None if cluster is None else [key or None for key in sheet.keys(cluster)]
    left = ", ".join(sheet.header[n] for n in skipped)
    return ScoreTable(columns, groups, usd, (f"Columns not read, {why}: {left}.",) if left else ())


def _check_cases(sheet: _Sheet, case: int) -> None:
    seen: dict[str, int] = {}
    for (line, _), key in zip(sheet.rows, sheet.keys(case), strict=True):
        if not key:
            raise InputError(f"has no case in column {sheet.header[case]!r}", path=sheet.path, line=line)
        if key in seen:
            message = f"case {key!r:.60} stands in line {seen[key]} already: each case has one row"
            raise InputError(message, path=sheet.path, line=line)
        seen[key] = line


def _long(sheet: _Sheet, system: int, score: str, scale: Scale) -> list[_Entry]:
    return _entries(sheet, sheet.keys(system), score, scale, besides=(system,))


def _one_system(name: str, sheet: _Sheet, score: str, scale: Scale) -> list[_Entry]:
    return _entries(sheet, [name] * len(sheet.rows), score, scale)


def _entries(
    sheet: _Sheet, systems: Sequence[str], score: str, scale: Scale, *, besides: Sequence[int] = ()
) -> list[_Entry]:
    """A row is one score."""
    case = sheet.column_of((*CASES, *QUESTIONS, *NUMBERS))
    if case is None:
        there = ", ".join(sheet.header)
        raise InputError(f"needs a column that names the case (case, id, …); there are {there}", path=sheet.path, line=1)
    cluster, cost, at = sheet.column_of(CLUSTERS), sheet.column_of(COSTS), sheet.column_of(PASSES)
    column = _score_column(sheet, score, {case, cluster, cost, at, *besides})
    scores = sheet.scores(column, scale)
    usd = [None] * len(scores) if cost is None else sheet.usd(cost)
    groups = [""] * len(scores) if cluster is None else sheet.keys(cluster)
    entries = []
    for n, (line, key) in enumerate(zip((line for line, _ in sheet.rows), sheet.keys(case), strict=True)):
        if not key or not systems[n]:
            column_name = sheet.header[case] if not key else sheet.header[besides[0]]
            raise InputError(f"has nothing in column {column_name!r}", path=sheet.path, line=line)
        entries.append(_Entry(key, systems[n], scores[n], usd[n], groups[n], f"{sheet.path}:{line}"))
    return entries


def _score_column(sheet: _Sheet, score: str, taken: set[int | None]) -> int:
    """The column of the scores: the one that is named, else the first of `SCORES`, else the only one that is left."""
    if score:
        if score not in sheet.header:
            there = ", ".join(sheet.header)
            raise InputError(f"has no column called {score!r}; there are {there}", path=sheet.path, line=1)
        return sheet.header.index(score)
    usual = sheet.column_of(SCORES)
    left = [n for n in range(len(sheet.header)) if n not in taken]
    if usual is None and len(left) != 1:
        there = ", ".join(sheet.header[n] for n in left) or "none is left"
        raise InputError(f"which column holds the scores? --score NAME says it; there are {there}", path=sheet.path, line=1)
    return left[0] if usual is None else usual


def _pivoted(entries: Sequence[_Entry], *, passes: bool) -> ScoreTable:
    """Scores in rows as columns. Where each case was answered in several `passes`, its mean over them counts."""
    cells: dict[tuple[str, str], list[_Entry]] = {}
    clusters: dict[str, _Entry] = {}
    for entry in entries:
        before = cells.setdefault((entry.system, entry.case), [])
        if before and not passes:
            how = "once more" if before[0].score == entry.score else "with another score"
            raise UserError(
                f"{entry.where}: case {entry.case!r:.60} of {entry.system} stands in {before[0].where} already, {how}: "
                "each has one score (a column 'epoch' tells several passes apart)"
            )
        before.append(entry)
        group = clusters.setdefault(entry.case, entry)
        if group.cluster != entry.cluster and group.cluster and entry.cluster:
            message = f"case {entry.case!r:.60} is in cluster {entry.cluster!r}, and in {group.cluster!r} in {group.where}"
            raise UserError(f"{entry.where}: {message}: a case is in one cluster")
        if not group.cluster:
            clusters[entry.case] = entry
    cases = list(dict.fromkeys(entry.case for entry in entries))
    systems = list(dict.fromkeys(entry.system for entry in entries))
    columns = {s: [_mean(e.score for e in cells.get((s, case), ())) for case in cases] for s in systems}
    usd = {s: [_mean(e.usd for e in cells.get((s, case), ())) for case in cases] for s in systems}
    groups = [clusters[case].cluster or None for case in cases]
    priced = {s: dollars for s, dollars in usd.items() if any(one is not None for one in dollars)}
    most = max(len(cell) for cell in cells.values())
    notes = (f"Cases were scored in up to {most} passes; the mean over them counts.",) if most > 1 else ()
    return ScoreTable(columns, groups if any(groups) else None, priced, notes)


def _mean(values: Iterable[float | None]) -> float | None:
    present = [value for value in values if value is not None]
    return sum(present) / len(present) if present else None
