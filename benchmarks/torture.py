"""Is anything lost, leaked, doubled, hung, or answered with a traceback, whatever happens to a project?

    python benchmarks/torture.py [--sections kills damage …] [--seed 0] [--count 50] [--out torture.jsonl]

Every command runs in a process of its own (forked from this one, so that what is imported is imported once) on a copy of a
small project with scripted models: no weights, no network.

- `kills`: SIGKILL at a random moment of each verb that writes; then the same command again, and `compare`, must end as they
  would have. No damage may be found.
- `full_disk`: no file may grow past a random size (RLIMIT_FSIZE: writing fails as on a full disk, but for the error's
  number); then the same without the limit.
- `beside`: two and four processes at once, for pairs of verbs; all must end well, no step may be asked twice, all numbers of
  verdicts must differ.
- `damage`: one file below `.rung/` is flipped, zeroed, cut, emptied, lengthened, deleted or made a folder; a verb ends as
  before or names the command that mends it; after that one command everything is as before.

What `knowledge prune` leaves of a deleted text counts as leaked. Mangled inputs have a benchmark of their own:
`torture_inputs.py`.

One line of JSON for each trial goes to `--out`; trials that are there already (same section, seed and number) are not made
again. Prints a table of counts, and a line for each failure; exits with 1 if there was one.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shlex
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

WORDS = ("amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "heron", "iris", "jade")
YAML = """name: tortured
task: Answer customers.
model: scripted
embedder: scripted
knowledge: {sources: [docs/*.md]}
behaviour: {examples: [examples.jsonl]}
cases: [cases.jsonl]
rungs: [few_shot, rag]
"""
LABELS_YAML = """name: labelled
task: Name the subject.
model: scripted
embedder: scripted
behaviour: {examples: [examples.jsonl], labels: [price, time]}
cases: [cases.jsonl]
rungs: [prompt, classifier]
"""
GONE = f"The {WORDS[0]} model costs".encode()  # of a document that `Bench` changes: once pruned, no file holds it
PROBLEMS = ("lost", "leaked", "doubled", "hung", "traceback")
SECONDS = 240.0  # from which on a command counts as hung
OURS, HUNG = 70, -1
DAMAGES = ("flip", "flips", "zeros", "block", "cut", "empty", "longer", "gone", "folder")


@dataclass(frozen=True)
class Ended:
    """How a command ended: its code (HUNG: it did not), and what it said."""

    code: int
    out: str
    err: str

    @property
    def problem(self) -> str:
        """Which of PROBLEMS it shows by itself, or ""."""
        if self.code == HUNG:
            return "hung"
        return "traceback" if self.code == OURS or "Traceback (most recent call last)" in self.err else ""


class Running:
    """A command of Rung in a forked process. `room`: bytes that a file may have."""

    def __init__(self, words: Sequence[object], *, room: int | None = None) -> None:
        self._said = Path(tempfile.mkdtemp(prefix="said-"))
        self._began = time.monotonic()
        self.pid = os.fork()
        if self.pid == 0:
            code = OURS
            try:
                code = self._inside([str(word) for word in words], room)
            finally:
                os._exit(code)

    def _inside(self, words: list[str], room: int | None) -> int:
        from rung.cli.main import main

        for number, name in ((1, "out"), (2, "err")):
            os.dup2(os.open(self._said / name, os.O_WRONLY | os.O_CREAT), number)
        if room is not None:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
        sys.argv = ["rung", *words]
        try:
            main()
        except SystemExit as end:
            return end.code if isinstance(end.code, int) else OURS
        return 0

    def wait(self, *, kill_after: float | None = None) -> Ended:
        """How it ended; `kill_after` so many seconds it is killed."""
        while True:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            spent = time.monotonic() - self._began
            if pid:
                break
            if spent > SECONDS or (kill_after is not None and spent > kill_after):
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
                status = HUNG if spent > SECONDS else 0
                break
            time.sleep(0.01)
        said = [
            (self._said / name).read_text(errors="replace") if (self._said / name).exists() else ""
            for name in ("out", "err")
        ]
        shutil.rmtree(self._said, ignore_errors=True)
        return Ended(HUNG if status == HUNG else os.waitstatus_to_exitcode(status), *said)


def rung(*words: object) -> Ended:
    """One command, to its end."""
    return Running(words).wait()


# --- projects -----------------------------------------------------------------------------------------------------------


def make_facts(folder: Path) -> Path:
    """A project with documents."""
    (folder / "docs").mkdir(parents=True)
    (folder / "rung.yaml").write_text(YAML)
    rows = []
    for n, word in enumerate(WORDS):
        fact = f"The {word} model costs {10 + n} euros."
        (folder / "docs" / f"{word}.md").write_text(f"# The {word}\n\n{fact} It ships within {n + 1} days.\n")
        row = {"id": word, "question": f"What does the {word} model cost?", "answers": [f"{10 + n} euros"]}
        rows.append({**row, "gold_documents": [f"docs/{word}.md"], "split": "test" if n % 2 else "dev"})
    _write(folder / "cases.jsonl", rows)
    _write(folder / "examples.jsonl", [{"input": f"Is there a {w} model?", "output": f"Yes, the {w}."} for w in WORDS])
    (folder / "inputs.txt").write_text("".join(f"When does the {word} ship?\n" for word in WORDS))
    return folder


def make_labels(folder: Path) -> Path:
    """A project with labels, of which a classifier can be trained."""
    folder.mkdir(parents=True)
    (folder / "rung.yaml").write_text(LABELS_YAML)
    asked = {
        "price": ("What does the {} cost?", "Is the {} expensive?", "Price of the {}, please."),
        "time": ("How long does the {} take?", "When will the {} arrive?", "Days until the {} ships?"),
    }
    rows = [(way.format(word), label) for word in WORDS for label, ways in asked.items() for way in ways]
    _write(folder / "examples.jsonl", [{"input": text, "output": label} for text, label in rows])
    cases = [{"id": f"c{n}", "question": f"Please: {text}", "answers": [label]} for n, (text, label) in enumerate(rows[:8])]
    _write(folder / "cases.jsonl", [{**case, "split": "test"} for case in cases])
    return folder


def _write(path: Path, rows: Sequence[dict[str, object]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def verdict_of(folder: Path) -> object:
    """What a comparison says, without what differs from run to run."""
    ended = rung("compare", folder, "--json")
    if ended.code not in (0, 1):
        return f"compare: {ended.code} {ended.err[-300:]}"
    said = json.loads(ended.out)
    return [said["winner"], [(rung["name"], rung["scores"]) for rung in said["rungs"]]]


def found_in(folder: Path) -> object:
    """What two searches find."""
    found = []
    for word in (WORDS[1],):
        ended = rung("search", folder, f"price of the {word}", "--json")
        if ended.code:
            return f"search: {ended.code} {ended.err[-300:]}"
        found.append([(p["document"], p["text"]) for p in json.loads(ended.out)["passages"]])
    return found


def health(folder: Path) -> str:
    """What `doctor` finds damaged; "" if nothing. In a process of its own: LanceDB's threads do not live through a fork."""
    from rung.commands.repair import damages, state_of

    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            found = [f"{damage.path.relative_to(folder)}: {damage.why}" for damage in damages(state_of(folder))]
            os.write(writing, "; ".join(found)[:4000].encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8", errors="replace") as file:
        said = file.read()
    os.waitpid(pid, 0)
    return said


@dataclass
class Bench:
    """Projects as they are before anything happens to them, and what they say then."""

    place: Path

    def __post_init__(self) -> None:
        self.facts, self.labels = make_facts(self.place / "facts"), make_labels(self.place / "labels")
        rung("compare", self.facts)
        (self.facts / "docs" / f"{WORDS[0]}.md").write_text(f"# The {WORDS[0]}\n\nIt is sold out.\n")
        rung("sync", self.facts)  # so that there is a version to go back to
        self.verdict, self.found = verdict_of(self.facts), found_in(self.facts)
        shutil.copytree(self.facts, self.place / "alone", ignore=shutil.ignore_patterns(".rung"))
        self.executed = json.loads(rung("compare", self.place / "alone", "--json").out)["steps"]["executed"]
        rung("train", "classifier", self.labels)
        self.labelled = verdict_of(self.labels)
        digests = [path.name for path in (self.labels / ".rung" / "artifacts" / "classifier").iterdir() if path.is_dir()]
        self.promoted = digests[0]
        rung("artifacts", "promote", self.labels, self.promoted)

    def copy(self, of: Path, number: int) -> Path:
        """A copy to spoil."""
        target = self.place / f"trial-{number}"
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(of, target)
        return target

    def as_before(self, folder: Path, of: Path) -> str:
        """What is no longer as it was; "" if all is."""
        wanted = self.labelled if of is self.labels else self.verdict
        said = verdict_of(folder)
        if said != wanted:
            return f"verdict: {said}"
        if of is self.facts and (found := found_in(folder)) != self.found:
            return f"search: {found}"
        if of is self.labels and self.promoted not in rung("artifacts", "list", folder, "--json").out:
            return "the artifact is not listed"
        return health(folder)


# --- sections -----------------------------------------------------------------------------------------------------------

Trial = tuple[str, str, str]  # what was done; which of PROBLEMS, or ""; details
WRITING: dict[str, tuple[str, ...]] = {  # verb -> words after the project
    "sync": (),
    "compare": ("--json",),
    "knowledge prune": (),
    "knowledge rollback": ("--version", "1"),
    "train classifier": (),
    "artifacts promote": ("PROMOTED",),
    "artifacts withdraw": ("classifier",),
    "distill": ("--teacher", "scripted", "--inputs", "INPUTS", "--output", "OUT"),
}


_OUT = count()  # so that none stands in another's way


def _command(bench: Bench, folder: Path, verb: str) -> list[object]:
    places = {
        "PROMOTED": bench.promoted,
        "INPUTS": str(folder / "inputs.txt"),
        "OUT": str(folder / f"distilled{next(_OUT)}.jsonl"),
    }
    return [*verb.split(), folder, *(places.get(word, word) for word in WRITING[verb])]


def _prepared(bench: Bench, verb: str, number: int) -> tuple[Path, Path]:
    """(a copy in which the verb has something to do, what it is a copy of)."""
    of = bench.labels if verb.startswith(("train", "artifacts")) else bench.facts
    folder = bench.copy(of, number)
    if verb in ("sync", "compare"):
        shutil.rmtree(folder / ".rung")
    if verb == "train classifier":
        shutil.rmtree(folder / ".rung" / "artifacts" / "classifier")
    return folder, of


def kills(bench: Bench, rng: random.Random, number: int) -> Trial:
    """One kill at a random moment, and the same command again."""
    verb = list(WRITING)[number % len(WRITING)]
    folder, of = _prepared(bench, verb, number)
    began = time.monotonic()
    Running(_command(bench, folder, verb)).wait()
    whole = time.monotonic() - began
    folder, of = _prepared(bench, verb, number)
    moment = rng.random() * whole
    Running(_command(bench, folder, verb)).wait(kill_after=moment)
    what = f"{verb} killed after {moment:.2f} of {whole:.2f} s"
    if why := health(folder):
        return what, "lost", why
    again = rung(*_command(bench, folder, verb))
    return _judged(bench, what, folder, of, [again], verb=verb)


def full_disk(bench: Bench, rng: random.Random, number: int) -> Trial:
    """One command that finds no room, and the same with room."""
    verb = list(WRITING)[number % len(WRITING)]
    folder, of = _prepared(bench, verb, number)
    room = int(2 ** rng.uniform(6, 17))
    first = Running(_command(bench, folder, verb), room=room).wait()
    what = f"{verb} with room for {room} bytes a file"
    if first.problem:
        return what, first.problem, first.err[-600:]
    if why := health(folder):
        return what, "lost", why
    return _judged(bench, what, folder, of, [rung(*_command(bench, folder, verb))], verb=verb)


def beside(bench: Bench, rng: random.Random, number: int) -> Trial:  # noqa: ARG001 - the pairs come in turn
    """Two or four processes at once on one project."""
    verbs = list(WRITING)
    pairs = [(one, other) for n, one in enumerate(verbs) for other in verbs[n:]]
    one, other = pairs[number % len(pairs)]
    times = 1 if number // len(pairs) % 2 == 0 else 2
    fresh = {"sync", "compare"} >= {one, other}
    folder, of = _prepared(bench, one if fresh else "distill", number)
    if {one, other} & {"train classifier", "artifacts promote", "artifacts withdraw"}:
        both = one == other == "train classifier"
        folder, of = _prepared(bench, one, number) if both else (bench.copy(bench.labels, number), bench.labels)
    running = [Running(_command(bench, folder, verb)) for verb in (one, other) * times]
    ended = [each.wait() for each in running]
    what = f"{one} beside {other}, {2 * times} processes"
    said = [json.loads(each.out) for each in ended if fresh and each.out.startswith("{")]
    steps = [one["steps"]["executed"] for one in said if "steps" in one]
    if sum(steps) > bench.executed:
        return what, "doubled", f"{steps} steps were asked, {bench.executed} by one alone"
    path = folder / ".rung" / "verdicts" / "list.jsonl"
    numbers = [json.loads(line)["number"] for line in path.read_text().splitlines()] if path.exists() else []
    if len(set(numbers)) != len(numbers):
        return what, "doubled", f"numbers {numbers}"
    return _judged(bench, what, folder, of, ended)


def _judged(bench: Bench, what: str, folder: Path, of: Path, ended: Sequence[Ended], *, verb: str = "") -> Trial:
    """`verb`: which one ended; "" for several, of which one may have found that there is nothing (more) to do."""
    for one in ended:
        if one.problem:
            return what, one.problem, one.err[-600:]
        if one.code not in ((0, 1) if verb and verb != "artifacts withdraw" else (0, 1, 2)):
            return what, "lost", f"exit {one.code}: {one.err[-300:]}"
    if verb == "knowledge prune" and (left := [path for path in _files(folder / ".rung") if GONE in path.read_bytes()]):
        return what, "leaked", ", ".join(str(path.relative_to(folder)) for path in left)
    if of is bench.facts:
        rung("sync", folder)  # out of a rollback
    why = bench.as_before(folder, of)
    return what, "lost" if why else "", why


VERBS: tuple[tuple[str, ...], ...] = (
    ("compare", "DIR"),
    ("search", "DIR", "price of the birch"),
    ("sync", "DIR"),
    ("report", "DIR", "--format", "json"),
    ("ask", "DIR", "What does the birch model cost?"),
    ("knowledge", "list", "DIR"),
    ("knowledge", "prune", "DIR"),
    ("artifacts", "list", "DIR"),
    ("check", "DIR"),
)


def damage(bench: Bench, rng: random.Random, number: int) -> Trial:
    """One damaged file, one verb, and the command that it names."""
    of = bench.labels if number % 3 == 2 else bench.facts
    folder = bench.copy(of, number)
    files = [path for path in _files(folder / ".rung") if path.stat().st_size]
    kinds = sorted({_kind(folder, path) for path in files})
    kind = kinds[number % len(kinds)]
    path = rng.choice([path for path in files if _kind(folder, path) == kind])
    how = DAMAGES[number // len(kinds) % len(DAMAGES)] if number < 500 else rng.choice(DAMAGES)
    spoil(path, how, rng)
    verbs = [verb for verb in VERBS if of is bench.facts or verb[0] not in ("search", "sync", "knowledge")]
    words = [str(folder) if word == "DIR" else word for word in rng.choice(verbs)]
    what = (
        f"{how} {path.relative_to(folder)}; {' '.join(words[:2] if words[0] in ('knowledge', 'artifacts') else words[:1])}"
    )
    first = rung(*words)
    if first.problem:
        return what, first.problem, first.err[-800:]
    _, marked, named = first.err.rpartition("mend it with: rung ")
    named = named.split("\n")[0] if marked else ""
    if first.code == 2 and not named and words[0] not in ("search", "ask", "report"):
        return what, "lost", f"names no command: {first.err[-300:]}"
    mended = rung(*shlex.split(named)) if named else rung("doctor", "--repair", folder)
    if mended.problem or mended.code:
        return what, mended.problem or "lost", f"repair: {mended.code} {mended.out[-300:]} {mended.err[-600:]}"
    why = bench.as_before(folder, of)
    shutil.rmtree(folder, ignore_errors=True)
    return what, "lost" if why else "", why


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _kind(folder: Path, path: Path) -> str:
    """Files of one kind: the names without what is a digest or a number."""
    parts = path.relative_to(folder).parts
    return "/".join("*" if sum(c.isdigit() for c in part) > 4 else part for part in parts)


def spoil(path: Path, how: str, rng: random.Random) -> None:
    """Damage a file in one of `DAMAGES`."""
    data = bytearray(path.read_bytes())
    match how:
        case "flip":
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        case "flips":
            for _ in range(20):
                data[rng.randrange(len(data))] = rng.randrange(256)
        case "zeros":
            data[:] = bytes(len(data))
        case "block":
            start = rng.randrange(len(data))
            data[start : start + 512] = bytes(len(data[start : start + 512]))
        case "cut":
            del data[rng.randrange(len(data)) :]
        case "empty":
            data.clear()
        case "longer":
            data += rng.randbytes(100)
    if how in ("gone", "folder"):
        path.unlink()
    if how == "folder":
        path.mkdir()
    elif how != "gone":
        path.write_bytes(data)


SECTIONS: dict[str, Callable[[Bench, random.Random, int], Trial]] = {
    "kills": kills,
    "full_disk": full_disk,
    "beside": beside,
    "damage": damage,
}


def trials(sections: Sequence[str], *, seed: int, times: int, out: Path, place: Path) -> list[dict[str, object]]:
    """Make the trials that `out` has not yet; returns all of these sections and this seed."""
    known = [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []
    done = {(row["section"], row["seed"], row["number"]): row for row in known}
    wanted = [(name, seed, number) for name in sections for number in range(times)]
    todo = [key for key in wanted if key not in done]
    bench = Bench(place) if todo else None
    for name, _, number in todo:
        assert bench is not None
        rng = random.Random(f"{name} {seed} {number}")
        what, problem, details = SECTIONS[name](bench, rng, number)
        shutil.rmtree(place / f"trial-{number}", ignore_errors=True)
        row = {"section": name, "seed": seed, "number": number, "what": what, "problem": problem, "details": details}
        done[name, seed, number] = row
        with out.open("a") as file:
            file.write(json.dumps(row) + "\n")
    return [done[key] for key in wanted]


def main() -> int:
    """Make the trials and print what came of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sections", nargs="+", choices=list(SECTIONS), default=list(SECTIONS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=50, help="trials a section")
    parser.add_argument("--out", type=Path, default=Path("torture.jsonl"))
    said = parser.parse_args()
    import numpy as np  # noqa: F401 - what is imported here is imported once; LanceDB does not want to be forked
    import pyarrow as pa  # noqa: F401

    import rung.builders.building  # noqa: F401

    os.environ["COLUMNS"] = "200"
    with tempfile.TemporaryDirectory() as place:
        rows = trials(said.sections, seed=said.seed, times=said.count, out=said.out, place=Path(place))
    print(f"{'section':<12} {'trials':>7} " + " ".join(f"{name:>10}" for name in PROBLEMS))
    for name in said.sections:
        of = [row for row in rows if row["section"] == name]
        counts = Counter(str(row["problem"]) for row in of)
        print(f"{name:<12} {len(of):>7} " + " ".join(f"{counts[problem]:>10}" for problem in PROBLEMS))
    failed = [row for row in rows if row["problem"]]
    for row in failed:
        print(f"{row['section']} {row['number']}: {row['problem']}: {row['what']}: {str(row['details'])[:400]!r}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
