"""Parse a request to AWS into its operation and parameters, and write errors in its protocol.

Sources: Smithy, AWS protocols: awsJson, awsQuery, ec2Query; AWS, Signature Version 4.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from tests.harness.sdk.aws import REGION

# Paths that the server has for the data plane.
OBSERVATIONS = "/_local/observations"
CHANGES = "/_local/changes"
_SCOPE = re.compile(r"Credential=([^/,]+)/\d+/([^/,]+)/([^/,]+)/aws4_request")


@dataclass(frozen=True, slots=True)
class Call:
    """A request.

    ``service`` is the name in the signature. ``operation`` is empty if the protocol has it in the
    path. ``parameters`` are a JSON document, or flat: ``Conditions.member.1.Field``.
    """

    service: str
    operation: str
    parameters: Mapping[str, Any] = field(repr=False)
    region: str = REGION
    key: str = "local"


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error that AWS returns for a call."""

    code: str
    message: str
    status: int = 400


def read(headers: Mapping[str, str], body: bytes) -> Call:
    """The call of a request, by its headers, with names in lower case or in any, and its body."""
    scope = _SCOPE.search(headers.get("authorization", ""))
    key, region, service = scope.groups() if scope else ("local", REGION, "")
    target = headers.get("x-amz-target", "")
    if target:
        parameters = json.loads(body or b"{}")
        return Call(service, target.rpartition(".")[2], parameters, region, key)
    if "x-www-form-urlencoded" in headers.get("content-type", ""):
        form = dict(parse_qsl(body.decode(), keep_blank_values=True))
        return Call(service, form.pop("Action", ""), form, region, key)
    return Call(service, "", {}, region, key)


def list_members(parameters: Mapping[str, Any], prefix: str) -> list[Mapping[str, Any]]:
    """The members of a list in flat parameters, each as flat parameters; a value has the key "".

    ``Targets.member.1.Id=a`` with the prefix ``Targets`` returns ``[{"Id": "a"}]``.
    """
    members: dict[int, dict[str, Any]] = {}
    for name, value in parameters.items():
        match = re.fullmatch(rf"{re.escape(prefix)}\.(?:member\.)?(\d+)(?:\.(.*))?", name)
        if match:
            members.setdefault(int(match[1]), {})[match[2] or ""] = value
    return [members[number] for number in sorted(members)]


def refusal(call: Call, refused: Refusal) -> tuple[int, str, bytes]:
    """The answer to a refused call, in its protocol: status, content type, body."""
    code, message = escape(refused.code), escape(refused.message)
    if call.service == "ec2":
        text = (
            f"<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error>"
            "</Errors><RequestID>local</RequestID></Response>"
        )
        return refused.status, "text/xml", text.encode()
    if call.service in _QUERY:
        text = (
            f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code>"
            f"<Message>{message}</Message></Error><RequestId>local</RequestId></ErrorResponse>"
        )
        return refused.status, "text/xml", text.encode()
    document = {"__type": refused.code, "message": refused.message}
    return refused.status, "application/x-amz-json-1.1", json.dumps(document).encode()


# Services that speak awsQuery.
_QUERY = frozenset({"elasticloadbalancing", "rds", "elasticache", "iam"})
