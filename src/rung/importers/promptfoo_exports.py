"""What Promptfoo writes of an evaluation: its configuration, and its tests, which may stand in the results alone."""

from __future__ import annotations

from collections.abc import Mapping

from rung.importers.fields import object_of, objects_in
from rung.records import Json, canonical

Test = tuple[str, Json]  # its JSON pointer in the file, the test


def config_of(whole: Json) -> tuple[dict[str, Json], str]:
    """(the configuration, its JSON pointer): the file, or what an exported evaluation has of it beside its results."""
    outer = whole if isinstance(whole, dict) else {}
    inner = outer.get("config")
    if not isinstance(inner, dict) or "results" not in outer:
        return outer, ""
    if _stands_elsewhere(inner) and _of_results(outer):  # whose tests have the default test already
        return {key: value for key, value in inner.items() if key != "defaultTest"}, "/config"
    return (inner, "/config") if "tests" in inner else (outer, "")


def tests_of(whole: Json, config: Mapping[str, Json], pointer: str) -> list[Test]:
    """The tests of a configuration, which stands at this pointer of the file; those of the results where it names files."""
    tests = config.get("tests")
    outer = whole if isinstance(whole, dict) else {}
    if pointer and _stands_elsewhere(config) and (own := _of_results(outer)):
        return own
    if isinstance(tests, list):
        return [(f"{pointer}/tests/{index}", test) for index, test in enumerate(tests)]
    return [] if tests is None else [(f"{pointer}/tests", tests)]


def _stands_elsewhere(config: Mapping[str, Json]) -> bool:
    tests = config.get("tests")
    listed = tests if isinstance(tests, list) else [tests]
    return any(one is None or isinstance(one, str) or "path" in object_of(one) for one in listed)


def _of_results(outer: Mapping[str, Json]) -> list[Test]:
    """The tests that were run, each once, whatever prompts and models it was run with."""
    tests: dict[str, Test] = {}
    results = outer.get("results")
    inside = object_of(results).get("results") if isinstance(results, dict) else results
    pointer = "/results/results" if isinstance(results, dict) else "/results"
    for index, result in enumerate(objects_in(inside)):
        test = object_of(result.get("testCase")) or {"vars": result.get("vars")}
        if object_of(test.get("vars")):
            tests.setdefault(canonical([test.get("vars"), test.get("assert")]), (f"{pointer}/{index}", {**test}))
    return list(tests.values())
