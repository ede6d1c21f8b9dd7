"""Is a model's sentence of context searched and never shown, asked for once, within the budget, and forgotten in time?"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from rung.builders.chunked_index import build_chunked_index
from rung.builders.training_pairs import pairs_of
from rung.config.project import load_project
from rung.errors import BudgetEnded, UserError
from rung.knowledge import Knowledge
from rung.models.scripted import ScriptedGenerator
from rung.pipeline.billing import contexts_usd
from rung.pipeline.budget import CompareRequest, Meter
from rung.pipeline.prepare import Indexed, embed_the_rest, prepare, up_to_date
from rung.pipeline.searchable import at_hand, searchable
from rung.pipeline.todays_access import go_back
from rung.progress import Silent, reporting
from rung.records import Answer, Asker, Case, Document, Failure, Passage, Usage
from rung.records.steps import Generate, Request, Result
from rung.runtime.batch import Carried
from rung.runtime.engines import Engines, open_engines
from rung.runtime.passage_contexts import PassageContexts
from rung.strategies.placing import AROUND, context_of, excerpts
from rung.strategies.protocol import ChunkedIndex
from rung.testing.knowledge import HashedWords

COUNT = 20
YAML = """\
name: zoo
task: Answer.
cases: cases.jsonl
model: scripted
embedder: scripted
knowledge: {sources: [docs.jsonl], context: model, dense_weight: 0}
rungs: [rag]
prices: {prompt_usd_per_million: 1000, completion_usd_per_million: 1000}
"""


class Writer(ScriptedGenerator):
    """Writes a sentence with a word of its own for each passage. `fails`: of passages with such a word it
    fails; `empty`: of those it writes none."""

    def __init__(self) -> None:
        super().__init__(self._sentence)
        self.asked: list[str] = []
        self.fails: tuple[str, ...] = ()
        self.empty: tuple[str, ...] = ()

    def _sentence(self, step: Generate) -> str:
        prompt = step.messages[-1].content
        self.asked.append(prompt)
        word = prompt.split("Passage:\n")[1].split()[0]
        number = word.removeprefix("word")
        if word in self.empty:
            return "No."
        return f"It places zebra{number} within the zoo."

    def run(self, requests: list[Request]) -> Iterator[tuple[int, Result | Failure]]:  # type: ignore[override]
        for place, result in super().run(requests):
            step = requests[place].step
            failed = isinstance(step, Generate) and any(f"{word} " in step.messages[-1].content for word in self.fails)
            yield place, Failure("the server is busy", step="generate") if failed else result


class Listening(Silent):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, COUNT)
    (tmp_path / "cases.jsonl").write_text('{"question": "Where?", "answers": ["here"], "split": "test"}\n', "utf-8")
    (tmp_path / "rung.yaml").write_text(YAML, "utf-8")
    return tmp_path


def write(folder: Path, count: int, changed: str = "", groups: Sequence[str] = ()) -> None:
    rows = [
        {"id": f"d{n}", "text": f"word{n} of number{n} {changed if not n else ''}", "title": "Zoo", "groups": [*groups]}
        for n in range(count)
    ]
    (folder / "docs.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")


@pytest.fixture
def engines(folder: Path) -> Iterator[Engines]:
    with open_engines(load_project(folder)) as opened:
        opened.__dict__ |= {"generator": Writer(), "embedder": HashedWords()}
        yield opened


def writer(engines: Engines) -> Writer:
    generator = engines.generator
    assert isinstance(generator, Writer)
    return generator


def best(indexed: Indexed, query: str) -> list[Passage]:
    return list(indexed.knowledge.search(query, asker=Asker(), top=1))


def test_it_is_searched_and_never_shown(engines: Engines) -> None:
    indexed = up_to_date(engines)
    (found,) = best(indexed, "zebra7")
    assert (found.document, found.text, found.title) == ("d7", "word7 of number7", "Zoo")
    assert "zebra" not in repr(found)
    assert "zebra" not in "".join(document.text for document in indexed.knowledge.documents())


def test_nothing_is_asked_twice(engines: Engines, folder: Path) -> None:
    up_to_date(engines)
    assert len(writer(engines).asked) == COUNT
    assert all("Document:\nZoo\n\nword" in prompt for prompt in writer(engines).asked)
    write(folder, COUNT, "changed")
    report = up_to_date(engines).report
    assert (report.changed, len(writer(engines).asked)) == (1, COUNT + 1)
    engines.documents.index.rollback(engines.documents.version)
    engines.documents.sync(list(engines.documents.documents()))
    with open_engines(load_project(folder)) as again:
        again.__dict__ |= {"generator": Writer(), "embedder": HashedWords(128)}  # everything is indexed anew
        assert up_to_date(again).report.rebuilt
        assert writer(again).asked == []
        assert best(up_to_date(again), "zebra3")[0].document == "d3"


def test_the_setting_decides(engines: Engines, folder: Path) -> None:
    up_to_date(engines)
    for context, found in (("none", []), ("model", ["d7"])):
        (folder / "rung.yaml").write_text(YAML.replace("context: model", f"context: {context}"), "utf-8")
        with open_engines(load_project(folder)) as changed:
            changed.__dict__ |= {"generator": Writer(), "embedder": HashedWords()}
            indexed = up_to_date(changed)
            assert indexed.report.rebuilt == "the setting 'context' changed"
            assert [passage.document for passage in best(indexed, "zebra7")] == found
            assert writer(changed).asked == []


def test_passages_without_a_sentence_are_said_and_asked_for_again(engines: Engines) -> None:
    writer(engines).fails = ("word3",)
    heard = Listening()
    with reporting(heard):
        up_to_date(engines)
    (line,) = (text for text in heard.said if "sentence" in text)
    assert "1 of 20 passages have no sentence of context" in line
    assert "the server is busy" in line
    assert best(up_to_date(engines), "number3")[0].document == "d3", "it is searched without"
    writer(engines).fails = ()
    report = up_to_date(engines).report
    assert (report.changed, report.added) == (0, 0)
    assert best(up_to_date(engines), "zebra3")[0].document == "d3"


def test_they_are_asked_for_again_where_rights_changed_meanwhile(engines: Engines, folder: Path) -> None:
    writer(engines).fails = ("word3",)
    version = up_to_date(engines).knowledge.version
    writer(engines).fails = ()
    write(folder, COUNT, groups=["staff"])
    go_back(engines.project, version)
    indexed = up_to_date(engines, asked=True)
    assert set(indexed.knowledge.document_groups().values()) == {("staff",)}
    assert best(indexed, "zebra3")[0].document == "d3"


def test_documents_cut_in_another_way_get_theirs_beside_an_index_that_is_current(
    engines: Engines, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rung.knowledge.readers.listing.is_settled", lambda _path: True)  # else one waits for seconds
    up_to_date(engines)
    with open_engines(load_project(folder)) as asking:
        asking.__dict__ |= {"generator": Writer(), "embedder": HashedWords()}
        assert at_hand(asking) is asking.documents
        cut = build_chunked_index(asking, ChunkedIndex(32, 4), "cut").index
        assert isinstance(cut, Knowledge)
        assert cut.search("zebra7", asker=Asker(), top=1)[0].document == "d7"


def test_a_retriever_is_taught_by_what_is_indexed(engines: Engines) -> None:
    knowledge = up_to_date(engines).knowledge
    case = Case("c", "word4 or number5?", gold_documents=("d4",))
    (pair,) = pairs_of(knowledge, [case], ())
    assert pair.positive == "Zoo\n\nIt places zebra4 within the zoo.\n\nword4 of number4"


def test_where_many_fail_nothing_is_indexed(engines: Engines) -> None:
    writer(engines).fails = tuple(f"word{n}" for n in range(10))
    with pytest.raises(UserError, match=r"10 of 20 sentences of context failed \(the server is busy\).*goes on from there"):
        up_to_date(engines)
    assert engines.documents.passage_count == 0
    writer(engines).fails, before = (), len(writer(engines).asked)
    up_to_date(engines)
    assert len(writer(engines).asked) == before + 10, "those that failed, and no other"


def test_a_budget_binds_and_the_next_run_goes_on(engines: Engines) -> None:
    with pytest.raises(BudgetEnded, match="no verdict"):
        prepare(engines, meter=Meter.of(engines, CompareRequest(usd=1.0)))
    asked = len(writer(engines).asked)
    assert 0 < asked < COUNT
    assert (Meter.of(engines).used()[0] or 0) <= 1.0
    prepare(engines)
    assert len(writer(engines).asked) == COUNT


def test_its_cost_is_in_the_bill(engines: Engines) -> None:
    up_to_date(engines)
    tally = engines.tally
    spent = (tally.prompt_tokens + tally.completion_tokens) * 1000 / 1e6
    assert contexts_usd(engines, COUNT) == pytest.approx(spent)
    assert contexts_usd(engines, 2 * COUNT) == pytest.approx(2 * spent)


def test_one_that_fails_leaves_the_price_of_the_others_known() -> None:
    def run(talks: Sequence[object], *, title: str) -> list[Carried[Answer]]:
        failed: Carried[Answer] = Carried(None, Failure("the server is busy", step="generate"), Usage())
        return [Carried(Answer(title), None, Usage(90, 10, 1, usd=0.5)), failed][: len(talks)]

    contexts, document = PassageContexts("m", run), Document("d", "A zoo.", source="d.txt")
    contexts([(document, Passage("d#0-6", "d", 0, 6, "A zoo."))] * 2)
    assert (contexts.usage.prompt_tokens, contexts.usage.usd, contexts.passages) == (90, 0.5, 2)


def test_it_goes_with_its_document(engines: Engines, folder: Path) -> None:
    up_to_date(engines)
    assert "zebra19" in "".join(text for _, _, text in engines.cache.texts())
    write(folder, COUNT - 1)
    up_to_date(engines)
    left = "".join(text for _, _, text in engines.cache.texts())
    assert "zebra19" not in left
    assert "zebra18" in left


def test_the_stand_in_keeps_it(engines: Engines, folder: Path) -> None:
    class Slow(HashedWords):
        quick = HashedWords(name="stand-in")

    write(folder, 300)
    engines.__dict__["embedder"] = Slow()
    up_to_date(engines, at_once=True)
    assert embed_the_rest(engines) == 300
    indexed = up_to_date(engines)
    assert len(writer(engines).asked) == 300
    assert best(indexed, "zebra299")[0].document == "d299"


def test_a_model_that_is_not_there_is_refused(folder: Path) -> None:
    (folder / "rung.yaml").write_text(YAML.replace("context: model", "context: modle"), "utf-8")
    with pytest.raises(UserError, match=r"rung.yaml:6: knowledge.context: must be none, model, or a name.*did you mean"):
        load_project(folder)


def test_a_named_model_writes(folder: Path) -> None:
    models = "models: {small: scripted, other: 'openai:gpt-x'}"
    text = YAML.replace("model: scripted", models).replace("context: model", "context: other")
    (folder / "rung.yaml").write_text(text, "utf-8")
    assert load_project(folder).context_model == "openai:gpt-x"


def test_what_is_shown_of_a_long_document() -> None:
    document = Document("d", "".join(f"{n:05d} " for n in range(2000)), source="d.txt")
    whole = Passage("d#0-6", "d", 0, 6, document.text[:6])
    for start in (0, 1200, 6000, 11_994):
        passage = replace(
            whole, id=f"d#{start}-{start + 6}", start=start, end=start + 6, text=document.text[start : start + 6]
        )
        shown = excerpts(document, passage)
        assert shown[0].start == 0
        assert any(passage.text in part.text for part in shown)
        assert sum(len(part.text) for part in shown) <= AROUND
        assert all(part.id == f"d#{part.start}-{part.end}" for part in shown)
        assert all(document.text[part.start : part.end] == part.text for part in shown)
    assert excerpts(replace(document, text="short"), whole)[0].text == "short"


@pytest.mark.parametrize(
    ("reply", "sentence"),
    [
        ("**Context:** Fees of the shop are listed.", "Fees of the shop are listed."),
        ("The sentence that places the passage: It lists the fees.", "It lists the fees."),
        ("The passage is about fees: nine euros.", "The passage is about fees: nine euros."),
    ],
)
def test_what_a_sentence_is(reply: str, sentence: str) -> None:
    assert context_of(reply) == sentence


@pytest.mark.parametrize("reply", ["", "   ", "Yes.", "I don't know.", "word " * 200])
def test_what_is_no_sentence(reply: str) -> None:
    assert context_of(reply) == ""


def test_a_reply_that_is_none_is_said_once(engines: Engines) -> None:
    writer(engines).empty = ("word5",)
    heard = Listening()
    with reporting(heard):
        version = up_to_date(engines).knowledge.version
        again = up_to_date(engines)
    assert [text for text in heard.said if "sentence" in text] == [
        "! 1 of 20 passages have no sentence of context: the model's reply was none"
    ]
    assert again.knowledge.version == version, "nothing was written anew"


def test_where_the_model_fails_a_search_takes_the_version_of_before_and_says_so(engines: Engines, folder: Path) -> None:
    writer(engines).fails = ("of",)  # all of them
    with pytest.raises(UserError, match="20 of 20 sentences of context failed"):
        searchable(engines)
    writer(engines).fails = ()
    before = searchable(engines).knowledge.version
    write(folder, 2 * COUNT)
    writer(engines).fails = ("of",)
    heard = Listening()
    with reporting(heard):
        indexed = searchable(engines)
    assert indexed.knowledge.version == before
    assert [passage.document for passage in best(indexed, "zebra7")] == ["d7"]
    assert [text for text in heard.said if f"not up to date, and version {before} is searched: knowledge.context" in text]
    with pytest.raises(UserError, match="20 of 20 sentences"):
        prepare(engines)
    write(folder, 2 * COUNT, groups=["staff"])
    with pytest.raises(UserError, match="who may read its documents has changed"):
        searchable(engines)
    writer(engines).fails = ()
    assert searchable(engines).knowledge.version > before
