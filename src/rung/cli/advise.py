"""`rung advise`: which gap is likely, where to start, and what not to do, before anything is measured."""

from __future__ import annotations

import sys
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Annotated

import typer

from rung.cli.main import FINE
from rung.cli.options import Json
from rung.cli.project_folder import chosen_or_none
from rung.cli.screen import Screen, out, out_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rung.verdict.advise import Advice, Facts

WIDTH = 79
GAPS = {
    "knowledge": "a knowledge gap: the model does not know",
    "behaviour": "a behaviour gap: the model does not act as needed",
    "both": "both gaps: the model does not know, and does not act as needed",
    "none": "no gap that these facts show",
}

_FOLDER = "A project, or a folder that may become one, as after -C."


def advise(
    ctx: typer.Context,
    folder: Annotated[Path | None, typer.Argument(help=_FOLDER, metavar="FOLDER", show_default=False)] = None,
    facts: Annotated[Path | None, typer.Option(help="Facts as JSON or YAML: an object, or a list of them.")] = None,
    fact: Annotated[list[str] | None, typer.Option(help="One fact, as name=value; may be given often.")] = None,
    json: Json = False,
) -> int:
    """Say where to start, before anything is measured.

    The likely gap, which rungs to try in which order, and what not to do: by stated rules, from what the folder and --fact
    say, or --facts alone.
    """
    from json import dumps

    from rung.commands.interview import Known, asked, assume, read_facts, read_given, with_given
    from rung.verdict.advise import Facts
    from rung.verdict.advise import advise as apply

    given = read_given(facts) if facts else None
    if isinstance(given, list):
        advices = [apply(with_given(one, fact or [])) for one in given]
        for number, advice in enumerate(advices, 1):
            if not json:
                out(f"--- {number} of {len(advices)}")
                _show(advice, {})
        if json:
            out(dumps([advice.as_json() for advice in advices], ensure_ascii=False))
        return FINE
    root = None if given else chosen_or_none(ctx, folder)
    sourced = Known(given, {}) if given else read_facts(root) if root else Known(Facts(), {})
    all_facts = with_given(sourced.facts, fact or [])
    if not json and not given and sys.stdin.isatty():
        all_facts = asked(all_facts, lambda question, likely: typer.confirm(question, default=likely, err=True))
    Screen(quiet=json).problems(sourced.problems)
    all_facts, assumed = (all_facts, ()) if given else assume(all_facts)
    advice = apply(all_facts)
    if json:
        out(dumps({**advice.as_json(), **({"assumed": list(assumed)} if assumed else {})}, ensure_ascii=False))
    else:
        _show(advice, _read(all_facts, sourced.sources), assumed)
    return FINE


def _read(facts: Facts, sources: Mapping[str, str]) -> dict[str, str]:
    return {name: f"{getattr(facts, name)!s:<10} ({where})" for name, where in sources.items()}


def _show(advice: Advice, read: Mapping[str, str], assumed: Sequence[str] = ()) -> None:
    for line in _lines(advice, read, assumed):
        out_line(line)


def _lines(advice: Advice, read: Mapping[str, str], assumed: Sequence[str]) -> Iterator[str]:
    if read:
        yield "read from the folder"
        yield from (f"  {name:<22} {value}" for name, value in read.items())
    if assumed:
        sentence = "assumed, since nobody said otherwise: answers hang on the documents that are there. If they do not: "
        yield from wrap(f"{sentence}--fact {assumed[0]}=false", WIDTH, subsequent_indent="  ")
    yield f"likely {GAPS[advice.gap]}"
    yield "try, in this order"
    for number, tried in enumerate(advice.order, 1):
        yield from _entry(f"{number}. {tried.rung}", tried.why)
    yield f"likely end: {' and '.join(advice.final)}; measure it with: rung compare"
    if advice.avoid:
        yield "do not"
    for rung in dict.fromkeys(avoided.rung for avoided in advice.avoid):
        yield from _entry(rung, "; ".join(avoided.why for avoided in advice.avoid if avoided.rung == rung))
    if advice.remarks:
        yield "see to"
    for _, says in advice.remarks:
        yield from wrap(says, WIDTH, initial_indent="  ", subsequent_indent="    ")
    if advice.missing:
        yield from wrap(f"not known, taken as no: {', '.join(advice.missing)}", WIDTH, subsequent_indent="  ")


def _entry(name: str, why: str) -> list[str]:
    return wrap(why, WIDTH, initial_indent=f"  {name:<19}", subsequent_indent=" " * 21)
