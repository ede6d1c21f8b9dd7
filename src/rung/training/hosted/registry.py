"""Which host tunes a model: by the vendor that its name says, with what `tuning` of `rung.yaml` adds."""

from __future__ import annotations

from rung.config.tuning import TuningSettings
from rung.errors import ModelError
from rung.models.endpoint import Endpoint, is_on_server
from rung.models.protocol import Server
from rung.training.hosted.bedrock import Bedrock
from rung.training.hosted.fireworks import Fireworks
from rung.training.hosted.host_api import HostApi
from rung.training.hosted.openai_shape import OpenAIShape
from rung.training.hosted.protocol import TuningHost
from rung.training.hosted.together import Together
from rung.training.hosted.vertex import Vertex

HOSTS = ("openai", "together", "fireworks", "vertex", "bedrock")
_GEMINI = "Google tunes Gemini on Vertex AI alone: name it as vertex:<name>"


def tuning_host(model: str, tuning: TuningSettings, server: Server) -> TuningHost:
    """The host that tunes a model of this name.

    Raises:
        ModelError: none does that Rung speaks to.
    """
    if not is_on_server(model):
        raise ModelError(f"'{model}' is no model of a host: 'tuning' stands beside such as {', '.join(HOSTS)}, or a URL")
    endpoint = Endpoint.named(model)
    vendor, api = endpoint.vendor.name, HostApi(endpoint, server)
    base = tuning.base or endpoint.model.rpartition("/models/")[2]
    if vendor in ("", "openai"):
        return OpenAIShape(api, base, name=vendor or endpoint.url, is_compatible=not endpoint.is_vendors)
    if vendor == "together":
        return Together(api, base)
    if vendor == "fireworks":
        return Fireworks(api, tuning.base or endpoint.model)
    if vendor == "vertex":
        return Vertex(api, base, tuning.bucket)
    if vendor == "bedrock":
        return Bedrock(api, base, tuning.bucket, tuning.role)
    hint = f"; {_GEMINI}" if vendor == "gemini" else ""
    raise ModelError(f"Rung has nothing tuned at {vendor}: it speaks to {', '.join(HOSTS)}{hint}")
