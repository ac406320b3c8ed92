"""Failures known of other stacks of this kind: how the modules answer each, and what holds it.

The numbers are those of the project's list of known failures. The table at the top is the one in
CONTRIBUTING.md; ``python -m tests.unit.test_regressions`` prints it.
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

from tests.harness.contracts.base import subject
from tests.harness.contracts.properties import order, secrets
from tests.harness.hcl import declarations as hcl
from tests.harness.paths import ROOT
from tests.harness.plan.containers import Entry, addresses, containers
from tests.harness.plan.routing import balancer, path_rules
from tests.harness.plan.view import UNKNOWN, Plan, PlanResult
from tests.harness.stacks import STACKS
from tests.harness.terraform import cases
from tests.harness.terraform import session as planner
from tests.harness.terraform.command import Terraform
from tests.harness.terraform.session import Case

# Number to what the modules do and what holds it: names of tests in this folder, or
# "documented: STACK, SECTION, WORDS" for what a section of that module's README says.
FAILURES: Mapping[str, tuple[str, ...]] = {
    "F1": (
        "GCP abandons the database role on destroy: it owns the tables, and goes with its instance",
        "test_destroy_leaves_the_role_and_the_database_to_their_instance",
    ),
    "F1b": (
        "GCP abandons the database likewise",
        "test_destroy_leaves_the_role_and_the_database_to_their_instance",
    ),
    "F2": (
        "`deletion_protection = false` on the Cloud Run services and the job, and on all else "
        "whose protection is not an input",
        "test_nothing_is_protected_from_destroy_but_what_an_input_protects",
    ),
    "F3": (
        "GCP refuses at plan an image that Cloud Run does not pull, or with a placeholder left in; "
        "`create_image_proxy` makes a repository it does pull from",
        "test_cloud_run_is_given_no_image_that_it_does_not_pull",
    ),
    "F4": (
        "The configuration is an object in a bucket; no container has it in its environment",
        "test_the_configuration_is_in_its_file_and_nowhere_else",
    ),
    "F5": (
        "The environment of a container is one map in layers, of which a later one wins",
        "test_no_container_has_a_variable_twice",
        "test_an_extra_variable_replaces_the_default_of_its_name",
    ),
    "F6": (
        "Plain and secret values are entries of that one map, so no name is both",
        "test_no_container_has_a_variable_twice",
        "test_a_variable_is_plain_or_secret_as_its_last_layer_says",
    ),
    "F7": (
        "A hash of the configuration is in the environment, so a change rolls the services at once",
        "test_a_changed_configuration_rolls_its_services_in_one_apply",
    ),
    "F8": (
        "Services and jobs depend on the secrets' versions and on the configuration's object",
        "test_what_starts_waits_for_all_it_needs",
    ),
    "F9": (
        "GCP ignores the disk's size once it is made",
        "test_a_disk_that_grew_by_itself_is_left_alone",
    ),
    "F10": (
        "A certificate's name has a hash of its domains, and the next is made before the last goes",
        "test_other_domains_make_another_certificate_before_the_last_one_goes",
    ),
    "F11": (
        "`skip_final_snapshot` and `cloudsql_deletion_protection` are inputs, on the safe side",
        "test_the_database_is_safe_unless_the_caller_says_otherwise",
    ),
    "F12": (
        "One role or service account a component; the UI's has no permission",
        "test_the_ui_may_do_nothing",
    ),
    "F13": (
        "Migrations get 4 GiB, the connector its instances, Cloud SQL its edition; sizes that "
        "Cloud Run, Fargate or Cloud SQL refuse are refused at plan",
        "test_the_migrations_have_the_memory_they_need",
        "test_what_google_has_no_good_default_for_is_set",
        "test_a_size_that_the_cloud_refuses_is_refused_at_plan",
    ),
    "F14": (
        "Nothing a module can do: the README has the project's metadata that the policy asks for",
        "documented: gcp, Upgrade and destroy, enable-osconfig=TRUE",
    ),
    "F15": (
        "The files of the dashboard's pages go to the UI: on AWS as `/*.txt`, on GCP one by one",
        "test_the_files_of_the_dashboards_pages_go_to_the_ui",
    ),
    "F16": (
        "`/test` is an exact path of the gateway; what is below it is the backend's",
        "test_only_test_itself_is_the_gateways",
    ),
    "F17": (
        "`FORWARDED_ALLOW_IPS` lets the servers believe the load balancer about https",
        "test_the_servers_believe_the_load_balancer_about_https",
    ),
    "F18": (
        "`can()` keeps the mark of a secret off what depends on its being there; preconditions are "
        "on resources that are always made; outputs of what is not made are null; the examples "
        "hand on the inputs and outputs",
        "test_a_secret_hides_nothing_but_itself",
        "test_a_refusal_does_not_hang_on_what_may_not_be_made",
        "test_the_outputs_of_what_is_not_made_are_null",
        "test_the_default_example_hands_the_inputs_of_the_parity_table_on",
        "test_the_default_example_hands_on_every_output",
    ),
    "F19": (
        "A permission for each component and variable, so one name may stand for two secrets",
        "test_two_components_may_have_two_secrets_under_one_name",
    ),
    "F20": (
        "Keys are static, and where a count hangs on a value there is a switch for one known late; "
        "the README has the rest",
        "test_values_known_only_after_apply_do_not_stop_the_plan",
        "documented: aws, Upgrade and destroy, A value known only after apply decides a count",
        "documented: gcp, Upgrade and destroy, A value known only after apply decides a count",
    ),
    "F21": (
        "The last snapshot's name has a random end, drawn anew with the cluster",
        "test_each_cluster_has_a_last_snapshot_of_its_own",
    ),
    "F22": (
        "The module's own file has a bucket of its own, which never holds a destroy back",
        "test_the_modules_own_file_holds_no_bucket_back",
    ),
    "F23": (
        "Names too long are cut and end in a hash; tenants that a cloud reserves are refused",
        "test_every_name_obeys_the_limit_of_its_cloud",
        "test_two_stacks_of_one_account_never_share_a_name",
        "test_a_tenant_that_no_resource_could_be_named_after_is_refused",
    ),
    "F24": (
        "GCP abandons the peering, takes over one that is left, and gives each Cloud SQL instance "
        "a new name; the README says how to remove a peering that holds a network",
        "test_private_services_access_does_not_stop_a_destroy_or_the_next_apply",
        "documented: gcp, Upgrade and destroy, gcloud compute networks peerings delete",
    ),
    "F25": (
        "A path pattern is an exact path or ends in `/*`, and is there once",
        "test_a_path_rule_is_of_the_form_that_a_url_map_takes",
    ),
    "F26": (
        "One list of the gateway's paths for both clouds, each with all below it and no longer "
        "word; `extra_gateway_paths` adds to it",
        "test_the_gateways_paths_reach_the_gateway",
    ),
    "F27": (
        "Without autoscaling the number of tasks is the plan's",
        "test_the_number_of_tasks_is_the_plans_without_autoscaling",
    ),
    "F28": (
        "AWS refuses a provider in another region; on GCP every resource takes project and region "
        "from the inputs",
        "test_a_provider_set_to_another_place_does_not_split_the_stack",
    ),
    "F29": (
        "ARNs have the partition of the caller",
        "test_every_arn_has_the_partition_of_the_caller",
    ),
    "F30": (
        "Names are quoted in SQL, and admitted from a-z, 0-9 and `_` only",
        "test_names_in_sql_are_quoted",
        "test_a_name_that_would_need_care_in_sql_is_refused",
    ),
    "F31": (
        "Services and jobs depend on permissions, on the way out and on each other's work",
        "test_what_starts_waits_for_all_it_needs",
    ),
    "F32": (
        "A target group's successor is made first, under another name",
        "test_a_target_group_that_must_go_has_a_successor_of_another_name",
    ),
    "F33": (
        "Every ARN is cut to its first seven parts for IAM, and given in full to ECS",
        "test_a_json_key_after_an_arn_is_for_ecs_and_not_for_iam",
    ),
    "F34": (
        "`request_timeout_seconds`, an hour by default",
        "test_a_stream_may_last_an_hour",
    ),
    "F35": (
        "`proxy_config` may be null, empty or of any shape",
        "test_a_configuration_of_any_shape_plans",
    ),
    "F36": (
        "The URL is the certificate's host: `alb_domain_name` on AWS, the first domain on GCP",
        "test_the_url_has_the_host_of_the_certificate",
        "documented: aws, TLS, so that `alb_url` is right",
    ),
    "F37": (
        "`secrets_version` is in the environment: raised, it writes the secrets and rolls the "
        "services",
        "test_a_raised_secrets_version_rewrites_the_given_secrets_and_rolls_the_services",
    ),
}

_DOCUMENTED = "documented: "
_CONTRIBUTING = ROOT / "CONTRIBUTING.md"
_BEGIN, _END = "<!-- BEGIN_FAILURES -->", "<!-- END_FAILURES -->"


def rendered() -> str:
    """The table as CONTRIBUTING.md has it between its marks."""
    lines = ["| Failure | What the modules do | What holds it |", "|---|---|---|"]
    for number, (does, *holders) in FAILURES.items():
        shown = []
        for holder in holders:
            if holder.startswith(_DOCUMENTED):
                stack, section, _ = holder.removeprefix(_DOCUMENTED).split(", ", 2)
                shown.append(f"README of {stack}, {section}")
            else:
                shown.append(f"`{holder}`")
        lines.append(f"| {number} | {does} | {'<br>'.join(shown)} |")
    return "\n".join(lines)


CASES = {(e.case.stack, e.case.name): e.case for e in cases.load()}
BOTH = pytest.mark.parametrize("stack", ["aws", "gcp"])
SERVERS = ("gateway", "backend")


def result_of(session: planner.Session, stack: str, name: str, **inputs: Any) -> PlanResult:
    """What a case of cases.yaml gives, or one like it with other inputs."""
    case = CASES[stack, name]
    if inputs:
        # The name is no part of what the cache goes by.
        case = dataclasses.replace(case, inputs={**case.inputs, **inputs}, listed=False)
    return planner.plan(session, case)


def planned(session: planner.Session, stack: str, name: str, **inputs: Any) -> Plan:
    result = result_of(session, stack, name, **inputs)
    assert result.plan is not None, str(result)
    assert result.diagnostics == (), str(result)
    return result.plan


# Planned in one batch a stack, since each needs a plan of its own.
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
def batched(session: planner.Session) -> Batched:
    """The plan of a stack for one of the batch's inputs."""

    @functools.cache
    def results(stack: str) -> Mapping[str, PlanResult]:
        batch = {name: {**STACKS[stack].smallest, **inputs} for name, inputs in _BATCH.items()}
        return planner.plan_batch(session, STACKS[stack], batch)

    def plan_of(stack: str, name: str) -> Plan:
        result = results(stack)[name]
        assert result.plan is not None, str(result)
        assert result.diagnostics == (), str(result)
        return result.plan

    return plan_of


def called(session: planner.Session, stack: str, extra: Mapping[str, Any], **meta: Any) -> Plan:
    """The plan of the module when a root calls it."""
    inputs = {**STACKS[stack].smallest, **meta}
    result = planner.plan(session, Case("called", stack, inputs, root="call", extra=extra))
    assert result.plan is not None, str(result)
    assert result.diagnostics == (), str(result)
    return result.plan.within("module.litellm")


def refusal(session: planner.Session, stack: str, name: str, **inputs: Any) -> str:
    result = result_of(session, stack, name, **inputs)
    assert result.errors, f"{inputs} planned"
    return " ".join(str(error) for error in result.errors)


@dataclass(frozen=True)
class Applied:
    """A stack that is there, with made-up values, and what a change of its inputs would do."""

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
        """The plan without a change: every value is known in it."""
        return self.change()

    @cached_property
    def overridden(self) -> Plan:
        """The plan where extras have the names of defaults, plain or secret, and of each other."""
        secret = {"aws": "arn:aws:ssm:eu-west-1:123456789012:parameter/a", "gcp": "a"}[self.stack]
        defaults = sorted({name for name, _, _ in environment(self.steady, "backend")})
        return self.change(
            backend_extra_env=dict.fromkeys(defaults, "x"),
            backend_extra_secrets=dict.fromkeys(defaults[::2], secret),
            gateway_extra_env={"OTEL_HEADERS": "a=b", "LITELLM_LICENSE": "c", "BOTH": "d"},
            gateway_extra_secrets={"DATABASE_HOST": secret, "BOTH": secret},
        )

    @property
    def state(self) -> Path:
        """Terraform's file of what is there."""
        return Path(self.terraform.tfdir) / "terraform.tfstate"


def apply(session: planner.Session, stack: str, **inputs: Any) -> Iterator[Applied]:
    values = {**CASES[stack, "everything"].inputs, "run_migrations": False, **inputs}
    with planner.applied(session, STACKS[stack], values) as terraform:
        applied = Applied(stack, terraform, values)
        assert secrets.leaked(values, applied.state.read_text()) == []
        yield applied


@pytest.fixture(scope="module")
def aws(offline_session: planner.Session) -> Iterator[Applied]:
    yield from apply(offline_session, "aws", skip_final_snapshot=False, s3_force_destroy=False)


@pytest.fixture(scope="module")
def gcp(offline_session: planner.Session) -> Iterator[Applied]:
    yield from apply(offline_session, "gcp", gcs_force_destroy=False)


@pytest.fixture(scope="module")
def aws_changed(aws: Applied) -> Plan:
    """Changes that have nothing to do with each other, in one plan."""
    return aws.change(
        db_master_username="admin2",
        gateway_desired_count=4,
        ui_desired_count=2,
        vpc_cidr="10.50.0.0/16",
    )


@pytest.fixture(params=["aws", "gcp"])
def applied(request: pytest.FixtureRequest) -> Applied:
    held: Applied = request.getfixturevalue(request.param)
    return held


def services(plan: Plan) -> Mapping[str, str]:
    """The address of each service."""
    kinds = ("aws_ecs_service", "google_cloud_run_v2_service")
    return {str(r.index): a for a, r in plan.resources.items() if r.type in kinds}


def environment(plan: Plan, component: str) -> list[Entry]:
    """The variables of a container as name, plain value and secret; a name may be there twice."""
    return list(containers(plan)[component].entries)


def variables(plan: Plan, component: str) -> dict[str, str | None]:
    return {name: plain for name, plain, _ in environment(plan, component)}


# ---- The table ----


def test_every_known_failure_is_answered() -> None:
    numbers = [f"F{n}" for n in range(1, 38)]
    assert list(FAILURES) == ["F1", "F1b", *numbers[1:]]
    assert {number for number, answer in FAILURES.items() if len(answer) < 2} == set()


def test_each_test_that_the_table_names_is_there() -> None:
    here = {
        name
        for file in Path(__file__).parent.glob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", file.read_text(), re.MULTILINE)
    }
    named = {
        holder
        for _, *holders in FAILURES.values()
        for holder in holders
        if not holder.startswith(_DOCUMENTED)
    }
    assert named - here == set()


@pytest.mark.parametrize(
    "place",
    [
        holder.removeprefix(_DOCUMENTED)
        for _, *holders in FAILURES.values()
        for holder in holders
        if holder.startswith(_DOCUMENTED)
    ],
)
def test_each_section_that_the_table_names_says_it(place: str) -> None:
    stack, section, words = place.split(", ", 2)
    readme = (STACKS[stack].folder / "README.md").read_text()
    sections = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", readme, re.MULTILINE | re.DOTALL))
    assert words in " ".join(sections[section].split())


def test_contributing_has_this_table() -> None:
    text = _CONTRIBUTING.read_text() if _CONTRIBUTING.exists() else ""
    current = text.partition(_BEGIN)[2].partition(_END)[0].strip() == rendered()
    assert current, (
        f"the table in CONTRIBUTING.md, between {_BEGIN} and {_END}, is another one; "
        "`python -m tests.unit.test_regressions` shows what it must be"
    )


# ---- Destroy ----


def test_destroy_leaves_the_role_and_the_database_to_their_instance(
    session: planner.Session,
) -> None:
    plan = planned(session, "gcp", "smallest")
    for type_name in ("google_sql_user", "google_sql_database"):
        (resource,) = plan.of_type(type_name).values()
        assert resource.values["deletion_policy"] == "ABANDON", resource.address


def test_nothing_is_protected_from_destroy_but_what_an_input_protects(
    session: planner.Session, newest_session: planner.Session
) -> None:
    # Left out, it is on where the provider has the attribute; the newest has it on more types.
    everything = [
        planned(session, "aws", "everything"),
        planned(session, "gcp", "everything"),
        planned(newest_session, "gcp", "everything"),
    ]
    for plan in everything:
        for address, resource in plan.resources.items():
            for name in ("deletion_protection", "enable_deletion_protection"):
                assert resource.values.get(name) in (None, False), address
    guarded = {"aws": "aws_rds_cluster", "gcp": "google_sql_database_instance"}
    for stack, type_name in guarded.items():
        held = planned(session, stack, "smallest").resources.values()
        assert {r.type for r in held if r.values.get("deletion_protection")} == {type_name}


def test_a_disk_that_grew_by_itself_is_left_alone(gcp: Applied) -> None:
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


def test_other_domains_make_another_certificate_before_the_last_one_goes(gcp: Applied) -> None:
    plan = gcp.change(lb_domains=["llm.example.com", "llm.example.org"])
    (certificate,) = plan.of_type("google_compute_managed_ssl_certificate").values()
    assert certificate.actions == ("create", "delete")
    assert certificate.values["name"] != certificate.before["name"]
    (proxy,) = plan.of_type("google_compute_target_https_proxy").values()
    assert proxy.actions == ("update",)


def test_the_database_is_safe_unless_the_caller_says_otherwise(session: planner.Session) -> None:
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


def test_each_cluster_has_a_last_snapshot_of_its_own(aws: Applied, aws_changed: Plan) -> None:
    (cluster,) = aws.steady.of_type("aws_rds_cluster").values()
    (end,) = (r for r in aws.steady.of_type("random_id").values() if r.name == "final_snapshot")
    assert cluster.values["final_snapshot_identifier"] == end.values["hex"]
    # Whatever replaces the cluster draws another end.
    replacing = ("cluster_identifier", "database_name", "master_username")
    kept = set(end.values["keepers"].values())
    assert {name for name in replacing if cluster.values[name] not in kept} == set()
    assert "create" in aws_changed.resources[cluster.address].actions
    changed = aws_changed.resources[end.address]
    assert changed.values["keepers"] != changed.before["keepers"]


def config_file(applied: Applied) -> Mapping[str, Any]:
    kind = {"aws": "aws_s3_object", "gcp": "google_storage_bucket_object"}[applied.stack]
    (file,) = applied.steady.of_type(kind).values()
    return file.values


def test_the_modules_own_file_holds_no_bucket_back(applied: Applied) -> None:
    kind = {"aws": "aws_s3_bucket", "gcp": "google_storage_bucket"}[applied.stack]
    data, config = (
        next(r.values for r in applied.steady.of_type(kind).values() if part in (r.index, r.name))
        for part in ("data", "config")
    )
    assert config_file(applied)["bucket"] in (config["id"], config.get("name"))
    assert (data["force_destroy"], config["force_destroy"]) == (False, True)


def test_private_services_access_does_not_stop_a_destroy_or_the_next_apply(
    session: planner.Session,
) -> None:
    plan = planned(session, "gcp", "smallest")
    (connection,) = plan.of_type("google_service_networking_connection").values()
    assert connection.values["deletion_policy"] == "ABANDON"
    assert connection.values["update_on_creation_fail"] is True
    for instance in plan.of_type("google_sql_database_instance").values():
        # A name known before apply would be the same one each time.
        assert instance.values["name"] is UNKNOWN, instance.address


def test_a_target_group_that_must_go_has_a_successor_of_another_name(aws_changed: Plan) -> None:
    groups = aws_changed.of_type("aws_lb_target_group").values()
    assert {group.actions for group in groups} == {("create", "delete")}
    assert [group for group in groups if group.values["name"] == group.before["name"]] == []


# ---- Images and sizes ----


def test_cloud_run_is_given_no_image_that_it_does_not_pull(session: planner.Session) -> None:
    pulled = re.compile(r"([a-z0-9-]+-)?docker\.pkg\.dev/|([a-z0-9-]+\.)?gcr\.io/|docker\.io/")
    for case in ("smallest", "mirrored-images"):
        containers = planned(session, "gcp", case).outputs["containers"]
        images = [container["image"] for container in containers.values()]
        assert [image for image in images if not pulled.match(image)] == []
        assert len(images) == 4
    odd = {
        "gateway_image": "ghcr.io/berriai/litellm-gateway:v1",
        "backend_image": "quay.io/berriai/litellm-backend:v1",
        "ui_image": "litellm-ui",
        "migrations_image": "xgcr.io/acme/litellm-migrations:v1",
    }
    said = refusal(session, "gcp", "mirrored-images", **odd)
    assert [image for image in odd.values() if image not in said] == []
    assert "PROJECT_ID" in refusal(session, "gcp", "placeholder-in-image")


def test_the_migrations_have_the_memory_they_need(session: planner.Session) -> None:
    aws = planned(session, "aws", "smallest")
    job = aws.resources['aws_ecs_task_definition.job["migrations"]']
    assert int(job.values["memory"]) >= 4096
    gcp = planned(session, "gcp", "smallest")
    (run,) = gcp.of_type("google_cloud_run_v2_job").values()
    (container,) = run.values["template"][0]["template"][0]["containers"]
    assert container["resources"][0]["limits"]["memory"] == "4Gi"


def test_what_google_has_no_good_default_for_is_set(session: planner.Session) -> None:
    plan = planned(session, "gcp", "smallest")
    (connector,) = plan.of_type("google_vpc_access_connector").values()
    assert (connector.values["min_instances"], connector.values["max_instances"]) == (2, 3)
    for instance in plan.of_type("google_sql_database_instance").values():
        assert instance.values["settings"][0]["edition"] == "ENTERPRISE"


@pytest.mark.parametrize(
    ("stack", "inputs", "named"),
    [
        ("gcp", {"gateway_cpu": "500m"}, "gateway_max_instance_request_concurrency"),
        ("gcp", {"backend_memory": "256Mi"}, "backend_memory"),
        ("gcp", {"gateway_cpu": "4", "gateway_memory": "1Gi"}, "gateway_memory"),
        ("gcp", {"db_edition": "ENTERPRISE_PLUS"}, "db_tier"),
        ("aws", {"gateway_cpu": 256, "gateway_memory": 4096}, "gateway_memory"),
    ],
)
def test_a_size_that_the_cloud_refuses_is_refused_at_plan(
    session: planner.Session, stack: str, inputs: dict[str, Any], named: str
) -> None:
    assert f"{named} must" in refusal(session, stack, "smallest", **inputs)


# ---- Environment and configuration ----


def test_the_configuration_is_in_its_file_and_nowhere_else(applied: Applied) -> None:
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


def test_no_container_has_a_variable_twice(applied: Applied) -> None:
    for plan in (applied.steady, applied.overridden):
        assert {*SERVERS, "ui", "migrations"} <= set(addresses(plan))
        for component in addresses(plan):
            names = [name for name, _, _ in environment(plan, component)]
            assert sorted(names) == sorted(set(names)), component


def test_an_extra_variable_replaces_the_default_of_its_name(applied: Applied) -> None:
    gateway, backend = (variables(applied.steady, component) for component in SERVERS)
    assert backend["STORE_MODEL_IN_DB"] == "false"
    assert (gateway["OTEL_EXPORTER"], backend["OTEL_EXPORTER"]) == ("console", "otlp_grpc")


def test_a_variable_is_plain_or_secret_as_its_last_layer_says(
    applied: Applied,
) -> None:
    found = environment(applied.overridden, "gateway")
    plain = {name: value for name, value, reference in found if not reference}
    assert (plain["OTEL_HEADERS"], plain["LITELLM_LICENSE"]) == ("a=b", "c")
    secret = {name for name, _, reference in found if reference}
    assert {"DATABASE_HOST", "BOTH", "LITELLM_MASTER_KEY"} <= secret


def test_the_servers_believe_the_load_balancer_about_https(applied: Applied) -> None:
    assert {variables(applied.steady, c)["FORWARDED_ALLOW_IPS"] for c in SERVERS} == {"*"}


@BOTH
@pytest.mark.parametrize("config", ["null", "empty", "mixed"])
def test_a_configuration_of_any_shape_plans(batched: Batched, stack: str, config: str) -> None:
    containers = batched(stack, config).outputs["containers"]
    assert ("PROXY_CONFIG_HASH" in containers["gateway"]["environment"]) is (config == "mixed")


# ---- Permissions and secrets ----


def test_the_ui_may_do_nothing(applied: Applied) -> None:
    resources = applied.steady.resources
    assert environment(applied.steady, "ui") == []
    if applied.stack == "aws":
        roles = {
            (r.name, r.index): r.values for r in applied.steady.of_type("aws_iam_role").values()
        }
        task = {
            a: r.values["task_role_arn"]
            for a, r in resources.items()
            if "task_role_arn" in r.values
        }
        own = roles["task", "ui"]
        assert [a for a, arn in task.items() if arn == own["arn"]] == [
            addresses(applied.steady)["ui"]
        ]
        granted = [
            (r.type, r.values["role"])
            for r in resources.values()
            if r.type.startswith("aws_iam_role_policy")
        ]
        assert [r for r in granted if r[1] == own["name"]] == []
        # ECS itself, to start the task, gets what any task needs and no secret.
        execution = [kind for kind, role in granted if role == roles["execution", "ui"]["name"]]
        assert execution == ["aws_iam_role_policy_attachment"]
    else:
        account = resources['google_service_account.this["ui"]'].values
        users = [
            a
            for a, r in applied.steady.of_type("google_cloud_run_v2_service").items()
            if r.values["template"][0]["service_account"] == account["email"]
        ]
        assert users == [addresses(applied.steady)["ui"]]
        members = {r.values["member"] for r in resources.values() if r.type.endswith("_member")}
        assert len(members) >= 3
        assert members & {account["member"], f"serviceAccount:{account['email']}"} == set()


def statements(plan: Plan, policy: str) -> list[str]:
    """The resources that a planned policy names."""
    document = json.loads(plan.resources[policy].values["policy"])
    found: list[str] = []
    for statement in document["Statement"]:
        named = statement["Resource"]
        found += [named] if isinstance(named, str) else named
    return found


def test_a_json_key_after_an_arn_is_for_ecs_and_not_for_iam(aws: Applied) -> None:
    given = aws.inputs["otel_headers_secret_arn"]
    assert len(given.split(":")) == 10
    for component in SERVERS:
        named = statements(aws.steady, f'aws_iam_role_policy.secrets["{component}"]')
        assert ":".join(given.split(":")[:7]) in named
        assert [arn for arn in named if len(arn.split(":")) > 7] == []
        assert given in {secret for _, _, secret in environment(aws.steady, component)}


def test_two_components_may_have_two_secrets_under_one_name(aws: Applied, gcp: Applied) -> None:
    for component, secret in (("gateway", "openai"), ("backend", "other")):
        arns = statements(aws.steady, f'aws_iam_role_policy.secrets["{component}"]')
        assert {arn for arn in arns if re.search(":secret:(openai|other)-", arn)} == {
            f"arn:aws:secretsmanager:eu-west-1:123456789012:secret:{secret}-AbCdEf"
        }
        member = gcp.steady.resources[f'google_service_account.this["{component}"]'].values[
            "member"
        ]
        granted = {
            r.values["secret_id"]
            for r in gcp.steady.of_type("google_secret_manager_secret_iam_member").values()
            if r.values["member"] == member
        }
        assert granted & {"openai", "other"} == {secret}


@BOTH
def test_a_secret_hides_nothing_but_itself(session: planner.Session, stack: str) -> None:
    plan = planned(session, stack, "credentials")

    def hidden(mark: Any) -> bool:
        parts = mark.values() if isinstance(mark, dict) else mark if isinstance(mark, list) else []
        return mark is True or any(hidden(part) for part in parts)

    held = {*addresses(plan).values(), *services(plan).values()}
    assert {address for address in held if hidden(plan.resources[address].sensitive)} == set()


# ---- Order ----


@BOTH
def test_what_starts_waits_for_all_it_needs(session: planner.Session, stack: str) -> None:
    inputs = CASES[stack, "smallest"].inputs
    of = subject(session, STACKS[stack], inputs, planned(session, stack, "smallest"))
    waits = [o for o in order.CONTRACT.outcomes(of) if o.clause == "waits"]
    assert len(waits) == len(order.NEEDS[stack]) > 5
    assert [str(outcome) for outcome in waits if outcome.verdict != "held"] == []


# ---- Routes ----


def misrouted(applied: Applied, component: str, paths: str) -> dict[str, str]:
    """Those of ``paths`` that lead to another component, with that one."""
    model = balancer(applied.steady)
    found = {path: str(model.answer("GET", path)) for path in paths.split()}
    return {path: other for path, other in found.items() if other != component}


def test_the_files_of_the_dashboards_pages_go_to_the_ui(applied: Applied) -> None:
    # Of pages of each kind: at the root, of the route group, nested, below the gateway's.
    files = (
        "/index.txt /login.txt /teams.txt /teams/index.txt /teams/__next._tree.txt "
        "/teams/__next.!KGRhc2hib2FyZCk.teams.__PAGE__.txt /chat.txt /chat/logs.txt "
        "/chat/index.txt /chat/logs/__next._full.txt /mcp/oauth/callback.txt /onboarding.txt"
    )
    assert misrouted(applied, "ui", files) == {}


def test_only_test_itself_is_the_gateways(applied: Applied) -> None:
    assert misrouted(applied, "gateway", "/test") == {}
    assert misrouted(applied, "backend", "/test/connection /test/tools/list /testing") == {}


def test_the_gateways_paths_reach_the_gateway(applied: Applied) -> None:
    gateway = (
        "/v1/skills /v1/video /v1/videos /videos /v1/containers /containers /v1/evals /v1/memory "
        "/interactions /watsonx /watsonx/ml /metrics /metrics/ /a2a/agent /v1/models/a /models "
        "/v1/videos/a/content /azure_speech/a /comprehendmedical /transcribe /health/readiness "
        "/v1/chat/completions /chat/completions /acme /acme/a"
    )
    assert misrouted(applied, "gateway", gateway) == {}
    backend = "/models_x /v1/models_x /search_tools /key/generate /v1/model/info /a2a /robots.txt"
    assert misrouted(applied, "backend", backend) == {}


def test_a_path_rule_is_of_the_form_that_a_url_map_takes(session: planner.Session) -> None:
    plan = planned(session, "gcp", "everything")
    paths = [path for rule in path_rules(plan) for path in rule.paths]
    assert [path for path in paths if not re.fullmatch(r"/[^*]*|(/[^*]*)?/\*", path)] == []
    assert sorted(paths) == sorted(set(paths))


# ---- Names ----


@BOTH
def test_a_tenant_that_no_resource_could_be_named_after_is_refused(
    session: planner.Session, stack: str
) -> None:
    for case in ("bad-tenant", "doubled-hyphen-in-tenant", "reserved-tenant"):
        assert "tenant must" in refusal(session, stack, case)


# ---- What may be known late or not be there ----

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
def test_values_known_only_after_apply_do_not_stop_the_plan(
    session: planner.Session, stack: str
) -> None:
    assert called(session, stack, _LATE, **_LATE_INPUTS[stack]).resources


@BOTH
def test_a_refusal_does_not_hang_on_what_may_not_be_made(
    session: planner.Session, stack: str
) -> None:
    tripwire = {"aws": "allow_plaintext_alb", "gcp": "allow_plaintext_lb"}[stack]
    nothing = {"create_database": False, "create_redis": False, "run_migrations": False}
    assert tripwire in refusal(session, stack, "no-tls", **nothing)
    if stack == "gcp":
        assert "create_image_proxy" in refusal(session, stack, "image-not-admitted", **nothing)


@BOTH
def test_the_outputs_of_what_is_not_made_are_null(session: planner.Session, stack: str) -> None:
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
def test_the_default_example_hands_the_inputs_of_the_parity_table_on(
    session: planner.Session, stack: str
) -> None:
    plan = planned(session, stack, "example-default")
    calls = plan.document["configuration"]["root_module"]["module_calls"]
    passed = {
        name: argument.get("references")
        for name, argument in calls["litellm"]["expressions"].items()
    }
    declared = set(hcl.variables(STACKS[stack].folder / "examples" / "default"))
    assert {*_PARITY.split(), *_OWN_PARITY[stack].split()} - declared == set()
    # None is declared and forgotten in the call, or crossed with another.
    assert {name for name in declared if passed.get(name) != [f"var.{name}"]} == set()


# ---- Place, scale and the rest ----


def test_the_number_of_tasks_is_the_plans_without_autoscaling(
    session: planner.Session, aws_changed: Plan
) -> None:
    ui, gateway = (aws_changed.resources[services(aws_changed)[name]] for name in ("ui", "gateway"))
    assert (ui.before["desired_count"], ui.values["desired_count"]) == (1, 2)
    # Under autoscaling it is not the plan's.
    assert (gateway.before["desired_count"], gateway.values["desired_count"]) == (2, 2)
    plan = planned(session, "gcp", "autoscaling-off")
    (scaling,) = plan.resources[services(plan)["gateway"]].values["scaling"]
    assert (scaling["scaling_mode"], scaling["manual_instance_count"]) == ("MANUAL", 5)


def test_a_provider_set_to_another_place_does_not_split_the_stack(
    session: planner.Session,
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
        held = {a: r.values[key] for a, r in plan.resources.items() if key in r.values}
        assert len(held) > 3
        assert {address for address, place in held.items() if place != value} == set()


def test_every_arn_has_the_partition_of_the_caller(session: planner.Session) -> None:
    zones = ["us-gov-west-1a", "us-gov-west-1b"]
    plan = planned(session, "aws", "smallest", region="us-gov-west-1", azs=zones)
    arns = re.findall(
        r"arn:[a-z-]+:", json.dumps([r.values for r in plan.resources.values()], default=str)
    )
    assert set(arns) == {"arn:aws-us-gov:"}
    # Most ARNs are known only after apply, so no file may have one with its partition written out.
    written = [f.name for f in STACKS["aws"].folder.glob("*.tf") if "arn:aws" in f.read_text()]
    assert written == []


def test_names_in_sql_are_quoted(session: planner.Session) -> None:
    plan = planned(session, "aws", "smallest", db_username="select", db_name="table")
    sql = plan.outputs["db_bootstrap_sql"]
    for name in ("select", "table"):
        assert set(re.findall(rf".\b{name}\b.", sql)) == {f'"{name}"'}


@BOTH
@pytest.mark.parametrize("value", ['a";drop', "A-b"])
def test_a_name_that_would_need_care_in_sql_is_refused(
    session: planner.Session, stack: str, value: str
) -> None:
    said = refusal(session, stack, "smallest", db_name=value, db_username=value)
    assert "db_name must" in said
    assert "db_username must" in said


def test_a_stream_may_last_an_hour(session: planner.Session) -> None:
    (balancer,) = planned(session, "aws", "smallest").of_type("aws_lb").values()
    assert balancer.values["idle_timeout"] == 3600
    plan = planned(session, "gcp", "smallest")
    for component in SERVERS:
        template = plan.resources[services(plan)[component]].values["template"][0]
        assert template["timeout"] == "3600s"


def test_the_url_has_the_host_of_the_certificate(session: planner.Session) -> None:
    assert planned(session, "aws", "tls").outputs["alb_url"] == "https://llm.example.com"
    assert planned(session, "gcp", "tls").outputs["lb_url"] == "https://llm.example.com"


if __name__ == "__main__":
    print(rendered())
