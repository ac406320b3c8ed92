"""The gcloud CLI of this machine, with the commands that documents, messages and scripts print.

Where PATH has no gcloud, what it needs of the emulator is tested with plain requests only.
"""

from __future__ import annotations

import base64
import contextlib
import re
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
import requests

from tests.harness import documents
from tests.harness.emulators.gcp import gcloud
from tests.harness.emulators.gcp import target as google
from tests.harness.lifecycle.run import Lifecycle, apply, outputs
from tests.harness.paths import GCLOUD, ROOT
from tests.harness.process.child import soon
from tests.harness.process.daemon import Running
from tests.harness.stacks import STACKS
from tests.integration import readme
from tests.integration.conftest import Lifecycles
from tests.integration.google_api import Api

TABLE = documents.read(GCLOUD)
PROJECT = STACKS["gcp"].scope[1]
PARENT = f"projects/{PROJECT}/locations/{google.REGION}"
IMAGE = "docker.io/litellm/litellm-ui:v1"
NEXT_IMAGE = "docker.io/litellm/litellm-ui:next"
KEY = "sk-a-master-key-of-the-test-0123456789"
ORIGIN = "a-database-that-ends"


@pytest.fixture(scope="module")
def api(cloud: Running) -> Api:
    return Api(cloud.url)


@pytest.fixture(scope="module")
def lifecycle(
    cloud: Running, api: Api, lifecycles: Lifecycles, tmp_path_factory: pytest.TempPathFactory
) -> Lifecycle:
    """A stack with stand-ins for the containers, and gcloud on the PATH of its commands.

    The replacement of gcloud runs the scripts of this apply; the test of the lifecycle has gcloud.
    """
    target = google.target(cloud.url, tmp_path_factory.mktemp("target"))
    inputs = {
        "litellm_master_key": KEY,
        "provided_credentials": ["litellm_master_key"],
        "create_read_replica": False,
    }
    lifecycle = lifecycles(target, inputs)
    apply(lifecycle)
    folder = tmp_path_factory.mktemp("gcloud")
    lifecycle.terraform.env |= gcloud.install(folder, cloud.url, PROJECT)
    _create_origin(api)
    return lifecycle


def _create_origin(api: Api) -> None:
    """Create a database instance with a database and a backup. Its deletion leaves another."""
    base = f"/sql/v1beta4/projects/{PROJECT}/instances"
    settings = {"tier": "db-custom-2-7680", "finalBackupConfig": {"enabled": True}}
    instance = {"name": ORIGIN, "databaseVersion": "POSTGRES_16", "settings": settings}
    api.done("POST", base, instance)
    api.done("POST", f"{base}/{ORIGIN}/databases", {"name": "kept"})
    api.done("POST", f"{base}/{ORIGIN}/backupRuns", {})


def _filled(text: str, values: Mapping[str, str]) -> str:
    for key, value in values.items():
        text = text.replace(f"{{{key}}}", value)
    return text


def _problem(
    entry: Mapping[str, Any],
    lifecycle: Lifecycle,
    folder: Path,
    values: Mapping[str, str],
    words: dict[str, str],
) -> str:
    """Run a command of the table; returns its output if that is not what the table expects.

    ``words`` are those that a reader replaces. The command adds what its output names.
    """
    words |= {key: _filled(value, values) for key, value in entry.get("values", {}).items()}
    line = _filled(f"{entry['command']} {entry.get('added', '')}", values)
    for word, value in words.items():
        line = re.sub(rf"(?<![${{\w]){word}\b", value, line)
    cwd = str(ROOT) if entry.get("folder") == "repository" else ""
    try:
        status, output = readme.attempt(lifecycle, line, folder, words, cwd)
    except subprocess.TimeoutExpired as error:
        return f"{error}: {error.output}"
    matches = [
        re.search(_filled(pattern, values), output, re.MULTILINE)
        for pattern in entry.get("shows", [])
    ]
    if status or None in matches or (output and not matches):
        return f"exit status {status}: {output}"
    for match in filter(None, matches):
        words |= match.groupdict()
    return ""


def test_every_printed_command_is_in_the_table() -> None:
    listed = [entry for entry in TABLE["run"] if entry.get("printed", True)]
    assert set(readme.commands("gcloud")) == {
        entry["command"] for entry in (*listed, *TABLE["not_run"])
    }


@pytest.mark.needs("gcloud")
def test_printed_commands_show_the_stack(lifecycle: Lifecycle, api: Api, tmp_path: Path) -> None:
    name = lifecycle.name
    values = {
        "name": name,
        "project": PROJECT,
        "region": google.REGION,
        "key": KEY,
        "origin": ORIGIN,
    }
    words = {"PROJECT": PROJECT}
    problems = {
        entry["command"]: problem
        for entry in TABLE["run"]
        if (problem := _problem(entry, lifecycle, tmp_path, values, words))
    }
    report = "\n".join(f"{command}\n{problem}" for command, problem in problems.items())
    assert not problems, report
    # What the commands changed.
    service = api.send("GET", f"/v2/{PARENT}/services/{name}-ui")
    assert service.json()["template"]["containers"][0]["image"] == NEXT_IMAGE
    project = api.send("GET", f"/compute/v1/projects/{PROJECT}").json()
    metadata = project["commonInstanceMetadata"]["items"]
    assert metadata == [{"key": "enable-osconfig", "value": "TRUE"}]
    databases = f"/sql/v1beta4/projects/{PROJECT}/instances/{words['WRITER']}/databases"
    assert "kept" in [item["name"] for item in api.send("GET", databases).json()["items"]]
    network = api.send("GET", f"/compute/v1/projects/{PROJECT}/global/networks/{name}").json()
    assert "peerings" not in network


@pytest.mark.needs("gcloud")
def test_command_of_the_output_migrates_again(
    lifecycle: Lifecycle, api: Api, tmp_path: Path
) -> None:
    values = outputs(lifecycle)
    commands = {name for name, value in values.items() if str(value).startswith("gcloud ")}
    assert commands == {"migration_run_command"}
    status, output = readme.attempt(lifecycle, values["migration_run_command"], tmp_path, {})
    assert status == 0, output
    assert re.search(r"Execution \[\S+-migrations-\d+\] has successfully completed", output)
    job = f"/v2/{PARENT}/jobs/{lifecycle.name}-migrations"
    executions = api.send("GET", f"{job}/executions").json()["executions"]
    assert [execution["succeededCount"] for execution in executions] == [1, 1]


@pytest.mark.needs("gcloud")
def test_check_before_an_apply_reads_the_quotas(lifecycle: Lifecycle, tmp_path: Path) -> None:
    variables = {
        "PROJECT": PROJECT,
        "APIS": "compute.googleapis.com",
        "ADDRESS": "of-no-stack",
        "QUOTAS": "NETWORKS=100 STATIC_ADDRESSES=1",
    }
    status, output = readme.attempt(lifecycle, "bash scripts/preflight.sh", tmp_path, variables)
    assert status == 1, output
    (refusal,) = [line for line in output.splitlines() if "error" in line]
    assert "the stack needs 100 of NETWORKS" in refusal
    assert "1 are in use, and the quota is 100" in refusal


@pytest.mark.needs("gcloud")
def test_interrupted_job_is_cancelled(lifecycle: Lifecycle, api: Api) -> None:
    job = f"/v2/{PARENT}/jobs/{lifecycle.name}-migrations"
    task = api.send("GET", job).json()["template"]["template"]

    def last() -> Any:
        return api.send("GET", f"{job}/executions").json()["executions"][-1]

    earlier = last()["name"]
    terraform = lifecycle.terraform
    variables = {
        "RUN_COMMAND": outputs(lifecycle)["migration_run_command"],
        "JOB": f"{lifecycle.name}-migrations",
        "PROJECT": PROJECT,
        "REGION": google.REGION,
    }
    with _locked(api, lifecycle.name, task["containers"][0]["env"]):
        script = subprocess.Popen(
            ["bash", "scripts/run-job.sh"],
            cwd=terraform.tfdir,
            env={**terraform.env, **variables},
            stderr=subprocess.PIPE,
            text=True,
        )
        assert soon(lambda: last()["name"] != earlier, 20)
        script.send_signal(signal.SIGTERM)
        _, messages = script.communicate(timeout=30)
        assert script.returncode == 1
        name = last()["name"].rsplit("/", 1)[-1]
        assert f"cancels {name}" in messages
        assert f"Cancelled execution [{name}]" in messages
        assert last()["cancelledCount"] == 1


@contextlib.contextmanager
def _locked(api: Api, name: str, env: Sequence[Mapping[str, Any]]) -> Iterator[None]:
    """Hold the table of the migrations of a stack, so that a job does not end."""
    values = {variable["name"]: variable.get("value", "") for variable in env}
    secret = f"/v1/projects/{PROJECT}/secrets/{name}-db-password/versions/latest:access"
    password = base64.b64decode(api.send("GET", secret).json()["payload"]["data"]).decode()
    with psycopg.connect(
        host=values["DATABASE_HOST"],
        port=values["DATABASE_PORT"],
        user=values["DATABASE_USER"],
        password=password,
        dbname=values["DATABASE_NAME"],
    ) as connection:
        connection.execute("LOCK TABLE _prisma_migrations")
        yield
        connection.rollback()


# ---- What gcloud needs of the emulator ----


def _proxied(cloud: Running, url: str) -> requests.Response:
    """The answer to a request that uses the emulator as its proxy."""
    with requests.Session() as session:
        session.trust_env = False
        return session.get(url, proxies={"http": cloud.url, "https": cloud.url}, timeout=10)


def test_proxy_serves_the_host_of_a_region(cloud: Running, api: Api) -> None:
    template = {"template": {"containers": [{"image": IMAGE}]}}
    api.done("POST", f"/v2/{PARENT}/jobs", {"template": template}, jobId="regional")
    path = f"/apis/run.googleapis.com/v1/namespaces/{PROJECT}/jobs"
    port = urlsplit(cloud.url).port
    jobs = {
        region: [
            job["metadata"]["name"]
            for job in _proxied(cloud, f"http://{region}-127.0.0.1:{port}{path}").json()["items"]
        ]
        for region in (google.REGION, "europe-west1")
    }
    assert "regional" in jobs[google.REGION]
    assert jobs["europe-west1"] == []


def test_proxy_refuses_other_hosts(cloud: Running) -> None:
    for host in ("nowhere.invalid", "127.0.0.1.nowhere.invalid"):
        answer = _proxied(cloud, f"http://{host}/v1/projects")
        assert answer.status_code == 403
        assert "reaches only the Google Cloud emulator" in answer.text
    # With TLS the client first asks for a tunnel.
    with pytest.raises(requests.exceptions.ProxyError, match="403"):
        _proxied(cloud, "https://nowhere.invalid/v1/projects")


def test_list_of_every_region_names_its_kind(api: Api) -> None:
    base = f"/compute/v1/projects/{PROJECT}"
    api.done("POST", f"{base}/global/addresses", {"name": "listed"})
    answer = api.send("GET", f"{base}/aggregated/addresses", returnPartialSuccess="True").json()
    assert answer["kind"] == "compute#addressAggregatedList"
    assert "listed" in [address["name"] for address in answer["items"]["global"]["addresses"]]


def test_first_api_of_cloud_run_changes_images(api: Api) -> None:
    body = {"template": {"containers": [{"image": IMAGE}]}}
    api.done("POST", f"/v2/{PARENT}/services", body, serviceId="viewed")
    path = f"/apis/serving.knative.dev/v1/namespaces/{PROJECT}/services/viewed"
    service = api.send("GET", path).json()
    container = service["spec"]["template"]["spec"]["containers"][0]
    assert container["image"] == IMAGE
    container["image"] = NEXT_IMAGE
    status = api.send("PUT", path, service).json()["status"]
    assert status["latestReadyRevisionName"] == "viewed-00002-loc"
    container["env"] = [{"name": "A", "value": "1"}]
    assert "changes only the images" in api.send("PUT", path, service).text
