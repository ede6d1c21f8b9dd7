#!/usr/bin/env bash
# joserfc 1.8.0: valid tokens of large identity providers are refused by default: a header field that the library does not know,
# or a header of more than 512 bytes, ends in an error.
#
# RFC 7515, section 4: header parameters that are not understood MUST be ignored (those of "crit" aside). Azure's access tokens have
# a "nonce", those of AWS's load balancer "signer" and "client", others a chain of certificates ("x5c"), which is longer than
# 512 bytes. A service that was tested with tokens of its own refuses these users only once they come. Way out: a registry of
# one's own, with strict_check_header=False and a larger max_header_length.
#
# Seen on 2026-11-29 with joserfc 1.8.0, Python 3.11:
#   kid only      -> decoded
#   with a nonce  -> UnsupportedHeaderError
#   with an x5c   -> ExceededSizeError
#   own registry  -> decoded
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
python3 -m venv "$scratch/venv"
"$scratch/venv/bin/pip" install -q joserfc==1.8.0
cat >"$scratch/try.py" <<'PY'
import sys

from joserfc import jwt
from joserfc.jwk import RSAKey
from joserfc.jws import JWSRegistry

KEY = RSAKey.generate_key(2048, {"kid": "a"})
OPEN = JWSRegistry(algorithms=["RS256"], strict_check_header=False)
OPEN.max_header_length = 16_384
CLAIMS = {"sub": "ada"}


def token(**header: object) -> str:
    return jwt.encode({"alg": "RS256", "kid": "a", **header}, CLAIMS, KEY, registry=OPEN)


def read(text: str, registry: JWSRegistry | None = None) -> str:
    try:
        decoded = jwt.decode(text, KEY, algorithms=["RS256"], registry=registry)
    except Exception as error:
        return type(error).__name__
    return "decoded" if decoded.claims == CLAIMS else "other claims"


output = {
    "kid only": read(token()),
    "with a nonce": read(token(nonce="x")),
    "with an x5c": read(token(x5c=["A" * 1200])),
    "own registry": read(token(nonce="x", x5c=["A" * 1200]), OPEN),
}
expected = ["decoded", "UnsupportedHeaderError", "ExceededSizeError", "decoded"]
for name, said in output.items():
    print(f"{name:13} -> {said}")
sys.exit(0 if list(output.values()) == expected else "this has changed")
PY
"$scratch/venv/bin/python" "$scratch/try.py"
