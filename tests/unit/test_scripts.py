"""The scripts that an apply runs: what they call, when they give up, and what they say."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.harness.process.child import soon
from tests.harness.stacks import STACKS

# A CLI of a test: it notes each call, and a case of its shell answers.
CLI = """#!/usr/bin/env bash
echo "$*" >> "${CALLS}"
case "$*" in
%s
esac
"""
TASK = "arn:aws:ecs:eu-west-1:123456789012:task/c/1"
AWS = {
    "RUN_COMMAND": "aws ecs run-task --cluster c",
    "CLUSTER": "c",
    "REGION": "eu-west-1",
    "FAMILY": "f",
    "CONTAINER": "migrations",
    "LOG_GROUP": "/ecs/x/migrations",
    "INTERVAL": "0",
}
GCP = {
    "RUN_COMMAND": "gcloud run jobs execute j --wait",
    "JOB": "j",
    "PROJECT": "acme-prod-1",
    "REGION": "us-central1",
    "INTERVAL": "0",
}
NO_OTHER = "*list-tasks*) echo None;;"
STARTED = f"*run-task*) printf '{TASK}\\tNone\\n';;"


@dataclass(frozen=True, slots=True)
class Script:
    """A script with the CLI of a test: its process, and the calls so far."""

    process: subprocess.Popen[str]
    log: Path

    @property
    def calls(self) -> list[str]:
        """The arguments of each call."""
        return self.log.read_text().splitlines() if self.log.exists() else []

    def ended(self) -> tuple[int, str]:
        """The exit status and the output."""
        output, _ = self.process.communicate(timeout=30)
        return self.process.returncode, output


Start = Callable[[str, str, Mapping[str, str], str], Script]


@pytest.fixture
def start(tmp_path: Path) -> Start:
    def started(stack: str, name: str, environment: Mapping[str, str], answers: str) -> Script:
        cli = tmp_path / {"aws": "aws", "gcp": "gcloud"}[stack]
        if answers:
            cli.write_text(CLI % answers)
            cli.chmod(0o700)
        log = tmp_path / "calls"
        # The machine may have the CLIs.
        tools = tmp_path / "tools"
        tools.mkdir()
        for tool in ("bash", "env", "grep", "mktemp", "rm", "sleep", "touch"):
            (tools / tool).symlink_to(str(shutil.which(tool)))
        variables = {"PATH": f"{tmp_path}{os.pathsep}{tools}", "CALLS": str(log)}
        process = subprocess.Popen(
            ["bash", str(STACKS[stack].folder / "scripts" / name)],
            env={**variables, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return Script(process, log)

    return started


def test_aws_job_reports_success(start: Start) -> None:
    ended = "*lastStatus*) echo STOPPED;; *describe-tasks*) printf '0\\tEssential\\n';;"
    script = start("aws", "run-job.sh", AWS, "\n".join([NO_OTHER, STARTED, ended]))
    status, output = script.ended()
    assert (status, "migrations: done" in output) == (0, True), output
    assert not [call for call in script.calls if "stop-task" in call]


def test_aws_job_with_an_exit_code_shows_its_log(start: Start) -> None:
    ended = "*lastStatus*) echo STOPPED;; *describe-tasks*) printf '3\\tEssential\\n';;"
    answers = "\n".join([NO_OTHER, STARTED, ended, "*get-log-events*) echo P3009;;"])
    script = start("aws", "run-job.sh", AWS, answers)
    status, output = script.ended()
    assert status == 1
    assert "P3009" in output
    assert "exited with 3" in output
    assert "Its log is in /ecs/x/migrations" in output
    assert sum("run-task" in call for call in script.calls) == 1


def test_aws_job_that_never_ran_names_no_log(start: Start) -> None:
    ended = "*lastStatus*) echo STOPPED;; *describe-tasks*) printf 'None\\tCannotPull\\n';;"
    script = start("aws", "run-job.sh", AWS, "\n".join([NO_OTHER, STARTED, ended]))
    status, output = script.ended()
    assert status == 1
    assert "error: CannotPull" in output
    assert "Its log is in" not in output
    assert sum("run-task" in call for call in script.calls) == 4


def test_aws_credential_error_is_final(start: Start) -> None:
    denied = "*run-task*) echo 'An error occurred (ExpiredTokenException)' >&2; exit 254;;"
    script = start("aws", "run-job.sh", AWS, "\n".join([NO_OTHER, denied]))
    status, output = script.ended()
    assert status == 1
    assert "ExpiredTokenException" in output
    assert sum("run-task" in call for call in script.calls) == 1


def test_aws_job_waits_for_one_of_an_earlier_apply(start: Start, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    other = f"*list-tasks*) if [ -e {gone} ]; then echo None; else touch {gone}; echo other; fi;;"
    ended = "*lastStatus*) echo STOPPED;; *describe-tasks*) printf '0\\tEssential\\n';;"
    script = start("aws", "run-job.sh", AWS, "\n".join([other, STARTED, ended]))
    status, output = script.ended()
    assert status == 0
    assert "waits for other of an earlier apply" in output
    order = [call.split()[1] for call in script.calls]
    assert order[:3] == ["list-tasks", "list-tasks", "run-task"]


def test_aws_interrupt_stops_the_task(start: Start) -> None:
    answers = "\n".join([NO_OTHER, STARTED, "*lastStatus*) sleep 0.2; echo RUNNING;;"])
    script = start("aws", "run-job.sh", AWS, answers)
    assert soon(lambda: any("lastStatus" in call for call in script.calls))
    script.process.send_signal(signal.SIGTERM)
    status, output = script.ended()
    assert status == 1
    assert any("stop-task --region eu-west-1 --cluster c" in call for call in script.calls), output


def test_aws_timeout_stops_the_task(start: Start) -> None:
    answers = "\n".join([NO_OTHER, STARTED, "*lastStatus*) echo RUNNING;;"])
    script = start("aws", "run-job.sh", {**AWS, "TIMEOUT": "0"}, answers)
    status, output = script.ended()
    assert status == 1
    assert "still RUNNING after 0 s" in output
    assert any("stop-task" in call for call in script.calls)


def test_google_job_waits_for_one_of_an_earlier_apply(start: Start, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    other = f"*'executions list'*) [ -e {gone} ] || {{ touch {gone}; echo j-1; }};;"
    script = start("gcp", "run-job.sh", GCP, other)
    status, output = script.ended()
    assert status == 0, output
    assert "waits for j-1 of an earlier apply" in output
    assert "run jobs execute" in script.calls[-1]


def test_google_interrupt_cancels_the_execution(start: Start, tmp_path: Path) -> None:
    started = tmp_path / "started"
    answers = "\n".join(
        [
            f"*'executions list'*) [ ! -e {started} ] || echo j-2;;",
            f"*'jobs execute'*) touch {started}; exec sleep 20;;",
        ]
    )
    script = start("gcp", "run-job.sh", GCP, answers)
    assert soon(started.exists)
    script.process.send_signal(signal.SIGTERM)
    status, _ = script.ended()
    assert status == 1
    assert any("executions cancel j-2" in call for call in script.calls)


def test_google_failed_job_names_its_log(start: Start) -> None:
    script = start("gcp", "run-job.sh", GCP, "*'jobs execute'*) exit 1;;")
    status, output = script.ended()
    assert status == 1
    assert "gcloud beta run jobs logs read j" in output


SERVICES = {
    "CLUSTER": "c",
    "REGION": "eu-west-1",
    "SERVICES": "x-gateway=t:2=/ecs/x/gateway x-ui=t:7=/ecs/x/ui",
    "INTERVAL": "0",
}
UI = "*x-ui*) printf 't:7\\tCOMPLETED\\tdone\\n';;"


def test_aws_services_with_new_tasks_are_done(start: Start, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    gateway = (
        f"*x-gateway*) if [ -e {seen} ]; then printf 't:2\\tCOMPLETED\\tdone\\n'; "
        f"else touch {seen}; printf 't:2\\tIN_PROGRESS\\tin progress\\n'; fi;;"
    )
    script = start("aws", "wait-services.sh", SERVICES, "\n".join([gateway, UI]))
    status, output = script.ended()
    assert status == 0, output
    assert "x-gateway: runs its new tasks" in output
    assert not [call for call in script.calls if "update-service" in call]


FAILED = "printf 't:2\\tFAILED\\ttasks failed to start\\n'"
STARTING = "printf 't:2\\tIN_PROGRESS\\tin progress\\n'"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (FAILED, "tasks failed to start"),
        ("printf 't:1\\tCOMPLETED\\tdone\\n'", "ECS rolled back to t:1"),
    ],
    ids=["failed", "rolled-back"],
)
def test_aws_failed_deployment_says_what_failed(
    start: Start, tmp_path: Path, answer: str, reason: str
) -> None:
    seen = tmp_path / "seen"
    events = "*events*) echo 'unable to pull the image';;"
    gateway = f"*x-gateway*) [ -e {seen} ] && {answer} || {STARTING}; touch {seen};;"
    answers = "\n".join([events, gateway, UI])
    status, output = start("aws", "wait-services.sh", SERVICES, answers).ended()
    assert status == 1
    assert f"x-gateway: error: never ran its new tasks: {reason}" in output, output
    assert "unable to pull the image" in output
    assert "Its log is in /ecs/x/gateway" in output


def test_aws_deployment_that_failed_before_is_retried(start: Start, tmp_path: Path) -> None:
    retried = tmp_path / "retried"
    done = "printf 't:2\\tCOMPLETED\\tdone\\n'"
    update = f"*update-service*x-gateway*) touch {retried};;"
    gateway = f"*x-gateway*) [ -e {retried} ] && {done} || {FAILED};;"
    script = start("aws", "wait-services.sh", SERVICES, "\n".join([update, gateway, UI]))
    status, output = script.ended()
    assert status == 0, output
    assert any("--force-new-deployment" in call for call in script.calls)


def test_aws_deployment_that_never_ends_is_an_error(start: Start) -> None:
    answers = "\n".join([f"*x-gateway*) {STARTING};;", UI])
    environment = {**SERVICES, "TIMEOUT": "0"}
    status, output = start("aws", "wait-services.sh", environment, answers).ended()
    assert status == 1
    assert "never ran its new tasks: still IN_PROGRESS after 0 s" in output


PROJECT = "*projects*) echo acme-prod-1;;"
BOTH_APIS = "*services*) echo run.googleapis.com; echo redis.googleapis.com;;"
NO_CREDENTIALS = "*) echo Unable to locate credentials >&2; exit 253;;"
ACCOUNT = "*get-caller-identity*) echo 123456789012;;"
QUOTA_5 = "*service-quotas*) echo 5.0;;"
# The stack has no address yet.
NEW = "*addresses*) exit 1;;"
FULL = "*project-info*) printf 'NETWORKS,5.0,5.0\\nSTATIC_ADDRESSES,8.0,1.0\\n';;"
CHECKS = {
    "aws-right": ("aws", f"{ACCOUNT}\n{QUOTA_5}\n*) echo 4;;", 0, "uses account 123456789012"),
    "aws-no-cli": ("aws", "", 1, "no aws CLI here"),
    "aws-no-credentials": ("aws", NO_CREDENTIALS, 1, "Unable to locate credentials"),
    "aws-other-account": ("aws", "*) echo 210987654321;;", 1, "uses account 210987654321"),
    "aws-not-permitted": (
        "aws",
        f"{ACCOUNT}\n*service-quotas*) echo AccessDeniedException >&2; exit 254;;\n*) echo 0;;",
        0,
        "the quota of VPCs was not checked: AccessDeniedException",
    ),
    "aws-no-vpc-left": (
        "aws",
        f"{ACCOUNT}\n{QUOTA_5}\n*vpcs*) echo 5;;\n*) echo 0;;",
        1,
        "needs 1 of VPCs in eu-west-1: 5 are in use by others, and the quota is 5",
    ),
    "aws-no-address-left": (
        "aws",
        f"{ACCOUNT}\n{QUOTA_5}\n*addresses*) echo 5;;\n*) echo 0;;",
        1,
        "--service-code ec2 --quota-code L-0263D0A3 --desired-value 6",
    ),
    "aws-no-vcpu-left": (
        "aws",
        f"{ACCOUNT}\n*fargate*) echo 1.0;;\n{QUOTA_5}\n*) echo 0;;",
        1,
        "needs 3 of Fargate vCPUs in eu-west-1",
    ),
    "gcp-right": ("gcp", f"{PROJECT}\n{BOTH_APIS}", 0, "has all APIs"),
    "gcp-no-cli": ("gcp", "", 1, "no gcloud CLI here"),
    "gcp-no-credentials": ("gcp", "*) echo not logged in >&2; exit 1;;", 1, "gcloud auth login"),
    "gcp-not-permitted": (
        "gcp",
        f"{PROJECT}\n{BOTH_APIS}\n{NEW}\n*project-info*) echo denied >&2; exit 1;;",
        0,
        "the quotas of Compute Engine were not checked: denied",
    ),
    "gcp-no-network-left": (
        "gcp",
        f"{PROJECT}\n{BOTH_APIS}\n{NEW}\n{FULL}",
        1,
        "needs 1 of NETWORKS in acme-prod-1: 5 are in use, and the quota is 5",
    ),
    "gcp-existing-stack": (
        "gcp",
        f"{PROJECT}\n{BOTH_APIS}\n*addresses*) echo 203.0.113.1;;\n{FULL}",
        0,
        "has all APIs",
    ),
    "gcp-no-api": (
        "gcp",
        f"{PROJECT}\n*services*) echo run.googleapis.com;;",
        1,
        "gcloud services enable redis.googleapis.com --project acme-prod-1",
    ),
}


@pytest.mark.parametrize("name", CHECKS)
def test_preflight_says_what_is_missing(start: Start, name: str) -> None:
    stack, answers, expected, text = CHECKS[name]
    environment = {
        "ACCOUNT": "123456789012",
        "REGION": "eu-west-1",
        "PROJECT": "acme-prod-1",
        "APIS": "run.googleapis.com redis.googleapis.com",
        "STACK": "acme-litellm-dev",
        "VPCS": "1",
        "ADDRESSES": "1",
        "VCPUS": "3",
        "ADDRESS": "acme-litellm-dev-ip",
        "QUOTAS": "NETWORKS=1 STATIC_ADDRESSES=1",
    }
    status, output = start(stack, "preflight.sh", environment, answers).ended()
    assert status == expected, output
    assert text in output
