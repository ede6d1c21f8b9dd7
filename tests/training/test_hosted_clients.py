"""The servers of `tuning_hosts` against the hosts' own clients, and our requests against their own descriptions of the API.

Together's client (3.1.1) and Fireworks' (1.2.30) went through these servers by hand: they are no dependencies of the tests.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.training.test_hosted import Begin, begin, carried_out, files_of, note_of

__all__ = ["begin"]  # a fixture
pytestmark = pytest.mark.slow  # their clients take seconds to load


def test_openai(begin: Begin, tmp_path: Path) -> None:
    openai = pytest.importorskip("openai")
    pydantic = pytest.importorskip("pydantic")
    from openai.types.fine_tuning import job_create_params as params

    server, host = begin("openai")
    for is_compatible in (False, True):
        host.is_compatible = is_compatible  # type: ignore[attr-defined]
        carried_out(host, tmp_path / str(is_compatible), note_of(host, batch_rows=4, seed=3))
    for job in server.jobs.values():
        pydantic.TypeAdapter(params.JobCreateParams).validate_python(job.asked)
        assert set(job.asked) <= set(params.JobCreateParams.__annotations__)
    client = openai.OpenAI(base_url=f"{server.url}/v1", api_key="secret", max_retries=0)
    ended = client.fine_tuning.jobs.retrieve("ftjob-1")
    assert (ended.status, ended.trained_tokens) == ("succeeded", 1_500_000)
    assert ended.fine_tuned_model.startswith("ft:small-1:team:rung-")
    file = client.files.create(file=("x.jsonl", b"{}"), purpose="fine-tune")
    assert server.files[file.id] == b"{}"
    begun = client.fine_tuning.jobs.create(model="small-1", training_file=file.id, suffix="x")
    assert begun.id == "ftjob-3"
    assert client.fine_tuning.jobs.cancel("ftjob-3").status == "cancelled"
    with pytest.raises(openai.NotFoundError):
        client.fine_tuning.jobs.retrieve("ftjob-9")


def test_bedrock(begin: Begin, tmp_path: Path) -> None:
    session = pytest.importorskip("botocore.session")
    validate = pytest.importorskip("botocore.validate")
    server, host = begin("bedrock")
    host.base = "amazon.nova-lite-v1:0:300k"  # type: ignore[misc]
    note, _ = carried_out(host, tmp_path, note_of(host, learning_rate=1e-5))
    model = session.get_session().get_service_model("bedrock")
    shape = model.operation_model("CreateModelCustomizationJob").input_shape
    (job,) = server.jobs.values()
    report = validate.ParamValidator().validate(job.asked, shape)
    assert not report.has_errors(), report.generate_report()
    client = session.get_session().create_client("bedrock", endpoint_url=server.url, region_name="eu-central-1")
    ended = client.get_model_customization_job(jobIdentifier=note.job)
    assert (ended["status"], ended["outputModelArn"].split("/")[-1]) == ("Completed", "abcdefghijkl")
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_model_customization_job(jobIdentifier="none")
    assert [*server.files] == ["s3://bucket/tuning/rung-rows-train.jsonl"]


def test_vertex(begin: Begin, tmp_path: Path) -> None:
    genai = pytest.importorskip("google.genai")
    server, host = begin("vertex")
    note, state = carried_out(host, tmp_path, note_of(host, rank=4))
    types = genai.types
    (job,) = server.jobs.values()
    types.SupervisedTuningSpec.model_validate(job.asked["supervisedTuningSpec"])
    shown = server.shown(job, "JOB_STATE_SUCCEEDED")
    parsed = types.TuningJob.model_validate({**shown, "name": note.job})
    assert (parsed.state, parsed.tuned_model.endpoint) == (types.JobState.JOB_STATE_SUCCEEDED, state.model)
    assert files_of(host).train.rows == 27
