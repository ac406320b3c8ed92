"""Compare the requests of the offline Google provider with a recorded conversation.

The recording holds each HTTP request of a real plugin in a lifecycle: method, path, query and body.
The offline provider creates, reads and deletes the recorded plans; a stand-in takes its requests.
Requests are compared by method, path without names, names of the query, and fields of the body. A
field with null, an empty list or an empty object is no field.
"""

from __future__ import annotations

import json
import lzma
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import requests

from tests.harness import paths
from tests.harness.offline.engine import made_up
from tests.harness.offline.live.google import crud
from tests.harness.offline.protocol import cty
from tests.harness.plan.diff import leaves
from tests.harness.schemas import replay
from tests.harness.unknown import UNKNOWN

SUFFIX = ".lifecycle.jsonl.xz"
_HOST = "http://stand-in"
_VERSION = "projects/p/secrets/s/versions/1"
_VERSIONS = {
    "compute": "/compute/v1/",
    "sql": "/sql/v1beta4/",
    "storage": "/storage/v1/",
    "cloud_run_v2": "/v2/",
}
_PREFIX = re.compile(r"^/(compute/v1|sql/v1beta4|(upload/)?storage/v1|v1|v2)/")
# The parts of a path that name no resource.
_LITERALS = frozenset(
    (
        "projects",
        "global",
        "locations",
        "regions",
        "networks",
        "subnetworks",
        "firewalls",
        "addresses",
        "backendServices",
        "urlMaps",
        "sslCertificates",
        "sslPolicies",
        "targetHttpProxies",
        "targetHttpsProxies",
        "forwardingRules",
        "networkEndpointGroups",
        "connectors",
        "instances",
        "databases",
        "users",
        "secrets",
        "versions",
        "serviceAccounts",
        "repositories",
        "services",
        "jobs",
        "operations",
        "b",
        "o",
        "iam",
        "anywhereCaches",
        "connections",
        "setLabels",
    )
)
# Every client adds these.
_ALWAYS = ("alt", "prettyPrint")

Request = tuple[str, str]
"""The method, and the path without names with the names of the query."""


@dataclass(slots=True)
class Conversation:
    """The fields of the bodies by request."""

    requests: dict[Request, set[str]] = field(default_factory=dict)

    def add(self, method: str, path: str, query: Mapping[str, Any], body: Any) -> None:
        """Add a request."""
        names = sorted(name for name in query if name not in _ALWAYS)
        place = "?".join([_without_names(path), *(["&".join(names)] if names else [])])
        if "operations/" not in place:
            self.requests.setdefault((method, place), set()).update(_fields(body))


def _without_names(path: str) -> str:
    parts = []
    for part in _PREFIX.sub("", path).strip("/").split("/"):
        name, colon, verb = part.partition(":")
        parts.append((name if name in _LITERALS else "*") + colon + verb)
    return "/".join(parts)


def _fields(body: Any) -> Iterator[str]:
    for path, value in leaves(body or {}):
        if path and value not in (None, [], {}):
            without_index = re.sub(r"\.\d+", "", path)
            # The names of labels are no fields.
            yield re.sub(r"(labels|userLabels|limits)\..*", r"\1", without_index)


def recorded(release: str, folder: Path = paths.RECORDINGS) -> Conversation:
    """The conversation of a real plugin."""
    conversation = Conversation()
    for row in rows(release, folder):
        conversation.add(row["method"], row["path"], row["query"], row.get("body"))
    return conversation


def rows(release: str, folder: Path = paths.RECORDINGS) -> Iterator[dict[str, Any]]:
    """The recorded requests of a real plugin: method, path, query, body and status."""
    with lzma.open(folder / f"{release}{SUFFIX}", "rt") as lines:
        yield from map(json.loads, lines)


class StandIn:
    """Answers as an API that has every resource, and notes each request."""

    def __init__(self) -> None:
        self.conversation = Conversation()
        self._policy: dict[str, Any] = {}

    def send(self, request: requests.PreparedRequest, **_: Any) -> requests.Response:
        """Answer a request."""
        url = urlsplit(str(request.url))
        is_json = "json" in str(request.headers.get("Content-Type", ""))
        body = json.loads(request.body) if request.body and is_json else None
        self.conversation.add(
            str(request.method), url.path, dict(parse_qsl(url.query, keep_blank_values=True)), body
        )
        if isinstance(body, dict) and ("policy" in body or "bindings" in body):
            self._policy = body.get("policy", body)
        answer = requests.Response()
        answer.status_code = 200
        is_policy = url.path.endswith(("/iam", "IamPolicy"))
        document = {"etag": "e", **self._policy} if is_policy else _answer(url.path, body)
        answer._content = json.dumps(document).encode()
        return answer


def offline(stand_in: StandIn, recording: str) -> Conversation:
    """Create, read and delete every recorded plan; returns the requests that ``stand_in`` took."""
    release = replay.provider(recording)
    endpoints = {
        name: f"{_HOST}{_VERSIONS.get(name.removesuffix('_custom_endpoint'), '/v1/')}"
        for name in release.schema.provider.block.attributes
        if name.endswith("_custom_endpoint")
    }
    for exchange in replay.load(recording):
        schema = release.schema.resources.get(exchange.type_name)
        if exchange.method != "PlanResourceChange" or schema is None:
            continue
        planned = cty.decode(exchange.response.planned_state.msgpack)
        config = cty.decode(exchange.request.config.msgpack)
        values = made_up.make_known(exchange.type_name, schema.block, planned, "00000000")
        known = made_up.make_known(exchange.type_name, schema.block, config, "00000000")
        if exchange.type_name == "google_secret_manager_secret_version":
            values = {**values, "secret": _VERSION.split("/versions")[0], "name": _VERSION}
        call = crud.new_call(exchange.type_name, schema.block, endpoints)
        sent = {**_sent(planned, values, config), "project": values.get("project")}
        sent |= {"secret": values["secret"]} if "secret" in values else {}
        state = crud.create(call, sent, known)
        crud.read(call, {**values, **{k: v for k, v in state.items() if v is not None}})
        crud.delete(call, {**values, "deletion_protection": False, "force_destroy": True})
    return stand_in.conversation


def _sent(planned: Any, known: Any, config: Any) -> Any:
    """A plan with a value in place of each unknown one that the configuration sets.

    What only an answer of the API has stays unknown: the provider must not send it.
    """
    if config is UNKNOWN:
        return known
    if isinstance(planned, dict) and isinstance(config, dict):
        return {key: _sent(planned[key], known[key], config.get(key)) for key in planned}
    if isinstance(planned, list) and isinstance(config, list) and len(planned) == len(config):
        return [_sent(*items) for items in zip(planned, known, config, strict=True)]
    return known if config is not None else planned


def _answer(path: str, body: Any) -> dict[str, Any]:
    """What satisfies the provider: an operation that is done, and a document of every kind."""
    document = {
        "name": _VERSION if "/secrets/" in path else "a",
        "email": "a@example.com",
        "state": "ENABLED",
        "createTime": "",
        "etag": "e",
        "md5Hash": "AAAA",
        "generation": "1",
        "labelFingerprint": "f",
        **dict.fromkeys(("contentType", "crc32c", "mediaLink", "selfLink", "storageClass"), ""),
        **{"bucket": "b", "items": [{"name": "litellm_app", "generation": "1"}]},
        "connections": [{"peering": "p", "reservedPeeringRanges": []}],
    }
    answer = {**document, **(body or {}), "status": "DONE", "done": True}
    return {**answer, "response": document}


def differences(real: Conversation, ours: Conversation) -> Iterator[str]:
    """What only one of two conversations has, as ``real REQUEST FIELD`` or ``offline ...``."""
    for label, some, others in (("real", real, ours), ("offline", ours, real)):
        for request in sorted(some.requests):
            where = f"{label} {' '.join(request)}"
            if request not in others.requests:
                yield where
                continue
            for name in sorted(some.requests[request] - others.requests[request]):
                yield f"{where} {name}"
