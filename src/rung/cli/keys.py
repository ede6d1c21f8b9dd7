"""`rung keys`: API keys for those who ask the served project: make one, list them, revoke one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from rung.cli.command_line import ListByDefault
from rung.cli.main import FINE
from rung.cli.options import Folder, Json, Word, groups
from rung.cli.project_folder import chosen, words_apart
from rung.cli.screen import err, out

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from rung.serving.keys import Key, KeyStore

_ANY = "'rung keys [FOLDER]' alone is 'rung keys list'."
Name = Annotated[
    str | None, typer.Argument(help="Whose it is, such as a program or a team.", metavar="NAME", show_default=False)
]
Id = Annotated[
    str | None, typer.Argument(help="The first four or more characters of its id.", metavar="ID", show_default=False)
]
keys = typer.Typer(
    cls=ListByDefault,
    context_settings={"ignore_unknown_options": True},  # those of `list`
    help="Make, list and revoke API keys.",
    epilog=_ANY,
)


@keys.callback(invoke_without_command=True)
def alone(ctx: typer.Context) -> int:
    """As `list`, where no other word stands."""
    return FINE if ctx.invoked_subcommand else list_keys(chosen(ctx))


@keys.command()
def new(  # noqa: PLR0917 - typer reads the options from the parameters
    ctx: typer.Context,
    folder: Word = None,
    name: Name = None,
    may_read: Annotated[
        str,
        typer.Option("--groups", metavar="GROUPS", help="Groups whose documents it reads, with commas; else public ones."),
    ] = "",
    scopes: Annotated[
        str, typer.Option(help="What it may do: ask, search, feedback; board (look), review.")
    ] = "ask,search,feedback",
    expires: Annotated[
        str | None, typer.Option(help="When it ends: 12h, 30d, 8w, or its last day, 2027-01-31; default: never.")
    ] = None,
    requests_per_minute: Annotated[int | None, typer.Option(min=1, help="At most so many requests in a minute.")] = None,
    tokens_per_day: Annotated[int | None, typer.Option(min=1, help="At most so many tokens in 24 hours.")] = None,
    json: Json = False,
) -> int:
    """Make a key and print it, this once."""
    from json import dumps

    from rung.commands.search import strangers
    from rung.config.project import load_project
    from rung.serving.keys import KeyRequest, KeyStore, expiry, now_utc

    root, (named,) = words_apart(ctx, (folder, name), "NAME")
    project = load_project(root)
    request = KeyRequest(
        named,
        groups(may_read) or frozenset(),
        groups(scopes) or frozenset(),
        expiry(expires, now_utc()) if expires is not None else None,
        requests_per_minute,
        tokens_per_day,
    )
    store = KeyStore(project.state)
    twins = [one.id for one in store.listed() if one.name == named.strip() and one.state(now_utc()) == "live"]
    key, text = store.create(request)
    if json:
        out(dumps({"key": text, **_row(key, now_utc())}, ensure_ascii=False))
    else:
        out(text)
        until = f"until {key.expires:%Y-%m-%d %H:%M} UTC" if key.expires else "without an end"
        err(f"(key {key.id} of {key.name}, {until}: {_rights(key)}; it is shown this once and kept as a digest only)")
    if twins:
        err(f"! {key.name} has a good key already ({', '.join(twins)}), and feedback and traces show this name of both")
    for remark in strangers(project, key.groups):  # once it is shown: an index that cannot be read must not take it along
        err(f"! {remark}")
    return FINE


@keys.command("list")
def list_keys(folder: Folder, json: Json = False) -> int:
    """List the keys: whose, for what, until when."""
    from json import dumps

    from rung.serving.keys import now_utc

    listed, now = _store(folder).listed(), now_utc()
    if json:
        out(dumps({"keys": [_row(key, now) for key in listed]}, ensure_ascii=False))
        return FINE
    if not listed:
        out("there are no keys: 'rung keys new NAME' makes one")
    for line in _table(listed, now):
        out(line)
    return FINE


@keys.command()
def revoke(ctx: typer.Context, folder: Word = None, id: Id = None, json: Json = False) -> int:
    """End a key at once; servers that run notice it."""
    from json import dumps

    from rung.serving.keys import now_utc

    root, (word,) = words_apart(ctx, (folder, id), "ID")
    key, was_live = _store(root).revoke(word)
    if json:
        out(dumps({**_row(key, now_utc()), "was_live": was_live}, ensure_ascii=False))
    else:
        out(f"key {key.id} of {key.name} is revoked" + ("" if was_live else ", and was not good before"))
    return FINE


def _store(folder: Path) -> KeyStore:
    from rung.config.project import load_project
    from rung.serving.keys import KeyStore

    return KeyStore(load_project(folder).state)


def _row(key: Key, now: datetime) -> dict[str, object]:
    entry = key.model_dump(mode="json", exclude={"sha256"})
    return {**entry, "state": key.state(now), "prefix": key.shown.partition("…")[0]}


def _table(listed: tuple[Key, ...], now: datetime) -> Iterator[str]:
    """At most 80 columns; rights in a line below."""
    from rung.report.table import wrapped

    if listed:
        yield f"{'id':<12} {'ends':<4} {'created':<10} {'until (UTC)':<16} {'state':<8} name"
    for key in listed:
        until = f"{key.expires:%Y-%m-%d %H:%M}" if key.expires else "-"
        yield f"{key.id:<12} {key.last_four:<4} {key.created:%Y-%m-%d} {until:<16} {key.state(now):<8} {key.name}"
        yield from wrapped(_rights(key), indent=13)


def _rights(key: Key) -> str:
    """What a key opens, in words."""
    parts = [f"may {', '.join(key.scopes)}", f"reads {', '.join(key.groups)}" if key.groups else "reads public documents"]
    if key.requests_per_minute:
        parts.append(f"{key.requests_per_minute:,} requests a minute")
    if key.tokens_per_day:
        parts.append(f"{key.tokens_per_day:,} tokens a day")
    return "; ".join(parts)
