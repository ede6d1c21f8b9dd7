"""How each family of chat servers writes requests and answers.

A format turns a step into a request, and what comes back into the form of OpenAI's chat completions, which `http_reading`
reads. Sending is left to `http_client`, so that every host is asked with the same patience and the same limits.
"""

from rung.models.wire.protocol import Call, Listing, Look, WireFormat

__all__ = ["Call", "Listing", "Look", "WireFormat"]
