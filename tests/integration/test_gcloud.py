"""The gcloud CLI of this machine, with the commands that documents, messages and scripts print."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.harness.emulators import launch
from tests.harness.emulators.gcp import target as google
from tests.harness.emulators.launch import GcpOptions
from tests.harness.lifecycle.run import Lifecycle, apply, outputs
from tests.harness.paths import GCLOUD, ROOT
from tests.harness.stacks import STACKS
from tests.integration import readme
from tests.integration.conftest import Lifecycles
from tests.integration.google_api import Api

TABLE = yaml.safe_load(GCLOUD.read_text())
PROJECT = STACKS["gcp"].scope[1]
KEY = "sk-a-master-key-of-the-test-0123456789"
ORIGIN = "a-database-that-ends"
NEXT_IMAGE = "docker.io/litellm/litellm-ui:next"


@pytest.fixture(scope="module")
def lifecycle(
    lifecycles: Lifecycles, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Lifecycle]:
    """A stack with stand-ins for the containers, which gcloud migrated."""
    folder = tmp_path_factory.mktemp("gcloud")
    log = folder / "cloud.log"
    with launch.serving(GcpOptions(), log) as running:
        inputs = {
            "litellm_master_key": KEY,
            "provided_credentials": ["litellm_master_key"],
            "create_read_replica": False,
        }
        lifecycle = lifecycles(google.target(running.url, folder, real_cli=True), inputs)
        apply(lifecycle)
        _create_origin(Api(running.url))
        yield lifecycle
    # The emulator logs what it does not serve, and answers that Google would not give.
    assert log.read_text() == ""


def _create_origin(api: Api) -> None:
    """Create a database instance with a database and a backup. Its deletion leaves another."""
    base = f"/sql/v1beta4/projects/{PROJECT}/instances"
    settings = {"tier": "db-custom-2-7680", "finalBackupConfig": {"enabled": True}}
    instance = {"name": ORIGIN, "databaseVersion": "POSTGRES_16", "settings": settings}
    api.done("POST", base, instance)
    api.done("POST", f"{base}/{ORIGIN}/databases", {"name": "kept"})
    api.done("POST", f"{base}/{ORIGIN}/backupRuns", {})


def _api(lifecycle: Lifecycle) -> Api:
    """A client of the emulator of a stack."""
    endpoint = lifecycle.target.environment["CLOUDSDK_API_ENDPOINT_OVERRIDES_RUN"]
    return Api(endpoint.rstrip("/"))


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
def test_printed_commands_show_the_stack(lifecycle: Lifecycle, tmp_path: Path) -> None:
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
    api = _api(lifecycle)
    service = api.send(
        "GET", f"/v2/projects/{PROJECT}/locations/{google.REGION}/services/{name}-ui"
    )
    assert service.json()["template"]["containers"][0]["image"] == NEXT_IMAGE
    project = api.send("GET", f"/compute/v1/projects/{PROJECT}").json()
    metadata = project["commonInstanceMetadata"]["items"]
    assert metadata == [{"key": "enable-osconfig", "value": "TRUE"}]
    databases = f"/sql/v1beta4/projects/{PROJECT}/instances/{words['WRITER']}/databases"
    assert "kept" in [item["name"] for item in api.send("GET", databases).json()["items"]]
    network = api.send("GET", f"/compute/v1/projects/{PROJECT}/global/networks/{name}").json()
    assert "peerings" not in network


@pytest.mark.needs("gcloud")
def test_command_of_the_output_migrates_again(lifecycle: Lifecycle, tmp_path: Path) -> None:
    command = outputs(lifecycle)["migration_run_command"]
    status, output = readme.attempt(lifecycle, command, tmp_path, {})
    assert status == 0, output
    assert re.search(r"Execution \[\S+-migrations-\d+\] has successfully completed", output)
    job = f"/v2/projects/{PROJECT}/locations/{google.REGION}/jobs/{lifecycle.name}-migrations"
    executions = _api(lifecycle).send("GET", f"{job}/executions").json()["executions"]
    assert [execution["succeededCount"] for execution in executions] == [1, 1]
