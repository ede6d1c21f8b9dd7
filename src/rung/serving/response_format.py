"""The form that a client wants of an answer: the project's, or one of its own where a rung can be held to it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from rung.records import canonical
from rung.serving.chats import Body
from rung.serving.deployments import Deployment
from rung.serving.refusal import invalid, unsupported
from rung.serving.schemas import check_size

Form = Literal["text", "json_object", "json_schema"]
PARAM = "response_format"  # what refusals call it; `refusal` knows what else it is called


class JsonSchema(Body):
    """A form that every answer must have."""

    name: str
    schema_: dict[str, Any] = Field(alias="schema")
    strict: bool | None = None
    description: str | None = None


class ResponseFormat(Body):
    """The form of the answer."""

    type: Form
    json_schema: JsonSchema | None = None


def form_of(form: Form, given: dict[str, Any] | None, deployment: Deployment) -> str:
    """The schema that answers are held to in a request, as canonical JSON text; "" is the deployment's own form.

    Raises:
        NotAnswered: the deployment does not answer in this form.
    """
    if form == "text":
        if deployment.schema:
            raise unsupported(PARAM, f"'{deployment.name}' answers in JSON by the project's schema")
        return ""
    if form == "json_object":
        return "" if deployment.schema else schema_of({"type": "object"}, deployment)
    if given is None:
        raise invalid("'response_format' names no schema: send one with 'json_schema'", PARAM)
    return schema_of(given, deployment)


def schema_of(given: dict[str, Any], deployment: Deployment) -> str:
    """As `form_of`, of a schema.

    Raises:
        NotAnswered: the deployment cannot be held to it.
    """
    try:
        schema = canonical(given)
    except RecursionError:
        raise invalid("'response_format.json_schema.schema' is nested too deeply", PARAM) from None
    check_size(schema)
    if schema == deployment.schema:
        return ""
    if not deployment.takes_schema:
        raise unsupported(PARAM, f"'{deployment.name}' answers in the form that it was built for")
    return schema
