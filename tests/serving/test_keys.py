"""Are keys made, kept as digests, told apart in the log only, and refused once they are revoked or have ended?"""

from __future__ import annotations

import json
import logging
import os
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from starlette.datastructures import Headers

from rung.errors import UserError
from rung.records import Asker
from rung.serving.callers import SCOPES, Caller, Refused
from rung.serving.headers import MAX_CREDENTIAL, NOT_GOOD, credential
from rung.serving.keys import KeyIdentity, KeyRequest, KeyStore, expiry

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)


class Clock:
    """A time that a test moves."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


def refusal(identity: KeyIdentity, text: str) -> Refused:
    with pytest.raises(Refused) as caught:
        identity.of(text)
    return caught.value


def test_a_key_says_who_comes_and_what_it_may(tmp_path: Path) -> None:
    request = KeyRequest("ci", frozenset({"staff", "hr"}), frozenset({"ask"}), None, 30, 1000)
    key, text = KeyStore(tmp_path).create(request)
    caller = KeyIdentity(tmp_path).of(text)
    assert caller == Caller("ci", frozenset({"staff", "hr"}), frozenset({"ask"}), key.id, 30, 1000)
    assert caller.asker == Asker(frozenset({"staff", "hr"}))


def test_a_key_without_groups_reads_public_documents_only(tmp_path: Path) -> None:
    _, text = KeyStore(tmp_path).create(KeyRequest("web"))
    caller = KeyIdentity(tmp_path).of(text)
    assert caller.asker.groups == frozenset()
    assert caller.scopes == SCOPES


def test_the_key_itself_is_nowhere_and_only_its_owner_reads_the_file(tmp_path: Path) -> None:
    store = KeyStore(tmp_path)
    _, text = store.create(KeyRequest("ci"))
    content = store.path.read_text("utf-8")
    assert text not in content
    assert text.split("_", 2)[2][:-4] not in content
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600


def test_keys_differ_and_have_256_random_bits(tmp_path: Path) -> None:
    texts = [KeyStore(tmp_path).create(KeyRequest("ci"))[1] for _ in range(20)]
    assert len(set(texts)) == 20
    assert {len(text.split("_", 2)[2]) for text in texts} == {43}


def test_who_is_not_let_in_learns_nothing_of_why_but_the_log_does(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    clock = Clock()
    store, identity = KeyStore(tmp_path, now=clock), KeyIdentity(tmp_path, now=clock)
    _, good = store.create(KeyRequest("good"))
    revoked, revoked_text = store.create(KeyRequest("revoked"))
    store.revoke(revoked.id)
    _, ended = store.create(KeyRequest("ended", expires=NOW + timedelta(hours=1)))
    clock.now += timedelta(hours=1)
    wrong = good[:-1] + ("A" if good[-1] != "A" else "B")
    unknown = "rung_" + "0" * 12 + "_" + "A" * 43
    refusals = [refusal(identity, text) for text in (revoked_text, ended, wrong, unknown, "", "sk-1", good + "A", good[:-1])]
    assert {(one.status, one.message, tuple(one.headers.items())) for one in refusals} == {
        (401, NOT_GOOD, (("WWW-Authenticate", "Bearer"),))
    }
    assert "revoked key" in caplog.messages[0]
    assert "expired key" in caplog.messages[1]
    assert all("unknown key" in message for message in caplog.messages[2:])
    assert not any(text in caplog.text for text in (revoked_text, ended, wrong, unknown))
    assert identity.of(good).name == "good"


def test_a_key_is_good_until_the_second_it_ends(tmp_path: Path) -> None:
    clock = Clock()
    _, text = KeyStore(tmp_path, now=clock).create(KeyRequest("ci", expires=NOW + timedelta(hours=1)))
    identity = KeyIdentity(tmp_path, now=clock)
    clock.now = NOW + timedelta(minutes=59, seconds=59)
    assert identity.of(text).name == "ci"
    clock.now = NOW + timedelta(hours=1)
    refusal(identity, text)


def test_a_running_server_notices_new_and_revoked_keys(tmp_path: Path) -> None:
    store, identity = KeyStore(tmp_path), KeyIdentity(tmp_path)
    refusal(identity, "rung_" + "0" * 12 + "_" + "A" * 43)  # there is no file at all
    key, text = store.create(KeyRequest("ci"))
    assert identity.of(text).name == "ci"
    store.revoke(key.id)
    refusal(identity, text)
    _, other = store.create(KeyRequest("other"))
    assert identity.of(other).name == "other"
    store.path.unlink()
    refusal(identity, other)


def test_a_file_that_is_none_of_keys_lets_nobody_in_and_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store, identity = KeyStore(tmp_path), KeyIdentity(tmp_path)
    _, text = store.create(KeyRequest("ci"))
    assert identity.of(text).name == "ci"
    whole = store.path.read_text("utf-8")
    for content in (whole[:-20], "[]", '{"format": 2, "keys": []}', whole.replace('"name": "ci",', ""), "\x00"):
        store.path.write_text(content, "utf-8")
        assert refusal(identity, text).status == 503
        assert str(store.path) in caplog.messages[-1]
        assert str(store.path) not in refusal(identity, text).message
        with pytest.raises(UserError, match="is no file of keys"):
            store.create(KeyRequest("more"))
        assert store.path.read_text("utf-8") == content  # nothing was written over it
    store.path.write_text(whole, "utf-8")
    assert identity.of(text).name == "ci"


def test_two_writers_lose_nothing(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from rung.serving.keys import KeyRequest, KeyStore\n"
        "for n in range(12): KeyStore(Path(sys.argv[1])).create(KeyRequest(f'{sys.argv[2]}-{n}'))"
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    both = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path), name], env=env) for name in ("a", "b")]
    assert [one.wait(60) for one in both] == [0, 0]
    assert {key.name for key in KeyStore(tmp_path).listed()} == {f"{name}-{n}" for name in "ab" for n in range(12)}


def test_revoking_takes_the_beginning_of_an_id_or_the_whole_key(tmp_path: Path) -> None:
    store = KeyStore(tmp_path)
    first, text = store.create(KeyRequest("first"))
    second, _ = store.create(KeyRequest("second"))
    assert store.revoke(text)[0].id == first.id
    assert store.revoke(second.id[:8]) == (store.listed()[1], True)
    assert store.revoke(second.id)[1] is False
    with pytest.raises(UserError, match="too short"):
        store.revoke(first.id[:3])
    with pytest.raises(UserError, match="no key has the id 'zzzz'"):
        store.revoke("zzzz")


@pytest.mark.parametrize(
    "request_",
    [
        KeyRequest(""),
        KeyRequest(" "),
        KeyRequest("a\nb"),
        KeyRequest("n" * 101),
        KeyRequest("x", groups=frozenset({"st\u200baff"})),
        KeyRequest("x", scopes=frozenset({"admin"})),
        KeyRequest("x", scopes=frozenset()),
    ],
)
def test_what_no_key_can_be_is_refused(request_: KeyRequest, tmp_path: Path) -> None:
    with pytest.raises(UserError):
        KeyStore(tmp_path).create(request_)
    assert KeyStore(tmp_path).listed() == ()


def test_when_a_key_ends() -> None:
    assert expiry("12h", NOW) == NOW + timedelta(hours=12)
    assert expiry("30d", NOW) == NOW + timedelta(days=30)
    assert expiry("2026-11-29", NOW) == datetime(2026, 11, 30, tzinfo=UTC)  # good on that day
    for wrong in ("2026-11-28", "0d", "soon", "", "30", "-1d", "999999w", "9999-12-31", "2026-13-01", "12h "[:2]):
        with pytest.raises(UserError, match="--expires"):
            expiry(wrong, NOW)


def test_a_scope_that_a_caller_lacks_is_403() -> None:
    caller = Caller("ci", scopes=frozenset({"search"}))
    caller.require("search")
    with pytest.raises(Refused, match="may not ask") as caught:
        caller.require("ask")
    assert caught.value.status == 403


@pytest.mark.parametrize(
    ("headers", "text"),
    [
        ({"Authorization": "Bearer abc"}, "abc"),
        ({"authorization": "bearer  abc"}, "abc"),
        ({"X-API-Key": "abc"}, "abc"),
        ({"x-api-key": "abc", "authorization": "Bearer abc"}, "abc"),
        ({}, ""),
        ({"accept": "*/*"}, ""),
    ],
)
def test_a_credential_is_read_from_either_header(headers: dict[str, str], text: str) -> None:
    assert credential(headers) == text


@pytest.mark.parametrize(
    "raw",
    [
        [(b"authorization", b"Bearer secret-a"), (b"authorization", b"Bearer secret-b")],
        [(b"authorization", b"Bearer secret-a"), (b"authorization", b"Bearer secret-a")],
        [(b"x-api-key", b"secret-a"), (b"x-api-key", b"secret-b")],
        [(b"authorization", b"Bearer secret-a"), (b"x-api-key", b"secret-b")],
        [(b"authorization", b"Basic YTpi")],
        [(b"authorization", b"Bearer a, Bearer b")],
        [(b"authorization", b"Bearer")],
        [(b"authorization", b"")],
        [(b"authorization", "Bearer é".encode("latin-1"))],
        [(b"authorization", b"Bearer " + b"a" * MAX_CREDENTIAL)],
        [(b"x-api-key", b"a b")],
        [(b"x-api-key", b"")],
    ],
)
def test_what_is_no_single_credential_is_401(raw: list[tuple[bytes, bytes]]) -> None:
    with pytest.raises(Refused) as caught:
        credential(Headers(raw=raw))
    assert caught.value.status == 401
    assert not any(value.decode("latin-1")[-4:] in caught.value.message for _, value in raw if len(value) > 8)


def test_the_file_is_json_that_people_can_read(tmp_path: Path) -> None:
    store = KeyStore(tmp_path, now=Clock())
    store.create(KeyRequest("ci", frozenset({"staff"})))
    (row,) = json.loads(store.path.read_text("utf-8"))["keys"]
    assert (row["name"], row["groups"], row["created"]) == ("ci", ["staff"], "2026-11-29T12:00:00Z")
