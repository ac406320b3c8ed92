"""The permissions of each identity, from the policies and bindings of a plan, for both clouds.

All values must be known, as they are in a resolved plan.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.harness.plan.view import Plan


@dataclass(frozen=True, slots=True, order=True)
class Grant:
    """A component may perform ``action`` on ``resource``.

    ``role`` is ``task`` or ``execution`` on AWS, and ``service`` for a role without a component. On
    Google Cloud it is ``account``, or ``everyone`` for a binding of allUsers. ``action`` is an
    action or the name of a role. If it is ``policy``, ``resource`` is a managed policy.
    """

    component: str
    role: str
    action: str
    resource: str


def _list(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def _aws_roles(plan: Plan) -> dict[str, tuple[str, str]]:
    """The kind (name of the resource) and component (its key) of each role, by role name."""
    return {
        r.values["name"]: (r.name, r.index) if isinstance(r.index, str) else ("service", r.name)
        for r in plan.of_type("aws_iam_role").values()
    }


def _on_aws(plan: Plan) -> Iterator[Grant]:
    roles = _aws_roles(plan)
    for policy in plan.of_type("aws_iam_role_policy").values():
        kind, component = roles[policy.values["role"]]
        for statement in json.loads(policy.values["policy"])["Statement"]:
            for action in _list(statement.get("Action", "*")):
                for resource in _list(statement.get("Resource", "*")):
                    yield Grant(component, kind, action, resource)
    for attached in plan.of_type("aws_iam_role_policy_attachment").values():
        kind, component = roles[attached.values["role"]]
        yield Grant(component, kind, "policy", attached.values["policy_arn"])


# The attributes that name the resource of a binding, by type.
_BOUND = {
    "google_secret_manager_secret_iam_member": ("project", "secret_id"),
    "google_storage_bucket_iam_member": ("bucket",),
}


def _on_gcp(plan: Plan) -> Iterator[Grant]:
    accounts = {
        r.values["member"]: str(r.index) for r in plan.of_type("google_service_account").values()
    }
    for resource in plan.resources.values():
        if not (resource.type.startswith("google_") and "_iam_" in resource.type):
            continue
        attributes = _BOUND.get(resource.type)
        values = resource.values
        target = "/".join(str(values[n]) for n in attributes) if attributes else "*"
        member = values.get("member", "")
        component = "everyone" if member == "allUsers" else accounts.get(member, member)
        role = "everyone" if member == "allUsers" else "account"
        yield Grant(component, role, values["role"], target)


def _unchecked(plan: Plan) -> Iterator[Grant]:
    """Everyone may call a service that does not check the invoker."""
    for service in plan.of_type("google_cloud_run_v2_service").values():
        if service.values.get("invoker_iam_disabled"):
            yield Grant("everyone", "everyone", "roles/run.invoker", service.values["name"])


def grants(plan: Plan) -> list[Grant]:
    """All grants of a plan. A binding of an unlisted type grants access to any resource (``*``)."""
    return sorted({*_on_aws(plan), *_on_gcp(plan), *_unchecked(plan)})


def identities(plan: Plan, address: str) -> set[str]:
    """The components of the identities that run the workload at an address.

    Only the component of the workload is correct.
    """
    values = plan.resources[address].values
    if address.startswith("aws_"):
        arns = {
            r.values["arn"]: (r.name, str(r.index)) for r in plan.of_type("aws_iam_role").values()
        }
        pairs = (("task", "task_role_arn"), ("execution", "execution_role_arn"))
        components = set()
        for kind, name in pairs:
            role, component = arns.get(values[name], ("no role", "no component"))
            # A task role in place of the execution role is wrong, too.
            components.add(component if role == kind else f"{role} of {component}")
        return components
    accounts = {
        r.values["email"]: str(r.index) for r in plan.of_type("google_service_account").values()
    }
    template = values["template"][0]
    if "containers" not in template:
        template = template["template"][0]
    account = template["service_account"]
    return {accounts.get(account, f"no account of the stack ({account})")}
