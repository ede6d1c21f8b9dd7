"""Can a document become public by a slip of the pen? Sidecars, rules and functions narrow; in doubt it is left out."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rung.config.project import load_project
from rung.errors import UserError
from rung.knowledge.loading import Access, GroupsOf, ReadReport, Rule, Unusable, read_sources
from rung.pipeline.sources import Sources
from rung.records import Document
from tests.knowledge import making
from tests.knowledge.making import put


def read(root: Path, *rules: Rule, groups_of: GroupsOf | None = None) -> ReadReport:
    return read_sources(root, ["docs"], access=Access(rules, groups_of))


def groups(report: ReadReport) -> dict[str, tuple[str, ...]]:
    return {d.id: d.groups for d in report.documents}


def said(report: ReadReport) -> list[str]:
    return [str(p) for p in report.problems]


@pytest.mark.slow
def test_a_sidecar_is_the_front_matter_of_a_file_that_has_none(tmp_path: Path) -> None:
    put(tmp_path, "docs/report.pdf", making.drawn("numbers"))
    put(
        tmp_path,
        "docs/report.pdf.meta.yaml",
        "title: The report\ngroups: [board, finance]\nreviewed: 2026-01-02\npages: [0, 3]\n",
    )
    report = read(tmp_path)
    (document,) = report.documents
    assert said(report) == []
    assert (document.title, document.groups) == ("The report", ("board", "finance"))
    assert document.meta == {"format": "markdown", "pages": [0], "reviewed": "2026-01-02"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.txt.meta.yaml", "groups: {a: b}"),
        ("a.txt.meta.yaml", "group: staff"),
        ("a.txt.meta.yaml", "- staff"),
        ("a.txt.meta.yaml", "staff"),
        ("a.txt.meta.yaml", "groups: [a\n"),
        ("a.txt.meta.yaml", "title: x\n---\ngroups: [staff]\n"),
        ("a.txt.meta.yaml", "\xff\xfe"),
        ("a.txt.meta.yml", "groups: [staff]"),
        ("a.txt.groups.yaml", "[staff]"),
        ("a.txt.META.yaml", "groups: [staff]"),
    ],
)
def test_a_sidecar_in_doubt_leaves_the_document_out(name: str, text: str, tmp_path: Path) -> None:
    put(tmp_path, "docs/a.txt", "secret")
    put(tmp_path, f"docs/{name}", text.encode("latin-1"))
    put(tmp_path, "docs/b.txt", "public")
    report = read(tmp_path)
    assert groups(report) == {"docs/b.txt": ()}
    assert len(report.problems) == 1
    assert said(report)[0].endswith("left out")


def test_a_sidecar_without_its_document_is_said(tmp_path: Path) -> None:
    put(tmp_path, "docs/report.txt", "text")
    put(tmp_path, "docs/plan.txt.meta.yaml", "groups: [staff]")
    report = read(tmp_path)
    assert groups(report) == {"docs/report.txt": ()}
    assert said(report) == ["docs/plan.txt.meta.yaml: describes plan.txt, which is not there; a misspelt name?"]


@pytest.mark.parametrize(
    ("sidecar", "document", "counts"),
    [
        ("reprot.txt.meta.yaml", "report.txt", True),
        ("report.meta.yaml", "report.txt", True),
        ("Report.TXT.meta.yaml", "report.txt", True),
        ("Geha\u0308lter.txt.meta.yaml", "Gehälter.txt", True),
        ("report.txt.meta.json", "report.txt", True),
        ("report.txt.acl.toml", "report.txt", True),
        ("report.txt.groups", "report.txt", True),
        ("report2.txt.meta.yaml", "report1.txt", False),
        ("prices.txt.meta.yaml", "report.txt", False),
    ],
)
def test_a_sidecar_with_a_slip_leaves_out_what_it_seems_to_describe(
    sidecar: str, document: str, counts: bool, tmp_path: Path
) -> None:
    put(tmp_path, f"docs/{document}", "secret")
    put(tmp_path, f"docs/{sidecar}", "groups: [staff]")
    report = read(tmp_path)
    assert groups(report) == ({} if counts else {f"docs/{document}": ()})
    assert any(f"docs/{document}: has {sidecar} beside it" in line for line in said(report)) is counts


def test_a_sidecar_with_a_slip_that_says_nothing_of_access_leaves_nothing_out(tmp_path: Path) -> None:
    put(tmp_path, "docs/report.txt", "public")
    put(tmp_path, "docs/reprot.txt.meta.yaml", "title: The report")
    put(tmp_path, "docs/report.txt.meta.json", '{"pages": 3, "title": "The report"}')
    assert groups(read(tmp_path)) == {"docs/report.txt": (), "docs/report.txt.meta.json": ()}


@pytest.mark.parametrize(
    ("path", "covered"),
    [
        ("docs/staff", {"docs/staff/a.md", "docs/staff/deep/b.md"}),
        ("docs/staff/", {"docs/staff/a.md", "docs/staff/deep/b.md"}),
        ("./docs/staff/**", {"docs/staff/a.md", "docs/staff/deep/b.md"}),
        ("docs/staff/*", {"docs/staff/a.md"}),
        ("**/b.md", {"docs/staff/deep/b.md"}),
        ("docs/**/*.md", {"docs/staff/a.md", "docs/staff/deep/b.md", "docs/staffing.md"}),
        ("docs/staff?ng.md", {"docs/staffing.md"}),
        ("docs/staff[hi]ng.md", {"docs/staffing.md"}),
        ("docs/staff[!h]ng.md", {"docs/staffing.md"}),
        ("docs/staff[!i]ng.md", set()),
        ("docs/staffing.md", {"docs/staffing.md"}),
    ],
)
def test_what_a_rule_covers(path: str, covered: set[str], tmp_path: Path) -> None:
    for name in ("docs/staff/a.md", "docs/staff/deep/b.md", "docs/staffing.md"):
        put(tmp_path, name, "text")
    report = read(tmp_path, Rule(path, ("staff",), 7))
    assert {id for id, named in groups(report).items() if named == ("staff",)} == covered
    wanted = [] if covered else [f"rung.yaml:7: the rule '{path}' matches no document; is it misspelt?"]
    assert [s.split(" What it")[0] for s in said(report)] == wanted


def test_the_first_rule_that_matches_counts(tmp_path: Path) -> None:
    put(tmp_path, "docs/staff/open/a.md", "x")
    put(tmp_path, "docs/staff/b.md", "x")
    report = read(tmp_path, Rule("docs/staff/open", ()), Rule("docs/staff", ("staff",)))
    assert groups(report) == {"docs/staff/b.md": ("staff",), "docs/staff/open/a.md": ()}


def test_each_place_can_only_narrow(tmp_path: Path) -> None:
    put(tmp_path, "docs/a.md", "---\ngroups: [staff, hr]\n---\nx")
    put(tmp_path, "docs/b.md", "---\ngroups: [board]\n---\nx")
    put(tmp_path, "docs/c.md", "x")
    report = read(tmp_path, Rule("docs", ("staff", "it")))
    assert groups(report) == {"docs/a.md": ("staff",), "docs/c.md": ("staff", "it")}
    assert said(report) == [
        "docs/b.md: nobody could read it: it says board; the rule 'docs' says staff, it;"
        " no group is in all of them; left out"
    ]


def test_a_link_is_as_secret_as_what_it_leads_to(tmp_path: Path) -> None:
    put(tmp_path, "staff/secret.md", "x")
    put(tmp_path, "hr/plan.txt", "x")
    put(tmp_path, "hr/plan.txt.meta.yaml", "groups: [hr]")
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/link.md").symlink_to("../staff/secret.md")
    (tmp_path / "docs/plan.txt").symlink_to("../hr/plan.txt")
    report = read(tmp_path, Rule("staff", ("staff",)))
    assert groups(report) == {"docs/link.md": ("staff",), "docs/plan.txt": ("hr",)}


def test_a_link_is_known_by_its_aim_also_where_the_project_lies_behind_a_link(tmp_path: Path) -> None:
    put(tmp_path, "far/away/project/staff/secret.md", "x")
    put(tmp_path, "far/away/project/docs/open.md", "x")
    (tmp_path / "far/away/project/docs/link.md").symlink_to("../staff/secret.md")
    (tmp_path / "project").symlink_to("far/away/project")
    report = read(tmp_path / "project", Rule("staff", ("staff",)))
    assert groups(report) == {"docs/link.md": ("staff",), "docs/open.md": ()}


@pytest.mark.slow
def test_rules_reach_into_archives_and_rows(tmp_path: Path) -> None:
    put(tmp_path, "docs/all.zip", making.zipped({"staff/a.md": "x", "b.md": "x", "c.md": "---\ngroups: [hr]\n---\nx"}))
    put(tmp_path, "docs/rows.jsonl", '{"id": "r", "text": "x"}')
    report = read(tmp_path, Rule("docs/all.zip/staff/**", ("staff",)), Rule("**/*.jsonl", ("rows",)))
    assert groups(report) == {
        "docs/all.zip/staff/a.md": ("staff",),
        "docs/all.zip/b.md": (),
        "docs/all.zip/c.md": ("hr",),
        "r": ("rows",),
    }
    put(tmp_path, "docs/all.zip.meta.yaml", "groups: [hr, staff]")
    report = read(tmp_path, Rule("docs/all.zip/staff/**", ("staff",)), Rule("**/*.jsonl", ("rows",)))
    assert groups(report)["docs/all.zip/b.md"] == ("hr", "staff")
    assert groups(report)["docs/all.zip/c.md"] == ("hr",)


def test_a_function_narrows_and_fails_closed(tmp_path: Path) -> None:
    for name in ("all", "few", "none", "text", "bad"):
        put(tmp_path, f"docs/{name}.md", "x")

    def groups_of(document: Document) -> list[str] | None:
        answers: dict[str, object] = {"few": ["staff"], "all": [], "none": None, "text": "staff"}
        return answers[document.title]  # type: ignore[return-value]

    report = read(tmp_path, groups_of=groups_of)
    assert groups(report) == {"docs/all.md": (), "docs/few.md": ("staff",), "docs/none.md": ()}
    assert len(report.problems) == 2
    assert "the groups function failed: KeyError: 'bad'; left out" in said(report)[0]
    assert "must return a list of names or None: got 'staff'; left out" in said(report)[1]


NAMES = st.lists(st.sampled_from("abcd"), max_size=4, unique=True)


@given(NAMES, NAMES, NAMES, NAMES)
def test_nobody_gains_by_a_second_place(own: list[str], sidecar: list[str], rule: list[str], function: list[str]) -> None:
    document = Document("docs/x.md", "text", groups=tuple(own))
    access = Access([Rule("docs", tuple(rule))], lambda _: function)
    places = [set(names) for names in (own, sidecar, rule, function) if names]
    try:
        found = set(access.narrowed(document, names=(), sidecars=[{"groups": list(sidecar)}]).groups)
    except Unusable:
        assert places
        assert not set.intersection(*places)
        return
    assert found == (set.intersection(*places) if places else set())


def project(root: Path, access: str) -> Path:
    put(root, "docs/staff/a.md", "x")
    put(root, "docs/b.md", "x")
    return put(root, "rung.yaml", f"knowledge:\n  sources: [docs]\n  access:\n{access}\ncases: [c.jsonl]\n")


def test_rules_of_a_project(tmp_path: Path) -> None:
    project(tmp_path, "    - {path: 'docs/staff/**', groups: [staff]}\n    - {path: nowhere, groups: hr, }")
    sources = Sources(load_project(tmp_path))
    assert {d.id: d.groups for d in sources} == {"docs/b.md": (), "docs/staff/a.md": ("staff",)}
    assert [str(p)[:43] for p in sources.problems] == ["rung.yaml:5: the rule 'nowhere' matches no "]


def test_rules_leave_documents_beside_them_alone(tmp_path: Path) -> None:
    """`rung.yaml` says who reads what, and is no sidecar of the project's folder, nor of a document of its name."""
    put(tmp_path, "faq.jsonl", '{"id": "q", "text": "x"}\n')
    put(tmp_path, "rung.md", "x")
    put(tmp_path, "docs/hr/a.md", "x")
    rules = "  access:\n    - {path: docs/hr, groups: [hr]}\n"
    sources = "  sources: [docs, faq.jsonl, rung.md]\n"
    project = load_project(put(tmp_path, "rung.yaml", f"knowledge:\n{sources}{rules}cases: [c.jsonl]\n").parent)
    for copy in ("rung.yaml~", "rung.yaml.bak"):
        put(tmp_path, copy, f"knowledge:\n{rules}")
    read = Sources(project)
    assert {d.id: d.groups for d in read} == {"docs/hr/a.md": ("hr",), "q": (), "rung.md": ()}
    assert not read.problems
    put(tmp_path, "docs/rung.yaml", rules)  # it is of the project in its own folder only
    assert {d.id for d in Sources(project)} == {"q", "rung.md"}


@pytest.mark.parametrize(
    "rule",
    [
        "{path: docs}",
        "{groups: [a]}",
        "{path: docs, groups: [yes]}",
        "{path: docs, groups: ['']}",
        "{path: '', groups: [a]}",
        "{path: docs, groups: {a: b}}",
        "{path: docs, group: [a]}",
    ],
)
def test_a_wrong_rule_is_named_with_its_line(rule: str, tmp_path: Path) -> None:
    project(tmp_path, f"    - {rule}")
    with pytest.raises(UserError, match=r"rung\.yaml:4: .*(knowledge\.access|unknown key 'group')"):
        load_project(tmp_path)


def test_an_index_with_groups_of_a_function_is_not_read_without_it(tmp_path: Path) -> None:
    project(tmp_path, "    []")
    first = Sources(load_project(tmp_path, groups_of=lambda _: ["staff"]))
    assert {d.groups for d in first} == {("staff",)}
    with pytest.raises(UserError, match=r"groups that a Python function gave"):
        list(Sources(load_project(tmp_path)))
