"""The permissions of who applies, from the calls that a lifecycle records.

``tests/data/calls.yaml`` holds the recorded calls and what no record shows, each with a reason.
"""

from __future__ import annotations

import functools
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from tests.harness import documents
from tests.harness.accounts.identity import ENV
from tests.harness.paths import CALLS

# IAM's prefix of a service, by the name in a signature.
_PREFIXES = {"tagging": "tag"}
# S3's actions have other names than its operations. Source: Service Authorization Reference, S3.
_S3 = {
    "DeleteBucketEncryption": "PutEncryptionConfiguration",
    "DeleteBucketLifecycle": "PutLifecycleConfiguration",
    "DeleteBucketTagging": "PutBucketTagging",
    "DeleteObjects": "DeleteObject",
    "DeletePublicAccessBlock": "PutBucketPublicAccessBlock",
    "GetBucketAccelerateConfiguration": "GetAccelerateConfiguration",
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "GetBucketReplication": "GetReplicationConfiguration",
    "GetObjectLockConfiguration": "GetBucketObjectLockConfiguration",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "HeadBucket": "ListBucket",
    "HeadObject": "GetObject",
    "ListBuckets": "ListAllMyBuckets",
    "ListObjectVersions": "ListBucketVersions",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
}
# The operations without a name in their query, which others share.
_S3_PLAIN = {
    ("DELETE", 2): "DeleteObject",
    ("GET", 1): "ListObjects",
    ("GET", 2): "GetObject",
    ("HEAD", 2): "HeadObject",
    ("PUT", 2): "PutObject",
}
# The prefix of a permission, by the path of the API. Source: IAM permissions reference.
_GOOGLE = (
    (r"/compute/v1/projects/[^/]+/(?:global|regions/[^/]+)/", "compute"),
    (r"/dns/v1/projects/[^/]+/", "dns"),
    (r"/v2/projects/[^/]+/locations/[^/]+/", "run"),
    (r"/sql/v1beta4/projects/[^/]+/", "cloudsql"),
    (r"/v1/projects/[^/]+/locations/[^/]+/(?=instances)", "redis"),
    (r"/v1/projects/[^/]+/locations/[^/]+/(?=connectors)", "vpcaccess"),
    (r"/v1/projects/[^/]+/locations/[^/]+/(?=repositories)", "artifactregistry"),
    (r"/v1/projects/[^/]+/(?=secrets)", "secretmanager"),
    (r"/v1/projects/[^/]+/(?=serviceAccounts)", "iam"),
    (r"/(?:upload/|download/)?storage/v1/(?=b(?:/|$))", "storage"),
)
# Collections with another name in a permission.
_COLLECTIONS = {
    "addresses": "globalAddresses",
    "b": "buckets",
    "backups": "backupRuns",
    "forwardingRules": "globalForwardingRules",
    "networkEndpointGroups": "regionNetworkEndpointGroups",
    "o": "objects",
    "rrsets": "resourceRecordSets",
}
_VERBS = {"POST": "create", "PATCH": "update", "PUT": "update", "DELETE": "delete"}
# Calls with a permission of another form: the path and permission by method.
_SPECIAL = (
    (r"/v1/projects/[^/]+", {"GET": "resourcemanager.projects.get"}),
    (
        r"/v1/services/servicenetworking\.googleapis\.com/connections.*",
        {
            "GET": "servicenetworking.services.get",
            "POST": "servicenetworking.services.addPeering",
            "PATCH": "servicenetworking.services.addPeering",
        },
    ),
    (
        r"/storage/v1/b/[^/]+/iam",
        {"GET": "storage.buckets.getIamPolicy", "PUT": "storage.buckets.setIamPolicy"},
    ),
    (r"/v1/projects/[^/]+/secrets/[^/]+:addVersion", {"POST": "secretmanager.versions.add"}),
    # A record is named by its name and type.
    (
        r"/dns/v1/projects/[^/]+/managedZones/[^/]+/rrsets/[^/]+/[^/]+",
        {
            "GET": "dns.resourceRecordSets.get",
            "PATCH": "dns.resourceRecordSets.update",
            "DELETE": "dns.resourceRecordSets.delete",
        },
    ),
)


# The roles of the suite's stacks. A role that could change any role could become an administrator.
_ROLES = f"arn:aws:iam::*:role/t???????-litellm-{ENV}-*"
_OF_ANY_ROLE = frozenset({"iam:CreateServiceLinkedRole", "iam:GetUser", "iam:ListRoles"})


class UnknownCallError(ValueError):
    """A recorded call has no permission that the suite knows."""


@functools.cache
def recorded() -> Mapping[str, Any]:
    """The document of recorded calls."""
    document: dict[str, Any] = documents.read(CALLS)
    return document


@functools.cache
def _s3_operations() -> tuple[tuple[str, str, int, frozenset[str]], ...]:
    """The operations of S3: name, method, segments of the path, names in the query."""
    import botocore.session

    model = botocore.session.get_session().get_service_model("s3")
    found = []
    for name in model.operation_names:
        if model.operation_model(name).deprecated:
            continue
        http = model.operation_model(name).http
        path, _, query = http["requestUri"].partition("?")
        segments = len([part for part in path.split("/") if part])
        names = frozenset(part.partition("=")[0] for part in query.split("&") if part)
        found.append((name, http["method"], segments, names))
    # The one with the most names in its query matches first.
    return tuple(sorted(found, key=lambda item: -len(item[3])))


def s3_operation(method: str, path: str) -> str:
    """The operation of a request to S3 with the bucket in the path."""
    where, _, query = path.partition("?")
    segments = min(len([part for part in where.split("/") if part]), 2)
    names = {part.partition("=")[0] for part in query.split("&") if part}
    if plain := _S3_PLAIN.get((method, segments)):
        special = {name for _, _, _, needed in _s3_operations() for name in needed}
        if not names & special:
            return plain
    for name, verb, count, needed in _s3_operations():
        if verb == method and count == segments and needed <= names:
            return name
    raise UnknownCallError(f"S3 has no operation {method} {path}")


def rest_operation(service: str, method: str, path: str) -> str:
    """The operation of a request to a service that has it in the path.

    Raises:
        UnknownCallError: the service has no such operation.
    """
    if service == "s3":
        return s3_operation(method, path)
    where = path.partition("?")[0].rstrip("/")
    for name, verb, pattern in _rest_operations(service):
        if verb == method and re.fullmatch(pattern, where):
            return name
    raise UnknownCallError(f"{service} has no operation {method} {path}")


@functools.cache
def _rest_operations(service: str) -> tuple[tuple[str, str, str], ...]:
    """The operations of a service: name, method, pattern of the path; the most specific first."""
    import botocore.session

    model = botocore.session.get_session().get_service_model(service)
    found = []
    for name in model.operation_names:
        http = model.operation_model(name).http
        path = http["requestUri"].partition("?")[0].rstrip("/")
        parts = [".+" if part.startswith("{") else re.escape(part) for part in path.split("/")]
        found.append((name, http["method"], "/".join(parts)))
    return tuple(sorted(found, key=lambda item: (item[2].count(".+"), -len(item[2]))))


def aws_action(service: str, operation: str) -> str:
    """The IAM action of an operation."""
    if service == "s3":
        operation = _S3.get(operation, operation)
    return f"{_PREFIXES.get(service, service)}:{operation}"


def google_permission(method: str, path: str) -> str:
    """The permission of a call to an API of Google Cloud; empty if it needs none.

    Raises:
        UnknownCallError: no rule has the path.
    """
    where = path.partition("?")[0]
    if "/operations/" in where or where.endswith("/operations"):
        return ""
    for pattern, by_method in _SPECIAL:
        if re.fullmatch(pattern, where) and method in by_method:
            return by_method[method]
    for pattern, service in _GOOGLE:
        if match := re.match(pattern, where):
            return _permission(service, method, where[match.end() :])
    raise UnknownCallError(f"no permission is known for {method} {where}")


def _permission(service: str, method: str, rest: str) -> str:
    rest, _, custom = rest.partition(":")
    parts = [part for part in rest.split("/") if part]
    if service == "compute" and len(parts) == 3:
        # Compute has no colon before a custom method.
        custom = parts.pop()
    collection = parts[-1] if len(parts) % 2 else parts[-2]
    resource = f"{service}.{_COLLECTIONS.get(collection, collection)}"
    if custom:
        return f"{resource}.{custom}"
    if method == "GET":
        return f"{resource}.{'list' if len(parts) % 2 else 'get'}"
    return f"{resource}.{_VERBS[method]}"


def actions() -> list[str]:
    """The IAM actions of who applies on AWS: recorded, and those of no record."""
    document = recorded()["aws"]
    called = [aws_action(*call.split(":", 1)) for call in document["recorded"]]
    return sorted({*called, *(entry["action"] for entry in document["added"])})


def permissions() -> list[str]:
    """The permissions of who applies on Google Cloud: recorded, and those of no record."""
    document = recorded()["gcp"]
    called = [google_permission(*call.split(" ", 1)) for call in document["recorded"]]
    added = [entry["permission"] for entry in document["added"]]
    return sorted({*filter(None, called), *added})


def policy() -> str:
    """The IAM policy of who applies, as JSON; one statement for each service."""
    by_service: dict[tuple[str, str], list[str]] = defaultdict(list)
    for action in actions():
        service = action.partition(":")[0]
        own = service == "iam" and action not in _OF_ANY_ROLE
        by_service[service, _ROLES if own else "*"].append(action)
    statements = [
        {
            "Sid": re.sub(r"[^A-Za-z0-9]", "", service.title()) + ("" if where == "*" else "Own"),
            "Effect": "Allow",
            "Action": names,
            "Resource": where,
        }
        for (service, where), names in sorted(by_service.items())
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, indent=2) + "\n"


def role() -> str:
    """The custom role of who applies, as ``gcloud iam roles create --file`` takes it."""
    head = {
        "title": "LiteLLM stacks: apply, verify, destroy",
        "description": "Generated from recorded calls by `tox -e docs`.",
        "stage": "GA",
    }
    return yaml.safe_dump({**head, "includedPermissions": permissions()}, sort_keys=False)


def missing(cloud: str, calls: Iterable[str]) -> list[str]:
    """The calls of a lifecycle that the recorded ones do not contain."""
    allowed = set(actions() if cloud == "aws" else permissions())
    lacking = []
    for call in sorted(set(calls)):
        name = (
            aws_action(*call.split(":", 1))
            if cloud == "aws"
            else google_permission(*call.split(" ", 1))
        )
        if name and name not in allowed:
            lacking.append(f"{call} ({name})")
    return lacking
