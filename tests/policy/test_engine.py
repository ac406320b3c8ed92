"""Documents contain known and correct values, and outcomes that checkov omits are reported."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from checkov.common.util.consts import TRUE_AFTER_UNKNOWN
from checkov.terraform.checks.resource.registry import resource_registry

from tests.harness.policy.documents import Document, DocumentError, document
from tests.harness.policy.outcomes import LATE
from tests.harness.policy.resolving import SENTINEL
from tests.harness.policy.scan import CheckError, Finding, combine_findings, load_checks, scan
from tests.harness.stacks import STACKS
from tests.harness.terraform import planning
from tests.plugins.sessions import Sessions
from tests.policy.conftest import CASES, Scan, plan_text

Make = Callable[..., Document]


@pytest.fixture
def document_of(sessions: Sessions) -> Make:
    """Write the document of a root; with ``plain``, values known only after apply stay unknown."""
    load_checks()

    def make(text: str, *, plain: bool = False) -> Document:
        plans = [
            plan_text(sessions("newest", resolved=resolved), text) for resolved in (False, True)
        ]
        releases = sessions("newest", resolved=False).choice.offline
        return document(plans[0], plans[1], releases, plain=plain)

    return make


@pytest.fixture
def registry() -> Iterator[None]:
    """Restore the registry of checkov after a test that registers checks."""
    saved = [
        (table, {key: list(checks) for key, checks in table.items()})
        for table in (resource_registry.checks, resource_registry.wildcard_checks)
    ]
    yield
    for table, before in saved:
        table.clear()
        table.update(before)


# ---- Documents ----

NETWORK = """
resource "google_compute_network" "this" {
  project = "acme-prod-1"
  name    = "main"
}
"""
INSTANCE = """
resource "google_sql_database_instance" "subject" {
  project             = "acme-prod-1"
  region              = "us-central1"
  name                = "main"
  database_version    = "POSTGRES_16"
  encryption_key_name = %s

  settings {
    tier = "db-custom-2-7680"

    ip_configuration {
      ipv4_enabled    = false
      private_network = google_compute_network.this.id
    }
  }
}
"""
SUBJECT = "google_sql_database_instance.subject"


def test_sentinel_is_checkovs() -> None:
    assert SENTINEL == TRUE_AFTER_UNKNOWN


def test_set_unknown_value_comes_from_the_resolved_plan(document_of: Make) -> None:
    (ip,) = document_of(NETWORK + INSTANCE % "null").values[SUBJECT]["settings"][0][
        "ip_configuration"
    ]
    assert ip["private_network"] not in (None, SENTINEL)
    assert ip["ipv4_enabled"] is False


def test_unset_resolved_value_is_left_out(document_of: Make) -> None:
    values = document_of(NETWORK + INSTANCE % "null").values[SUBJECT]
    assert "self_link" not in values
    assert "ssl_mode" not in values["settings"][0]["ip_configuration"][0]


CLUSTER = """
variable "key" {
  type    = string
  default = ""
}

resource "aws_secretsmanager_secret" "this" {
  name = "replaces-a-key"
}

resource "aws_rds_cluster" "subject" {
  cluster_identifier          = "main"
  engine                      = "aurora-postgresql"
  master_username             = "main"
  manage_master_user_password = true
  storage_encrypted           = true
  skip_final_snapshot         = true
  kms_key_id                  = %s
}
"""


def test_null_argument_is_left_out(
    document_of: Make,
) -> None:
    target = document_of(CLUSTER % 'var.key == "" ? null : var.key')
    assert "kms_key_id" not in target.values["aws_rds_cluster.subject"]
    findings = scan(target, ("CKV_AWS_327",))
    assert findings["CKV_AWS_327", "aws_rds_cluster.subject"].verdict == "failed"


def test_argument_with_a_reference_is_kept(document_of: Make) -> None:
    target = document_of(CLUSTER % "aws_secretsmanager_secret.this.arn")
    assert target.values["aws_rds_cluster.subject"]["kms_key_id"].startswith("arn:")


def test_ambiguous_number_is_unknown(document_of: Make) -> None:
    text = """
variable "manual" {
  type    = bool
  default = false
}

resource "google_cloud_run_v2_service" "subject" {
  project  = "acme-prod-1"
  location = "us-central1"
  name     = "main"

  scaling {
    manual_instance_count = var.manual ? 1 : null
  }

  template {
    containers {
      image = "us-docker.pkg.dev/cloudrun/container/hello"
    }
  }
}
"""
    (scaling,) = document_of(text).values["google_cloud_run_v2_service.subject"]["scaling"]
    assert scaling["manual_instance_count"] == SENTINEL


def test_unresolvable_value_stays_unknown(document_of: Make) -> None:
    text = """
resource "terraform_data" "this" {}

resource "google_compute_backend_service" "subject" {
  project         = "acme-prod-1"
  name            = "main"
  security_policy = terraform_data.this.id
}
"""
    target = document_of(text)
    assert target.values["google_compute_backend_service.subject"]["security_policy"] == SENTINEL
    findings = scan(target, ("CKV2_LITELLM_15",))
    outcome = findings["CKV2_LITELLM_15", "google_compute_backend_service.subject"]
    assert (outcome.verdict, outcome.reason, outcome.late) == ("unknown", LATE, True)


def test_unset_tags_are_none(document_of: Make) -> None:
    target = document_of('resource "aws_vpc" "subject" {\n  cidr_block = "10.0.0.0/16"\n}\n')
    assert target.values["aws_vpc.subject"]["tags_all"] == {}


def test_set_unknown_value_is_the_sentinel(document_of: Make) -> None:
    values = document_of(NETWORK + INSTANCE % "null", plain=True).values[SUBJECT]
    assert values["settings"][0]["ip_configuration"][0]["private_network"] == SENTINEL


def test_document_holds_no_null(document_of: Make) -> None:
    assert "null" not in json.dumps(dict(document_of(NETWORK + INSTANCE % "null").values))


def test_dynamic_block_is_resolved_by_the_schema(document_of: Make) -> None:
    text = (
        NETWORK
        + """
resource "google_compute_url_map" "subject" {
  project         = "acme-prod-1"
  name            = "main"
  default_service = "main"

  dynamic "path_matcher" {
    for_each = ["main"]
    content {
      name            = path_matcher.value
      default_service = google_compute_network.this.id
    }
  }
}
"""
    )
    (body,) = document_of(text).values["google_compute_url_map.subject"]["path_matcher"]
    assert body["name"] == "main"
    assert body["default_service"] not in (None, SENTINEL)


def test_mixed_dynamic_block_is_resolved_by_the_schema(
    document_of: Make,
) -> None:
    text = (
        NETWORK
        + """
resource "google_cloud_run_v2_service" "subject" {
  project  = "acme-prod-1"
  location = "us-central1"
  name     = "main"

  template {
    containers {
      image = "us-docker.pkg.dev/cloudrun/container/hello"

      env {
        name = "KEY"
        value_source {
          secret_key_ref {
            secret  = "main"
            version = "1"
          }
        }
      }

      dynamic "env" {
        for_each = { NETWORK = google_compute_network.this.id }
        content {
          name  = env.key
          value = env.value
        }
      }
    }
  }
}
"""
    )
    service = document_of(text).values["google_cloud_run_v2_service.subject"]
    values = {
        env["name"]: env.get("value") for env in service["template"][0]["containers"][0]["env"]
    }
    assert values["KEY"] == ""
    assert values["NETWORK"] not in (None, SENTINEL)


def test_reference_through_a_local_is_resolved(document_of: Make) -> None:
    text = """
locals {
  groups = { for key, group in aws_security_group.this : key => group.id }
}

resource "aws_security_group" "this" {
  for_each = toset(["used", "idle"])
  name     = each.key
  vpc_id   = "vpc-0a1b2c3d"
}

resource "aws_ecs_service" "subject" {
  name            = "subject"
  cluster         = "main"
  task_definition = "main:1"

  network_configuration {
    subnets         = ["subnet-0a1b2c3d"]
    security_groups = [local.groups.used]
  }
}
"""
    findings = scan(document_of(text), ("CKV2_AWS_5",))
    verdicts = {address: finding.verdict for (_, address), finding in findings.items()}
    assert verdicts == {
        'aws_security_group.this["used"]': "passed",
        'aws_security_group.this["idle"]': "failed",
    }


def test_resource_of_a_child_module_is_refused(sessions: Sessions) -> None:
    case = planning.Case("called", "gcp", STACKS["gcp"].smallest, root="call")
    plans = [
        planning.plan(sessions("oldest", resolved=resolved), case).plan
        for resolved in (False, True)
    ]
    assert plans[0] is not None
    assert plans[1] is not None
    with pytest.raises(DocumentError, match="root: module"):
        document(plans[0], plans[1], sessions("oldest", resolved=False).choice.offline)


# ---- Scans ----

CRASHING = """
from checkov.common.models.enums import CheckCategories, CheckResult
from checkov.terraform.checks.resource.base_resource_check import BaseResourceCheck


class Check(BaseResourceCheck):
    def __init__(self):
        super().__init__(
            "A check", "{id}", [CheckCategories.GENERAL_SECURITY], ["{type}"]
        )

    def scan_resource_conf(self, conf):
        {body}


check = Check()
"""


def checks(folder: Path, **files: str) -> Path:
    (folder / "__init__.py").write_text("")
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    return folder


@pytest.mark.usefixtures("registry")
@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("raise KeyError('nothing')", "the check crashed: KeyError: 'nothing'"),
        ("return CheckResult.UNKNOWN", "the check does not apply here, or returns no result"),
    ],
)
def test_crashed_check_is_unknown(
    document_of: Make, tmp_path: Path, body: str, reason: str
) -> None:
    text = CRASHING.format(id="CKV2_TEST_1", type="google_compute_network", body=body)
    load_checks(checks(tmp_path, check_of_a_test=text))
    findings = scan(document_of(NETWORK), ("CKV2_TEST_1",))
    assert findings == {
        ("CKV2_TEST_1", "google_compute_network.this"): Finding("A check", "unknown", reason)
    }


@pytest.mark.usefixtures("registry")
@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"check_that_breaks": "import nothing_of_the_kind"}, "No module named"),
        (
            {
                "check_one": CRASHING.format(id="CKV2_TEST_2", type="aws_vpc", body="pass"),
                "check_two": CRASHING.format(id="CKV2_TEST_2", type="aws_vpc", body="pass"),
            },
            "another check has the id",
        ),
    ],
)
def test_broken_check_folder_is_refused(
    tmp_path: Path, files: dict[str, str], message: str
) -> None:
    with pytest.raises(CheckError, match=message):
        load_checks(checks(tmp_path, **files))


def test_scans_are_independent(document_of: Make) -> None:
    def role(action: str) -> str:
        statement = f'{{ Effect = "Allow", Action = "{action}", Resource = "*" }}'
        return f"""
resource "aws_iam_role_policy" "subject" {{
  name   = "main"
  role   = "main"
  policy = jsonencode({{ Version = "2012-10-17", Statement = [{statement}] }})
}}
"""

    findings = [
        scan(document_of(role(action)), ("CKV_AWS_286",))[
            "CKV_AWS_286", "aws_iam_role_policy.subject"
        ]
        for action in ("iam:CreateAccessKey", "s3:ListAllMyBuckets", "iam:CreateAccessKey")
    ]
    assert [finding.verdict for finding in findings] == ["failed", "passed", "failed"]


def test_scan_uses_no_network(document_of: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    target = document_of(NETWORK + INSTANCE % "null")
    connections: list[Any] = []

    def refused(*arguments: Any, **_: Any) -> None:
        connections.append(arguments)
        raise OSError("a scan must not use the network")

    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr(socket.socket, "connect_ex", refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)
    assert scan(target)
    assert connections == []


def test_early_read_is_decided_by_the_resolved_plan(
    document_of: Make,
) -> None:
    text = NETWORK + INSTANCE % "null"
    findings = [
        scan(document_of(text, plain=plain), ("CKV2_LITELLM_6",)) for plain in (False, True)
    ]
    outcomes = combine_findings(*findings, stack="gcp", case="a", release="newest")
    (outcome,) = [o for o in outcomes if o.resource == SUBJECT]
    assert (outcome.verdict, outcome.plain_verdict) == ("passed", "unknown")


def test_differing_verdicts_are_unknown_in_a_plain_plan() -> None:
    resolved = {("CKV2_AWS_5", "a"): Finding("A check", "passed")}
    plain = {("CKV2_AWS_5", "a"): Finding("A check", "failed")}
    (outcome,) = combine_findings(resolved, plain, stack="aws", case="a", release="oldest")
    assert (outcome.verdict, outcome.plain_verdict) == ("passed", "unknown")


def test_checkov_reads_the_whole_plan(scan: Scan) -> None:
    case = next(case for case in CASES if case.id == "aws-safe")
    outcomes, _ = scan(case, "oldest")
    tagged = {o.resource for o in outcomes if o.check == "CKV2_LITELLM_10"}
    assert len(tagged) > 100
