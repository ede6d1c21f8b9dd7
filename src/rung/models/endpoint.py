"""Where a model on a server is: its URL, its name there, whose server it is, and the variable that holds the key."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from rung.errors import ModelError
from rung.models import aws, google_cloud
from rung.models.vendors import ANY, BEARER, BEDROCK, VENDORS, VERTEX, Vendor

_URLS = ("http://", "https://")


def is_on_server(name: str) -> bool:
    """Whether a model's name is one of a model on a server, whatever may be amiss with it."""
    return name.startswith(_URLS) or _vendor_of(name) is not None


def without_address(name: str) -> str:
    """A model's name, or its engine's identity, for who need not know where its server is.

    >>> without_address("http://10.0.0.7:9100/v1#mid"), without_address("openai:gpt-5")
    ('#mid', 'openai:gpt-5')
    """
    return re.sub(r"https?://[^#\s]*(?=#)", "", name)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A model on a server. The key is read from the environment when it is needed, and never kept."""

    url: str
    model: str
    vendor: Vendor = ANY

    @classmethod
    def named(cls, name: str) -> Endpoint:
        """From "openai:<name>", or that of another vendor, or "http://host/v1#<name>".

        Raises:
            ModelError: the model is not named, the URL carries a password, or the vendor's address is nowhere said.
        """
        vendor = _vendor_of(name)
        if vendor is not None:
            model = name.removeprefix(f"{vendor.name}:")
            if not model:
                form = f"{vendor.name}:<name>, such as {vendor.name}:{vendor.example}"
                raise ModelError(f"'{vendor.name}:' names no model: write {form}")
            return cls(_url_of(vendor), google_cloud.resource(model) if vendor is VERTEX else model, vendor)
        url, _, model = name.partition("#")
        checked = _checked(url, "a model's URL", key="RUNG_API_KEY")
        if not model:
            raise ModelError(f"'{url}' names no model: write {url}#<name>, with the name that the server knows it by")
        return cls(checked, model)

    def __str__(self) -> str:
        return f"{self.url}#{self.model}"

    @property
    def identity(self) -> str:
        """URL and model; nothing secret."""
        return f"http:{self.url}#{self.model}"

    @property
    def is_vendors(self) -> bool:
        """Whether it is the vendor's own server, and no other that a variable names."""
        own = re.sub(r"\\\{\w+\\\}(\\-)?", r"[\\w-]*", re.escape(self.vendor.url))
        return bool(self.vendor.name) and (not own or re.fullmatch(own, self.url) is not None)

    @property
    def wants_key(self) -> bool:
        """Whether nobody without a key is answered there."""
        return self.vendor.wants_key and self.is_vendors

    @property
    def key_variable(self) -> str:
        """The variable that holds the key; where none is set, the one that should be: the first, or all that may be."""
        return next((name for name in self.vendor.keys if os.environ.get(name)), " or ".join(self.vendor.keys))

    @property
    def has_key(self) -> bool:
        """Whether a key is set."""
        return bool(os.environ.get(self.key_variable))

    def address(self, path: str) -> str:
        """The URL of a path, as `wire.Look` has them."""
        if path.startswith("//"):
            parts = urlsplit(self.url)
            return f"{parts.scheme}://{parts.netloc}{path[1:]}"
        if path.startswith("control:"):
            return self.url.replace("//bedrock-runtime.", "//bedrock.") + path.removeprefix("control:")
        return self.url + path

    def headers(self, method: str, url: str, content: bytes) -> dict[str, str]:
        """Those of a request: what kind of content it has, the authorisation where a key is set, and the vendor's own.

        Raises:
            UserError: the request must be signed, and cannot be.
        """
        key = os.environ.get(self.key_variable, "")
        if not key and self.vendor is BEDROCK:
            return aws.signed(method, url, content)
        header = self.vendor.keys.get(self.key_variable, BEARER)
        sent = {"Content-Type": "application/json", **dict(self.vendor.headers)}
        return {**sent, header: f"Bearer {key}" if header == BEARER else key} if key else sent


def _vendor_of(name: str) -> Vendor | None:
    return VENDORS.get(name.partition(":")[0]) if ":" in name else None


def _url_of(vendor: Vendor) -> str:
    """Where a vendor's API is, or the server that is asked instead.

    Raises:
        ModelError: no variable says where.
    """
    key, instead = next(iter(vendor.keys)), os.environ.get(vendor.url_variable, "").strip()
    if not instead and not vendor.url:
        form = f"its address, such as https://NAME.openai.azure.com{'' if vendor.name == 'azure' else vendor.below}"
        raise ModelError(f"{vendor.name}: {vendor.url_variable} is not set: set it to {form}")
    if not instead:
        return _regional(vendor.url)
    if "://" not in instead:  # "127.0.0.1:11434", as OLLAMA_HOST may have it
        instead = f"http://{instead}"
    url = _checked(instead, vendor.url_variable, key=key)
    if vendor.url_variable == "OLLAMA_HOST":
        url = _reachable(url)
    return url if url.endswith(vendor.below) else url + vendor.below


def _regional(url: str) -> str:
    """The address where the variables of the cloud say that it is asked."""
    if "{region}" in url:
        return url.format(region=aws.region())
    if "{location}" in url:
        location = google_cloud.location()
        return url.replace("{location}-", "") if location == "global" else url.format(location=location)
    return url


def _reachable(url: str) -> str:
    """Ollama's address as its clients read it: its own port where none is named, and no address that only listens."""
    url = re.sub(r"//(?:0\.0\.0\.0|\[::\])(?=[:/]|$)", "//127.0.0.1", url)
    has_port = urlsplit(url).port is not None or url.startswith("https://")
    return url if has_port else f"{url}:11434"


def _checked(url: str, what: str, *, key: str) -> str:
    """The URL without a slash at its end.

    Raises:
        ModelError: it is none, or carries a password.
    """
    if "@" in url.partition("://")[2].partition("/")[0]:
        raise ModelError(f"{what} must not carry a password: set {key} in the environment instead")
    try:
        parts = urlsplit(url)
        _ = parts.port  # read when asked for
    except ValueError as error:
        raise ModelError(f"{what} '{url}' cannot be read ({error}): write http://host:port/v1") from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ModelError(f"{what} '{url}' is no address of a server: write http://host:port/v1")
    return url.rstrip("/")
