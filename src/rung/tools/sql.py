"""A database as a tool: one SELECT at a time, over a connection that cannot write, its tables shown to the model.

SQLite: the file is opened read-only, and SQLite itself asks for each table, function and pragma whether it may be used.
PostgreSQL: a read-only transaction of a role that is no superuser, with a limit of time and, where asked, of planned cost;
which tables the role may read is its own rights, `tables` only says which are shown.
"""

from __future__ import annotations

import hashlib
import json
import math
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from rung.config.tool_settings import SqlSettings
from rung.errors import MissingExtra, UserError, first_line
from rung.plugins import hint
from rung.records import Json, ToolSpec
from rung.tools.environment import from_environment
from rung.tools.freshness import period

if TYPE_CHECKING:
    import psycopg

MAX_CELL = 2_000  # characters of a value that the model sees
MAX_TABLES = 60  # that are shown
_CONNECTING = 5  # seconds
_STEPS = 1_000  # of SQLite's machine between two looks at the clock
_READING = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE})
_UNSAFE = frozenset({"load_extension", "readfile", "writefile", "edit", "fts3_tokenizer"})
_PARAMETERS = {
    "type": "object",
    "properties": {"query": {"type": "string", "description": "one SELECT statement"}},
    "required": ["query"],
}


class Database(Protocol):
    """What answers queries."""

    kind: str

    def schema(self) -> Sequence[tuple[str, Sequence[str]]]:
        """(table, its columns with their types), of the tables that may be asked.

        Raises:
            UserError: it cannot be opened.
        """
        ...

    def rows(self, query: str) -> tuple[list[str], list[Sequence[Any]]]:
        """Names of columns, and one row more than the limit at most.

        Raises:
            ValueError: it is no query that may be asked, or takes too long.
        """
        ...

    def stamp(self) -> str:
        """What changes when its contents may have."""
        ...


class Sql:
    """The tool `sql`: a query in, its columns and rows out."""

    def __init__(self, settings: SqlSettings, root: Path) -> None:
        self._settings = settings
        self._database: Database = (
            SqliteFile(root / settings.database, settings) if settings.database else PostgresAddress(settings)
        )
        tables = [f"{name}({', '.join(columns)})" for name, columns in self._database.schema()]
        if not tables:
            raise UserError(f"the tool '{settings.name}' has no table to ask: check 'tables', and what its role may read")
        more = f"; and {len(tables) - MAX_TABLES} more" if len(tables) > MAX_TABLES else ""
        about = settings.about or "Looks up facts in a database."
        words = f"{about.rstrip('.')}. {self._database.kind}; at most {settings.rows} rows. "
        words += f"Tables: {'; '.join(tables[:MAX_TABLES])}{more}"
        self.seconds = settings.seconds + 5  # what the tool's own limits do not catch
        self.spec = ToolSpec(settings.name, words, json.dumps(_PARAMETERS))

    @property
    def identity(self) -> str:
        shape = hashlib.sha256(self.spec.description.encode()).hexdigest()[:16]
        return f"sql 1 {self._settings.name} {shape} {self._settings.rows} {self._database.stamp()}"

    def call(self, arguments: Mapping[str, Json]) -> Json:
        """{"columns": […], "rows": [[…]], "more": true where rows were left out}.

        Raises:
            ValueError: it is no query that may be asked, or takes too long.
        """
        query = arguments.get("query")
        if not isinstance(query, str) or not query.strip():
            raise ValueError("give a 'query': one SELECT statement")
        columns, rows = self._database.rows(query)
        shown_rows: list[Json] = [[_cell(value) for value in row] for row in rows[: self._settings.rows]]
        shown: dict[str, Json] = {"columns": list(columns), "rows": shown_rows}
        return {**shown, "more": True} if len(rows) > self._settings.rows else shown


class SqliteFile:
    """An SQLite file, read and never written."""

    kind = "SQLite"

    def __init__(self, path: Path, settings: SqlSettings) -> None:
        self._path, self._settings = path, settings

    def schema(self) -> Sequence[tuple[str, Sequence[str]]]:
        """See `Database`."""
        if not self._path.is_file():
            raise UserError(f"the tool '{self._settings.name}' asks {self._path}, which is no file")
        try:
            with closing(self._open()) as connection:
                names = connection.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view') ORDER BY name")
                tables = [name for (name,) in names if not name.startswith("sqlite_")]
                self._check_named(tables)
                return [(name, _columns(connection, name)) for name in tables if self._is_open(name)]
        except sqlite3.Error as error:
            raise UserError(f"the tool '{self._settings.name}' cannot read {self._path}: {error}") from error

    def rows(self, query: str) -> tuple[list[str], list[Sequence[Any]]]:
        """See `Database`."""
        until = time.monotonic() + self._settings.seconds
        try:
            with closing(self._open()) as connection:
                connection.set_authorizer(self._authorize)
                connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 10_000_000)
                connection.set_progress_handler(lambda: time.monotonic() > until, _STEPS)
                cursor = connection.execute(query)
                if cursor.description is None:
                    raise ValueError("it is no SELECT")
                return [column[0] for column in cursor.description], cursor.fetchmany(self._settings.rows + 1)
        except (sqlite3.Error, sqlite3.Warning) as error:
            if time.monotonic() > until:
                raise ValueError(f"it takes longer than {self._settings.seconds:g} s: ask for less") from error
            raise ValueError(f"SQLite: {error}") from error

    def stamp(self) -> str:
        """See `Database`: the file's size and time of change, and its journal's."""
        parts = (self._path, self._path.with_name(f"{self._path.name}-wal"))
        stats = [path.stat() for path in parts if path.exists()]
        return " ".join(f"{stat.st_size}.{stat.st_mtime_ns}" for stat in stats)

    def _open(self) -> sqlite3.Connection:
        address = f"{self._path.resolve().as_uri()}?mode=ro"
        return sqlite3.connect(address, uri=True, timeout=min(5.0, self._settings.seconds))

    def _is_open(self, table: str) -> bool:
        return not self._settings.tables or table.casefold() in {name.casefold() for name in self._settings.tables}

    def _check_named(self, tables: Sequence[str]) -> None:
        here = {name.casefold() for name in tables}
        if gone := [name for name in self._settings.tables if name.casefold() not in here]:
            named = f"the tool '{self._settings.name}' names the table '{gone[0]}', which {self._path} has not"
            raise UserError(f"{named}; {hint(gone[0], tables)}")

    def _authorize(self, action: int, first: str | None, second: str | None, _base: str | None, view: str | None) -> int:
        """SQLite asks this of everything that a statement would do; `view`: within which it would."""
        if action not in _READING:
            return sqlite3.SQLITE_DENY
        if action == sqlite3.SQLITE_READ and first and not (self._is_open(first) or (view and self._is_open(view))):
            return sqlite3.SQLITE_DENY
        return sqlite3.SQLITE_DENY if action == sqlite3.SQLITE_FUNCTION and second in _UNSAFE else sqlite3.SQLITE_OK


def _columns(connection: sqlite3.Connection, table: str) -> list[str]:
    rows = connection.execute("SELECT name, type FROM pragma_table_info(?)", (table,))
    return [f"{name} {kind}".strip() for name, kind in rows]


class PostgresAddress:
    """A PostgreSQL database, asked in read-only transactions."""

    kind = "PostgreSQL"

    def __init__(self, settings: SqlSettings) -> None:
        self._settings = settings
        who = f"the tool '{settings.name}'"
        self._address = from_environment(settings.url_env, who=who, what="a PostgreSQL address")

    def schema(self) -> Sequence[tuple[str, Sequence[str]]]:
        """See `Database`."""
        by_table: dict[str, list[str]] = {}
        try:
            with self._reading() as cursor:
                if _execute(cursor, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone() == (True,):
                    raise UserError(
                        f"the tool '{self._settings.name}' would ask as a superuser, who may read files and more: give it "
                        "the address of a role that may only read what a model may see"
                    )
                rows = _execute(
                    cursor,
                    "SELECT table_schema, table_name, column_name, data_type FROM information_schema.columns "
                    "WHERE table_schema NOT IN ('pg_catalog', 'information_schema') "
                    "ORDER BY table_schema, table_name, ordinal_position",
                )
                for schema, table, column, kind in rows:
                    name = table if schema == "public" else f"{schema}.{table}"
                    if not self._settings.tables or name in self._settings.tables:
                        by_table.setdefault(name, []).append(f"{column} {kind}")
        except (ValueError, ConnectionError) as error:
            raise UserError(f"the tool '{self._settings.name}': {error}") from error
        return list(by_table.items())

    def rows(self, query: str) -> tuple[list[str], list[Sequence[Any]]]:
        """See `Database`."""
        asked = f"SELECT * FROM (\n{query.strip().rstrip(';')}\n) AS asked LIMIT {self._settings.rows + 1}"
        with self._reading() as cursor:
            if self._settings.cost:
                (plan,) = _execute(cursor, f"EXPLAIN (FORMAT JSON) {asked}").fetchone()
                if (cost := plan[0]["Plan"]["Total Cost"]) > self._settings.cost:
                    raise ValueError(f"its planned cost is {cost:,.0f}, and {self._settings.cost:,.0f} may be: ask for less")
            rows = _execute(cursor, asked).fetchall()
            return [column.name for column in cursor.description or ()], rows

    def stamp(self) -> str:
        """See `Database`: nobody tells when a server's contents change, so the time does."""
        return period(self._settings.fresh).strip()

    @contextmanager
    def _reading(self) -> Iterator[psycopg.Cursor[Any]]:
        """A cursor whose statements can only read.

        Raises:
            ValueError: what the server refused.
            ConnectionError: it is away.
        """
        try:
            import psycopg
        except ImportError as error:
            raise MissingExtra("postgres", f"the tool '{self._settings.name}'") from error
        try:
            with psycopg.connect(self._address, connect_timeout=_CONNECTING, autocommit=False) as connection:
                connection.read_only = True
                milliseconds = round(1000 * self._settings.seconds)
                connection.execute(f"SET LOCAL statement_timeout = {milliseconds}")
                with connection.cursor() as cursor:
                    yield cursor
                connection.rollback()
        except psycopg.OperationalError as error:
            if error.sqlstate is None:  # no server said it: none is there
                raise ConnectionError(f"PostgreSQL: {first_line(error)}") from error
            raise ValueError(f"PostgreSQL: {first_line(error)}") from error
        except psycopg.Error as error:
            raise ValueError(f"PostgreSQL: {first_line(error)}") from error


def _execute(cursor: Any, statement: str) -> Any:
    """One statement: prepared ones are sent by a protocol that takes no second one, which could end the transaction."""
    return cursor.execute(statement, prepare=True)


def _cell(value: Any) -> Json:
    if value is None or isinstance(value, (bool, int)) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if isinstance(value, (bytes, memoryview)):
        return f"({len(bytes(value)):,} bytes)"
    text = str(value)
    return text if len(text) <= MAX_CELL else f"{text[:MAX_CELL]}… ({len(text) - MAX_CELL:,} more characters)"
