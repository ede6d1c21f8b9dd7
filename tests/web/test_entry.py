"""Who is let in, and what another site cannot do."""

from __future__ import annotations

import time
from collections.abc import Mapping

import httpx
import pytest

from rung.serving.callers import Caller, Refused
from rung.web.entry import AGE, MAX_ENTERING, MAX_OF_ONE, CallersDoor, OwnersDoor, Sessions
from tests.web.watched import Watched


class _Callers:
    """Keys as a project has them: `looks`, `reviews`, `asks`; `gone` has ended."""

    def identify(self, headers: Mapping[str, str], address: str = "") -> Caller:
        del address
        credential = headers.get("authorization", "").removeprefix("Bearer ")
        scopes = {"looks": {"board"}, "reviews": {"board", "review"}, "asks": {"ask"}}
        if credential not in scopes:
            raise Refused(401, "this key has expired" if credential else "no credential")
        return Caller(credential, frozenset({"staff"}), frozenset(scopes[credential]))


def test_without_the_token_nothing_is_shown(seen: Watched) -> None:
    for path in ("", "runs/1", "no/such/page"):
        response = httpx.get(seen.url(path))
        assert response.status_code == 401
        assert "shop" not in response.text
    assert httpx.get(f"{seen.url()}?token=wrong").status_code == 401


def test_the_token_is_taken_out_of_the_address_and_a_cookie_that_scripts_cannot_read_stays(seen: Watched) -> None:
    with httpx.Client() as client:
        response = client.get(f"{seen.url('runs/1')}?a=b&token={seen.token}")
        assert response.status_code == 303
        assert response.headers["location"] == "/board/runs/1?a=b"
        assert "HttpOnly" in response.headers["set-cookie"]
        assert "SameSite=lax" in response.headers["set-cookie"]
        assert client.get(seen.url()).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 403),
        ({"Origin": "http://elsewhere.example"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 303),
    ],
)
def test_forms_of_other_sites_are_refused(seen: Watched, headers: dict[str, str], status: int) -> None:
    with httpx.Client() as client:
        client.get(seen.entrance)
        assert client.post(seen.url("leave"), headers=headers).status_code == status


def test_another_name_of_this_machine_is_refused(seen: Watched) -> None:
    assert httpx.get(seen.entrance, headers={"Host": "rebound.example"}).status_code == 400


def test_one_is_sent_nowhere_else_after_entering(seen: Watched) -> None:
    for to in ("https://elsewhere.example/", "//elsewhere.example", "/v1", "/board/\\elsewhere.example"):
        form = {"credential": seen.token, "to": to}
        response = httpx.post(seen.url("enter"), data=form, headers={"Sec-Fetch-Site": "same-origin"})
        assert response.headers["location"] == "/board"


def test_one_comes_back_to_what_was_asked_for(seen: Watched) -> None:
    for asked in ("/board?before=51", "/board/runs/1?a=b%26c"):
        assert f'name="to" value="{asked}"' in httpx.get(f"{seen.base}{asked}").text
        form = {"credential": seen.token, "to": asked}
        response = httpx.post(seen.url("enter"), data=form, headers={"Sec-Fetch-Site": "same-origin"})
        assert (response.status_code, response.headers["location"]) == (303, asked)


def test_keys_say_what_may_be_done() -> None:
    door = CallersDoor(_Callers())
    assert not door.enter("looks", {}, "").may_edit
    viewer = door.enter("reviews", {}, "")
    assert (viewer.name, viewer.groups, viewer.may_edit) == ("reviews", frozenset({"staff"}), True)
    with pytest.raises(Refused, match="lacks the scope 'board'"):
        door.enter("asks", {}, "")
    with pytest.raises(Refused, match="expired"):
        door.enter("gone", {}, "")


def test_the_owner_sees_all() -> None:
    door = OwnersDoor()
    assert door.enter(door.token, {}, "").groups is None
    for credential in ("", "é", door.token[:-1]):
        with pytest.raises(Refused):
            door.enter(credential, {}, "")


@pytest.mark.parametrize("body", [b"x" * (MAX_ENTERING + 1), b"a&" * 30_000, b"credential=%00%ff", b"\xff"])
def test_a_form_that_is_none_of_a_browser_is_refused_at_once(seen: Watched, body: bytes) -> None:
    response = httpx.post(seen.url("enter"), content=body, headers={"Sec-Fetch-Site": "same-origin"})
    assert response.status_code in (401, 413)


def test_what_is_said_to_nobody_ends_in_words(seen: Watched) -> None:
    assert httpx.get(seen.url("static/x/y")).status_code == 404
    assert httpx.get(seen.url("static/board.css")).status_code == 200
    assert httpx.post(seen.url("leave"), headers={"Origin": "http://["}).status_code == 403


def test_where_one_comes_from_keeps_its_escapes(seen: Watched) -> None:
    response = httpx.get(f"{seen.url('runs/a%3Fb%23c%25d')}?q=%26&token={seen.token}")
    assert response.headers["location"] == "/board/runs/a%3Fb%23c%25d?q=%26"


def test_a_token_that_a_browser_is_started_with_opens_once() -> None:
    door = OwnersDoor()
    once = door.once()
    assert door.redeem(once) == door.token
    assert door.redeem(once) == once
    with pytest.raises(Refused):
        door.enter(once, {}, "")


def test_sessions_end_by_age_by_number_and_by_leaving(monkeypatch: pytest.MonkeyPatch) -> None:
    sessions = Sessions()
    other = sessions.begin("other")
    names = [sessions.begin("key") for _ in range(MAX_OF_ONE + 1)]
    assert [sessions.credential(name) for name in (names[0], names[1], names[-1])] == ["", "key", "key"]
    assert sessions.credential(other) == "other"
    sessions.end(names[1])
    assert sessions.credential(names[1]) == ""
    later = time.monotonic() + AGE + 1
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert sessions.credential(other) == ""
