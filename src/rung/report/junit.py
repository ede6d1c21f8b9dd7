"""What a continuous-integration server reads: JUnit XML, one test for each line of the bar, one for each rung.

A missed line of the bar is a failure, as is a bar that the choice is not shown to clear; one that could not be checked is
skipped. Rungs never fail the build: a failed one is
an error of the suite `rungs` only where nothing was chosen.
"""

from __future__ import annotations

from xml.etree import ElementTree

from rung.report.bar_lines import bar_lines
from rung.report.contents import Report, everyone
from rung.report.summary import chosen


def junit_xml(report: Report) -> str:
    """The report as JUnit XML, one document."""
    suites = ElementTree.Element("testsuites", name=f"rung: {report.project}")
    _bar(report, suites)
    _rungs(report, suites)
    for suite in suites:
        suite.set("tests", str(len(suite)))
        for kind, plural in (("failure", "failures"), ("skipped", "skipped")):
            suite.set(plural, str(len(suite.findall(f"testcase/{kind}"))))
    ElementTree.indent(suites)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(suites, encoding="unicode") + "\n"


def _bar(report: Report, suites: ElementTree.Element) -> None:
    suite = ElementTree.SubElement(suites, "testsuite", name="bar")
    winner, verdict = chosen(report), report.verdict
    choice = _test(suite, "a rung is chosen", "bar")
    if winner is None:
        _failed(choice, verdict.reason)
        return
    if verdict.coverage.partial:
        _failed(_test(suite, "the comparison is complete", "bar"), verdict.coverage.partial)
    for line in bar_lines(report, winner):
        test = _test(suite, line.name, "bar")
        reached = f"{winner.name} reached {line.reached}, asked {line.asked}"
        reached += f" (met with probability {line.chance})" if line.chance else ""
        if line.state == "unknown":
            ElementTree.SubElement(test, "skipped", message=f"{winner.name}: {line.name} was not measured")
        elif line.state == "missed" or (line.name == verdict.main_metric and line.state == "not certain"):
            _failed(test, reached)
        elif line.state == "not certain":  # a limit that it may keep: the choice stands
            ElementTree.SubElement(test, "system-out").text = _clean(f"not certain: {reached}")


def _rungs(report: Report, suites: ElementTree.Element) -> None:
    suite = ElementTree.SubElement(suites, "testsuite", name="rungs")
    verdict = report.verdict
    for rung in everyone(verdict):
        test = _test(suite, rung.name, "rungs")
        score = rung.scores.get(verdict.main_metric)
        if rung.status != "measured" or score is None:
            ElementTree.SubElement(test, "skipped", message=_clean(str(rung.why or rung.status)))
            continue
        why = "the choice" if rung.name == verdict.winner else str(verdict.rejected.get(rung.name, ""))
        ElementTree.SubElement(test, "system-out").text = _clean(f"{verdict.main_metric} {score.mean} of {score.n}: {why}")


def _test(suite: ElementTree.Element, name: str, group: str) -> ElementTree.Element:
    return ElementTree.SubElement(suite, "testcase", name=_clean(name), classname=f"rung.{group}")


def _failed(test: ElementTree.Element, message: str) -> None:
    ElementTree.SubElement(test, "failure", message=_clean(message))


def _clean(text: str) -> str:
    """Without the characters that XML 1.0 cannot hold."""
    return "".join(c for c in text if c in "\t\n" or (ord(c) >= 32 and not 0xD800 <= ord(c) <= 0xDFFF and ord(c) < 0xFFFE))
