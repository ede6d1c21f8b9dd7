"""Does a page say what a person reads in it: raised text, merged cells, heads, formulas; and is what is hidden counted?"""

from __future__ import annotations

import pytest

from tests.knowledge import making
from tests.knowledge.reading import case, given, text_of


def body(inner: str) -> str:
    return text_of("a.html", f"<html><body>{inner}</body></html>").strip()


def test_the_case_of_raised_text() -> None:
    text = case("limits.html")
    for wanted in ("3 x 10^6 litres", "25 [1] euro", "is 10^-9.", "x_12 is"):
        assert wanted in text


@pytest.mark.parametrize(
    ("markup", "said"),
    [
        ("25<sup>2</sup> kg</p><p><sup>2</sup> net", "25 [2] kg\n\n[2] net"),
        ('Fact<sup class="reference"><a href="#cite-1">[1]</a></sup> goes.', "Fact [1] goes."),
        ('Fact<a href="#fn2"><sup>2</sup></a>', "Fact [2]"),
        ('10<a href="n.xhtml#n6" epub:type="noteref"><sup>6</sup></a>', "10 [6]"),
        ('10<span style="vertical-align: super">6</span> m<font style="vertical-align:sub">i</font>', "10^6 m_i"),
        ("H<sub>2</sub>SO<sub>4</sub>", "H2SO4"),
        ("1<sup>st</sup> of May, Brand<sup>TM</sup>", "1st of May, Brand™"),
        ('<a href="http://x.org/">10<sup>6</sup></a>', "[10^6](http://x.org/)"),
        ("two&shy;word", "twoword"),
        ("a<br>b", "a  \nb"),
    ],
)
def test_text_within_a_line(markup: str, said: str) -> None:
    assert body(f"<p>{markup}</p>") == said


@pytest.mark.parametrize(
    ("markup", "said"),
    [
        ("<math><mi>E</mi><mo>=</mo><mi>m</mi><msup><mi>c</mi><mn>2</mn></msup></math>", "E = mc^2"),
        ('<math alttext="{\\displaystyle a^{2}}"><mi>a</mi></math>', "a^{2}"),
        ("<math><mfrac><mrow><mi>a</mi><mo>+</mo><mi>b</mi></mrow><mn>2</mn></mfrac></math>", "(a + b)/2"),
        (
            '<span style="display: none"><math alttext="x^2"><mi>x</mi></math></span><img aria-hidden="true" alt="x^2">',
            "x^2",
        ),
        ('<img src="e.png" alt="a^2 + b^2 = c^2">', "a^2 + b^2 = c^2"),
        ("<svg><title>no</title><text>Valve</text><text>Tank</text></svg>", "Valve Tank"),
    ],
)
def test_formulas_and_pictures(markup: str, said: str) -> None:
    assert body(f"<p>See {markup}.</p>") == f"See {said}." or body(f"<p>See {markup}.</p>") == f"See {said} ."


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (
            "<caption>Stock</caption><thead><tr><th rowspan=2>Region<th colspan=2>Price<tr><th>net<th>gross</thead>"
            "<tr><td rowspan=2>North<td>1<td>2<tr><td>3<td>4<tfoot><tr><td colspan=3>Sum: 10</tfoot>",
            "Stock\n\n| Region | Price net | Price gross |\n| --- | --- | --- |\n| North | 1 | 2 |\n"
            "| North | 3 | 4 |\n\nSum: 10",
        ),
        (
            "<tr><td colspan=2>Prices of 2026<tr><td>Part<td>Fee<tr><td>A<td>1",
            "Prices of 2026\n\n| Part | Fee |\n| --- | --- |\n| A | 1 |",
        ),
        ("<tr><th>Name<td>Ada<tr><th>Age<td>36", "|  |  |\n| --- | --- |\n| Name | Ada |\n| Age | 36 |"),
        ("<tr><td>A<td>1,5<tr><td>B<td>2,5", "|  |  |\n| --- | --- |\n| A | 1,5 |\n| B | 2,5 |"),
        (
            "<tr><th>Name<th>Fee<tr><td colspan=2>East<tr><td>A<td>1<tr><td colspan=2>West<tr><td>B<td>2",
            "East\n\n| Name | Fee |\n| --- | --- |\n| A | 1 |\n\nWest\n\n| Name | Fee |\n| --- | --- |\n| B | 2 |",
        ),
        (
            "<tr><th>A<th>B<tr><td>10<sup>3</sup> <a href='http://x.org'>l</a><td><p>one</p><p>t|o</p>",
            "| A | B |\n| --- | --- |\n| 10^3 [l](http://x.org) | one t\\|o |",
        ),
        ("<tr><th>A<th>B<tr><td>x<td><table><tr><td>in<td>ner</table>", "| A | B |\n| --- | --- |\n| x | in ner |"),
        ("<tr><td><table><tr><th>A<th>B<tr><td>1<td>2</table><td>beside", "| A | B |\n| --- | --- |\n| 1 | 2 |\n\nbeside"),
        ("<tr><td><p>Dear all,</p><p>it is late.</p>", "Dear all,\n\nit is late."),
    ],
)
def test_tables(rows: str, said: str) -> None:
    assert body(f"<table>{rows}</table>") == said


def test_a_table_within_a_list_stays_in_it() -> None:
    made = body("<ul><li>see<table><tr><th>A<th>B<tr><td>1<td>2</table></ul>")
    assert made == "- see\n\n  | A | B |\n  | --- | --- |\n  | 1 | 2 |"


@pytest.mark.slow
def test_spans_that_were_made_to_fill_memory() -> None:
    rows = "<tr>" + "<td colspan=1000 rowspan=60000>x" * 400
    documents, said, _ = given("a.html", f"<table>{rows * 200}</table>")
    assert documents or said


def test_definitions_stay_with_their_terms() -> None:
    made = body(
        "<dl><dt>Valve</dt><dt>Tap</dt><dd>Shuts <a href='http://x.org'>off</a></dd><dd>Leaks</dd><dt>Tank</dt><dd>Holds</dd></dl>"
    )
    assert made == "- **Valve**, **Tap**: Shuts [off](http://x.org); Leaks\n- **Tank**: Holds"


def test_a_list_of_terms_alone_stays_as_it_is() -> None:
    assert body("<dl><dt>Contents</dt><dt>Gate</dt><dt>Yard</dt></dl>").split() == ["Contents", "Gate", "Yard"]


def test_two_listings_in_one_block_stay_apart() -> None:
    made = body("<pre><code class='mjs'>import a;</code><button>copy</button><code class='cjs'>require(a);</code></pre>")
    assert "import a;\n\nrequire(a);" in made


def test_what_is_hidden_is_left_out_and_counted() -> None:
    page = (
        '<p>Seen</p><p hidden>S1</p><div style="display:none">S2 <b hidden>S3</b></div><p aria-hidden="true">S4</p>'
        "<template>S5</template><noscript>S6</noscript><dialog>S0</dialog><script>S7</script><details><summary>More</summary>Folded</details>"
        '<p hidden></p><form><p>Words of a form</p><input value="S8"><select><option>S9</select></form><nav>Go home</nav>'
    )
    documents, said, dropped = given("a.html", f"<html><body>{page}</body></html>")
    text = documents[0].text
    assert said == []
    assert "S" not in text.replace("Seen", "")
    assert "Folded" in text
    assert "Words of a form" in text
    assert dropped == {"hidden parts": 6, "form fields": 2, "words of navigation": 2}


def test_a_page_is_not_lost_because_all_of_it_is_hidden_until_a_script_has_run() -> None:
    assert body('<div aria-hidden="true"><p>The page below an open dialog.</p></div><p>Accept?</p>').startswith(
        "The page below"
    )
    page = "<html><body style='visibility: hidden'><p>Words</p></body></html>"
    assert text_of("a.html", page) == "Words\n"


def test_what_stands_around_the_main_part_is_counted() -> None:
    main = "<h1>Returns</h1><p>" + "Thirty days it is. " * 20 + "</p>"
    documents, _, dropped = given("a.html", f"<body><div>Cookies are fine</div><main>{main}</main><footer>Imprint</footer>")
    assert documents[0].text.startswith("# Returns")
    assert dropped == {"words outside the main part": 4}


def test_the_title_in_a_header_is_kept() -> None:
    assert body("<article><header><h1>Head</h1><p>by Ada</p></header><p>x</p></article>") == "# Head\n\nby Ada\n\nx"
    assert "# Top" in body("<header><h1>Top</h1></header><p>x</p>")


@pytest.mark.parametrize(
    ("data", "charset"),
    [
        ('<meta charset="latin-1"><p>costs 5 €, “now”'.encode("cp1252"), ""),
        ('<meta charset="iso-8859-1"><p>costs 5 €, “now”'.encode("cp1252"), "ISO-8859-1"),
        ('<meta charset="koi8-r"><p>costs 5 €, “now”'.encode("cp1252"), "windows-1252"),
        ('<meta charset="iso-8859-1"><p>costs 5 €, “now”'.encode("utf-8-sig"), "iso-8859-1"),
        ('<meta charset="iso-8859-1"><p>costs 5 €, “now”'.encode(), ""),
        ('<?xml version="1.0" encoding="utf-16"?><p>costs 5 €, “now”'.encode("utf-16"), ""),
        ('<meta http-equiv="Content-Type" content="text/html; charset=us-ascii"><p>costs 5 €, “now”'.encode("cp1252"), ""),
    ],
)
def test_labels_of_encodings_mean_what_browsers_mean(data: bytes, charset: str) -> None:
    assert text_of("a.html", data, charset=charset).strip() == "costs 5 €, “now”"


def test_xhtml_whose_empty_elements_are_closed() -> None:
    page = (
        '<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><head><title/><script src="x"/></head>'
        '<body><p>a&nbsp;&eacute;<a id="x"/> after{}</p></body></html>'
    )
    assert text_of("a.xhtml", page.format("")).split() == ["a", "é", "after"]
    assert text_of("a.xhtml", page.format(" & more<br>")).split() == ["a", "é", "after", "&", "more"]


def test_a_page_that_is_nested_too_deep_says_so() -> None:
    _, said, dropped = given("a.html", "<p>seen</p>" + "<div>" * 3000 + "x" + "</div>" * 3000)
    assert dropped == {"parts nested too deep to be read": 1}
    assert said == []


def test_a_book_with_notes_and_pages_outside_its_order() -> None:
    chapter = (
        '<h1>One</h1><p>A tank of 10<sup>6</sup> litres.<a epub:type="noteref" href="#n1"><sup>1</sup></a></p>'
        '<aside epub:type="footnote" id="n1" hidden="hidden"><p>1. Net of tax.</p></aside>'
    )
    book = making.epub({"a.xhtml": chapter.replace("<h1>", '<h1 xmlns:epub="http://www.idpf.org/2007/ops">')})
    documents, said, dropped = given("b.epub", book)
    assert said == []
    assert "10^6 litres. [1]" in documents[0].text
    assert "Net of tax." in documents[0].text
    assert dropped == {}


SHEET = """<style>/* of { all */ @import url(x.css); .up, .high{VERTICAL-ALIGN: Super} div.a > .gone {display:none}
#q{visibility:hidden!important} .back{display:none} .a p.back {display:block} @media print{.seen{display:none}}
@media screen { .s { display: none } } .old{text-decoration:line-through red} p:hover{display:none}
ol.roman{list-style: lower-roman inside} .deep .b i{display:none}</style>"""


@pytest.mark.parametrize(
    ("markup", "said", "hidden"),
    [
        ('<p>10<span class="up">6</span> and 10<i class="x high">7</i></p>', "10^6 and 10^7", 0),
        ('<p>10<span class="up" style="vertical-align: baseline">6</span></p>', "106", 0),
        ('<div class="a">Words <b class="gone">GONE</b></div>', "Words", 1),
        ('<div><p>Words <b class="gone">kept</b></p></div>', "Words **kept**", 0),
        ('<p>Words <b id="q" style="visibility: visible">GONE</b></p>', "Words", 1),
        ('<div class="a"><p class="back">Words</p></div>', "Words", 0),
        ('<p class="seen">Words <b class="s">GONE</b></p>', "Words", 1),
        ('<p>12 <span class="old">14</span> euro</p>', "12 ~~14~~ euro", 0),
        ('<ol class="roman"><li>one<li>two</ol>', "- i. one\n- ii. two", 0),
        ('<div class="deep"><p class="b">Words <u><i>GONE</i></u></p></div>', "Words", 1),
    ],
)
def test_the_rules_of_a_style_sheet(markup: str, said: str, hidden: int) -> None:
    documents, _, dropped = given("a.html", f"<html><head>{SHEET}</head><body>{markup}</body></html>")
    assert documents[0].text.strip() == said
    assert dropped.get("hidden parts", 0) == hidden


def test_a_style_sheet_that_hides_most_of_a_page_is_for_scripts() -> None:
    answers = "".join(f'<h2>Question {n}</h2><p class="answer">The answer to it is {n}.</p>' for n in range(5))
    open_rule = given("a.html", "<style>.b{display:none</style><p class=b>B</p><p>words of it</p>")[0][0].text
    assert open_rule == "words of it\n"
    assert "The answer to it is 4." in body(f"<style>.answer{{display:none}}</style>{answers}")


@pytest.mark.parametrize(
    ("markup", "said"),
    [
        ('<p><span style="text-decoration: line-through">old price</span> 9</p>', "~~old price~~ 9"),
        ("<p><s> 12 </s><b>10</b></p>", "~~12~~ **10**"),
        ("<div style='text-decoration:line-through'><p>a</p><p>b</p></div>", "~~a~~\n\n~~b~~"),
        ("<p><del><s>twice</s></del></p>", "~~twice~~"),
        ("<table><tr><th>a</th><th>b</th></tr><tr><td><s>12</s> 10</td><td>5</td></tr></table>",
         "| a | b |\n| --- | --- |\n| ~~12~~ 10 | 5 |"),
    ],
)  # fmt: skip
def test_struck_text(markup: str, said: str) -> None:
    assert body(markup) == said


@pytest.mark.parametrize(
    ("markup", "said"),
    [
        ('<ol type="a"><li>alpha<li>beta</ol>', "- a. alpha\n- b. beta"),
        ('<ol type="I" start="3"><li><p>x</p></li></ol>', "- III. x"),
        ('<ol start="5"><li>five<li>six<li value="9">nine<li>ten</ol>', "- 5. five\n- 6. six\n- 9. nine\n- 10. ten"),
        ("<ol reversed><li>two<li>one</ol>", "- 2. two\n- 1. one"),
        ('<ol start="5"><li>five<li>six</ol>', "5. five\n6. six"),
    ],
)
def test_numbers_of_lists(markup: str, said: str) -> None:
    assert body(markup) == said


@pytest.mark.parametrize(
    "markup",
    [
        '<div role="table"><div role="row"><span role="columnheader">H 1</span><span role="columnheader">H 2</span></div>'
        '<div role="rowgroup"><div role="row"><span role="cell">c 1</span><span role="cell">7</span></div></div></div>',
        "<style>.t{display:table}.r{display:table-row}.r span{display:table-cell}</style><div class='t'><div class='r'>"
        "<span>H 1</span><span>H 2</span></div><div class='r'><span>c 1</span><span>7</span></div></div>",
    ],
)
def test_tables_made_of_other_elements(markup: str) -> None:
    assert body(markup) == "| H 1 | H 2 |\n| --- | --- |\n| c 1 | 7 |"


@pytest.mark.parametrize(
    ("markup", "said"),
    [
        ("12<sup>00</sup> Uhr", "12:00 Uhr"),
        ("8<sup>30</sup>–17<sup>45</sup>", "8:30–17:45"),
        ("um 9<sup>15</sup>", "um 9:15"),
        ("249<sup>00</sup>", "249.00"),
        ("In 2024<sup>12</sup> it", "In 2024 [12] it"),
    ],
)
def test_raised_minutes_are_no_notes(markup: str, said: str) -> None:
    assert body(f"<p>{markup}</p>") == said
