"""`rung serve` beside llama.cpp's server: tokens a second of the same model, the same prompts, so many clients at once.

Both serve the same file of weights unless `--gguf` names others for llama.cpp, which gets as many slots as there are
clients, and what `rung serve` makes of each question as its messages. In turns, each by a server of its own that is asked
one question before. `exact` and `fast` are what `RUNG_PRECISION` may be. Columns as of `serving.py`. `wrk` asks for whole
answers, `httpx` for streams: llama.cpp closes a kept connection after a stream, and wrk's next request with it.

    python -m venv /tmp/llama && /tmp/llama/bin/pip install xllamacpp
    python benchmarks/serving_beside.py --python /tmp/llama/bin/python [--gguf FILE ...] [--clients 64] [--client wrk]
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from a_server import Served, served
from load_clients import CLIENTS, Load, chat, load

from rung.builders.building import ArtifactBuilder
from rung.config.project import load_project
from rung.loop import opened
from rung.models.weights import SMOLLM2, fetch
from rung.runtime.runner import StepRunner
from rung.serving.deployments import open_deployments
from serving import measured, project, questions, shown, steps_of

RUNG = "prompt"
SLOT_TOKENS = 1024


@contextmanager
def llama(python: str, gguf: Path, slots: int) -> Iterator[Served]:
    """llama.cpp's server of a file."""
    log = Path("/dev/null")
    command = [python, str(Path(__file__).with_name("llama_server.py")), str(gguf), str(slots), str(SLOT_TOKENS)]
    with (
        log.open("wb") as errors,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors) as process,
    ):
        assert process.stdout is not None
        lines = (line.decode("utf-8", "replace").strip() for line in process.stdout)
        try:
            yield Served(next(line for line in lines if line.startswith("http")), process, log)
        finally:
            process.kill()


def prompts(folder: Path, asked: Sequence[str]) -> tuple[list[list[dict[str, str]]], int]:
    """What the model is shown of each question, and the room of its answers."""
    with opened(load_project(folder)) as engines, StepRunner(engines) as runner:
        steps = steps_of(open_deployments(ArtifactBuilder(runner))[RUNG], asked)
    return [[{"role": m.role, "content": m.content} for m in step.messages] for step in steps], steps[0].max_tokens


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", required=True, help="of an environment with xllamacpp")
    parser.add_argument("--gguf", type=Path, nargs="*", default=[])
    parser.add_argument("--precision", nargs="*", default=["exact"], choices=["exact", "fast"])
    parser.add_argument("--questions", type=int, default=256)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--client", choices=CLIENTS, default="wrk")
    parser.add_argument("--rounds", type=int, default=2)
    given = parser.parse_args()
    rounds: dict[str, list[Load]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        folder, asked = project(Path(scratch), SMOLLM2.name), questions(given.questions)
        shipped = fetch(SMOLLM2, progress=lambda *_: None) / SMOLLM2.files[0].name
        streamed = given.client == "httpx"
        first, *own = (chat(RUNG, [{"role": "user", "content": text}], streamed=streamed) for text in ("Hello?", *asked))
        messages, room = prompts(folder, asked)
        theirs = [chat("model", one, streamed=streamed, max_tokens=room, temperature=0) for one in messages]

        def ask(name: str, server: Served, hello: dict[str, object], bodies: Sequence[dict[str, object]]) -> None:
            load(given.client, server.url, [hello], 1)
            rounds.setdefault(name, []).append(measured(given.client, server, bodies, given.clients))
            print(shown(name, rounds[name][-1:]), flush=True)

        for _ in range(given.rounds):
            for precision in given.precision:
                with served(folder, "--open", "--seconds", "3600", RUNG_PRECISION=precision) as server:
                    ask(f"rung serve, {precision}", server, first, own)
            for gguf in given.gguf or [shipped]:
                with llama(given.python, gguf, given.clients) as server:
                    ask(f"llama.cpp, {gguf.stem}", server, theirs[0], theirs)
    print("medians; times the first")
    before = next(iter(rounds.values()))
    for name, rows in rounds.items():
        ratio = statistics.median(row.rate / other.rate for row, other in zip(rows, before, strict=True))
        print(f"{ratio:5.2f}: {shown(name, rows)}")


if __name__ == "__main__":
    main()
