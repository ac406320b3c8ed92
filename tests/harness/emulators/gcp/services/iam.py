"""IAM: service accounts, policies on resources, and what a member may do."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from tests.harness.emulators.gcp.control_plane.engine import (
    Cloud,
    Document,
    Hooks,
    Resource,
    relative,
)
from tests.harness.emulators.gcp.control_plane.errors import ApiError


def read_policy(
    _cloud: Cloud, resource: Resource, _document: Document, _query: Mapping[str, str]
) -> Document:
    """A resource's policy with the etag that a change of it must have."""
    return {**copy.deepcopy(resource.policy), "etag": _etag(resource)}


def write_policy(
    cloud: Cloud, resource: Resource, document: Document, _query: Mapping[str, str]
) -> Document:
    """Replace a resource's policy.

    Raises:
        ApiError: 409, it was changed since it was read; 400, a member is not there.
    """
    policy = document.get("policy", document)
    given = policy.get("etag")
    with cloud.lock:
        if given and given != _etag(resource):
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
        bindings = [one for one in policy.get("bindings", []) if one["members"]]
        resource.policy = {"version": policy.get("version", 1), "bindings": bindings}
        resource.private["policy_version"] = resource.private.get("policy_version", 0) + 1
    cloud.policy_changed(resource)
    return read_policy(cloud, resource, {}, {})


POLICY_VERBS = {"getIamPolicy": read_policy, "setIamPolicy": write_policy}


def _etag(resource: Resource) -> str:
    return f"BwX{resource.private.get('policy_version', 0):08x}="


def _check_member(cloud: Cloud, member: str) -> None:
    kind, _, email = member.partition(":")
    # Google's own agents and deleted accounts are in no project of ours.
    if kind != "serviceAccount" or not email.endswith(".iam.gserviceaccount.com"):
        return
    if not any(one.id == email for one in cloud.of("serviceAccounts")):
        raise ApiError(400, f"Service account {email} does not exist.")


def may(resource: Resource, role: str, member: str) -> bool:
    """Whether a resource's own policy gives the member (or all users) the role."""
    return any(
        binding["role"] == role and {member, "allUsers"} & set(binding["members"])
        for binding in resource.policy["bindings"]
    )


def check_account(cloud: Cloud, email: str) -> None:
    """Refuse an account that is not there, as the services that run as one do.

    Raises:
        ApiError: 400.
    """
    if email and not any(one.id == email for one in cloud.of("serviceAccounts")):
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
    # A deleted account stays in the policies, under a name that no new one of its name has.
    gone = f"deleted:serviceAccount:{resource.id}?uid={resource.body['uniqueId']}"
    with cloud.lock:
        for other in cloud.resources.values():
            for binding in other.policy["bindings"]:
                binding["members"] = [
                    gone if member == f"serviceAccount:{resource.id}" else member
                    for member in binding["members"]
                ]


def project(cloud: Cloud, place: Mapping[str, str], _request: Any) -> Document:
    """A project, as Resource Manager shows it: any name is one."""
    return {
        "projectId": place["project"],
        "projectNumber": project_number(place["project"]),
        "name": place["project"],
        "lifecycleState": "ACTIVE",
    }


def project_number(name: str) -> str:
    """A number that always stands for the same project; the name of one is its number, too."""
    return name if name.isdigit() else str(10**11 + int.from_bytes(name.encode()[:4], "big"))


def same_project(value: str, other: str) -> bool:
    """Whether two names of resources differ at most by a project's number in place of its id."""
    one, two = relative(value).split("/"), relative(other).split("/")
    return one[2:] == two[2:] and project_number(one[1]) == project_number(two[1])


HOOKS = {"serviceAccounts": Hooks(create=_complete, delete=_forget_member, verbs=POLICY_VERBS)}
