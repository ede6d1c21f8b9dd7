"""A comparison as the people see it who must act on it: one HTML file that needs nothing else.

`report_html` is a pure function of a `Report`: no disk, no network, no library. Deciding is left to `decide`, gathering
the records and writing the file to the caller.
"""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files

from rung.report.access import notice
from rung.report.contents import Basis, CasePage, Limits, Report
from rung.report.headline import verdict_section
from rung.report.html.cases import cases_section
from rung.report.html.figures import gaps_section, losses_section, price_section, quality_section
from rung.report.html.learning import learning_section
from rung.report.html.markup import Safe, el
from rung.report.html.risk import risk_section
from rung.report.html.tables import basis_section, scores_section, warnings_block
from rung.report.numbers import count

__all__ = ["Basis", "CasePage", "Limits", "Report", "report_html"]

STYLE, SCRIPT = ((files(__package__) / name).read_text("utf-8") for name in ("report.css", "report.js"))

_PARTS = (
    ("verdict", "Verdict"),
    ("quality", "Quality"),
    ("price", "Cost and speed"),
    ("gaps", "Gaps"),
    ("losses", "Losses"),
    ("warnings", "Warnings"),
    ("scores", "All scores"),
    ("cases", "Cases"),
    ("basis", "Basis"),
)


def report_html(report: Report) -> str:
    """The whole page as text, to be written as UTF-8 to a file such as ``report.html``.

    It opens offline from a file, follows the reader's light or dark setting, prints, and names no other host. Everything
    that comes from the records is escaped; besides, a policy in its head allows its own script by digest, and no other.
    """
    sections = (
        verdict_section(report),
        quality_section(report),
        price_section(report),
        gaps_section(report),
        losses_section(report),
        warnings_block(report),
        scores_section(report),
        learning_section(report),
        risk_section(report),
        cases_section(report),
        basis_section(report),
    )
    body = el("body", _header(report), el("main", *sections), _footer(report), el("script", Safe(SCRIPT)))
    return "<!doctype html>\n" + el("html", _head(report), body, lang="en") + "\n"


def _head(report: Report) -> Safe:
    title = f"{report.project}: {report.verdict.winner or 'no rung recommended'} · Rung"
    return el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", http_equiv="Content-Security-Policy", content=_policy()),
        el("meta", name_="viewport", content="width=device-width, initial-scale=1"),
        el("title", title),
        el("style", Safe(STYLE)),
    )


def _policy() -> str:
    allowed = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{allowed}'; base-uri 'none'; form-action 'none'"
    )


def _header(report: Report) -> Safe:
    when = f"{report.created} · " if report.created else ""
    facts = f"{when}{count(report.verdict.cases, 'case')}" + (f" · {report.basis.model}" if report.basis.model else "")
    parts = [part for part in _PARTS if part[0] != "warnings" or report.verdict.warnings]
    links = [el("li", el("a", words, href=f"#{name}")) for name, words in parts]
    return el(
        "header",
        el("p", report.project, cls="project", dir="auto"),
        el("p", report.task, cls="task", dir="auto") if report.task else Safe(""),
        el("p", facts, cls="quiet small"),
        notice(report),
        el("nav", el("ul", *links), aria_label="Parts of this report"),
    )


def _footer(report: Report) -> Safe:
    when = f", {report.created}" if report.created else ""
    return el("footer", el("p", f"Made by Rung from recorded runs{when}. This file loads nothing from elsewhere."))
