"""Is every answer under a JSON Schema valid, or the schema refused with the keyword's line? On the model that ships.

    python benchmarks/schemas.py [--only NAME …] [--draws 2] [--room 160] [--show]
    pip install 'jsonschema[format]'    # beside Rung: only so are all formats asserted

`schemas.jsonl` has schemas as people have them (written for this; some as pydantic, zod and OpenAPI make them), each with
what the model is asked, and some that no value can satisfy, with the pointer of a keyword that says so. Each is put into a
project of its own, for `rung check`. Those that are not
refused are answered at temperature 0 (what the schema is for, a request that wants too much, and the first with a room of
32 tokens) and at temperature 1 (so many draws, the first with the room that `structured` has, up to `--room`, the others
with 32 tokens). The model is not shown the schema: nothing but the grammar holds it. Answers are judged by jsonschema with
format assertions. Seconds are of a drawn answer, alone.
"""

from __future__ import annotations

import argparse
import io
import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import jsonschema
from jsonschema.validators import validator_for

from rung.cli.check import check
from rung.models.catalog import generator
from rung.pipeline.answer_room import room_after
from rung.records import Asker, Message
from rung.records.steps import Engine, Generate, GenerateResult, Request
from rung.text.json_values import exact_kind, pointer_lines

FILE = Path(__file__).with_suffix(".jsonl")
MODEL = "smollm2-135m-instruct"
OTHER = "Write all that you know about everything, at great length, with many blank lines."
FORMATS = frozenset(
    {"date", "date-time", "time", "duration", "email", "uuid", "uri", "hostname", "ipv4", "ipv6", "regex", "json-pointer",
     "uri-reference", "iri"}
)  # fmt: skip
TIGHT = 32  # tokens
AT_ONCE = 8  # schemas
Given = tuple[float, str, bool]  # temperature, text, whether it was cut


@dataclass
class Tried:
    """A schema, what `rung check` says of it, and its answers: (temperature, text, cut)."""

    name: str
    ask: str
    schema: dict[str, Any]
    refused: str | None
    stops: Sequence[dict[str, Any]] = ()
    problems: Sequence[dict[str, Any]] = ()
    line: int = 0
    answers: list[Given] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def text(self) -> str:
        """As a project holds it."""
        return json.dumps(self.schema, ensure_ascii=False, separators=(",", ":"))

    def checked(self) -> None:
        """Ask `rung check` about it."""
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            written = json.dumps(self.schema, ensure_ascii=False, indent=1)
            (folder / "schema.json").write_text(written, encoding="utf-8")
            (folder / "cases.jsonl").write_text('{"question": "x", "answers": ["1"]}\n', encoding="utf-8")
            (folder / "rung.yaml").write_text(
                f"task: Answer.\ncases: [cases.jsonl]\nmodel: {MODEL}\nrungs: [structured]\n"
                "behaviour: {schema: schema.json}\n",
                encoding="utf-8",
            )
            shown = io.StringIO()
            with redirect_stdout(shown):
                check(folder, json=True)
            told = json.loads(shown.getvalue())
            mine = [[one for one in told[kind] if one["path"].endswith("schema.json")] for kind in ("obstacles", "problems")]
            self.stops, self.problems = mine
            self.line = pointer_lines(written).get(self.refused or "", 1)

    def invalid(self, temperature: float) -> list[str]:
        """Answers at a temperature that are not valid."""
        kind = exact_kind(validator_for(self.schema, default=jsonschema.Draft202012Validator))
        judge = kind(self.schema, format_checker=kind.FORMAT_CHECKER)
        return [text for at, text, _ in self.answers if at == temperature and not _fits(text, judge)]

    def counts(self, temperature: float) -> tuple[int, int]:
        """Valid answers at a temperature, and all."""
        every = sum(at == temperature for at, _, _ in self.answers)
        return every - len(self.invalid(temperature)), every


def main() -> None:
    """Print the table and its sums."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--only", nargs="*", default=[])
    arguments.add_argument("--draws", type=int, default=2)
    arguments.add_argument("--room", type=int, default=160, help="tokens of an answer at most")
    arguments.add_argument("--show", action="store_true", help="print the answers")
    options = arguments.parse_args()
    rows = [json.loads(line) for line in FILE.open(encoding="utf-8")]
    tried = [Tried(**{"refused": None, **row}) for row in rows if not options.only or row["name"] in options.only]
    unasserted = sorted(FORMATS - jsonschema.Draft202012Validator.FORMAT_CHECKER.checkers.keys())
    if unasserted:
        print(f"not asserted, since jsonschema[format] is not installed: {', '.join(unasserted)}")
    print(f"{'schema':28} {'rung check':34} t=0     t=1     cut  seconds")
    for one in tried:
        one.checked()
    answer([one for one in tried if not one.stops], options)
    for one in tried:
        if one.stops:
            row(one, show=options.show)
    sums(tried)


def answer(tried: Sequence[Tried], options: argparse.Namespace) -> None:
    """Have the model answer under each schema, some schemas at once: greedily in one batch, then drawn; print each row."""
    model = generator(MODEL)
    for start in range(0, len(tried), AT_ONCE):
        some = tried[start : start + AT_ONCE]
        _answered(model, [(one, step) for one in some for step in _greedy(one, options.room)])
        for one in some:
            drawn = [(one, step) for step in _drawn(one, options)]
            began = time.perf_counter()
            _answered(model, drawn)
            one.seconds = (time.perf_counter() - began) / len(drawn)
            row(one, show=options.show)


def _answered(model: Engine, asked: Sequence[tuple[Tried, Generate]]) -> None:
    results = dict(model.run([Request(step, Asker()) for _, step in asked]))
    for index, (one, step) in enumerate(asked):
        result = results[index]
        if isinstance(result, GenerateResult):
            one.answers.append((step.temperature, result.text, result.truncated))
        else:
            one.answers.append((step.temperature, f"FAILED {result}", False))


def _greedy(one: Tried, most: int) -> Iterator[Generate]:
    for ask in (one.ask, OTHER):
        yield _step(one, ask, min(most, room_after(None, one.text)))
    yield _step(one, one.ask, TIGHT)


def _drawn(one: Tried, options: argparse.Namespace) -> Iterator[Generate]:
    for seed in range(options.draws):
        room = TIGHT if seed else min(options.room, room_after(None, one.text))
        yield replace(_step(one, one.ask, room), temperature=1, seed=seed)


def _step(one: Tried, ask: str, room: int) -> Generate:
    return Generate((Message("user", f"{ask} Answer in JSON."),), max_tokens=room, schema=one.text)


def _fits(text: str, judge: Any) -> bool:
    try:
        return bool(judge.is_valid(json.loads(text)))
    except ValueError:
        return False


def row(one: Tried, *, show: bool) -> None:
    """Print the line of one schema."""
    valid = ["{}/{}".format(*one.counts(t)) for t in (0, 1)] if one.answers else ["-", "-"]
    cut = sum(cut for _, _, cut in one.answers)
    print(f"{one.name:28} {_check(one):34} {valid[0]:7} {valid[1]:7} {cut:3}  {one.seconds:.1f}", flush=True)
    for fault in (*one.stops, *one.problems):
        print(f"    {fault['path']}:{fault['line']}: {fault['message']}")
    for text in dict.fromkeys([*one.invalid(0), *one.invalid(1)]):
        print(f"    INVALID {text[:300]!r}")
    for at, text, was_cut in one.answers if show else ():
        print(f"    t={at:.0f}{' cut' if was_cut else ''} {text[:300]!r}")


def _check(one: Tried) -> str:
    if one.stops:
        right = one.refused is not None and one.line in [stop["line"] for stop in one.stops]
        return f"refused, line {one.stops[0]['line']}" + ("" if right else f" (NOT {one.line})")
    wrong = " (NOT refused)" if one.refused is not None else ""
    return ("held" if not one.problems else f"told: {len(one.problems)} keyword(s) not held") + wrong


def sums(tried: Sequence[Tried]) -> None:
    """Print what it comes to."""
    refused, told = [one for one in tried if one.stops], [one for one in tried if not one.stops and one.problems]
    held = [one for one in tried if not one.stops and not one.problems]
    right = sum(_check(one).endswith(")") is False for one in refused)
    print(
        f"{len(tried)} schemas: {len(held)} held, {len(told)} held but for keywords that are named, {len(refused)} refused"
    )
    print(f"refused with the line of the keyword: {right} of {sum(one.refused is not None for one in tried)}")
    for name, some in (("held", held), ("named", told)):
        for temperature in (0, 1):
            pairs = [one.counts(temperature) for one in some]
            print(f"{name}, temperature {temperature}: {sum(a for a, _ in pairs)} of {sum(b for _, b in pairs)} valid")
    print(f"answers cut and closed: {sum(cut for one in tried for _, _, cut in one.answers)}")


if __name__ == "__main__":
    main()
