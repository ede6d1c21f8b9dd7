"""Does a watch follow its project from look to look, act where it may, and go on after what went wrong?"""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from rung.config.project import load_project
from rung.errors import UserError
from rung.pipeline.searchable import at_hand
from rung.runtime.engines import open_engines
from rung.serving.alert_counts import AlertCounts
from rung.state.database import State, open_state
from rung.watching.detectors import DETECTORS
from rung.watching.exposition import write_textfile
from rung.watching.looking import LookReport, Watch
from rung.watching.running import Looked, Watching, WatchRequest, looks
from tests.serving.serving import served as over_http
from tests.watching.test_webhook import Hook

LOOKED = Looked(LookReport(1, datetime(2026, 11, 29, tzinfo=UTC), {}, {}))
INDEX = [one for one in DETECTORS if one.name == "index"]


def edit(shop: Path, before: str, after: str) -> None:
    path = shop / "rung.yaml"
    path.write_text(path.read_text("utf-8").replace(before, after), encoding="utf-8")


def firing(looked: Looked) -> set[str]:
    return {alert.reading.name for alert in looked.report.firing}


def test_a_project_that_is_as_it_was_promoted_fires_nothing(served: Path) -> None:
    with Watching(served) as watching:
        for _ in range(3):
            looked = watching.once()
    assert firing(looked) == set()
    assert looked.report.look == 3
    assert looked.report.waiting == ("contradictions", "model", "data", "quality", "labels")


def test_what_is_edited_while_it_watches_is_seen(served: Path) -> None:
    with Watching(served) as watching:
        watching.once()
        edit(served, "Answer the customer.", "Answer in rhymes.")
        watching.once()
        assert firing(watching.once()) == {"rung.yaml"}
        edit(served, "Answer in rhymes.", "Answer the customer.")
        assert firing(watching.once()) == set()


def test_it_syncs_where_it_may_and_only_when_it_fires(served: Path) -> None:
    (served / "docs/new.md").write_text("# New\n\nWe ship to Denmark.\n", encoding="utf-8")
    with Watching(served, WatchRequest(act=True), Watch(INDEX)) as watching:
        assert watching.once().acted == {}
        assert watching.once().acted == {"sync": "synced: 1 added, 0 changed, 0 renamed, 0 removed"}
        looked = watching.once()
    assert firing(looked) == set()
    with open_engines(load_project(served)) as engines:
        knowledge = at_hand(engines)
        assert knowledge is not None
        assert "docs/new.md" in knowledge.document_groups()


def test_it_leaves_an_index_alone_whose_sources_are_gone(served: Path) -> None:
    for path in (served / "docs").glob("*.md"):
        path.unlink()
    with Watching(served, WatchRequest(act=True), Watch(INDEX)) as watching:
        watching.once()
        looked = watching.once()
    assert firing(looked) >= {"sources missing"}
    assert looked.acted == {}
    with open_engines(load_project(served)) as engines:
        assert len(engines.documents.document_groups()) == 3


def test_it_goes_on_after_what_went_wrong(served: Path) -> None:
    troubles: list[str] = []
    steps = iter(["knowledge: [", "knowledge: {"])

    def pause(_seconds: float) -> None:
        now = next(steps, None)
        if now is not None:
            edit(served, "knowledge: {" if now.endswith("[") else "knowledge: [", now)

    with Watching(served, watch=Watch(INDEX)) as watching:
        some = list(islice(looks(watching, every=60, on_trouble=lambda error: troubles.append(str(error)), pause=pause), 2))
    assert [looked.report.look for looked in some] == [1, 2]
    assert len(troubles) == 1
    assert "rung.yaml" in troubles[0]


def test_a_baseline_whose_deployment_was_gone_from_counts_no_more(served: Path) -> None:
    """Baselines are of a deployment: another one that is served has its own, or none."""
    from tests.serving.promoting import promoted

    promoted(served, "prompt")
    with Watching(served) as watching:
        report = watching.once().report
    reading = next(one for one in report.readings["prompt"] if one.name == "prompts written")
    assert (reading.state, "--baseline" in reading.says) == ("unknown", True)


def test_a_textfile_that_cannot_be_written_keeps_nobody_from_being_told(served: Path, tmp_path: Path) -> None:
    (served / "docs/new.md").write_text("# New\n\nWe ship to Denmark.\n", encoding="utf-8")
    (tmp_path / "full").write_text("a file, and no folder", encoding="utf-8")
    with Hook() as hook:
        request = WatchRequest(act=True, webhook=hook.url, textfile=tmp_path / "full/rung.prom")
        with Watching(served, request, Watch(INDEX)) as watching:
            watching.once()
            looked = watching.once()
    assert len(hook.bodies) == 1
    assert looked.acted == {"sync": "synced: 1 added, 0 changed, 0 renamed, 0 removed"}
    assert looked.failed.keys() == {"textfile"}
    assert "cannot be written" in looked.failed["textfile"]


def test_a_textfile_of_another_name_is_refused_before_the_look(served: Path, tmp_path: Path) -> None:
    request = WatchRequest(textfile=tmp_path / "rung.txt")
    with Watching(served, request, Watch(INDEX)) as watching, pytest.raises(UserError, match="prom"):
        watching.once()
    with Watching(served, watch=Watch(INDEX)) as watching:
        assert watching.once().report.look == 1


def test_an_error_of_the_system_ends_no_watch() -> None:
    class Full(Watching):
        """Finds the disk full at its first look."""

        def once(self) -> Looked:
            """See `Watching`."""
            if not troubles:
                raise OSError(28, "No space left on device")
            return LOOKED

    troubles: list[str] = []
    watching = Full(Path())
    some = looks(watching, every=1, on_trouble=lambda error: troubles.append(str(error)), pause=lambda _: None)
    assert next(some) is LOOKED
    assert "No space left" in troubles[0]


def samples(text: str) -> dict[tuple[str, ...], float]:
    return {
        (one.name, *(value for _, value in sorted(one.labels.items()))): one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
    }


def test_prometheus_reads_the_file(served: Path, tmp_path: Path) -> None:
    (served / "docs/new.md").write_text("# New\n\nWe ship to Denmark.\n", encoding="utf-8")
    path = tmp_path / "out/rung.prom"
    with Watching(served, WatchRequest(textfile=path), Watch(INDEX)) as watching:
        watching.once()
        watching.once()
    read = samples(path.read_text("utf-8"))
    assert read["rung_alert", "index", "sources changed", "firing", ""] == 1
    assert read["rung_alert", "index", "sources changed", "ok", ""] == 0
    assert read["rung_alert_figure", "index", "sources changed", ""] == 1
    assert read["rung_watch_looks",] == 2
    assert path.stat().st_mode & 0o444 == 0o444
    with pytest.raises(UserError, match="prom"):
        write_textfile(tmp_path / "rung.txt", b"")


def test_a_server_tells_of_the_alerts_at_metrics(served: Path) -> None:
    (served / "docs/new.md").write_text("# New\n\nWe ship to Denmark.\n", encoding="utf-8")
    with Watching(served, watch=Watch(INDEX)) as watching:
        watching.once()
    with over_http(served) as client:
        read = samples(client.get("/metrics").text)
    assert read["rung_alert", "index", "sources changed", "pending", ""] == 1
    assert read["rung_alerts_degraded",] == 0


def test_metrics_outlive_a_database_that_is_away(tmp_path: Path) -> None:
    now = [0.0]
    with State(tmp_path) as state:
        counts = AlertCounts(state, lambda: now[0])
        list(counts.collect())
        (tmp_path / "state.db").rename(tmp_path / "away.db")
        state.close()
        (tmp_path / "state.db").mkdir()
        now[0] += 60
        last = list(counts.collect())[-1]
    assert (last.name, last.samples[0].value) == ("rung_alerts_degraded", 1)


def test_looks_are_of_the_project_not_of_the_process(served: Path) -> None:
    for number in (1, 2):
        with Watching(served, watch=Watch(INDEX)) as watching:
            assert watching.once().report.look == number
    with open_state(load_project(served)) as state:
        assert state.folder == load_project(served).state
