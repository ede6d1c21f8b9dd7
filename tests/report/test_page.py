"""The page as a whole: well formed, self-contained, safe with hostile text, and whole when records are missing."""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
import subprocess
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from rung.records import Answer, Case, Estimate, Evidence, Failure, Json, Message, Metric, Outcome, Passage, Reason, Verdict
from rung.report.html.page import Basis, CasePage, Limits, Report, report_html
from rung.scoring import metrics
from tests.report.report_sample import lone, passage, sample

VOID = {"meta", "input", "br", "col", "hr", "link", "img"}
HOSTILE = """</script><script>alert(1)</script><img src=x onerror=alert(2)>"'&amp;</style><!--]]></div></details>"""


class Page(HTMLParser):
    """Tags in order, checked for balance; text by the tag that holds it."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == [], f"left open: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(attrs) == len({name for name, _ in attrs}), f"{tag} repeats an attribute"
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in {"script", "style"}:
            self.words.append(data)

    @property
    def text(self) -> str:
        return "".join(self.words)

    def attributes(self, name: str) -> list[str]:
        return [value or "" for _, attrs in self.tags for key, value in attrs.items() if key == name]

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.tags)


def bare(**changes: object) -> Report:
    """A report of one rung with nothing else known."""
    verdict = Verdict("prompt", True, "the only rung", {}, (lone(),), cases=1)
    return replace(Report("p", "", "", verdict, metrics=metrics()), **changes)  # type: ignore[arg-type]


def test_the_sample_is_balanced_with_unique_ids_and_links_that_lead_somewhere() -> None:
    page = Page(report_html(sample()))
    ids = page.attributes("id")
    assert [name for name, n in Counter(ids).items() if n > 1] == []
    links = page.attributes("href")
    assert len(links) > 100
    assert {link for link in links if not link.startswith("#")} == set()
    assert {link[1:] for link in links} <= set(ids)
    labelled = {name for value in page.attributes("aria-labelledby") for name in value.split()}
    assert labelled <= set(ids)
    for part in ("verdict", "quality", "price", "gaps", "losses", "warnings", "scores", "cases", "basis"):
        assert part in ids


def test_it_names_no_other_host_and_allows_only_its_own_script() -> None:
    html = report_html(sample())
    assert re.findall(r"""(?:src|href|action|data|srcset)\s*=\s*["']?(?:https?:)?//""", html) == []
    assert "@import" not in html
    assert "url(" not in html
    policy = next(attrs["content"] or "" for tag, attrs in Page(html).tags if tag == "meta" and "http-equiv" in attrs)
    scripts = re.findall(r"<script>(.*?)</script>", html, flags=re.S)
    assert len(scripts) == 1
    assert f"'sha256-{base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()}'" in policy
    assert policy.startswith("default-src 'none'")


def test_the_same_records_make_the_same_page() -> None:
    assert report_html(sample()) == report_html(sample())


def hostile() -> Report:
    """Hostile words in every place that holds text."""
    evil = HOSTILE
    spot = Passage(evil, evil, 0, len(evil), evil, evil, evil)
    answer = Answer(evil, evil, passages=(spot,), retrieved=(spot,))
    case = Case(
        evil, evil, (evil,), evidence=(Evidence(evil, 0, 5),), messages=(Message(evil, evil),), place=evil, groups=(evil,)
    )
    rung = replace(
        lone(evil), settings={evil: evil}, scores={"correct": Estimate(0.5, 0.2, 0.8, 4), "odd": Estimate(0.5, 0.2, 0.8, 4)}
    )
    broken = replace(lone(evil + "2", status="failed"), why=Reason("failed", evil))
    verdict = Verdict(
        evil,
        False,
        evil,
        {evil: Estimate(0.1, 0.0, 0.2, 4)},
        (rung, broken),
        {evil: Reason("misses", evil)},
        warnings=(evil,),
        cases=1,
    )
    pages = (
        CasePage(case, {evil: Outcome(evil, answer)}, {evil: {"correct": 0.5}}, {evil: evil}),
        CasePage(case, {evil: Outcome(evil, failure=Failure(evil, evil))}, {}, {}),
    )
    basis = Basis(1, 1, {evil: 1}, 1, evil, evil, evil, {evil: evil})
    bar: dict[str, Json] = {"correct": 0.5, "metric": evil}
    known = {**metrics(), "odd": Metric("odd", "style", evil)}
    return Report(evil, evil, evil, verdict, bar, basis, pages, {evil: {evil: 1}}, metrics=known)


def test_hostile_text_stays_text_wherever_it_stands() -> None:
    html = report_html(hostile())
    page = Page(html)
    assert page.count("script") == 1
    assert page.count("style") == 1
    assert page.count("img") == 0
    assert "alert(1)</script>" not in html
    assert not [name for _, attrs in page.tags for name in attrs if name.startswith("on")]
    assert page.text.count(HOSTILE) > 20


def test_characters_that_no_page_may_hold_are_replaced_one_for_one() -> None:
    text = "a\x00b\ud800c\r\nd"
    case = Case("c", text, ("x",))
    html = report_html(bare(cases=(CasePage(case, {"prompt": Outcome("c", Answer(text))}),)))
    html.encode("utf-8")
    assert Page(html).text.count("a\ufffdb\ufffdc\r\nd") == 2


def test_names_in_other_scripts() -> None:
    verdict = Verdict("检索-2", True, "лучшее", {}, (lone("检索-2"),), cases=1)
    page = Page(report_html(Report("Ünïcode 🪜", "שלום", "2026-11-21", verdict, metrics=metrics())))
    for word in ("检索-2", "Ünïcode 🪜", "שלום", "лучшее"):
        assert word in page.text


def test_a_report_of_one_rung_and_nothing_else() -> None:
    page = Page(report_html(bare()))
    assert "Use prompt." in page.text
    assert "No bar was set" in page.text
    assert "Latency was not measured" in page.text
    assert "No cases are in this report." in page.text
    assert "warnings" not in page.attributes("id")


def test_no_rung_at_all_and_no_winner() -> None:
    empty = Verdict(None, False, "nothing could be measured", {}, ())
    page = Page(report_html(Report("p", "t", "", empty, {"correct": 0.7})))
    assert "No rung can be recommended." in page.text
    assert "No rung was measured." in page.text
    assert "✗ Misses the bar" in page.text
    assert "How sure is this?" not in page.text


def test_rungs_that_were_not_measured_say_why() -> None:
    verdict = Verdict(None, False, "none", {}, (lone("rag", status="not_applicable"), lone("prompt", status="failed")))
    page = Page(report_html(bare(verdict=verdict)))
    assert "does not apply here: no reason to try" in page.text
    assert "failed: no reason to try" in page.text


def test_a_winner_that_misses_the_bar_is_not_called_good() -> None:
    report = sample()
    rungs = tuple(replace(r, probability=0.01, probability_alone=0.02) for r in report.verdict.rungs)
    missed = replace(report.verdict, clears_bar=False, probability=0.01, code="best", rungs=rungs)
    page = Page(report_html(replace(report, verdict=missed, bar={"correct": 0.95})))
    assert "Nothing clears the bar. Best so far: hybrid." in page.text
    assert "✗ Misses the bar (probability 0.02)" in page.text
    assert "✓ Clears the bar" not in page.text
    assert "✗ missed" in page.text
    unsure = tuple(replace(r, probability_alone=0.5) for r in rungs)
    open_ = Page(report_html(replace(report, verdict=replace(missed, rungs=unsure))))
    said = "(probability 0.01 counting all that was tried, 0.50 by itself)"
    assert f"? Not shown to clear the bar {said}" in open_.text
    assert f"? not certain {said}" in open_.text
    assert "Nothing is shown to clear the bar. Best so far: hybrid." in open_.text


def test_missing_latency_cost_gaps_and_losses_are_said_and_nothing_breaks() -> None:
    report = sample()
    rungs = tuple(
        replace(r, latency=None, scores={k: v for k, v in r.scores.items() if "tokens" not in k})
        for r in report.verdict.rungs
    )
    pages = tuple(
        replace(
            p,
            outcomes={
                k: replace(o, usage=replace(o.usage, prompt_tokens=0, completion_tokens=0)) for k, o in p.outcomes.items()
            },
        )
        for p in report.cases
    )
    verdict = replace(report.verdict, rungs=rungs, gaps={})
    page = Page(report_html(replace(report, verdict=verdict, losses={}, cases=pages)))
    assert page.text.count("Not measured in this run.") == 2
    assert "The gaps need the reference arms closed_book and oracle" in page.text
    unmeasured = replace(verdict, rungs=tuple(r for r in rungs if r.name != "oracle"))
    told = Page(report_html(replace(report, verdict=unmeasured, losses={}, cases=()))).text
    assert "Not measured here: oracle." in told
    assert "No losses were recorded" in page.text
    assert page.count("desc") == 0  # no scatter


def test_known_prices_are_drawn_as_money_and_unknown_ones_as_tokens() -> None:
    report = sample()
    assert "Quality against tokens" in report_html(report)
    assert "the price of this model is unknown" in report_html(report)
    priced = tuple(replace(r, usd_per_1k=0.2 + r.order) for r in report.verdict.rungs)
    html = report_html(replace(report, verdict=replace(report.verdict, rungs=priced)))
    assert "Quality against cost" in html
    assert "US dollars per 1,000 answers" in html
    some = tuple(replace(r, usd_per_1k=None) if r.name == "rag" else r for r in priced)
    assert "the price of rag is unknown" in report_html(replace(report, verdict=replace(report.verdict, rungs=some)))


def test_every_case_stands_in_the_list_the_lost_ones_first() -> None:
    report = sample()
    html = report_html(report)
    cases = [attrs for tag, attrs in Page(html).tags if attrs.get("class") == "case"]
    assert len(cases) == 60
    marks = re.findall(r"hybrid is (right|wrong)</span>", html)
    assert marks == sorted(marks, reverse=True)
    assert marks.count("wrong") == sum(bool(p.lost_in["hybrid"]) for p in report.cases)
    places = ["prompt", "few_shot", "rag", "tuned_model", "hybrid", "closed_book", "oracle"]
    assert all(len((attrs["data-states"] or "").split()) == len(places) for attrs in cases)


def test_a_passage_stands_in_the_page_once() -> None:
    report = sample()
    html = report_html(report)
    texts = {p.text for page in report.cases for o in page.outcomes.values() if o.answer for p in o.answer.passages}
    for text in list(texts)[:20]:
        assert html.count(text) == 1
    referred = {attrs["data-passage"] for _, attrs in Page(html).tags if "data-passage" in attrs}
    assert len(referred) == len(re.findall(r'<li id="p\d+"', html))


def test_gold_is_marked_with_offsets_into_the_passage() -> None:
    gold = passage(0, 14)
    at = gold.text.index("14")
    inside = Evidence(gold.document, gold.start + at, gold.start + at + 2)
    case = Case("c", "q", ("14",), evidence=(inside,))
    answer = Answer("14", passages=(passage(1, 3), gold))
    page = Page(report_html(bare(cases=(CasePage(case, {"prompt": Outcome("c", answer)}),))))
    items = [attrs for _, attrs in page.tags if "data-passage" in attrs]
    assert [item.get("data-gold") for item in items] == [None, f"{at}-{at + 2}"]
    assert page.text.count("★ gold") == 1


def test_a_gold_document_marks_its_passages_without_offsets() -> None:
    case = Case("c", "q", ("14",), gold_documents=("returns.md",))
    answer = Answer("14", passages=(passage(0, 3), passage(1, 3)))
    page = Page(report_html(bare(cases=(CasePage(case, {"prompt": Outcome("c", answer)}),))))
    assert page.text.count("★ gold") == 1
    assert page.attributes("data-gold") == []


def test_limits_leave_out_and_say_so() -> None:
    limits = Limits(cases=10, cases_with_passages=4, passages_per_answer=2, answer_characters=5, passage_characters=20)
    html = report_html(replace(sample(), limits=limits))
    page = Page(html)
    assert sum(attrs.get("class") == "case" for _, attrs in page.tags) == 10
    assert "10 of 60 cases are listed; 50 are left out" in page.text
    assert "The first 4 carry their passages." in page.text
    assert "not kept in this report" in page.text
    assert "further passages not listed here." in page.text
    assert "more characters)" in page.text


def test_gold_survives_the_limit_of_passages() -> None:
    crowd = tuple(passage(1, 2 + i) for i in range(20))
    gold = passage(0, 14)
    case = Case("c", "q", ("14",), evidence=(Evidence(gold.document, gold.start, gold.end),))
    page = Page(report_html(bare(cases=(CasePage(case, {"prompt": Outcome("c", Answer("x", passages=(*crowd, gold)))}),))))
    places = [attrs["value"] for _, attrs in page.tags if "data-passage" in attrs]
    assert len(places) == 12
    assert places[-1] == "21"
    assert "9 further passages not listed here." in page.text


@pytest.mark.slow
def test_five_thousand_cases_stay_usable() -> None:
    html = report_html(sample(cases=5000))
    assert len(html) < 30_000_000
    assert html.count('class="case"') == 5000


CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chromium-browser")

PROBE = """<script>
location.hash = '#case-0';
setTimeout(function () {
  document.querySelectorAll('#case-0 .shown').forEach(function (d) { d.open = true; });
  var by = document.getElementById('by-outcome');
  by.value = 'wrong';
  by.dispatchEvent(new Event('change'));
  setTimeout(function () { document.title = 'DONE'; }, 300);
}, 100);
</script>"""


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no browser on this machine")
def test_in_a_browser_passages_open_with_gold_marked_and_filters_count(tmp_path: Path) -> None:
    gold = Passage("d:0", "d", 0, 12, "🪜🪜 ab gold <b>", "D")
    case = Case("c", "q", ("x",), evidence=(Evidence("d", 6, 10),))
    lost = CasePage(case, {"prompt": Outcome("c", Answer("no", passages=(gold,)))}, {}, {"prompt": "wrong"})
    right = CasePage(replace(case, id="r"), {"prompt": Outcome("r", Answer("x"))}, {}, {"prompt": ""})
    html = report_html(bare(cases=(right, lost)))
    allowed = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", html).replace("</body>", PROBE + "</body>")
    assert allowed != html
    shown = _dump(tmp_path / "allowed.html", allowed)
    assert "<title>DONE" in shown
    assert '<div class="text" dir="auto">🪜🪜 ab <mark>gold</mark> &lt;b&gt;</div>' in shown
    assert "1 of 2 cases" in shown
    # The same probe is refused where the page's own policy stands.
    refused = _dump(tmp_path / "refused.html", html.replace("</body>", PROBE + "</body>"))
    assert "<title>DONE" not in refused
    assert "2 of 2 cases" in refused


def _dump(path: Path, html: str) -> str:
    path.write_text(html, encoding="utf-8")
    flags = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        f"--user-data-dir={path.parent}/profile",
        "--virtual-time-budget=3000",
    ]
    done = subprocess.run([str(CHROMIUM), *flags, "--dump-dom", path.as_uri()], capture_output=True, timeout=120, check=True)
    return done.stdout.decode("utf-8")
