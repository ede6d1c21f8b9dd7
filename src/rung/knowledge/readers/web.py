"""What stands at web addresses: pages and sitemaps, over HTTP, from the hosts that the project names and no others.

What a page says is left to its reader. A page that cannot be had for the moment is taken as it was last time, and that
is said; one that its server says is gone, is gone.
"""

from __future__ import annotations

import gzip
import io
import json
import re
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urldefrag, urlsplit
from xml.etree import ElementTree

from rung.config.addresses import has_password, host_of, led_to, without_password
from rung.errors import MissingExtra
from rung.knowledge.readers.encodings import decode
from rung.knowledge.readers.found import WEB, Found
from rung.knowledge.readers.memory import Known, Memory, packed
from rung.knowledge.readers.registry import edition, readers
from rung.knowledge.readers.source import SourceFile, Unusable
from rung.records import Problem

if TYPE_CHECKING:
    import httpx
    from protego import Protego

AGENT = "rung"
LARGEST_PAGE = 32 * 2**20  # bytes, unpacked
MAX_PAGES = 10_000  # of one sitemap
_SECONDS = 20.0  # between two pieces of an answer
_WHOLE = 120.0  # seconds for a whole page
_LONGEST_DELAY = 10.0  # seconds between two pages that a robots.txt can ask for
_REDIRECTS = 5
_SITEMAPS = 50  # that one sitemap may lead to
_SITEMAP = "sitemap "  # before the address under which its pages are remembered
_LED = "redirect "  # before the address of a page: where it was led to
_PATIENCE = 3
_GONE = (404, 410)
_LATER = (408, 425, 429)
_TYPES = {
    "text/html": ".html",
    "application/xhtml+xml": ".html",
    "application/pdf": ".pdf",
    "text/plain": ".txt",
    "text/markdown": ".md",
    "text/csv": ".csv",
    "application/json": ".json",
    "application/x-ndjson": ".jsonl",
}


class _Later(Unusable):
    """It may be there next time."""


_ENCODING = re.compile(rb"<\?xml[^>]*\bencoding\s*=\s*[\"']([A-Za-z0-9._:-]{1,40})")


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a server said. `data` None: what was seen last time still holds."""

    url: str
    data: bytes | None
    kind: str = ""
    charset: str = ""
    stamp: str = ""


def pages(address: str, memory: Memory | None) -> Iterator[Found | Problem]:
    """The page at an address; of a sitemap, every page that it lists on the same host."""
    try:
        import httpx
    except ImportError as error:  # pragma: no cover - a dependency of Rung
        raise MissingExtra("docs", "reading web pages") from error
    if has_password(address):
        yield Problem(
            without_password(address), 0, "holds a user or a password, which would stay in ids and citations; left out"
        )
        return
    host = host_of(address)
    with httpx.Client(timeout=_SECONDS, follow_redirects=False, headers={"User-Agent": AGENT}) as client:
        site = _Site(client, host, memory)
        yield from _pages(site, address, memory)
        yield from site.remarks


def _pages(site: _Site, address: str, memory: Memory | None) -> Iterator[Found | Problem]:
    """Those of one address."""
    cached = memory.get(_SITEMAP + address) if memory is not None else None
    problems: list[Problem] = []
    try:
        first = site.fetch(address)
        listed = site.listed(first, problems) if first.data is not None and _is_sitemap(first) else None
    except Unusable as error:
        if cached is None or not isinstance(error, _Later):
            yield from site.failed(address, error)
            return
        yield Problem(address, 0, f"{error}; its pages are those that it listed when it was last read")
        yield from site.each(address, [str(url) for _, url in cached.items])
        return
    yield from problems
    if listed is None:
        yield site.source_of(address, first)
        return
    if memory is not None:
        memory.keep(_SITEMAP + address, Known(edition(), "", "", packed((0, url) for url in listed)))
    yield from site.each(address, listed)


@dataclass
class _Site:
    """One host, its robots.txt, and when it was last asked."""

    client: httpx.Client
    host: str
    memory: Memory | None
    _robots: dict[str, Protego | None] = field(default_factory=dict)
    remarks: list[Problem] = field(default_factory=list)  # on its robots.txt
    _asked: float = 0.0
    _silent: int = 0  # pages in a row for which it did not answer at all

    def each(self, sitemap: str, listed: list[str]) -> Iterator[Found | Problem]:
        """The pages of a sitemap."""
        if not listed:
            yield Problem(sitemap, 0, "this sitemap lists no page")
        secret = [url for url in listed if has_password(url)]
        if secret:
            yield Problem(sitemap, 0, f"{len(secret)} of its pages are listed with a user or a password; left out")
        listed = [url for url in listed if not has_password(url)]
        elsewhere = list(dict.fromkeys(url for url in listed if host_of(url) != self.host))
        if elsewhere:
            message = f"{len(elsewhere)} of its pages are on other hosts, as {elsewhere[0]}; name those in sources too"
            yield Problem(sitemap, 0, message)
        own = list(dict.fromkeys(url for url in listed if host_of(url) == self.host))
        if len(own) > MAX_PAGES:
            yield Problem(sitemap, 0, f"lists {len(own)} pages; the first {MAX_PAGES} are read")
        for url in own[:MAX_PAGES]:
            try:
                yield self.source_of(url, self.fetch(url))
            except Unusable as error:
                yield from self.failed(url, error)

    def source_of(self, address: str, answer: _Answer) -> Found:
        """A page that was fetched, or that has not changed since it was."""
        id = urldefrag(address).url
        path = Path(urlsplit(answer.url).path or "/")
        suffix = _TYPES.get(answer.kind, path.suffix.lower() if path.suffix.lower() in readers() else ".html")
        file = SourceFile(id, path, answer.data or b"", suffix=suffix, charset=answer.charset)
        names = tuple(dict.fromkeys((id, urldefrag(answer.url).url)))  # a page is under the rules of both
        led = self.memory.get(_LED + id) if self.memory is not None else None
        if self.memory is not None and (len(names) > 1 or led is not None):
            self.memory.keep(_LED + id, Known(edition(), "", "", packed((0, name) for name in names)))
        return Found(file, names=names, stamp=answer.stamp, unchanged=answer.data is None)

    def failed(self, address: str, error: Unusable) -> Iterator[Found | Problem]:
        """What is to be done about a page that could not be had: take it as it was, if it was ever seen."""
        id = urldefrag(address).url
        cached = self.memory.get(id) if self.memory is not None and isinstance(error, _Later) else None
        if cached is None:
            yield Problem(id, 0, str(error))
        else:
            note = f"{error}; taken as it was when it was last read"
            led = self.memory.get(_LED + id) if self.memory is not None else None
            names = tuple(str(name) for _, name in led.items) if led is not None else (id,)
            yield Found(SourceFile(id, Path("page"), b"", suffix=".html"), names, note=note, unchanged=True)

    def listed(self, sitemap: _Answer, problems: list[Problem]) -> list[str]:
        """The addresses in a sitemap, and in those that it leads to; one of those that is broken or gone is a problem."""
        addresses: list[str] = []
        waiting, seen = [sitemap], {sitemap.url}
        while waiting:
            answer = waiting.pop(0)
            root, note = _sitemap(answer)
            if note:
                problems.append(Problem(answer.url, 1, note))
            places = [" ".join((e.text or "").split()) for e in root.iter() if e.tag.rpartition("}")[2] == "loc"]
            places = [led_to(answer.url, link) for link in places if link]
            if root.tag.rpartition("}")[2] != "sitemapindex":
                addresses.extend(places)
                continue
            for link in places:
                if link in seen:
                    continue
                seen.add(link)
                try:
                    if len(seen) > _SITEMAPS:
                        raise Unusable(f"is one of more than {_SITEMAPS} sitemaps; left out")
                    waiting.append(self.fetch(link, fresh=True))
                except _Later:
                    raise  # all that it listed would seem to be gone
                except Unusable as error:
                    problems.append(Problem(link, 0, str(error)))
        return addresses

    def fetch(self, address: str, *, fresh: bool = False) -> _Answer:
        """What stands at an address; redirects are followed on the same host.

        Raises:
            Unusable: it is not there, not allowed, too large, or the server failed.
        """
        url = urldefrag(address).url
        cached = self.memory.get(url) if self.memory is not None and not fresh else None
        until = time.monotonic() + _WHOLE
        if self._silent >= _PATIENCE:
            raise _Later(f"was not asked for: {self.host} did not answer {_PATIENCE} times in a row")
        for _ in range(_REDIRECTS + 1):
            if not self._is_own(url):
                raise Unusable(f"leads to {without_password(url)}, on another host; name that in sources to read it")
            self._allowed(url)
            answer, onward = self._ask(url, cached, until)
            if answer is not None:
                return answer
            url = led_to(url, onward)
        raise Unusable(f"leads from one address to the next more than {_REDIRECTS} times")

    def _ask(self, url: str, cached: Known | None, until: float) -> tuple[_Answer | None, str]:
        import httpx

        try:
            with self.client.stream("GET", url, headers=_conditions(cached)) as response:
                if response.has_redirect_location:
                    return None, response.headers.get("location", "")
                if response.status_code == 304 and cached is not None:
                    return _Answer(url, None, stamp=cached.stamp), ""
                if response.status_code != 200:
                    _complain(response.status_code)
                data = _body(response, until)
        except (httpx.TransportError, httpx.DecodingError, httpx.InvalidURL) as error:
            self._silent += 1
            raise _Later(f"could not be fetched ({type(error).__name__}: {error})") from error
        self._silent = 0
        kind, _, _ = response.headers.get("content-type", "").partition(";")
        stamp = {name: response.headers[name] for name in ("etag", "last-modified") if name in response.headers}
        noted = json.dumps(stamp, sort_keys=True) if stamp else ""
        return _Answer(url, data, kind.strip().lower(), response.charset_encoding or "", noted), ""

    def _allowed(self, url: str) -> None:
        """Ask the host's robots.txt, and wait as long as it wants.

        Raises:
            Unusable: it does not want this page to be read.
        """
        scheme = urlsplit(url).scheme
        if scheme not in self._robots:
            self._robots[scheme] = self._rules(f"{scheme}://{self.host}/robots.txt")
        rules = self._robots[scheme]
        if rules is None:
            return
        if not rules.can_fetch(url, AGENT):
            raise Unusable(f"the robots.txt of {self.host} does not allow '{AGENT}' to read it")
        delay = min(float(rules.crawl_delay(AGENT) or 0), _LONGEST_DELAY)
        if self._asked and (wait := self._asked + delay - time.monotonic()) > 0:
            time.sleep(wait)
        self._asked = time.monotonic()

    def _rules(self, url: str) -> Protego | None:
        """What a robots.txt says. None: there is none, so everything is allowed (RFC 9309)."""
        import httpx

        try:
            from protego import Protego
        except ImportError as error:
            raise Unusable(str(MissingExtra("docs", "reading web pages"))) from error
        for _ in range(_REDIRECTS + 1):
            if not self._is_own(url):
                raise Unusable(
                    f"is not read: the robots.txt of {self.host} leads to {without_password(url)}, on another host"
                )
            try:
                with self.client.stream("GET", url) as response:
                    if response.has_redirect_location:
                        url = led_to(url, response.headers.get("location", ""))
                        continue
                    if response.status_code >= 500:
                        raise _Later(
                            f"the robots.txt of {self.host} failed with {response.status_code}, so nothing was read"
                        )
                    if response.status_code != 200:
                        return None
                    return Protego.parse(self._text(url, _body(response, time.monotonic() + _SECONDS)))
            except (httpx.TransportError, httpx.DecodingError, httpx.InvalidURL) as error:
                self._silent += 1
                raise _Later(f"could not be fetched ({type(error).__name__}: {error})") from error
        raise Unusable(f"is not read: the robots.txt of {self.host} leads on more than {_REDIRECTS} times")

    def _text(self, url: str, data: bytes) -> str:
        """A robots.txt as text; what cannot be read of it, nobody can keep to, and that is said."""
        text, note = decode(data)
        if note or text is None:
            why = note or "is no text"
            self.remarks.append(Problem(url, 0, f"{why}; what it says beyond ASCII may not be kept to"))
        return data.decode("utf-8", "replace") if text is None else text

    def _is_own(self, url: str) -> bool:
        return host_of(url) == self.host and url.startswith(WEB)


def _complain(status: int) -> None:
    if status in _GONE:
        raise Unusable(f"is not there (HTTP {status})")
    if status in (401, 403):
        raise Unusable(f"may not be read (HTTP {status}); Rung sends no password")
    if status in _LATER or status >= 500:
        raise _Later(f"its server failed (HTTP {status})")
    raise Unusable(f"was answered with HTTP {status}")


def _conditions(cached: Known | None) -> dict[str, str]:
    if cached is None or not cached.stamp or cached.reader != edition():
        return {}
    parsed = json.loads(cached.stamp)
    asked = {"If-None-Match": parsed.get("etag"), "If-Modified-Since": parsed.get("last-modified")}
    return {name: value for name, value in asked.items() if value}


def _body(response: httpx.Response, until: float) -> bytes:
    parts, length = [], 0
    for part in response.iter_bytes():
        length += len(part)
        if length > LARGEST_PAGE:
            raise Unusable(f"is larger than {LARGEST_PAGE // 2**20} MiB; left out")
        if time.monotonic() > until:
            raise _Later(f"took longer than {_WHOLE:.0f} seconds")
        parts.append(part)
    return b"".join(parts)


def _is_sitemap(answer: _Answer) -> bool:
    head = (answer.data or b"")[:4096]
    packed = answer.url.endswith(".xml.gz") and head.startswith(b"\x1f\x8b")
    text = (decode(head)[0] or "").lower()
    return packed or "<urlset" in text or "<sitemapindex" in text


def _sitemap(answer: _Answer) -> tuple[ElementTree.Element, str]:
    """Its root, and what is to be said of its encoding: XML's own parser knows but a few, and believes each name."""
    data = answer.data or b""
    if data.startswith(b"\x1f\x8b"):
        try:
            data = gzip.GzipFile(fileobj=io.BytesIO(data)).read(LARGEST_PAGE + 1)
        except (OSError, EOFError, zlib.error) as error:
            raise Unusable(f"is a sitemap whose gzip is broken ({error})") from error
        if len(data) > LARGEST_PAGE:
            raise Unusable(f"is a sitemap larger than {LARGEST_PAGE // 2**20} MiB")
    declared = _ENCODING.search(data[:200])
    text, note = decode(data, declared[1].decode("ascii") if declared else answer.charset)
    if text is None:
        raise Unusable(f"is a sitemap that is no text ({note})")
    try:
        return ElementTree.fromstring(text), note
    except (ElementTree.ParseError, ValueError) as error:
        raise Unusable(f"is a sitemap that is no XML ({error})") from error
