"""The offline providers: the real schemas, the plans of the real providers, clear errors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.harness.plan.view import UNKNOWN, PlanResult, Resource
from tests.harness.terraform import planning
from tests.harness.terraform.command import Terraform

HEAD = """
terraform {
  required_providers {
    aws    = { source = "hashicorp/aws" }
    google = { source = "hashicorp/google" }
    random = { source = "hashicorp/random" }
  }
}
provider "google" {
  project        = "acme-prod-1"
  region         = "us-central1"
  default_labels = { floor = "3" }
}
provider "aws" {
  region = "eu-west-1"
  default_tags {
    tags = { team = "core", floor = "3" }
  }
}
provider "aws" {
  alias  = "gov"
  region = "us-gov-west-1"
}
"""

Planned = Callable[[str], PlanResult]


@pytest.fixture
def planned(offline_session: planning.Session) -> Planned:
    def run(text: str) -> PlanResult:
        with planning.temporary_root(offline_session, {"main.tf": HEAD + text}) as root:
            return root.planned()

    return run


def resource(result: PlanResult, address: str) -> Resource:
    assert result.plan is not None, str(result)
    return result.plan.resources[address]


def refusal(result: PlanResult) -> str:
    assert len(result.errors) == 1, str(result)
    return str(result.errors[0])


def test_omitted_computed_argument_is_unknown(
    planned: Planned,
) -> None:
    values = resource(
        planned('resource "aws_vpc" "a" { cidr_block = "10.0.0.0/16" }'), "aws_vpc.a"
    ).values
    assert values["cidr_block"] == "10.0.0.0/16"
    assert values["id"] is UNKNOWN
    assert values["arn"] is UNKNOWN
    assert values["ipv4_ipam_pool_id"] is None


def test_defaults_equal_the_real_provider(planned: Planned) -> None:
    result = planned("""
      resource "aws_lb" "a" { name = "a" }
      resource "google_cloud_run_v2_service" "a" {
        name     = "a"
        location = "us-central1"
        template {
          containers {
            image = "docker.io/a"
            startup_probe {
              http_get {}
            }
          }
        }
      }
    """)
    assert resource(result, "aws_lb.a").values["idle_timeout"] == 60
    service = resource(result, "google_cloud_run_v2_service.a").values
    assert service["deletion_protection"] is True
    probe = service["template"][0]["containers"][0]["startup_probe"][0]
    assert probe["http_get"][0]["path"] == "/"
    assert probe["period_seconds"] == 10


def test_tags_all_merges_tags_over_default_tags(planned: Planned) -> None:
    result = planned('resource "aws_ecs_cluster" "a" {\n name = "a"\n tags = { floor = "4" }\n}')
    values = resource(result, "aws_ecs_cluster.a").values
    assert values["tags"] == {"floor": "4"}
    assert values["tags_all"] == {"team": "core", "floor": "4"}


def test_unknown_tag_makes_tags_all_unknown(planned: Planned) -> None:
    result = planned("""
      resource "random_id" "a" { byte_length = 4 }
      resource "aws_ecs_cluster" "a" {
        name = "a"
        tags = { run = random_id.a.hex }
      }
    """)
    assert resource(result, "aws_ecs_cluster.a").values["tags_all"] is UNKNOWN


def test_tag_without_value_makes_tags_all_unknown(planned: Planned) -> None:
    result = planned('resource "aws_ecs_cluster" "a" {\n name = "a"\n tags = { run = "" }\n}')
    values = resource(result, "aws_ecs_cluster.a").values
    assert values["tags"] == {"run": ""}
    assert values["tags_all"] is UNKNOWN


def test_derived_labels_hold_defaults_and_attribution(planned: Planned) -> None:
    result = planned("""
      resource "google_secret_manager_secret" "a" {
        secret_id = "a"
        labels    = { floor = "4" }
        replication {
          auto {}
        }
      }
    """)
    values = resource(result, "google_secret_manager_secret.a").values
    assert values["effective_labels"] == {"floor": "4", "goog-terraform-provisioned": "true"}
    assert values["terraform_labels"] == values["effective_labels"]
    assert values["project"] == "acme-prod-1"


@pytest.mark.parametrize(
    ("text", "path", "rule"),
    [
        (
            f'resource "aws_lb" "a" {{ name = "{"a" * 33}" }}',
            '"name"',
            "at most 32 characters, has 33",
        ),
        ('resource "aws_lb" "a" { name = "internal-a" }', '"name"', 'not begin with "internal-"'),
        (
            'resource "aws_cloudwatch_log_group" "a" { retention_in_days = 2 }',
            '"retention_in_days"',
            "must be one of 0, 1, 3",
        ),
        (
            """resource "aws_elasticache_replication_group" "a" {
              replication_group_id       = "a"
              description                = "a"
              automatic_failover_enabled = true
              num_cache_clusters         = 1
            }""",
            '"num_cache_clusters"',
            "at least 2",
        ),
        (
            'resource "google_service_account" "a" { account_id = "a" }',
            '"account_id"',
            "at least 6",
        ),
        (
            """resource "google_sql_database_instance" "a" {
              database_version = "POSTGRES_16"
              settings {
                tier    = "db-f1-micro"
                edition = "PREMIUM"
              }
            }""",
            '"settings.0.edition"',
            '"ENTERPRISE"',
        ),
        (
            """resource "google_compute_url_map" "a" {
              name            = "a"
              default_service = "b"
              path_matcher {
                name            = "m"
                default_service = "b"
                route_rules {
                  priority = 1
                  service  = "b"
                  match_rules { path_template_match = "/**/a/*" }
                }
              }
            }""",
            '"path_template_match"',
            '"/**/a/*"',
        ),
    ],
)
def test_refused_value_names_its_path_and_rule(
    planned: Planned, text: str, path: str, rule: str
) -> None:
    message = refusal(planned(text))
    assert path in message
    assert rule in message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('resource "aws_vpc" "a" { cidr = "10.0.0.0/16" }', "Unsupported argument"),
        ('resource "aws_ecs_cluster" "a" {}', "Missing required argument"),
        ('resource "aws_lb" "a" { idle_timeout = "long" }', "Incorrect attribute value type"),
        (
            'resource "google_sql_database_instance" "a" {\n settings {}\n}',
            "Missing required argument",
        ),
        (
            'resource "google_redis_instance" "a" {\n memory_size_gb = 1\n persistence_config {}\n'
            " persistence_config {}\n}",
            "Too many persistence_config blocks",
        ),
        ('resource "aws_resources_up" "a" {}', "Invalid resource type"),
    ],
)
def test_value_outside_the_schema_is_refused(planned: Planned, text: str, message: str) -> None:
    assert message in str(planned(text))


def test_relations_between_arguments_are_checked(planned: Planned) -> None:
    result = planned("""
      resource "google_sql_user" "a" {
        name                = "a"
        instance            = "b"
        password            = "c"
        password_wo         = "d"
        password_wo_version = 1
      }
    """)
    assert "conflicts" in str(result)


def test_plan_holds_no_write_only_value(planned: Planned) -> None:
    result = planned("""
      ephemeral "random_password" "a" { length = 20 }
      resource "aws_secretsmanager_secret_version" "a" {
        secret_id                = "a"
        secret_string_wo         = "secret-${ephemeral.random_password.a.result}"
        secret_string_wo_version = 1
      }
    """)
    assert result.plan is not None, str(result)
    assert "secret-" not in str(result.plan.document)
    assert (
        resource(result, "aws_secretsmanager_secret_version.a").values["secret_string_wo"] is None
    )


def test_ephemeral_password_has_the_requested_classes(planned: Planned) -> None:
    result = planned("""
      ephemeral "random_password" "a" {
        length      = 12
        special     = false
        upper       = false
        min_numeric = 4
      }
      resource "terraform_data" "a" {
        lifecycle {
          precondition {
            condition     = can(regex("^[a-z0-9]{12}$", ephemeral.random_password.a.result))
            error_message = "Characters of another class."
          }
          precondition {
            condition     = length(regexall("[0-9]", ephemeral.random_password.a.result)) >= 4
            error_message = "Fewer digits than min_numeric."
          }
        }
      }
    """)
    assert result.diagnostics == ()


def test_provider_alias_keeps_its_settings(planned: Planned) -> None:
    result = planned("""
      data "aws_region" "default" {}
      data "aws_region" "gov" { provider = aws.gov }
      output "regions" { value = [data.aws_region.default.id, data.aws_region.gov.id] }
    """)
    assert result.plan is not None, str(result)
    assert result.plan.outputs["regions"] == ["eu-west-1", "us-gov-west-1"]


def test_type_without_schema_names_the_command(planned: Planned) -> None:
    message = str(planned('data "aws_resources_up" "a" {}'))
    assert "aws_resources_up" in message


STATEFUL = """
resource "aws_lb" "a" {
  name         = "%s"
  idle_timeout = %d
  tags         = { floor = "4" }
}
resource "google_secret_manager_secret" "a" {
  secret_id = "a"
  labels    = { floor = "4" }
  replication {
    auto {}
  }
}
"""


@pytest.fixture
def applied(offline_session: planning.Session) -> Any:
    with planning.temporary_root(offline_session, {"main.tf": HEAD + STATEFUL % ("a", 60)}) as root:
        root.apply()
        yield root


def _rewrite(root: Terraform, name: str, idle_timeout: int) -> PlanResult:
    (Path(root.tfdir) / "main.tf").write_text(HEAD + STATEFUL % (name, idle_timeout))
    return root.planned()


def test_plan_after_apply_is_empty(applied: Terraform) -> None:
    result = applied.planned()
    assert result.plan is not None, str(result)
    assert {r.actions for r in result.plan.resources.values()} == {("no-op",)}


def test_force_new_attribute_replaces_others_update(applied: Terraform) -> None:
    updated = resource(_rewrite(applied, "a", 90), "aws_lb.a")
    assert updated.actions == ("update",)
    assert updated.values["arn"] == updated.before["arn"]
    replaced = resource(_rewrite(applied, "b", 60), "aws_lb.a")
    assert replaced.actions == ("delete", "create")
    assert replaced.replace_paths == (("name",),)
    assert replaced.values["arn"] is UNKNOWN


def test_destroy_plan_deletes_everything(applied: Terraform) -> None:
    result = applied.planned({}, "-destroy")
    assert result.plan is not None, str(result)
    assert {r.actions for r in result.plan.resources.values()} == {("delete",)}


def test_changed_keepers_replace_a_random_id(offline_session: planning.Session) -> None:
    text = 'resource "random_id" "a" {{\n  byte_length = 4\n  keepers     = {{ a = "{}" }}\n}}\n'
    with planning.temporary_root(offline_session, {"main.tf": text.format("1")}) as root:
        root.apply()
        (Path(root.tfdir) / "main.tf").write_text(text.format("2"))
        replaced = resource(root.planned(), "random_id.a")
    assert replaced.actions == ("delete", "create")
    assert replaced.values["hex"] is UNKNOWN
