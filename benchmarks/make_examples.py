"""Which rows of the public data make the three shipped examples, and how are they written?

Run from the repository: ``python benchmarks/make_examples.py`` writes `examples/`; ``--check`` writes nothing and exits 1
if a file would differ (same data, same code: same bytes). It needs ``../shared/data`` or ``--data``, and says so when that
is absent; the examples need nothing. Each README, each rung.yaml and the helpdesk's schema are written by hand.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import sys
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from example_text import Seen, is_clean, sentences, tidy, words

ROOT = Path(__file__).resolve().parents[1]
SEED = "rung-examples-1"
Row = dict[str, Any]

# Questions of one split ask about the articles of that split only.
TEST_ARTICLES = ("1973_oil_crisis", "European_Union_law", "Immune_system")
DEV_ARTICLES = ("Islamism",)
HANDBOOK_TRAIN_ARTICLES = ("Normans", "Steam_engine")
HELPDESK_TRAIN_ARTICLES = (
    "Computational_complexity_theory",
    "French_and_Indian_War",
    "Huguenot",
    "Imperialism",
    "Normans",
    "Packet_switching",
    "Scottish_Parliament",
    "Steam_engine",
)
RESTRICTED_ARTICLES = ("1973_oil_crisis", "Packet_switching")  # of the helpdesk: only staff may read them
STAFF, CUSTOMER = ["staff"], ["customer"]

HANDBOOK_ROWS = {"test": (40, 10), "dev": (16, 4), "train": (64, 16)}  # (answerable, unanswerable)
HELPDESK_ROWS = {"test": (82, 12), "dev": (16, 4), "train": (360, 60)}
HELPDESK_ASKED_TWICE = {"test": 6, "dev": 0, "train": 12}  # restricted questions, by staff and by a customer
HELPDESK_PARAGRAPH, HELPDESK_QUOTE = 900, 200  # longest, in characters
COMMANDS_TRAIN, COMMANDS_TEST, COMMANDS_DEV = 86, 14, 3  # rows of each of the seven intents


@dataclass(frozen=True)
class Paragraph:
    """A paragraph as shipped. `origin(i)` of the source text is found by `place`."""

    number: int
    text: str
    kept: tuple[int, ...]  # source offset of each character of `text`

    def place(self, start: int) -> int:
        """The offset in `text` of offset `start` in the source."""
        return bisect_left(self.kept, start)


@dataclass
class Article:
    """An article: its paragraphs in order, and the questions asked about it."""

    name: str
    paragraphs: dict[int, Paragraph] = field(default_factory=dict)
    questions: list[Row] = field(default_factory=list)

    @property
    def title(self) -> str:
        return self.name.replace("_", " ")

    @property
    def file(self) -> str:
        return "docs/" + self.name.lower() + ".md"

    def markdown(self, front: str = "") -> str:
        return front + "\n\n".join([f"# {self.title}", *(p.text for _, p in sorted(self.paragraphs.items()))]) + "\n"


def order(rows: Iterable[Row], purpose: str) -> list[Row]:
    """Rows in an order that depends on their ids and the seed only."""
    return sorted(rows, key=lambda r: hashlib.sha256(f"{SEED}/{purpose}/{r['id']}".encode()).hexdigest())


def read_jsonl(path: Path) -> list[Row]:
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return [json.loads(line) for line in data.decode().splitlines() if line.strip()]


def read_articles(data: Path, longest: int = sys.maxsize) -> dict[str, Article]:
    """SQuAD's articles with the paragraphs of at most `longest` characters and the questions about those."""
    folder = data / "knowledge/squad2"
    articles: dict[str, Article] = {}
    for row in read_jsonl(folder / "documents.jsonl"):
        text, kept = tidy(row["text"])
        if row["meta"]["split"] != "distractor" and len(text) <= longest:
            article = articles.setdefault(row["meta"]["article"], Article(row["meta"]["article"]))
            article.paragraphs[row["meta"]["paragraph"]] = Paragraph(row["meta"]["paragraph"], text, kept)
    for name in ("cases_test.jsonl", "cases_dev.jsonl", "cases_train.jsonl.gz"):
        for row in read_jsonl(folder / name):
            asked = articles.get(row["meta"]["article"])
            number = int(row["meta"]["context_document"].rsplit(":", 1)[1])
            if asked and number in asked.paragraphs:
                asked.questions.append({**row, "paragraph": number, "question": " ".join(row["question"].split())})
    return articles


def answer_sentences(article: Article, row: Row) -> list[tuple[str, str]]:
    """(accepted answer, its sentence), each once; the sentence that shares most words with the question comes first.

    Empty if any answer has no clean sentence, or one that stands twice in the article.
    """
    paragraph = article.paragraphs[row["paragraph"]]
    found: dict[tuple[str, str], None] = {}
    for answer in row["answers"]:
        here = False
        for origin in row["meta"]["answer_starts"]:
            start = paragraph.place(origin)
            end = start + len(answer)
            if paragraph.text[start:end] != answer:
                continue
            span = next(((s, e) for s, e in sentences(paragraph.text) if s <= start and end <= e), None)
            quote = paragraph.text[slice(*span)] if span else ""
            if not is_clean(quote) or article.markdown().count(quote) != 1:
                return []
            found[answer, quote] = None
            here = True
        if not here:
            return []
    asked = words(row["question"])
    return sorted(found, key=lambda pair: -len(asked & words(pair[1])))


def is_plain(row: Row) -> bool:
    """Whether it looks like a question (capital, question mark or question word) and is neither a stub nor a story."""
    text = row["question"]
    asks = text.endswith("?") or text.split()[0] in ("What", "Who", "When", "Where", "Which", "How", "Why", "In")
    return asks and text[0].isupper() and 6 <= len(text.split()) <= 24


def choose(
    articles: Sequence[Article],
    wanted: int,
    fits: Callable[[Article, Row], bool],
    seen: Seen,
    purpose: str,
    *,
    together: bool = False,
) -> list[Row]:
    """`wanted` rows that fit, taken from the articles in turn: spread over their paragraphs, or whole paragraphs `together`.

    Lessons about one passage are learnt side by side, for less than half of the work; judging wants them spread.
    """
    pools = [order((r for r in a.questions if is_plain(r) and fits(a, r)), purpose) for a in articles]
    if together:
        first = {r["meta"]["context_document"]: n for pool in pools for n, r in reversed(list(enumerate(pool)))}
        pools = [sorted(pool, key=lambda r: first[r["meta"]["context_document"]]) for pool in pools]
    chosen: list[Row] = []
    a_paragraph: dict[str, int] = defaultdict(int)
    for most in range(40 if together else 1, 41):
        progress = True
        while progress and len(chosen) < wanted:
            progress = False
            for pool in pools:
                row = next(
                    (r for r in pool if a_paragraph[r["meta"]["context_document"]] < most and not seen.near(r["question"])),
                    None,
                )
                if row is not None and len(chosen) < wanted:
                    pool.remove(row)
                    seen.add(row["question"])
                    a_paragraph[row["meta"]["context_document"]] += 1
                    chosen.append(row)
                    progress = True
    if len(chosen) < wanted:
        raise SystemExit(f"{purpose}: only {len(chosen)} of {wanted} rows fit; loosen the constants")
    return chosen


def unanswered(articles: Sequence[Article]) -> Callable[[Article, Row], bool]:
    """Rows without an answer that are not a re-wording of a question that has one."""
    known = Seen(0.75)
    for article in articles:
        for row in article.questions:
            if row["answerable"]:
                known.add(row["question"])
    return lambda _, row: not row["answerable"] and not known.near(row["question"])


def meta(article: Article, row: Row) -> Row:
    return {
        "article": article.title,
        "paragraph": row["paragraph"],
        "source": "SQuAD 2.0 / Wikipedia",
        "licence": "CC BY-SA 4.0",
    }


def handbook_case(article: Article, row: Row, split: str) -> Row:
    """Short answers; the evidence is the sentence of each answer."""
    found = answer_sentences(article, row) if row["answerable"] else []
    evidence = [{"document": article.file, "quote": q} for q in dict.fromkeys(q for _, q in found)]
    answers = list(dict.fromkeys(a for a, _ in found))
    known = {"answerable": row["answerable"], "evidence": evidence, "split": split, "meta": meta(article, row)}
    return {"id": row["id"], "question": row["question"], "answers": answers} | known


def helpdesk_case(article: Article, row: Row, split: str, groups: list[str] | None = None) -> Row:
    """Answers are house JSON. Who may not read the article is owed "not known": no answers, no evidence."""
    may_read = groups is None or groups == STAFF or article.name not in RESTRICTED_ARTICLES
    found = answer_sentences(article, row) if row["answerable"] and may_read else []
    texts = [json.dumps({"answer": a, "quote": q}, ensure_ascii=False) for a, q in found]
    evidence = [{"document": article.file, "quote": q} for q in dict.fromkeys(q for _, q in found)]
    name = row["id"] + ("" if groups is None else ":" + groups[0])
    case = {
        "id": name,
        "question": row["question"],
        "answers": texts,
        "answerable": bool(found),
        "evidence": evidence,
        "split": split,
    }
    return case | ({} if groups is None else {"as": groups}) | {"meta": meta(article, row)}


def jsonl(rows: Iterable[Row]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def shared_licence(articles: Sequence[Article], changes: str) -> str:
    """The attribution that CC BY-SA asks for: who, what, where, which licence, what was changed."""
    listed = "\n".join(f"- [{a.title}](https://en.wikipedia.org/wiki/{a.name})" for a in articles)
    return f"""# Licence of this example's text

`docs/` and `cases/` are adapted from **SQuAD 2.0** (Pranav Rajpurkar, Robin Jia, Percy Liang: *Know What You Don't Know:
Unanswerable Questions for SQuAD*, ACL 2018, <https://rajpurkar.github.io/SQuAD-explorer/>), whose paragraphs are from
the English Wikipedia, written by its contributors. They are distributed, as adapted here, under the
**Creative Commons Attribution-ShareAlike 4.0 International** licence: <https://creativecommons.org/licenses/by-sa/4.0/>.
The software of Rung has its own licence (Apache-2.0), which does not cover these files.

Articles (each page's history names its authors):

{listed}

Changes made: {changes}
"""


def make_handbook(data: Path) -> Iterator[tuple[str, str]]:
    articles = read_articles(data)
    split_of = {"test": TEST_ARTICLES, "dev": DEV_ARTICLES, "train": HANDBOOK_TRAIN_ARTICLES}
    used = [articles[name] for names in split_of.values() for name in names]
    seen, hard = Seen(0.7), unanswered(used)
    for split, names in split_of.items():
        of_split = [articles[name] for name in names]
        yes, no = HANDBOOK_ROWS[split]
        rows = choose(of_split, yes, lambda a, r: bool(answer_sentences(a, r)), seen, f"handbook/{split}/answerable")
        rows += choose(of_split, no, hard, seen, f"handbook/{split}/unanswerable")
        mixed = order(rows, f"handbook/{split}")
        yield f"cases/{split}.jsonl", jsonl(handbook_case(articles[r["meta"]["article"]], r, split) for r in mixed)
    for article in used:
        yield article.file, article.markdown()
    changes = (
        "articles put together again from SQuAD's paragraphs, as Markdown; editorial marks such as “[citation needed]”\n"
        "and doubled spaces removed; a part of the questions chosen; the sentence of each answer added as evidence."
    )
    yield "LICENCE.md", shared_licence(used, changes)


def make_helpdesk(data: Path) -> Iterator[tuple[str, str]]:
    articles = read_articles(data, HELPDESK_PARAGRAPH)
    split_of = {"test": TEST_ARTICLES, "dev": DEV_ARTICLES, "train": HELPDESK_TRAIN_ARTICLES}
    used = [articles[name] for names in split_of.values() for name in names]
    seen, hard = Seen(0.7), unanswered(used)

    def short(article: Article, row: Row) -> bool:
        found = answer_sentences(article, row)
        return bool(found) and all(len(quote) <= HELPDESK_QUOTE and '"' not in quote for _, quote in found)

    for split, names in split_of.items():
        of_split = [articles[name] for name in names]
        yes, no = HELPDESK_ROWS[split]
        secret = [a for a in of_split if a.name in RESTRICTED_ARTICLES]
        public = [a for a in of_split if a.name not in RESTRICTED_ARTICLES]
        closed = choose(secret, HELPDESK_ASKED_TWICE[split], short, seen, f"helpdesk/{split}/closed")
        open_rows = choose(public, yes, short, seen, f"helpdesk/{split}/answerable", together=split == "train")
        open_rows += choose(public, no, hard, seen, f"helpdesk/{split}/unanswerable", together=split == "train")
        cases = [helpdesk_case(articles[r["meta"]["article"]], r, split) for r in open_rows]
        cases += [helpdesk_case(articles[r["meta"]["article"]], r, split, who) for r in closed for who in (STAFF, CUSTOMER)]
        yield f"cases/{split}.jsonl", jsonl(order(cases, f"helpdesk/{split}"))
    for article in used:
        front = "---\ngroups: [staff]\n---\n\n" if article.name in RESTRICTED_ARTICLES else ""
        yield article.file, article.markdown(front)
    changes = (
        f"only paragraphs of at most {HELPDESK_PARAGRAPH} characters, put together as Markdown; editorial marks such as\n"
        "“[citation needed]” and doubled spaces removed; some articles marked as readable by staff only; a part of the\n"
        "questions chosen; answers written as JSON with the sentence that holds them."
    )
    yield "LICENCE.md", shared_licence(used, changes)


def command(row: Row) -> tuple[str, str]:
    """(utterance, answer) of a SNIPS row."""
    return " ".join(row["messages"][1]["content"].split()), row["messages"][2]["content"]


def is_faithful(row: Row) -> bool:
    """Whether every slot's text stands in the utterance."""
    said, answer = command(row)
    return all(value in said for values in json.loads(answer)["slots"].values() for value in values)


def by_intent(rows: Sequence[Row], each: int, seen: Seen, purpose: str) -> list[Row]:
    """`each` rows of every intent; none near to a text already seen."""
    taken: dict[str, list[Row]] = defaultdict(list)
    for row in order(rows, purpose):
        group = taken[row["meta"]["intent"]]
        if len(group) < each and is_faithful(row) and not seen.near(command(row)[0]):
            group.append(row)
            seen.add(command(row)[0])
    if len(taken) != 7 or any(len(group) < each for group in taken.values()):
        raise SystemExit(f"{purpose}: fewer than {each} rows for an intent; loosen the constants")
    return order((row for group in taken.values() for row in group), purpose)


def make_commands(data: Path) -> Iterator[tuple[str, str]]:
    train, test = read_jsonl(data / "behaviour/snips/train.jsonl.gz"), read_jsonl(data / "behaviour/snips/test.jsonl")
    slots = sorted({s for r in train + test for s in json.loads(command(r)[1])["slots"]})
    intents = sorted({r["meta"]["intent"] for r in train + test})
    provenance = {"source": "Snips NLU benchmark, 2017-06 custom intent engines", "licence": "CC0 1.0"}
    seen = Seen(0.7)
    for split, each in (("test", COMMANDS_TEST), ("dev", COMMANDS_DEV)):
        cases = []
        for row in by_intent(test, each, seen, f"commands/{split}"):
            said, answer = command(row)
            about = {"intent": row["meta"]["intent"], **provenance}
            cases.append({"id": row["id"], "question": said, "answers": [answer], "split": split, "meta": about})
        yield f"cases/{split}.jsonl", jsonl(cases)
    examples = []
    for row in by_intent(train, COMMANDS_TRAIN, seen, "commands/train"):
        said, answer = command(row)
        messages = [{"role": "user", "content": said}, {"role": "assistant", "content": answer}]
        examples.append({"id": row["id"], "messages": messages, **provenance, "meta": {"intent": row["meta"]["intent"]}})
    yield "examples/train.jsonl", jsonl(examples)
    values = {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1}
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "intent": {"enum": intents},
            "slots": {"type": "object", "propertyNames": {"enum": slots}, "additionalProperties": values},
        },
        "required": ["intent", "slots"],
        "additionalProperties": False,
    }
    yield "answer.schema.json", json.dumps(schema, indent=2) + "\n"


MAKERS = {"handbook": make_handbook, "commands": make_commands, "helpdesk": make_helpdesk}


def main() -> int:
    """Write or check the examples. Exit 0: written or equal; 1: differs; 2: the data is not there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument(
        "--data", type=Path, default=ROOT.parent / "shared" / "data", help="the folder with knowledge/ and behaviour/"
    )
    parser.add_argument("--out", type=Path, default=ROOT / "examples")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file would differ")
    options = parser.parse_args()
    if not (options.data / "knowledge" / "squad2").is_dir():
        print(
            f"The public data is not at {options.data}: nothing was made or checked. Say where it is with --data.",
            file=sys.stderr,
        )
        return 2
    made = {options.out / name / file: text.encode() for name, make in MAKERS.items() for file, text in make(options.data)}
    stale = [path for path, data in made.items() if not path.is_file() or path.read_bytes() != data]
    for path in stale:
        print(f"{'would change' if options.check else 'wrote'} {path} ({len(made[path]):,} bytes)")
        if not options.check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(made[path])
    print(f"{len(made)} files, {len(stale)} {'differ' if options.check else 'written'}")
    return 1 if options.check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
