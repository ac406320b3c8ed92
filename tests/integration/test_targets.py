"""``--target=aws`` and ``--target=gcp``: what runs, what does not and why, without an account."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from tests.harness.accounts import allowed, buckets, identity, runs, targets
from tests.harness.accounts.allowed import NotAllowedError
from tests.harness.accounts.ledger import Record
from tests.harness.accounts.targets import NotRunError
from tests.harness.emulators.aws import cloud
from tests.harness.lifecycle.target import ZoneError
from tests.harness.paths import ROOT
from tests.harness.process.supervisor import supervising
from tests.harness.stacks import STACKS
from tests.harness.terraform import planning
from tests.integration import stages, test_failure_scenarios, test_lifecycle_aws, test_lifecycle_gcp
from tests.integration.conftest import planned
from tests.plugins.accounts import LOCAL

NONE = {"AWS_EC2_METADATA_DISABLED": "true", "NO_GCE_CHECK": "true", "HOME": "/nonexistent"}
LIFECYCLES = {"aws": test_lifecycle_aws, "gcp": test_lifecycle_gcp}
LIFECYCLE = "tests/integration/test_lifecycle_{}.py"
SCENARIOS = "tests/integration/test_failure_scenarios.py"
# Text of a credential that no cloud issued: the suite only looks for one when it selects tests.
GOOGLE = {"type": "authorized_user", "client_id": "a", "client_secret": "b", "refresh_token": "c"}


Run = tuple[Mapping[str, str], list[str]]
Collected = Mapping[str, tuple[set[str], str, int]]
"""The names of the tests that each target selects, the output and the exit status.

The key "" is AWS without credentials.
"""


def run(target: str, environment: Mapping[str, str], *arguments: str) -> Run:
    """A run of pytest for a target: its variables and arguments."""
    options = ["-p", "no:cacheprovider", "-q", f"--target={target}"]
    return {**NONE, **environment}, [*options, *arguments]


def ran(runs: list[Run]) -> list[tuple[int, str]]:
    """The exit status and output of each run."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    result = subprocess.run(
        [sys.executable, "-m", "tests.integration.selections", json.dumps(runs)],
        cwd=ROOT,
        env=kept,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return [(status, output) for status, output in json.loads(result.stdout)]


def test_target_without_credentials_says_what_is_missing(collected: Collected) -> None:
    output, status = collected[""][1], collected[""][2]
    assert "not run: --target=aws: there are no AWS credentials: set AWS_PROFILE" in output
    assert " passed" not in output
    # No test ran.
    assert status == 5


@pytest.mark.parametrize(
    ("target", "environment", "message"),
    [
        ("aws", {}, "set LITELLM_TEST_ACCOUNT, or LITELLM_TEST_ALLOWED"),
        ("gcp", {}, "set LITELLM_TEST_PROJECT, or LITELLM_TEST_ALLOWED"),
        ("gcp", {"LITELLM_TEST_PROJECT": "a"}, "set GOOGLE_APPLICATION_CREDENTIALS"),
    ],
)
def test_missing_variable_is_named(
    target: str,
    environment: Mapping[str, str],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    for name, value in {**NONE, "CLOUDSDK_CONFIG": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(NotRunError, match=message):
        targets.credentials(target, environment)


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Collected:
    file = tmp_path_factory.mktemp("credentials") / "google.json"
    file.write_text(json.dumps(GOOGLE))
    environments = {
        LOCAL: {},
        "aws": {
            "LITELLM_TEST_ACCOUNT": "123456789012",
            "AWS_ACCESS_KEY_ID": "a",
            "AWS_SECRET_ACCESS_KEY": "b",
        },
        "gcp": {
            "LITELLM_TEST_PROJECT": "a-project",
            "GOOGLE_APPLICATION_CREDENTIALS": str(file),
        },
    }
    files = [*map(LIFECYCLE.format, LIFECYCLES), SCENARIOS]
    runs = [run(name, own, "--collect-only", *files) for name, own in environments.items()]
    runs.append(run("aws", {"LITELLM_TEST_ACCOUNT": "1"}, LIFECYCLE.format("aws")))
    found = {}
    for name, (status, output) in zip([*environments, ""], ran(runs), strict=True):
        names = set(re.findall(r"(?m)^tests/integration/(\S+::.*)$", output))
        found[name] = (names, output, status)
    return found


@pytest.mark.parametrize("name", list(LIFECYCLES))
def test_account_skips_no_stage_silently(name: str, collected: Collected) -> None:
    file = LIFECYCLE.format(name).rpartition("/")[2]
    local = {t.partition("::")[2] for t in collected[LOCAL][0] if t.startswith((file, "test_fail"))}
    account, output, _ = collected[name]
    selected = {test.partition("::")[2] for test in account}
    # An account requires gcloud; a local run without one leaves this test out. On the local clouds
    # failure scenarios create the stack again.
    local |= {
        "test_command_of_the_readme_prints_the_master_key",
        "test_same_name_applies_and_destroys_again",
    }
    # Without a second image, the rest of that change runs.
    rest = {"aws": "zones and scale", "gcp": "scale"}[name]
    assert selected - local == {f"test_change_rolls_without_a_failed_request[{rest}]"}
    missing = local - selected
    reasons = dict(re.findall(r"(?m)^not run: (.+?): --target=\w+: (.+)$", output))
    assert missing - set(reasons) == set()
    image = f"image and {rest}"
    # What an account does not show is a fixed list: a new gap needs a line here.
    assert {test for test in missing if "diagnosis" not in test} == {
        f"test_change_rolls_without_a_failed_request[{image}]",
        "test_changed_image_runs",
        "test_http_redirects_to_https_with_path_and_query",
        "test_migrations_created_every_table",
        "test_restarted_store_loses_no_request_after_a_retry[cache]",
        "test_restarted_store_loses_no_request_after_a_retry[database]",
    }


def test_every_scenario_says_where_it_runs() -> None:
    odd = [
        entry["name"]
        for entry in test_failure_scenarios.BY_NAME.values()
        if ("account" in entry) == ("local" in entry)
    ]
    assert odd == []


def test_a_scenario_of_each_cloud_creates_its_stack_again() -> None:
    second = [e["group"] for e in test_failure_scenarios.BY_NAME.values() if e.get("second")]
    assert {group.partition("-")[0] for group in second} == set(LIFECYCLES)


@pytest.mark.parametrize("name", list(LIFECYCLES))
def test_inputs_of_an_account_plan(name: str, session: planning.Session) -> None:
    case = LIFECYCLES[name].CASE
    run = identity.identity("me", 3600)
    inputs = {**stages.INPUTS, **case.inputs, **targets.PLAIN[name]}
    plan = planned(session, name, run.inputs(STACKS[name], inputs))
    assert len(plan.resources) > 40
    assert not plan.of_type("google_compute_managed_ssl_certificate")


@pytest.fixture(scope="module")
def api() -> Iterator[str]:
    with supervising() as supervisor:
        yield cloud.start(supervisor).url


def test_account_of_the_credentials_must_be_allowed(
    api: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in (
        ("AWS_ENDPOINT_URL", api),
        ("AWS_ACCESS_KEY_ID", "local"),
        ("AWS_SECRET_ACCESS_KEY", "local"),
        ("LITELLM_TEST_ACCOUNT", "210987654321"),
    ):
        monkeypatch.setenv(variable, value)
    with pytest.raises(NotAllowedError, match="those of account 123456789012"):
        targets.target("aws")
    monkeypatch.setenv("LITELLM_TEST_ACCOUNT", "210987654321,123456789012")
    target = targets.target("aws")
    assert target.control.place() == "123456789012"
    assert target.choice.mode == "registry"
    # An account has no endpoint, and its provider checks the account.
    assert "endpoints" not in target.provider
    assert target.provider["skip_requesting_account_id"] is False
    assert "AWS_ENDPOINT_URL" not in target.environment
    with pytest.raises(NotRunError, match="tables of the database"):
        target.tables()


def test_invalid_credentials_are_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in (
        # Nothing listens on this port.
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:9"),
        ("AWS_ACCESS_KEY_ID", "a"),
        ("AWS_SECRET_ACCESS_KEY", "b"),
        ("AWS_MAX_ATTEMPTS", "1"),
        (allowed.VARIABLES["aws"], "1"),
    ):
        monkeypatch.setenv(variable, value)
    with pytest.raises(NotRunError, match="the credentials of aws are not valid"):
        targets.target("aws")


def test_certificate_turns_tls_on(session: planning.Session) -> None:
    arn = "arn:aws:acm:eu-west-1:123456789012:certificate/12345678-1234-1234-1234-123456789012"
    variables = {"LITELLM_TEST_DOMAIN": "a.example.org", "LITELLM_TEST_CERTIFICATE": arn}
    assert "tls" not in targets.not_run("aws", variables)
    assert "tls" in targets.not_run("aws", {"LITELLM_TEST_DOMAIN": "a.example.org"})
    assert "tls" in targets.not_run("gcp", variables)
    inputs = {**stages.INPUTS, **LIFECYCLES["aws"].CASE.inputs}
    plan = planned(session, "aws", {**inputs, **targets.entry_inputs("aws", variables)})
    ports = {item.values["port"] for item in plan.of_type("aws_lb_listener").values()}
    assert ports == {80, 443}
    plain = planned(session, "aws", {**inputs, **targets.entry_inputs("aws", {})})
    assert {item.values["port"] for item in plain.of_type("aws_lb_listener").values()} == {80}


@pytest.mark.parametrize("name", list(LIFECYCLES))
def test_zone_turns_tls_on(name: str) -> None:
    variables = {"LITELLM_TEST_ZONE": "litellm.example.com."}
    assert {"tls", "zone"} & set(targets.not_run(name, variables)) == set()
    assert {"tls", "zone"} <= set(targets.not_run(name, {}))
    assert targets.zone(variables) == "litellm.example.com"
    # The run adds the inputs of its own host.
    assert targets.entry_inputs(name, variables) == targets.PLAIN[name]


def test_host_that_no_certificate_can_name_is_refused() -> None:
    stack = "t0123456-litellm-ci"
    record = Record("run", "aws", "1", "eu-west-1", "me", 0, 1, stack, zone=f"{'a' * 41}.org")
    with pytest.raises(ZoneError, match="at most 64 characters; got 65"):
        runs.domain_of(record)
    named = runs.domain_of(replace(record, zone=f"{'a' * 40}.org"))
    assert named is not None
    assert len(named.host) == 64


def test_offline_providers_apply_to_no_account() -> None:
    with pytest.raises(NotRunError, match="use --providers=registry"):
        targets.target("aws", "offline")


def test_folder_without_a_setting_is_that_of_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    buckets.opened("").write("a", b"b", None)
    assert (tmp_path / "litellm-stacks" / "ledger" / "a").read_bytes() == b"b"
