"""What `tools` of `rung.yaml` may hold beside names: a database, addresses, servers, functions, each with its limits."""

from __future__ import annotations

import re
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def _a_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError("a tool's name is of letters, digits, _ and -, at most 64 of them")
    return name


def _a_variable(name: str) -> str:
    if name and not _VARIABLE.fullmatch(name):
        raise ValueError("must be the name of an environment variable: secrets do not stand in rung.yaml")
    return name


def _a_prefix(address: str) -> str:
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError("must be the beginning of an address, such as https://api.example.com/prices/")
    return address if parts.path else f"{address}/"


ToolName = Annotated[str, AfterValidator(_a_name)]
Variable = Annotated[str, AfterValidator(_a_variable)]
Prefix = Annotated[str, AfterValidator(_a_prefix)]
Seconds = Annotated[float, Field(gt=0, le=600)]
Fresh = Annotated[float, Field(gt=0)]  # seconds for which an answer of the same call counts as the same


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    about: str = ""  # what it is for, as the model is told


class SqlSettings(_Part):
    """Questions to a database, which cannot change it. `database`: an SQLite file; `url_env`: the variable that holds a
    PostgreSQL address. `cost`: the most that PostgreSQL's planner may expect of a query; 0: any."""

    name: ToolName = "sql"
    database: str = ""
    url_env: Variable = ""
    tables: tuple[str, ...] = ()
    rows: Annotated[int, Field(ge=1, le=10_000)] = 50
    seconds: Seconds = 5.0
    cost: Annotated[float, Field(ge=0)] = 0.0
    fresh: Fresh = 3600.0

    @model_validator(mode="after")
    def _one_database(self) -> Self:
        if bool(self.database) == bool(self.url_env):
            raise ValueError("needs either 'database' (an SQLite file) or 'url_env' (of a PostgreSQL address)")
        return self


class HttpSettings(_Part):
    """GET of addresses that begin as one of `allow`. `headers_env`: header -> the variable that holds its value."""

    name: ToolName = "http_get"
    allow: tuple[Prefix, ...]
    headers_env: dict[str, Variable] = {}
    seconds: Seconds = 10.0
    bytes: Annotated[int, Field(ge=1, le=100_000_000)] = 1_000_000
    fresh: Fresh = 3600.0

    @model_validator(mode="after")
    def _some(self) -> Self:
        if not self.allow:
            raise ValueError("'allow' names the addresses that may be asked, and is empty: nothing could be")
        return self


class McpSettings(_Part):
    """The tools of an MCP server: `command` starts one, `url` is one that runs. `tools`: of these names only."""

    name: ToolName = "mcp"
    command: tuple[str, ...] = ()
    url: str = ""
    env: tuple[Variable, ...] = ()  # variables that the started server gets beside the usual ones
    headers_env: dict[str, Variable] = {}
    tools: tuple[str, ...] = ()
    seconds: Seconds = 30.0
    fresh: Fresh = 3600.0

    @model_validator(mode="after")
    def _one_server(self) -> Self:
        if bool(self.command) == bool(self.url):
            raise ValueError("needs either 'command' (the words that start the server) or 'url'")
        return self


class FunctionSettings(_Part):
    """A typed Python function of the project: `function` is `tools.py:price`. `fresh` 0: it always says the same."""

    name: str = ""
    function: str
    seconds: Seconds = 10.0
    fresh: Annotated[float, Field(ge=0)] = 0.0

    @model_validator(mode="after")
    def _a_function(self) -> Self:
        file, _, name = self.function.rpartition(":")
        if not file.endswith(".py") or not name.isidentifier():
            raise ValueError(f"{self.function!r} must name a file and a function of it, such as tools.py:price")
        if self.name:
            _a_name(self.name)
        return self


class ToolSettings(BaseModel):
    """One entry of `tools`: a tool by its name, or one kind of tool with its settings."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    named: str = ""
    sql: SqlSettings | None = None
    http: HttpSettings | None = None
    mcp: McpSettings | None = None
    python: FunctionSettings | None = None

    @model_validator(mode="before")
    @classmethod
    def _one_kind(cls, given: Any) -> Any:
        if isinstance(given, str):
            return {"named": given}
        kinds = [name for name in cls.model_fields if name != "named"]
        if isinstance(given, dict) and (len(given) != 1 or next(iter(given)) not in kinds):
            raise ValueError(f"a tool is a name, or one of {', '.join(kinds)} with its settings")
        return given

    @property
    def chosen(self) -> str | SqlSettings | HttpSettings | McpSettings | FunctionSettings:
        """Its name, or the settings of the kind that it is."""
        return self.sql or self.http or self.mcp or self.python or self.named
