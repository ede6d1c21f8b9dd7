"""Is what the documentation says true of the code: what there is, what there is not yet, what a command takes?

Tables against the code are in `test_names`; what code blocks do is in `test_blocks`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from rung.cli.command_line import command_line
from rung.commands.measured import MeasuredVerdict
from rung.config.schema import Settings
from rung.records import Verdict
from rung.strategies.registry import REFERENCES, by_default, ladder
from rung.tools.registry import DOOR as TOOLS
from rung.tools.registry import open_tools
from rung.verdict.advise import AVOID, BEHAVIOUR, KNOWLEDGE
from tests.docs.commands import calls, verbs
from tests.docs.pages import DOCS, ROOT, blocks_in, code, pages, prose

TOLD = [page for page in pages() if page.name not in ("LOG.md", "cli.md")]  # the log tells what was; cli.md is generated
OTHERS = {
    "trec_eval",
    "log_samples",
    "samples_df",
    "to_pandas",
    "to_csv",
    "bind_tools",
}  # other programs, and what these offer


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def sentences(page: Path) -> Iterator[str]:
    """The sentences of a page, cells of tables too, each on one line."""
    for part in re.split(r"\n\n|\|", prose(page)):
        yield from (sentence.strip() for sentence in re.split(r"(?<=[.:;])\s+", " ".join(part.split())))


# --- what is said not to be there

RUNGS = {*ladder(), *(rung.name for rung in REFERENCES)}
UNBUILT = re.compile(r"\bnot (?:built|here|offered)\b|\byet\b|\bnothing (?:that )?(?:carries|calls|serves)\b")
ABSENT: dict[tuple[str, str], Callable[[], bool]] = {  # (page, part of the sentence) -> whether it is still true
    ("plugins.md", "stores are not plugins yet"): lambda: (
        "store" not in (DOCS / "plugins.md").read_text("utf-8").split("## ")[0]
    ),
}
OF_PROJECTS = (  # what is not there yet in somebody's project, or was not measured
    *("A rung that is not trained yet", "of a rung that has cost nothing yet", "rungs that were not built"),
    *("those that were not built or begun", "one that was not built since"),
    *("or that it was [not built]", "what was not built", "## Not measured yet", "Float32 in a GGUF is not offered"),
)


def claims() -> list[tuple[str, str]]:
    """(page, sentence) of everything that is said not to be there."""
    said = ((page.name, sentence) for page in TOLD for sentence in sentences(page) if UNBUILT.search(sentence))
    return [claim for claim in said if not any(part in claim[1] for part in OF_PROJECTS)]


def test_every_claim_that_something_is_not_there_is_checked() -> None:
    unchecked = [c for c in claims() if not any(c[0] == page and part in c[1] for page, part in ABSENT)]
    assert unchecked == [], "name it in ABSENT with a check, or in OF_PROJECTS"


@pytest.mark.parametrize("claim", ABSENT, ids=lambda claim: f"{claim[0]}: {claim[1]}")
def test_what_is_said_not_to_be_there_is_not(claim: tuple[str, str]) -> None:
    page, part = claim
    assert any(page == where and part in sentence for where, sentence in claims()), "the page no longer says so"
    assert ABSENT[claim](), f"{page} says that it is not there: {part}"


def test_claims_are_recognised() -> None:
    assert UNBUILT.search("`tools`: nothing that carries out tool calls is here yet")
    assert UNBUILT.search("Serving is not built.")


# --- what is said to be there


def test_the_ladder_of_the_readme_is_the_registrys() -> None:
    (shown,) = [block.text for block in blocks_in(ROOT / "README.md") if "→" in block.text]
    assert [rung.strip() for rung in shown.split("→")] == by_default()


def test_advice_names_only_rungs_that_there_are() -> None:
    assert {rule.rung for rule in (*KNOWLEDGE, *BEHAVIOUR, *AVOID)} <= set(ladder())


def test_every_tool_is_documented_and_carried_out() -> None:
    from rung.records.steps import CallTool, CallToolResult, Request
    from rung.tools.engine import ToolEngine

    assert set(TOOLS.built_in) <= set(code(prose(DOCS / "rungs.md")))
    ((_, made),) = ToolEngine(open_tools(["calculator"])).run([Request(CallTool("calculator", '{"expression": "1+1"}'))])
    assert made == CallToolResult("2")


@pytest.mark.parametrize("page", TOLD, ids=name)
def test_every_name_in_code_stands_in_the_source(page: Path) -> None:
    """A rung, setting, metric, key or function of several words that the page names is one."""
    named = {word for span in code(prose(page)) for word in re.findall(r"\b[a-z]+(?:_[a-z0-9]+)+\b", span)}
    assert named - source_words() - OTHERS - {word for _, part in ABSENT for word in code(part)} == set()


@cache
def source_words() -> set[str]:
    """Every word of the source, the tests' inputs and the examples, and the names of these files."""
    there = (path for part in ("src", "benchmarks", "examples", "tests") for path in (ROOT / part).rglob("*"))
    files = [path for path in there if path.suffix in (".py", ".yaml") and path != Path(__file__)]
    return {word for path in files for word in re.findall(r"\w+", f"{path.stem} {path.read_text('utf-8')}")}


@pytest.mark.parametrize("page", TOLD, ids=name)
def test_every_key_of_rung_yaml_that_is_named_is_one(page: Path) -> None:
    sections = {key: field.annotation for key, field in Settings.model_fields.items()}
    for span in code(prose(page)):
        head, dot, key = span.partition(".")
        section = sections.get(head)
        if dot and isinstance(section, type) and issubclass(section, BaseModel) and re.fullmatch(r"\w+", key):
            known = {field.alias or own for own, field in section.model_fields.items()}
            known |= (
                {one.name for one in fields(Verdict)} | {*dir(MeasuredVerdict)} if head == "verdict" else set()
            )  # a variable in Python, too
            assert key in known or section.model_config.get("extra") == "allow", span


@pytest.mark.parametrize("page", TOLD, ids=name)
def test_every_verb_and_option_that_is_named_is_one(page: Path) -> None:
    shown = [words for span in re.findall(r"`(rung [a-z-][^`]*)`", prose(page)) for words in calls(span)]
    for words in shown:
        options, where = taken(words)
        assert [word for word in words if word.startswith("--") and word.split("=")[0] not in options] == [], (where, words)


@cache
def tree() -> Any:
    """The command line."""
    return command_line()


def taken(words: list[str]) -> tuple[set[str], str]:
    """The options of the verb (or sub-verb) that a command line names, and its name."""
    command, where = tree(), "rung"
    options = {option for param in command.params for option in param.opts}
    for word in (word for word in words if not word.startswith("-")):
        if word not in getattr(command, "commands", {}):
            break
        command, where = command.commands[word], f"{where} {word}"
        options |= {option for param in command.params for option in (*param.opts, *param.secondary_opts)}
    if where == "rung artifacts":
        options |= {option for param in command.commands["list"].params for option in param.opts}
    assert where != "rung" or words[0].startswith("-"), f"{words[0]} is no verb"
    return options | {"--help", "--version"}, where


def test_every_verb_is_told_of_outside_its_help() -> None:
    said = " ".join(page.read_text("utf-8") for page in TOLD)
    named = [verb for verb, _ in verbs(tree()) if verb.count(" ") == 1]
    assert [verb for verb in named if not re.search(rf"{verb}\b", said)] == []


def test_a_mistake_in_a_command_is_caught() -> None:
    assert "--gate" in taken(["report", "--compare", "1", "2"])[0]
    assert "--gate" not in taken(["compare", "x"])[0]
    assert taken(["-C", "x", "artifacts", "promote", "1a2b"])[1] == "rung"
    with pytest.raises(AssertionError):
        taken(["dance"])


# --- pages


@pytest.mark.parametrize("page", pages(), ids=name)
def test_no_section_is_empty_or_ends_in_a_placeholder(page: Path) -> None:
    parts = re.split(r"(?m)^(#{1,6}) (.*)$", page.read_text("utf-8"))
    found = list(zip(parts[1::3], parts[2::3], parts[3::3], strict=True))
    for place, (marks, title, text) in enumerate(found):
        deeper = place + 1 < len(found) and len(found[place + 1][0]) > len(marks)
        assert text.strip() or deeper, f"'{title}' is empty"
        assert not re.search(r"(?:\.\.\.|…|[:,])\s*\Z", text), f"'{title}' is not finished"


def test_every_page_that_the_code_names_is_there() -> None:
    texts = [path.read_text("utf-8") for part in ("src", "benchmarks", "findings") for path in (ROOT / part).rglob("*.py")]
    named = {page for text in texts for page in re.findall(r"(?<![\w/])docs/([a-z-]+\.md)\b(?=[ ,;:.)])", text)}
    assert named - {"returns.md", "shipping.md", "prices.md", "gguf.md"} - {page.name for page in pages()} == set()
