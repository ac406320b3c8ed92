"""The engine: documents hold what is known and true, and nothing that checkov drops is lost."""

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
from tests.harness.policy.scan import CheckError, Found, judged, load_checks, scan
from tests.harness.stacks import STACKS
from tests.harness.terraform import planning
from tests.plugins.sessions import Sessions
from tests.policy.conftest import CASES, Scan, planned

Make = Callable[..., Document]


@pytest.fixture
def made(sessions: Sessions) -> Make:
    """Make the document of a root; ``plain`` leaves unknown what the plan does not know."""
    load_checks()

    def make(text: str, *, plain: bool = False) -> Document:
        plans = [planned(sessions("newest", resolved=resolved), text) for resolved in (False, True)]
        releases = sessions("newest", resolved=False).choice.offline
        return document(plans[0], plans[1], releases, plain=plain)

    return make


@pytest.fixture
def registry() -> Iterator[None]:
    """Forget the checks that a test registers."""
    held = [
        (table, dict(table))
        for table in (resource_registry.checks, resource_registry.wildcard_checks)
    ]
    kept = [(table, {key: list(checks) for key, checks in was.items()}) for table, was in held]
    yield
    for table, was in kept:
        table.clear()
        table.update(was)


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


def test_set_unknown_value_comes_from_the_resolved_plan(made: Make) -> None:
    (ip,) = made(NETWORK + INSTANCE % "null").values[SUBJECT]["settings"][0]["ip_configuration"]
    assert ip["private_network"] not in (None, SENTINEL)
    assert ip["ipv4_enabled"] is False


def test_unset_resolved_value_is_left_out(made: Make) -> None:
    values = made(NETWORK + INSTANCE % "null").values[SUBJECT]
    assert "self_link" not in values
    assert "ssl_mode" not in values["settings"][0]["ip_configuration"][0]


CLUSTER = """
variable "key" {
  type    = string
  default = ""
}

resource "aws_secretsmanager_secret" "this" {
  name = "stands-for-a-key"
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
    made: Make,
) -> None:
    held = made(CLUSTER % 'var.key == "" ? null : var.key')
    assert "kms_key_id" not in held.values["aws_rds_cluster.subject"]
    found = scan(held, ("CKV_AWS_327",))
    assert found["CKV_AWS_327", "aws_rds_cluster.subject"].verdict == "failed"


def test_argument_with_a_reference_is_kept(made: Make) -> None:
    held = made(CLUSTER % "aws_secretsmanager_secret.this.arn")
    assert held.values["aws_rds_cluster.subject"]["kms_key_id"].startswith("arn:")


def test_ambiguous_number_is_unknown(made: Make) -> None:
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
    (scaling,) = made(text).values["google_cloud_run_v2_service.subject"]["scaling"]
    assert scaling["manual_instance_count"] == SENTINEL


def test_unresolvable_value_stays_unknown(made: Make) -> None:
    text = """
resource "terraform_data" "this" {}

resource "google_compute_backend_service" "subject" {
  project         = "acme-prod-1"
  name            = "main"
  security_policy = terraform_data.this.id
}
"""
    held = made(text)
    assert held.values["google_compute_backend_service.subject"]["security_policy"] == SENTINEL
    found = scan(held, ("CKV2_LITELLM_15",))
    outcome = found["CKV2_LITELLM_15", "google_compute_backend_service.subject"]
    assert (outcome.verdict, outcome.reason, outcome.late) == ("unknown", LATE, True)


def test_unset_tags_are_none(made: Make) -> None:
    held = made('resource "aws_vpc" "subject" {\n  cidr_block = "10.0.0.0/16"\n}\n')
    assert held.values["aws_vpc.subject"]["tags_all"] == {}


def test_set_unknown_value_is_the_sentinel(made: Make) -> None:
    held = made(NETWORK + INSTANCE % "null", plain=True).values[SUBJECT]
    assert held["settings"][0]["ip_configuration"][0]["private_network"] == SENTINEL


def test_document_holds_no_null(made: Make) -> None:
    assert "null" not in json.dumps(dict(made(NETWORK + INSTANCE % "null").values))


def test_dynamic_block_is_resolved_by_the_schema(made: Make) -> None:
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
    (body,) = made(text).values["google_compute_url_map.subject"]["path_matcher"]
    assert body["name"] == "main"
    assert body["default_service"] not in (None, SENTINEL)


def test_mixed_dynamic_block_is_resolved_by_the_schema(
    made: Make,
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
    held = made(text).values["google_cloud_run_v2_service.subject"]
    values = {env["name"]: env.get("value") for env in held["template"][0]["containers"][0]["env"]}
    assert values["KEY"] is None
    assert values["NETWORK"] not in (None, SENTINEL)


def test_reference_through_a_local_is_resolved(made: Make) -> None:
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
    found = scan(made(text), ("CKV2_AWS_5",))
    verdicts = {address: one.verdict for (_, address), one in found.items()}
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
        ("return CheckResult.UNKNOWN", "the check does not apply here, or does not say"),
    ],
)
def test_crashed_check_is_unknown(made: Make, tmp_path: Path, body: str, reason: str) -> None:
    text = CRASHING.format(id="CKV2_TEST_1", type="google_compute_network", body=body)
    load_checks(checks(tmp_path, check_of_a_test=text))
    found = scan(made(NETWORK), ("CKV2_TEST_1",))
    assert found == {
        ("CKV2_TEST_1", "google_compute_network.this"): Found("A check", "unknown", reason)
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
            "is the id of another check, too",
        ),
    ],
)
def test_broken_check_folder_is_refused(
    tmp_path: Path, files: dict[str, str], message: str
) -> None:
    with pytest.raises(CheckError, match=message):
        load_checks(checks(tmp_path, **files))


def test_scans_are_independent(made: Make) -> None:
    def role(action: str) -> str:
        statement = f'{{ Effect = "Allow", Action = "{action}", Resource = "*" }}'
        return f"""
resource "aws_iam_role_policy" "subject" {{
  name   = "main"
  role   = "main"
  policy = jsonencode({{ Version = "2012-10-17", Statement = [{statement}] }})
}}
"""

    verdicts = [
        scan(made(role(action)), ("CKV_AWS_286",))["CKV_AWS_286", "aws_iam_role_policy.subject"]
        for action in ("iam:CreateAccessKey", "s3:ListAllMyBuckets", "iam:CreateAccessKey")
    ]
    assert [one.verdict for one in verdicts] == ["failed", "passed", "failed"]


def test_scan_uses_no_network(made: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    text = made(NETWORK + INSTANCE % "null")
    asked: list[Any] = []

    def refused(*arguments: Any, **_: Any) -> None:
        asked.append(arguments)
        raise OSError("no network in a scan")

    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr(socket.socket, "connect_ex", refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)
    assert scan(text)
    assert asked == []


def test_early_read_is_decided_by_the_resolved_plan(
    made: Make,
) -> None:
    text = NETWORK + INSTANCE % "null"
    both = [scan(made(text, plain=early), ("CKV2_LITELLM_6",)) for early in (False, True)]
    outcomes = judged(*both, stack="gcp", case="a", release="newest")
    (outcome,) = [o for o in outcomes if o.resource == SUBJECT]
    assert (outcome.verdict, outcome.plain_verdict) == ("passed", "unknown")


def test_differing_verdicts_are_unknown_in_a_plain_plan() -> None:
    resolved = {("CKV2_AWS_5", "a"): Found("A check", "passed")}
    plain = {("CKV2_AWS_5", "a"): Found("A check", "failed")}
    (outcome,) = judged(resolved, plain, stack="aws", case="a", release="oldest")
    assert (outcome.verdict, outcome.plain_verdict) == ("passed", "unknown")


def test_checkov_reads_the_whole_plan(scan: Scan) -> None:
    case = next(case for case in CASES if case.id == "aws-safe")
    outcomes, _ = scan(case, "oldest")
    tagged = {o.resource for o in outcomes if o.check == "CKV2_LITELLM_10"}
    assert len(tagged) > 100
