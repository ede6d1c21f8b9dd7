"""Does the index on object storage keep the same contract, over HTTP, with several writers and readers at once?"""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
import textwrap
import time
import urllib.request
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from rung.commands.forget import caveats, forget
from rung.commands.purge import purge
from rung.commands.repair import damages
from rung.config.project import Project, load_project
from rung.errors import UserError
from rung.knowledge import Chunking, Knowledge
from rung.knowledge.store.bucket import Bucket
from rung.knowledge.store.lance import LanceIndex
from rung.loop import search
from rung.pipeline.prepare import up_to_date
from rung.records import Asker, Document
from rung.testing.knowledge import HashedWords, IndexContract, change_of, invented
from tests.working import working

obstore = pytest.importorskip("obstore", reason="the extra 'scale' is not installed")
pytest.importorskip("moto", reason="moto is not installed")

OWNER = Asker()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """A server that speaks S3, in a process of its own, with a bucket."""
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    code = f"from moto.server import main; main(['-H', '127.0.0.1', '-p', '{port}'])"
    server = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(600):
            try:
                request = urllib.request.Request(f"{url}/rung-tests", method="PUT")
                urllib.request.urlopen(request, timeout=5).close()
                break
            except OSError:
                time.sleep(0.1)
        yield url
    finally:
        server.terminate()
        server.wait(timeout=30)


@pytest.fixture(autouse=True)
def _reached(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in _keys(endpoint).items():
        monkeypatch.setenv(name, value)


def _keys(endpoint: str) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
    }


def _url(name: object = "") -> str:
    return f"s3://rung-tests/{name or uuid.uuid4().hex}"


@pytest.mark.slow
class TestOnObjectStorage(IndexContract):
    """The same tests as for a folder; a folder's name is the prefix."""

    def make_index(self, folder: Path) -> LanceIndex:
        return LanceIndex(_url(str(folder).strip("/").replace("/", "-")))


def opened(tmp_path: Path, url: str, embedder: HashedWords | None = None) -> Knowledge:
    return Knowledge.open(tmp_path, embedder=embedder or HashedWords(), chunking=Chunking(32, 4), store=url)


@pytest.mark.slow
def test_only_the_vectors_under_way_are_kept_in_the_folder(tmp_path: Path) -> None:
    url = _url()
    knowledge = opened(tmp_path / "one", url)
    knowledge.sync([Document("a", "refunds take thirty days"), Document("b", "we ship to Norway", groups=("staff",))])
    other = opened(tmp_path / "two", url)
    assert [p.document for p in other.search("refunds", asker=OWNER, top=1)] == ["a"]
    assert [p.document for p in other.search("Norway", asker=Asker(frozenset()), top=9)] == ["a"]
    knowledge.sync([Document("a", "refunds take sixty days")])
    assert [p.text for p in other.search("refunds", asker=OWNER)] == ["refunds take sixty days"]
    assert list(tmp_path.rglob("*")) == []


CHURN = """
    import random, sys
    from tests.knowledge.test_bucket import *
    seed, folder, url = int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    knowledge = opened(folder / str(seed), url)
    for turn in range(4):
        knowledge.sync(invented(20 + seed, random.Random(100 * seed + turn)))
"""
LOOK = """
    import sys, time
    from rung.knowledge.protocol import Fusion, Lookup
    from tests.knowledge.test_bucket import *
    url, folder, looks = sys.argv[3], Path(sys.argv[2]), 0
    end = time.monotonic() + 60
    while not (folder / "stop").exists() and time.monotonic() < end:
        knowledge = opened(folder / "reader", url)
        if knowledge.version:
            snapshot, vector = knowledge.snapshot(), HashedWords().embed(["w1 w2"], kind="query")[0]
            held = len(snapshot.state.documents)
            assert held in (21, 22), held
            assert len(snapshot.documents()) == held
            found = snapshot.search([Lookup("w1 w2", vector, None, 200)], Fusion())[0]
            assert len({p.document for p in found}) == held, (held, found)
            assert len({p.document for p in knowledge.search("w1 w2", asker=OWNER, top=200)}) in (21, 22)
            looks += 1
    print(looks)
"""


@pytest.mark.slow
def test_two_writers_and_two_readers_at_once(endpoint: str, tmp_path: Path) -> None:
    url = _url()
    environment = {
        **os.environ,
        **_keys(endpoint),
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), *sys.path]),
    }

    def start(code: str, seed: int) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", textwrap.dedent(code), str(seed), str(tmp_path), url]
        return subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)

    writers, readers = [start(CHURN, seed) for seed in (1, 2)], [start(LOOK, seed) for seed in (3, 4)]
    said = [process.communicate(timeout=300) for process in writers]
    (tmp_path / "stop").touch()
    seen = [process.communicate(timeout=300) for process in readers]
    assert [process.returncode for process in (*writers, *readers)] == [0, 0, 0, 0], (said, seen)
    last = opened(tmp_path / "last", url)
    assert last.version == 8
    wanted = [{d.id: d.digest for d in invented(20 + seed, random.Random(100 * seed + 3))} for seed in (1, 2)]
    assert last.snapshot().state.documents in wanted
    assert sum(int(out.strip() or 0) for out, _ in seen) > 0


@pytest.mark.slow
def test_a_writer_that_died_gives_way(tmp_path: Path) -> None:
    url = _url()
    dead = Bucket(url, lease_seconds=0.5)
    dead._put("lock.json", b'{"writer": "dead", "beat": 1}', "create")
    began = time.monotonic()
    with Bucket(url, lease_seconds=0.5).writing() as held:
        assert time.monotonic() - began > 0.4
        time.sleep(1.2)  # longer than the lease: its beats keep it
        held()
    assert dead._read("lock.json") == (None, "")


@pytest.mark.slow
def test_a_writer_that_lost_its_place_stops(tmp_path: Path) -> None:
    bucket = Bucket(_url(), lease_seconds=0.4)
    with bucket.writing() as held:
        held()
        assert bucket._put("lock.json", b"taken over", bucket._read("lock.json")[1])
        time.sleep(0.5)
        with pytest.raises(UserError, match="run the same command again"):
            held()


def test_a_store_that_is_down_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{_free_port()}")
    began = time.monotonic()
    with pytest.raises(UserError, match="cannot be reached or refuses") as caught:
        opened(tmp_path, _url())
    assert "AWS_ENDPOINT_URL" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert time.monotonic() - began < 60


def test_a_bucket_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be reached or refuses"):
        opened(tmp_path, "s3://no-such-bucket/x").sync([Document("a", "text")])


@pytest.mark.parametrize("url", ["s3://", "s3://bucket", "s3://bucket/", "gs://bucket/x", "ftp://x/y"])
def test_an_address_that_is_none(url: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"knowledge\.store"):
        opened(tmp_path, url)


def _objects(url: str) -> dict[str, bytes]:
    """Everything that is kept below an address."""
    store: Any = Bucket(url)._store
    names = [entry["path"] for page in obstore.list(store) for entry in page]
    return {name: bytes(obstore.get(store, name).bytes()) for name in names}


@pytest.mark.parametrize("count", [10, 13, 41, pytest.param(1000, marks=pytest.mark.slow)])
def test_what_was_deleted_is_in_no_object_after_pruning(count: int, tmp_path: Path) -> None:
    url = _url()
    documents = [Document(f"d{n}", f"the secret of number {n} is word{n}x") for n in range(count)]
    knowledge = opened(tmp_path, url)
    knowledge.sync(documents)
    held = {name for name in _objects(url) if "/data/" in name}  # of many rows they are packed, so that no word is seen
    knowledge.sync([d for d in documents if d.id != "d7"])
    assert held
    assert held <= set(_objects(url)), "an old version holds it"
    knowledge.prune()
    assert not held & set(_objects(url))
    assert [name for name, content in _objects(url).items() if b"word7x" in content] == []
    assert [p.document for p in knowledge.search("word8x", asker=OWNER, top=1)] == ["d8"]
    assert knowledge.passage_count == count - 1


@pytest.mark.slow
def test_what_is_forgotten_is_in_no_object(tmp_path: Path) -> None:
    url = _url()
    project = _of_trees(tmp_path / "p", url)
    assert any(b"The birch costs" in content for content in _objects(url).values()), "the check of the check"
    report = forget(project, "the birch  COSTS", by="dpo")
    assert [(one.path, one.line) for one in report.left] == [("docs/birch.md", 3)]
    assert [name for name, content in _objects(url).items() if b"birch costs" in content.lower()] == []
    assert [p.document for p in search(load_project(project.root), "the amber")[:1]] == ["docs/amber.md"]


@pytest.fixture
def s3(_reached: None) -> Any:
    """A client of the server."""
    return pytest.importorskip("botocore.session").get_session().create_client("s3", region_name="us-east-1")


def _versioned(s3: Any) -> str:
    """A new bucket that keeps versions."""
    name = f"versioned-{uuid.uuid4().hex[:8]}"
    s3.create_bucket(Bucket=name)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return name


def _locked(s3: Any) -> str:
    """A new bucket that locks what it is told to."""
    name = f"locked-{uuid.uuid4().hex[:8]}"
    s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    return name


def _lock(s3: Any, bucket: str, prefix: str = "") -> None:
    """Have all versions of the objects of this prefix locked."""
    retention = {"Mode": "COMPLIANCE", "RetainUntilDate": datetime.now(UTC) + timedelta(days=30)}
    for entry in s3.list_object_versions(Bucket=bucket, Prefix=prefix)["Versions"]:
        s3.put_object_retention(Bucket=bucket, Key=entry["Key"], VersionId=entry["VersionId"], Retention=retention)


def _versions(s3: Any, bucket: str) -> Iterator[tuple[str, bytes]]:
    """Every version of every object of a bucket: key, content. Markers of deletions have none."""
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        for entry in page.get("Versions", []):
            got = s3.get_object(Bucket=bucket, Key=entry["Key"], VersionId=entry["VersionId"])
            yield entry["Key"], got["Body"].read()


def _of_trees(folder: Path, url: str) -> Project:
    (folder / "docs").mkdir(parents=True)
    knowledge = f"{{sources: [docs/*.md], store: '{url}'}}"
    (folder / "rung.yaml").write_text(f"task: a\nmodel: scripted\nembedder: scripted\nknowledge: {knowledge}\n")
    for word in ("amber", "birch", "cedar"):
        (folder / "docs" / f"{word}.md").write_text(f"# The {word}\n\nThe {word} costs ten euros.\n")
    search(load_project(folder), "what does the birch cost")
    return load_project(folder)


STRANGE = (
    "other/documents_1.lance/data/x",
    "other/versions/0000000001.json",
    "versions/other/0000000002.json",
    "versions/3.json",
    "analytics.lance/data/y",
    "documents_1x.lance/data/x",
    "other/sealed.json",
)


def test_what_of_others_lies_below_the_prefix_is_neither_listed_nor_cleared_nor_ended(s3: Any) -> None:
    name = _versioned(s3)
    own = ("documents_1.lance/data/x", "passages_12.lance/_versions/1.manifest", "versions/0000000001.json", "sealed.json")
    for key in (*STRANGE, *own, *STRANGE, *own):
        s3.put_object(Bucket=name, Key=f"team/{key}", Body=b"{}")
    bucket = Bucket(f"s3://{name}/team")
    assert bucket.numbers() == [1]
    assert set(bucket._files()) == set(own[:2])
    bucket.clear()
    bucket.end_earlier()
    keys = [key for key, _ in _versions(s3, name)]
    assert sorted(keys) == sorted(f"team/{key}" for key in STRANGE * 2)


def test_one_locked_version_does_not_keep_later_batches_and_its_marker_stays(
    s3: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("rung.knowledge.store.object_versions._AT_ONCE", 2)
    name = _locked(s3)
    keys = [f"team/documents_1.lance/data/{n}" for n in range(5)]
    for key in keys:
        s3.put_object(Bucket=name, Key=key, Body=b"words")
    _lock(s3, name, keys[0])
    for key in keys:
        s3.delete_object(Bucket=name, Key=key)
    Bucket(f"s3://{name}/team").end_earlier()
    left = s3.list_object_versions(Bucket=name)
    assert [one["Key"] for one in left["Versions"]] == keys[:1]
    assert [one["Key"] for one in left["DeleteMarkers"]] == keys[:1], "without it, the object would be there again"
    (said,) = [one for one in caplog.messages if "earlier versions" in one]
    assert "1 of 5 earlier versions of deleted objects stay in the bucket (AccessDenied" in said


@pytest.mark.slow
@pytest.mark.parametrize("how", ["forgotten", "deleted"])
def test_a_bucket_that_keeps_versions_keeps_none_of_what_was_erased(how: str, s3: Any, tmp_path: Path) -> None:
    bucket = _versioned(s3)
    project = _of_trees(tmp_path / "p", f"s3://{bucket}/team")
    for content in (b"ours, the first time", b"ours"):
        s3.put_object(Bucket=bucket, Key="team/other.txt", Body=content)

    def holding() -> list[str]:
        return [key for key, content in _versions(s3, bucket) if b"birch costs" in content.lower()]

    assert holding(), "the check of the check"
    (project.root / "docs/birch.md").unlink()
    if how == "forgotten":
        assert forget(project, "the birch costs", by="dpo").erased
    else:
        with working(project) as at:
            up_to_date(at.engines)
        assert holding(), "the bucket keeps it until it is pruned"
        purge(project)
    assert holding() == []
    assert not [words for words in caveats(project) if "bucket" in words]
    assert [content for key, content in _versions(s3, bucket) if key.endswith("other.txt")] == [
        b"ours",
        b"ours, the first time",
    ], "what is not Rung's stays, below the same prefix too"
    assert [p.document for p in search(load_project(project.root), "the amber")[:1]] == ["docs/amber.md"]


@pytest.mark.slow
def test_versions_that_the_bucket_locks_are_counted_and_said(
    s3: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    name = _locked(s3)
    project = _of_trees(tmp_path / "p", f"s3://{name}/team")
    _lock(s3, name)
    forget(project, "the birch costs", by="dpo")
    assert "earlier versions of deleted objects stay in the bucket (AccessDenied" in caplog.text
    (words,) = (words for words in caveats(project) if "bucket" in words)
    assert words.endswith("object versions that the bucket keeps and would not delete: a rule of the storage ends them")


def test_versions_that_cannot_be_listed_are_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{_free_port()}")
    assert "object versions that the bucket may keep, which could not be listed" in Bucket(_url()).earlier.words()


@pytest.mark.slow
def test_versions_past_their_age_leave_no_object_that_holds_what_was_deleted() -> None:
    url, embedder = _url(), HashedWords()
    index = LanceIndex(url, kept_seconds=0, kept_versions=1)
    for number, words in enumerate(("the word is word7x", "other words", "and others", "at last")):
        with index.writing():
            index.commit([change_of([Document("d", words)], embedder, removed=["d"] if number else [])])
    assert len(index.versions()) <= 2
    assert [name for name, content in _objects(url).items() if b"word7x" in content] == []


def _altered(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.mark.slow
@pytest.mark.parametrize("how", ["altered", "gone"])
@pytest.mark.parametrize("kind", ["passages_1.lance/data/", "documents_1.lance/_versions/", "versions/", "sealed.json"])
def test_damage_is_found_named_and_mended_from_the_sources(kind: str, how: str, tmp_path: Path) -> None:
    url, folder = _url(), tmp_path / "p"
    (folder / "docs").mkdir(parents=True)
    (folder / "rung.yaml").write_text(
        f"task: a\nmodel: scripted\nembedder: scripted\ncases: []\nknowledge: {{sources: [docs/*.md], store: '{url}'}}\n"
    )
    for word in ("amber", "birch", "cedar"):
        (folder / "docs" / f"{word}.md").write_text(f"# The {word}\n\nThe {word} costs ten euros.\n")
    before = search(load_project(folder), "what does the birch cost")
    name = next(name for name in sorted(_objects(url)) if name.startswith(kind))
    store: Any = Bucket(url)._store
    if how == "gone":
        obstore.delete(store, name)
    else:
        content = _objects(url)[name]
        obstore.put(store, name, content[:-9] if kind == "sealed.json" else _altered(content))
    found = list(damages(load_project(folder)))
    if (kind, how) in (("sealed.json", "gone"), ("versions/", "gone")):
        assert found == [], "an index without the note, or without versions, is one of an earlier Rung, or none yet"
    else:
        named = url if (kind, how) == ("documents_1.lance/_versions/", "gone") else f"{url}/{name}"  # as the store says
        assert [damage.path for damage in found][:1] == [named]
        if kind != "sealed.json":
            with pytest.raises(UserError, match=rf"{named} is damaged .*; mend it with: rung doctor --repair {folder}"):
                search(load_project(folder), "what does the birch cost")
        for damage in found:
            damage.mend()
    with working(load_project(folder)) as at:
        up_to_date(at.engines)
    assert list(damages(load_project(folder))) == []
    assert search(load_project(folder), "what does the birch cost") == before
