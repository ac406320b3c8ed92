"""How the offline AWS provider applies for real: by boto3, as the table of calls says.

Only what the provider block's ``endpoints`` name is asked; where there is none, nothing is. The
first call imports boto3, for the suite that only plans has none.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.harness.offline.live.aws import codec
from tests.harness.offline.live.aws import tags as aws_tags
from tests.harness.offline.live.aws.codec import Asked, Entry
from tests.harness.offline.live.codec import Document, Values, lookup
from tests.harness.offline.protocol.schema import Block
from tests.harness.unknown import UNKNOWN

# The names that the provider has for boto3's services, where they differ.
_ENDPOINTS = {"application-autoscaling": "appautoscaling"}
# What services say of what is not there.
_GONE = re.compile(r"NotFound|NoSuch|Nonexistent|^404$")
_POLL_SECONDS = 0.1
_WAIT_SECONDS = 600
# How long what is still in use is asked to go: what used it is just being deleted.
_IN_USE_SECONDS = 20
_IN_USE = re.compile(
    r"DependencyViolation|ClusterContainsTasks|ClusterContainsServices|ResourceInUse"
)


class CallError(RuntimeError):
    """A service refused a call, or none may be asked; ``state`` is what is there all the same."""

    def __init__(self, said: str, state: Values | None = None) -> None:
        super().__init__(said)
        self.state = state


@dataclass(frozen=True, slots=True)
class Special:
    """What a type does that the table has no words for; each is optional.

    ``params`` completes the parameters of a create or a change. ``after_create``, ``after_update``
    and ``before_delete`` run then. ``read`` completes the document that was found. ``create``
    returns an id, ``find`` a document or None, and ``delete`` deletes, in place of the table's.
    """

    params: Callable[[Call, Values, Document], None] | None = None
    after_create: Callable[[Call, Values], None] | None = None
    read: Callable[[Call, Values, Document], None] | None = None
    after_update: Callable[[Call, Values, Values], None] | None = None
    before_delete: Callable[[Call, Values], None] | None = None
    create: Callable[[Call, Values], str] | None = None
    find: Callable[[Call, Values], Document | None] | None = None
    delete: Callable[[Call, Values], None] | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """A type, what it is asked with and what is special to it."""

    type_name: str
    entry: Entry
    block: Block
    settings: Mapping[str, Any]
    special: Special = field(default_factory=Special)
    config: Values = field(default_factory=dict, repr=False)

    def client(self, service: str = "") -> Any:
        """A client of a service, the type's own without a name.

        Raises:
            CallError: the provider block names no endpoint for it.
        """
        from tests.harness.sdk import aws

        wanted = service or self.entry.service
        name = _ENDPOINTS.get(wanted, wanted)
        blocks = self.settings.get("endpoints") or []
        url = next((one[name] for one in blocks if one and one.get(name)), "")
        if not url:
            raise CallError(
                f"the offline provider asks nothing real: name an endpoint for {name} in the "
                "provider block"
            )
        return aws.client(url, wanted, self.region, self.settings.get("access_key") or "local")

    @property
    def region(self) -> str:
        """The provider's region."""
        return str(self.settings.get("region") or "us-east-1")

    def ask(self, asked: Asked, values: Values, params: Document | None = None) -> Document:
        """The answer of an operation, with what names the resource filled in."""
        given = {**(params or {}), **codec.filled(asked.extra, values)}
        given |= codec.filled(asked.by, values)
        return _asked(self.client(), asked.op, given)

    def shape(self, op: str) -> Any:
        """The shape that botocore has of an operation's input."""
        return self.client().meta.service_model.operation_model(op).input_shape


def _asked(client: Any, op: str, given: Document) -> Document:
    names = {operation: name for name, operation in client.meta.method_to_api_mapping.items()}
    answer: Document = getattr(client, names[op])(**given)
    return answer


def code_of(error: Exception) -> str:
    """The code of a refused call; empty of another error."""
    response = getattr(error, "response", None)
    return str(response["Error"]["Code"]) if isinstance(response, Mapping) else ""


def is_gone(error: Exception) -> bool:
    """Whether an error says that there is no such thing."""
    said = getattr(error, "response", {}).get("Error", {}).get("Message", "")
    return bool(_GONE.search(code_of(error)) or "does not exist" in said or "not found" in said)


def _said(error: Exception) -> str:
    """An error as the provider words it, of the SDK for Go."""
    response = getattr(error, "response", None)
    if not isinstance(response, Mapping):
        return f"{type(error).__name__}: {error}"
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    told = response["Error"]
    return (
        f"operation error {_service(error)}: {getattr(error, 'operation_name', '')}, "
        f"https response error StatusCode: {status}, RequestID: local, api error {told['Code']}: "
        f"{told.get('Message', '')}"
    )


_SERVICES = {
    "rds": "RDS",
    "s3": "S3",
    "ec2": "EC2",
    "ecs": "ECS",
    "iam": "IAM",
    "elbv2": "Elastic Load Balancing v2",
    "secretsmanager": "Secrets Manager",
    "elasticache": "ElastiCache",
    "logs": "CloudWatch Logs",
    "application-autoscaling": "Application Auto Scaling",
    "wafv2": "WAFV2",
}


def _service(error: Exception) -> str:
    return str(getattr(error, "service", "AWS"))


def guarded(call: Call, verb: str, name: str, run: Callable[[], Values | None]) -> Values | None:
    """What ``run`` gives, with errors of AWS's in the provider's words.

    Raises:
        CallError: a call was refused.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return run()
    except CallError as error:
        raise CallError(f"{verb} {call.entry.label} ({name}): {error}", error.state) from error
    except (ClientError, BotoCoreError) as error:
        error.service = _SERVICES.get(call.entry.service, call.entry.service)
        raise CallError(f"{verb} {call.entry.label} ({name}): {_said(error)}") from error


def _given(call: Call, asked: Asked | None, what: str) -> Asked:
    """An operation of the table.

    Raises:
        CallError: there is none.
    """
    if asked is None:
        raise CallError(f"{call.type_name} has no {what} in data/aws.codec.yaml; add one")
    return asked


# ---- Finding ----


def find(call: Call, state: Values) -> Document | None:
    """What a service tells of a resource; None if it has gone."""
    from botocore.exceptions import ClientError

    entry = call.entry
    try:
        if call.special.find:
            found = call.special.find(call, state)
        else:
            asked = _given(call, entry.find, "find")
            found = lookup(call.ask(asked, state), asked.at)
            if found is not None and asked.under:
                found = {asked.under: found}
        if found is None or any(found.get(k) in v for k, v in entry.gone.items()):
            return None
        document = dict(found)
        if entry.attributes:
            _attributes(call, state, document)
        if call.special.read:
            call.special.read(call, state, document)
    except ClientError as error:
        if is_gone(error):
            return None
        raise
    return document


def _attributes(call: Call, state: Values, document: Document) -> None:
    """Lay the attributes of a load balancer or a target group under their arguments' names."""
    asked = _ATTRIBUTES[call.type_name]
    told = {
        one["Key"]: one["Value"]
        for one in _asked(call.client(), f"Describe{asked[0]}", {asked[1]: state["id"]})[
            "Attributes"
        ]
    }
    for name, key in call.entry.attributes.items():
        if key in told and "." not in name:
            document[name] = told[key]
    document["_attributes"] = told


_ATTRIBUTES = {
    "aws_lb": ("LoadBalancerAttributes", "LoadBalancerArn"),
    "aws_lb_target_group": ("TargetGroupAttributes", "TargetGroupArn"),
}


def put_attributes(call: Call, state: Values, names: set[str] | None = None) -> None:
    """Set the attributes of a load balancer or a target group; all that are given without names."""
    wanted = {
        key: state[name]
        for name, key in call.entry.attributes.items()
        if (names is None or name in names) and state.get(name) not in (None, "", UNKNOWN)
    }
    if wanted:
        asked = _ATTRIBUTES[call.type_name]
        texts = {
            key: str(one).lower() if isinstance(one, bool) else str(one)
            for key, one in wanted.items()
        }
        given = [{"Key": key, "Value": text} for key, text in texts.items()]
        _asked(call.client(), f"Modify{asked[0]}", {asked[1]: state["id"], "Attributes": given})


def decoded(call: Call, document: Document, prior: Values) -> Values:
    """The state of what was found."""
    state = codec.decode(call.entry, call.block, document, prior)
    state["id"] = prior["id"]
    if "arn" in state and state["arn"] is None:
        state["arn"] = prior.get("arn") if prior.get("arn") is not UNKNOWN else None
    if call.entry.tags:
        kind = aws_tags.kind(call.entry.tags)
        told = aws_tags.mapped(kind.told(call.client(), document, state))
        defaults: dict[str, str] = {}
        for one in call.settings.get("default_tags") or []:
            defaults |= one.get("tags") or {}
        state["tags"], state["tags_all"] = aws_tags.split(told, prior.get("tags"), defaults)
    return state


def _settled(call: Call, state: Values, there: bool) -> Document | None:
    """Wait until a resource is what it is to be, or is gone.

    Raises:
        CallError: it is not within ten minutes, or it failed.
    """
    until = time.monotonic() + _WAIT_SECONDS
    while True:
        document = find(call, state)
        if not there and document is None:
            return None
        if there and document is not None:
            told = {name: document.get(name) for name in call.entry.until}
            if all(told[name] in good for name, good in call.entry.until.items()):
                return document
            if any("fail" in str(one).lower() for one in told.values()):
                raise CallError(f"unexpected state {told}")
        if time.monotonic() > until:
            raise CallError(f"timeout while waiting for {'it' if there else 'its end'}")
        time.sleep(_POLL_SECONDS)


# ---- Changing ----


def create(call: Call, planned: Values) -> Values:
    """Create a resource; gives its state.

    Raises:
        CallError: it was refused; what is there all the same is its state.
    """
    entry, special = call.entry, call.special
    wanted = {name: None if one is UNKNOWN else one for name, one in planned.items()}
    tags = planned.get("tags_all") if entry.tags else None
    tags = tags if isinstance(tags, dict) else {}
    if special.create:
        known = {**wanted, "id": special.create(call, wanted)}
    else:
        asked = _given(call, entry.create, "create")
        params = codec.encode(entry, call.block, planned, call.shape(asked.op))
        if tags:
            params |= aws_tags.kind(entry.tags).sent(tags)
        if special.params:
            special.params(call, wanted, params)
        answer = call.ask(asked, wanted, params)
        told = lookup(answer, asked.at)
        named = {**wanted, **(told if isinstance(told, Mapping) else {"told": told})}
        known = {**wanted, "id": codec.filled(entry.id, named)}
    begun = {**dict.fromkeys(planned), **known}
    try:
        if special.after_create:
            special.after_create(call, begun)
        if tags and entry.tags in aws_tags.AFTERWARDS:
            aws_tags.kind(entry.tags).put(call.client(), begun, tags)
        document = _settled(call, begun, True)
        return decoded(call, document or {}, {**planned, "id": known["id"]})
    except Exception as error:
        state = {name: begun[name] for name in planned}
        raise _broken(call, error, state) from error


def _broken(call: Call, error: Exception, state: Values) -> CallError:
    if isinstance(error, CallError):
        return CallError(str(error), state)
    error.service = _SERVICES.get(call.entry.service, call.entry.service)  # type: ignore[attr-defined]
    return CallError(_said(error), state)


def update(call: Call, planned: Values, prior: Values) -> Values:
    """Change a resource; gives its state."""
    entry = call.entry
    wanted = {name: prior.get(name) if one is UNKNOWN else one for name, one in planned.items()}
    wanted["id"] = prior["id"]
    moved = codec.changed(call.block, planned, prior)
    if entry.tags and {"tags", "tags_all"} & moved:
        _retag(call, wanted, prior)
    for asked in entry.change:
        _changed(call, asked, wanted, moved)
    if entry.attributes and moved & set(entry.attributes):
        put_attributes(call, wanted, moved)
    if call.special.after_update:
        call.special.after_update(call, wanted, prior)
    document = _settled(call, wanted, True)
    return decoded(call, document or {}, wanted)


def _changed(call: Call, asked: Asked, wanted: Values, moved: set[str]) -> None:
    if asked.when and not moved & set(asked.when):
        return
    some = wanted if asked.whole else {name: wanted[name] for name in moved if name in wanted}
    params = codec.encode(call.entry, call.block, some, call.shape(asked.op))
    if call.special.params:
        call.special.params(call, some, params)
    if params and (moved & set(asked.when) or not asked.when):
        call.ask(asked, wanted, params)


def _retag(call: Call, wanted: Values, prior: Values) -> None:
    kind, client = aws_tags.kind(call.entry.tags), call.client()
    now, before = wanted.get("tags_all") or {}, prior.get("tags_all") or {}
    fresh = {name: value for name, value in now.items() if before.get(name) != value}
    if fresh:
        kind.put(client, wanted, fresh)
    if gone := [name for name in before if name not in now]:
        kind.drop(client, wanted, gone)


def delete(call: Call, prior: Values) -> None:
    """Delete a resource, and wait until it has gone.

    Raises:
        CallError: it is not gone within ten minutes.
    """
    from botocore.exceptions import ClientError

    until = time.monotonic() + _IN_USE_SECONDS
    while True:
        try:
            if call.special.before_delete:
                call.special.before_delete(call, prior)
            if call.special.delete:
                call.special.delete(call, prior)
            elif call.entry.delete:
                call.ask(call.entry.delete, prior)
            break
        except ClientError as error:
            if is_gone(error):
                return
            if not _IN_USE.search(code_of(error)) or time.monotonic() > until:
                raise
            time.sleep(_POLL_SECONDS * 3)
    if call.entry.until or call.entry.gone:
        _settled(call, prior, False)


def read(call: Call, state: Values) -> Values | None:
    """The state as it is now; None if it has gone."""
    document = find(call, state)
    return None if document is None else decoded(call, document, state)
