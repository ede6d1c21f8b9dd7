"""Does any mangled input end in a traceback, hang, or reach the terminal as it is? Every verb over thousands of them.

    python benchmarks/torture_inputs.py [--inputs 2000] [--start 0] [--seed 0] [--seconds 30] [--show]

A small project of every kind of file is mangled in one place (`torture_mangling`), and verbs run over it, in a process that
is replaced where it hangs. Standard output that is closed, full or without Unicode is tried by whole processes. Prints a
table of counts; exits with 1 if anything but sentences came of it. The same seed gives the same inputs.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import random
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

sys.path.insert(0, str(Path(__file__).parent))

from torture_mangling import KINDS, Mangled, make_project, mangle

SECONDS = 30.0
STATELESS = 5  # one input in so many meets a project of which nothing was read before
FINE = (0, 1, 2)  # exit codes that a sentence, or a result, ends with
RAW = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
STREAMS = (
    ("head", "{rung} {words} | head -c 1 >/dev/null; exit ${{PIPESTATUS[0]}}", (0, 1, 2, 141)),
    ("full", "{rung} {words} >/dev/full", FINE),
    ("full errors", "{rung} {words} 2>/dev/full", FINE),
    ("closed", "{rung} {words} >&-", FINE),
    ("all closed", "{rung} {words} >&- 2>&- <&-", FINE),
    ("ascii", "PYTHONIOENCODING=ascii {rung} {words}", FINE),
    ("C", "LC_ALL=C PYTHONUTF8=0 PYTHONCOERCECLOCALE=0 {rung} {words}", FINE),
)
STREAMED = ("check {p}", "check {p} --json", "advise {p}", "search {p} Größe", "doctor", "compare {p} --limit 3", "nonsense")


@dataclass(frozen=True, slots=True)
class Ran:
    """What one command made of one input. `fault`: "" where it ended as it should."""

    mangled: str
    kind: str
    words: str
    fault: str
    said: str
    seconds: float


@dataclass
class Tally:
    """Counts by kind of input."""

    runs: Counter[str] = field(default_factory=Counter)
    inputs: Counter[str] = field(default_factory=Counter)
    faults: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    slowest: tuple[float, str] = (0.0, "")

    def add(self, ran: Ran) -> None:
        """One more run."""
        self.runs[ran.kind] += 1
        if ran.fault:
            self.faults[ran.kind][ran.fault] += 1
        self.slowest = max(self.slowest, (ran.seconds, f"{ran.words}: {ran.mangled}"))

    @property
    def failed(self) -> int:
        """How many runs ended otherwise than in a result or a sentence."""
        return sum(sum(counts.values()) for counts in self.faults.values())

    def lines(self) -> Iterator[str]:
        """The table."""
        names = ("traceback", "hang", "died", "raw characters", "exit code")
        yield f"{'input':<12} {'inputs':>7} {'runs':>7} " + " ".join(f"{name:>14}" for name in names)
        for kind in self.runs:
            counts = " ".join(f"{self.faults[kind][name]:>14}" for name in names)
            yield f"{kind:<12} {self.inputs[kind]:>7} {self.runs[kind]:>7} {counts}"
        yield f"slowest: {self.slowest[0]:.1f} s, {self.slowest[1]}"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--inputs", type=int, default=2000)
    options.add_argument("--start", type=int, default=0, help="the first input's number: the streams come with 0 alone")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--seconds", type=float, default=SECONDS)
    options.add_argument("--only", choices=KINDS, action="append")
    options.add_argument("--show", action="store_true", help="say what each fault was")
    options.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    said = options.parse_args()
    if said.worker:
        serve()
        return
    numbers = range(said.start, said.start + said.inputs)
    tally = torture(numbers, said.seed, said.seconds, kinds=said.only or KINDS, show=said.show)
    print("\n".join(tally.lines()))
    sys.exit(1 if tally.failed else 0)


def torture(numbers: range, seed: int, seconds: float, *, kinds: Sequence[str] = KINDS, show: bool = False) -> Tally:
    """Run the mangled inputs of these numbers, and with the first of all the streams of whole processes."""
    tally = Tally()
    with tempfile.TemporaryDirectory() as scratch, Worker() as worker:
        fresh = make_project(Path(scratch) / "fresh")
        worker.run(Mangled(fresh, "", "", ()), ["sync", "."], 300.0)  # what stays as it is need not be read each time
        for number in numbers:
            if show and number % 100 == 0:
                print(f"... {number}", flush=True)
            rng = random.Random(f"{seed}/{number}")
            folder = Path(scratch) / "p"
            shutil.rmtree(folder, ignore_errors=True)
            unread = (".rung",) if number % STATELESS == 0 else ()
            shutil.copytree(fresh, folder, ignore=shutil.ignore_patterns(*unread))
            mangled = mangle(folder, rng, kinds[number % len(kinds)])
            tally.inputs[mangled.kind] += 1
            for words in mangled.commands:
                _count(tally, worker.run(mangled, words, seconds), number, show)
            tidy(folder)
        if "streams" in kinds and 0 in numbers:
            for ran in streams(fresh, seconds):
                tally.inputs[ran.kind] += 1
                _count(tally, ran, 0, show)
    return tally


def _count(tally: Tally, ran: Ran, number: int, show: bool) -> None:
    tally.add(ran)
    if ran.fault and show:
        said = "\n".join(ran.said.strip().splitlines()[-7:])
        print(
            f"--- {number} {ran.fault}: rung {ran.words}\n    {ran.mangled}\n{said}".encode("utf-8", "replace").decode(),
            flush=True,
        )


def tidy(folder: Path) -> None:
    """Make removable what was made unreadable."""
    for place in (folder, *(path for path in folder.rglob("*") if path.is_dir() and not path.is_symlink())):
        place.chmod(0o755)


class Worker:
    """A process that runs commands one after the other, and is replaced when one hangs."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - as long as the worker

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()
        self._log.close()

    def run(self, mangled: Mangled, words: Sequence[str], seconds: float) -> Ran:
        """One command over one input."""
        process = self._process or self._begin()
        assert process.stdin is not None
        assert process.stdout is not None
        began = time.monotonic()
        process.stdin.write(json.dumps({"words": list(words), "folder": str(mangled.folder)}).encode() + b"\n")
        process.stdin.flush()
        seconds *= max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))  # others' work is no hang of ours
        ready, _, _ = select.select([process.stdout], [], [], seconds)
        answer = process.stdout.readline() if ready else b""
        took = time.monotonic() - began
        shown = " ".join(word[:60] for word in words)
        if not answer:
            fault = "died" if ready else "hang"
            said = f"signal or exit {process.wait()}" if ready else f"more than {seconds:.0f} s"
            self._end()
            return Ran(mangled.what, mangled.kind, shown, fault, said, took)
        told = json.loads(answer)
        return Ran(mangled.what, mangled.kind, shown, _fault(told["code"], told["out"], told["err"]), told["err"], took)

    def _begin(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, __file__, "--worker"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log)
        return self._process

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for stream in (self._process.stdin, self._process.stdout):
                assert stream is not None
                stream.close()
        self._process = None


def _fault(code: int, out: str, err: str) -> str:
    if code == 70 or "Traceback (most recent call last)" in err + out or "Exception ignored" in err:
        return "traceback"
    if RAW.search(out.replace("\r\n", "\n")) or RAW.search(err):
        return "raw characters"
    return "" if code in FINE else "exit code"


def serve() -> None:
    """Run the commands that come in, in this process, and answer each with what it printed."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    from rung.cli.main import main as rung

    for line in sys.stdin:
        job = json.loads(line)
        out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="strict", write_through=True) for _ in "oe")
        before = sys.argv, sys.stdout, sys.stderr, sys.stdin
        sys.argv, sys.stdout, sys.stderr, sys.stdin = ["rung", *job["words"]], out, err, io.StringIO("")
        os.chdir(job["folder"])
        code: object = 0
        try:
            rung()
        except SystemExit as end:
            code = end.code or 0
        except BaseException as error:
            code = 70
            out.write(f"Traceback (most recent call last): {error!r}")
        finally:
            sys.argv, sys.stdout, sys.stderr, sys.stdin = before
        printed = {
            name: stream.buffer.getvalue().decode("utf-8", "replace") for name, stream in (("out", out), ("err", err))
        }
        answers.write(json.dumps({"code": code, **printed}) + "\n")
        answers.flush()


def streams(project: Path, seconds: float) -> Iterator[Ran]:
    """Whole processes whose standard streams are closed, full, or know no Unicode."""
    for name, shell, codes in STREAMS:
        for words in STREAMED:
            began = time.monotonic()
            command = shell.format(rung=f"{sys.executable} -m rung", words=words.format(p=project))
            done = subprocess.run(["bash", "-c", command], capture_output=True, check=False, timeout=seconds * 4)
            out, err = (said.decode("utf-8", "replace") for said in (done.stdout, done.stderr))
            fault = _fault(done.returncode if done.returncode not in codes else 0, out, err)
            yield Ran(name, "streams", words, fault, f"exit {done.returncode}\n{err}", time.monotonic() - began)


if __name__ == "__main__":
    main()
