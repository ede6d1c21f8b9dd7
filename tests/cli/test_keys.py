"""Do keys made on the command line open what they should, and is each shown once?"""

from __future__ import annotations

from pathlib import Path

from rung.serving.keys import KeyIdentity
from tests.cli.conftest import Run


def test_a_key_is_made_listed_and_revoked(rung: Run, shop: Path) -> None:
    made = rung("keys", "new", "ci", "-C", shop, "--groups", "staff, hr", "--expires", "30d", "--requests-per-minute", "9")
    text = made.out.strip()
    caller = KeyIdentity(shop / ".rung").of(text)
    assert (caller.name, caller.groups, caller.requests_per_minute) == ("ci", frozenset({"staff", "hr"}), 9)
    assert "shown this once" in made.err
    assert text not in made.err
    (listed,) = rung("keys", "list", shop, "--json").json["keys"]
    assert listed["state"] == "live"
    assert listed["last_four"] == text[-4:]
    assert "sha256" not in listed
    assert "ci" in rung("keys", shop).out
    assert rung("keys", "revoke", shop, listed["id"][:6]).out == f"key {listed['id']} of ci is revoked\n"
    assert rung("keys", "list", shop, "--json").json["keys"][0]["state"] == "revoked"


def test_a_second_good_key_of_one_name_is_said(rung: Run, shop: Path) -> None:
    assert "already" not in rung("keys", "new", shop, "web").err
    (first,) = rung("keys", "list", shop, "--json").json["keys"]
    assert f"! web has a good key already ({first['id']})" in rung("keys", "new", shop, "web").err
    for key in rung("keys", "list", shop, "--json").json["keys"]:
        rung("keys", "revoke", shop, key["id"])
    assert "already" not in rung("keys", "new", shop, "web").err


def test_mistakes_are_said(rung: Run, shop: Path) -> None:
    assert "no keys" in rung("keys", "list", shop).out
    assert "'aks' is no scope; did you mean 'ask'?" in rung("keys", "new", shop, "ci", "--scopes", "aks", code=2).err
    assert "--expires 'soon' is no time" in rung("keys", "new", shop, "ci", "--expires", "soon", code=2).err
    assert "there are no keys" in rung("keys", "revoke", shop, "abcd", code=2).err
    assert not (shop / ".rung" / "keys.json").exists()


def test_one_line_of_json_has_the_key(rung: Run, shop: Path) -> None:
    entry = rung("keys", "new", shop, "web", "--scopes", "search", "--json").json
    assert KeyIdentity(shop / ".rung").of(entry["key"]).scopes == {"search"}
    assert entry["scopes"] == ["search"]


def test_a_group_that_no_document_is_for_is_said(rung: Run, shop: Path) -> None:
    assert "no document" not in rung("keys", "new", shop, "early", "--groups", "staf").err  # nothing is indexed
    rung("sync", shop)
    assert "no document is for 'staf'; did you mean 'staff'?" in rung("keys", "new", shop, "ci", "--groups", "staf").err
    assert "no document" not in rung("keys", "new", shop, "ci", "--groups", "staff").err
