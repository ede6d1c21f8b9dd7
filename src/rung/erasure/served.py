"""What serving keeps, in the folder's database or PostgreSQL: traces, feedback, differences, and every other table.

A trace or a difference that holds it goes whole. Of a remark the words go, and the rating stays, since deployments are
judged by it. In other tables the text is replaced; observations hold none.
"""

from __future__ import annotations

import json
import time
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rung.config.project import Project
from rung.erasure.databases import vacuum
from rung.erasure.running import servers
from rung.erasure.target import FORGOTTEN, Finding, Left, Target
from rung.errors import MissingExtra, UserError
from rung.records import Json
from rung.state.presence import FILE, has_database

if TYPE_CHECKING:
    import sqlalchemy as sa

    from rung.state.database import State

WHOLE = ("traces", "differences", "answers")  # tables whose rows go
RATED = "feedback"
_BASELINES = "baselines"
PINNED = ("deployments", "deployment_events")  # what is served is told by them: they are never changed but for words
_TEXTS: Mapping[str, tuple[str, ...]] = {"feedback": ("details", "entry"), "deployment_events": ("why",)}
_COUNTS = ("observations", "about")  # no words of anybody
_CHUNK = 500
WRITTEN_SECONDS = 3.0  # until a server has noticed an erasure, and what it was writing is in the database


def is_of_document(retrieved: Mapping[str, Any]) -> bool:
    """Whether what a step found is a passage of a document: examples are found, too, and are none."""
    return str(retrieved.get("id")).startswith(f"{retrieved.get('document')}#")


@dataclass(frozen=True, slots=True)
class Served:
    """The database of a project; nothing is made where there is none."""

    project: Project

    def find(self, target: Target) -> Sequence[Finding]:
        """See `Place`."""
        with self.opened() as state:
            if state is None:
                return ()
            counts = Counter(table for table, _, _ in _held(state, target))
        return [
            Finding(FILE, _words(table), count, "erased" if table in WHOLE else "its words are erased")
            for table, count in sorted(counts.items())
            if table not in PINNED or table in _TEXTS
        ]

    def left(self, target: Target) -> Sequence[Left]:
        """See `Place`."""
        with self.opened() as state:
            if state is None:
                return ()
            from rung.state.deployments import events

            pinned = [
                Left(state.name, 0, f"deployment {row['id']} is pinned with it (its task, or who promoted it)")
                for table, row, _ in _held(state, target)
                if table == "deployments"
            ]
            return pinned + [
                Left(state.name, 0, f"event {one.number} of deployment {one.deployment} says who acted, which is kept")
                for one in events(state)
                if target.holds(one.by) or target.is_in(dict(one.figures))
            ]

    def erase(self, target: Target) -> None:
        """See `Place`."""
        with self.opened() as state:
            if state is None:
                return
            self._have_servers_forget(state)
            changes: dict[str, list[tuple[Any, dict[str, Any] | None]]] = {}
            for table, row, change in _held(state, target):
                if table != "deployments":
                    changes.setdefault(table, []).append((_key(table, row), change))
            with state.writing() as connection:
                for table, rows in changes.items():
                    _change(connection, table, rows)
            self.rewrite(state, sorted(changes))

    def count(self) -> int:
        """See `Place`."""
        import sqlalchemy as sa

        with self.opened() as state:
            if state is None:
                return 0
            from rung.state.tables import traces

            with state.reading() as connection:
                return connection.scalar(sa.select(sa.func.count()).select_from(traces)) or 0

    def _have_servers_forget(self, state: State) -> None:
        """Wait until servers have let go what they remember, and written what they were about to."""
        from rung.state.erasing import mark_erasure

        mark_erasure(state)
        if state.is_shared or servers(state.folder):
            time.sleep(WRITTEN_SECONDS)

    def rows_of(self, answer: str) -> list[Mapping[str, Any]]:
        """Every row of an answer's id, what is compressed unpacked; of its caller too."""
        named = Target("answer", answer, answers=frozenset({answer}))
        with self.opened() as state:
            if state is None:
                return []
            return [{name: _value(value) for name, value in row.items()} for _, row, _ in _held(state, named)]

    def documents(self) -> Iterator[tuple[str, str]]:
        """(table, document) for each time that a trace found, a difference cites or a remark names a document."""
        import sqlalchemy as sa

        from rung.state.tables import differences, feedback, traces
        from rung.tracing.conventions import RETRIEVAL_DOCUMENTS

        with self.opened() as state:
            if state is None:
                return
            with state.reading() as connection:
                reading = connection.execution_options(yield_per=_CHUNK)
                for row in reading.execute(sa.select(traces.c.body)):
                    spans = _value(row.body)
                    listed = (
                        span.get("attributes", {}).get(RETRIEVAL_DOCUMENTS) for span in spans if isinstance(span, dict)
                    )
                    named = {str(one.get("document")) for some in listed for one in some or () if is_of_document(one)}
                    yield from (("traces", id) for id in named)
                for row in reading.execute(sa.select(differences.c.old, differences.c.new)):
                    cited = {str(id) for one in row if isinstance(one, dict) for id in one.get("documents") or ()}
                    yield from (("differences", id) for id in cited)
                for row in reading.execute(sa.select(feedback.c.entry)):
                    entry = row.entry if isinstance(row.entry, dict) else {}
                    yield from (("feedback", str(id)) for id in entry.get("documents") or ())

    def rewrite(self, state: State, tables: Sequence[str]) -> None:
        """Have the database's files written anew, without what these tables held.

        Raises:
            UserError: it is in use.
        """
        if state.is_shared:
            _vacuum_shared(state, tables)
        else:
            state.engine.dispose()
            vacuum(state.folder / FILE)

    @contextmanager
    def opened(self) -> Iterator[State | None]:
        """The database; None where the project has none."""
        if not has_database(self.project):
            yield None
            return
        try:
            from rung.state.database import open_state
        except ImportError as error:
            raise MissingExtra("serve", "looking through what serving keeps") from error
        with open_state(self.project) as state:
            yield state


def _held(state: State, target: Target) -> Iterator[tuple[str, Mapping[str, Any], dict[str, Any] | None]]:
    """(table, row, its changed columns) of every row that holds it; None: the row goes."""
    import sqlalchemy as sa

    from rung.state.tables import METADATA

    with state.reading() as connection:
        for table in METADATA.sorted_tables:
            if table.name in _COUNTS:
                continue
            for row in connection.execution_options(yield_per=_CHUNK).execute(sa.select(table)).mappings():
                values = {str(name): value for name, value in row.items()}
                change = _change_of(table, values, target)
                if change != {}:
                    yield table.name, values, change


def _change_of(table: sa.Table, row: Mapping[str, Any], target: Target) -> dict[str, Any] | None:
    """What is to become of a row: {} it stays, None it goes."""
    from rung.state.tables import JsonText

    values = {name: _value(value) for name, value in row.items()}
    is_named = str(values.get("answer", values.get("id", ""))).removesuffix(":shadow") in target.answers
    if table.name in WHOLE:
        return None if is_named or (_may_be_of(target, values) and _is_in(values, target)) else {}
    if is_named:  # what was said of it: of every other table the words, and numbers stay
        emptied: dict[str, Any] = {c.name: None if c.nullable else {} for c in table.c if isinstance(c.type, JsonText)}
        return {name: empty for name, empty in emptied.items() if values[name] != empty}
    if not _may_be_of(target, values):
        return {}
    if table.name == _BASELINES:
        value = target.without(_without_canaries(values["value"], target))
        return {"value": value} if value != values["value"] else {}
    names = _TEXTS.get(table.name) or tuple(column.name for column in table.c if not column.primary_key)
    callers = {name: FORGOTTEN for name in ("caller", "caller_id") if target.holds(str(values.get(name, "")))}
    return callers | {
        name: _without(values[name], target) for name in names if name not in callers and target.is_in(values[name])
    }


def _without_canaries(value: Json, target: Target) -> Json:
    """Of a baseline no canary that holds it, or is a case that was named: what its question was embedded as tells of it."""
    if not isinstance(value, dict):
        return value
    others = {name: _without_canaries(one, target) for name, one in value.items()}
    if isinstance(rows := value.get("canaries"), list):
        others["canaries"] = [
            row for row in rows if not (target.is_in(row) or (isinstance(row, dict) and row.get("id") in target.rows))
        ]
    return others


def _without(value: Json, target: Target) -> Json:
    """As `Target.without`; an answer that cites a document which is forgotten was made of it, and goes too."""
    without = target.without(value)
    documents = value.get("documents") if isinstance(value, dict) else None
    is_made_of_it = isinstance(documents, list) and any(id in target.documents for id in documents)
    return {**without, "answer": FORGOTTEN} if is_made_of_it and isinstance(without, dict) else without


def _may_be_of(target: Target, values: Mapping[str, Any]) -> bool:
    """Whether a row may be of who got the answer that was named: what others ask in the same words stays theirs."""
    callers = {str(values[name]) for name in ("caller", "caller_id") if values.get(name)}
    return target.kind != "answer" or not target.callers or not callers or bool(callers & target.callers)


def _is_in(values: Mapping[str, Any], target: Target) -> bool:
    return any(target.is_in(value) for value in values.values())


def _value(value: Any) -> Any:
    """A column's value as JSON: what is compressed, unpacked."""
    if not isinstance(value, (bytes, memoryview)):
        return value
    try:
        return json.loads(zlib.decompress(bytes(value)))
    except (zlib.error, ValueError):
        return bytes(value).decode("utf-8", "replace")


def _key(table: str, row: Mapping[str, Any]) -> dict[str, Any]:
    from rung.state.tables import METADATA

    return {column.name: row[column.name] for column in METADATA.tables[table].primary_key}


def _change(connection: sa.Connection, table: str, rows: Sequence[tuple[dict[str, Any], dict[str, Any] | None]]) -> None:
    import sqlalchemy as sa

    from rung.state.tables import METADATA

    columns = METADATA.tables[table]
    for key, change in rows:
        which = sa.and_(*(columns.c[name] == value for name, value in key.items()))
        connection.execute(
            columns.delete().where(which) if change is None else columns.update().where(which).values(**change)
        )


def _vacuum_shared(state: State, tables: Sequence[str]) -> None:
    """Have PostgreSQL write the tables anew, without the rows that went.

    Raises:
        UserError: it would not; the rows are gone, and their place in the files is not written over yet.
    """
    import sqlalchemy as sa

    try:
        with state.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for table in tables:
                connection.execute(sa.text(f'VACUUM (FULL) "{table}"'))
    except sa.exc.DBAPIError as error:
        raise UserError(
            f"{state.name}: the rows are gone, and PostgreSQL would not write the tables anew: run VACUUM FULL on "
            f"{', '.join(tables)}, or the same command again"
        ) from error


def _words(table: str) -> str:
    return {"answers": "answers that can be rated", RATED: "remarks", "deployment_events": "reasons of deployments"}.get(
        table, table.replace("_", " ")
    )
