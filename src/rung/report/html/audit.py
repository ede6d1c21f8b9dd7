"""An audit as a page: one HTML file that needs nothing else, in the style of a verdict's, without a script."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from rung.records.audits import Answered, Audit, AuditedDeployment
from rung.report.html.markup import Safe, el, join, scrolled, section
from rung.report.html.page import STYLE
from rung.report.numbers import DASH, count

MAX_ROWS = 1_000  # of a table on the page; the JSON has all
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_PARTS = (
    ("indexed", "What is searched"),
    ("trained", "What was trained"),
    ("answered", "What answered"),
    ("gates", "Gates passed over"),
    ("gone", "What is gone"),
    ("policies", "Policies"),
)


def audit_html(audit: Audit) -> str:
    """The whole page as text, to be written as UTF-8. Everything that comes from the project is escaped."""
    sections = (_indexed(audit), _trained(audit), _answered(audit), _gates(audit), _gone(audit), _policies(audit))
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        el("meta", name_="viewport", content="width=device-width, initial-scale=1"),
        el("title", f"{audit.project}: audit · Rung"),
        el("style", Safe(STYLE)),
    )
    links = [el("li", el("a", words, href=f"#{name}")) for name, words in _PARTS]
    header = el(
        "header",
        el("p", audit.project, cls="project", dir="auto"),
        el("p", f"Audit, {audit.created} · Rung {audit.rung}", cls="quiet small"),
        el("nav", el("ul", *links), aria_label="Parts of this report"),
    )
    body = el("body", header, el("main", *sections), el("footer", el("p", "This file loads nothing from elsewhere.")))
    return "<!doctype html>\n" + el("html", head, body, lang="en") + "\n"


def _table(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]], *, about: str = "") -> Safe:
    """A table of words; past `MAX_ROWS` it says how many are left out."""
    if not rows:
        return Safe("")
    shown = [
        el("tr", el("th", row[0], scope="row"), *(el("td", cell or DASH, cls="words") for cell in row[1:])) for row in rows
    ]
    head = el("thead", el("tr", *(el("th", one, scope="col", cls="words" if n else None) for n, one in enumerate(heads))))
    table = el("table", head, el("tbody", *shown[:MAX_ROWS]), cls="numbers", aria_label=title)
    more = f" {len(rows) - MAX_ROWS:,} more are in the JSON." if len(rows) > MAX_ROWS else ""
    return scrolled(table, title=title, about=f"{about}{more}".strip())


def _indexed(audit: Audit) -> Safe:
    groups = Counter(", ".join(one.groups) or "everybody" for one in audit.documents)
    licences = Counter(one.licence or "not stated" for one in audit.documents)
    rows = [
        (one.id, one.source, one.licence, one.date, ", ".join(one.groups) or "everybody", f"{one.characters:,}")
        for one in audit.documents
    ]
    versions = [(str(v.number), v.since, v.made_by, f"{v.documents:,}", f"{v.passages:,}") for v in audit.versions]
    return section(
        "indexed",
        "What is searched",
        el("p", f"{count(len(audit.documents), 'document')}. Licences and dates are what documents say of themselves."),
        *(el("p", f"Not known: {one}", cls="quiet") for one in audit.unknown),
        _table("Who may read", ("groups", "documents"), [(name, f"{n:,}") for name, n in groups.most_common()]),
        _table("Licences", ("licence", "documents"), [(name, f"{n:,}") for name, n in licences.most_common()]),
        _table("Versions of the index", ("version", "since", "made by", "documents", "passages"), versions),
        _table("Documents", ("document", "source", "licence", "date", "readers", "characters"), rows),
    )


def _trained(audit: Audit) -> Safe:
    rows = [
        (
            f"{one.kind} {one.digest[:12]}",
            one.state,
            one.created,
            one.base,
            "unknown" if one.rows is None else f"{one.rows:,}",
            _counts(one.approvals, nobody="nobody"),
            _counts(one.licences),
            "; ".join(one.acts),
        )
        for one in audit.artifacts
    ]
    heads = ("artifact", "state", "built", "on", "rows", "approved by", "licences of rows", "who did what")
    empty = el("p", "Nothing was trained.", cls="quiet")
    about = "Approvals are those of the rows as they stand in the project's files now."
    return section("trained", "What was trained", _table("Artifacts", heads, rows, about=about) if rows else empty)


def _answered(audit: Audit) -> Safe:
    parts = [_deployment(one) for one in audit.deployments]
    traced = [
        (name, one.digest[:12], f"{one.count:,}", one.first, one.last, f"{one.failed:,}")
        for name, answers in audit.others.items()
        for one in answers
    ]
    heads = ("name", "digest", "answers", "from", "to", "failed")
    if not parts and not traced:
        parts = [el("p", "Nothing was served, or nothing is kept of it.", cls="quiet")]
    return section("answered", "What answered", *parts, _table("Traced answers, by name and digest", heads, traced))


def _deployment(one: AuditedDeployment) -> Safe:
    pins = el("p", el("code", "; ".join(f"{name} {value}" for name, value in one.pins.items())), cls="small")
    return join(
        el("h3", f"{one.id}: {one.label}, {one.state}"),
        el("p", f"Promoted {one.promoted} by {one.by}. {_seen(one.answered)}"),
        pins,
        el("ul", *(el("li", event) for event in one.events)) if one.events else Safe(""),
    )


def _seen(answered: Sequence[Answered]) -> str:
    if not answered:
        return "No answer of it is on record."
    return " ".join(f"{count(a.count, 'answer')} from {a.first} to {a.last}, {a.failed:,} failed." for a in answered)


def _gates(audit: Audit) -> Safe:
    rows = [
        (one.id, one.label, one.promoted, one.by, one.reason, "; ".join(one.passed_over))
        for one in audit.deployments
        if one.passed_over
    ]
    forced = [(f"{a.kind} {a.digest[:12]}", act) for a in audit.artifacts for act in a.acts if "although" in act]
    none = el("p", "Nobody passed a gate over.", cls="quiet")
    return section(
        "gates",
        "Gates passed over",
        _table("Deployments", ("deployment", "rung", "when", "by", "why", "checks that did not hold"), rows),
        _table("Artifacts", ("artifact", "act"), forced),
        none if not rows and not forced else Safe(""),
    )


def _gone(audit: Audit) -> Safe:
    erasures = [
        (one.at, one.kind, one.digest[:16], one.by, one.reason, one.ended or "begun and not ended", _counts(one.erased))
        for one in audit.erasures
    ]
    gone = [(one.id, _counts(one.still_in) or "nowhere") for one in audit.gone]
    words = (
        "Documents that are searched no more, or were changed, and what still names or quotes what is gone. 'rung knowledge "
        "prune' takes versions, results, answers and texts of traces away; names of documents in traces end by age."
    )
    heads = ("begun", "of", "keyed digest", "by", "why", "ended", "erased")
    return section(
        "gone",
        "What is gone",
        el("p", words, cls="quiet"),
        _table("Gone documents", ("document", "still in"), gone) if gone else el("p", "Nothing gone is named anywhere."),
        _table(
            "Erasures", heads, erasures, about="What was erased is not on record; who has the text and the key can tell."
        ),
    )


def _policies(audit: Audit) -> Safe:
    return section("policies", "Policies", _table("Policies", ("key", "value"), list(audit.policies.items())))


def _counts(counts: Mapping[str, int], *, nobody: str = "") -> str:
    return ", ".join(f"{name or nobody} ({n:,})" for name, n in counts.items())
