"""IAM: service accounts, the policies of resources, and the roles of members."""

from __future__ import annotations

import base64
import copy
from collections.abc import Mapping
from typing import Any

from tests.harness.emulators.gcp.control_plane.engine import (
    Cloud,
    Collection,
    Document,
    Hooks,
    Resource,
    relative,
)
from tests.harness.emulators.gcp.control_plane.errors import ApiError
from tests.harness.emulators.gcp.control_plane.http import body_of

# Not of the table: a path below that of a project is another API.
_PROJECTS = Collection("projects", "/v1/projects", "none", "")


def read_policy(
    _cloud: Cloud, resource: Resource, _document: Document, _query: Mapping[str, str]
) -> Document:
    """The policy of a resource, with the etag that a change must have."""
    return {**copy.deepcopy(resource.policy), "etag": _etag(resource)}


def write_policy(
    cloud: Cloud, resource: Resource, document: Document, _query: Mapping[str, str]
) -> Document:
    """Replace a resource's policy.

    Raises:
        ApiError: 409, if the policy has changed since it was read; 400, if a member does not exist.
    """
    policy = document.get("policy", document)
    etag = policy.get("etag")
    with cloud.lock:
        if etag and etag != _etag(resource):
            raise ApiError(
                409,
                "There were concurrent policy changes. Please retry the whole "
                "read-modify-write with exponential backoff.",
                "conflict",
                "ABORTED",
            )
        for binding in policy.get("bindings", []):
            for member in binding["members"]:
                _check_member(cloud, member)
        bindings = [binding for binding in policy.get("bindings", []) if binding["members"]]
        resource.policy = {"version": policy.get("version", 1), "bindings": bindings}
        resource.private["policy_version"] = resource.private.get("policy_version", 0) + 1
    cloud.policy_changed(resource)
    return read_policy(cloud, resource, {}, {})


POLICY_VERBS = {"getIamPolicy": read_policy, "setIamPolicy": write_policy}


def _etag(resource: Resource) -> str:
    version: int = resource.private.get("policy_version", 0)
    return base64.b64encode(version.to_bytes(8, "big")).decode()


def _check_member(cloud: Cloud, member: str) -> None:
    kind, _, email = member.partition(":")
    # Google's service agents and deleted accounts are not in the emulator.
    if kind != "serviceAccount" or not email.endswith(".iam.gserviceaccount.com"):
        return
    if not any(account.id == email for account in cloud.of("serviceAccounts")):
        raise ApiError(400, f"Service account {email} does not exist.")


def has_role(resource: Resource, role: str, member: str) -> bool:
    """Whether the policy of a resource grants the role to the member or to all users."""
    return any(
        binding["role"] == role and {member, "allUsers"} & set(binding["members"])
        for binding in resource.policy["bindings"]
    )


def check_account(cloud: Cloud, email: str) -> None:
    """Refuse a service account that does not exist, as the services that use one do.

    Raises:
        ApiError: 400, if the account does not exist.
    """
    if email and not any(account.id == email for account in cloud.of("serviceAccounts")):
        raise ApiError(400, f"Service account {email} does not exist.")


def _complete(cloud: Cloud, resource: Resource) -> None:
    project = resource.place["project"]
    cloud.output(
        resource,
        email=resource.id,
        projectId=project,
        uniqueId=str(10**20 + cloud.number()),
        oauth2ClientId=str(10**20 + cloud.number()),
    )


def _forget_member(cloud: Cloud, resource: Resource) -> None:
    # A deleted account stays in the policies, under a name that no later account has.
    deleted = f"deleted:serviceAccount:{resource.id}?uid={resource.body['uniqueId']}"
    with cloud.lock:
        for other in cloud.resources.values():
            for binding in other.policy["bindings"]:
                binding["members"] = [
                    deleted if member == f"serviceAccount:{resource.id}" else member
                    for member in binding["members"]
                ]


def project(cloud: Cloud, name: str) -> Resource:
    """A project of Resource Manager: every name is one, from its first use."""
    path = f"{_PROJECTS.path}/{name}"
    body = {
        "projectId": name,
        "projectNumber": project_number(name),
        "name": name,
        "lifecycleState": "ACTIVE",
    }
    with cloud.lock:
        return cloud.resources.setdefault(path, Resource(_PROJECTS, path, {"id": name}, body))


def _project(cloud: Cloud, place: Mapping[str, str], _request: Any) -> Document:
    return cloud.answer(project(cloud, place["project"]))


def _projects(cloud: Cloud, _place: Mapping[str, str], _request: Any) -> Document:
    with cloud.lock:
        names = {
            item.place["project"] for item in cloud.resources.values() if "project" in item.place
        }
    for name in names:
        project(cloud, name)
    return {"projects": [cloud.answer(item) for item in cloud.of("projects")]}


def _project_policy(cloud: Cloud, place: Mapping[str, str], request: Any) -> Document:
    call = POLICY_VERBS[place["verb"]]
    return call(cloud, project(cloud, place["project"]), body_of(request), {})


def _permissions(_cloud: Cloud, _place: Mapping[str, str], _request: Any) -> Document:
    """The permissions that a custom role can have; the emulator does not list them."""
    return {}


def project_number(name: str) -> str:
    """The number of a project, from its id or its number."""
    return name if name.isdigit() else str(10**11 + int.from_bytes(name.encode()[:4], "big"))


def same_project(value: str, other: str) -> bool:
    """Whether two names denote one resource, with the id or the number of its project."""
    first, second = relative(value).split("/"), relative(other).split("/")
    return first[2:] == second[2:] and project_number(first[1]) == project_number(second[1])


_P = r"/v1/projects/(?P<project>[^/:]+)"
ROUTES = (
    ("GET", "/v1/projects", _projects),
    ("GET", _P, _project),
    ("POST", _P + r":(?P<verb>getIamPolicy|setIamPolicy)", _project_policy),
    ("POST", "/v1/permissions:queryTestablePermissions", _permissions),
)
HOOKS = {"serviceAccounts": Hooks(create=_complete, delete=_forget_member, verbs=POLICY_VERBS)}
