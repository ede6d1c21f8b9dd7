"""Do artifacts say what they were made from, and can they be compared, promoted, retired and gone back to?"""

from __future__ import annotations

import json
import multiprocessing
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rung.artifacts import Built
from rung.artifacts.registry import Registry
from rung.artifacts.store import building, is_finished, seal
from rung.builders.kinds import build_artifact
from rung.commands.due import whats_due
from rung.commands.repair import damages, state_of
from rung.config.project import Project, load_project
from rung.dataset.load import load_dataset
from rung.errors import Damaged, InputError, UserError
from rung.files.durable import SEAL
from rung.records import Json
from rung.records.alerts import Alert, AlertState, Reading
from rung.state.alerts import Decide, record_look
from rung.state.database import open_state
from rung.strategies.protocol import Materials, Plan
from rung.strategies.tuned_model import TunedModel
from rung.training.registry import Act, LearntRow, difference, promotions, rows_between
from tests.training.tiny import Served
from tests.working import working

pytest.importorskip("torch")
WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
Row = dict[str, Json]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the base model came to on the probe is kept in the user's cache."""
    monkeypatch.setenv("RUNG_CACHE", str(tmp_path / "cache"))


def example(n: int, *, answer: str = "", approved: bool = True) -> Row:
    turns: list[Json] = [
        {"role": "user", "content": f"{n}?"},
        {"role": "assistant", "content": answer or WORDS[n % 10]},
    ]
    return {"id": f"e{n}", "messages": turns, **({"approved_by": "Ada"} if approved else {})}


def project(folder: Path, rows: list[Row], *, when: str = "3 new approved rows") -> Project:
    folder.mkdir(exist_ok=True)
    (folder / "examples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (folder / "cases.jsonl").write_text(
        '{"question": "How many wheels has a car?", "answers": ["four"], "split": "test"}\n', encoding="utf-8"
    )
    settings = (
        f"task: Say it in words.\ncases: cases.jsonl\nbehaviour: {{examples: examples.jsonl}}\nretrain: {{when: {when}}}\n"
    )
    (folder / "rung.yaml").write_text(f"{settings}prices: {{machine_usd_per_hour: 3.6}}\n", encoding="utf-8")
    return load_project(folder)


def trained(where: Project, **settings: Json) -> Built:
    """The adapter of `tuned_model`, of a network of a few thousand weights."""
    rows = load_dataset(where)
    given: dict[str, Json] = {"rank": 2, "epochs": 1, **settings}
    plan = TunedModel.plan(Materials(where.settings.task, examples=rows.examples), given)
    assert isinstance(plan, Plan)
    with working(where) as at:
        at.engines.generator = Served()  # type: ignore[assignment]
        return build_artifact(at.builder, plan.needs[0], title="train")


@pytest.fixture
def ten(tmp_path: Path) -> Project:
    return project(tmp_path / "p", [example(n) for n in range(10)])


@pytest.mark.slow
def test_an_adapter_says_what_it_was_made_from(ten: Project) -> None:
    built = trained(ten)
    registry = Registry(ten.state)
    (known,) = registry.artifacts()
    assert (known.kind, known.digest, known.state) == ("adapter", built.digest, "built")
    assert (known.rows, known.base, known.recipe["rank"], known.parent) == (10, "tiny:0", 2, "")
    assert known.instruction == "Say it in words."
    assert known.rows_digest
    assert known.created.endswith("+00:00")
    assert known.size > 1000
    assert known.seconds is not None
    assert known.usd(3.6) == pytest.approx(known.seconds / 1000)
    assert known.usd(None) is None
    rows = registry.rows(known)
    assert rows is not None
    assert [(row.id, row.place) for row in rows][:2] == [("e0", "examples.jsonl:1"), ("e1", "examples.jsonl:2")]
    assert registry.find(built.digest[:6].upper()) == known


@pytest.mark.slow
def test_the_next_one_names_its_parent_and_what_changed(ten: Project) -> None:
    registry = Registry(ten.state)
    first = registry.promote(registry.find(trained(ten).digest), by="Ada")
    assert (first.state, first.by) == ("promoted", "Ada")

    rows = [example(n) for n in range(1, 12)]
    rows[3] = example(4, answer="FOUR")
    changed = project(ten.root, rows)
    second = registry.find(trained(changed, rank=4).digest)
    assert second.parent == first.digest

    found = difference(first, second, (registry.rows(first), registry.rows(second)))
    assert {(c.name, c.first, c.second) for c in found.made_from} == {("recipe.rank", 2, 4), ("recipe.alpha", 4.0, 8.0)}
    assert found.rows is not None
    assert [row.id for row in found.rows.added] == ["e10", "e11"]
    assert [row.id for row in found.rows.removed] == ["e0"]
    assert [row.id for row in found.rows.changed] == ["e4"]
    assert found.rows.kept == 8
    measured = {c.name: (c.first, c.second) for c in found.metrics}
    assert measured["rows"] == (10, 11)
    assert {"train_loss", "tokens_per_second", "seconds"} <= set(measured)
    assert difference(first, second, (None, registry.rows(second))).rows is None


@pytest.mark.slow
def test_another_task_is_another_instruction_and_the_same_rows(ten: Project) -> None:
    registry = Registry(ten.state)
    first = registry.find(trained(ten).digest)
    text = ten.file.read_text(encoding="utf-8").replace("Say it in words.", "Write it out.")
    ten.file.write_text(text, encoding="utf-8")
    second = registry.find(trained(load_project(ten.root)).digest)
    found = difference(first, second, (registry.rows(first), registry.rows(second)))
    assert [c.name for c in found.made_from] == ["instruction"]
    assert found.rows is not None
    assert found.rows.kept == 10


@pytest.mark.slow
def test_one_is_promoted_at_a_time_and_gone_back_from(ten: Project) -> None:
    registry = Registry(ten.state)
    made = [registry.find(trained(ten, rank=rank).digest) for rank in (2, 4, 8)]
    with pytest.raises(UserError, match="no artifact of kind 'adapter' is promoted"):
        registry.rollback("adapter", by="Ada")
    for one in made:
        registry.promote(one, by="Ada")
    registry.promote(made[2], by="Ada")  # once more changes nothing
    assert len(registry.acts()[0]) == 3
    assert [a.state for a in registry.artifacts()].count("promoted") == 1
    assert registry.promoted("adapter") == made[2].digest

    registry.retire(made[1], by="Eve")
    back = registry.rollback("adapter", by="Bob")
    assert (back.now.digest, back.now.by, back.before) == (made[0].digest, "Bob", made[2].digest)
    assert back.passed_over == (made[1].digest,)
    with pytest.raises(UserError, match="nothing of kind 'adapter' was promoted before"):
        registry.rollback("adapter", by="Bob")
    assert [act.deed for act in registry.acts()[0]] == ["promote", "promote", "promote", "retire", "rollback"]
    assert registry.withdraw("adapter", by="Bob") == made[0].digest
    assert registry.promoted("adapter") == ""
    assert [a.state for a in registry.artifacts()].count("promoted") == 0
    with pytest.raises(UserError, match="no artifact of kind 'adapter' is promoted"):
        registry.withdraw("adapter", by="Bob")


@pytest.mark.slow
def test_a_retired_one_keeps_its_manifest_and_can_be_built_again(ten: Project) -> None:
    registry = Registry(ten.state)
    built = trained(ten)
    before = (built.folder / "adapter_model.safetensors").read_bytes()
    freed = registry.retire(registry.find(built.digest), by="Ada")
    assert freed > 1000
    assert {path.name for path in built.folder.iterdir()} == {"retired.json", "rows.jsonl"}
    gone = registry.find(built.digest)
    assert (gone.state, gone.rows, gone.by) == ("retired", 10, "Ada")
    assert len(registry.rows(gone) or ()) == 10
    with pytest.raises(UserError, match="is retired and cannot be promoted"):
        registry.promote(gone, by="Ada")
    assert registry.retire(gone, by="Ada") == 0

    assert trained(ten).folder == built.folder
    assert (built.folder / "adapter_model.safetensors").read_bytes() == before
    assert registry.find(built.digest).state == "built"


@pytest.mark.slow
def test_a_retirement_that_was_cut_short_is_told_of_and_finished(ten: Project) -> None:
    registry = Registry(ten.state)
    built = trained(ten)
    (built.folder / "manifest.json").replace(built.folder / "retired.json")  # as killed after the first step
    cut = registry.find(built.digest)
    assert cut.state == "retired"
    assert "retire it once more" in cut.why
    assert registry.retire(cut, by="Ada") > 1000
    assert registry.find(built.digest).why == ""


@pytest.mark.slow
def test_a_promoted_one_is_not_retired(ten: Project) -> None:
    registry = Registry(ten.state)
    now = registry.promote(registry.find(trained(ten).digest), by="Ada")
    with pytest.raises(UserError, match="promote another first, or roll back"):
        registry.retire(now, by="Ada", force=True)


@pytest.mark.slow
def test_one_that_forgot_too_much_is_promoted_by_force_only(ten: Project) -> None:
    registry = Registry(ten.state)
    built = trained(ten)
    seal(built.folder, {**built.manifest, "forgetting": {"passed": False, "why": ["answer_loss rose by 0.7"]}})
    marked = registry.find(built.digest)
    assert marked.forgot == ("answer_loss rose by 0.7",)
    with pytest.raises(UserError, match=r"forgot too much.*rose by 0.7.*--force"):
        registry.promote(marked, by="Ada")
    assert registry.promoted("adapter") == ""
    assert registry.promote(marked, by="Ada", force=True).state == "promoted"
    assert registry.acts()[0][-1].forced
    assert Registry(ten.state, forgot=lambda said: ()).find(built.digest).forgot == ()  # by another limit


@pytest.mark.slow
@pytest.mark.parametrize("manifest", ["{", "[]", "\xff"])
def test_broken_and_half_written_ones_are_listed_as_such(manifest: str, ten: Project) -> None:
    registry = Registry(ten.state)
    good = trained(ten)
    broken, half = (ten.state / "artifacts" / "adapter" / name for name in ("b" * 64, "c" * 64))
    broken.mkdir()
    (broken / "manifest.json").write_bytes(manifest.encode("latin-1"))
    half.mkdir()
    (half / "checkpoint.safetensors").write_bytes(b"x" * 100)
    states = {a.digest: (a.state, bool(a.why)) for a in registry.artifacts()}
    assert states == {good.digest: ("built", False), broken.name: ("broken", True), half.name: ("unfinished", True)}
    for name in (broken.name, half.name):
        with pytest.raises(UserError, match="cannot be promoted"):
            registry.promote(registry.find(name), by="Ada")
    with pytest.raises(UserError, match="may be under way in another process; --force"):
        registry.retire(registry.find(half.name), by="Ada")
    assert registry.retire(registry.find(half.name), by="Ada", force=True) == 100
    registry.retire(registry.find(broken.name), by="Ada")
    assert [a.digest for a in registry.artifacts()] == [good.digest]


@pytest.mark.slow
def test_a_promoted_one_whose_folder_was_removed_is_told_of(ten: Project) -> None:
    import shutil

    registry = Registry(ten.state)
    built = trained(ten)
    registry.promote(registry.find(built.digest), by="Ada")
    shutil.rmtree(built.folder)
    (lost,) = registry.artifacts()
    assert lost.state == "gone"
    assert "is not on the disk" in lost.why


def test_manifests_of_other_times_do_not_stop_the_list(tmp_path: Path) -> None:
    odd: list[dict[str, Json]] = [
        {},
        {"rows": "many", "recipe": 3, "base": "x", "metrics": [1], "seconds": None, "created": 1},
    ]
    for place, manifest in enumerate(odd):
        folder = tmp_path / "artifacts" / "novelty" / (str(place) * 64)
        folder.mkdir(parents=True)
        (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    found = Registry(tmp_path).artifacts()
    assert [(a.kind, a.state, a.rows, a.seconds) for a in found] == [("novelty", "built", None, None)] * 2
    assert all(datetime.fromisoformat(a.created).tzinfo for a in found)  # the file's own time
    assert difference(found[0], found[1], (None, None)).rows is None


def test_digests_that_begin_alike_are_refused_with_their_names(tmp_path: Path) -> None:
    for end in "12":
        seal(tmp_path / "artifacts" / "adapter" / f"abcd{end}", {"kind": "adapter"})
    registry = Registry(tmp_path)
    with pytest.raises(UserError, match=r"begins several digests.*\n.*abcd1.*\n.*abcd2"):
        registry.find("abcd")
    with pytest.raises(UserError, match="at least 4 characters"):
        registry.find("ab")
    with pytest.raises(UserError, match=r"no artifact's digest begins with 'ffff'.*\n.*abcd1"):
        registry.find("ffff")
    assert registry.find("abcd1").digest == "abcd1"


@pytest.mark.slow
def test_a_log_that_a_crash_cut_goes_on(ten: Project) -> None:
    registry = Registry(ten.state)
    first, second = (registry.find(trained(ten, rank=rank).digest) for rank in (2, 4))
    registry.promote(first, by="Ada")
    with registry.log.open("a") as file:
        file.write('{"at": "2026-01-01", "by": "Eve", "deed": "promo')
    assert registry.promoted("adapter") == first.digest
    assert [(p.line, "is left out" in p.message) for p in registry.acts()[1]] == [(2, True)]
    registry.promote(second, by="Ada")
    acts, problems = registry.acts()
    assert [act.digest for act in acts] == [first.digest, second.digest]
    assert problems == ()


def test_a_damaged_line_of_the_log_is_named_and_mended(tmp_path: Path) -> None:
    registry, names = Registry(tmp_path / ".rung"), ["a" * 64, "b" * 64]
    for name in names:
        seal(registry.folder / "adapter" / name, {"kind": "adapter"})
        registry.promote(registry.find(name), by="Ada")
    registry.log.write_text(registry.log.read_text().replace("bbbb", "cccc"))
    with pytest.raises(Damaged, match=r"log.jsonl is damaged .line 2 .*rung doctor --repair"):
        registry.promoted("adapter")
    (damage,) = damages(state_of(tmp_path))
    assert damage.mend().startswith("1 of 2 deeds could not be read")
    assert registry.promoted("adapter") == names[0]


def test_an_altered_artifact_is_named_and_set_aside(tmp_path: Path) -> None:
    folder = tmp_path / ".rung" / "artifacts" / "adapter" / ("a" * 64)
    folder.mkdir(parents=True)
    (folder / "adapter_model.safetensors").write_bytes(b"weights")
    seal(folder, {"kind": "adapter"})
    assert is_finished(folder)
    (folder / "adapter_model.safetensors").write_bytes(b"weighty")
    with pytest.raises(Damaged, match=rf"adapter_model.safetensors was altered; .* rung doctor --repair {tmp_path}"):
        is_finished(folder)
    assert Registry(tmp_path / ".rung").find("aaaa").state == "broken"
    (damage,) = damages(state_of(tmp_path))
    assert "is set aside as" in damage.mend()
    assert not is_finished(folder)
    aside = tmp_path / ".rung" / "damaged" / f"artifacts-adapter-{'a' * 64}"
    assert (aside / "adapter_model.safetensors").read_bytes() == b"weighty"


def _build(folder: Path, log: Path) -> None:
    with building(folder, "it") as missing:
        if missing:
            with log.open("a") as file:
                file.write("built\n")
            time.sleep(0.3)
            seal(folder, {"kind": "adapter"})


@pytest.mark.slow
def test_of_three_processes_one_builds(tmp_path: Path) -> None:
    folder, log = tmp_path / "artifacts" / "adapter" / "a", tmp_path / "log"
    workers = [multiprocessing.get_context("fork").Process(target=_build, args=(folder, log)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert ([worker.exitcode for worker in workers], log.read_text()) == ([0, 0, 0], "built\n")


def _promote(state: Path, named: str) -> None:
    registry = Registry(state)
    for _ in range(20):
        registry.promote(registry.find(named), by=named[:4])


def test_two_processes_do_not_spoil_the_log(tmp_path: Path) -> None:
    names = ["a" * 64, "b" * 64]
    for name in names:
        seal(tmp_path / "artifacts" / "adapter" / name, {"kind": "adapter"})
    workers = [multiprocessing.get_context("fork").Process(target=_promote, args=(tmp_path, name)) for name in names]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0]
    acts, problems = Registry(tmp_path).acts()
    assert problems == ()
    assert {act.digest for act in acts} == set(names)


def test_rows_of_one_id_are_paired_off() -> None:
    first = [LearntRow("1", "a"), LearntRow("2", "a"), LearntRow("3", "b")]
    second = [LearntRow("2", "a"), LearntRow("9", "a"), LearntRow("8", "a")]
    found = rows_between(first, second)
    assert [row.digest for row in found.changed] == ["9"]
    assert [row.digest for row in found.added] == ["8"]
    assert [row.digest for row in found.removed] == ["3"]
    assert found.kept == 1


def test_going_back_twice_goes_two_back() -> None:
    acts = [Act("", "", "promote", "k", name) for name in "abc"]
    assert promotions(acts) == {"k": ("a", "b", "c")}
    acts.append(Act("", "", "rollback", "k", "b"))
    assert promotions(acts)["k"] == ("a", "b")
    acts += [Act("", "", "rollback", "k", "a"), Act("", "", "promote", "k", "d"), Act("", "", "retire", "k", "b")]
    assert promotions(acts)["k"] == ("a", "d")
    assert promotions([*acts, Act("", "", "withdraw", "k", "d")]) == {}
    assert promotions([*acts, Act("", "", "withdraw", "k", "d"), Act("", "", "promote", "k", "b")]) == {"k": ("b",)}


# --- what is due


@pytest.mark.slow
def test_new_approved_rows_make_it_due(ten: Project) -> None:
    (nothing,) = whats_due(ten)
    assert (nothing.due, nothing.new) == (True, 10)
    assert "nothing is trained yet" in nothing.why
    trained(ten)
    (seen,) = whats_due(ten)
    assert (seen.due, seen.new) == (False, 0)

    rows = [example(n) for n in range(12)] + [example(12, approved=False)]
    (two,) = whats_due(project(ten.root, rows))
    assert (two.due, two.new) == (False, 2)
    assert "1 more wait for an approval" in two.why
    rows[4] = example(4, answer="FOUR")  # taught once, and other now
    (three,) = whats_due(project(ten.root, rows))
    assert (three.due, three.new) == (True, 3)


@pytest.mark.slow
def test_the_promoted_one_counts_not_the_newest(ten: Project) -> None:
    registry = Registry(ten.state)
    registry.promote(registry.find(trained(ten).digest), by="Ada")
    more = project(ten.root, [example(n) for n in range(13)])
    trained(more)
    (due,) = whats_due(more)
    assert (due.due, due.new, due.artifact) == (True, 3, registry.promoted("adapter"))


@pytest.mark.slow
def test_age_makes_it_due(ten: Project) -> None:
    now = datetime.now(UTC)
    for when, days in (("weekly", 7), ("monthly", 30)):
        where = project(ten.root, [example(n) for n in range(10)], when=when)
        trained(where)
        (young,) = whats_due(where, now=now + timedelta(days=days - 1))
        (old,) = whats_due(where, now=now + timedelta(days=days, hours=1))
        assert (young.due, old.due) == (False, True)


def _finding(alert: Alert) -> Decide:
    """A look that finds this alert alone."""
    return lambda _before, _look: ({alert.key: alert}, [])


@pytest.mark.slow
@pytest.mark.parametrize("detector", ["data", "cost"])
def test_drift_makes_it_due_where_training_may_end_the_alert(ten: Project, detector: str) -> None:
    trained(ten)
    watched = project(ten.root, [example(n) for n in range(10)], when="drift")
    (unwatched,) = whats_due(watched)
    assert unwatched.due is None
    assert "'rung watch'" in unwatched.why
    with open_state(watched) as state:
        states: tuple[AlertState, ...] = ("pending", "firing", "resolved")
        for look, alert_state in enumerate(states, 1):
            alert = Alert(detector, Reading("questions", "drifted", "they are others"), state=alert_state)
            record_look(state, _finding(alert), at=look)
            (due,) = whats_due(watched)
            assert due.due == (detector == "data" and alert_state == "firing"), alert_state
            assert ("questions" in due.why) == due.due


@pytest.mark.slow
def test_an_adapter_without_its_rows_leaves_it_unknown(ten: Project) -> None:
    folder = trained(ten).folder
    for name in ("rows.jsonl", SEAL):  # as an earlier Rung left it
        (folder / name).unlink()
    (due,) = whats_due(ten)
    assert due.due is None
    assert "does not say which rows" in due.why


@pytest.mark.parametrize("when", ["yearly", "0 new approved rows", "200 rows", "many new approved rows", "''"])
def test_a_rule_that_is_none_is_named_by_its_line(when: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"rung.yaml:4: retrain.when: must be monthly, weekly, drift, or a number"):
        project(tmp_path / "p", [example(1)], when=when)


def test_a_number_with_thousands_is_read(tmp_path: Path) -> None:
    assert project(tmp_path / "p", [example(1)], when='"1,200  new approved rows"').settings.retrain.rows == 1200
