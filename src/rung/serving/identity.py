"""Who asks a project, by all that it takes: keys, tokens of its identity provider, headers of its proxy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rung.config.project import Project
from rung.errors import UserError
from rung.serving.callers import Caller
from rung.serving.headers import credential, not_good
from rung.serving.jwks import PublishedKeys, fetcher
from rung.serving.keys import PREFIX, KeyIdentity, KeyStore, now_utc
from rung.serving.proxy import ProxyIdentity
from rung.serving.tokens import TokenIdentity


@dataclass(frozen=True, slots=True)
class ProjectIdentity:
    """Tells callers apart; an `Identity`. `tokens` None: the project takes none."""

    keys: KeyIdentity
    tokens: TokenIdentity | None
    proxy: ProxyIdentity

    def identify(self, headers: Mapping[str, str], address: str = "") -> Caller:
        """See `Identity`."""
        if caller := self.proxy.of(headers, address):
            return caller
        text = credential(headers)
        if text.startswith(PREFIX):
            return self.keys.of(text)
        if self.tokens is not None and text.count(".") == 2:
            return self.tokens.of(text)
        raise not_good("a credential of no kind that is taken" if text else "no credential")


def identity_of(project: Project) -> ProjectIdentity:
    """Who tells a project's callers apart.

    Raises:
        UserError: nobody could be let in; the file of keys is none.
        MissingExtra: tokens are taken, and the library that checks them is not installed.
    """
    settings = project.settings.serve
    now = now_utc()
    is_keyed = any(key.state(now) == "live" for key in KeyStore(project.state).listed())
    if not (is_keyed or settings.jwt.issuer or settings.proxy.addresses):
        key = f"'rung keys new NAME -C {project.root}' makes a key for NAME"
        raise UserError(f"nobody could be let in: {key}; --open answers without, on this machine only")
    tokens = TokenIdentity(settings.jwt, PublishedKeys(fetcher(project))) if settings.jwt.issuer else None
    return ProjectIdentity(KeyIdentity(project.state), tokens, ProxyIdentity(settings.proxy))
