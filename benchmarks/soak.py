"""A server under the highest load for a while: errors, times, memory, while documents change beneath it.

Starts `rung serve` on a project of its own, lets locust's users ask (chat, streams, searches, ratings, models), touches a
document now and then and syncs it, and samples the server's memory. It fails where a request failed, or where memory in the
last third of the time is more than a tenth above the second third.

    python -m venv /tmp/locust && /tmp/locust/bin/pip install locust
    python benchmarks/soak.py --locust /tmp/locust/bin/locust [--minutes 30] [--users 64]
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from a_server import served

from serving import project

USERS = """
import json, random
from locust import FastHttpUser, constant, task
TOPICS = ("returns", "shipping", "invoices", "warranty", "gift cards", "repairs", "accounts", "discounts")

class Person(FastHttpUser):
    wait_time = constant(0)
    network_timeout = connection_timeout = 600.0  # a person's patience is no part of this

    def question(self):
        return f"What fee is due by rule {random.randrange(12)} of {random.choice(TOPICS)}? ({random.randrange(10**6)})"

    def asked(self, name, **more):
        body = {"model": "rag", "messages": [{"role": "user", "content": self.question()}], **more}
        with self.client.post("/v1/chat/completions", json=body, name=name, catch_response=True) as answer:
            text = answer.text or ""
            whole = text.rstrip().endswith("[DONE]") if more else '"finish_reason"' in text
            if answer.status_code != 200 or not whole or '"error"' in text:
                answer.failure(f"{answer.status_code} {text[-200:]}")
            elif not more:
                self.last = json.loads(text)["id"]

    @task(6)
    def chat(self):
        self.asked("chat")

    @task(3)
    def stream(self):
        self.asked("chat, streamed", stream=True)

    @task(2)
    def search(self):
        self.client.post("/v1/search", json={"query": self.question(), "top": 5}, name="search")

    @task(1)
    def rate(self):
        if getattr(self, "last", None):
            self.client.post("/v1/feedback", json={"id": self.last, "rating": random.choice(["up", "down"])}, name="rate")

    @task(1)
    def models(self):
        self.client.get("/v1/models", name="models")
"""


def megabytes(pid: int) -> tuple[float, float]:
    """Resident, of a process, and of its children, among them the one that decodes."""
    own = children = 0
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            pages = int((folder / "statm").read_text().split()[1])
            if int(folder.name) == pid:
                own = pages
            elif int((folder / "stat").read_text().rpartition(")")[2].split()[1]) == pid:
                children += pages
    size = os.sysconf("SC_PAGE_SIZE") / 2**20
    return own * size, children * size


def changing(folder: Path, ending: threading.Event) -> None:
    """A new version of the index every minute."""
    number = 0
    while not ending.wait(60):
        number += 1
        with (folder / "docs" / "returns.md").open("a", encoding="utf-8") as file:
            file.write(f"\nReturns rule {100 + number}: a fee of {number} euros is due.\n")
        subprocess.run([sys.executable, "-m", "rung", "sync", str(folder)], capture_output=True, check=True)


def main() -> None:
    """Print what came."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--locust", required=True)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--users", type=int, default=64)
    parser.add_argument("--model", default="smollm2-135m-grounded")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder, users, ending = project(Path(scratch), given.model), Path(scratch) / "users.py", threading.Event()
        users.write_text(USERS, "utf-8")
        changes = threading.Thread(target=changing, args=(folder, ending))
        with served(folder, "--open", "--seconds", "3600") as server:
            changes.start()
            try:
                samples = load(given, server.url, users, server.process.pid)
            finally:
                ending.set()
        changes.join()
        print(f"the server ended with {server.process.returncode}")
        failed = report(Path(scratch))
        thirds = [samples[len(samples) * k // 3 : len(samples) * (k + 1) // 3] for k in range(3)]
        middles = [statistics.median(map(sum, third)) for third in thirds]
        most = max(map(sum, samples))
        print("memory in MB, by thirds of the time:", " ".join(f"{one:.0f}" for one in middles), f"most {most:.0f}")
        for place, process in enumerate(("the server", "what decodes, whose cache fills up to a bound")):
            parts = [statistics.median(sample[place] for sample in third) for third in thirds]
            print(f"  {process}:", " ".join(f"{one:.0f}" for one in parts))
        sys.exit(1 if failed or middles[2] > 1.1 * middles[1] else 0)


def load(given: argparse.Namespace, url: str, users: Path, pid: int) -> list[tuple[float, float]]:
    """Let locust run; the server's memory every five seconds, and that of its children."""
    end = f"{round(given.minutes * 60)}s"
    command = [given.locust, "-f", str(users), "--headless", "-u", str(given.users), "-r", str(given.users), "-t", end]
    command += [
        "-H",
        url,
        "--csv",
        str(users.with_name("load")),
        "--only-summary",
        "--stop-timeout",
        "120",
        "--loglevel",
        "ERROR",
    ]
    samples = []
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as asking:
        while asking.poll() is None:
            samples.append(megabytes(pid))
            time.sleep(5)
    return samples


def report(folder: Path) -> int:
    """Requests, failures and times of each kind; how many failed."""
    failed = 0
    for row in csv.DictReader((folder / "load_stats.csv").open(encoding="utf-8")):
        failed = int(row["Failure Count"])
        times = ", ".join(f"p{p} {float(row[f'{p}%']) / 1000:.2f} s" for p in (50, 95, 99))
        print(f"{row['Name']:16} {row['Request Count']:>7} requests, {row['Failure Count']} failed, {times}")
    for row in csv.DictReader((folder / "load_failures.csv").open(encoding="utf-8")):
        print(f"failed {row['Occurrences']} times: {row['Name']}: {row['Error'][:300]}")
    return failed


if __name__ == "__main__":
    main()
