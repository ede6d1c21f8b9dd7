"""The loop closed once: served, asked, rated, reviewed, retrained, compared, promoted by canary; the score before and after.

    python benchmarks/closed_loop.py --folder /tmp/loop               # goes on where it was stopped
    python benchmarks/closed_loop.py --folder /tmp/triage --example triage --begin 50 --asked 300 --margin 0.1 --risk 0.1

A copy of examples/helpdesk (or examples/triage), with the one rung that is trained there, begins with `--begin` of its train
cases (examples) and `--test` of its test cases. The other train questions are asked by simulated people, of a real
`rung serve`, over HTTP, each by a name and by the rights of a customer: `--asked` of them before it is trained again, the
others while the canary is tried, so that nothing that was taught is asked then. Who gets a wrong answer says so, and with a
chance of .6 what is right (the case's first accepted answer); an expert's file answers a part of the others; a few
corrections are wrong, and one repeats a test case. The reviewer approves what the case accepts, and rejects what it does
not. `review: required` holds training and deployment back until somebody approved. Answers are judged as the project judges:
equal JSON, or the same label. But for that one, test cases are never asked; the score is of the same ones before and after.

Prints a line for each stage with its figures and seconds, and writes them to loop.json in the folder.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import random
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import yaml
from a_server import served

from rung.pipeline.evaluation_store import read_evaluations

EXAMPLES = Path(__file__).parents[1] / "examples"
TRAINED = {"helpdesk": ("hybrid", "generator"), "triage": ("classifier", "classifier")}  # the rung, and what trains it
SHOWN, REVIEWER = "few_shot", "Grace"  # the rung of --scripted
CORRECTS, EXPERT, WRONG = 0.6, 0.5, 4  # who says what is right; how many of the rest an expert answers; wrong corrections
SCHEMA_NONE = '{"quote": null, "answer": null}'
Row = dict[str, Any]


def rung(folder: Path, *words: str, code: int | None = 0) -> subprocess.CompletedProcess[str]:
    """A command, as a user runs it."""
    command = [sys.executable, "-m", "rung", *words, "-C", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if code is not None and done.returncode != code:
        raise SystemExit(f"rung {' '.join(words)} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return done


def rows(path: Path) -> list[Row]:
    """The lines of a JSONL file."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]


def write(path: Path, lines: Sequence[Row]) -> None:
    """A JSONL file."""
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in lines), "utf-8")


def make(given: argparse.Namespace, folder: Path) -> Row:
    """The project, and the people's questions."""
    shutil.copytree(EXAMPLES / given.example, folder, ignore=shutil.ignore_patterns(".rung"), dirs_exist_ok=True)
    teaching = next(folder.glob("*/train.jsonl"))  # train cases, or examples
    train = rows(teaching)
    open_rows = [one for one in train if one.get("as") is None and not _restricted(folder, one)]
    random.Random(given.seed).shuffle(open_rows)
    begin, others = open_rows[: given.begin], [_as_asked(one) for one in open_rows[given.begin :]]
    write(teaching, begin)
    write(folder / "people" / "asked.jsonl", others[: given.asked])
    write(folder / "people" / "canary.jsonl", others[given.asked :])
    settings = yaml.safe_load((folder / "rung.yaml").read_text("utf-8"))
    if teaching.parent.name == "examples":
        settings["behaviour"]["examples"] = ["examples/*.jsonl"]
    tuned: Row = {"passages": 1, "epochs": given.epochs} if given.example == "helpdesk" else {}
    settings["rungs"] = [SHOWN] if given.scripted else [{TRAINED[given.example][0]: tuned}]
    settings |= {"model": "scripted", "embedder": "scripted"} if given.scripted else {}
    test = rows(folder / "cases" / "test.jsonl")
    write(folder / "cases" / "test.jsonl", random.Random(given.seed).sample(test, min(given.test, len(test))))
    settings |= {"review": "required", "retrain": {"when": f"{max(1, given.asked // 20)} new approved rows"}}
    settings["serve"] = {"proxy": {"addresses": ["127.0.0.1/32"]}}
    (folder / "rung.yaml").write_text(yaml.safe_dump(settings, sort_keys=False, allow_unicode=True), "utf-8")
    return {"train": len(begin), "asked": len(others[: given.asked]), "for the canary": len(others[given.asked :])}


def _as_asked(row: Row) -> Row:
    """A case, of a case or an example."""
    if "messages" not in row:
        return row
    question, answer = (one["content"] for one in row["messages"])
    return {"id": row["id"], "question": question, "answers": [answer], "answerable": True}


def _restricted(folder: Path, row: Row) -> bool:
    return any((folder / one["document"]).read_text("utf-8").startswith("---\ngroups") for one in row.get("evidence", ()))


def hold_and_approve(folder: Path, kind: str) -> Row:
    """Training waits for a person, and goes on after."""
    held = rung(folder, "train", kind, code=2)
    rung(folder, "review", "--approve", "training", "--by", REVIEWER)
    return {"held": "not approved by a person" in held.stderr}


def compare(folder: Path, name: str) -> Row:
    """The verdict of now."""
    rung(folder, "compare", "--exhaustive", code=None)
    return score(folder, name)


def score(folder: Path, name: str) -> Row:
    """What each case got."""
    verdict = (folder / ".rung" / "verdicts" / "latest").read_text("utf-8").strip()
    stored = read_evaluations(folder / ".rung" / "verdicts" / verdict / "evaluations.jsonl.gz")
    one = next(one for one in stored.evaluations if one.name == name)
    card = one.cards[0]
    by_case = {case: float(card.values["correct"][n]) for n, case in enumerate(card.cases)}
    line = json.loads((folder / ".rung" / "verdicts" / verdict / "verdict.json").read_text("utf-8"))
    fields = card.values.get("json_field_f1", card.values["correct"])
    by_field = {case: float(fields[n]) for n, case in enumerate(card.cases)}
    return {"verdict": verdict, "winner": line["winner"], "by_case": by_case, "by_field": by_field}


def promote(folder: Path, name: str, *words: str) -> Row:
    """Asked for, held back, approved, promoted. What the bar says of it is passed over by name, where it does."""
    why = ("--by", "ada", "--reason", "the loop closed once: whatever came of it")
    held = rung(folder, "promote", name, *words, *why, "--json", code=1)
    record = json.loads(held.stdout)
    checks = {check["name"]: check["says"] for check in record["checks"] if not check["holds"]}
    rung(folder, "review", "--approve", record["digest"], "--by", REVIEWER)
    done = json.loads(rung(folder, "promote", name, *words, *why, "--json").stdout)
    return {"deployment": done["deployment"], "did not hold at first": checks}


def ask(url: str, row: Row, person: str) -> Row:
    """One question by one person: the answer, its id, whether it is right, seconds."""
    began, headers = time.monotonic(), {"X-User": person, "X-Groups": "customer"}
    body = {"model": "rung", "messages": [{"role": "user", "content": row["question"]}]}
    response = httpx.post(f"{url}/v1/chat/completions", json=body, headers=headers, timeout=1000)
    if response.status_code != 200:
        return {"row": row, "person": person, "error": response.text[:300]}
    said = response.json()
    text = said["choices"][0]["message"]["content"]
    about = {"id": said["id"], "text": text, "digest": said["choices"][0]["message"]["rung"]["digest"]}
    return {**about, "row": row, "person": person, "right": is_right(row, text), "seconds": time.monotonic() - began}


def is_right(row: Row, text: str) -> bool:
    """Whether an answer is one that its case accepts: the same JSON value, else the same text."""
    return _value(text) in [_value(one) for one in row["answers"] or [SCHEMA_NONE]]


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text.strip()


def rate(url: str, answer: Row, rating: str, correction: str = "") -> None:
    """Say something of an answer, over HTTP."""
    body = {"id": answer["id"], "rating": rating, **({"correction": correction} if correction else {})}
    headers = {"X-User": answer["person"], "X-Groups": "customer"}
    response = httpx.post(f"{url}/v1/feedback", json=body, headers=headers, timeout=60)
    response.raise_for_status()


def several(url: str, asked: Sequence[tuple[Row, str]], each: Callable[[Row], None], workers: int = 16) -> list[Row]:
    """Ask at the same time; `each` is told of every answer that came."""

    def one(pair: tuple[Row, str]) -> Row:
        answer = ask(url, *pair)
        if "error" not in answer:
            each(answer)
        return answer

    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(one, asked))


def right_text(row: Row) -> str:
    """What a person who knows says is right."""
    return row["answers"][0] if row["answers"] else SCHEMA_NONE


def wrong_text(row: Row, others: Sequence[Row]) -> str:
    """What a person who errs says: another row's label, or nobody's quote."""
    if _value(row["answers"][0]) == row["answers"][0]:
        texts: list[str] = [one["answers"][0] for one in others if one["answers"]]
        return next(text for text in texts if text not in row["answers"])
    return json.dumps({"quote": "Nobody knows.", "answer": "nobody"})


def asked_and_rated(folder: Path, seed: int) -> Row:
    """People ask, and say what they think; an expert's file comes later."""
    asked, rng = rows(folder / "people" / "asked.jsonl"), random.Random(seed)
    people = [f"person{n:02}" for n in range(40)]
    knows = {one["id"]: rng.random() < CORRECTS for one in asked}
    errs = {one["id"] for one in rng.sample([one for one in asked if one["answerable"]], WRONG)}

    with served(folder, "--seconds", "900", RUNG_LOG="info") as server:
        url = server.url

        def said(answer: Row) -> None:
            row = answer["row"]
            if answer["right"]:
                rate(url, answer, "up")
            elif row["id"] in errs:
                rate(url, answer, "down", wrong_text(row, asked))
            else:
                rate(url, answer, "down", right_text(row) if knows[row["id"]] else "")

        answers = several(url, [(row, rng.choice(people)) for row in asked], said)
        tests = rows(folder / "cases" / "test.jsonl")
        test = next(one for one in tests if one["answers"] and one.get("as") is None)
        repeats = ask(url, test, "person00")  # a correction that repeats a test case: it must teach nothing
        rate(url, repeats, "down", right_text(test))
    came = [one for one in answers if "error" not in one]
    rest = [one["row"] for one in came if not one["right"] and not knows[one["row"]["id"]] and one["row"]["id"] not in errs]
    known = rest[: round(EXPERT * len(rest))]
    _expert_file(folder / "people" / "expert.csv", known)
    brought = json.loads(
        rung(folder, "feedback", "import", str(folder / "people" / "expert.csv"), "--by", "Emmy", "--json").stdout
    )
    return {
        "answers": len(came),
        "failed": len(answers) - len(came),
        "right": sum(one["right"] for one in came),
        "median seconds": round(sorted(one["seconds"] for one in came)[len(came) // 2], 2),
        "expert answers taken": brought["expectations"],
        "a question of the test cases": test["question"],
    }


def _expert_file(path: Path, known: Sequence[Row]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["question", "expected", "groups", "at"])
        for row in known:
            table.writerow([row["question"], right_text(row), "customer", "2026-11-29T12:00:00+00:00"])


def drafted_and_reviewed(folder: Path) -> Row:
    """Drafts from all that was said; the reviewer decides on each, and then on what would teach."""
    drafted = json.loads(rung(folder, "feedback", "draft", "--json").stdout)
    gold = {row["question"]: row for row in rows(folder / "people" / "asked.jsonl")}
    approve, reject, waits = [], [], 0
    for draft in json.loads(rung(folder, "review", "--json").stdout):
        case = _as_asked(draft)
        row = gold.get(case.get("question", ""))
        if row is None or draft["meta"]["kind"] != "corrected":
            waits += 1
        elif all(is_right(row, text) for text in case["answers"]) and case["answerable"] == row["answerable"]:
            approve.append(draft["id"])
        else:
            reject.append(draft["id"])
    words = [word for id in approve for word in ("--approve", id)]
    rung(folder, "review", *words, "--by", REVIEWER)
    if reject:
        wrong = [word for id in reject for word in ("--reject", id)]
        rung(folder, "review", *wrong, "--by", REVIEWER, "--reason", "the documents say otherwise")
    due = json.loads(rung(folder, "artifacts", "due", "--json").stdout)["due"]
    approved = [row for file in folder.glob("*/feedback*.drafts.jsonl") for row in rows(file) if row["approved_by"]]
    teaching = [row for row in approved if "messages" in row or row.get("split") == "train"]
    return {
        "drafted": drafted["proposals"],
        "left out": [one["why"] for one in drafted["left_out"]],
        "approved": len(approve),
        "rejected": len(reject),
        "still waiting": waits,
        "new rows that teach": len(teaching),
        "of them with evidence": sum(bool(one.get("evidence")) for one in teaching),
        "new judging cases": len(approved) - len(teaching),
        "due": [one["why"] for one in due if one["due"]],
    }


def retrained(folder: Path, kind: str) -> Row:
    """A new artifact, from what was approved: nothing else has to be approved for it."""
    (line,) = [json.loads(one) for one in rung(folder, "train", kind, "--json").stdout.splitlines()]
    return {"artifact": line["artifact"][:12], "rows": line["rows"], "training seconds": round(line["seconds"])}


def canary(folder: Path, name: str, given: argparse.Namespace) -> Row:
    """Promoted for half of the askers of a running server, who ask what neither was taught, until it is decided."""
    pool, rng = rows(folder / "people" / "canary.jsonl"), random.Random(given.seed + 1)
    people, counts = (f"person{n:04}" for n in itertools.count()), Counter[tuple[str, bool]]()  # each counts once
    lock = threading.Lock()
    limits = ("--margin", str(given.margin), "--risk", str(given.risk), "--max-answers", str(given.most), "--max-p95", "600")
    with served(folder, "--seconds", "900", RUNG_LOG="info") as server:
        url = server.url
        before = json.loads(rung(folder, "deployments", "--json").stdout)
        done = promote(folder, name, "--canary", "0.5", *limits)

        def said(answer: Row) -> None:
            rate(url, answer, "up" if answer["right"] else "down")
            with lock:
                counts[answer["digest"][:12], answer["right"]] += 1

        while json.loads(rung(folder, "deployments", "--json").stdout)["candidate"]:
            several(url, [(rng.choice(pool), next(people)) for _ in range(32)], said)
            time.sleep(1)
        after = json.loads(rung(folder, "deployments", done["deployment"], "--json").stdout)
        current = json.loads(rung(folder, "deployments", "--json").stdout)["current"]
    events = [f"{one['what']} by {one['by']}: {one['why']}" for one in after["events"]]
    return {
        **done,
        "before": before["current"],
        "served now": current,
        "took over": current == done["deployment"],
        "asked": sum(counts.values()),
        "right, by strategy": {f"{name} {'right' if right else 'wrong'}": n for (name, right), n in sorted(counts.items())},
        "events": events,
    }


def before_and_after(done: Row) -> Row:
    """The scores on the same test cases, and the differences by a paired bootstrap."""
    first, last = done["compared first"], done["compared again"]
    same = [case for case in first["by_case"] if case in last["by_case"]]
    said: Row = {"test cases": len(same)}
    for name, key in (("correct", "by_case"), ("json_field_f1", "by_field")):
        a, b = (np.array([one[key][case] for case in same]) for one in (first, last))
        draws = np.random.default_rng(0).integers(0, len(same), (10_000, len(same)))
        low, high = np.nanpercentile(np.nanmean((b - a)[draws], axis=1), [2.5, 97.5])
        difference = [round(float(one), 3) for one in (np.nanmean(b - a), low, high)]
        said[name] = {
            "before": round(float(np.nanmean(a)), 3),
            "after": round(float(np.nanmean(b)), 3),
            "difference": difference,
        }
    new = [score for case, score in last["by_case"].items() if case not in first["by_case"]]
    return said | {"new cases of feedback": len(new), "after on them": round(float(np.mean(new)), 3) if new else None}


def main() -> None:
    """Each stage that is not done yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--example", choices=TRAINED, default="helpdesk")
    parser.add_argument("--begin", type=int, default=60)
    parser.add_argument("--asked", type=int, default=120)
    parser.add_argument("--test", type=int, default=60, help="test cases that judge, of 106")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--margin", type=float, default=0.15)
    parser.add_argument("--risk", type=float, default=0.1)
    parser.add_argument("--most", type=int, default=800)
    parser.add_argument("--seed", type=int, default=19)
    parser.add_argument("--scripted", action="store_true", help="try the script: few_shot of the scripted model")
    given = parser.parse_args()
    folder: Path = given.folder.resolve()
    tuned, kind = TRAINED[given.example]
    name = SHOWN if given.scripted else tuned
    file = folder / "loop.json"
    done: Row = json.loads(file.read_text("utf-8")) if file.exists() else {}
    stages: dict[str, Callable[[], Row]] = {
        "made": lambda: make(given, folder),
        "held back, then approved": lambda: hold_and_approve(folder, kind),
        "compared first": lambda: compare(folder, name),
        "promoted first": lambda: promote(folder, name),
        "asked and rated": lambda: asked_and_rated(folder, given.seed),
        "drafted and reviewed": lambda: drafted_and_reviewed(folder),
        "retrained": lambda: {} if given.scripted else retrained(folder, kind),
        "compared again": lambda: compare(folder, name),
        "canary": lambda: canary(folder, name, given),
        "before and after": lambda: before_and_after(done),
    }
    for title, stage in stages.items():
        if title not in done:
            began = time.monotonic()
            done[title] = stage()
            done[title]["seconds"] = round(time.monotonic() - began)
            file.write_text(json.dumps(done, ensure_ascii=False, indent=1), "utf-8")
        shown = {key: value for key, value in done[title].items() if key not in ("by_case", "by_field")}
        print(f"{title}: {json.dumps(shown, ensure_ascii=False)}", flush=True)


if __name__ == "__main__":
    main()
