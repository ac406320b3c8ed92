"""A proxy in front of ministack that adds the behaviour of AWS that ministack lacks.

``python -m tests.harness.emulators.aws.control_plane.proxy PORT EMULATOR`` listens on 127.0.0.1 and
forwards every call that it does not answer itself. ``PUT /_local/observations`` takes
:data:`~tests.harness.emulators.aws.control_plane.service.Observations` of the reconciler.
``GET /_local/changes`` returns a number that grows with each change of what the reconciler reads.

It is also an HTTP proxy for names below its own address: S3 Control puts the account number before
the host, ``123456789012.127.0.0.1``, which does not resolve. It refuses any other host, so that a
client that uses it as a proxy reaches nothing real.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any

import aiohttp
import yarl
from aiohttp import web
from botocore.exceptions import ClientError

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
# Larger than any request of a stack.
_MAX_BYTES = 256 * 1024 * 1024
# Headers of the connection and not of the message (RFC 9110, 7.6.1).
_HOP = frozenset({"connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"})


@dataclass(slots=True)
class Proxy:
    """A running proxy: the URL of ministack, the connection to it, and what the proxy knows."""

    emulator: str
    session: aiohttp.ClientSession
    state: State = field(default_factory=State)
    scaling: dict[str, autoscaling.State] = field(default_factory=dict)
    changes: int = 0
    # Nothing may change between a check and the call that it admits.
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(frozen=True, slots=True)
class Answer:
    """A response before it is sent."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


def _clients(proxy: Proxy, call: Call) -> Clients:
    return lambda service: aws.client(proxy.emulator, service, call.region, call.key)


def _answer(status: int, kind: str, body: bytes) -> Answer:
    return Answer(status, [("Content-Type", kind)], body)


def _json(document: Any) -> Answer:
    return _answer(200, "application/x-amz-json-1.1", json.dumps(document).encode())


# ---- The steps of a call: refuse, forward, complete, overlay ----


def _refuse(proxy: Proxy, service: Service, call: Call) -> Refusal | None:
    """The refusal of AWS. Of an admitted call the side effects are carried out."""
    clients = _clients(proxy, call)
    # A check may ask for a resource that does not exist; ministack reports that itself.
    with contextlib.suppress(ClientError):
        for rule in service.refusals.get(call.operation, ()):
            refusal = rule.check(clients, call, proxy.state.observations or NOTHING)
            if refusal:
                return refusal
        side_effect = service.side_effects.get(call.operation)
        if side_effect:
            side_effect(clients, call)
    return None


async def _forward(proxy: Proxy, request: web.Request, body: bytes) -> Answer:
    dropped = _HOP | {"expect"}
    path = request.raw_path
    if not path.startswith("/"):
        # In a proxy request the path holds the host, which would be taken for a bucket's.
        path = "/" + path.partition("://")[2].partition("/")[2]
        dropped |= {"host"}
    headers = [(k, v) for k, v in request.headers.items() if k.lower() not in dropped]
    # Unchanged: the signature covers the path as sent.
    url = yarl.URL(proxy.emulator + path, encoded=True)
    async with proxy.session.request(
        request.method, url, headers=headers, data=body, allow_redirects=False
    ) as answer:
        end_to_end = [(k, v) for k, v in answer.headers.items() if k.lower() not in _HOP]
        return Answer(answer.status, end_to_end, await answer.read())


async def _complete(proxy: Proxy, service: Service, call: Call, answer: Answer) -> Answer:
    completion = service.completions.get(call.operation)
    if completion is None or answer.status != 200:
        return answer
    clients, memory = _clients(proxy, call), proxy.state.memory
    text = await asyncio.to_thread(completion, clients, call, memory, answer.body.decode())
    return replace(answer, body=text.encode())


def _overlay(proxy: Proxy, service: Service, call: Call, answer: Answer) -> Answer:
    overlay = service.overlay.get(call.operation) or service.overlay.get(EVERY)
    if overlay is None or answer.status != 200:
        return answer
    return replace(answer, body=overlay(proxy.state, call, answer.body))


async def _respond(proxy: Proxy, request: web.Request, body: bytes) -> Answer:
    call = calls.read(request.headers, body)
    try:
        return await _answered(proxy, request, body, call)
    finally:
        # A refused or failed call may have changed something before.
        if call.service in _READ_SERVICES and not call.operation.startswith(_READS):
            proxy.changes += 1


async def _answered(proxy: Proxy, request: web.Request, body: bytes, call: Call) -> Answer:
    if call.service == "application-autoscaling":
        clients = _clients(proxy, call)
        result = await asyncio.to_thread(autoscaling.answer, proxy.scaling, call, clients)
        if isinstance(result, Refusal):
            return _answer(*calls.refusal(call, result))
        return _json(result)
    service = SERVICES.get(call.service, UNCHANGED)
    if call.operation in service.constant:
        return _answer(200, "text/xml", service.constant[call.operation].encode())
    guarded = call.operation in service.refusals or call.operation in service.side_effects
    async with proxy.lock if guarded else contextlib.nullcontext():
        if guarded:
            refusal = await asyncio.to_thread(_refuse, proxy, service, call)
            if refusal:
                return _answer(*calls.refusal(call, refusal))
        answer = await _forward(proxy, request, body)
    answer = await _complete(proxy, service, call, answer)
    return _overlay(proxy, service, call, answer)


_PROXY = web.AppKey("proxy", Proxy)


def _is_foreign(request: web.Request) -> bool:
    """Whether a proxy request names a host that is not below this server's address."""
    path = request.raw_path
    if path.startswith("/"):
        return False
    host = yarl.URL(path).host or ""
    return request.method == "CONNECT" or not f".{host}".endswith(".127.0.0.1")


async def _handle(request: web.Request) -> web.Response:
    if _is_foreign(request):
        return web.Response(status=403, text="this proxy reaches only the AWS emulator\n")
    proxy = request.app[_PROXY]
    body = await request.read()
    if request.path == OBSERVATIONS and request.method == "PUT":
        proxy.state.observations = json.loads(body)
        return web.Response(status=204)
    if request.path == CHANGES:
        return web.Response(text=str(proxy.changes))
    answer = await _respond(proxy, request, body)
    response = web.Response(status=answer.status, body=answer.body)
    for name, value in answer.headers:
        # The body may have changed its length. A HEAD has no body but the length of one.
        if name.lower() == "content-length" and request.method != "HEAD":
            continue
        if name.lower() in {"content-type", "content-length"}:
            response.headers[name] = value
        else:
            response.headers.add(name, value)
    return response


def application(emulator: str) -> web.Application:
    """The proxy of a ministack, by its URL."""
    app = web.Application(client_max_size=_MAX_BYTES)

    async def connection(app: web.Application) -> AsyncIterator[None]:
        async with aiohttp.ClientSession(
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=120),
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
        ) as session:
            app[_PROXY] = Proxy(emulator, session)
            yield

    app.cleanup_ctx.append(connection)
    app.router.add_route("*", "/{path:.*}", _handle)
    return app


if __name__ == "__main__":
    web.run_app(
        application(sys.argv[2]),
        host="127.0.0.1",
        port=int(sys.argv[1]),
        print=None,
        access_log=None,
    )
