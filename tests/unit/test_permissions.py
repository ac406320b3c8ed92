"""The policy and the role of who applies, from recorded calls."""

from __future__ import annotations

import json

import pytest
import yaml

from tests.harness.accounts import permissions
from tests.harness.offline.live.aws import codec
from tests.harness.paths import ROOT
from tests.harness.schemas import conversation

# Source: IAM quotas, inline policies of a role without white space.
_MOST_CHARACTERS = 10240
# IAM's prefix of the services with another name in boto3.
_PREFIXES = {"elbv2": "elasticloadbalancing"}
# What the stack of a recorded lifecycle does not have.
_NOT_RECORDED = {"wafv2"}


def test_policy_allows_no_wildcard_and_fits_a_role() -> None:
    document = json.loads(permissions.policy())
    actions = [action for part in document["Statement"] for action in part["Action"]]
    assert [action for action in actions if "*" in action] == []
    assert len(actions) == len(set(actions))
    assert len(json.dumps(document, separators=(",", ":"))) < _MOST_CHARACTERS


def test_policy_changes_roles_of_the_suite_only() -> None:
    document = json.loads(permissions.policy())
    changing = [
        part["Resource"]
        for part in document["Statement"]
        if {"iam:CreateRole", "iam:PassRole", "iam:PutRolePolicy"} & set(part["Action"])
    ]
    assert changing == ["arn:aws:iam::*:role/t???????-litellm-ci-*"]


def test_policy_allows_every_call_of_the_provider() -> None:
    allowed = set(permissions.actions())
    missing = set()
    for entry in codec.table().values():
        service = _PREFIXES.get(entry.service, entry.service)
        for operation in (entry.create, entry.find, entry.delete, *entry.change):
            if operation and service not in _NOT_RECORDED:
                action = permissions.aws_action(service, operation.op)
                if action not in allowed:
                    missing.add(action)
    assert missing == set()


def test_role_names_every_recorded_call_once() -> None:
    document = yaml.safe_load(permissions.role())
    assert len(document["includedPermissions"]) == len(set(document["includedPermissions"]))
    calls = permissions.recorded()["gcp"]["recorded"]
    assert permissions.missing("gcp", calls) == []
    assert {
        "run.services.create",
        "compute.globalForwardingRules.create",
        "cloudsql.instances.delete",
        "storage.buckets.setIamPolicy",
        "secretmanager.versions.add",
        "servicenetworking.services.addPeering",
    } <= set(document["includedPermissions"])


def test_role_permits_the_lifecycle_of_the_real_plugin() -> None:
    rows = list(conversation.rows("google-7.46.0"))
    assert len(rows) > 1000
    assert permissions.missing("gcp", [f"{row['method']} {row['path']}" for row in rows]) == []


def test_call_without_a_rule_is_an_error() -> None:
    with pytest.raises(permissions.UnknownCallError, match="POST /v9/things"):
        permissions.google_permission("POST", "/v9/things")


def test_call_outside_the_policy_is_named() -> None:
    assert permissions.missing("aws", ["iam:CreateUser"]) == ["iam:CreateUser (iam:CreateUser)"]


@pytest.mark.parametrize("cloud", ["aws", "gcp"])
def test_every_permission_without_a_record_has_a_reason(cloud: str) -> None:
    document = permissions.recorded()[cloud]
    assert len(document["recorded"]) > 80
    for entry in document["added"]:
        assert entry["why"], entry


def test_role_trusts_one_environment_of_one_repository() -> None:
    trust = json.loads((ROOT / ".github" / "policies" / "aws-trust.json").read_text())
    (statement,) = trust["Statement"]
    conditions = statement["Condition"]["StringEquals"]
    assert conditions["token.actions.githubusercontent.com:sub"].endswith(
        ":environment:nightly-aws"
    )
    assert "*" not in json.dumps(trust)
