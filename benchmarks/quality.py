"""Which rung answers real questions best, and what does the trained 135M model reach?

    python benchmarks/quality.py squad2 [--cases 200] [--train 1600]
    python benchmarks/quality.py snips [--cases 200] [--train 1000]
    python benchmarks/quality.py banking77 [--cases 300] [--train 3000]
    python benchmarks/quality.py clinc150|e2e_nlg|conventional_commits|gsm8k|gsm8k_tools [--cases 200] [--train N]

Makes a project of ../shared/data (it says so when that is absent), runs `rung compare` on it as anybody would, and prints
every rung's main score and layers with 95 % intervals, the three gaps and the seconds, as Markdown. `squad2`: the 876
paragraphs as documents, test articles' questions (half unanswerable), train articles' questions as lessons by whole
paragraphs; then the tuned weights of `hybrid` once more, each question shown with its own paragraph. `snips`: exact JSON by
schema. `banking77`: one of 77 labels; `clinc150`: one of 151, `oos` among them. `e2e_nlg`: ROUGE-L against every reference.
`conventional_commits`: ROUGE-L of the header, and by a parser whether it is one, and its type and scope. `gsm8k`: the number
behind `####`; `gsm8k_tools`: the same with the calculator. --keep FOLDER leaves the project there, where the same command
goes on. The prompts are the product's own; the splits are the data's.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from make_examples import jsonl, make_commands
from tuned_quality import DATA, drawn, lines

from rung.builders.building import ArtifactBuilder
from rung.config.project import load_project
from rung.knowledge.chunking.passages import whole
from rung.pipeline.candidates import build, propose
from rung.pipeline.prepare import prepare
from rung.records import Asker, Passage
from rung.records.steps import Request, Result, SearchResult
from rung.runtime.batch import carry
from rung.runtime.engines import open_engines
from rung.runtime.runner import StepRunner
from rung.scoring.squad import token_f1
from rung.stats.estimates import estimate

Row = dict[str, Any]
SHOWN = {
    "squad2": ("correct", "em", "contains", "recall@5", "citation_precision", "false_refusal", "abstention_recall"),
    "snips": ("correct", "json_field_f1", "format"),
    "banking77": ("correct", "format"),
    "clinc150": ("correct",),
    "e2e_nlg": ("correct",),
    "conventional_commits": ("correct",),
    "gsm8k": ("contains",),
    "gsm8k_tools": ("contains",),
}
RUNGS = {
    "squad2": [
        *("prompt", "few_shot", "long_context", "rag"),
        {"tuned_model": {"epochs": 1}},
        {"hybrid": {"passages": 1, "epochs": 1}},
    ],
    "snips": ["prompt", "few_shot", "structured", {"tuned_model": {"epochs": 2}}],
    "banking77": ["prompt", "few_shot", "structured", {"tuned_model": {"epochs": 1}}],
    "clinc150": ["prompt", "few_shot", "structured", {"tuned_model": {"epochs": 1}}],
    "e2e_nlg": ["prompt", "few_shot", "tuned_model"],
    "conventional_commits": ["prompt", "few_shot", "tuned_model"],
    "gsm8k": ["prompt", "few_shot", {"tuned_model": {"epochs": 1}}],
    "gsm8k_tools": [{"tools": {"tuned": [False, True], "epochs": 1}}],
}
FILES = {
    "conventional_commits": "style/conventional_commits",
    "gsm8k_tools": "behaviour/gsm8k",
}  # the others are under behaviour/
WORKED_OUT = "Solve the problem step by step. End with a line '#### NUMBER'."
HEADER = re.compile(r"(\w+)(?:\(([^()]*)\))?!?: \S.*")


def squad2(cases: int, train: int) -> dict[str, str]:
    """Documents as rows, cases with their gold paragraph."""
    lessons = drawn(lines("knowledge/squad2/cases_train.jsonl.gz"), unanswerable=0.2, count=train)
    judged = lines("knowledge/squad2/cases_test.jsonl")[:cases]
    keys = ("id", "question", "answers", "answerable", "gold_documents")
    rows = [{key: row[key] for key in keys} | {"split": "train"} for row in lessons]
    rows += [{key: row[key] for key in keys} | {"split": "test"} for row in judged]
    documents = [{key: row[key] for key in ("id", "title", "text")} for row in lines("knowledge/squad2/documents.jsonl")]
    settings = {
        "task": "Answer the question with as few words as possible.",
        "knowledge": {"sources": ["documents.jsonl"], "chunk_tokens": 200},
        "bar": {"correct": 0.6},
    }
    return {"documents.jsonl": jsonl(documents), "cases.jsonl": jsonl(rows), **settled("squad2", settings)}


def snips(cases: int, train: int) -> dict[str, str]:
    """Examples as they are, all test rows shuffled; the schema of `examples/commands`."""
    schema = dict(make_commands(DATA))["answer.schema.json"]
    settings = {
        "task": "Extract the intent and slots as JSON.",
        "behaviour": {"examples": ["examples.jsonl"], "schema": "answer.schema.json"},
        "bar": {"correct": 0.6, "format": 0.95},
    }
    return {"answer.schema.json": schema, **taught("snips", cases, train), **settled("snips", settings)}


def banking77(cases: int, train: int) -> dict[str, str]:
    """77 labels, all of them allowed."""
    labels = sorted(row["label"] for row in lines("behaviour/banking77/labels.jsonl"))
    settings = {
        "task": "Classify the bank customer's message.",
        "behaviour": {"examples": ["examples.jsonl"], "labels": labels},
        "bar": {"correct": 0.75},
    }
    return {**taught("banking77", cases, train), **settled("banking77", settings)}


def clinc150(cases: int, train: int) -> dict[str, str]:
    """150 intents and `oos`, all of them allowed."""
    labels = sorted({row["meta"]["label"] for row in rows_of("clinc150", "train")})
    settings = {
        "task": "Classify the request; oos if it fits no label.",
        "behaviour": {"examples": ["examples.jsonl"], "labels": labels},
        "bar": {"correct": 0.75},
    }
    return {**taught("clinc150", cases, train), **settled("clinc150", settings)}


def e2e_nlg(cases: int, train: int) -> dict[str, str]:
    """Attributes to a sentence, judged against every reference."""
    return _written(
        "e2e_nlg", "Describe the restaurant in a fluent sentence, with every attribute and nothing else.", cases, train
    )


def conventional_commits(cases: int, train: int) -> dict[str, str]:
    """A list of changed files to a header; the test rows are of another repository."""
    return _written(
        "conventional_commits", "Write the commit header in Conventional Commits form: type(scope): subject", cases, train
    )


def gsm8k(cases: int, train: int) -> dict[str, str]:
    """Sums in words, worked out, the number last."""
    return _written("gsm8k", WORKED_OUT, cases, train)


def gsm8k_tools(cases: int, train: int) -> dict[str, str]:
    """The same sums, with a calculator: every `<<sum=value>>` of the examples is a call."""
    files = _written("gsm8k_tools", WORKED_OUT, cases, train)
    settings = json.loads(files["rung.yaml"]) | {"tools": ["calculator"]}
    called = [with_calls(row) for row in map(json.loads, files["examples.jsonl"].splitlines())]
    return files | {"examples.jsonl": jsonl(called), "rung.yaml": json.dumps(settings, indent=1)}


def with_calls(row: Row) -> Row:
    """A worked solution, every `<<sum=value>>` of it a call of the calculator."""
    *turns, last = row["messages"]
    rest = last["content"]
    while found := re.search(r"<<([^<>=]+)=([^<>]+)>>", rest):
        call = {"id": f"c{len(turns)}", "type": "function", "function": {"name": "calculator", "arguments": ""}}
        call["function"]["arguments"] = json.dumps({"expression": found[1]})
        turns.append({"role": "assistant", "content": rest[: found.start()], "tool_calls": [call]})
        turns.append({"role": "tool", "tool_call_id": call["id"], "content": found[2]})
        rest = rest[found.end() :]
    return {"id": row["id"], "messages": [*turns, {"role": "assistant", "content": rest}]}


def _written(name: str, task: str, cases: int, train: int) -> dict[str, str]:
    settings = {
        "task": task,
        "behaviour": {"examples": ["examples.jsonl"]},
        "bar": {"correct": 0.5, "metric": "contains" if name.startswith("gsm8k") else "rouge_l"},
    }
    return {**taught(name, cases, train), **settled(name, settings)}


def rows_of(name: str, split: str) -> list[Row]:
    """The rows of a file, packed or not."""
    folder = FILES.get(name, f"behaviour/{name}")
    packed = (DATA / folder / f"{split}.jsonl.gz").exists()
    return lines(f"{folder}/{split}.jsonl{'.gz' if packed else ''}")


def taught(name: str, cases: int, train: int) -> dict[str, str]:
    """The files of a project that learns from chats and is judged by chats; no example repeats a judged question."""
    judged = rows_of(name, "test")[:cases]
    asked = {said(row).lower() for row in judged}
    examples = [row for row in rows_of(name, "train") if said(row).lower() not in asked][:train]
    kept = [{"id": row["id"], "messages": [m for m in row["messages"] if m["role"] != "system"]} for row in examples]
    rows = [{"id": row["id"], "question": said(row), "answers": accepted(row), "split": "test"} for row in judged]
    return {"examples.jsonl": jsonl(kept), "cases.jsonl": jsonl(rows)}


def said(row: Row) -> str:
    """The user's words."""
    words: str = next(m["content"] for m in row["messages"] if m["role"] == "user")
    return words if "\n" in words.strip() else " ".join(words.split())


def accepted(row: Row) -> list[str]:
    """What counts as right: the number of a sum, else every reference."""
    meta = row["meta"]
    return [meta["final"]] if "final" in meta else meta.get("references") or [row["messages"][-1]["content"]]


def header(text: str, row: Row) -> dict[str, float]:
    """Whether a commit's header is one, and has the wanted type and scope."""
    found, wanted = HEADER.fullmatch(text.strip()), HEADER.fullmatch(row["answers"][0])
    told = {"header": float(found is not None)}
    if wanted:
        told["type"] = float(found is not None and found[1] == wanted[1])
        told["scope"] = float(found is not None and found[2] == wanted[2])
    return told


def number(text: str, row: Row) -> dict[str, float]:
    """Whether the number behind the last `####` is the wanted one."""
    found = re.findall(r"####\s*\$?(-?[\d.,]*\d)", text)
    return {"final": float(bool(found) and found[-1].replace(",", "") == row["answers"][0].replace(",", ""))}


def scope(text: str, row: Row) -> dict[str, float]:
    """Accuracy on requests that fit a label, and how many of the others are found."""
    return {"oos" if row["answers"] == ["oos"] else "in_scope": float(text.strip() == row["answers"][0])}


JUDGES: dict[str, Callable[[str, Row], dict[str, float]]] = {
    "conventional_commits": header,
    "gsm8k": number,
    "gsm8k_tools": number,
    "clinc150": scope,
}


def judged_apart(name: str, project: Path) -> Iterator[str]:
    """What only this data set can be judged by, of every rung: its answers come from the project's memory."""
    judge = JUDGES[name]
    rows = {row["id"]: row for row in map(json.loads, (project / "cases.jsonl").read_text(encoding="utf-8").splitlines())}
    with open_engines(load_project(project)) as engines, StepRunner(engines) as runner:
        intake = prepare(engines)
        for candidate in build(
            ArtifactBuilder(runner), [c for c in propose(ArtifactBuilder(runner), intake) if c.plan and not c.rung.reference]
        ):
            if candidate.strategy is None:
                continue
            talks = [(c.asker, lambda c=c, s=candidate.strategy: s.answer(c.ask())) for c in intake.cases]
            values: dict[str, list[float]] = {}
            for case, ended in zip(intake.cases, runner.run(talks, title=candidate.label), strict=True):
                for what, value in judge(ended.value.text if ended.value else "", rows[case.id]).items():
                    values.setdefault(what, []).append(value)
            told = ", ".join(f"{what} {interval(asdict(estimate(found)))}" for what, found in sorted(values.items()))
            yield f"`{candidate.label}`: {told}"


def settled(name: str, settings: Row) -> dict[str, str]:
    """The project's rung.yaml; JSON is YAML."""
    fixed = {"name": name, "cases": ["cases.jsonl"], "rungs": RUNGS[name], "model": "smollm2-135m-instruct"}
    return {"rung.yaml": json.dumps({**fixed, "embedder": "minilm-l6-v2", **settings}, indent=1)}


def weighed(project: Path) -> Row:
    """What `rung compare --json` says."""
    ran = subprocess.run(
        [sys.executable, "-m", "rung", "compare", str(project), "--json"], check=False, stdout=subprocess.PIPE, text=True
    )
    if ran.returncode not in (0, 1):
        raise SystemExit(f"rung compare ended with {ran.returncode}")
    verdict: Row = json.loads(ran.stdout)
    return verdict


def table(name: str, verdict: Row) -> Iterable[str]:
    """The verdict as Markdown."""
    metrics = SHOWN[name]
    yield f"| {name}, {verdict['cases']} cases | " + " | ".join(metrics) + " | build s | answer s |"
    yield "|---" * (len(metrics) + 3) + "|"
    for rung in verdict["rungs"]:
        if rung["status"] != "measured":
            yield f"| `{rung['name']}` | {rung['status'].replace('_', ' ')}: {rung['why']} |" + " |" * (len(metrics) + 1)
            continue
        cells = [interval(rung["scores"].get(metric)) for metric in metrics]
        yield f"| `{rung['name']}` | {' | '.join(cells)} | {rung['build_seconds']:.0f} | {rung['answer_seconds']:.0f} |"
    gaps = ", ".join(f"{gap} {interval(found)}" for gap, found in verdict["gaps"].items() if found["n"])
    yield ""
    yield f"Gaps: {gaps or 'none measured'}. {verdict['reason']}"


class Gold:
    """A search that finds the paragraph which a question was written against: what is lost after it, the model loses."""

    identity = "gold"

    def __init__(self, passages: dict[str, Passage]) -> None:
        self._passages = passages

    def run(self, requests: Sequence[Request]) -> Iterator[tuple[int, Result]]:
        """Each question's paragraph."""
        for place, request in enumerate(requests):
            yield place, SearchResult((self._passages[request.step.query],))  # type: ignore[union-attr]


def with_gold(project: Path) -> str:
    """The tuned weights of `hybrid`, each question shown with its own paragraph."""
    about = {row["question"]: row["meta"]["context_document"] for row in lines("knowledge/squad2/cases_test.jsonl")}
    with open_engines(load_project(project)) as engines, StepRunner(engines) as runner:
        intake = prepare(engines)
        (hybrid,) = build(
            ArtifactBuilder(runner), [c for c in propose(ArtifactBuilder(runner), intake) if c.label == "hybrid"]
        )
        documents = {d.id: whole(d) for d in engines.knowledge.documents()}  # type: ignore[union-attr]
        asked = {
            "search": Gold({q: documents[id] for q, id in about.items()}),
            "generate": engines.generator,
        }
        talks = [(Asker(), lambda case=case: hybrid.strategy.answer(case.ask())) for case in intake.cases]  # type: ignore
        answers = [ended.value for ended in carry(talks, engines=asked, store=engines.cache, tally=engines.tally)]
    told = [(c, a) for c, a in zip(intake.cases, answers, strict=True) if a]
    able = [(token_f1(a.plain, c.answers), a.refused) for c, a in told if c.answerable]
    unable = [a.refused for c, a in told if not c.answerable]
    return (
        f"`hybrid` with the paragraph itself: F1 {statistics.mean(f for f, _ in able):.3f} on {len(able)} answerable "
        f"questions, {statistics.mean(r for _, r in able):.3f} of them refused; {statistics.mean(unable):.3f} of "
        f"{len(unable)} unanswerable ones refused."
    )


def interval(score: Row | None) -> str:
    """`.55 [.45, .65]`; a dash where nothing was measured."""
    if not score or score["mean"] is None:
        return "–"
    return f"{score['mean']:.2f} [{score['low']:.2f}, {score['high']:.2f}]".replace("0.", ".")


def main() -> None:
    """One data set: project, verdict, table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("data", choices=sorted(SHOWN))
    parser.add_argument("--cases", type=int, default=200)
    parser.add_argument("--train", type=int, default=0, help="rows or lessons to learn from")
    parser.add_argument("--keep", type=Path)
    asked = parser.parse_args()
    makers = {
        "squad2": (squad2, 1600),
        "snips": (snips, 1000),
        "banking77": (banking77, 3000),
        "clinc150": (clinc150, 3000),
        "e2e_nlg": (e2e_nlg, 500),
        "conventional_commits": (conventional_commits, 800),
        "gsm8k": (gsm8k, 1000),
        "gsm8k_tools": (gsm8k_tools, 1000),
    }
    make, usual = makers[asked.data]
    with tempfile.TemporaryDirectory() as scratch:
        project = asked.keep or Path(scratch) / asked.data
        project.mkdir(parents=True, exist_ok=True)
        for file, text in make(asked.cases, asked.train or usual).items():
            (project / file).write_text(text, encoding="utf-8")
        print("\n".join(table(asked.data, weighed(project))), flush=True)
        if asked.data == "squad2":
            print(with_gold(project))
        elif asked.data in JUDGES:
            print("\n".join(judged_apart(asked.data, project)))


if __name__ == "__main__":
    main()
