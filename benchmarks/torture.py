"""Is anything lost, leaked, doubled, hung, or answered with a traceback, whatever happens to a project?

    python benchmarks/torture.py [--sections kills damage …] [--seed 0] [--count 50] [--start 0] [--out torture.jsonl]

Every command runs in a process of its own (see `torture_projects`) on a copy of a small project with scripted models or with
real ones of some thousand weights: no weights to fetch, no network.

- `kills`: SIGKILL at a random moment of each verb that writes; then the same command again, and `compare`, must end as they
  would have. No damage may be found, and what is trained must have the same bytes.
- `full_disk`: no file may grow past a random size (RLIMIT_FSIZE: writing fails as on a full disk, but for the error's
  number); then the same without the limit.
- `beside`: two and four processes at once, for pairs of verbs; all must end well, no step may be asked twice, all numbers of
  verdicts must differ.
- `damage`: one file below `.rung/` is flipped, zeroed, cut, emptied, lengthened, deleted or made a folder; a verb ends as
  before or names the command that mends it; after that one command everything is as before.
- `bucket`: all of these on an index in object storage (a server of moto's, started here): kills, pairs, damaged objects.

What `knowledge prune` leaves of a deleted text, in a file or an object, counts as leaked. Mangled inputs have a benchmark of
their own: `torture_inputs.py`.

One line of JSON for each trial goes to `--out`; trials that are there already (same section, seed and number) are not made
again. Prints a table of counts, a line for each failure, and what commands refused; exits with 1 if there was a failure.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shlex
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import torture_bucket
from torture_projects import GONE, SUBJECTS, Running, Subject, files, make_facts, prepare, rung

__all__ = ["DAMAGES", "make_facts", "spoil"]  # what the tests take
PROBLEMS = ("lost", "leaked", "doubled", "hung", "traceback")
DAMAGES = ("flip", "flips", "zeros", "block", "cut", "empty", "longer", "gone", "folder")


@dataclass(frozen=True)
class Trial:
    """What was done, which of PROBLEMS came of it ("": none), and how; `refused`: what commands said that exited with 2."""

    what: str
    problem: str = ""
    details: str = ""
    refused: tuple[str, ...] = ()


@dataclass
class Bench:
    """The projects, each made when it is first needed."""

    place: Path
    made: dict[str, Subject] = field(default_factory=dict)

    def subject(self, name: str) -> Subject:
        """A project as it is before anything happens to it."""
        if name not in self.made:
            maker = torture_bucket.subject_of if name == "bucket" else SUBJECTS[name]
            self.made[name] = maker(self.place)
        return self.made[name]

    def close(self) -> None:
        """Stop the server of object storage."""
        if "bucket" in self.made:
            torture_bucket.stop()


# --- sections -----------------------------------------------------------------------------------------------------------

KILLED: tuple[tuple[str, str], ...] = (
    *(("shop", verb) for verb in ("sync", "compare", "knowledge prune", "knowledge rollback", "distill")),
    *(("shop", verb) for verb in ("train classifier", "train retriever", "doctor --repair")),
    *(("shop", verb) for verb in ("artifacts promote", "artifacts rollback", "artifacts withdraw")),
    ("desk", "train router"),
    *(("tuned", verb) for verb in ("train generator", "train reranker", "train retriever")),
)
UNDONE = ("artifacts rollback", "artifacts withdraw")  # done once, they cannot be done again


def kills(bench: Bench, rng: random.Random, number: int) -> Trial:
    """One kill at a random moment, and the same command again."""
    name, verb = KILLED[number % len(KILLED)]
    return killed(bench, bench.subject(name), verb, rng)


def killed(bench: Bench, subject: Subject, verb: str, rng: random.Random) -> Trial:
    """One command, killed, and again."""
    if verb not in subject.whole:
        folder = subject.prepared(bench.place, verb)
        running = Running(subject.command(folder, verb))
        running.wait()
        subject.whole[verb] = running.seconds
    folder = subject.prepared(bench.place, verb)
    moment = rng.random() * subject.whole[verb]
    Running(subject.command(folder, verb)).wait(kill_after=moment)
    what = f"{subject.folder.name}: {verb} killed after {moment:.2f} of {subject.whole[verb]:.2f} s"
    if verb != "doctor --repair" and (why := Running(looking=folder).health()):
        return Trial(what, "lost", why)
    return again(subject, what, folder, verb)


def full_disk(bench: Bench, rng: random.Random, number: int) -> Trial:
    """One command that finds no room, and the same with room."""
    name, verb = KILLED[number % len(KILLED)]
    subject = bench.subject(name)
    folder = subject.prepared(bench.place, verb)
    room = int(2 ** rng.uniform(6, 17))
    (first,) = Running(subject.command(folder, verb), room=room).wait()
    what = f"{name}: {verb} with room for {room} bytes a file"
    if first.problem:
        return Trial(what, first.problem, first.err[-600:])
    if verb != "doctor --repair" and (why := Running(looking=folder).health()):
        return Trial(what, "lost", why)
    return again(subject, what, folder, verb)


def again(subject: Subject, what: str, folder: Path, verb: str) -> Trial:
    """The command that was stopped, to its end; then all must be as before."""
    commands = [subject.command(folder, verb)]
    if verb in ("knowledge rollback", "doctor --repair"):
        commands += [["sync", folder], [*(folder if word == "DIR" else word for word in subject.again)]][
            : 1 + bool(subject.again)
        ]
    ended, problem, details = subject.as_before(folder, commands, fresh=subject.is_fresh(verb))
    first = ended[0]
    if not problem and first.code not in ((0, 1, 2) if verb in UNDONE else (0, 1)):
        problem, details = "lost", f"exit {first.code}: {first.err[-300:]}"
    if not problem and verb == "knowledge prune" and (left := leaks(folder)):
        problem, details = "leaked", left
    refused = (first.err[-300:],) if first.code == 2 else ()
    return Trial(what, problem, details, refused)


def leaks(folder: Path) -> str:
    """What still holds the text of a document that changed and was pruned."""
    left = [str(path.relative_to(folder)) for path in files(folder / ".rung") if GONE in path.read_bytes()]
    return ", ".join([*left, *torture_bucket.leaks(folder, GONE)])


PAIRS = [
    (name, one, other)
    for name, verbs in (
        ("shop", [verb for name, verb in KILLED if name == "shop"]),
        ("desk", ["train router", "sync", "compare", "knowledge prune", "knowledge rollback", "distill", "doctor --repair"]),
        ("tuned", ["train generator", "train reranker", "train retriever", "sync", "compare", "knowledge prune"]),
    )
    for n, one in enumerate(verbs)
    for other in verbs[n:]
    if name == "shop" or one.startswith("train")
]


def beside(bench: Bench, rng: random.Random, number: int) -> Trial:  # noqa: ARG001 - the pairs come in turn
    """Two or four processes at once on one project."""
    name, one, other = PAIRS[number % len(PAIRS)]
    return together(bench, bench.subject(name), (one, other) * (1 if number // len(PAIRS) % 2 == 0 else 2))


def together(bench: Bench, subject: Subject, verbs: Sequence[str]) -> Trial:
    """These verbs at once; then a sync and a prune, and all must be as before."""
    fresh = subject.is_fresh(*verbs)
    folder = subject.prepared(bench.place, *verbs)
    running = [Running(subject.command(folder, verb)) for verb in verbs]
    ended = [each.wait()[0] for each in running]
    what = f"{subject.folder.name}: {verbs[0]} beside {verbs[1]}, {len(verbs)} processes"
    refused = tuple(f"{verb}: {one.err[-300:]}" for verb, one in zip(verbs, ended, strict=True) if one.code == 2)
    for one in ended:
        if one.problem or one.code not in (0, 1, 2):
            return Trial(what, one.problem or "lost", one.err[-600:], refused)
    parsed = [json.loads(each.out) for each in ended if fresh and each.out.startswith("{")]
    steps = [one["steps"]["executed"] for one in parsed if "steps" in one]
    if sum(steps) > subject.executed:
        return Trial(what, "doubled", f"{steps} steps were asked, {subject.executed} by one alone", refused)
    path = folder / ".rung" / "verdicts" / "list.jsonl"
    numbers = [json.loads(line)["number"] for line in path.read_text().splitlines()] if path.exists() else []
    if len(set(numbers)) != len(numbers):
        return Trial(what, "doubled", f"numbers {numbers}", refused)
    after, problem, details = subject.as_before(folder, [["sync", folder], ["knowledge", "prune", folder]], fresh=fresh)
    if not problem and (failed := next((one for one in after[:2] if one.code), None)):
        problem, details = "lost", f"exit {failed.code}: {failed.err[-300:]}"
    if not problem and (left := leaks(folder)):
        problem, details = "leaked", left
    return Trial(what, problem, details, refused)


VERBS: tuple[tuple[str, ...], ...] = (
    ("compare", "DIR"),
    ("search", "DIR", "price of the birch"),
    ("sync", "DIR"),
    ("report", "DIR", "--format", "json"),
    ("ask", "DIR", "What does the birch model cost?"),
    ("knowledge", "list", "DIR"),
    ("knowledge", "prune", "DIR"),
    ("artifacts", "list", "DIR"),
    ("train", "retriever", "DIR"),
    ("doctor", "DIR"),
    ("check", "DIR"),
)
SPOILT = ("shop", "shop", "tuned")  # whose files are damaged, in turn


def damage(bench: Bench, rng: random.Random, number: int) -> Trial:
    """One damaged file, one verb, and the command that it names."""
    subject = bench.subject(SPOILT[number % len(SPOILT)])
    folder = subject.prepared(bench.place, "")
    found = [path for path in files(folder / ".rung") if path.stat().st_size]
    kinds = sorted({_kind(folder, path) for path in found})
    kind = kinds[number % len(kinds)]
    path = rng.choice([path for path in found if _kind(folder, path) == kind])
    how = rng.choice(DAMAGES)
    spoil(path, how, rng)
    what = f"{subject.folder.name}: {how} {path.relative_to(folder)}"
    return mended(subject, what, folder, rng, rebuild="artifacts" in path.parts)


def mended(subject: Subject, what: str, folder: Path, rng: random.Random, *, rebuild: bool = False) -> Trial:
    """A verb on a damaged project, the command that it names, and all as before. `rebuild`: an artifact may be gone."""
    words = [str(folder) if word == "DIR" else word for word in rng.choice(VERBS)]
    what = f"{what}; {' '.join(words[:2] if words[0] in ('knowledge', 'artifacts', 'train') else words[:1])}"
    first = rung(*words)
    if first.problem:
        return Trial(what, first.problem, first.err[-800:])
    _, marked, named = first.err.rpartition("mend it with: rung ")
    named = named.split("\n")[0] if marked else ""
    if first.code == 2 and not named and words[0] not in ("search", "ask", "report", "doctor"):
        return Trial(what, "lost", f"names no command: {first.err[-300:]}")
    commands: list[list[object]] = [list(shlex.split(named)) if named else ["doctor", "--repair", folder]]
    if rebuild and subject.again:
        commands.append([folder if word == "DIR" else word for word in subject.again])
    ended, problem, details = subject.as_before(folder, commands)
    if not problem and ended[0].code:
        problem, details = "lost", f"repair: {ended[0].code} {ended[0].out[-300:]} {ended[0].err[-600:]}"
    return Trial(what, problem, details)


def bucket(bench: Bench, rng: random.Random, number: int) -> Trial:
    """The same on object storage: a kill, a pair, or a damaged object."""
    subject = bench.subject("bucket")
    verbs = ("sync", "compare", "knowledge prune", "knowledge rollback")
    match number % 3:
        case 0:
            return killed(bench, subject, verbs[number // 3 % len(verbs)], rng)
        case 1:
            pairs = [(one, other) for n, one in enumerate(verbs) for other in verbs[n:]]
            return together(bench, subject, pairs[number // 3 % len(pairs)] * (1 + number // 3 // len(pairs) % 2))
    folder = subject.prepared(bench.place, "")
    name, how = torture_bucket.spoil(folder, rng, spoil, DAMAGES[:-1], number // 3)
    return mended(subject, f"bucket: {how} {name}", folder, rng)


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
    "bucket": bucket,
}


def trials(sections: Sequence[str], numbers: range, *, seed: int, out: Path, place: Path) -> list[dict[str, object]]:
    """Make the trials that `out` has not yet; returns all of these sections and this seed."""
    known = [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []
    done = {(row["section"], row["seed"], row["number"]): row for row in known}
    wanted = [(name, seed, number) for name in sections for number in numbers]
    bench = Bench(place)
    try:
        for name, _, number in [key for key in wanted if key not in done]:
            trial = SECTIONS[name](bench, random.Random(f"{name} {seed} {number}"), number)
            row = {"section": name, "seed": seed, "number": number, "what": trial.what, "problem": trial.problem}
            done[name, seed, number] = row = {**row, "details": trial.details, "refused": list(trial.refused)}
            with out.open("a") as file:
                file.write(json.dumps(row) + "\n")
            if trial.problem:
                print(f"{name} {number}: {trial.problem}: {trial.what}: {trial.details[:400]!r}", flush=True)
                if (place / "trial").exists():
                    shutil.copytree(
                        place / "trial", out.with_suffix(".failed") / f"{name}-{seed}-{number}", dirs_exist_ok=True
                    )
    finally:
        bench.close()
    return [done[key] for key in wanted]


def main() -> int:
    """Make the trials and print what came of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sections", nargs="+", choices=list(SECTIONS), default=list(SECTIONS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=50, help="trials a section")
    parser.add_argument("--start", type=int, default=0, help="number of the first")
    parser.add_argument("--out", type=Path, default=Path("torture.jsonl"))
    said = parser.parse_args()
    prepare()
    with tempfile.TemporaryDirectory() as place:
        os.environ["RUNG_CACHE"] = f"{place}/cache"
        numbers = range(said.start, said.start + said.count)
        rows = trials(said.sections, numbers, seed=said.seed, out=said.out, place=Path(place))
    print(f"{'section':<12} {'trials':>7} " + " ".join(f"{name:>10}" for name in PROBLEMS))
    for name in said.sections:
        of = [row for row in rows if row["section"] == name]
        counts = Counter(str(row["problem"]) for row in of)
        print(f"{name:<12} {len(of):>7} " + " ".join(f"{counts[problem]:>10}" for problem in PROBLEMS))
    failed = [row for row in rows if row["problem"]]
    for row in failed:
        print(f"{row['section']} {row['number']}: {row['problem']}: {row['what']}: {str(row['details'])[:400]!r}")
    refused = Counter(str(line)[:160] for row in rows for line in row["refused"])  # type: ignore[attr-defined]
    for line, times in refused.most_common(30):
        print(f"refused {times} times: {line!r}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
