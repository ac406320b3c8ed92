"""Which accounts the suite may touch, and which errors it tries again."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.harness.accounts import allowed, retries
from tests.harness.accounts.retries import Retries
from tests.harness.lifecycle.run import LifecycleError

THROTTLED = "Error: creating ECS Service: operation error ECS: Throttling: Rate exceeded"


def test_account_without_a_list_is_refused() -> None:
    with pytest.raises(allowed.NotAllowedError, match="may touch only no account"):
        allowed.check("aws", "123456789012", {})


def test_wrong_account_is_refused_by_name() -> None:
    with pytest.raises(allowed.NotAllowedError, match="Set LITELLM_TEST_ACCOUNT=123456789012"):
        allowed.check("aws", "123456789012", {"LITELLM_TEST_ACCOUNT": "210987654321"})


def test_account_of_the_variable_or_the_file_is_allowed(tmp_path: Path) -> None:
    file = tmp_path / "allowed.yaml"
    file.write_text("aws: ['123456789012']\ngcp: [a-project]\n")
    environment = {
        "LITELLM_TEST_ALLOWED": str(file),
        "LITELLM_TEST_PROJECT": "b-project, c-project",
    }
    allowed.check("aws", "123456789012", environment)
    for project in ("a-project", "b-project", "c-project"):
        allowed.check("gcp", project, environment)


@pytest.mark.parametrize("text", ["[", "a text", "aws: 5"])
def test_bad_file_of_accounts_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "allowed.yaml"
    file.write_text(text)
    with pytest.raises(allowed.NotAllowedError, match="must be a YAML file with the lists"):
        allowed.check("aws", "123456789012", {"LITELLM_TEST_ALLOWED": str(file)})


def failing(output: str, times: int, ran: list[int]) -> None:
    """Fail some times, then succeed."""
    ran.append(1)
    if len(ran) <= times:
        raise LifecycleError("apply", output)


def test_transient_error_is_retried_and_counted() -> None:
    ran: list[int] = []
    policy = Retries("aws", 0)
    policy.run("apply", lambda: failing(THROTTLED, 2, ran))
    assert len(ran) == 3
    assert policy.lines() == ["aws apply: throttling: retried 2 times"]


@pytest.mark.parametrize(
    "entry", retries.table()[0], ids=lambda entry: f"{entry.cloud}-{entry.name}"
)
def test_error_is_retried_no_more_than_the_table_says(entry: retries.Transient) -> None:
    samples = {
        ("aws", "throttling"): THROTTLED,
        ("aws", "server error"): "api error InternalFailure: injected",
        ("aws", "a role that IAM has not propagated"): "ECS was unable to assume the role",
        (
            "aws",
            "a network interface that is still in use",
        ): "DependencyViolation: has a dependency",
        ("gcp", "quota of requests"): "googleapi: Error 429: injected, rateLimitExceeded",
        ("gcp", "server error"): "googleapi: Error 503: injected",
        ("gcp", "an operation in progress"): "Error 409: operationInProgress",
        ("gcp", "a peering that a database still uses"): "Producer services (e.g. CloudSQL, Cloud "
        "Memstore, etc.) are still\n│ using this connection",
        ("any", "a connection that was lost"): "read tcp: connection reset by peer",
    }
    cloud = "aws" if entry.cloud == "any" else entry.cloud
    ran: list[int] = []
    policy = Retries(cloud, 0)
    sample = samples[entry.cloud, entry.name]
    with pytest.raises(LifecycleError):
        policy.run(entry.phases[-1], lambda: failing(sample, 100, ran))
    assert len(ran) == 1 + entry.attempts
    assert policy.counts == {(entry.phases[-1], entry.name): entry.attempts}


@pytest.mark.parametrize(
    "output",
    [
        "Error: Provider produced inconsistent result after apply",
        "Error: Provider produced\n│ inconsistent final plan: Throttling",
        "ExpiredToken: The security token is expired; Throttling",
        "googleapi: Error 403: PERMISSION_DENIED, rateLimitExceeded",
        "Error: Invalid value for variable",
    ],
)
def test_lasting_error_is_never_retried(output: str) -> None:
    for cloud in ("aws", "gcp"):
        ran: list[int] = []
        with pytest.raises(LifecycleError):
            Retries(cloud, 0).run("apply", lambda: failing(output, 100, ran))  # noqa: B023
        assert len(ran) == 1


def test_error_of_another_phase_is_not_retried() -> None:
    assert retries.transient("aws", "apply", "DependencyViolation") is None
    assert retries.transient("aws", "destroy", "DependencyViolation")
