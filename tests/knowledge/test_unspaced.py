"""Does a search by words find a word inside a run of a language written without spaces, and cost others nothing?"""

from __future__ import annotations

from pathlib import Path

import pytest

from rung.knowledge import Chunking, Fusion, Knowledge
from rung.knowledge.store.lance import LanceIndex
from rung.knowledge.store.tables import RUNS
from rung.records import Asker, Document
from rung.testing.knowledge import HashedWords
from rung.text.matching import run_terms, terms

TEXTS = {
    "zh": "瑜伽课每周三晚上在二楼举行。",
    "zh2": "游泳池每周一早上清洗，iPhone手机不得入内。",
    "ja": "図書館は毎週月曜日に休みます。",
    "ja2": "コーヒーメーカーの掃除は毎日です。",
    "th": "ห้องสมุดเปิดเวลาเก้าโมงเช้า",
    "th2": "สระว่ายน้ำปิดทุกวันจันทร์",
    "lo": "ຫ້ອງສະໝຸດເປີດເກົ້າໂມງເຊົ້າ",
    "km": "បណ្ណាល័យបើកនៅម៉ោងប្រាំបួនព្រឹក",
    "my": "စာကြည့်တိုက်ကို နံနက်ကိုးနာရီတွင် ဖွင့်သည်။",
    "ko": "서울에서는 주차 요금이 삼천 원입니다.",
    "ko2": "부산에서는 주차 요금이 이천 원입니다.",
    "en": "The yoga class meets on Wednesdays; set --max-retries to 5 for error E-4042.",
    "de": "Die Straßenbahn fährt alle zehn Minuten.",
}
QUERIES = {
    "瑜伽": "zh",
    "二楼": "zh",
    "游泳池": "zh2",
    "池": "zh2",
    "iphone": "zh2",
    "手机": "zh2",
    "図書館": "ja",
    "月曜日": "ja",
    "コーヒー": "ja2",
    "掃除": "ja2",
    "ห้องสมุด": "th",
    "เก้าโมง": "th",
    "สระว่ายน้ำ": "th2",
    "ຫ້ອງສະໝຸດ": "lo",
    "បណ្ណាល័យ": "km",
    "စာကြည့်တိုက်": "my",
    "서울": "ko",
    "부산": "ko2",
    "瑜伽课在几楼?": "zh",
    "E-4042": "en",
    "yoga classes": "en",
    "Strassenbahn": "de",
}


def knowledge(folder: Path) -> Knowledge:
    made = Knowledge.open(folder, embedder=HashedWords(), chunking=Chunking(64, 4))
    made.weigh(0.0)
    return made


def found(knowledge: Knowledge, query: str) -> list[str]:
    return [passage.document for passage in knowledge.search(query, asker=Asker(), top=3)]


def columns(index: LanceIndex) -> list[str]:
    snapshot = index.snapshot()
    assert snapshot is not None
    return sorted(snapshot._columns)


def documents(*names: str) -> list[Document]:
    return [Document(name, TEXTS[name], source=f"{name}.txt") for name in names or TEXTS]


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Knowledge:
    made = knowledge(tmp_path_factory.mktemp("index"))
    made.sync(documents())
    return made


@pytest.mark.parametrize("query", list(QUERIES))
def test_a_word_inside_a_run_is_found_first(everything: Knowledge, query: str) -> None:
    assert found(everything, query)[0] == QUERIES[query]


def test_words_that_nobody_wrote_find_nothing(everything: Knowledge) -> None:
    assert found(everything, "釜山") == found(everything, "대구") == []


def test_a_corpus_with_spaces_has_no_column_for_runs_and_gets_one_with_the_first_document(tmp_path: Path) -> None:
    index = LanceIndex(tmp_path / "index", rebuilt_rows=1)  # as a large index, which is not indexed anew at each commit
    made = Knowledge(tmp_path / "index", HashedWords(), Chunking(64, 4), Fusion(dense_weight=0), index)
    made.sync(documents("en", "de"))
    assert RUNS not in columns(index)
    assert found(made, "瑜伽") == []
    made.sync(documents("en", "de", "zh"))
    assert RUNS in columns(index)
    assert found(made, "瑜伽") == ["zh"]
    assert found(made, "E-4042") == ["en"]
    made.sync(documents("en", "de", "zh", "zh2"))
    assert found(made, "游泳") == ["zh2"]
    made.sync(documents("en", "de"))
    assert found(made, "瑜伽") == []


FOLDED = {
    "Straße": ("Strasse", "STRASSE", "straße"), "Maße": ("Masse", "MASSE"), "Élèves": ("eleves", "ÉLÈVES", "élèves"),
    "Groß": ("Gross",), "Füße": ("fusse", "Füße"), "café": ("cafe",), "años": ("anos",), "Ελλάδα": ("Ελλαδα", "ΕΛΛΑΔΑ"),
    "Smørrebrød": ("smorrebrod",), "Łódź": ("Lodz",), "naïves": ("naives",),
    "œuvres": ("oeuvres",), "İstanbul": ("istanbul",),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("written", "asked"), [(word, one) for word, asked in FOLDED.items() for one in asked])
def test_a_word_is_found_whatever_its_case_and_accents(tmp_path: Path, written: str, asked: str) -> None:
    made = knowledge(tmp_path)
    made.sync([Document("it", f"Hier: {written} 12.", source="it.txt"), Document("other", "Nothing here.", source="o.txt")])
    assert found(made, asked) == ["it"]
    assert "".join(p.text for p in made.passages_of("it")) == f"Hier: {written} 12.", "the passage itself is as it was"
    back = knowledge(tmp_path / "ascii")
    back.sync([Document("it", f"Hier: {asked} 12.", source="it.txt")])
    assert found(back, written) == ["it"]


def test_an_index_of_before_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rung.knowledge.sync.FORMAT", 2)
    monkeypatch.setattr("rung.knowledge.store.tables.has_runs", lambda _text: False)
    knowledge(tmp_path).sync(documents())
    assert found(knowledge(tmp_path), "瑜伽") == []
    monkeypatch.undo()
    report = knowledge(tmp_path).sync(documents())
    assert report.rebuilt
    assert report.embedded == 0, "the vectors are those of before"
    assert found(knowledge(tmp_path), "瑜伽") == ["zh"]


def test_terms() -> None:
    assert terms("Café-Bar 12.50") == ["café", "bar", "12", "50"]
    assert terms("的") == ["的"]
    assert terms("บ้าน") == ["บ้า", "าน"], "a letter keeps the tone above it"
    assert run_terms("plain words") == []
    assert run_terms("ＡＢＣ手") == ["abc", "手"]
