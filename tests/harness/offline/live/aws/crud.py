"""How the offline AWS provider applies: through boto3, by the table of calls.

It calls only the ``endpoints`` of the provider block, so that no call reaches AWS. The first call
imports boto3, because the unit suite, which only plans, does not install it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.harness.offline.live.aws import codec
from tests.harness.offline.live.aws import tags as aws_tags
from tests.harness.offline.live.aws.codec import Entry, Operation
from tests.harness.offline.live.codec import Document, Values, lookup
from tests.harness.offline.protocol.schema import Block
from tests.harness.unknown import UNKNOWN

# The provider's names of boto3's services, where they differ.
_ENDPOINTS = {"application-autoscaling": "appautoscaling"}
# The codes with which services report that a resource does not exist.
_NOT_FOUND = re.compile(r"NotFound|NoSuch|Nonexistent|^404$")
# A poll is a call through the proxy of the emulator, which takes the time of the other programs.
_POLL_SECONDS = 0.3
_WAIT_SECONDS = 600
# How long a delete of a resource in use is retried, because its last user is being deleted.
_IN_USE_SECONDS = 20
_IN_USE = re.compile(
    r"DependencyViolation|ClusterContainsTasks|ClusterContainsServices|ResourceInUse"
)


class CallError(RuntimeError):
    """A call failed or is not possible. ``state`` is the resource that exists nevertheless."""

    def __init__(self, message: str, state: Values | None = None) -> None:
        super().__init__(message)
        self.state = state


@dataclass(frozen=True, slots=True)
class Special:
    """The functions of a type that the table cannot express; each is optional.

    ``params`` completes the parameters of a create or a change. ``after_create``, ``after_update``
    and ``before_delete`` run at these times. ``read`` completes the returned document. In place of
    the operations of the table, ``create`` returns an id, ``find`` returns a document or None, and
    ``delete`` deletes the resource.
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
    """A type with its table entry, its schema, the provider block and its functions."""

    type_name: str
    entry: Entry
    block: Block
    settings: Mapping[str, Any]
    special: Special = field(default_factory=Special)
    config: Values = field(default_factory=dict, repr=False)

    def client(self, service: str = "") -> Any:
        """A client of a service; without a name, of the type's service.

        Raises:
            CallError: the provider block names no endpoint of the service.
        """
        from tests.harness.sdk import aws

        target = service or self.entry.service
        name = _ENDPOINTS.get(target, target)
        blocks = self.settings.get("endpoints") or []
        url = next((block[name] for block in blocks if block and block.get(name)), "")
        if not url:
            raise CallError(
                f"the offline provider does not call AWS: set endpoints.{name} in its block"
            )
        return aws.client(url, target, self.region, self.settings.get("access_key") or "local")

    @property
    def region(self) -> str:
        """The provider's region."""
        return str(self.settings.get("region") or "us-east-1")

    def invoke(
        self, operation: Operation, values: Values, params: Document | None = None
    ) -> Document:
        """Call an operation on the resource; returns its answer."""
        parameters = {**(params or {}), **codec.fill(operation.extra, values)}
        parameters |= codec.fill(operation.by, values)
        return _invoke(self.client(), operation.op, parameters)

    def shape(self, op: str) -> Any:
        """Botocore's shape of the input of an operation."""
        return self.client().meta.service_model.operation_model(op).input_shape


def _invoke(client: Any, op: str, parameters: Document) -> Document:
    names = {operation: name for name, operation in client.meta.method_to_api_mapping.items()}
    answer: Document = getattr(client, names[op])(**parameters)
    return answer


def code_of(error: Exception) -> str:
    """The code of an API error; empty for another error."""
    response = getattr(error, "response", None)
    return str(response["Error"]["Code"]) if isinstance(response, Mapping) else ""


def is_not_found(error: Exception) -> bool:
    """Whether an error reports that the resource does not exist."""
    message = getattr(error, "response", {}).get("Error", {}).get("Message", "")
    return bool(
        _NOT_FOUND.search(code_of(error)) or "does not exist" in message or "not found" in message
    )


def _message(error: Exception, entry: Entry) -> str:
    """The message of an error, as the SDK for Go writes it for the provider."""
    response = getattr(error, "response", None)
    if not isinstance(response, Mapping):
        return f"{type(error).__name__}: {error}"
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    detail = response["Error"]
    service = _SERVICES.get(entry.service, entry.service)
    return (
        f"operation error {service}: {getattr(error, 'operation_name', '')}, "
        f"https response error StatusCode: {status}, RequestID: local, api error {detail['Code']}: "
        f"{detail.get('Message', '')}"
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


def with_provider_errors(
    call: Call, verb: str, name: str, run: Callable[[], Values | None]
) -> Values | None:
    """Call ``run``; returns its result. Errors of AWS get the message of the provider.

    Raises:
        CallError: a call failed.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return run()
    except CallError as error:
        raise CallError(f"{verb} {call.entry.label} ({name}): {error}", error.state) from error
    except (ClientError, BotoCoreError) as error:
        message = _message(error, call.entry)
        raise CallError(f"{verb} {call.entry.label} ({name}): {message}") from error


def _required(call: Call, operation: Operation | None, name: str) -> Operation:
    """The operation, if the table has it.

    Raises:
        CallError: the table does not have it.
    """
    if operation is None:
        raise CallError(f"{call.type_name} has no {name} in data/aws.calls.yaml; add one")
    return operation


# ---- Read ----


def find(call: Call, state: Values) -> Document | None:
    """The document of a resource; None if the resource does not exist."""
    from botocore.exceptions import ClientError

    entry = call.entry
    try:
        if call.special.find:
            answer = call.special.find(call, state)
        else:
            operation = _required(call, entry.find, "find")
            answer = lookup(call.invoke(operation, state), operation.at)
            if answer is not None and operation.under:
                answer = {operation.under: answer}
        if answer is None or any(answer.get(k) in v for k, v in entry.gone.items()):
            return None
        document = dict(answer)
        if entry.attributes:
            _attributes(call, state, document)
        if call.special.read:
            call.special.read(call, state, document)
    except ClientError as error:
        if is_not_found(error):
            return None
        raise
    return document


def _attributes(call: Call, state: Values, document: Document) -> None:
    """Add the attributes of a load balancer or a target group to its document."""
    names = _ATTRIBUTE_OPERATIONS[call.type_name]
    attributes = {
        attribute["Key"]: attribute["Value"]
        for attribute in _invoke(call.client(), f"Describe{names[0]}", {names[1]: state["id"]})[
            "Attributes"
        ]
    }
    for name, key in call.entry.attributes.items():
        if key in attributes and "." not in name:
            document[name] = attributes[key]
    document["_attributes"] = attributes


_ATTRIBUTE_OPERATIONS = {
    "aws_lb": ("LoadBalancerAttributes", "LoadBalancerArn"),
    "aws_lb_target_group": ("TargetGroupAttributes", "TargetGroupArn"),
}


def put_attributes(call: Call, state: Values, names: set[str] | None = None) -> None:
    """Set attributes of a load balancer or a target group: those in ``names``, or all."""
    settings = {
        key: state[name]
        for name, key in call.entry.attributes.items()
        if (names is None or name in names) and state.get(name) not in (None, "", UNKNOWN)
    }
    if settings:
        operation = _ATTRIBUTE_OPERATIONS[call.type_name]
        texts = {
            key: str(value).lower() if isinstance(value, bool) else str(value)
            for key, value in settings.items()
        }
        attributes = [{"Key": key, "Value": text} for key, text in texts.items()]
        _invoke(
            call.client(),
            f"Modify{operation[0]}",
            {operation[1]: state["id"], "Attributes": attributes},
        )


def to_state(call: Call, document: Document, prior: Values) -> Values:
    """The state of a returned document."""
    state = codec.decode(call.entry, call.block, document, prior)
    state["id"] = prior["id"]
    if "arn" in state and state["arn"] is None:
        state["arn"] = prior.get("arn") if prior.get("arn") is not UNKNOWN else None
    if call.entry.tags:
        kind = aws_tags.kind(call.entry.tags)
        tags = aws_tags.to_map(kind.read(call.client(), document, state))
        defaults: dict[str, str] = {}
        for block in call.settings.get("default_tags") or []:
            defaults |= block.get("tags") or {}
        state["tags"], state["tags_all"] = aws_tags.split(tags, prior.get("tags"), defaults)
    return state


def _wait(call: Call, state: Values, exists: bool) -> Document | None:
    """Wait until a resource has the state that its entry requires, or until it is deleted.

    Raises:
        CallError: the resource failed, or the wait exceeded ten minutes.
    """
    deadline = time.monotonic() + _WAIT_SECONDS
    while True:
        document = find(call, state)
        if not exists and document is None:
            return None
        if exists and document is not None:
            fields = {name: document.get(name) for name in call.entry.until}
            if all(fields[name] in good for name, good in call.entry.until.items()):
                return document
            if any("fail" in str(value).lower() for value in fields.values()):
                raise CallError(f"unexpected state {fields}")
        if time.monotonic() > deadline:
            raise CallError(
                f"timeout while waiting for {'the resource' if exists else 'the deletion'}"
            )
        time.sleep(_POLL_SECONDS)


# ---- Change ----


def create(call: Call, planned: Values) -> Values:
    """Create a resource; returns its state.

    Raises:
        CallError: a call failed. ``state`` is the resource that exists nevertheless.
    """
    entry, special = call.entry, call.special
    values = {name: None if value is UNKNOWN else value for name, value in planned.items()}
    tags = planned.get("tags_all") if entry.tags else None
    tags = tags if isinstance(tags, dict) else {}
    if special.create:
        identified = {**values, "id": special.create(call, values)}
    else:
        operation = _required(call, entry.create, "create")
        params = codec.encode(entry, call.block, planned, call.shape(operation.op))
        if tags:
            params |= aws_tags.kind(entry.tags).parameters(tags)
        if special.params:
            special.params(call, values, params)
        answer = call.invoke(operation, values, params)
        resource = lookup(answer, operation.at)
        context = {
            **values,
            **(resource if isinstance(resource, Mapping) else {"answer": resource}),
        }
        identified = {**values, "id": codec.fill(entry.id, context)}
    created = {**dict.fromkeys(planned), **identified}
    try:
        if special.after_create:
            special.after_create(call, created)
        if tags and entry.tags in aws_tags.TAGGED_AFTER_CREATE:
            aws_tags.kind(entry.tags).put(call.client(), created, tags)
        document = _wait(call, created, True)
        return to_state(call, document or {}, {**planned, "id": identified["id"]})
    except Exception as error:
        message = str(error) if isinstance(error, CallError) else _message(error, entry)
        raise CallError(message, {name: created[name] for name in planned}) from error


def update(call: Call, planned: Values, prior: Values) -> Values:
    """Change a resource in place; returns its state."""
    entry = call.entry
    values = {
        name: prior.get(name) if value is UNKNOWN else value for name, value in planned.items()
    }
    values["id"] = prior["id"]
    changes = codec.changed_arguments(call.block, planned, prior)
    if entry.tags and {"tags", "tags_all"} & changes:
        _retag(call, values, prior)
    for operation in entry.change:
        _apply_change(call, operation, values, changes)
    if entry.attributes and changes & set(entry.attributes):
        put_attributes(call, values, changes)
    if call.special.after_update:
        call.special.after_update(call, values, prior)
    document = _wait(call, values, True)
    return to_state(call, document or {}, values)


def _apply_change(call: Call, operation: Operation, values: Values, changes: set[str]) -> None:
    if operation.when and not changes & set(operation.when):
        return
    arguments = (
        values if operation.whole else {name: values[name] for name in changes if name in values}
    )
    params = codec.encode(call.entry, call.block, arguments, call.shape(operation.op))
    if call.special.params:
        call.special.params(call, arguments, params)
    if params:
        call.invoke(operation, values, params)


def _retag(call: Call, values: Values, prior: Values) -> None:
    kind, client = aws_tags.kind(call.entry.tags), call.client()
    now, before = values.get("tags_all") or {}, prior.get("tags_all") or {}
    added = {name: value for name, value in now.items() if before.get(name) != value}
    if added:
        kind.put(client, values, added)
    if removed := [name for name in before if name not in now]:
        kind.drop(client, values, removed)


def delete(call: Call, prior: Values) -> None:
    """Delete a resource, and wait until it is deleted.

    Raises:
        CallError: the resource still exists after ten minutes.
    """
    from botocore.exceptions import ClientError

    deadline = time.monotonic() + _IN_USE_SECONDS
    while True:
        try:
            if call.special.before_delete:
                call.special.before_delete(call, prior)
            if call.special.delete:
                call.special.delete(call, prior)
            elif call.entry.delete:
                call.invoke(call.entry.delete, prior)
            break
        except ClientError as error:
            if is_not_found(error):
                return
            if not _IN_USE.search(code_of(error)) or time.monotonic() > deadline:
                raise
            time.sleep(_POLL_SECONDS)
    if call.entry.until or call.entry.gone:
        _wait(call, prior, False)


def read(call: Call, state: Values) -> Values | None:
    """The current state; None if the resource does not exist."""
    document = find(call, state)
    return None if document is None else to_state(call, document, state)
