"""ministack with the behaviour of AWS that it lacks.

``python -m tests.harness.emulators.aws.control_plane.server PORT`` listens on 127.0.0.1. The
interpreter of ministack's environment runs it: its application is around that of ministack, and
passes on every call that it does not answer itself. ``PUT /_local/observations`` takes
:data:`~tests.harness.emulators.aws.control_plane.service.Observations` of the reconciler.
``GET /_local/changes`` returns the number of changes of each service that the reconciler reads.

It is also an HTTP proxy for names below its own address: S3 Control puts the account number before
the host, ``123456789012.127.0.0.1``, which does not resolve. It refuses any other host, so that a
client that uses it as a proxy reaches nothing real.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import uvicorn
from botocore.exceptions import ClientError
from ministack.app import app as ministack

from tests.harness.emulators.aws.control_plane import autoscaling
from tests.harness.emulators.aws.control_plane import call as calls
from tests.harness.emulators.aws.control_plane.call import CHANGES, OBSERVATIONS, Call, Refusal
from tests.harness.emulators.aws.control_plane.service import (
    EVERY,
    NOTHING,
    Clients,
    Service,
    State,
)
from tests.harness.emulators.aws.control_plane.services import SERVICES, UNCHANGED
from tests.harness.sdk import aws

# What the reconciler reads, by the names in signatures, and the start of operations that only read.
_READ_SERVICES = frozenset({"ecs", "elasticache", "elasticloadbalancing", "rds"})
_READS = ("Describe", "Get", "List")
_HOST = "127.0.0.1"

# The parts of ASGI (ASGI, HTTP & WebSocket specification).
Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]


@dataclass(slots=True)
class Server:
    """A running server: its port, the URL of ministack alone, and what the server knows."""

    port: int
    emulator: str
    state: State = field(default_factory=State)
    scaling: dict[str, autoscaling.State] = field(default_factory=dict)
    changes: Counter[str] = field(default_factory=Counter)
    # Nothing may change between a check and the call that it admits.
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(frozen=True, slots=True)
class Answer:
    """A response before it is sent. The names of headers are in lower case."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


def _clients(server: Server, call: Call) -> Clients:
    return lambda service: aws.client(server.emulator, service, call.region, call.key)


def _answer(status: int, kind: str, body: bytes) -> Answer:
    return Answer(status, [(b"content-type", kind.encode())], body)


def _json(document: Any) -> Answer:
    return _answer(200, "application/x-amz-json-1.1", json.dumps(document).encode())


# ---- The steps of a call: refuse, forward, complete, overlay ----


def _refuse(server: Server, service: Service, call: Call) -> Refusal | None:
    """The refusal of AWS. Of an admitted call the side effects are carried out."""
    clients = _clients(server, call)
    # A check may ask for a resource that does not exist; ministack reports that itself.
    with contextlib.suppress(ClientError):
        for rule in service.refusals.get(call.operation, ()):
            refusal = rule.check(clients, call, server.state.observations or NOTHING)
            if refusal:
                return refusal
        side_effect = service.side_effects.get(call.operation)
        if side_effect:
            side_effect(clients, call)
    return None


async def _forward(scope: Scope, body: bytes) -> Answer:
    """The answer of ministack."""
    received = iter([{"type": "http.request", "body": body}])
    sent: list[Mapping[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return next(received, {"type": "http.disconnect"})

    async def send(message: Mapping[str, Any]) -> None:
        sent.append(message)

    await ministack(scope, receive, send)
    start, *parts = sent
    return Answer(
        start["status"],
        [(name.lower(), value) for name, value in start["headers"]],
        b"".join(part.get("body", b"") for part in parts),
    )


async def _complete(server: Server, service: Service, call: Call, answer: Answer) -> Answer:
    completion = service.completions.get(call.operation)
    if completion is None or answer.status != 200:
        return answer
    clients, memory = _clients(server, call), server.state.memory
    text = await asyncio.to_thread(completion, clients, call, memory, answer.body.decode())
    return replace(answer, body=text.encode())


def _overlay(server: Server, service: Service, call: Call, answer: Answer) -> Answer:
    overlay = service.overlay.get(call.operation) or service.overlay.get(EVERY)
    if overlay is None or answer.status != 200:
        return answer
    return replace(answer, body=overlay(server.state, call, answer.body))


async def _respond(server: Server, scope: Scope, headers: Mapping[str, str], body: bytes) -> Answer:
    call = calls.read(headers, body)
    try:
        return await _answered(server, scope, body, call)
    finally:
        # A refused or failed call may have changed something before.
        if call.service in _READ_SERVICES and not call.operation.startswith(_READS):
            server.changes[call.service] += 1


async def _answered(server: Server, scope: Scope, body: bytes, call: Call) -> Answer:
    if call.service == "application-autoscaling":
        clients = _clients(server, call)
        result = await asyncio.to_thread(autoscaling.answer, server.scaling, call, clients)
        if isinstance(result, Refusal):
            return _answer(*calls.refusal(call, result))
        return _json(result)
    service = SERVICES.get(call.service, UNCHANGED)
    if call.operation in service.constant:
        return _answer(200, "text/xml", service.constant[call.operation].encode())
    guarded = call.operation in service.refusals or call.operation in service.side_effects
    async with server.lock if guarded else contextlib.nullcontext():
        if guarded:
            refusal = await asyncio.to_thread(_refuse, server, service, call)
            if refusal:
                return _answer(*calls.refusal(call, refusal))
        answer = await _forward(scope, body)
    answer = await _complete(server, service, call, answer)
    return _overlay(server, service, call, answer)


async def _body(receive: Receive) -> bytes:
    parts, more = [], True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)


def _addressed(server: Server, scope: Scope) -> Scope:
    """The request with the address of this server: ministack takes another name for a bucket's."""
    own = (b"host", f"{_HOST}:{server.port}".encode())
    return {**scope, "headers": [own, *(h for h in scope["headers"] if h[0] != b"host")]}


async def _handled(server: Server, scope: Scope, receive: Receive) -> Answer:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    # In a proxy request it is the host of the requested URL.
    host, path = headers.get("host", "").rpartition(":")[0], scope["path"]
    if not f".{host}".endswith(f".{_HOST}"):
        return _answer(403, "text/plain", b"this proxy reaches only the AWS emulator\n")
    body = await _body(receive)
    if path == OBSERVATIONS and scope["method"] == "PUT":
        server.state.observations = json.loads(body)
        return Answer(204, [], b"")
    if path == CHANGES:
        return _json(server.changes)
    return await _respond(server, _addressed(server, scope), headers, body)


async def serve(server: Server, scope: Scope, receive: Receive, send: Send) -> None:
    """Serve a request, as an ASGI application."""
    if scope["type"] != "http" or scope["server"][1] != server.port:
        await ministack(scope, receive, send)
        return
    answer = await _handled(server, scope, receive)
    headers = answer.headers
    # A HEAD has no body but the length of one.
    if scope["method"] != "HEAD":
        # The body may have changed its length.
        length = (b"content-length", str(len(answer.body)).encode())
        headers = [*(h for h in headers if h[0] != length[0]), length]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


def main(port: int) -> None:
    """Serve until a signal ends this process."""
    # The checks call ministack at an address of its own, on which they are not called.
    sockets = [socket.create_server((_HOST, number)) for number in (port, 0)]
    server = Server(port, f"http://{_HOST}:{sockets[1].getsockname()[1]}")
    # With ministack's own server, hypercorn, a request takes 1.2 ms of a core in place of 0.5.
    config = uvicorn.Config(
        partial(serve, server),
        interface="asgi3",
        http="httptools",
        loop="uvloop",
        log_level="warning",
        access_log=False,
        proxy_headers=False,
    )
    uvicorn.Server(config).run(sockets)


if __name__ == "__main__":
    main(int(sys.argv[1]))
