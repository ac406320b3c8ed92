"""The known failures that no contract clause covers: what the modules plan and change.

``tests/data/failures.yaml`` lists all known failures with what verifies each.
"""

from __future__ import annotations

import base64
import dataclasses
import functools
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from tests.harness.contracts import failures
from tests.harness.contracts.properties import CONTRACTS, secrets
from tests.harness.hcl import declarations
from tests.harness.plan.containers import Entry, addresses, containers
from tests.harness.plan.routing import path_rules
from tests.harness.plan.view import UNKNOWN, Plan, PlanResult
from tests.harness.stacks import STACKS
from tests.harness.terraform import cases, planning
from tests.harness.terraform.command import Terraform
from tests.harness.terraform.planning import Case

KNOWN = failures.load()
CASES = {(e.case.stack, e.case.name): e.case for e in cases.load()}
BOTH = pytest.mark.parametrize("stack", ["aws", "gcp"])
SERVERS = ("gateway", "backend")


def result_of(session: planning.Session, stack: str, name: str, **inputs: Any) -> PlanResult:
    """The result of a case of cases.yaml, with other inputs if some are set."""
    case = CASES[stack, name]
    if inputs:
        # The cache does not depend on the name.
        case = dataclasses.replace(case, inputs={**case.inputs, **inputs}, listed=False)
    return planning.plan(session, case)


def planned(session: planning.Session, stack: str, name: str, **inputs: Any) -> Plan:
    result = result_of(session, stack, name, **inputs)
    assert result.plan is not None, str(result)
    assert result.diagnostics == (), str(result)
    return result.plan


# One batch for each stack plans them.
_BATCH: Mapping[str, Mapping[str, Any]] = {
    "null": {"proxy_config": None},
    "empty": {"proxy_config": {}},
    "mixed": {
        "proxy_config": {
            "model_list": [{"a": 1}, {"b": "x", "c": [1, "x", True, None]}],
            "general_settings": {"d": 1},
            "e": "x",
            "f": None,
        }
    },
}


Batched = Callable[[str, str], Plan]


@pytest.fixture(scope="module")
def batched(session: planning.Session) -> Batched:
    """The plan of a stack for one of the batch's inputs."""

    @functools.cache
    def results(stack: str) -> Mapping[str, PlanResult]:
        batch = {name: {**STACKS[stack].smallest, **inputs} for name, inputs in _BATCH.items()}
        return planning.plan_batch(session, STACKS[stack], batch)

    def plan_of(stack: str, name: str) -> Plan:
        result = results(stack)[name]
        assert result.plan is not None, str(result)
        assert result.diagnostics == (), str(result)
        return result.plan

    return plan_of


def called(session: planning.Session, stack: str, extra: Mapping[str, Any], **meta: Any) -> Plan:
    """The plan of the module when a root calls it."""
    inputs = {**STACKS[stack].smallest, **meta}
    result = planning.plan(session, Case("called", stack, inputs, root="call", extra=extra))
    assert result.plan is not None, str(result)
    assert result.diagnostics == (), str(result)
    return result.plan.within("module.litellm")


def refusal(session: planning.Session, stack: str, name: str, **inputs: Any) -> str:
    result = result_of(session, stack, name, **inputs)
    assert result.errors, f"{inputs} planned"
    return " ".join(str(error) for error in result.errors)


@dataclass(frozen=True)
class Applied:
    """An applied stack with made-up values, and the plans of changed inputs."""

    stack: str
    terraform: Terraform
    inputs: Mapping[str, Any]

    def change(self, **inputs: Any) -> Plan:
        """The plan with other inputs."""
        result = self.terraform.planned({**self.inputs, **inputs}, "-refresh=false")
        assert result.plan is not None, str(result)
        assert result.diagnostics == (), str(result)
        return result.plan

    @cached_property
    def steady(self) -> Plan:
        """The plan without a change, in which every value is known."""
        return self.change()

    @property
    def state(self) -> Path:
        """The state file."""
        return Path(self.terraform.tfdir) / "terraform.tfstate"


def apply(session: planning.Session, stack: str, **inputs: Any) -> Iterator[Applied]:
    values = {**CASES[stack, "everything"].inputs, "run_migrations": False, **inputs}
    with planning.applied_stack(session, STACKS[stack], values) as terraform:
        applied = Applied(stack, terraform, values)
        assert secrets.leaked(values, applied.state.read_text()) == []
        yield applied


@pytest.fixture(scope="module")
def aws(offline_session: planning.Session) -> Iterator[Applied]:
    yield from apply(offline_session, "aws", skip_final_snapshot=False, s3_force_destroy=False)


@pytest.fixture(scope="module")
def gcp(offline_session: planning.Session) -> Iterator[Applied]:
    yield from apply(offline_session, "gcp", gcs_force_destroy=False)


@pytest.fixture(scope="module")
def aws_changed(aws: Applied) -> Plan:
    """The plan of several independent changes."""
    return aws.change(
        gateway_desired_count=4,
        ui_desired_count=2,
        azs=[],
        vpc_id="vpc-0123456789abcdef0",
        public_subnet_ids=["subnet-0a", "subnet-0b"],
        private_subnet_ids=["subnet-0c", "subnet-0d"],
    )


@pytest.fixture(params=["aws", "gcp"])
def applied(request: pytest.FixtureRequest) -> Applied:
    applied_stack: Applied = request.getfixturevalue(request.param)
    return applied_stack


def services(plan: Plan) -> Mapping[str, str]:
    """The address of each service."""
    kinds = ("aws_ecs_service", "google_cloud_run_v2_service")
    return {str(r.index): a for a, r in plan.resources.items() if r.type in kinds}


def environment(plan: Plan, component: str) -> list[Entry]:
    """The variables of a container: name, plain value, secret. A name may occur twice."""
    return list(containers(plan)[component].entries)


def variables(plan: Plan, component: str) -> dict[str, str | None]:
    return {name: plain for name, plain, _ in environment(plan, component)}


# ---- The table ----


def test_every_known_failure_has_an_answer() -> None:
    numbers = [f"F{n}" for n in range(1, 38)]
    assert [failure.number for failure in KNOWN] == ["F1", "F1b", *numbers[1:]]
    unanswered = {f.number for f in KNOWN if not (f.clauses or f.tests or f.documented)}
    assert unanswered == set()


def test_named_tests_exist() -> None:
    here = {
        name
        for file in Path(__file__).parent.glob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", file.read_text(), re.MULTILINE)
    }
    assert {name for failure in KNOWN for name in failure.tests} - here == set()


def test_named_clauses_exist() -> None:
    existing = {f"{name}.{clause}" for name, c in CONTRACTS.items() for clause in c.clauses}
    assert {clause for failure in KNOWN for clause in failure.clauses} - existing == set()


@pytest.mark.parametrize("place", [p for f in KNOWN for p in f.documented], ids=str)
def test_named_readme_section_has_the_words(place: failures.Documented) -> None:
    readme = (STACKS[place.stack].folder / "README.md").read_text()
    sections = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", readme, re.MULTILINE | re.DOTALL))
    assert place.words in " ".join(sections[place.section].split())


# ---- Destroy ----


def test_autoresized_disk_is_no_change(gcp: Applied) -> None:
    before = gcp.state.read_text()
    document = json.loads(before)
    grown = []
    for resource in document["resources"]:
        if resource["type"] == "google_sql_database_instance":
            for instance in resource["instances"]:
                instance["attributes"]["settings"][0]["disk_size"] = 40
                grown.append(f"{resource['type']}.{resource['name']}[{instance['index_key']}]")
    gcp.state.write_text(json.dumps(document))
    try:
        plan = gcp.change()
    finally:
        gcp.state.write_text(before)
    assert len(grown) == 2
    assert {plan.resources[address].actions for address in grown} == {("no-op",)}


def test_replaced_secret_version_is_disabled(gcp: Applied) -> None:
    """A destroyed version is lost, also that of a mistaken apply."""
    versions = gcp.steady.of_type("google_secret_manager_secret_version")
    kept = [v.values["deletion_policy"] for v in versions.values() if v.name == "this"]
    assert set(kept) == {"DISABLE"}


def test_changed_domains_replace_the_certificate_first(gcp: Applied) -> None:
    plan = gcp.change(lb_domains=["llm.example.com", "llm.example.org"])
    (certificate,) = plan.of_type("google_compute_managed_ssl_certificate").values()
    assert certificate.actions == ("create", "delete")
    assert certificate.values["name"] != certificate.before["name"]
    (proxy,) = plan.of_type("google_compute_target_https_proxy").values()
    assert proxy.actions == ("update",)


def test_database_protection_is_the_default(session: planning.Session) -> None:
    def protection(case: str) -> tuple[set[Any], set[Any], set[Any]]:
        aws = planned(session, "aws", case).of_type("aws_rds_cluster").values()
        gcp = planned(session, "gcp", case).of_type("google_sql_database_instance").values()
        return (
            {cluster.values["skip_final_snapshot"] for cluster in aws},
            {cluster.values["final_snapshot_identifier"] for cluster in aws},
            {instance.values["deletion_protection"] for instance in gcp},
        )

    assert protection("smallest") == ({False}, {UNKNOWN}, {True})
    assert protection("everything") == ({True}, {None}, {False})


def config_file(applied: Applied) -> Mapping[str, Any]:
    kind = {"aws": "aws_s3_object", "gcp": "google_storage_bucket_object"}[applied.stack]
    (file,) = applied.steady.of_type(kind).values()
    return file.values


def test_private_services_access_survives_a_destroy(
    session: planning.Session,
) -> None:
    plan = planned(session, "gcp", "smallest")
    (connection,) = plan.of_type("google_service_networking_connection").values()
    assert connection.values["deletion_policy"] == "ABANDON"
    assert connection.values["update_on_creation_fail"] is True
    for instance in plan.of_type("google_sql_database_instance").values():
        # A name known before apply would be the same for every apply.
        assert instance.values["name"] is UNKNOWN, instance.address


def test_replaced_target_group_gets_another_name_first(aws_changed: Plan) -> None:
    groups = aws_changed.of_type("aws_lb_target_group").values()
    assert {group.actions for group in groups} == {("create", "delete")}
    assert [group for group in groups if group.values["name"] == group.before["name"]] == []


# ---- Images and sizes ----


def test_cloud_run_image_comes_from_an_admitted_registry(session: planning.Session) -> None:
    pulled = re.compile(r"([a-z0-9-]+-)?docker\.pkg\.dev/|([a-z0-9-]+\.)?gcr\.io/|docker\.io/")
    for case in ("smallest", "mirrored-images"):
        containers = planned(session, "gcp", case).outputs["containers"]
        images = [container["image"] for container in containers.values()]
        assert [image for image in images if not pulled.match(image)] == []
        assert len(images) == 4
    refused = {
        "gateway_image": "ghcr.io/berriai/litellm-gateway:v1",
        "backend_image": "quay.io/berriai/litellm-backend:v1",
        "ui_image": "litellm-ui",
        "migrations_image": "xgcr.io/acme/litellm-migrations:v1",
    }
    message = refusal(session, "gcp", "mirrored-images", **refused)
    assert [image for image in refused.values() if image not in message] == []
    assert "PROJECT_ID" in refusal(session, "gcp", "placeholder-in-image")


def test_migrations_job_has_4_gib(session: planning.Session) -> None:
    aws = planned(session, "aws", "smallest")
    job = aws.resources['aws_ecs_task_definition.job["migrations"]']
    assert int(job.values["memory"]) >= 4096
    gcp = planned(session, "gcp", "smallest")
    (run,) = gcp.of_type("google_cloud_run_v2_job").values()
    (container,) = run.values["template"][0]["template"][0]["containers"]
    assert container["resources"][0]["limits"]["memory"] == "4Gi"


def test_connector_instances_and_edition_are_set(session: planning.Session) -> None:
    plan = planned(session, "gcp", "smallest")
    (connector,) = plan.of_type("google_vpc_access_connector").values()
    assert (connector.values["min_instances"], connector.values["max_instances"]) == (2, 3)
    for instance in plan.of_type("google_sql_database_instance").values():
        assert instance.values["settings"][0]["edition"] == "ENTERPRISE"


@pytest.mark.parametrize(
    ("stack", "inputs", "named"),
    [
        ("gcp", {"gateway_cpu": "500m"}, "gateway_cpu"),
        ("gcp", {"backend_memory": "256Mi"}, "backend_memory"),
        ("gcp", {"gateway_cpu": "4", "gateway_memory": "1Gi"}, "gateway_memory"),
        ("gcp", {"db_edition": "ENTERPRISE_PLUS"}, "db_tier"),
        ("aws", {"gateway_cpu": 256, "gateway_memory": 4096}, "gateway_memory"),
    ],
)
def test_invalid_size_is_refused_at_plan(
    session: planning.Session, stack: str, inputs: dict[str, Any], named: str
) -> None:
    assert f"{named} must" in refusal(session, stack, "smallest", **inputs)


# ---- Environment and configuration ----


def test_configuration_is_only_in_its_file(applied: Applied) -> None:
    marker = "store_prompts_in_spend_logs"
    content = config_file(applied)["content"]
    assert marker in content
    for form in (marker, base64.b64encode(content.encode()).decode()):
        holders = {
            resource.type
            for resource in applied.steady.resources.values()
            if form in json.dumps(resource.values, default=str)
        }
        assert holders <= {"aws_s3_object", "google_storage_bucket_object"}, form


@BOTH
@pytest.mark.parametrize("config", ["null", "empty", "mixed"])
def test_configuration_of_any_shape_plans(batched: Batched, stack: str, config: str) -> None:
    containers = batched(stack, config).outputs["containers"]
    assert "PROXY_CONFIG_HASH" in containers["gateway"]["environment"]


# ---- Permissions and secrets ----


def statements(plan: Plan, policy: str) -> list[str]:
    """The resources that a planned policy names."""
    document = json.loads(plan.resources[policy].values["policy"])
    found: list[str] = []
    for statement in document["Statement"]:
        named = statement["Resource"]
        found += [named] if isinstance(named, str) else named
    return found


@BOTH
def test_secret_input_hides_no_other_value(session: planning.Session, stack: str) -> None:
    plan = planned(session, stack, "credentials")

    def hidden(mark: Any) -> bool:
        parts = mark.values() if isinstance(mark, dict) else mark if isinstance(mark, list) else []
        return mark is True or any(hidden(part) for part in parts)

    shown = {*addresses(plan).values(), *services(plan).values()}
    assert {address for address in shown if hidden(plan.resources[address].sensitive)} == set()


# ---- Order ----


# ---- Routes ----


def test_path_pattern_has_the_form_of_a_url_map(session: planning.Session) -> None:
    plan = planned(session, "gcp", "everything")
    paths = [path for rule in path_rules(plan) for path in rule.paths]
    form = r"/[^*]*|(/[^*]*)?/\*|/\*\.txt"
    assert [path for path in paths if not re.fullmatch(form, path)] == []
    assert sorted(paths) == sorted(set(paths))


# ---- Names ----


@BOTH
def test_tenant_invalid_in_names_is_refused(session: planning.Session, stack: str) -> None:
    for case in ("bad-tenant", "doubled-hyphen-in-tenant", "reserved-tenant"):
        assert "tenant must" in refusal(session, stack, case)


# ---- Values known after apply, and omitted resources ----

_LATE = {"resource": {"terraform_data": {"late": {"input": "a"}, "later": {"input": "b"}}}}
_LATE_ID, _LATER_ID = "${terraform_data.late.id}", "${terraform_data.later.id}"


_LATE_INPUTS: Mapping[str, Mapping[str, Any]] = {
    "aws": {
        "gateway_extra_env": {"B": _LATE_ID},
        "gateway_extra_secrets": {"A": _LATE_ID},
        "backend_extra_secrets": {"A": _LATER_ID},
        "proxy_config": {"a": _LATE_ID},
        "enable_tls": True,
        "acm_certificate_arn": _LATE_ID,
        "enable_waf": True,
        "waf_web_acl_arn": _LATE_ID,
        "kms_key_arn": _LATE_ID,
        "create_network": False,
        "azs": [],
        "vpc_id": _LATE_ID,
        "public_subnet_ids": [_LATE_ID, _LATER_ID],
        "private_subnet_ids": [_LATE_ID, _LATER_ID],
        "additional_task_security_group_ids": [_LATE_ID],
    },
    "gcp": {
        "gateway_extra_env": {"B": _LATE_ID},
        "gateway_extra_secrets": {"A": _LATE_ID},
        "backend_extra_secrets": {"A": _LATER_ID},
        "proxy_config": {"a": _LATE_ID},
        "create_network": False,
        "network": _LATE_ID,
        "security_policy": _LATE_ID,
        "kms_key_name": _LATE_ID,
    },
}


@BOTH
def test_values_known_after_apply_plan(session: planning.Session, stack: str) -> None:
    assert called(session, stack, _LATE, **_LATE_INPUTS[stack]).resources


@BOTH
def test_refusal_needs_no_optional_resource(session: planning.Session, stack: str) -> None:
    tripwire = {"aws": "allow_plaintext_alb", "gcp": "allow_plaintext_lb"}[stack]
    nothing = {"create_database": False, "create_redis": False, "run_migrations": False}
    assert tripwire in refusal(session, stack, "no-tls", **nothing)
    if stack == "gcp":
        assert "create_image_proxy" in refusal(session, stack, "image-not-admitted", **nothing)


@BOTH
def test_outputs_of_omitted_resources_are_null(session: planning.Session, stack: str) -> None:
    outputs = planned(session, stack, "no-stores").outputs
    absent = {
        "aws": {
            "aurora_writer_endpoint",
            "aurora_reader_endpoint",
            "database_bootstrap_command",
            "db_bootstrap_sql",
            "db_master_password_secret_arn",
            "migration_run_command",
            "redis_endpoint",
            "ui_password_secret_arn",
        },
        "gcp": {
            "cloudsql_reader_ip",
            "cloudsql_writer_ip",
            "db_password_secret_id",
            "migration_run_command",
            "redis_endpoint",
            "redis_server_ca_pem",
            "ui_password_secret_id",
        },
    }[stack]
    assert {name for name, value in outputs.items() if value is None} == absent


_PARITY = (
    "tenant env litellm_master_key litellm_license ui_password gateway_num_workers proxy_config "
    "gateway_extra_env backend_extra_env gateway_extra_secrets backend_extra_secrets "
    "otel_endpoint otel_exporter otel_environment_name otel_capture_message_content "
)
_OWN_PARITY = {
    "aws": "tags acm_certificate_arn allow_plaintext_alb skip_final_snapshot s3_force_destroy "
    "otel_headers_secret_arn",
    "gcp": "labels lb_domains allow_plaintext_lb cloudsql_deletion_protection gcs_force_destroy "
    "otel_headers_secret",
}


@BOTH
def test_default_example_passes_the_parity_inputs(session: planning.Session, stack: str) -> None:
    plan = planned(session, stack, "example-default")
    calls = plan.document["configuration"]["root_module"]["module_calls"]
    passed = {
        name: argument.get("references")
        for name, argument in calls["litellm"]["expressions"].items()
    }
    declared = set(declarations.variables(STACKS[stack].folder / "examples" / "default"))
    assert {*_PARITY.split(), *_OWN_PARITY[stack].split()} - declared == set()
    # None is declared and forgotten in the call, or crossed with another.
    assert {name for name in declared if passed.get(name) != [f"var.{name}"]} == set()


# ---- Place, scale and the rest ----


def test_desired_count_applies_without_autoscaling(
    session: planning.Session, aws_changed: Plan
) -> None:
    ui, gateway = (aws_changed.resources[services(aws_changed)[name]] for name in ("ui", "gateway"))
    assert (ui.before["desired_count"], ui.values["desired_count"]) == (1, 2)
    # Under autoscaling it is not the plan's.
    assert (gateway.before["desired_count"], gateway.values["desired_count"]) == (2, 2)
    plan = planned(session, "gcp", "autoscaling-off")
    (scaling,) = plan.resources[services(plan)["gateway"]].values["scaling"]
    assert (scaling["scaling_mode"], scaling["manual_instance_count"]) == ("MANUAL", 5)


def test_provider_region_does_not_split_the_stack(
    session: planning.Session,
) -> None:
    assert "us-east-1" in refusal(session, "aws", "provider-in-another-region")
    elsewhere = {"alias": "elsewhere", "project": "acme-other-1", "region": "europe-west1"}
    plan = called(
        session,
        "gcp",
        {"provider": {"google": elsewhere}},
        providers={"google": "google.elsewhere"},
    )
    for key, value in {
        "project": "acme-prod-1",
        "region": "us-central1",
        "location": "us-central1",
    }.items():
        # Cloud Storage writes a location in upper case.
        resources = plan.resources.items()
        places = {a: str(r.values[key]).lower() for a, r in resources if key in r.values}
        assert len(places) > 3
        assert {address for address, place in places.items() if place != value} == set()


def test_every_arn_has_the_partition_of_the_caller(session: planning.Session) -> None:
    zones = ["us-gov-west-1a", "us-gov-west-1b"]
    plan = planned(session, "aws", "smallest", region="us-gov-west-1", azs=zones)
    arns = re.findall(
        r"arn:[a-z-]+:", json.dumps([r.values for r in plan.resources.values()], default=str)
    )
    assert set(arns) == {"arn:aws-us-gov:"}
    # Most ARNs are known only after apply, so no file may contain a literal partition. The pattern
    # of a validation admits all of them.
    literal = re.compile(r"arn:aws[a-z-]*:")
    written = [f.name for f in STACKS["aws"].folder.glob("*.tf") if literal.search(f.read_text())]
    assert written == []


@pytest.mark.parametrize("own", [0, 1, 9, 45])
def test_object_has_at_most_ten_tags(session: planning.Session, own: int) -> None:
    # S3 API, PutObject: an object has at most 10 tags. The caller's provider adds its own.
    block = {
        **STACKS["aws"].provider_block("eu-west-1"),
        "default_tags": {"tags": {f"default{i}": "v" for i in range(9)}},
    }
    tags = {f"own{i}": "v" for i in range(own)}
    plan = called(
        session, "aws", {"provider": {"aws": block}}, proxy_config={"model_list": []}, tags=tags
    )
    (item,) = plan.of_type("aws_s3_object").values()
    carried = item.values["tags_all"]
    assert len(carried) <= 10
    assert {
        "litellm:stack": "acme-litellm-dev",
        "managed-by": "terraform",
    }.items() <= carried.items()


def test_names_in_sql_are_quoted(session: planning.Session) -> None:
    plan = planned(session, "aws", "smallest", db_username="select", db_name="proxy")
    sql = plan.outputs["db_bootstrap_sql"]
    for name in ("select", "proxy"):
        assert set(re.findall(rf".\b{name}\b.", sql)) == {f'"{name}"'}


@pytest.mark.parametrize("value", ["admin", "user", "rdsadmin", "pg_admin", "1a", "_a"])
def test_master_user_that_rds_refuses_is_refused(session: planning.Session, value: str) -> None:
    message = refusal(session, "aws", "smallest", db_master_username=value)
    assert "db_master_username must" in message
    assert f'"{value}"' in message


@pytest.mark.parametrize("value", ["user", "table", "rdsadmin", "_a", "template0"])
def test_database_name_that_rds_refuses_is_refused(session: planning.Session, value: str) -> None:
    message = refusal(session, "aws", "smallest", db_name=value)
    assert "db_name must" in message
    assert f'"{value}"' in message


@pytest.mark.parametrize(
    ("region", "count"),
    [("eu-west-1", 1), ("us-gov-west-1", 1), ("cn-north-1", 1), ("eusc-de-east-1", 0)],
)
def test_bucket_traffic_avoids_the_nat_gateway(
    session: planning.Session, region: str, count: int
) -> None:
    # A gateway endpoint is free; the NAT gateway bills each byte. The service has another name in
    # partitions that the module does not know well.
    zones = [f"{region}a", f"{region}b"]
    plan = planned(session, "aws", "smallest", region=region, azs=zones)
    endpoints = plan.of_type("aws_vpc_endpoint").values()
    assert [(e.values["service_name"], e.values["vpc_endpoint_type"]) for e in endpoints] == [
        (f"com.amazonaws.{region}.s3", "Gateway")
    ] * count


def test_redis_has_a_parameter_group_of_its_own(resolved_session: planning.Session) -> None:
    # Nobody can change a default group, and another group restarts the nodes.
    plan = planned(resolved_session, "aws", "smallest")
    (group,) = plan.of_type("aws_elasticache_parameter_group").values()
    (redis,) = plan.of_type("aws_elasticache_replication_group").values()
    assert redis.values["parameter_group_name"] == group.values["name"] == "acme-litellm-dev-redis7"
    assert group.values["family"] == "redis7"


def test_ui_resolves_names_in_a_network_with_its_own_dns(session: planning.Session) -> None:
    # Security groups do not filter the DNS of a VPC. A network of the caller may have another.
    def ports(case: str) -> set[tuple[str, int]]:
        rules = planned(session, "aws", case).of_type("aws_vpc_security_group_egress_rule")
        return {
            (rule.values["ip_protocol"], rule.values["from_port"])
            for rule in rules.values()
            if str(rule.index).startswith("ui-")
        }

    assert ports("smallest") == {("tcp", 443)}
    assert ports("own-network") == {("tcp", 443), ("tcp", 53), ("udp", 53)}


def test_roles_have_the_path_and_the_boundary(session: planning.Session) -> None:
    boundary = "arn:aws:iam::123456789012:policy/boundary"
    given = planned(
        session, "aws", "smallest", iam_path="/llm/", iam_permissions_boundary_arn=boundary
    )
    roles = given.of_type("aws_iam_role").values()
    assert {(r.values["path"], r.values["permissions_boundary"]) for r in roles} == {
        ("/llm/", boundary)
    }
    roles = planned(session, "aws", "smallest").of_type("aws_iam_role").values()
    assert {(r.values["path"], r.values["permissions_boundary"]) for r in roles} == {("/", None)}


@BOTH
@pytest.mark.parametrize("value", ['a";drop', "A-b"])
def test_name_unsafe_in_sql_is_refused(session: planning.Session, stack: str, value: str) -> None:
    message = refusal(session, stack, "smallest", db_name=value, db_username=value)
    assert "db_name must" in message
    assert "db_username must" in message


def test_stream_may_last_an_hour(session: planning.Session) -> None:
    (balancer,) = planned(session, "aws", "smallest").of_type("aws_lb").values()
    assert balancer.values["idle_timeout"] == 3600
    plan = planned(session, "gcp", "smallest")
    for component in SERVERS:
        template = plan.resources[services(plan)[component]].values["template"][0]
        assert template["timeout"] == "3600s"


@BOTH
def test_database_outage_restarts_no_container(session: planning.Session, stack: str) -> None:
    # Readiness includes the database. ECS replaces a task with an unhealthy target, and Cloud Run
    # restarts a container that is not live, so each of them asks only whether the server answers.
    plan = planned(session, stack, "smallest")
    if stack == "aws":
        groups = plan.of_type("aws_lb_target_group").values()
        paths = {str(g.index): g.values["health_check"][0]["path"] for g in groups}
    else:
        paths = {}
        for component, address in services(plan).items():
            (container,) = plan.resources[address].values["template"][0]["containers"]
            for probe in container["liveness_probe"] or []:
                paths[component] = probe["http_get"][0]["path"]
    assert {paths.get(component) for component in SERVERS} == {"/health/liveliness"}


def test_stopped_task_finishes_its_streams(
    session: planning.Session, resolved_session: planning.Session
) -> None:
    for seconds, delay in ((3600, 600), (120, 120)):
        plan = planned(session, "aws", "smallest", request_timeout_seconds=seconds)
        for group in plan.of_type("aws_lb_target_group").values():
            expected = delay if group.index in SERVERS else 30
            assert int(group.values["deregistration_delay"]) == expected
    plan = planned(resolved_session, "aws", "smallest")
    for address in addresses(plan).values():
        (definition,) = json.loads(plan.resources[address].values["container_definitions"])
        # Fargate allows 120 s.
        assert definition["stopTimeout"] == 120


def test_url_has_the_host_of_the_certificate(session: planning.Session) -> None:
    assert planned(session, "aws", "tls").outputs["alb_url"] == "https://llm.example.com"
    assert planned(session, "gcp", "tls").outputs["lb_url"] == "https://llm.example.com"
