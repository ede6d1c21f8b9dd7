"""Do the container, its neighbours and the systemd unit start what there is, as it is started?"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.architecture.source_tree import ROOT
from tests.cli.conftest import Run

DEPLOY = ROOT / "deploy"
DOCKERFILE, UNIT = (DEPLOY / "Dockerfile").read_text("utf-8"), (DEPLOY / "rung.service").read_text("utf-8")
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))


def starts() -> list[list[str]]:
    """What is started, from the name of the verb on."""
    image = yaml.safe_load(re.findall(r"^CMD (\[.*\])$", DOCKERFILE, re.M)[-1])
    unit = shlex.split(re.findall(r"^ExecStart=(.*)$", UNIT, re.M)[0])
    return [image, unit[1:]]


@pytest.mark.parametrize("command", starts())
def test_the_command_is_understood(command: list[str], rung: Run) -> None:
    """Up to the folder, which is not there."""
    assert "rung.yaml" in rung(*command, code=2).err


def test_extras_and_files_of_the_image_are_there() -> None:
    import tomllib

    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    assert set(re.findall(r"^ARG EXTRAS=(.*)$", DOCKERFILE, re.M)[0].split(",")) <= set(extras)
    copied = re.findall(r"^COPY (?!--)(.*) \S+$", DOCKERFILE, re.M)
    assert all((ROOT / name).exists() for line in copied for name in line.split())


def test_open_answers_have_time_to_end() -> None:
    """Longer than an answer may take."""
    grace = int(COMPOSE["services"]["server"]["stop_grace_period"].removesuffix("s"))
    assert grace > 300
    assert int(re.findall(r"^TimeoutStopSec=(\d+)$", UNIT, re.M)[0]) > 300


def test_the_server_is_told_of_its_database_as_it_reads_it() -> None:
    """The store's keys are read by the library: the index of a project says which."""
    source = "".join(path.read_text("utf-8") for path in sorted((ROOT / "src").rglob("*.py")))
    told = (ROOT / "docs" / "knowledge.md").read_text("utf-8")
    for name in COMPOSE["services"]["server"]["environment"]:
        assert f'"{name}"' in source or f"`{name}`" in told, name


def test_the_bucket_that_the_index_is_said_to_lie_in_is_made() -> None:
    """At the address that the server is told, by a store that is started before it."""
    services = COMPOSE["services"]
    name, port = re.fullmatch(r"http://(\w+):(\d+)", services["server"]["environment"]["AWS_ENDPOINT_URL"]).groups()  # type: ignore[union-attr]
    assert services["server"]["depends_on"][name]["condition"] == "service_healthy"
    assert f":{port}/" in services[name]["healthcheck"]["test"][-1]
    (bucket,) = re.findall(r"-bucket=(\S+)", services[name]["command"])
    assert f"s3://{bucket}/" in (DEPLOY / "compose.yaml").read_text("utf-8")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not here")
def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    there = tmp_path / "rung.service"
    there.write_text(UNIT.replace("/opt/rung/bin/rung", "/bin/true").replace("User=rung", "User=root"), "utf-8")
    done = subprocess.run(["systemd-analyze", "verify", str(there)], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
