"""A proxy in front of ministack that adds the behaviour of AWS that ministack lacks.

``python -m tests.harness.emulators.aws.control_plane.proxy PORT EMULATOR`` listens on 127.0.0.1 and
forwards every call that it does not answer itself. ``PUT /_local/facts`` takes the reconciler's
observations (:mod:`tests.harness.emulators.aws.control_plane.overlay`).

It is a proxy, too, for names below its own address: S3 Control puts the account's number before
the host, ``123456789012.127.0.0.1``, which resolves nowhere. Any other place it refuses, so that
whoever is given it for a proxy reaches nothing real.

On aiohttp, which is server and client in one: starlette would want uvicorn and httpx beside it, and
mitmproxy is a proxy with an interface for people.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from typing import Any

import aiohttp
import yarl
from aiohttp import web
from botocore.exceptions import ClientError

from tests.harness.emulators.aws.control_plane import autoscaling, completions, refusals
from tests.harness.emulators.aws.control_plane import call as calls
from tests.harness.emulators.aws.control_plane import overlay as facts
from tests.harness.emulators.aws.control_plane.call import Call, Refusal
from tests.harness.sdk import aws as clients

FACTS = "/_local/facts"
# More than any request of a stack has.
_MOST_BYTES = 256 * 1024 * 1024
# Of the connection, and not of what it carries (RFC 9110, 7.6.1).
_HOP = frozenset({"connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"})


@dataclass(slots=True)
class Held:
    """What the front knows. ``targets`` are by target group's ARN, in the order they came."""

    emulator: str
    session: aiohttp.ClientSession
    known: facts.Facts | None = None
    targets: dict[str, dict[tuple[str, int], None]] = field(default_factory=dict)
    scaling: dict[str, autoscaling.State] = field(default_factory=dict)
    memory: completions.Memory = field(default_factory=completions.Memory)
    # Between a check and what it admits nothing may change.
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer on its way."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


def _asking(held: Held, call: Call) -> refusals.Ask:
    return lambda service: clients.client(held.emulator, service, call.region, call.key)


async def _sent_on(held: Held, request: web.Request, body: bytes) -> Answer:
    dropped = _HOP | {"expect"}
    path = request.raw_path
    if not path.startswith("/"):
        # Of a proxy's request: the host would be taken for a bucket's.
        path = "/" + path.partition("://")[2].partition("/")[2]
        dropped |= {"host"}
    headers = [(k, v) for k, v in request.headers.items() if k.lower() not in dropped]
    # As it was written: a signature is over the path as it came.
    url = yarl.URL(held.emulator + path, encoded=True)
    async with held.session.request(
        request.method, url, headers=headers, data=body, allow_redirects=False
    ) as answer:
        got = [(k, v) for k, v in answer.headers.items() if k.lower() not in _HOP]
        return Answer(answer.status, got, await answer.read())


def _written(status: int, kind: str, body: bytes) -> Answer:
    return Answer(status, [("Content-Type", kind)], body)


def _json(document: Any) -> Answer:
    return _written(200, "application/x-amz-json-1.1", json.dumps(document).encode())


def _refused(held: Held, call: Call) -> Refusal | None:
    """What a call is refused with; if it is not, what AWS does besides is done."""
    ask = _asking(held, call)
    # A check may find that what it looks at is not there; then the emulator says so.
    with contextlib.suppress(ClientError):
        refusal = refusals.refused(ask, call, held.known or facts.NOTHING)
        if refusal:
            return refusal
        besides = refusals.BESIDES.get((call.service, call.operation))
        if besides:
            besides(ask, call)
    return None


def _register(held: Held, call: Call) -> None:
    own = held.targets.setdefault(call.parameters["TargetGroupArn"], {})
    for one in calls.listed(call.parameters, "Targets"):
        own[one["Id"], int(one.get("Port", 80))] = None


def _deregister(held: Held, call: Call) -> None:
    own = held.targets.get(call.parameters["TargetGroupArn"], {})
    for one in calls.listed(call.parameters, "Targets"):
        for key in [k for k in own if k[0] == one["Id"] and one.get("Port") in {None, str(k[1])}]:
            del own[key]


def _forget(held: Held, call: Call) -> None:
    held.targets.pop(call.parameters["TargetGroupArn"], None)


# Two targets of one address, and the states of all, are nothing the emulator knows of.
_TARGETS: dict[str, Callable[[Held, Call], None]] = {
    "RegisterTargets": _register,
    "DeregisterTargets": _deregister,
    "DeleteTargetGroup": _forget,
}


def _laid_over(held: Held, call: Call, answer: Answer) -> bytes:
    """The body of an answer with what the front knows."""
    if answer.status != 200:
        return answer.body
    if call.service == "elasticloadbalancing":
        if call.operation in _TARGETS:
            _TARGETS[call.operation](held, call)
        elif call.operation == "DescribeTargetHealth":
            group = call.parameters["TargetGroupArn"]
            states = None if held.known is None else held.known["health"].get(group, {})
            return facts.health(list(held.targets.get(group, ())), states)
    elif call.service == "ecs" and held.known is not None:
        return facts.on_ecs(answer.body, held.known)
    elif call.service == "elasticache":
        return facts.on_elasticache(answer.body)
    return answer.body


async def _answered(held: Held, request: web.Request, body: bytes) -> Answer:
    call = calls.read(request.headers, body)
    if call.service == "application-autoscaling":
        said = await asyncio.to_thread(
            autoscaling.answered, held.scaling, call, _asking(held, call)
        )
        return _written(*calls.said(call, said)) if isinstance(said, Refusal) else _json(said)
    key = (call.service, call.operation)
    if key in completions.CONSTANT:
        return _written(200, "text/xml", completions.CONSTANT[key].encode())
    guarded = key in refusals.REFUSALS or key in refusals.BESIDES
    async with held.lock if guarded else contextlib.nullcontext():
        if guarded:
            refusal = await asyncio.to_thread(_refused, held, call)
            if refusal:
                return _written(*calls.said(call, refusal))
        answer = await _sent_on(held, request, body)
    completion = completions.COMPLETIONS.get(key)
    if completion and answer.status == 200:
        text = await asyncio.to_thread(
            completion, _asking(held, call), call, held.memory, answer.body.decode()
        )
        answer = replace(answer, body=text.encode())
    return Answer(answer.status, answer.headers, _laid_over(held, call, answer))


_HELD = web.AppKey("held", Held)


def _elsewhere(request: web.Request) -> bool:
    """Whether a proxy's request is for a place that is none of the front's names."""
    path = request.raw_path
    if path.startswith("/"):
        return False
    host = yarl.URL(path).host or ""
    return request.method == "CONNECT" or not f".{host}".endswith(".127.0.0.1")


async def _handle(request: web.Request) -> web.Response:
    if _elsewhere(request):
        return web.Response(status=403, text="only this machine's AWS is reached from here\n")
    held = request.app[_HELD]
    body = await request.read()
    if request.path == FACTS and request.method == "PUT":
        held.known = json.loads(body)
        return web.Response(status=204)
    answer = await _answered(held, request, body)
    response = web.Response(status=answer.status, body=answer.body)
    for name, value in answer.headers:
        # The body may have another length; a HEAD has none, and tells that of what it stands for.
        if name.lower() == "content-length" and request.method != "HEAD":
            continue
        if name.lower() in {"content-type", "content-length"}:
            response.headers[name] = value
        else:
            response.headers.add(name, value)
    return response


def application(emulator: str) -> web.Application:
    """The front of an emulator, given by its URL."""
    app = web.Application(client_max_size=_MOST_BYTES)

    async def holding(app: web.Application) -> AsyncIterator[None]:
        async with aiohttp.ClientSession(
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=120),
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
        ) as session:
            app[_HELD] = Held(emulator, session)
            yield

    app.cleanup_ctx.append(holding)
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
