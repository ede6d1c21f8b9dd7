"""Object storage for `torture`: a server of moto's, copies of an index in it, and what its objects hold.

Objects are reached by plain HTTP: the library that Rung reaches them by has threads, which do not live through a fork.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from xml.sax.saxutils import unescape

from torture_projects import DESK, Subject, desk_of, files

BUCKET = "torture"
LEASE_SECONDS = 2.0  # in place of 30: a killed writer is waited for
STORE = re.compile(rf'store: "s3://{BUCKET}/([^"]+)"')
_SIGNED = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=none"
_HEADERS = {"Authorization": _SIGNED, "Content-Type": "application/octet-stream"}
_COPIES = count()
_server: list[subprocess.Popen[bytes]] = []


def start() -> None:
    """Start the server, with a bucket, and have this process and its forks use it."""
    import rung.knowledge.store.bucket as place

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    code = f"from moto.server import main; main(['-H', '127.0.0.1', '-p', '{port}'])"
    _server.append(subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
    os.environ |= {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
    }
    place.Bucket = partial(place.Bucket, lease_seconds=LEASE_SECONDS)  # type: ignore[misc, assignment]
    for _ in range(600):
        try:
            _asked("", method="PUT")
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("moto's server does not answer")


def stop() -> None:
    """End the server."""
    for process in _server:
        process.terminate()
        process.wait()


def _asked(key: str, *, method: str = "GET", data: bytes | None = None, query: str = "") -> bytes:
    url = f"{os.environ['AWS_ENDPOINT_URL']}/{BUCKET}/{urllib.parse.quote(key)}{query}"
    request = urllib.request.Request(url, data=data, method=method, headers=_HEADERS)
    with urllib.request.urlopen(request, timeout=30) as answer:
        content: bytes = answer.read()
    return content


def objects(prefix: str) -> list[str]:
    """The keys below a prefix."""
    found: list[str] = []
    while True:
        after = f"&start-after={urllib.parse.quote(found[-1], safe='')}" if found else ""
        query = f"?list-type=2&prefix={urllib.parse.quote(prefix, safe='')}{after}"
        page = [unescape(key) for key in re.findall(r"<Key>([^<]*)</Key>", _asked("", query=query).decode())]
        found += page
        if not page:
            return sorted(found)


@dataclass
class Stored(Subject):
    """A project whose index is in object storage; every copy of it has a copy of the index."""

    def prepared(self, place: Path, *verbs: str) -> Path:
        """See `Subject.prepared`."""
        folder = super().prepared(place, *verbs)
        settings = (folder / "rung.yaml").read_text()
        prefix = prefix_of(folder)
        own = f"copy-{next(_COPIES)}"
        (folder / "rung.yaml").write_text(settings.replace(f"{BUCKET}/{prefix}", f"{BUCKET}/{own}"))
        if not self.is_fresh(*verbs):
            for key in objects(f"{prefix}/"):
                _asked(own + key.removeprefix(prefix), method="PUT", data=_asked(key))
        return folder


def subject_of(place: Path) -> Subject:
    """The project with an index in object storage."""
    start()
    settings = DESK.replace("router", "prompt").replace("[docs/*.md]", f'[docs/*.md], store: "s3://{BUCKET}/first"')
    made = desk_of(place / "stored", settings, kind=Stored)
    if files(made.folder / ".rung" / "index"):
        raise SystemExit("the index is in the folder")
    return made


def prefix_of(folder: Path) -> str:
    """Where the index of a project is in the bucket; "" where it is in its folder."""
    found = STORE.search((folder / "rung.yaml").read_text())
    return found[1] if found else ""


def leaks(folder: Path, text: bytes) -> list[str]:
    """The objects of a project's index that hold this text."""
    prefix = prefix_of(folder)
    return [key for key in objects(f"{prefix}/") if text in _asked(key)] if prefix else []


def spoil(
    folder: Path,
    rng: random.Random,
    spoiling: Callable[[Path, str, random.Random], None],
    ways: Sequence[str],
    number: int,
) -> tuple[str, str]:
    """Damage one object of a project's index as a file would be; which one, and how."""
    keys = objects(f"{prefix_of(folder)}/")
    kinds = sorted({re.sub(r"[0-9a-f-]{8,}|\d+", "*", key) for key in keys})
    kind = kinds[number % len(kinds)]
    key = rng.choice([key for key in keys if re.sub(r"[0-9a-f-]{8,}|\d+", "*", key) == kind])
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "object"
        path.write_bytes(_asked(key))
        how = rng.choice(ways) if path.stat().st_size else "gone"
        spoiling(path, how, rng)
        if path.exists():
            _asked(key, method="PUT", data=path.read_bytes())
        else:
            _asked(key, method="DELETE")
        shutil.rmtree(path, ignore_errors=True)
    return key.partition("/")[2], how
