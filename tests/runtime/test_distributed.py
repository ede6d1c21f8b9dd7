"""Do workers on two machines give what one process gives, and outlive the death of a worker, a machine and the driver?"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rung.errors import Interrupted, UserError
from rung.models.scripted import ScriptedGenerator
from rung.models.scripted_engines import Play
from rung.records import Asker, Failure, Message
from rung.records.steps import Conversation, Engine, Generate, GenerateResult, Request, Result, generate
from rung.runtime.batch import Carried, Tally, carry
from rung.runtime.cache import StepCache
from rung.runtime.distributed import Cluster, Pool

if TYPE_CHECKING:
    from ray.cluster_utils import Cluster as Machines

pytest.importorskip("ray")
pytestmark = pytest.mark.slow
SOON = {"health_check_initial_delay_ms": 0, "health_check_period_ms": 300, "health_check_failure_threshold": 3}
RULES = (("fatal", "never said"), ("Say (.*)", "said"))


class Fatal(ScriptedGenerator):
    """Takes its process with it where the prompt says so."""

    def run(self, requests: Sequence[Request]) -> Iterator[tuple[int, Result | Failure]]:
        if any("fatal" in said(request) for request in requests):
            os._exit(1)
        return super().run(requests)

    def use_adapters(self, adapters: Mapping[str, Path]) -> None:
        assert all((folder / "adapter_config.json").read_text() == "{}" for folder in adapters.values())
        super().use_adapters(adapters)


def said(request: Request) -> str:
    return request.step.messages[0].content if isinstance(request.step, Generate) else ""


def slow(log: Path | None = None) -> Engine:
    return ScriptedGenerator(RULES, play=Play(delay=0.02, log=log))


def fatal() -> Engine:
    return Fatal(RULES)


def refusing() -> Engine:
    raise UserError("the weights are not here")


def telling() -> Engine:
    return ScriptedGenerator(lambda _step: str(os.getpid()), play=Play(delay=0.05), name="telling")


def talk(text: str, adapter: str = "") -> Conversation[str]:
    found = yield from generate(Generate((Message("user", text),), adapter=adapter))
    return found.text


def talks(count: int, *, also: str = "") -> list[tuple[Asker, Callable[[], Conversation[str]]]]:
    texts = [f"Say {n}" for n in range(count)] + ([also] if also else [])
    return [(Asker(), partial(talk, text)) for text in texts]


def carried(
    engine: Engine, path: Path, count: int, *, also: str = "", progress: Callable[[int, int], None] | None = None
) -> tuple[list[Carried[str]], Tally]:
    tally, store = Tally(), StepCache(path / "rung.db")
    try:
        done = carry(talks(count, also=also), engines={"generate": engine}, store=store, tally=tally, progress=progress)
    finally:
        store.close()
    return done, tally


@pytest.fixture(scope="module")
def machines() -> Iterator[Machines]:
    """Two raylets with one CPU each; a test may take the second away, and puts another in its place."""
    import ray
    from ray import cloudpickle
    from ray.cluster_utils import Cluster as Machines

    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    cloudpickle.register_pickle_by_value(sys.modules[__name__])  # the workers need not find the tests
    found = Machines(
        initialize_head=True,
        head_node_args={
            "num_cpus": 1,
            "object_store_memory": 80_000_000,
            "_system_config": SOON,
            "include_dashboard": False,
        },
    )
    found.add_node(num_cpus=1, object_store_memory=80_000_000)
    ray.init(address=found.address, log_to_driver=False, logging_level="ERROR")
    yield found
    ray.shutdown()
    found.shutdown()


def test_a_cluster_that_is_not_there_is_said_at_once() -> None:
    asked = [Request(Generate((Message("user", "Say a"),)))]
    with (
        Pool(Cluster("127.0.0.1:1"), {"generate": slow}) as pool,
        pytest.raises(UserError, match=r"127.0.0.1:1.*workers.ray"),
    ):
        list(pool.engine("generate", slow()).run(asked))


def test_two_machines_give_what_one_process_gives(machines: Machines, tmp_path: Path) -> None:
    here, _ = carried(ScriptedGenerator(RULES), tmp_path / "here", 100)
    with Pool(Cluster(count=2), {"generate": slow}) as pool:
        engine = pool.engine("generate", ScriptedGenerator(RULES))
        there, tally = carried(engine, tmp_path / "there", 100)
        assert there == here
        assert (tally.executed, tally.replayed) == (100, 0)
        # another pool, or none, replays what these workers found
        assert carried(ScriptedGenerator(RULES), tmp_path / "there", 100)[1].executed == 0


def test_the_work_is_shared(machines: Machines) -> None:
    """Each worker takes a whole CPU, and each machine has one: two processes are two machines."""
    asked = [Request(Generate((Message("user", str(n)),))) for n in range(60)]
    with Pool(Cluster(count=2), {"generate": telling}) as pool:
        engine = pool.engine("generate", telling())
        for _ in range(2):  # the second time both are ready
            answered = [result.text for _, result in engine.run(asked) if isinstance(result, GenerateResult)]
    assert len(answered) == 60
    assert len(set(answered)) == 2


def test_a_machine_that_dies_leaves_its_batch_to_the_other(machines: Machines, tmp_path: Path) -> None:
    import ray

    second = next(iter(machines.worker_nodes))
    dead: list[int] = []

    def kill(done: int, _of: int) -> None:
        if done > 20 and not dead:
            dead.append(done)
            machines.remove_node(second, allow_graceful=False)

    log = tmp_path / "log"
    with Pool(Cluster(count=2, seconds=40), {"generate": partial(slow, log)}) as pool:
        engine = pool.engine("generate", ScriptedGenerator(RULES))
        done, tally = carried(engine, tmp_path, 200, progress=kill)
    assert dead
    assert [one.failure for one in done if one.failure] == []
    assert tally.executed == 200
    lines = log.read_text().split()
    assert len(set(lines)) == 200
    assert len(lines) <= 200 + 2 * 25  # what was under way was done twice at most: a slice of 25
    machines.add_node(num_cpus=1, object_store_memory=80_000_000)
    assert sum(node["Alive"] for node in ray.nodes()) == 2


def test_a_worker_that_dies_between_two_runs_is_replaced(machines: Machines, tmp_path: Path) -> None:
    import ray

    with Pool(Cluster(count=2), {"generate": slow}) as pool:
        engine = pool.engine("generate", ScriptedGenerator(RULES))
        carried(engine, tmp_path, 10)
        ray.kill(pool.workers(2)[0].actor)
        done, tally = carried(engine, tmp_path, 30)
    assert (tally.executed, tally.replayed) == (20, 10)
    assert all(one.failure is None for one in done)


def test_a_step_that_kills_workers_fails_alone(machines: Machines, tmp_path: Path) -> None:
    with Pool(Cluster(count=2), {"generate": fatal}) as pool:
        engine = pool.engine("generate", ScriptedGenerator(RULES))
        done, _ = carried(engine, tmp_path, 30, also="Say fatal")
    failed = [one.failure for one in done if one.failure]
    assert [(failure.step, failure.error) for failure in failed] == [("generate", "2 workers died over this step")]
    assert done[-1].failure is not None


def test_a_stopped_driver_goes_on_where_it_was(machines: Machines, tmp_path: Path) -> None:
    def stop(done: int, _of: int) -> None:
        if done >= 30:
            raise KeyboardInterrupt

    with Pool(Cluster(count=2), {"generate": slow}) as pool:
        engine = pool.engine("generate", ScriptedGenerator(RULES))
        with pytest.raises(Interrupted, match="step results are kept"):
            carried(engine, tmp_path, 100, progress=stop)
        done, tally = carried(engine, tmp_path, 100)
    assert all(one.failure is None for one in done)
    assert tally.replayed >= 30
    assert tally.executed + tally.replayed == 100


def test_adapters_travel(machines: Machines, tmp_path: Path) -> None:
    folder = tmp_path / "adapter"
    folder.mkdir()
    (folder / "adapter_config.json").write_text("{}")
    adapters: dict[str, Path] = {}
    with Pool(Cluster(count=1), {"generate": fatal}) as pool:
        engine = pool.engine("generate", ScriptedGenerator(RULES), adapters=adapters)
        asked = [Request(Generate((Message("user", "Say a"),), adapter=name)) for name in ("", "abc")]
        refused = dict(engine.run(asked))
        assert isinstance(refused[1], Failure)
        adapters["abc"] = folder
        answered = dict(engine.run(asked))
        assert all(isinstance(result, GenerateResult) for result in answered.values())


def test_what_workers_cannot_do_is_said(machines: Machines) -> None:
    asked = [Request(Generate((Message("user", "Say a"),)))]
    refused = pytest.raises(UserError, match="the weights are not here")
    with Pool(Cluster(count=1), {"generate": refusing}) as pool, refused:
        list(pool.engine("generate", ScriptedGenerator(RULES)).run(asked))
    with Pool(Cluster(count=1), {"generate": slow}) as pool:
        with pytest.raises(UserError, match="another engine than this machine"):
            list(pool.engine("generate", ScriptedGenerator()).run(asked))
        assert list(pool.engine("generate", ScriptedGenerator(RULES)).run([])) == []
