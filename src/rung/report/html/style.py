"""How does the report look? One style for desk, phone, dark, light and paper.

Colours are names on `:root`; the pictures of `charts` use them by class. The layers' colours follow Okabe and Ito, which
stay apart for colour-blind eyes; every part also carries a letter.
"""

_LIGHT = """
  --paper: #ffffff; --tint: #f5f6f8; --ink: #1a2027; --quiet: #59636e; --line: #dfe3e8; --grid: #e8ebef;
  --accent: #0b5cad; --accent-tint: #e6f0fa; --good: #12653a; --good-tint: #e4f3ea; --bad: #a8320a; --bad-tint: #fcebe4;
  --mark: #ffe9a8; --right: #cfe0f1; --right-ink: #123a63;
"""

_DARK = """
  --paper: #14181d; --tint: #1c2229; --ink: #e7ebf0; --quiet: #9ba7b4; --line: #323b46; --grid: #262e37;
  --accent: #78b7f5; --accent-tint: #17304a; --good: #74d19b; --good-tint: #15311f; --bad: #ff9a73; --bad-tint: #3d2016;
  --mark: #6b5410; --right: #2b4a69; --right-ink: #dcebfa;
"""

_PAGE = """
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; scroll-behavior: smooth; }
@media (prefers-reduced-motion: reduce) { html { scroll-behavior: auto; } }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif; }
main, body > header, body > footer { max-width: 960px; margin: 0 auto; padding: 0 24px; }
body > header { padding-top: 36px; }
.project { margin: 0; font-weight: 600; }
.task { margin: 2px 0 0; color: var(--quiet); max-width: 46em; }
nav { margin: 18px 0 0; padding: 10px 0; border-top: 1px solid var(--line); border-bottom: 1px solid var(--line); }
nav ul { display: flex; flex-wrap: wrap; gap: 4px 20px; list-style: none; margin: 0; padding: 0; font-size: 14px; }
a { color: var(--accent); text-underline-offset: 2px; text-decoration-thickness: 1px; }
nav a { text-decoration: none; } nav a:hover { text-decoration: underline; }
section { margin: 56px 0; } #verdict { margin-top: 32px; }
h1 { font-size: 38px; line-height: 1.15; letter-spacing: -0.02em; font-weight: 650; margin: 12px 0;
  overflow-wrap: anywhere; }
h1 .winner { color: var(--accent); }
h2 { font-size: 23px; line-height: 1.25; letter-spacing: -0.01em; font-weight: 650; margin: 0 0 6px; }
h3 { font-size: 16px; font-weight: 650; margin: 28px 0 6px; }
p { margin: 6px 0; max-width: 50em; }
.lead { font-size: 18px; line-height: 1.5; }
.quiet { color: var(--quiet); } .small { font-size: 13px; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.chip { display: inline-block; margin: 0; padding: 3px 12px; border-radius: 99px; font-size: 14px; font-weight: 600; }
.chip.good { background: var(--good-tint); color: var(--good); } .chip.bad { background: var(--bad-tint);
  color: var(--bad); }
.chip.neutral { background: var(--tint); color: var(--quiet); }
.good { color: var(--good); } .bad { color: var(--bad); } .neutral { color: var(--quiet); }
.tag { display: inline-block; padding: 0 7px; border-radius: 4px; font-size: 12px; font-weight: 600; line-height: 18px;
  white-space: nowrap;
  background: var(--accent-tint); color: var(--accent); }
.tag.plain { background: var(--tint); color: var(--quiet); font-weight: 500; }
code { font: 13px/1.5 ui-monospace, "SF Mono", Menlo, Consolas, "Liberation Mono", monospace; overflow-wrap: anywhere; }
dl { margin: 6px 0; } dd { margin: 0; overflow-wrap: anywhere; } dt { font-weight: 600; overflow-wrap: anywhere; }
dl.reasons { display: grid; grid-template-columns: minmax(110px, max-content) 1fr; gap: 6px 20px; }
dl.facts { display: grid; grid-template-columns: 150px 1fr; gap: 6px 20px; font-size: 14px; }
dl.facts dt { color: var(--quiet); font-weight: 500; } dl.facts p { margin: 0; } dl.facts ul { margin: 0;
  padding-left: 18px; }
ul.warnings { padding-left: 20px; } ul.warnings li { margin: 6px 0; }
summary { cursor: pointer; } details > summary { color: var(--accent); font-size: 14px; margin: 8px 0; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 3px; }
body > footer { padding-bottom: 48px; color: var(--quiet); font-size: 13px; }
"""

_TABLES = """
.scroll { overflow-x: auto; margin: 0 0 30px; }
.over { margin: 18px 0 4px; font-size: 14px; color: var(--quiet); } .over b { color: var(--ink); font-weight: 650; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding: 0 0 6px; font-size: 14px; }
table.plain { width: auto; } table.plain th, table.plain td { padding: 6px 28px 6px 0; }
th, td { text-align: left; vertical-align: top; font-weight: 400; border-bottom: 1px solid var(--line); }
thead th { font-size: 13px; color: var(--quiet); vertical-align: bottom; }
table.plain tbody th { font-weight: 600; } .checks td:last-child { font-weight: 600; padding-right: 0;
  white-space: nowrap; }
table.numbers { font-size: 14px; width: auto; min-width: 50%; }
  table.numbers th, table.numbers td { padding: 6px 0 6px 30px; }
table.numbers td, table.numbers thead th { text-align: right; white-space: nowrap; }
table.numbers thead th { white-space: normal; }
table.numbers th:first-child { text-align: left; padding-left: 0; white-space: nowrap; position: sticky; left: 0;
  background: var(--paper); }
table.numbers tbody th { font-weight: 500; } table.numbers tr.chosen th { font-weight: 700; }
table.numbers td.words, table.numbers thead th.words { text-align: left; white-space: normal; min-width: 180px; }
.ends { display: inline-block; min-width: 62px; font-size: 12px; color: var(--quiet); } .n { display: block;
  font-size: 12px; }
table.chart { margin: 10px 0 4px; table-layout: fixed; } table.chart caption { position: absolute; width: 1px;
  height: 1px; overflow: hidden; clip-path: inset(50%); }
table.chart th, table.chart td { padding: 0; border: 0; vertical-align: middle; }
col.c-who { width: 190px; } col.c-value { width: 166px; }
table.chart .who { padding-right: 14px; overflow-wrap: anywhere; line-height: 1.25; font-weight: 500; }
table.chart .value { padding-left: 22px; text-align: right; white-space: nowrap; }
table.chart .value .quiet { font-size: 13px; }
table.chart tr.band td { padding: 8px 0 14px; color: var(--quiet); font-size: 14px; line-height: 1.45; }
table.chart tr.band b { color: var(--ink); font-weight: 600; }
#quality tr.band td { padding: 14px 0 4px; border-bottom: 1px dashed var(--line); }
.legend { list-style: none; padding: 0; margin: 14px 0; display: grid;
  grid-template-columns: repeat(auto-fill, minmax(300px, 1fr)); gap: 6px 28px;
  font-size: 14px; line-height: 1.4; }
.legend li { display: flex; gap: 10px; align-items: baseline; } .legend b { font-weight: 600; }
.key { flex: none; width: 22px; height: 20px; border-radius: 3px; text-align: center; font-size: 12px;
  font-weight: 700; line-height: 20px; }
"""

_DRAWN = """
svg { display: block; overflow: visible; } svg svg { display: inline; }
svg text { font-size: 12px; fill: var(--quiet); font-variant-numeric: tabular-nums; }
.grid { stroke: var(--grid); } .zero { stroke: var(--line); stroke-width: 1.5; }
.barline { stroke: var(--bad); stroke-width: 1.5; stroke-dasharray: 5 3; } svg text.barlabel { fill: var(--bad);
  font-weight: 600; }
.whisker { stroke: var(--ink); stroke-width: 1.75; } .whisker.faint { opacity: 0.35; stroke-width: 1.5; }
.chosen .whisker { stroke: var(--accent); stroke-width: 2.5; } .reference .whisker { stroke: var(--quiet);
  stroke-dasharray: 2 2; }
.dot { fill: var(--ink); stroke: var(--paper); stroke-width: 1.5; } .dot.chosen { fill: var(--accent); }
.dot.reference { fill: var(--paper); stroke: var(--quiet); stroke-width: 1.75; }
.dot.gap { fill: var(--ink); } .gapbar { fill: var(--accent); opacity: 0.3; }
.part { stroke: var(--paper); stroke-width: 1.5; }
svg text.name { font-size: 13px; fill: var(--ink); paint-order: stroke; stroke: var(--paper); stroke-width: 4px;
  stroke-linejoin: round; }
svg text.inpart { font-weight: 700; }
figure { margin: 0; } figure h3 { margin: 18px 0 10px; } figcaption { color: var(--quiet); font-size: 13px;
  text-align: right; line-height: 1.4; }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 12px 44px; }
.part.right { fill: var(--right); } .part.partly { fill: var(--mark); } svg text.inpart.right { fill: var(--right-ink); }
  .key.partly { background: var(--mark); } .key.right { background: var(--right); color: var(--right-ink); }
"""

# In the order of `report_figures.LAYERS`: fill, text.
_LAYERS = (
    ("#3d4450", "#ffffff"),
    ("#c44601", "#ffffff"),
    ("#cc79a7", "#1a1016"),
    ("#e69f00", "#1d1400"),
    ("#f0e442", "#1d1b00"),
    ("#0072b2", "#ffffff"),
    ("#56b4e9", "#04141f"),
    ("#b79ae6", "#140a24"),
    ("#009e73", "#00150f"),
    ("#8a9099", "#0c0e10"),
    ("#6b4226", "#ffffff"),
    ("#a8c256", "#12160a"),
    ("#7a1f3d", "#ffffff"),
    ("#c9b8f5", "#150a2a"),
    ("#5f7f95", "#ffffff"),
    ("#d9a48f", "#1c0f09"),
    ("#31586b", "#ffffff"),
)

_CASES = """
#filters { margin: 12px 0; }
.controls { display: flex; flex-wrap: wrap; gap: 10px 14px; }
.controls label { display: flex; flex-direction: column; font-size: 13px; color: var(--quiet); gap: 3px; }
  .controls .wide { flex: 1 1 220px; }
select, input { font: inherit; font-size: 15px; color: var(--ink); background: var(--paper);
  border: 1px solid var(--line); border-radius: 6px; padding: 6px 9px;
  min-height: 38px; max-width: 100%; }
.case { border-bottom: 1px solid var(--line); content-visibility: auto; contain-intrinsic-size: auto 45px; }
  .case[hidden] { display: none; }
.case:first-child { border-top: 1px solid var(--line); }
.case > summary { display: flex; gap: 12px; align-items: baseline; margin: 0; padding: 10px 0; color: var(--ink);
  font-size: 15px; list-style: none; }
.case > summary::-webkit-details-marker { display: none; }
.case > summary:hover .asked { color: var(--accent); } .case[open] > summary .asked { font-weight: 600; }
.asked { flex: 1; min-width: 0; overflow-wrap: anywhere; } .tally { flex: none; color: var(--quiet); font-size: 13px;
  font-variant-numeric: tabular-nums; }
.mark { flex: none; font-weight: 700; width: 18px; }
.inside { padding: 4px 0 26px 30px; }
.answer { margin: 18px 0 0; padding-top: 12px; border-top: 1px solid var(--grid); } .answer p { margin: 3px 0; }
.head .verdict { font-weight: 600; font-size: 14px; margin: 0 4px; }
blockquote { margin: 6px 0; padding: 8px 14px; background: var(--tint); border-radius: 6px; white-space: pre-wrap;
  overflow-wrap: anywhere; }
.error { color: var(--bad); overflow-wrap: anywhere; } .cites { font-size: 14px; overflow-wrap: anywhere; }
.gold { color: var(--good); font-weight: 600; font-size: 13px; white-space: nowrap; }
.shown ol { margin: 6px 0; padding-left: 26px; font-size: 14px; } .shown li { margin: 8px 0; overflow-wrap: anywhere; }
.text { white-space: pre-wrap; overflow-wrap: anywhere; font-size: 14px; line-height: 1.5; margin: 6px 0;
  padding: 8px 14px; border-left: 3px solid var(--line); }
mark { background: var(--mark); color: inherit; border-bottom: 2px solid currentColor; }
#store { margin-top: 20px; } .store { padding-left: 34px; font-size: 14px; } .store li { overflow-wrap: anywhere; }
.store li:target .text { border-left-color: var(--accent); }
"""

_NARROW = """
@media (max-width: 760px) { .pair { grid-template-columns: 1fr; } }
@media (max-width: 620px) {
  main, body > header, body > footer { padding: 0 16px; } body > header { padding-top: 22px; }
  h1 { font-size: 29px; } section { margin: 44px 0; } .inside { padding-left: 0; }
  table.chart, table.chart tbody { display: block; } table.chart tr { display: flex; flex-wrap: wrap;
    align-items: baseline; }
  table.chart colgroup { display: none; } table.chart .who { flex: 1; }
  table.chart .value { padding-left: 10px; }
  table.chart .drawn { order: 3; flex: 0 0 100%; } table.chart tr.axis { position: relative; }
    table.chart tr.band td { flex: 0 0 100%; }
  .ends { display: block; line-height: 1.35; } table.numbers th, table.numbers td { padding-left: 20px; }
  dl.reasons, dl.facts { grid-template-columns: 1fr; gap: 1px; } dl.reasons dd, dl.facts dd { margin-bottom: 9px; }
  table.plain { width: 100%; font-size: 15px; } table.plain th, table.plain td { padding-right: 12px; }
  .controls label { flex: 1 1 130px; } .legend { grid-template-columns: 1fr; }
}
"""

_PAPER = """
@media print {
  :root { color-scheme: light; %s }
  body { font-size: 10.5pt; } nav, #filters, #store { display: none; }
  main, body > header, body > footer { max-width: none; padding: 0; }
  section { margin: 22pt 0; } h2, h3, .over { break-after: avoid; } tr, figure, .answer { break-inside: avoid; }
  .scroll { overflow: visible; break-inside: avoid; } table.numbers { font-size: 9pt; }
  .pair { grid-template-columns: 1fr 1fr; }
    table.numbers th, table.numbers td { padding-left: 8px; }
  .case:not([open]) { display: none; } .case { content-visibility: visible; }
    #cases > .quiet::after { content: " Printed are the cases that are open."; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
"""


def _layer(style: str, fill: str, ink: str) -> str:
    text = f"svg text.inpart.{style} {{ fill: {ink}; }} .key.{style} {{ background: {fill}; color: {ink}; }}"
    return f".part.{style} {{ fill: {fill}; }} {text}\n"


STYLE = (
    f":root {{ color-scheme: light dark; {_LIGHT} }}\n@media (prefers-color-scheme: dark) {{ :root {{ {_DARK} }} }}\n"
    + _PAGE
    + _TABLES
    + _DRAWN
    + "".join(_layer(f"lost-{i}", fill, ink) for i, (fill, ink) in enumerate(_LAYERS))
    + _layer("lost-other", "#d8d3c4", "#1c1a12")
    + _CASES
    + _NARROW
    + _PAPER % _LIGHT
)
