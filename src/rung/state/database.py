"""The database of a project's serving state: SQLite at `.rung/state.db`, or PostgreSQL where `records` names one.

A transaction that has ended is on the disk, or with the server: what is acknowledged after it outlives a kill and a power
cut. Transactions that write follow one another on SQLite, also those of other processes. The tables are brought to this
Rung's form at opening, by the migrations beside this file; a newer Rung's form is refused, an older server that is still
running goes on, since migrations only add.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any, Literal

import alembic.command
import sqlalchemy as sa
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from rung.config.project import Project
from rung.errors import MissingExtra, UserError, first_line
from rung.files.durable import alone
from rung.state.addresses import database_name, database_secrets, without_secrets
from rung.state.presence import FILE, address_of
from rung.state.tables import about

_LOCK_KEY = 0x72756E67  # of PostgreSQL's advisory lock around migrations
_PATIENCE = 15  # seconds that a transaction waits for others, and for a host that says nothing
_CONNECTING = 5  # seconds until a host counts as away
_STATEMENT = 30  # seconds that PostgreSQL works on one statement
_MIGRATING = 600  # seconds of a statement that changes tables, and of waiting for another server that does


class Unavailable(UserError):
    """The database cannot be reached, or takes nothing: full, away, read-only."""


def now_ms() -> int:
    """Milliseconds since 1970, UTC: how every table says when."""
    return time.time_ns() // 1_000_000


class State:
    """The open database of one project; used by all threads.

    Args:
        folder: the project's `.rung`.
        records: a PostgreSQL address, or "" for the folder's own file. The environment's RUNG_RECORDS goes before it.
        project: the project's name, by which a shared database is told from another project's.

    Raises:
        UserError: no such database, another project's, a newer Rung's, or no driver for it.
    """

    def __init__(self, folder: Path, records: str = "", *, project: str = "") -> None:
        address = address_of(records)
        self.folder = folder
        self.is_shared = bool(address)
        self.engine = _engine(folder / FILE, address)
        self.name = database_name(address) if address else str(folder / FILE)
        self._secrets = database_secrets(address) if address else ()
        reading = {"isolation_level": "REPEATABLE READ"} if self.is_shared else {"rung_begin": "BEGIN"}
        self._readers = self.engine.execution_options(**reading)
        try:
            self._migrate()
            self._check_project(project)
        except BaseException:
            self.close()
            raise

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A consistent view.

        Raises:
            Unavailable: the database is.
        """
        with self._said(), self._readers.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """A transaction: all of it is kept when the block ends, or nothing of it.

        Raises:
            Unavailable: the database is.
        """
        with self._said(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def alone(self, what: str) -> Iterator[sa.Connection]:
        """`writing`, while no other process is in a block of the same name.

        Raises:
            Unavailable: the database is.
        """
        with self.writing() as connection:
            if self.is_shared:  # SQLite's writers follow one another anyway
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtext(f"rung {what}"))))
            yield connection

    def close(self) -> None:
        """Let the connections go."""
        self.engine.dispose()

    def __enter__(self) -> State:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _said(self) -> Iterator[None]:
        """What the driver raises, in a sentence; a row that cannot be kept is told to whoever wrote it."""
        try:
            yield
        except (sa.exc.IntegrityError, sa.exc.DataError):
            raise
        except (sa.exc.DBAPIError, sa.exc.TimeoutError) as error:
            reason = first_line(getattr(error, "orig", None) or error)
            raise Unavailable(f"{self.name} cannot be used ({without_secrets(reason, self._secrets)})") from error

    def _migrate(self) -> None:
        script = ScriptDirectory.from_config(_migrations())
        revisions = {one.revision for one in script.walk_revisions()}
        with self._said():
            lock = nullcontext() if self.is_shared else alone(self.folder / f"{FILE}.lock")
            with lock, self.engine.begin() as connection:
                if self.is_shared:
                    for bound in ("lock_timeout", "statement_timeout"):
                        connection.execute(sa.select(sa.func.set_config(bound, f"{_MIGRATING}s", True)))
                    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK_KEY)))
                current = MigrationContext.configure(connection).get_current_revision()
                if current is not None and current not in revisions:
                    raise UserError(f"{self.name} was written by a newer Rung (form {current}): update Rung")
                if current != script.get_current_head():
                    config = _migrations()
                    config.attributes["connection"] = connection
                    alembic.command.upgrade(config, "head")

    def _check_project(self, project: str) -> None:
        """A shared database is one project's."""
        if not (self.is_shared and project):
            return
        with self.alone("project") as connection:
            owner = connection.scalar(sa.select(about.c.value).where(about.c.name == "project"))
            if owner is None:
                connection.execute(about.insert().values(name="project", value=project))
            elif owner != project:
                message = f"{self.name} keeps the records of '{owner}', not of '{project}': name another database"
                raise UserError(f"{message}, or write 'name: {owner}' into rung.yaml if the project was renamed")


def open_state(project: Project) -> State:
    """The database of a project.

    Raises:
        UserError: as `State`.
    """
    return State(project.state, project.settings.records, project=project.name)


def form_of(state: State) -> str:
    """The revision of the tables."""
    with state.reading() as connection:
        return MigrationContext.configure(connection).get_current_revision() or ""


def _migrations() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    return config


def _engine(path: Path, address: str) -> sa.Engine:
    if not address:
        return _sqlite(path)
    scheme, mark, rest = address.partition("://")
    if scheme not in ("postgresql", "postgres") or not mark:
        raise UserError(f"records: '{database_name(address)}' is no address of PostgreSQL: write postgresql://HOST/DATABASE")
    try:
        import psycopg  # noqa: F401
    except ImportError as error:
        raise MissingExtra("postgres", "a database of its own") from error
    try:
        return _postgresql(sa.make_url(f"postgresql+psycopg://{rest}"))
    except (sa.exc.ArgumentError, ValueError):  # whose words hold the address
        raise UserError(f"records: '{database_name(address)}' is no address of PostgreSQL") from None


def _postgresql(url: sa.URL) -> sa.Engine:
    """What address, environment or server say of the bounds goes before ours."""
    bounds = {
        "connect_timeout": _CONNECTING,
        "keepalives_idle": _PATIENCE // 3,
        "keepalives_interval": _PATIENCE // 5,
        "keepalives_count": 3,
        "tcp_user_timeout": _PATIENCE * 1000,
    }
    asked = {*url.query, *(["connect_timeout"] if "PGCONNECT_TIMEOUT" in os.environ else [])}
    connect = {name: bound for name, bound in bounds.items() if name not in asked}
    engine = sa.create_engine(url, pool_pre_ping=True, pool_timeout=_PATIENCE, connect_args=connect)

    @sa.event.listens_for(engine, "connect")
    def prepared(connection: Any, _record: object) -> None:
        for name, seconds in (("lock_timeout", _PATIENCE), ("statement_timeout", _STATEMENT)):
            connection.execute(
                "SELECT set_config(name, %s, false) FROM pg_settings WHERE name = %s AND setting = '0'",
                (f"{seconds}s", name),
            )
        connection.commit()

    return engine


def _sqlite(path: Path) -> sa.Engine:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
    except OSError as error:
        raise Unavailable(f"{path} cannot be written ({error.strerror or error})") from error
    address = f"{path.absolute().as_uri()}?mode=rw"  # one that is gone is away, and not begun anew without tables
    connecting = partial(sqlite3.connect, address, uri=True, timeout=_PATIENCE, check_same_thread=False)
    engine = sa.create_engine(f"sqlite:///{path}", creator=connecting)

    @sa.event.listens_for(engine, "connect")
    def prepared(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # transactions begin where `began` says so, not where the driver guesses
        # auto_vacuum counts while the file is empty: what is freed can be given back without all of it being written anew
        for pragma in (
            "auto_vacuum=INCREMENTAL",
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "secure_delete=ON",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @sa.event.listens_for(engine, "begin")
    def began(connection: sa.Connection) -> None:
        begin: Literal["BEGIN", "BEGIN IMMEDIATE"] = connection.get_execution_options().get("rung_begin", "BEGIN IMMEDIATE")
        connection.exec_driver_sql(begin)

    return engine
