"""What retrieval takes of an answer of `rung serve`: searches over HTTP among very many passages, beside an empty request.

Makes an index of short passages with the named embedder, serves it, and asks `/v1/search` and `/v1/models` in turns, by one
client and by eight at once. Prints medians and 95th percentiles in milliseconds; retrieval's share of an answer is the first
less the second. Embedding a hundred thousand passages takes minutes: `--folder` keeps the project for the next time.

    python benchmarks/serving_search.py [--passages 100000] [--embedder minilm-l6-v2] [--folder FOLDER]
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
from a_server import served

FILES = 500
ASKED = 200
PLACES = ("pump", "valve", "gate", "tank", "filter", "motor", "panel", "shaft", "hatch", "sensor", "boiler", "crane")
DEEDS = ("opens", "closes", "warms", "cools", "drains", "fills", "locks", "alarms", "rests", "starts", "stops", "turns")


def project(folder: Path, passages: int, embedder: str) -> Path:
    """One passage a section; what is said in each is said nowhere else."""
    draw = random.Random(0)
    (folder / "docs").mkdir()
    for file in range(FILES):
        sections = []
        for number in range(file * passages // FILES, (file + 1) * passages // FILES):
            places, deeds = draw.sample(PLACES, 3), draw.sample(DEEDS, 2)
            line = f"The {places[0]} {number} beside the {places[1]} {deeds[0]} after {draw.randrange(2, 90)} minutes"
            sections.append(f"# {places[0].title()} {number}\n\n{line} and {deeds[1]} when the {places[2]} is at rest.")
        (folder / "docs" / f"{file}.md").write_text("\n\n".join(sections) + "\n", "utf-8")
    (folder / "cases.jsonl").write_text('{"id": "c", "question": "Which?", "answers": ["x"], "split": "test"}\n', "utf-8")
    (folder / "rung.yaml").write_text(
        f"task: Answer.\nmodel: smollm2-135m-grounded\nembedder: {embedder}\ncases: cases.jsonl\nrungs: [rag]\n"
        "knowledge: {sources: ['docs/*.md'], chunk_tokens: 48}\n",
        "utf-8",
    )
    return folder


async def asked(url: str, clients: int, queries: list[str]) -> dict[str, list[float]]:
    """Path -> milliseconds of each request."""
    times: dict[str, list[float]] = {"/v1/search": [], "/v1/models": []}
    waiting = list(queries)
    async with httpx.AsyncClient(base_url=url, timeout=None) as client:

        async def one() -> None:
            while waiting:
                body = {"query": waiting.pop(), "top": 3}
                for path, taken in times.items():
                    began = time.perf_counter()
                    response = await (client.post(path, json=body) if path == "/v1/search" else client.get(path))
                    taken.append(1000 * (time.perf_counter() - began))
                    response.raise_for_status()

        await asyncio.gather(*(one() for _ in range(clients)))
    return times


def measured(folder: Path) -> None:
    """Serve the project, and print."""
    draw = random.Random(1)
    queries = [f"What does {draw.choice(PLACES)} {draw.randrange(10**5)} do when it is at rest?" for _ in range(2 * ASKED)]
    with served(folder, "--open") as server:
        asyncio.run(asked(server.url, 1, queries[:20]))
        for clients, some in ((1, queries[:ASKED]), (8, queries[ASKED:])):
            for path, times in asyncio.run(asked(server.url, clients, some)).items():
                late = sorted(times)[int(0.95 * (len(times) - 1))]
                print(f"{clients} clients, {path:11} median {statistics.median(times):6.1f} ms, p95 {late:6.1f} ms")


def main() -> None:
    """Print what came."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--passages", type=int, default=100_000)
    parser.add_argument("--embedder", default="minilm-l6-v2")
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.folder or Path(scratch)
        folder.mkdir(exist_ok=True)
        if not (folder / "rung.yaml").exists():
            project(folder, given.passages, given.embedder)
        began = time.perf_counter()
        subprocess.run([sys.executable, "-m", "rung", "sync", str(folder)], check=True)
        print(f"synced in {time.perf_counter() - began:.0f} s")
        measured(folder)


if __name__ == "__main__":
    main()
