"""Does whatever looks like a mark of restriction, and is not understood, leave its document out, and is that said?

And does a document stay whose words only sound like one?
"""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest

from rung.knowledge.loading import Access, ReadReport, Rule, read_sources
from rung.knowledge.readers import marks
from tests.knowledge import making
from tests.knowledge.making import put

FRONT = "---\ngroups: [staff]\n---\n"
HEADS = {
    "blank line": ("\n" + FRONT, 3),
    "blank lines": ("\n \n\n" + FRONT, 5),
    "comment": ("<!-- ours -->\n" + FRONT, 3),
    "long comment": ("<!-- ours,\nof today -->\n<!--\nand yours\n-->\n" + FRONT, 7),
    "yaml comment": ("# ours\n" + FRONT, 3),
    "liquid comment": ("{# ours #}\n" + FRONT, 3),
    "two marks of order": ("\ufeff\ufeff" + FRONT, 2),
    "carriage returns": (FRONT.replace("\n", "\r"), 2),
    "zero width": ("\u200b" + FRONT, 2),
    "odd space": ("---\u00a0\ngroups: [staff]\n---\n", 2),
    "odd space in the key": ("---\ngroups\u00a0: [staff]\n---\n", 2),
    "zero width in the key": ("---\ngro\u200bups: [staff]\n---\n", 2),
    "indented": (" ---\n groups: [staff]\n ---\n", 2),
    "four dashes": ("----\ngroups: [staff]\n----\n", 2),
    "long dashes": ("—\ngroups: [staff]\n—\n", 2),
    "fence": ("```yaml\ngroups: [staff]\n```\n", 2),
    "fence around": ("```\n" + FRONT + "```\n", 3),
    "tildes": ("~~~\ngroups:\n  - staff\n~~~\n", 2),
    "toml": ('+++\ntitle = "x"\ngroups = ["staff"]\n+++\n', 3),
    "json": ('{\n  "title": "x",\n  "groups": ["staff"]\n}\n\n', 3),
    "json on a line": ('{"title": "x", "groups": ["staff"]}\n\n', 1),
    "json, semicolons": (';;;\n"groups": ["staff"]\n;;;\n', 2),
    "no fence": ("title: Pay\ngroups: staff\n\n", 2),
    "list over lines": ("title: Pay\ngroups:\n- staff\n\n", 2),
    "in a comment": ("<!-- groups: [staff] -->\n", 1),
    "in a long comment": ("<!--\ngroups: staff\n-->\n", 2),
    "field list": (":groups: staff\n\n", 1),
    "field list below a title": ("Pay\n===\n\n:author: Ada\n:groups: staff\n\n", 5),
    "below a heading": ("# Pay\n\n---\ngroups: [staff]\n---\n", 4),
    "bold": ("**Groups:** staff, hr\n\n", 1),
    "list": ("# Pay\n\n- Status: final\n- Access: internal\n\n", 4),
    "second front matter": ("---\ntitle: x\n---\n" + FRONT, 5),
    "in words": ("Classification: CONFIDENTIAL\n\n", 1),
    "in German": ("Zugriff: Personalabteilung\n\n", 1),
}


def read(root: Path, *rules: Rule) -> ReadReport:
    return read_sources(root, ["docs"], access=Access(rules))


def said(report: ReadReport) -> list[str]:
    return [str(problem) for problem in report.problems]


def is_left_out(root: Path, *, line: int = 0, named: str = "") -> None:
    """Of the folder only `docs/open.md` is there, and one problem says why."""
    put(root, "docs/open.md", "# Open\n\nFor everybody.\n")
    report = read(root)
    assert {document.id: document.groups for document in report.documents} == {"docs/open.md": ()}
    (problem,) = report.problems
    assert problem.message.endswith("left out"), problem.message
    assert line in (0, problem.line)
    assert named in problem.message


@pytest.mark.parametrize("suffix", ["md", "txt"])
@pytest.mark.parametrize("head", HEADS)
def test_front_matter_that_is_not_read(head: str, suffix: str, tmp_path: Path) -> None:
    text, line = HEADS[head]
    put(tmp_path, f"docs/pay.{suffix}", text + "# Pay\n\nThe pay table.\n")
    is_left_out(tmp_path, line=line)


@pytest.mark.parametrize(
    "text",
    [
        "# Access\n\nAccess: the building opens at 8.\n",
        "Groups: we take groups of up to twelve.\n\nAsk us.\n",
        "# Groups: an overview\n\nText.\n",
        "---\n\nA rule first.\n",
        "Role: Engineer\nLocation: Berlin\n\nWe look for you.\n",
        "# FAQ\n\n---\n\nGroups are welcome.\n",
        "Access\n======\n\nYou need access: ask.\n",
        "The groups: [a, b] are two.\n",
        "Status: public\n\nText.\n",
        "---\ntitle: X\nvisibility: open\ngroups: []\nage_group: 40\nauthors:\n- {name: Ada, role: editor}\n---\nText.\n",
        "---\naccess: everyone\nrestricted: false\npublic: true\naudience: developers\n---\nText.\n",
        "Permission is hereby granted, free of charge: use it.\n",
    ],
)
def test_ordinary_words_are_no_mark(text: str, tmp_path: Path) -> None:
    put(tmp_path, "docs/a.md", text)
    put(tmp_path, "docs/b.txt", text if not text.startswith("---\nt") else "Text.")
    report = read(tmp_path)
    assert said(report) == []
    assert {document.groups for document in report.documents} == {()}


@pytest.mark.parametrize(
    "key",
    [
        *("group", "Groups", "GROUPS", "access", "acl", "ACLs", "role", "roles", "visibility", "restricted_to"),
        *("allowed_groups", "allowed-users", "visible_to", "can_read", "permissions", "access.control", "x-groups"),
        *("access_level", "clearance", "confidential", "Gruppen", "Zugriffsrechte", "accès", "𝗀roups", "restrictedTo"),
    ],
)  # fmt: skip
def test_other_keys(key: str, tmp_path: Path) -> None:
    put(tmp_path, "docs/matter.md", f"---\ntitle: Pay\n{key}: [staff]\n---\nText.\n")
    put(tmp_path, "docs/nested.md", f"---\ntitle: Pay\nmeta:\n  {key}: [staff]\n---\nText.\n")
    rows = [{"id": "a", "text": "x", key: ["staff"]}, {"id": "b", "text": "x", "metadata": {key: ["staff"]}}]
    put(tmp_path, "docs/rows.jsonl", "\n".join(json.dumps(row) for row in rows))
    put(tmp_path, "docs/a.txt", "Text.")
    put(tmp_path, "docs/a.txt.meta.yaml", f"{key}: [staff]")
    report = read(tmp_path)
    assert report.documents == ()
    assert [(p.path, p.line) for p in report.problems] == [
        ("docs/a.txt", 0),
        ("docs/matter.md", 3),
        ("docs/nested.md", 4),
        ("docs/rows.jsonl", 1),
        ("docs/rows.jsonl", 2),
    ]


@pytest.mark.parametrize("value", [["staff"], "staff", 3, True, {"staff": True}, [["staff"]], "internal", False])
def test_whatever_the_value(value: object, tmp_path: Path) -> None:
    put(tmp_path, "docs/rows.jsonl", json.dumps({"id": "a", "text": "x", "access": value}))
    is_left_out(tmp_path, line=1, named="'access'")


@pytest.mark.parametrize(
    ("groups", "wanted"),
    [
        ('["staff"]', ("staff",)),
        ('"staff, hr"', ("staff", "hr")),
        ("[42]", ("42",)),
        ("null", ()),
        ("[]", ()),
        ('""', None),
        ('[""]', None),
        ('[["staff"]]', None),
        ('{"staff": true}', None),
        ("true", None),
        ("1.5", None),
        ('"[staff]"', None),
        ('"staff; hr"', None),
        ('["sta\u200bff"]', None),
        ('["staff\\u00a0hr"]', None),
        ('["a\\u0007b"]', None),
    ],
)
def test_groups_of_a_row(groups: str, wanted: tuple[str, ...] | None, tmp_path: Path) -> None:
    put(tmp_path, "docs/rows.jsonl", f'{{"id": "a", "text": "x", "groups": {groups}}}')
    report = read(tmp_path)
    assert [document.groups for document in report.documents] == ([] if wanted is None else [wanted])
    assert len(report.problems) == (wanted is None)


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("a.md", "---\ngroups: [staff]\ntitle: x\ngroups: []\n---\nx", 4),
        ("a.md", "---\nmeta: {groups: [staff], Groups: []}\n---\nx", 2),
        ("rows.jsonl", '{"id": "a", "groups": ["staff"], "text": "x", "groups": []}', 1),
        ("rows.jsonl", '{"id": "a", "text": "x", "meta": {"acl": 1, "acl": null}}', 1),
        ("rows.json", '[{"id": "a", "groups": ["staff"], "text": "x", "groups": []}]', 0),
    ],
)
def test_groups_that_stand_twice(name: str, text: str, line: int, tmp_path: Path) -> None:
    put(tmp_path, f"docs/{name}", text)
    is_left_out(tmp_path, line=line, named="stands twice")


ROW = {"id": "a", "text": "The pay table."}
SECRET = {**ROW, "groups": ["staff"]}


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (SECRET, {"a": ("staff",)}),
        ([SECRET, {**ROW, "id": "b"}], {"a": ("staff",), "b": ()}),
        ({"documents": [SECRET, {**ROW, "id": "b"}]}, {"a": ("staff",), "b": ()}),
        ({"count": 2, "faq": [SECRET], "other": [{**ROW, "id": "b"}]}, {"a": ("staff",), "b": ()}),
        ({"groups": ["staff"], "documents": [ROW]}, {}),
        ({"meta": {"access": ["staff"]}, "documents": [ROW]}, {}),
        ({"title": "Pay", "groups": ["staff"], "paragraphs": ["x"]}, {}),
        ({"page_content": "x", "metadata": {"roles": "hr"}}, {}),
        ([{"page_content": "x", "metadata": {"groups": ["hr"]}}], {}),
        ({"data": {"items": [SECRET]}}, {}),
        ({"one": {"text": "x", "visibility": "internal"}}, {}),
        ([[SECRET]], {}),
        ({"name": "app", "private": True, "publishConfig": {"access": "public"}}, {"docs/a.json": ()}),
        ({"type": "object", "properties": {"groups": {"type": "array"}}}, {"docs/a.json": ()}),
        ({"permissions": "Ask for them in writing.", "group": "Guides"}, {"docs/a.json": ()}),
    ],
)
def test_json_of_every_shape(value: object, wanted: dict[str, tuple[str, ...]], tmp_path: Path) -> None:
    put(tmp_path, "docs/a.json", json.dumps(value))
    report = read(tmp_path)
    assert {document.id: document.groups for document in report.documents} == wanted
    assert bool(report.problems) is (wanted == {})


@pytest.mark.slow
@pytest.mark.parametrize("rows", [3, 60])
@pytest.mark.parametrize(
    ("heads", "is_mark"),
    [
        (["id", "note", "groups"], True),
        (["ID", "Allowed Roles", "note"], True),
        (["id", "text", "access"], True),
        (["id", "content", "Group"], True),
        (["product", "age group", "access"], False),
        (["Group", "members", "visibility"], False),
    ],
)
@pytest.mark.parametrize("suffix", ["csv", "tsv", "xlsx"])
def test_columns(suffix: str, heads: list[str], is_mark: bool, rows: int, tmp_path: Path) -> None:
    table = [heads, *([f"c{row}{column}" for column in range(3)] for row in range(rows))]
    mark = {"csv": ";", "tsv": "\t"}.get(suffix, "")
    data = "\n".join(mark.join(row) for row in table) if mark else making.xlsx({"Sheet": table})
    put(tmp_path, f"docs/a.{suffix}", data)
    if is_mark:
        is_left_out(tmp_path)
    else:
        assert len(read(tmp_path).documents) == 1


PAGE = "<html><head><title>Pay</title>{}</head><body><h1>Pay</h1><p>The pay table of all.</p></body></html>"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.html", PAGE.format('<meta name="groups" content="staff">')),
        ("a.html", PAGE.format("<META content='restricted' property='dcterms.accessRights'>")),
        ("a.htm", FRONT + PAGE.format("")),
        ("a.html", "<!-- groups: staff -->\n" + PAGE.format("")),
        ("a.rst", "Pay\n===\n\n:groups: staff\n\nText.\n"),
        ("a.rst", ".. meta::\n   :groups: staff\n\nPay\n===\n\nText.\n"),
        ("a.rst", ".. groups: staff\n\nPay\n===\n\nText.\n"),
        ("a.eml", b"X-Groups: staff\n" + making.mail("The pay table.")),
        ("a.eml", b"Sensitivity: Company-Confidential\n" + making.mail("The pay table.")),
        ("a.eml", making.mail(FRONT + "The pay table.")),
        ("a.json", json.dumps([{"id": "a", "text": FRONT + "The pay table."}])),
        ("a.py", '# groups: [staff]\n\ndef pay():\n    """The pay table."""\n'),
    ],
)
def test_marks_where_no_reader_looks(name: str, data: str | bytes, tmp_path: Path) -> None:
    put(tmp_path, f"docs/{name}", data)
    is_left_out(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.html", PAGE.format('<meta name="robots" content="noindex"><meta name="access" content="public">')),
        ("a.rst", "Access\n======\n\n:author: Ada\n\nAccess: see below.\n"),
        ("a.eml", b"X-Google-Group-Id: 12\nList-Id: <groups.example.org>\n" + making.mail("Groups: all welcome, come!")),
        ("a.py", 'groups = ["staff"]\naccess = 3\n'),
        ("a.csv", "Group;Points\nA;3\nB;2\n"),
    ],
)
def test_ordinary_files_stay(name: str, data: str | bytes, tmp_path: Path) -> None:
    put(tmp_path, f"docs/{name}", data)
    report = read(tmp_path)
    assert said(report) == []
    assert [document.groups for document in report.documents] == [()]


@pytest.mark.slow
def test_a_custom_property_of_an_office_document(tmp_path: Path) -> None:
    made = io.BytesIO(making.docx())
    with zipfile.ZipFile(made, "a") as archive:
        archive.writestr(
            "docProps/custom.xml",
            '<Properties><property pid="2" name="Allowed Groups"><vt:lpwstr>staff</vt:lpwstr></property></Properties>',
        )
    put(tmp_path, "docs/a.docx", made.getvalue())
    is_left_out(tmp_path, named="Allowed Groups")


# --- archives, folders ----------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_members_of_an_archive_are_read_as_strictly(tmp_path: Path) -> None:
    members = {
        "open.md": "x",
        "blank.md": "\n" + FRONT + "x",
        "twice.md": "---\ngroups: [staff]\ngroups: []\n---\nx",
        "rows.jsonl": '{"id": "r", "text": "x", "meta": {"groups": ["staff"]}}',
        "one.txt": "x",
        "one.txt.meta.yml": "groups: [staff]",
        "hr/plan.txt": "x",
        "hr.meta.yaml": "groups: [hr]",
        "board/deep/plan.txt": "x",
        "board.groups.yaml": "[board]",
    }
    put(tmp_path, "docs/all.zip", making.zipped(members))
    report = read(tmp_path)
    assert {d.id: d.groups for d in report.documents} == {"docs/all.zip/open.md": (), "docs/all.zip/hr/plan.txt": ("hr",)}
    named = ("'blank.md'", "'twice.md'", "'rows.jsonl'", "'one.txt'", "'board/deep/plan.txt'")
    assert all(any(line.startswith(f"docs/all.zip: {name}") for line in said(report)) for name in named), said(report)
    assert len(report.problems) == len(named)


@pytest.mark.slow
def test_a_sidecar_that_stands_twice_in_an_archive(tmp_path: Path) -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("a.txt", "x")
        archive.writestr("a.txt.meta.yaml", "groups: [staff]")
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("a.txt.meta.yaml", "groups: []")
    put(tmp_path, "docs/all.zip", made.getvalue())
    is_left_out(tmp_path, named="stands twice in the archive")


def test_a_folder_has_a_sidecar_too(tmp_path: Path) -> None:
    put(tmp_path, "docs/hr/pay.md", "# Pay\n\nx")
    put(tmp_path, "docs/hr/deep/plan.md", "---\ngroups: [hr, board]\n---\nx")
    put(tmp_path, "docs/hr.meta.yaml", "title: not of each\ngroups: [hr, staff]")
    put(tmp_path, "docs/board/plan.md", "x")
    put(tmp_path, "docs/board.access.yaml", "groups: [board]")
    put(tmp_path, "docs/open.md", "x")
    report = read(tmp_path)
    assert {d.id: (d.groups, d.title) for d in report.documents} == {
        "docs/hr/deep/plan.md": (("hr",), "plan"),
        "docs/hr/pay.md": (("hr", "staff"), "Pay"),
        "docs/open.md": ((), "open"),
    }
    (problem,) = said(report)
    assert problem.startswith("docs/board/plan.md: lies in docs/board, which has board.access.yaml beside it")


# --- rules ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [1, -1])
def test_a_rows_own_id_only_narrows(order: int, tmp_path: Path) -> None:
    rows = [{"id": "public/x", "text": "x"}, {"id": "board/y", "text": "x"}, {"id": "z", "text": "x", "source": "public/z"}]
    put(tmp_path, "docs/pay.jsonl", "\n".join(json.dumps(row) for row in rows))
    rules = [Rule("public", ()), Rule("docs/pay.jsonl", ("staff", "board")), Rule("board", ("board",))][::order]
    report = read(tmp_path, *rules)
    assert {d.id: d.groups for d in report.documents} == {
        "public/x": ("staff", "board"),
        "board/y": ("board",),
        "z": ("staff", "board"),
    }


def test_an_exception_for_a_file_of_rows_holds_for_its_rows(tmp_path: Path) -> None:
    put(tmp_path, "docs/open/rows.jsonl", '{"id": "r", "text": "x"}')
    put(tmp_path, "docs/plan.md", "x")
    report = read(tmp_path, Rule("docs/open", ()), Rule("**", ("staff",)))
    assert {d.id: d.groups for d in report.documents} == {"r": (), "docs/plan.md": ("staff",)}


@pytest.mark.slow
def test_a_row_in_an_archive_is_under_the_rule_of_its_place(tmp_path: Path) -> None:
    row = json.dumps({"id": "r", "text": "x", "source": "elsewhere"})
    put(tmp_path, "docs/all.zip", making.zipped({"staff/rows.jsonl": row, "open.md": "x"}))
    report = read(tmp_path, Rule("docs/all.zip/staff", ("staff",)))
    assert {d.id: d.groups for d in report.documents} == {"r": ("staff",), "docs/all.zip/open.md": ()}


def test_a_rule_that_fits_but_for_its_spelling_leaves_out(tmp_path: Path) -> None:
    put(tmp_path, "docs/Staff/pay.md", "x")
    put(tmp_path, "docs/Geha\u0308lter/pay.md", "x")
    report = read(tmp_path, Rule("docs/staff", ("staff",), 4), Rule("docs/Gehälter", ("hr",), 5))
    assert {d.groups for d in report.documents} == {("hr",)}
    assert any("but for upper and lower case" in line for line in said(report))


# --- links ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [1, -1])
def test_a_link_is_under_both_rules_whichever_comes_first(order: int, tmp_path: Path) -> None:
    put(tmp_path, "staff/pay.md", "x")
    put(tmp_path, "docs/other.md", "x")
    (tmp_path / "docs/open").mkdir()
    (tmp_path / "docs/open/pay.md").symlink_to("../../staff/pay.md")
    rules = [Rule("docs/open", ("staff", "guests")), Rule("staff", ("staff", "hr"))][::order]
    report = read(tmp_path, *rules)
    assert {d.id: d.groups for d in report.documents} == {"docs/open/pay.md": ("staff",), "docs/other.md": ()}
    opened = read(tmp_path, Rule("docs/open", ()), Rule("staff", ("staff",)))
    assert {d.id: d.groups for d in opened.documents}["docs/open/pay.md"] == ("staff",)


@pytest.mark.parametrize("pattern", ["docs", "docs/**/*", "docs/**/*.md", "docs/open"])
def test_a_linked_folder_is_under_the_rules_of_what_it_leads_to(pattern: str, tmp_path: Path) -> None:
    put(tmp_path, "staff/deep/pay.md", "x")
    put(tmp_path, "staff/deep.meta.yaml", "groups: [board, staff]")
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/open").symlink_to("../staff")
    report = read_sources(tmp_path, [pattern], access=Access([Rule("docs", ()), Rule("staff/**", ("staff",))]))
    assert {d.id: d.groups for d in report.documents} == {"docs/open/deep/pay.md": ("staff",)}


def test_links_over_links_and_beside_their_aim(tmp_path: Path) -> None:
    put(tmp_path, "docs/secret.txt", "x")
    put(tmp_path, "docs/secret.txt.meta.yaml", "groups: [staff]")
    put(tmp_path, "hr/note.txt", "---")
    (tmp_path / "docs/a.txt").symlink_to("secret.txt")
    (tmp_path / "docs/b.txt").symlink_to("../hr/link.txt")
    (tmp_path / "hr/link.txt").symlink_to("note.txt")
    report = read(tmp_path, Rule("hr/link.txt", ("hr",)))
    assert {d.id: d.groups for d in report.documents} == {"docs/a.txt": ("staff",), "docs/b.txt": ("hr",)}


@pytest.mark.parametrize("pattern", ["docs", "docs/**/*", "docs/**/*.md"])
def test_links_that_lead_out_of_the_project_are_named_once_and_left_out(pattern: str, tmp_path: Path) -> None:
    put(tmp_path, "far/deep/a.md", "x")
    put(tmp_path, "far/b.md", "x")
    put(tmp_path, "project/docs/open.md", "x")
    put(tmp_path, "project/own/c.md", "x")
    for name, aim in {"far": "../../far", "b.md": "../../far/b.md", "own": "../own", "up": "../docs"}.items():
        (tmp_path / "project/docs" / name).symlink_to(aim)
    root = tmp_path / "project"
    report = read_sources(root, [pattern])
    assert {d.id for d in report.documents} == {"docs/open.md", "docs/own/c.md"}
    assert sorted(problem.path for problem in report.problems) == ["docs/b.md", "docs/far"]
    assert all("leads out of the project" in line and "knowledge.outside_links" in line for line in said(report))
    allowed = {d.id for d in read_sources(root, [pattern], outside_links=True).documents}
    assert {"docs/open.md", "docs/own/c.md", "docs/b.md", "docs/far/deep/a.md"} <= allowed
    named = {d.id for d in read_sources(root, [pattern, "../far"]).documents}
    assert "docs/b.md" in named


def test_a_folder_that_is_named_and_is_a_link_leads_out_too(tmp_path: Path) -> None:
    put(tmp_path, "far/a.md", "x")
    (tmp_path / "project").mkdir()
    (tmp_path / "project/docs").symlink_to(tmp_path / "far")
    report = read_sources(tmp_path / "project", ["docs"])
    assert report.documents == ()
    assert [problem.path == "docs" for problem in report.problems] == [True]
    assert len(read_sources(tmp_path / "project", ["docs"], outside_links=True).documents) == 1


def test_a_link_that_leads_to_itself_is_said(tmp_path: Path) -> None:
    put(tmp_path, "docs/open.md", "x")
    (tmp_path / "docs/round.md").symlink_to("round.md")
    report = read(tmp_path)
    assert [d.id for d in report.documents] == ["docs/open.md"]
    assert [problem.path for problem in report.problems] == ["docs/round.md"]


def test_what_a_key_is() -> None:
    assert [marks.kind_of(key) for key in ("allowed_groups", "group", "audience", "age_group", "access_date")] == [
        "plain", "vague", "soft", "", "",
    ]  # fmt: skip
