"""Are tokens of the configured provider taken, forged ones and those for others not, and does only the log say why?"""

from __future__ import annotations

import base64
import hmac
import json
import logging
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OKPKey, RSAKey
from joserfc.jws import JWSRegistry
from starlette.datastructures import Headers

from rung.config.project import load_project
from rung.config.serving import JwtSettings, ProxySettings
from rung.errors import InputError, ServerError, UserError
from rung.records import Json
from rung.serving.callers import Caller, Refused
from rung.serving.headers import MAX_CREDENTIAL, NOT_GOOD
from rung.serving.identity import ProjectIdentity, identity_of
from rung.serving.jwks import AGAIN, EVERY, MAX_AGE, MAX_OUTAGE, PublishedKeys
from rung.serving.keys import KeyIdentity, KeyRequest, KeyStore
from rung.serving.proxy import ProxyIdentity
from rung.serving.tokens import LEEWAY, TokenIdentity, groups_in

NOW = 1_800_000_000
ISSUER, AUDIENCE = "https://login.example.com/", "rung"
SETTINGS = JwtSettings(issuer=ISSUER, audience=(AUDIENCE, "other"), jwks="jwks.json")
RSA = RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"})
EC = ECKey.generate_key("P-256", {"kid": "ec", "alg": "ES256"})
OKP = OKPKey.generate_key("Ed25519", {"kid": "okp"})
OTHER = RSAKey.generate_key(2048, {"kid": "rsa"})
LOOSE = JWSRegistry(algorithms=["RS256"], strict_check_header=False)
CLAIMS = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ada", "exp": NOW + 300, "groups": ["staff", "hr"]}


def published(*keys: Any) -> bytes:
    return json.dumps(KeySet(list(keys)).as_dict(private=False)).encode()


class Provider:
    """What is published, how often it was fetched, and seconds that a test moves."""

    def __init__(self, *keys: Any) -> None:
        self.body, self.fetches, self.now, self.is_down = published(*keys), 0, 0.0, False

    def fetch(self) -> bytes:
        self.fetches += 1
        if self.is_down:
            raise ServerError("https://login.example.com/jwks cannot be reached: no route")
        return self.body

    def identity(self, settings: JwtSettings = SETTINGS) -> TokenIdentity:
        return TokenIdentity(settings, PublishedKeys(self.fetch, clock=lambda: self.now), clock=lambda: NOW)


def token(key: Any = RSA, algorithm: str = "RS256", header: dict[str, Any] | None = None, **claims: Any) -> str:
    entries = {name: value for name, value in {**CLAIMS, **claims}.items() if value is not None}
    head = {"alg": algorithm, "kid": key.kid} if header is None else {"alg": algorithm, **header}
    return jwt.encode(head, entries, key, algorithms=[algorithm])


def raw(header: object, claims: object, signature: bytes = b"") -> str:
    parts = [json.dumps(header).encode(), json.dumps(claims).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def signed_with_the_public_key() -> str:
    """The classic: HS256, its secret being the text of the published key."""
    signed = raw({"alg": "HS256", "kid": "rsa"}, CLAIMS).rstrip(".")
    signature = hmac.digest(RSA.as_pem(private=False), signed.encode(), "sha256")
    return f"{signed}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def refusal(work: Callable[[], Caller]) -> Refused:
    with pytest.raises(Refused) as caught:
        work()
    return caught.value


@pytest.mark.parametrize(
    ("key", "algorithm"), [(RSA, "RS256"), (RSA, "PS256"), (EC, "ES256"), (OKP, "EdDSA"), (OKP, "Ed25519")]
)
def test_a_good_token_names_its_caller(key: Any, algorithm: str) -> None:
    caller = Provider(RSA, EC, OKP).identity().of(token(key, algorithm))
    assert (caller.name, caller.groups) == ("ada", frozenset({"staff", "hr"}))


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": ["someone", "other"]},
        {"exp": NOW - LEEWAY + 1},
        {"nbf": NOW + LEEWAY},
        {"iat": NOW + LEEWAY},
        {"groups": None},
        {"groups": []},
        {"groups": "staff, hr"},
    ],
)
def test_what_is_allowed_is_allowed(claims: dict[str, Any]) -> None:
    assert Provider(RSA).identity().of(token(**claims)).name == "ada"


@pytest.mark.parametrize(
    "header",
    [
        {"kid": "rsa", "nonce": "AQABAAAA", "x5t": "bm90IGEgaGFzaA", "typ": "at+jwt"},
        {"kid": "rsa", "client": "7", "signer": "arn:aws:elasticloadbalancing:eu-north-1:1:loadbalancer/app/x", "exp": NOW},
        {"kid": "rsa", "x5c": ["QUJD" * 700]},
        {"kid": "rsa", "jku": "https://evil.example.com/jwks", "jwk": OTHER.as_dict(private=False)},
    ],
)
def test_what_providers_add_to_a_header_is_ignored(header: dict[str, Any]) -> None:
    text = jwt.encode({"alg": "RS256", **header}, CLAIMS, RSA, registry=LOOSE)
    assert Provider(RSA).identity().of(text).name == "ada"


HOSTILE = {
    "none": raw({"alg": "none", "kid": "rsa"}, CLAIMS),
    "None": raw({"alg": "None", "kid": "rsa"}, CLAIMS),
    "no algorithm": raw({"kid": "rsa"}, CLAIMS),
    "an algorithm that is no text": raw({"alg": ["RS256"], "kid": "rsa"}, CLAIMS),
    "signed with the public key": signed_with_the_public_key(),
    "another algorithm": token(RSA, "RS384"),
    "another key of that name": token(OTHER),
    "a key for another algorithm": raw({"alg": "ES256", "kid": "rsa"}, CLAIMS, b"0" * 64),
    "an elliptic key's name": token(RSA, header={"kid": "ec"}),
    "no kid": token(header={}),
    "an empty kid": token(header={"kid": ""}),
    "an unknown kid": token(header={"kid": "new"}),
    "its own key": token(OTHER, header={"jwk": OTHER.as_dict(private=False), "kid": "rsa"}),
    "its own address of keys": token(OTHER, header={"jku": "https://evil.example.com/jwks", "kid": "rsa"}),
    "a deep header that is read": base64.urlsafe_b64encode(b"[" * 6_000).rstrip(b"=").decode() + "..",
    "a critical header": raw({"alg": "RS256", "kid": "rsa", "crit": ["x"], "x": 1}, CLAIMS, b"0" * 256),
    "another audience": token(aud="else"),
    "no audience": token(aud=None),
    "an empty audience": token(aud=[]),
    "an audience that is no text": token(aud={"rung": 1}),
    "another issuer": token(iss="https://login.example.com"),
    "no issuer": token(iss=None),
    "issuers": token(iss=[ISSUER]),
    "expired": token(exp=NOW - LEEWAY),
    "no expiry": token(exp=None),
    "an expiry that is text": token(exp=str(NOW + 300)),
    "an expiry that is true": token(exp=True),
    "not yet valid": token(nbf=NOW + LEEWAY + 1),
    "issued in the future": token(iat=NOW + LEEWAY + 1),
    "no subject": token(sub=None),
    "a subject that is a number": token(sub=7),
    "an empty subject": token(sub=" "),
    "a subject of several lines": token(sub="ada\nroot"),
    "a long subject": token(sub="a" * 201),
    "groups that are a number": token(groups=7),
    "groups of numbers": token(groups=[1, 2]),
    "groups in an object": token(groups={"staff": True}),
    "cut": token()[:-20],
    "without a signature": token().rpartition(".")[0] + ".",
    "two parts": token().rpartition(".")[0],
    "changed": token().replace(".e", ".f", 1),
    "dots": "..",
    "nothing": "",
    "not ASCII": token()[:-1] + "é",
    "huge": token(junk="x" * MAX_CREDENTIAL),
    "a deep header": base64.urlsafe_b64encode(b"[" * 11_000).rstrip(b"=").decode() + "..",
    "unencoded claims": raw({"alg": "RS256", "kid": "rsa", "b64": False, "crit": ["b64"]}, CLAIMS, b"0" * 256),
    "claims that are a list": raw({"alg": "RS256", "kid": "rsa"}, [], b"0" * 256),
    "a header that is a list": raw([], CLAIMS, b"0" * 256),
    "a header that is null": raw(None, CLAIMS, b"0" * 256),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_bad_token_is_401_and_only_the_log_says_why(name: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    refused = refusal(lambda: Provider(RSA, EC, OKP).identity().of(HOSTILE[name]))
    assert (refused.status, refused.message, refused.headers) == (401, NOT_GOOD, {"WWW-Authenticate": "Bearer"})
    assert len(caplog.messages) == 1
    assert not HOSTILE[name] or len(HOSTILE[name]) < 10 or HOSTILE[name] not in caplog.text
    assert "\n" not in caplog.messages[0]


def test_a_huge_token_is_refused_before_anything_of_it_is_read() -> None:
    provider = Provider(RSA)
    assert refusal(lambda: provider.identity().of("a." * MAX_CREDENTIAL)).status == 401
    assert provider.fetches == 0


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_no_token_raises_anything_but_a_refusal(data: st.DataObject) -> None:
    identity = Provider(RSA).identity()
    header = st.dictionaries(st.sampled_from(["alg", "kid", "typ", "b64", "crit", "zip"]), VALUES)
    header = st.one_of(header, header.map(lambda one: {**one, "alg": "RS256", "kid": "rsa"}))
    text = data.draw(st.one_of(st.text(max_size=50), st.builds(raw, header, VALUES, st.binary(max_size=300))))
    assert refusal(lambda: identity.of(text)).status == 401


VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=9)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=5,
)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.sampled_from([*CLAIMS, "nbf", "iat", "jti"]), VALUES, max_size=3))
def test_no_signed_claims_raise_anything_but_a_refusal(claims: dict[str, Any]) -> None:
    text = jwt.encode({"alg": "ES256", "kid": "ec"}, {**CLAIMS, **claims}, EC, algorithms=["ES256"])
    with suppress(Refused):
        assert Provider(EC).identity().of(text).name.strip()


def test_a_new_key_is_found_without_a_restart_and_at_most_once_a_minute() -> None:
    provider = Provider(RSA)
    identity = provider.identity()
    assert identity.of(token()).name == "ada"
    for _ in range(20):
        identity.of(token())
        assert refusal(lambda: identity.of(token(EC, "ES256"))).status == 401
    assert provider.fetches == 1
    provider.body = published(RSA, EC)  # the provider changes over
    provider.now += EVERY
    assert identity.of(token(EC, "ES256")).name == "ada"
    assert identity.of(token()).name == "ada"
    assert provider.fetches == 2


def test_a_key_that_was_withdrawn_is_none_after_an_hour() -> None:
    provider = Provider(RSA, EC)
    identity = provider.identity()
    identity.of(token())
    provider.body = published(EC)
    provider.now += MAX_AGE - 1
    identity.of(token())
    provider.now += 1
    assert refusal(lambda: identity.of(token())).status == 401


def test_without_the_provider_nobody_new_is_let_in_and_it_is_503(caplog: pytest.LogCaptureFixture) -> None:
    provider = Provider(RSA)
    provider.is_down = True
    identity = provider.identity()
    for _ in range(10):
        assert refusal(lambda: identity.of(token())).status == 503
    assert provider.fetches == 1
    assert "cannot be reached" in caplog.messages[0]
    provider.is_down = False
    provider.now += AGAIN
    assert identity.of(token()).name == "ada"


def test_keys_go_on_while_the_provider_is_away_but_not_for_ever() -> None:
    provider = Provider(RSA)
    identity = provider.identity()
    identity.of(token())
    provider.is_down = True
    provider.now += MAX_AGE
    assert identity.of(token()).name == "ada"
    assert refusal(lambda: identity.of(token(EC, "ES256"))).status == 503  # it may be a new one
    provider.now += MAX_OUTAGE
    assert refusal(lambda: identity.of(token())).status == 503


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"keys": {}}', b'{"keys": [7, {"kty": "RSA"}]}', b"[" * 100_000])
def test_a_list_without_keys_is_503(body: bytes) -> None:
    provider = Provider(RSA)
    provider.body = body
    assert refusal(lambda: provider.identity().of(token())).status == 503


def test_of_a_list_only_what_can_check_signatures_is_taken() -> None:
    provider = Provider()
    secret = {"kty": "oct", "kid": "rsa", "k": base64.urlsafe_b64encode(b"x" * 32).decode()}
    wrong = [{"kty": "RSA", "kid": "rsa", "n": "!", "e": "AQAB"}, {"kty": "new", "kid": "rsa"}, secret]
    encrypting = {**RSA.as_dict(private=False), "use": "enc"}
    provider.body = json.dumps({"keys": [*wrong, encrypting, EC.as_dict(private=False)]}).encode()
    identity = provider.identity()
    assert refusal(lambda: identity.of(token())).status == 401
    assert refusal(lambda: identity.of(signed_with_the_public_key())).status == 401
    assert identity.of(token(EC, "ES256")).name == "ada"


def test_where_the_groups_stand() -> None:
    claims: dict[str, Json] = {
        "realm_access": {"roles": ["a", " b "]},
        "https://x.example.com/groups": ["c"],
        "one": "a,b",
        "none": None,
    }
    assert groups_in(claims, "realm_access.roles") == {"a", "b"}
    assert groups_in(claims, "https://x.example.com/groups") == {"c"}
    assert groups_in(claims, "one") == {"a", "b"}
    assert groups_in(claims, "none") == groups_in(claims, "realm_access.no") == groups_in(claims, "a.b.c") == frozenset()
    assert groups_in({"realm_access": ["a"]}, "realm_access.roles") == frozenset(), "the dots lead to nothing"
    for path in ("realm_access",):
        with pytest.raises(ValueError, match="no list of groups"):
            groups_in(claims, path)


# --- all ways in together ------------------------------------------------------------------------------------------------


def identity(tmp_path: Path, **proxy: Any) -> ProjectIdentity:
    return ProjectIdentity(KeyIdentity(tmp_path), Provider(RSA).identity(), ProxyIdentity(ProxySettings(**proxy)))


def test_a_key_or_a_token_opens_and_nothing_else_does(tmp_path: Path) -> None:
    _, text = KeyStore(tmp_path).create(KeyRequest("ci"))
    whose = identity(tmp_path)
    assert whose.identify({"authorization": f"Bearer {text}"}).name == "ci"
    assert whose.identify({"x-api-key": text}).name == "ci"
    assert whose.identify({"Authorization": f"Bearer {token()}"}).name == "ada"
    two = Headers(raw=[(b"authorization", f"Bearer {one}".encode()) for one in (text, token())])
    for headers in ({}, {"x-user": "root"}, {"authorization": "Bearer x"}, {"authorization": "Bearer a.b.c"}, two):
        assert refusal(lambda headers=headers: whose.identify(headers, "127.0.0.1")).status == 401  # type: ignore[misc]


def test_a_proxy_is_believed_from_its_address_only(tmp_path: Path) -> None:
    whose = identity(tmp_path, addresses=("10.0.0.0/8", "::1"), user="X-User", groups="X-Groups")
    headers = {"x-user": "grace", "X-GROUPS": "staff, hr,"}
    for address in ("10.1.2.3", "::ffff:10.1.2.3", "::1"):
        assert whose.identify(headers, address) == Caller("grace", frozenset({"staff", "hr"}))
    for address in ("11.0.0.1", "", "localhost", "127.0.0.1", "10.1.2.3, 11.0.0.1"):
        assert refusal(lambda address=address: whose.identify(headers, address)).status == 401  # type: ignore[misc]
    assert refusal(lambda: whose.identify({"x-user": " "}, "10.0.0.1")).status == 401
    assert refusal(lambda: whose.identify({"x-user": "gr\u00e4ce"}, "10.0.0.1")).status == 401
    twice = Headers(raw=[(b"x-user", b"grace"), (b"x-user", b"root")])
    assert refusal(lambda: whose.identify(twice, "10.0.0.1")).status == 401
    assert whose.identify({"authorization": f"Bearer {token()}"}, "10.0.0.1").name == "ada"


def test_a_project_says_who_is_let_in(tmp_path: Path) -> None:
    (tmp_path / "rung.yaml").write_text("task: Answer.\n", "utf-8")
    with pytest.raises(UserError, match="rung keys new"):
        identity_of(load_project(tmp_path))
    _, text = KeyStore(tmp_path / ".rung").create(KeyRequest("ci"))
    assert identity_of(load_project(tmp_path)).identify({"x-api-key": text}).name == "ci"
    jwt_settings = f"{{issuer: '{ISSUER}', audience: rung, jwks: keys.json, groups_claim: groups}}"
    (tmp_path / "rung.yaml").write_text(f"serve: {{jwt: {jwt_settings}}}\n", "utf-8")
    (tmp_path / "keys.json").write_bytes(published(RSA))
    whose = identity_of(load_project(tmp_path))
    assert whose.identify({"authorization": f"Bearer {token(exp=4_000_000_000)}"}).name == "ada"
    assert refusal(lambda: whose.identify({"authorization": f"Bearer {token(exp=1_700_000_000)}"})).status == 401


@pytest.mark.parametrize(
    ("yaml", "why"),
    [
        ("jwt: {issuer: 'https://x'}", "serve.jwt: needs audience and jwks too"),
        ("jwt: {audience: x, jwks: k.json}", "serve.jwt: needs issuer too"),
        ("jwt: {issuer: x, audience: [], jwks: k.json}", "needs audience too"),
        ("jwt: {issuer: x, audience: y, jwks: 'http://x.example.com/jwks'}", "must be https"),
        ("jwt: {issuer: x, audience: y, jwks: 'http://localhost.evil.example/jwks'}", "must be https"),
        ("jwt: {issuer: x, audience: y, jwks: 'ftp://x/jwks'}", "must be https"),
        ("jwt: {isuer: x}", "did you mean 'issuer'?"),
        ("proxy: {addresses: [10.0.0.300]}", "serve.proxy.addresses: "),
        ("proxy: {addresses: [proxy.example.com]}", "serve.proxy.addresses: "),
        ("proxy: {addresses: [10.0.0.1], user: Authorization}", "must be the name of a header"),
        ("proxy: {addresses: [10.0.0.1], user: 'X User'}", "must be the name of a header"),
    ],
)
def test_a_mistake_in_the_settings_is_said_with_its_line(yaml: str, why: str, tmp_path: Path) -> None:
    (tmp_path / "rung.yaml").write_text(f"serve:\n  {yaml}\n", "utf-8")
    with pytest.raises(InputError, match=r"rung\.yaml:2: ") as caught:
        load_project(tmp_path)
    assert why in str(caught.value)
