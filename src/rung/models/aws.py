"""AWS's side of a request to Bedrock, or to S3: the region, and a signature where no API key is set.

Credentials are found by `botocore` (extra `bedrock`) as AWS's own tools find them: variables, profiles, SSO, roles.
"""

from __future__ import annotations

import os
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal

from rung.errors import MissingExtra, ModelError, ServerError

if TYPE_CHECKING:
    from botocore.session import Session

Service = Literal["bedrock", "s3"]
_WITHOUT = (
    "Bedrock wants a key: set AWS_BEARER_TOKEN_BEDROCK to a Bedrock API key, or AWS credentials as for AWS's own tools "
    "(AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, a role)"
)


def region() -> str:
    """The region that AWS's variables or configuration name.

    Raises:
        ModelError: none does.
    """
    named = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if not named and find_spec("botocore") is not None:
        named = _session().get_config_variable("region")
    if not named:
        raise ModelError("bedrock: no region is named: set AWS_REGION, such as eu-central-1")
    return str(named)


def signed(method: str, url: str, content: bytes, *, service: Service = "bedrock") -> dict[str, str]:
    """Headers of a request to one of AWS's services, signed (SigV4) with the credentials that AWS's own tools would use.

    Raises:
        MissingExtra: `botocore` is not installed.
        ServerError: there are no credentials, or they cannot be had.
    """
    if find_spec("botocore") is None:
        raise MissingExtra("bedrock", "bedrock:<name> without AWS_BEARER_TOKEN_BEDROCK")
    from botocore.auth import S3SigV4Auth, SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.exceptions import BotoCoreError

    try:
        credentials = _session().get_credentials()
        if credentials is None:
            raise ServerError(_WITHOUT)
        request = AWSRequest(method, url, {"Content-Type": "application/json"}, content)
        signing = S3SigV4Auth if service == "s3" else SigV4Auth
        signing(credentials.get_frozen_credentials(), service, region()).add_auth(request)
    except BotoCoreError as error:
        raise ServerError(f"AWS credentials cannot be had ({error}): set them anew, or sign in again") from error
    return {str(name): str(value) for name, value in request.headers.items()}


@cache
def _session() -> Session:
    from botocore.session import get_session

    return get_session()
