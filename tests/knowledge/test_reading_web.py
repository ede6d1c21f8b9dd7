"""Are pages and sitemaps read from the hosts that are named and no others, politely, and does a hiccup delete nothing?"""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from rung.knowledge.loading import Access, Memory, ReadReport, Rule, read_sources
from rung.knowledge.readers import web
from tests.knowledge import making

pytestmark = pytest.mark.slow


@dataclass
class Site:
    """A real server: path -> (status, headers, body), or a body alone."""

    url: str = ""
    pages: dict[str, bytes | str | tuple[int, dict[str, str], bytes]] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    stop: Callable[[], None] = lambda: None

    def paths(self) -> list[str]:
        """What was asked for, robots.txt aside."""
        return [path for path, _ in self.asked if path != "/robots.txt"]


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the name is the standard library's
            made.asked.append((self.path, dict(self.headers)))
            page = made.pages.get(self.path, (404, {}, b"nothing here"))
            if not isinstance(page, tuple):
                page = (200, {"Content-Type": "text/html; charset=utf-8"}, page.encode() if isinstance(page, str) else page)
            status, headers, body = page
            if status == 200 and headers.get("ETag") and self.headers.get("If-None-Match") == headers["ETag"]:
                status, body = 304, b""
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # the name is the standard library's
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    made.url = f"http://127.0.0.1:{server.server_port}"

    def stop() -> None:
        server.shutdown()
        server.server_close()
        made.stop = lambda: None

    made.stop = stop
    yield made
    made.stop()


def read(site: Site, *paths: str, memory: Memory | None = None, rules: tuple[Rule, ...] = ()) -> ReadReport:
    return read_sources(Path(), [site.url + path for path in paths], access=Access(rules), memory=memory)


def page(words: str) -> str:
    return f"<html><head><title>{words} title</title></head><body><p>{words}</p></body></html>"


def test_a_page(site: Site) -> None:
    site.pages["/docs/a"] = page("Hello")
    (document,) = read(site, "/docs/a#part").documents
    assert (document.id, document.source) == (f"{site.url}/docs/a", f"{site.url}/docs/a")
    assert (document.title, document.text) == ("Hello title", "Hello\n")
    assert site.asked[-1][1]["User-Agent"] == "rung"
    assert "Cookie" not in site.asked[-1][1]


def test_other_kinds_go_by_what_the_server_says(site: Site) -> None:
    site.pages["/rates"] = (200, {"Content-Type": "application/pdf"}, making.pdf())
    site.pages["/a.md"] = (200, {"Content-Type": "application/octet-stream"}, b"# A\n\ntext")
    site.pages["/latin"] = (200, {"Content-Type": "text/plain; charset=iso-8859-2"}, "Łódź".encode("iso-8859-2"))
    report = read(site, "/rates", "/a.md", "/latin")
    assert [d.title for d in report.documents] == ["Rates", "A", "latin"]
    assert report.documents[2].text == "Łódź"


def sitemap(*urls: str) -> bytes:
    places = "".join(f"<url><loc>{url}</loc></url>" for url in urls)
    return f'<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{places}</urlset>'.encode()


def test_a_sitemap_and_those_it_leads_to(site: Site) -> None:
    places = "".join(f"<sitemap><loc>{place}</loc></sitemap>" for place in (f"{site.url}/one.xml.gz", "/two.xml"))
    index = f"<sitemapindex>{places}</sitemapindex>"
    site.pages["/sitemap.xml"] = (200, {"Content-Type": "application/xml"}, index.encode())
    site.pages["/one.xml.gz"] = (
        200,
        {"Content-Type": "application/gzip"},
        gzip.compress(sitemap(f"{site.url}/a", f"{site.url}/b")),
    )
    site.pages["/two.xml"] = (200, {"Content-Type": "text/xml"}, sitemap(f"{site.url}/a#again", f"{site.url}/gone"))
    site.pages |= {"/a": page("A"), "/b": page("B")}
    report = read(site, "/sitemap.xml")
    assert [d.text for d in report.documents] == ["A\n", "B\n"]
    assert [str(p) for p in report.problems] == [f"{site.url}/gone: is not there (HTTP 404)"]


def test_a_sitemap_that_fails_for_a_moment_deletes_nothing(site: Site, tmp_path: Path) -> None:
    places = "".join(f"<sitemap><loc>{site.url}/{name}.xml</loc></sitemap>" for name in ("one", "gone"))
    site.pages["/sitemap.xml"] = (200, {"Content-Type": "text/xml"}, f"<sitemapindex>{places}</sitemapindex>".encode())
    site.pages["/one.xml"] = (200, {"Content-Type": "text/xml"}, sitemap(f"{site.url}/a", f"{site.url}/b"))
    site.pages |= {"/a": page("A"), "/b": page("B")}
    with Memory(tmp_path / "m.db") as memory:
        report = read(site, "/sitemap.xml", memory=memory)
    assert [d.text for d in report.documents] == ["A\n", "B\n"]
    assert [str(p) for p in report.problems] == [f"{site.url}/gone.xml: is not there (HTTP 404)"]
    site.pages["/one.xml"] = (503, {}, b"")
    site.pages["/b"] = (503, {}, b"")
    for _ in range(2):
        with Memory(tmp_path / "m.db") as memory:
            report = read(site, "/sitemap.xml", memory=memory)
        assert [d.text for d in report.documents] == ["A\n", "B\n"]
        assert [p.message for p in report.problems] == [
            "its server failed (HTTP 503); its pages are those that it listed when it was last read",
            "its server failed (HTTP 503); taken as it was when it was last read",
        ]


def test_a_host_that_went_away_is_not_waited_for_page_by_page(site: Site, tmp_path: Path) -> None:
    site.pages["/sitemap.xml"] = (200, {"Content-Type": "text/xml"}, sitemap(*(f"{site.url}/{n}" for n in range(9))))
    site.pages |= {f"/{n}": page(f"Page {n}") for n in range(9)}
    with Memory(tmp_path / "m.db") as memory:
        assert len(read(site, "/sitemap.xml", memory=memory).documents) == 9
    site.stop()
    with Memory(tmp_path / "m.db") as memory:
        report = read(site, "/sitemap.xml", memory=memory)
    assert [d.text for d in report.documents] == [f"Page {n}\n" for n in range(9)]
    assert len(report.problems) == 10
    assert sum("did not answer 3 times in a row" in p.message for p in report.problems) == 7


def test_only_the_host_that_is_named(site: Site) -> None:
    other = site.url.replace("127.0.0.1", "localhost")
    site.pages["/sitemap.xml"] = (
        200,
        {"Content-Type": "text/xml"},
        sitemap(f"{other}/a", "file:///etc/passwd", f"{site.url}/b"),
    )
    site.pages |= {"/a": page("A"), "/b": page("B"), "/away": (302, {"Location": f"{other}/a"}, b"")}
    site.pages["/here"] = (301, {"Location": "/b"}, b"")
    site.pages["/round"] = (302, {"Location": "/round"}, b"")
    report = read(site, "/sitemap.xml", "/away", "/here", "/round")
    assert [d.text for d in report.documents] == ["B\n", "B\n"]
    assert [p.message for p in report.problems] == [
        f"2 of its pages are on other hosts, as {other}/a; name those in sources too",
        f"leads to {other}/a, on another host; name that in sources to read it",
        "leads from one address to the next more than 5 times",
    ]
    assert all(headers["Host"].startswith("127.0.0.1") for _, headers in site.asked)


def test_robots_are_obeyed(site: Site) -> None:
    site.pages["/robots.txt"] = (200, {}, b"User-agent: *\nDisallow: /private/*.html$\nCrawl-delay: 0.4\n")
    site.pages |= {"/a": page("A"), "/b": page("B"), "/private/x.html": page("X")}
    began = time.monotonic()
    report = read(site, "/private/x.html")
    assert [p.message for p in report.problems] == [
        f"the robots.txt of {site.url.removeprefix('http://')} does not allow 'rung' to read it"
    ]
    site.pages["/sitemap.xml"] = (200, {"Content-Type": "text/xml"}, sitemap(f"{site.url}/a", f"{site.url}/b"))
    assert len(read(site, "/sitemap.xml").documents) == 2
    assert time.monotonic() - began > 0.75
    assert "/private/x.html" not in site.paths()
    assert [path for path, _ in site.asked].count("/robots.txt") == 2


def test_a_page_that_did_not_change_is_not_sent_again(site: Site, tmp_path: Path) -> None:
    site.pages["/a"] = (200, {"Content-Type": "text/html", "ETag": '"1"'}, page("A").encode())
    for words in ("A", "A"):
        with Memory(tmp_path / "m.db") as memory:
            assert [d.text for d in read(site, "/a", memory=memory).documents] == [words + "\n"]
    assert site.asked[-1][1]["If-None-Match"] == '"1"'
    site.pages["/a"] = (200, {"Content-Type": "text/html", "ETag": '"2"'}, page("B").encode())
    with Memory(tmp_path / "m.db") as memory:
        assert [d.text for d in read(site, "/a", memory=memory).documents] == ["B\n"]


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_server_that_fails_for_a_moment_deletes_nothing(status: int, site: Site, tmp_path: Path) -> None:
    site.pages["/a"] = page("A")
    with Memory(tmp_path / "m.db") as memory:
        read(site, "/a", memory=memory)
    site.pages["/a"] = (status, {}, b"")
    with Memory(tmp_path / "m.db") as memory:
        report = read(site, "/a", memory=memory, rules=(Rule(site.url + "/**", ("staff",)),))
    assert [(d.text, d.groups) for d in report.documents] == [("A\n", ("staff",))]
    assert [p.message for p in report.problems] == [
        f"its server failed (HTTP {status}); taken as it was when it was last read"
    ]
    site.pages["/a"] = (410, {}, b"")
    with Memory(tmp_path / "m.db") as memory:
        report = read(site, "/a", memory=memory)
    assert report.documents == ()
    assert [p.message for p in report.problems] == ["is not there (HTTP 410)"]


def test_a_host_that_is_not_there() -> None:
    (problem,) = read_sources(Path(), ["http://127.0.0.1:9/a"]).problems
    assert "could not be fetched (ConnectError" in problem.message


def test_a_page_without_end_is_cut_off(site: Site) -> None:
    bomb = gzip.compress(bytes(web.LARGEST_PAGE + 2**20))
    site.pages["/a"] = (200, {"Content-Type": "text/html", "Content-Encoding": "gzip"}, bomb)
    assert [p.message for p in read(site, "/a").problems] == ["is larger than 32 MiB; left out"]


def test_a_page_that_needs_a_password(site: Site) -> None:
    site.pages["/a"] = (401, {}, b"")
    assert [p.message for p in read(site, "/a").problems] == ["may not be read (HTTP 401); Rung sends no password"]


# --- leaks ----------------------------------------------------------------------------------------------------------


def test_robots_behind_a_redirect_are_obeyed(site: Site) -> None:
    site.pages |= {"/robots.txt": (301, {"Location": "/en/robots.txt"}, b""), "/a": page("A"), "/private/x": page("X")}
    site.pages["/en/robots.txt"] = (200, {}, b"User-agent: *\nDisallow: /private/\n")
    assert [p.message[:12] for p in read(site, "/private/x").problems] == ["the robots.t"]
    assert len(read(site, "/a").documents) == 1
    assert "/private/x" not in site.paths()


@pytest.mark.parametrize("aim", ["/robots.txt", "http://127.0.0.1:1/robots.txt", "http://ada:pw@127.0.0.1:1/r", "http://["])
def test_robots_that_lead_nowhere_allow_nothing(aim: str, site: Site) -> None:
    site.pages |= {"/robots.txt": (302, {"Location": aim}, b""), "/a": page("A")}
    report = read(site, "/a")
    assert report.documents == ()
    assert site.paths() == []
    assert "pw" not in str(report.problems)


def test_a_user_and_a_password_are_neither_sent_nor_kept_nor_told(site: Site) -> None:
    secret = site.url.replace("http://", "http://ada:pw@")
    site.pages |= {"/a": page("A"), "/b": (302, {"Location": f"{secret}/a"}, b"")}
    site.pages["/sitemap.xml"] = (200, {"Content-Type": "text/xml"}, sitemap(f"{secret}/a", f"{site.url}/a"))
    reports = [read_sources(Path(), [f"{secret}/a"]), read(site, "/b"), read(site, "/sitemap.xml")]
    assert [[d.id for d in report.documents] for report in reports] == [[], [], [f"{site.url}/a"]]
    assert all(len(report.problems) == 1 for report in reports)
    assert "pw" not in str(reports)
    assert not any("Authorization" in headers for _, headers in site.asked)


def test_a_page_is_under_the_rules_of_where_it_leads_to(site: Site, tmp_path: Path) -> None:
    site.pages |= {"/open": (302, {"Location": "/staff/a"}, b""), "/staff/a": page("A")}
    rules = (Rule(f"{site.url}/open", ()), Rule(f"{site.url}/staff", ("staff",)))
    with Memory(tmp_path / "m.db") as memory:
        assert [d.groups for d in read(site, "/open", memory=memory, rules=rules).documents] == [("staff",)]
    site.pages["/open"] = (503, {}, b"")
    for _ in range(2):
        with Memory(tmp_path / "m.db") as memory:
            assert [d.groups for d in read(site, "/open", memory=memory, rules=rules).documents] == [("staff",)]
