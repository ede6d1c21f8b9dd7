"""Do marks of restriction in the shapes in which people and programs write them keep their documents back?

And do documents stay that only look alike? The simple shapes are in test_access_marks.
"""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from rung.knowledge.loading import Access, Rule, read_sources
from rung.knowledge.readers.mark_lines import in_text
from rung.knowledge.readers.mark_words import restricts
from tests.knowledge import making
from tests.knowledge.making import put

PROSE = "\n# Bonus\n\nThe bonus is paid in May.\n"


def documents(root: Path) -> set[str]:
    return {document.id for document in read_sources(root, ["docs"]).documents}


@pytest.mark.parametrize(
    "head",
    [
        '+++\ntitle = "Bonus"\n\n[params]\nallowed_groups = ["pay"]\n+++\n',
        '+++\n# ours\n[[cascade]]\nweight = 3\n[access]\nroles = ["pay"]\n+++\n',
        "+++\nsummary = '''\nTwo lines.\nOf words.\n'''\nday = 2026-01-01\ngroups = ['pay']\n+++\n",
        "+++\nthis is no TOML\n[x]\ngroups = pay\n+++\n",
        "```toml\n[page]\ngroups = ['pay']\n```\n",
        "[page]\ngroups = pay\n",
        *(
            f"\n---\n{odd}\ngroups: [pay]\n---\n"
            for odd in (
                *("@context: a", "$ref: b", "🚀: c", "a/b: c", "7: d", "&x title: e", "<<: *x", "? f", "https://a.b/c"),
                "a key of so many words that nobody would think it were one at all: g",
                "only words",
            )
        ),
        "![Logo](a.png)\n\n---\ngroups: [pay]\n---\n",
        "Second draft, for comments.\n\n---\ntitle: Bonus\ngroups: [pay]\n---\n",
        "from './a' import b\n\n---\ngroups: [pay]\n---\n",
        "# Bonus\n\n- Owner: Ada\n- Groups: pay\n",
        "# Bonus\n\n**Allowed roles**: pay, board\n",
        "# Bonus\n\n| Field | Value |\n|---|---|\n| Groups | pay |\n",
        "# Bonus {groups=pay}\n",
        "Groups\n: pay\n",
        "> groups: pay\n",
        "<!-- ours --> <!-- groups: pay -->\n",
        "[//]: # (groups: pay)\n",
        "[groups:: pay]\n",
        "Access: finance only\n",
        "STRICTLY CONFIDENTIAL\n",
        "For internal use only\n",
    ],
)
def test_heads_of_texts(head: str) -> None:
    assert in_text(head + PROSE)


def test_front_matter_at_the_end_is_seen() -> None:
    assert in_text(PROSE + "\n---\ngroups: [pay]\n---\n") == (7, "groups")


@pytest.mark.parametrize(
    "text",
    [
        "# Confidential computing\n\nEnclaves keep data apart.\n",
        "# Camping\n\n- Allowed: dogs\n- Access: by the gate\n",
        "# Options\n\n| Key | Type |\n|---|---|\n| groups | list |\n",
        "# One\n\nText.\n\n---\n\nGroups are welcome: call us. Access: see the map.\n\n---\n\nEnd.\n",
        "Say who may read:\n\n```yaml\n---\ngroups: [staff]\n---\n```\n",
        "---\n\nPeople say: groups are fun.\nThey are.\n\n---\n",
    ],
)
def test_ordinary_texts_stay(text: str) -> None:
    assert in_text(text) is None


def test_a_line_of_many_pictures_takes_no_longer_than_another() -> None:
    assert in_text("[![built](b.svg)](ci) " * 40 + "is how it stands.\n\ngroups: [pay]\n") is None
    assert in_text("[![built](b.svg)](ci) " * 40 + "\n\ngroups: [pay]\n") == (3, "groups")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(
            (key, True)
            for key in ("is_internal", "isPrivate", "is_restricted", "non_public", "internal_use_only", "staff_only")
        ),
        *((key, True) for key in ("members_only", "login_required", "requiresAuth", "protected")),
        *((key, ["pay"]) for key in ("allowedgroups", "accessgroups", "readgroup", "usergroups", "group2", "okta_groups")),
        *((key, ["pay"]) for key in ("allowed_domains", "allowedEmails", "departmentAccess", "has_access", "shared_with")),
        *(
            (key, "pay")
            for key in ("accesslevel", "available_to", "limitedTo", "Lesegruppen", "Sichtbar für", "réservé aux")
        ),
        *((key, "pay") for key in ("gruppi", "groepen", "группы", "权限", "グループ", "gr\u043eups", "gr\u03bfups")),
        *(("public", value) for value in (False, 0, "nein", "n")),
        *(("deny", value) for value in ("all", ["everyone"], ["public"])),
        *(("classification", value) for value in ("C3", "VS-NfD", "Confidential")),
        *(("tags", value) for value in (["a", "confidential"], "a, internal")),
        *(("customer_visible", False), ("restricted_to", "all"), ("öffentlich", "nein"), ("tlp", "red"), ("audience", "hr")),
        *(("type", "internal"), ("doc_type", "internal"), ("security_level", 3)),
    ],
)
def test_keys_that_restrict(key: str, value: object) -> None:
    assert restricts(key, value)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("is_internal", False), ("non_public", False), ("members_only", "no"), ("public", 1), ("customer_visible", True)),
        *(("tlp", "clear"), ("classification", "fiction"), ("audience", "developers"), ("type", "guide"), ("tags", ["a"])),
        *(("customer_group", "A"), ("read_only", True), ("draft", True), ("grouping", "x"), ("password", "x"), ("deny", [])),
        *(("secretary", "Ada"), ("category", "Internal medicine"), ("rights", "CC-BY"), ("level", 3), ("access", "all")),
    ],
)
def test_keys_that_do_not(key: str, value: object) -> None:
    assert not restricts(key, value)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "value",
    [
        {"result": {"groups": ["pay"], "items": [{"body": "The bonus."}]}},
        {"text": "The bonus.", "details": {"groups": ["pay"]}},
        {"body": {"value": "The bonus."}, "restrictions": {"view": ["pay"]}},
        {"site": {"allowed_roles": ["pay"]}, "parts": ["The bonus."]},
        {"header": {"visibility": "internal"}, "nodes": [{"label": "The bonus."}]},
        {"documents": [{"note": "of all", "groups": ["pay"]}, {"id": "b", "text": "The bonus."}, {"id": "c", "text": "x"}]},
    ],
)
def test_json_around_and_beside_the_text(value: object, tmp_path: Path) -> None:
    put(tmp_path, "docs/a.json", json.dumps(value))
    assert documents(tmp_path) == set()


@pytest.mark.parametrize("head", [{"about": "all", "groups": ["pay"]}, {"id": "h", "text": "x", "default_groups": ["pay"]}])
def test_a_head_row_holds_for_the_rows_below(head: object, tmp_path: Path) -> None:
    put(tmp_path, "docs/a.jsonl", f'{json.dumps(head)}\n{{"id": "b", "text": "The bonus."}}\n')
    assert documents(tmp_path) == set()
    put(
        tmp_path, "docs/a.jsonl", '{"id": "x", "groups": ["pay"]}\n{"id": "b", "text": "A row that slipped says nothing."}\n'
    )
    assert documents(tmp_path) == {"b"}


PAGE = "<html><head><title>Bonus</title>{}</head><body><main{}><p>The bonus is paid in May.</p></main></body></html>"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("head", "attribute"),
    [
        ('<meta name="groups" content="x>y">', ""),
        ('<meta data-a="b>c" name="groups" content="pay">', ""),
        ('<meta name="groups" value="pay">', ""),
        ('<meta name="gr&#111;ups" content="pay">', ""),
        ('<meta name="acme/groups" content="pay">', ""),
        ("<style>" + "p{color:red}" * 9000 + '</style><meta name="groups" content="pay">', ""),
        ('<script type="application/ld+json">{"page": {"groups": ["pay"]}}</script>', ""),
        ("", ' data-groups="pay"'),
        ("</head><body><!-- groups: pay -->", ""),
    ],
)
def test_html(head: str, attribute: str, tmp_path: Path) -> None:
    put(tmp_path, "docs/a.html", PAGE.format(head, attribute))
    put(tmp_path, "docs/b.html", PAGE.format('<meta name="viewport" content="x"><!-- main part -->', ' data-role="main"'))
    assert documents(tmp_path) == {"docs/b.html"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        *("a.meta.json", "a.txt.json", "a.json", "a.TXT.meta.json", "a.txt.yaml", "a.yml", ".a.txt.meta.json", "a.toml"),
        *("a.txt_meta.yaml", "a.txt.front.yaml", "a.txt.meta.yaml~", "a.txt.meta.yaml.bak", "a-access.json"),
        *("_meta.json", "ACL.json", ".access", ".meta.yaml", "metadata.yaml", "_category_.json", "permissions.toml"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_files_that_look_like_sidecars(name: str, packed: bool, tmp_path: Path) -> None:
    said = 'groups = ["pay"]' if name.endswith("toml") else '{"groups": ["pay"]}'
    files = {"in/a.txt": "The bonus.", f"in/{name}": said, "out/b.txt": "For all."}
    if packed:
        put(tmp_path, "docs/all.zip", making.zipped(files))
    else:
        for path, text in files.items():
            put(tmp_path, f"docs/{path}", text)
    report = read_sources(tmp_path, ["docs"])
    assert [document.title for document in report.documents] == ["b"]
    assert any("a.txt" in str(problem) and name in str(problem) for problem in report.problems)


@pytest.mark.slow
def test_files_beside_a_document_that_say_nothing_of_access(tmp_path: Path) -> None:
    put(tmp_path, "docs/a.md", "# A\n\nText.")
    put(tmp_path, "docs/access/b.md", "x")
    put(tmp_path, "docs/all.zip", making.zipped({"c.md": "x", "groups/d.md": "x"}))
    put(tmp_path, "docs/a.json", json.dumps([{"id": "r", "text": "x", "groups": ["pay"]}]))
    put(tmp_path, "docs/a.yaml", "services: {web: {image: x}}")
    put(tmp_path, "docs/_meta.json", '{"index": "Start", "groups": "Groups", "roles": {"title": "User roles"}}')
    wanted = {"docs/a.md", "docs/access/b.md", "docs/all.zip/c.md", "docs/all.zip/groups/d.md", "r"}
    assert wanted <= documents(tmp_path)


@pytest.mark.slow
def test_word_documents(tmp_path: Path) -> None:
    import docx

    made: dict[str, io.BytesIO] = {}
    for name in ("table", "keywords", "category", "header", "open"):
        word = docx.Document()
        if name == "table":
            table = word.add_table(2, 2)
            for row, words in zip(table.rows, (("Owner", "Ada"), ("Groups", "pay")), strict=True):
                row.cells[0].text, row.cells[1].text = words
        if name == "keywords":
            word.core_properties.keywords = "groups: pay"
        word.core_properties.category = "Confidential" if name == "category" else "Handbook"
        word.sections[0].header.paragraphs[0].text = "CONFIDENTIAL - pay only" if name == "header" else "Bonus"
        word.add_paragraph("The bonus is paid in May.")
        word.save(made.setdefault(name, io.BytesIO()))
        put(tmp_path, f"docs/{name}.docx", made[name].getvalue())
    assert documents(tmp_path) == {"docs/open.docx"}


def test_brackets_in_a_rule_are_also_themselves(tmp_path: Path) -> None:
    for folder in ("[x]", "y", "z"):
        put(tmp_path, f"docs/{folder}/a.md", "x")
    rules = [Rule("docs/[x]/**", ("pay",)), Rule("/docs/[y]", ("board",)), Rule("docs/nothing/*", ("pay",), 7)]
    report = read_sources(tmp_path, ["docs"], access=Access(rules))
    assert {d.id: d.groups for d in report.documents} == {
        "docs/[x]/a.md": ("pay",),
        "docs/y/a.md": ("board",),
        "docs/z/a.md": (),
    }
    assert [problem.line for problem in report.problems] == [7]
