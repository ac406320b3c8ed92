"""The Google Cloud emulator: its refusals, its operations, and its clients."""

from __future__ import annotations

import re
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud import run_v2

from tests.harness.emulators.gcp import cli
from tests.harness.emulators.gcp import target as google
from tests.harness.lifecycle.run import (
    LifecycleError,
    apply,
    changes,
    destroy,
    leftovers,
    plan,
    planned_changes,
)
from tests.harness.process.child import soon
from tests.harness.process.daemon import Running
from tests.harness.sdk import google as google_clients
from tests.harness.stacks import STACKS
from tests.integration.conftest import Lifecycles
from tests.integration.google_api import Api

P = "projects/acme-prod-1"
PARENT = f"{P}/locations/us-central1"
NETWORK = f"{P}/global/networks/vpc"
IMAGE = "docker.io/litellm/litellm-gateway:v1"


def _message(answer: Any) -> str:
    error = answer.get("error", {})
    return str(error.get("message") or [item["message"] for item in error.get("errors", [])])


@pytest.fixture(scope="module")
def api(cloud: Running) -> Api:
    client = Api(cloud.url)
    client.done("POST", f"/compute/v1/{P}/global/networks", {"name": "vpc"})
    return client


def test_emulator_listens_on_loopback_only(cloud: Running) -> None:
    port = int(cloud.url.rsplit(":", 1)[1])
    hosts = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), port)}
    for host in hosts - {"127.0.0.1", "127.0.1.1"}:
        with socket.socket() as probe:
            assert probe.connect_ex((host, port)) != 0, host


def test_change_returns_a_pending_operation(api: Api) -> None:
    answer = api.send("POST", f"/compute/v1/{P}/global/networks", {"name": "late"}).json()
    assert answer["kind"] == "compute#operation"
    assert answer["status"] == "RUNNING"
    waited = api.send("POST", answer["selfLink"].removeprefix(api.url) + "/wait").json()
    assert waited["status"] == "DONE"


def _subnet(api: Api) -> None:
    api.done(
        "POST",
        f"/compute/v1/{P}/regions/us-central1/subnetworks",
        {"name": "used", "network": NETWORK, "ipCidrRange": "10.1.0.0/16"},
    )


def _secret(api: Api) -> None:
    api.send("POST", f"/v1/{P}/secrets", {"replication": {"automatic": {}}}, secretId="word")


def _backend_service(api: Api) -> None:
    api.done("POST", f"/compute/v1/{P}/global/backendServices", {"name": "all"})


def _bucket(api: Api) -> None:
    api.send("POST", "/storage/v1/b", {"name": "acme-full"}, project="acme-prod-1")
    api.session.post(
        f"{api.url}/upload/storage/v1/b/acme-full/o?uploadType=media&name=a", data=b"x", timeout=30
    )


REFUSALS: dict[str, tuple[Callable[[Api], None] | None, str, str, Any, str]] = {
    "a name that is taken": (
        None, "POST", f"/compute/v1/{P}/global/networks", {"name": "vpc"}, "already exists",
    ),
    "a name that breaks the rules": (
        None, "POST", f"/compute/v1/{P}/global/networks", {"name": "No_Such"},
        "Must be a match of regex",
    ),
    "a reference to a missing resource": (
        None, "POST", f"/compute/v1/{P}/regions/us-central1/subnetworks",
        {"name": "sub", "network": f"{P}/global/networks/gone", "ipCidrRange": "10.0.0.0/24"},
        "cannot be found",
    ),
    "the deletion of a resource in use": (
        _subnet, "DELETE", f"/compute/v1/{NETWORK}", None, "is already being used by",
    ),
    "an invalid label": (
        None, "POST", f"/compute/v1/{P}/global/addresses", {"name": "ip", "labels": {"A:b": "c"}},
        "Invalid label",
    ),
    "a change of an older version": (
        _secret, "PATCH", f"/v1/{P}/secrets/word?updateMask=labels",
        {"labels": {"a": "b"}, "etag": "00"}, "which has changed",
    ),
    "an empty secret version": (
        _secret, "POST", f"/v1/{P}/secrets/word:addVersion", {"payload": {}}, "cannot be empty",
    ),
    "a bucket with objects": (
        _bucket, "DELETE", "/storage/v1/b/acme-full", None, "is not empty",
    ),
    "a bucket with a reserved name": (
        None, "POST", "/storage/v1/b?project=acme-prod-1", {"name": "my-google-data"},
        "Must be a match of regex",
    ),
    "a member that does not exist": (
        _secret, "POST", f"/v1/{P}/secrets/word:setIamPolicy",
        {"policy": {"bindings": [{
            "role": "roles/viewer",
            "members": ["serviceAccount:nobody@acme-prod-1.iam.gserviceaccount.com"],
        }]}},
        "does not exist",
    ),
    "a connector with another range than /28": (
        None, "POST", f"/v1/{PARENT}/connectors?connectorId=conn",
        {"network": "vpc", "ipCidrRange": "10.8.0.0/24", "minInstances": 2, "maxInstances": 3},
        "must be a /28",
    ),
    "a database in a network without a peering": (
        None, "POST", f"/sql/v1beta4/{P}/instances",
        {"name": "db", "databaseVersion": "POSTGRES_16", "settings": {
            "tier": "db-custom-1-3840", "ipConfiguration": {"privateNetwork": NETWORK}}},
        "private services connection",
    ),
    "a disk that the machines do not take": (
        None, "POST", f"/sql/v1beta4/{P}/instances",
        {"name": "db", "databaseVersion": "POSTGRES_16", "settings": {
            "tier": "db-c4a-highmem-4", "edition": "ENTERPRISE_PLUS", "dataDiskType": "PD_SSD"}},
        "disk type",
    ),
    "a tier of another edition": (
        None, "POST", f"/sql/v1beta4/{P}/instances",
        {"name": "db", "databaseVersion": "POSTGRES_16", "settings": {
            "tier": "db-custom-1-3840", "edition": "ENTERPRISE_PLUS"}},
        "Invalid Tier",
    ),
    "two route rules of one priority": (
        _backend_service, "POST", f"/compute/v1/{P}/global/urlMaps",
        {"name": "map", "defaultService": f"{P}/global/backendServices/all", "pathMatchers": [
            {"name": "m", "defaultService": f"{P}/global/backendServices/all", "routeRules": [
                {"priority": 1, "matchRules": [{"fullPathMatch": "/a"}]},
                {"priority": 1, "matchRules": [{"fullPathMatch": "/b"}]}]}]},
        "same priority",
    ),
    "an image of another registry": (
        None, "POST", f"/v2/{PARENT}/services?serviceId=s",
        {"template": {"containers": [{"image": "ghcr.io/berriai/litellm:v1"}]}},
        "Expected an image path like",
    ),
    "a field that Cloud Run does not have": (
        None, "POST", f"/v2/{PARENT}/services?serviceId=s",
        {"template": {"container": [{"image": IMAGE}]}}, "Invalid JSON payload",
    ),
    "a field that Compute does not have": (
        None, "POST", f"/compute/v1/{P}/global/networks", {"name": "n", "subnetMode": "CUSTOM"},
        'Unknown name "subnetMode"',
    ),
    "a value outside its enumeration": (
        None, "POST", f"/compute/v1/{P}/global/addresses", {"name": "ip", "addressType": "OUTER"},
        "Must be one of",
    ),
    "an unknown query parameter": (
        None, "GET", f"/v1/{P}/secrets?labels=a", None, 'Unknown name "labels"',
    ),
    "a duplicate variable": (
        None, "POST", f"/v2/{PARENT}/services?serviceId=s",
        {"template": {"containers": [
            {"image": IMAGE, "env": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]}]}},
        "are duplicate",
    ),
    "a service account that does not exist": (
        None, "POST", f"/v2/{PARENT}/services?serviceId=s",
        {"template": {"serviceAccount": "x@acme-prod-1.iam.gserviceaccount.com",
                      "containers": [{"image": IMAGE}]}},
        "does not exist",
    ),
    "an API that is not served": (
        None, "GET", f"/v1/{P}/topics", None, "is not served by the emulator",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSALS)
def test_invalid_call_is_refused(api: Api, case: str) -> None:
    prepare, method, path, body, text = REFUSALS[case]
    if prepare:
        prepare(api)
    assert text in _message(api.done(method, path, body))


def test_query_parameter_in_snake_case_is_its_camel_case_twin(api: Api) -> None:
    # The Google provider sends repository_id.
    body = {"format": "DOCKER", "mode": "STANDARD_REPOSITORY"}
    place = f"/v1/{P}/locations/us-central1/repositories"
    assert "error" not in api.done("POST", place, body, repository_id="snake")
    assert api.send("GET", f"{place}/snake").status_code == 200


def test_undocumented_field_of_the_provider_is_accepted(api: Api) -> None:
    routing = {"routingMode": "REGIONAL", "deleteBgpAlwaysCompareMed": False}
    body = {"name": "undocumented", "autoCreateSubnetworks": False, "routingConfig": routing}
    networks = "/compute/v1/projects/acme-prod-1/global/networks"
    assert "error" not in api.done("POST", networks, body)


def test_patch_changes_only_its_mask(api: Api) -> None:
    _secret(api)
    path = f"/v1/{P}/secrets/word"
    api.send("PATCH", path, {"labels": {"a": "b"}, "annotations": {"c": "d"}}, updateMask="labels")
    secret = api.send("GET", path).json()
    assert secret["labels"] == {"a": "b"}
    assert "annotations" not in secret


def test_google_client_manages_a_service(
    cloud: Running,
) -> None:
    client = google_clients.services(cloud.url)
    name = f"{PARENT}/services/by-client"
    service = run_v2.Service(
        template=run_v2.RevisionTemplate(containers=[run_v2.Container(image=IMAGE)])
    )
    created = client.create_service(parent=PARENT, service=service, service_id="by-client").result()
    assert created.terminal_condition.state.name == "CONDITION_SUCCEEDED"
    assert created.latest_ready_revision.endswith("-00001-loc")
    stale = run_v2.Service(created)
    created.labels["a"] = "b"
    assert client.update_service(service=created).result().labels == {"a": "b"}
    with pytest.raises(exceptions.Conflict, match="which has changed"):
        client.update_service(service=stale)
    client.delete_service(name=name).result()
    with pytest.raises(exceptions.NotFound):
        client.get_service(name=name)


def _job(cloud: Running, name: str, tag: str) -> None:
    client = google_clients.jobs(cloud.url)
    container = run_v2.Container(image=f"docker.io/litellm/litellm-migrations:{tag}")
    template = run_v2.TaskTemplate(containers=[container], max_retries=1)
    job = run_v2.Job(template=run_v2.ExecutionTemplate(template=template))
    client.create_job(parent=PARENT, job=job, job_id=name).result()


def test_failed_job_is_failed_in_both_apis(cloud: Running, api: Api) -> None:
    _job(cloud, "fails", "broken")
    execution = google_clients.jobs(cloud.url).run_job(name=f"{PARENT}/jobs/fails").result()
    assert (execution.failed_count, execution.succeeded_count, execution.retried_count) == (1, 0, 1)
    # The calls of gcloud.
    base = "/apis/run.googleapis.com/v1/namespaces/acme-prod-1"
    started = api.send("POST", f"{base}/jobs/fails:run", {}).json()
    path = f"{base}/executions/{started['metadata']['name']}"
    assert soon(lambda: "completionTime" in api.send("GET", path).json()["status"])
    conditions = {
        item["type"]: item for item in api.send("GET", path).json()["status"]["conditions"]
    }
    assert conditions["Started"]["status"] == "True"
    assert conditions["Completed"]["status"] == "False"
    assert "ended with status 1" in conditions["Completed"]["message"]


def test_gcloud_command_exits_as_the_job(cloud: Running, tmp_path: Path) -> None:
    _job(cloud, "by-gcloud", "broken")
    command = ["gcloud", "run", "jobs", "execute", "by-gcloud", "--project", "acme-prod-1"]
    process = subprocess.run(
        [*command, "--region", "us-central1", "--wait", "--quiet"],
        env=cli.install(tmp_path, cloud.url),
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 1
    assert re.search(r"by-gcloud-\d+-task0 failed with message", process.stderr)


def test_newest_provider_applies_and_reads_drift(
    cloud: Running, lifecycles: Lifecycles, tmp_path: Path
) -> None:
    target = google.target(cloud.url, tmp_path, newest=True)
    lifecycle = lifecycles(
        target,
        {
            "tenant": "wide",
            "lb_domains": ["wide.example.com"],
            "proxy_config": {"model_list": []},
            "ui_password": "a-password-of-the-test",
            "provided_credentials": ["ui_password"],
            "gateway_autoscaling_enabled": False,
            "gateway_desired_count": 2,
            "cloudsql_deletion_protection": False,
            "gcs_force_destroy": True,
        },
    )
    apply(lifecycle)
    api = Api(cloud.url)
    api.send("PATCH", f"/v1/{P}/secrets/{lifecycle.name}-master-key", {"labels": {"odd": "one"}})
    api.done("DELETE", f"/v2/{PARENT}/services/{lifecycle.name}-ui")
    # A disk that the service resized is no drift: the plan below does not change its instance.
    (writer,) = (
        instance["name"]
        for instance in api.send("GET", f"/sql/v1beta4/{P}/instances").json()["items"]
        if instance["name"].startswith(f"{lifecycle.name}-writer")
    )
    settings = api.send("GET", f"/sql/v1beta4/{P}/instances/{writer}").json()["settings"]
    grown = {"settings": {**settings, "dataDiskSizeGb": "30"}}
    api.done("PATCH", f"/sql/v1beta4/{P}/instances/{writer}", grown)
    assert changes(plan(lifecycle)) == {
        'google_cloud_run_v2_service.this["ui"]': "create",
        'google_secret_manager_secret.this["master_key"]': "update",
    }
    apply(lifecycle)
    destroy(lifecycle)
    # By default destroy keeps a backup.
    (backup,) = leftovers(lifecycle)
    assert re.search(r"/backups/wide-litellm-dev-writer-[0-9a-f]{8}-final$", backup)


def _trial() -> dict[str, bool]:
    """The inputs that the example gives for a trial."""
    example = STACKS["gcp"].folder / "examples" / "default" / "terraform.tfvars.example"
    _, _, trial = example.read_text().partition("# For a trial")
    found = re.findall(r"^# (\w+) += (true|false)$", trial, re.MULTILINE)
    return {name: value == "true" for name, value in found}


def test_live_stack_takes_changes(cloud: Running, lifecycles: Lifecycles, tmp_path: Path) -> None:
    target = google.target(cloud.url, tmp_path, newest=True)
    trial = _trial()
    assert len(trial) == 3
    lifecycle = lifecycles(target, {"tenant": "live", **trial})
    apply(lifecycle)
    # The writer changes first, so the reader needs the tier in an apply before.
    with pytest.raises(LifecycleError, match="has a smaller tier"):
        apply(lifecycle, {"db_tier": "db-custom-4-15360"})
    for change in (
        {
            "db_tier": None,
            "db_reader_tier": "db-custom-4-15360",
            "redis_tier": "BASIC",
            "vpc_connector_cidr": "10.51.0.0/28",
        },
        # A wider range, in place. Then another one while the services are in the subnet.
        {"db_version": "POSTGRES_17", "vpc_access": "direct", "subnet_cidr": "10.40.0.0/15"},
        {"db_reader_tier": "", "db_tier": "db-custom-4-15360", "subnet_cidr": "10.44.0.0/16"},
        {"create_redis": False, "create_read_replica": False},
    ):
        apply(lifecycle, change)
        assert planned_changes(lifecycle) == {}, change
    destroy(lifecycle)
    # What the example gives for a trial keeps no data.
    assert leftovers(lifecycle) == []
