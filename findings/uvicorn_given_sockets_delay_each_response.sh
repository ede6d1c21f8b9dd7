#!/usr/bin/env bash
# uvicorn 0.54.0 on asyncio (CPython 3.11): a socket that is handed over answers every kept connection some 40 ms late.
#
# A server that must know its port before it serves (port 0, a service manager, a reload without a gap) makes the socket itself
# and gives it to Server.run(sockets=[...]). asyncio switches Nagle's algorithm off for connections whose socket says that its
# protocol is TCP. socket.socket(AF_INET, SOCK_STREAM), as everybody writes it, has the protocol 0, and so have the
# connections that it accepts. A response is written in two parts, head and body: the second waits until the client has
# confirmed the first, which clients put off for some 40 ms. With socket.IPPROTO_TCP as the third argument nothing waits.
# By host and port (no socket of one's own) all is well, so that no ordinary test of a server shows it.
#
# Seen on 2026-11-30 with uvicorn 0.54.0, starlette 1.10.0, h11 0.16.0 (Linux x86-64, Python 3.11), milliseconds an empty
# request on one connection, median of 35:
#   protocol not named  44
#   IPPROTO_TCP           .4
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
python3 -m venv "$scratch/venv"
"$scratch/venv/bin/pip" install -q uvicorn==0.54.0 starlette==1.10.0 h11==0.16.0
cat >"$scratch/try.py" <<'PY'
import http.client
import socket
import statistics
import sys
import threading
import time

import uvicorn
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

app = Starlette(routes=[Route("/", lambda request: Response("hello"))])


def milliseconds(protocol):
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, protocol)
    listening.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True).start()
    while not server.started:
        time.sleep(0.01)
    client, taken = http.client.HTTPConnection(*listening.getsockname()), []
    for _ in range(40):
        began = time.perf_counter()
        client.request("GET", "/")
        client.getresponse().read()
        taken.append(1000 * (time.perf_counter() - began))
    server.should_exit = True
    return statistics.median(taken[5:])


unnamed, named = milliseconds(0), milliseconds(socket.IPPROTO_TCP)
print(f"protocol not named {unnamed:.1f} ms; IPPROTO_TCP {named:.1f} ms")
sys.exit(0 if unnamed > 25 and named < 10 else "this has changed")
PY
"$scratch/venv/bin/python" "$scratch/try.py"
