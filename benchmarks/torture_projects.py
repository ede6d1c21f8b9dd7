"""Projects for `torture`, what they are when nothing has happened to them, and commands of Rung in processes of their own.

A command runs in a fork of this process, so that what is imported here is imported once. LanceDB is imported and never used
before a fork: its threads do not live through one.
"""

from __future__ import annotations

import hashlib
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

WORDS = ("amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "heron", "iris", "jade")
GONE = f"The {WORDS[0]} model costs".encode()  # of a document that changes: once pruned, nothing holds it
SECONDS = 240.0  # from which on a command counts as hung
OURS, HUNG = 70, -1
FACTS = """name: tortured
task: Answer customers.
model: scripted
embedder: scripted
knowledge: {sources: [docs/*.md]}
behaviour: {examples: [examples.jsonl]}
cases: [cases.jsonl]
rungs: [few_shot, rag]
"""
SHOP = """name: shop
task: Say what the customer asks about.
model: scripted
embedder: scripted
knowledge: {sources: [docs/*.md]}
behaviour: {examples: [examples.jsonl], labels: [price, time]}
cases: [cases.jsonl]
rungs: [prompt, rag, classifier, {tuned_retriever: {form: map}}]
"""
DESK = FACTS.replace("[few_shot, rag]", "[few_shot, rag, router]")
TUNED = """name: tuned
task: Say the price.
model: "hf:MODEL"
embedder: "encoder:ENCODER"
knowledge: {sources: [docs/*.md], chunk_tokens: 48}
behaviour: {examples: [examples.jsonl]}
cases: [cases.jsonl]
rungs: [rag, {tuned_model: {max_tokens: 8}}, {tuned_retriever: {form: encoder}}]
"""
RECIPE = "rank: 4\nlearning_rate: 1e-2\nepochs: 1\nvalidation: 0.2\ndevice: cpu\ncheckpoint_seconds: 0\n"
ASKED = {
    "price": ("What does the {} cost?", "Is the {} expensive?", "Price of the {}, please."),
    "time": ("How long does the {} take?", "When will the {} arrive?", "Days until the {} ships?"),
}
UNSURE = ("manifest.json", "sealed.json")  # of an artifact: hold when it was made, and how long that took


@dataclass(frozen=True)
class Ended:
    """How a command ended: its code (HUNG: it did not), and what it said."""

    code: int
    out: str
    err: str

    @property
    def problem(self) -> str:
        """Which of `torture.PROBLEMS` it shows by itself, or ""."""
        if self.code == HUNG:
            return "hung"
        return "traceback" if self.code == OURS or "Traceback (most recent call last)" in self.err else ""


class Running:
    """Commands of Rung, one after the other in one forked process. `room`: bytes that a file may have.

    Commands after the first run only where the first did not end the process. `looking`: after them, what `doctor` finds
    damaged in this project.
    """

    def __init__(self, *commands: Sequence[object], room: int | None = None, looking: Path | None = None) -> None:
        self._said = Path(tempfile.mkdtemp(prefix="said-"))
        self._count, self._seconds = len(commands), SECONDS * (1 + len(commands) // 4)
        self.began = time.monotonic()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                self._inside([[str(word) for word in words] for words in commands], room, looking)
            finally:
                os._exit(0)

    def _inside(self, commands: list[list[str]], room: int | None, looking: Path | None) -> None:
        for number, words in enumerate(commands):
            for handle, name in ((1, "out"), (2, "err")):
                os.dup2(os.open(self._said / f"{name}{number}", os.O_WRONLY | os.O_CREAT), handle)
            if room is not None:
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
            code = _run(words)
            sys.stdout.flush()
            sys.stderr.flush()
            if room is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            (self._said / f"code{number}").write_text(str(code))
        if looking is not None:
            (self._said / "health").write_text(_health(looking), errors="replace")

    def wait(self, *, kill_after: float | None = None) -> list[Ended]:
        """How they ended; `kill_after` so many seconds they are killed."""
        hung = False
        while os.waitpid(self.pid, os.WNOHANG)[0] == 0:
            spent = time.monotonic() - self.began
            hung = spent > self._seconds
            if hung or (kill_after is not None and spent > kill_after):
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
                break
            time.sleep(0.005)
        self.seconds = time.monotonic() - self.began
        ended = [self._ended(number, hung=hung) for number in range(self._count)]
        health = self._said / "health"
        self.found = health.read_text() if health.exists() else "what doctor finds could not be told"
        shutil.rmtree(self._said, ignore_errors=True)
        return ended

    def health(self) -> str:
        """Wait, and tell what `doctor` finds damaged; "" if nothing."""
        self.wait()
        return self.found

    def _ended(self, number: int, *, hung: bool) -> Ended:
        out, err, code = (self._said / f"{name}{number}" for name in ("out", "err", "code"))
        text = [path.read_text(errors="replace") if path.exists() else "" for path in (out, err)]
        told = code.read_text() if code.exists() else ""  # a kill may leave it empty
        return Ended(int(told) if told else HUNG if hung else OURS, *text)


def _run(words: list[str]) -> int:
    """One command in this process."""
    from rung.cli.main import main

    sys.argv = ["rung", *words]
    try:
        main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else OURS
    except BaseException:
        import traceback

        traceback.print_exc()
        return OURS
    return 0


def _health(folder: Path) -> str:
    """What `doctor` finds damaged; "" if nothing."""
    from rung.commands.repair import damages
    from rung.config.project import load_project

    found = [f"{damage.path}: {damage.why}" for damage in damages(load_project(folder))]
    return "; ".join(found)


def rung(*words: object) -> Ended:
    """One command, to its end."""
    return Running(words).wait()[0]


def prepare() -> None:
    """Import what commands import, once for all forks."""
    import importlib
    import pkgutil
    import warnings

    warnings.filterwarnings("ignore", message="lancedb fork support")
    import lancedb  # noqa: F401 - never used here
    import numpy as np  # noqa: F401
    import pyarrow as pa  # noqa: F401
    import rich.progress  # noqa: F401
    import torch
    import typer  # noqa: F401

    import rung as package

    torch.set_num_threads(1)
    os.environ |= {"COLUMNS": "200", "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    for module in pkgutil.walk_packages(package.__path__, "rung."):
        if not module.name.endswith(("__main__", ".worker")):
            importlib.import_module(module.name)


# --- projects -----------------------------------------------------------------------------------------------------------


def make_facts(folder: Path, settings: str = FACTS) -> Path:
    """A project with documents."""
    (folder / "docs").mkdir(parents=True)
    (folder / "rung.yaml").write_text(settings)
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


def make_shop(folder: Path) -> Path:
    """A project with documents and labels, of which a classifier and a retriever can be trained."""
    make_facts(folder, SHOP)
    rows = [(way.format(word), label, word) for word in WORDS for label, ways in ASKED.items() for way in ways]
    _write(folder / "examples.jsonl", [{"input": text, "output": label} for text, label, _ in rows])
    cases = []
    for n, (text, label, word) in enumerate(rows):
        split = ("dev", "dev", "train", "test", "dev", "test")[n % 6]
        case = {"id": f"c{n}", "question": f"Please, {n}: {text}", "answers": [label], "split": split}
        cases.append({**case, "gold_documents": [f"docs/{word}.md"]})
    _write(folder / "cases.jsonl", cases)
    return folder


def make_desk(folder: Path, settings: str = DESK) -> Path:
    """A project with documents, and dev cases of which a router can be trained."""
    make_facts(folder, settings)
    rows = []
    for n, word in enumerate(WORDS):
        row = {"answers": [f"{10 + n} euros"], "gold_documents": [f"docs/{word}.md"]}
        for way, split in (("What does {} cost?", "dev"), ("How dear is {}?", "dev"), ("{}: how many euros?", "dev")):
            rows.append({"id": f"d{len(rows)}", "question": way.format(f"the {word} model"), **row, "split": split})
        rows.append({"id": f"t{n}", "question": f"Tell me what the {word} model costs.", **row, "split": "test"})
    _write(folder / "cases.jsonl", rows)
    return folder


def make_tuned(folder: Path) -> Path:
    """A project with models of some thousand weights in files, of which adapter, retriever and reranker are tuned."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from tests.models.tiny_hf import tiny_llama
    from tests.training.tiny_encoder import tiny_encoder

    models = folder.parent / "models"
    settings = TUNED.replace("MODEL", str(models / "llama")).replace("ENCODER", str(models / "bert"))
    make_facts(folder, settings)
    pid = os.fork()  # torch computes in this one, and must not have before a fork
    if pid == 0:
        try:
            tiny_llama(models / "llama")
            tiny_encoder(models / "bert")
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    (folder / "recipe.yaml").write_text(RECIPE)
    rows = json.loads("[" + ",".join((folder / "cases.jsonl").read_text().splitlines()) + "]")
    for word in WORDS:
        row = {"id": f"t{word}", "question": f"Is the {word} dear?", "answers": ["euros"], "split": "train"}
        rows.append({**row, "gold_documents": [f"docs/{word}.md"]})
    _write(folder / "cases.jsonl", rows)
    return folder


def _write(path: Path, rows: Sequence[dict[str, object]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def files(folder: Path) -> list[Path]:
    """All files below a folder."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def learnt(folder: Path) -> dict[str, str]:
    """SHA-256 of what every finished artifact of a project holds, but for when it was made."""
    found = {}
    for manifest in sorted((folder / ".rung" / "artifacts").glob("*/*/manifest.json")):
        kept = [path for path in files(manifest.parent) if path.name not in UNSURE and not path.name.startswith(".")]
        total = hashlib.sha256(b"".join(hashlib.sha256(path.read_bytes()).digest() for path in kept))
        found[f"{manifest.parent.parent.name}/{manifest.parent.name}"] = total.hexdigest()[:12]
    return found


# --- what a project says ------------------------------------------------------------------------------------------------

_OUT = count()  # so that none stands in another's way
LOOKING = (
    ("compare", "DIR", "--json"),
    ("search", "DIR", "price of the birch", "--json"),
    ("artifacts", "list", "DIR", "--json"),
)


@dataclass
class Subject:
    """A project as it is before anything happens to it, what it says then, and the verbs that write to it.

    `writing`: verb -> words after the project.
    """

    folder: Path
    writing: dict[str, tuple[str, ...]]
    promoted: tuple[str, ...] = ()
    again: tuple[str, ...] = ()  # makes what no comparison makes
    executed: int = 0
    verdict: object = None
    found: object = None
    learnt: dict[str, str] = field(default_factory=dict)
    made: dict[str, str] = field(default_factory=dict)  # what a comparison makes
    makes: dict[str, str] = field(default_factory=dict)  # verb -> the artifact that it makes
    whole: dict[str, float] = field(default_factory=dict)  # seconds that a verb takes, undisturbed

    def settle(self) -> None:
        """See what it says now."""
        why, self.verdict, self.found, _ = look(self.folder)
        if why:
            raise SystemExit(f"{self.folder.name} is not whole: {why}")
        for verb in self.writing:
            if verb.startswith("train"):
                ended = rung(*self.command(self.folder, verb), "--json")
                if ended.code:
                    raise SystemExit(f"{self.folder.name}: {verb}: {ended.err}")
                parsed = json.loads(ended.out.splitlines()[-1])
                self.makes[verb] = f"{Path(parsed['folder']).parent.name}/{parsed['artifact']}"
        self.learnt = learnt(self.folder)
        alone = self.folder.with_name(f"{self.folder.name}-alone")
        shutil.copytree(self.folder, alone, ignore=shutil.ignore_patterns(".rung"))
        self.executed = json.loads(rung("compare", alone, "--json").out)["steps"]["executed"]
        self.made = learnt(alone)
        shutil.rmtree(alone)

    def prepared(self, place: Path, *verbs: str) -> Path:
        """A copy in which these verbs have something to do."""
        folder = place / "trial"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.folder, folder)
        artifacts = folder / ".rung" / "artifacts"
        if self.is_fresh(*verbs):
            shutil.rmtree(folder / ".rung")
        for verb in verbs:
            if verb in self.makes:
                shutil.rmtree(artifacts / self.makes[verb], ignore_errors=True)
        if "artifacts promote" in verbs:
            (artifacts / "log.jsonl").unlink(missing_ok=True)
        if verbs == ("doctor --repair",):
            next((folder / ".rung" / "index").glob("passages_*.lance/data/*")).unlink()
            (folder / ".rung" / "verdicts" / "list.jsonl").write_text("{}\n")
            for path in artifacts.glob("*/*/*.safetensors"):
                path.write_bytes(b"altered")
        return folder

    @staticmethod
    def is_fresh(*verbs: str) -> bool:
        """Whether these verbs begin with nothing."""
        return {"sync", "compare"} >= set(verbs)

    def command(self, folder: Path, verb: str) -> list[object]:
        """The words of a verb, on a copy."""
        places = {
            "PROMOTED": self.promoted[-1] if self.promoted else "",
            "INPUTS": str(folder / "inputs.txt"),
            "OUT": str(folder / f"distilled{next(_OUT)}.jsonl"),
        }
        return [*verb.split(), folder, *(places.get(word, word) for word in self.writing[verb])]

    def as_before(
        self, folder: Path, before: Sequence[Sequence[object]] = (), *, fresh: bool = False
    ) -> tuple[list[Ended], str, str]:
        """(how these commands ended, what problem there is, what is no longer as it was); "" if all is.

        `fresh`: nothing was there but what a comparison makes.
        """
        why, verdict, found, ended = look(folder, before)
        problem = next((one.problem for one in ended if one.problem), "")
        if problem:
            return ended, problem, next(one.err for one in ended if one.problem)[-600:]
        if verdict != self.verdict:
            return ended, "lost", f"verdict: {verdict}"
        if found != self.found:
            return ended, "lost", f"search: {found}"
        now = learnt(folder)
        wanted = self.made if fresh else self.learnt
        if gone := {name: (total, now.get(name)) for name, total in wanted.items() if now.get(name) != total}:
            return ended, "lost", f"artifacts: {gone}"
        return ended, "lost" if why else "", why


def look(folder: Path, before: Sequence[Sequence[object]] = ()) -> tuple[str, object, object, list[Ended]]:
    """(what is damaged, what a comparison says, what a search finds, how `before` ended), all in one process."""
    looking = [[folder if word == "DIR" else word for word in words] for words in LOOKING]
    running = Running(*before, *looking, looking=folder)
    *ended, compared, searched, listed = running.wait()
    problem = next((one for one in (compared, searched, listed) if one.problem), None)
    if problem is not None:
        ended.append(problem)
    return running.found or _unlisted(listed), _verdict(compared), _found(searched), ended


def _verdict(ended: Ended) -> object:
    """What a comparison says, without what differs from run to run."""
    if ended.code not in (0, 1):
        return f"compare: {ended.code} {ended.err[-300:]}"
    parsed = json.loads(ended.out)
    return [parsed["winner"], [(rung["name"], rung["scores"]) for rung in parsed["rungs"]]]


def _found(ended: Ended) -> object:
    if ended.code:
        return f"search: {ended.code} {ended.err[-300:]}"
    return [(p["document"], p["text"]) for p in json.loads(ended.out)["passages"]]


def _unlisted(ended: Ended) -> str:
    """What the list of artifacts tells of that is neither built, promoted nor retired."""
    if ended.code:
        return f"artifacts: {ended.code} {ended.err[-300:]}"
    rows = json.loads(ended.out)["artifacts"]
    return "; ".join(f"{row['kind']} {row['digest']} {row['state']}" for row in rows if row["state"] in ("gone", "broken"))


SCRIPTED: dict[str, tuple[str, ...]] = {
    "sync": (),
    "compare": ("--json",),
    "knowledge prune": (),
    "knowledge rollback": ("--version", "1"),
    "train classifier": (),
    "train retriever": (),
    "artifacts promote": ("PROMOTED",),
    "artifacts rollback": ("classifier",),
    "artifacts withdraw": ("classifier",),
    "distill": ("--teacher", "scripted", "--inputs", "INPUTS", "--output", "OUT"),
    "doctor --repair": (),
}


def _some(*verbs: str) -> dict[str, tuple[str, ...]]:
    return {verb: SCRIPTED.get(verb, ()) for verb in verbs}


def shop_of(place: Path) -> Subject:
    """The project with scripted models: two versions of the index, two classifiers, promoted one after the other."""
    folder = make_shop(place / "shop")
    rung("sync", folder)
    _change(folder)
    rung("compare", folder)
    first = _digests(folder)
    rung("train", "classifier", folder, "--seed", "1")
    second = _digests(folder) - first
    promoted = (*first, *second)
    for digest in promoted:
        rung("artifacts", "promote", folder, digest)
    subject = Subject(folder, SCRIPTED, promoted, again=("train", "classifier", "DIR", "--seed", "1"))
    subject.settle()
    return subject


def desk_of(place: Path, settings: str = DESK, kind: type[Subject] = Subject) -> Subject:
    """The project with a router, where its settings name one."""
    folder = make_desk(place / "desk", settings)
    rung("sync", folder)
    _change(folder)
    rung("compare", folder)
    verbs = _some("sync", "compare", "knowledge prune", "knowledge rollback", "distill", "doctor --repair")
    subject = kind(folder, {"train router": (), **verbs} if "router" in settings else verbs)
    subject.settle()
    return subject


def tuned_of(place: Path) -> Subject:
    """The project with models of files."""
    folder = make_tuned(place / "tuned")
    rung("sync", folder)
    _change(folder)
    rung("compare", folder)
    verbs = _some("train generator", "train reranker", "train retriever", "sync", "compare", "knowledge prune")
    subject = Subject(folder, verbs, again=("train", "reranker", "DIR"))
    subject.settle()
    return subject


SUBJECTS: dict[str, Callable[[Path], Subject]] = {"shop": shop_of, "desk": desk_of, "tuned": tuned_of}


def _change(folder: Path) -> None:
    """One document says something else."""
    (folder / "docs" / f"{WORDS[0]}.md").write_text(f"# The {WORDS[0]}\n\nIt is sold out.\n")


def _digests(folder: Path) -> set[str]:
    return {path.parent.name for path in (folder / ".rung" / "artifacts" / "classifier").glob("*/manifest.json")}
