"""Secret Manager: the versions of secrets, and the access to them."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from tests.harness.emulators.gcp.control_plane.engine import (
    Cloud,
    Document,
    Hooks,
    Resource,
    now,
    table,
)
from tests.harness.emulators.gcp.control_plane.errors import ApiError
from tests.harness.emulators.gcp.control_plane.http import body_of
from tests.harness.emulators.gcp.services.iam import POLICY_VERBS, has_role

_ACCESSOR = "roles/secretmanager.secretAccessor"
_STATES = {"enable": "ENABLED", "disable": "DISABLED", "destroy": "DESTROYED"}


def _add(
    cloud: Cloud, resource: Resource, document: Document, _query: Mapping[str, str]
) -> Document:
    data = document.get("payload", {}).get("data")
    if not data:
        raise ApiError(400, f"Secret Payload cannot be empty: '{resource.name}'")
    with cloud.lock:
        versions = resource.private.setdefault("versions", [])
        version = {
            "name": f"{resource.name}/versions/{len(versions) + 1}",
            "createTime": now(),
            "state": "ENABLED",
        }
        versions.append((version, data))
        return dict(version)


def _version(resource: Resource, key: str) -> tuple[Document, str]:
    versions: list[tuple[Document, str]] = resource.private.get("versions", [])
    if key == "latest":
        key = str(len(versions))
    if not key.isdigit() or not 0 < int(key) <= len(versions):
        raise ApiError(
            404, f"Secret Version [{resource.name}/versions/{key}] not found or has no versions."
        )
    return versions[int(key) - 1]


def value(resource: Resource, key: str) -> str:
    """The text of a version (a number or ``latest``).

    Raises:
        ApiError: the version does not exist, or is not enabled.
    """
    version, data = _version(resource, key)
    if version["state"] != "ENABLED":
        raise ApiError(
            400,
            f"Secret Version [{version['name']}] is in {version['state']} state.",
            rpc="FAILED_PRECONDITION",
        )
    return base64.b64decode(data).decode()


def read_as(cloud: Cloud, project: str, secret: str, version: str, email: str) -> str:
    """The text of a secret, which a service account reads.

    Raises:
        ApiError: the secret does not exist, or the account has no permission.
    """
    resource = cloud.resolve("secrets", secret, {"project": project})
    if resource is None or not has_role(resource, _ACCESSOR, f"serviceAccount:{email}"):
        # The same answer for both: without permission, an account must not learn what exists.
        raise ApiError(
            403,
            f"Permission denied on secret: projects/{project}/secrets/{secret}/versions/{version} "
            f"for Revision service account {email}. The service account used must be granted the "
            "'Secret Manager Secret Accessor' role (roles/secretmanager.secretAccessor) at the "
            "secret, project or higher level.",
        )
    return value(resource, version)


def _serve_version(cloud: Cloud, place: Mapping[str, str], request: Any) -> Any:
    base = table()["secrets"].path.format(project=place["project"])
    resource = cloud.get(f"{base}/{place['secret']}")
    with cloud.lock:
        version, data = _version(resource, place["version"])
        verb = place["verb"]
        if verb == "access":
            value(resource, place["version"])
            return {"name": version["name"], "payload": {"data": data}}
        if verb:
            body_of(request)
            version["state"] = _STATES[verb]
        return dict(version)


def _list_versions(cloud: Cloud, place: Mapping[str, str], _request: Any) -> Document:
    base = table()["secrets"].path.format(project=place["project"])
    resource = cloud.get(f"{base}/{place['secret']}")
    return {"versions": [dict(version) for version, _ in resource.private.get("versions", [])]}


_VERSIONS = r"/v1/projects/(?P<project>[^/]+)/secrets/(?P<secret>[^/]+)/versions"
ROUTES = (
    ("GET", _VERSIONS, _list_versions),
    ("GET", _VERSIONS + r"/(?P<version>[^/:]+)(?P<verb>)", _serve_version),
    ("GET", _VERSIONS + r"/(?P<version>[^/:]+):(?P<verb>access)", _serve_version),
    ("POST", _VERSIONS + r"/(?P<version>[^/:]+):(?P<verb>enable|disable|destroy)", _serve_version),
)
HOOKS = {"secrets": Hooks(verbs={"addVersion": _add, **POLICY_VERBS})}
