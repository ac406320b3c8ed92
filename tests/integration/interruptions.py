"""Runs that are killed, interrupted, or meet a fault of an API; then the janitor cleans up.

The tests of ``test_janitor_*.py``. ``--interruptions`` and ``--faults`` set their numbers. The
first ones of each cloud are the same in every run.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.harness.accounts import identity, leaks, permissions
from tests.harness.accounts.identity import RUN_TAG
from tests.harness.accounts.janitor import Done, outlived
from tests.harness.accounts.ledger import DESTROYED, Record
from tests.harness.accounts.ownership import owned
from tests.harness.cli import janitor
from tests.harness.cli import leaks as leaks_command
from tests.harness.emulators.parts.faults import KINDS, Called, Fault
from tests.harness.process.child import alive, child_with, soon
from tests.harness.sdk import aws
from tests.integration.google_api import Api
from tests.integration.local_clouds import DESTROYING, Local, started
from tests.plugins.accounts import ROW

# What runs without an option. Another test kills a run on each cloud.
SAMPLE = {"interruption": {"aws": 0, "gcp": 0}, "fault": {"gcp": 1}}
# A small stack needs about 50 changing calls, a whole one 60 to 100.
MOST_CALLS = {"aws": 60, "gcp": 35}
_END_SECONDS = 240
_START_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Plan:
    """What happens to a run: in which phase, after how many changing calls, to a small stack?"""

    what: str
    phase: str
    calls: int
    small: bool


def _applying(root: int) -> int:
    """The process of Terraform below ``root`` that changes the cloud; 0 without one."""
    return child_with(root, "apply", "destroy")


def _terraform(number: signal.Signals) -> Callable[[subprocess.Popen[bytes]], None]:
    def hit(worker: subprocess.Popen[bytes]) -> None:
        if process := _applying(worker.pid):
            os.kill(process, number)

    return hit


def _fill(disk: Path) -> None:
    """Leave no byte on a small disk."""
    with contextlib.suppress(OSError), (disk / "filler").open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))


@contextlib.contextmanager
def _disk(folder: Path) -> Iterator[Path]:
    """A disk of 8 MiB, which only root can mount."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("not run: a full disk: this user may not mount one")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


_FULL_DISK = "full disk"
INTERRUPTIONS: dict[str, Callable[[subprocess.Popen[bytes]], None]] = {
    "killed worker": lambda worker: worker.kill(),
    "killed Terraform": _terraform(signal.SIGKILL),
    "Ctrl-C": lambda worker: worker.send_signal(signal.SIGINT),
    "SIGTERM": lambda worker: worker.terminate(),
    "Ctrl-C of Terraform": _terraform(signal.SIGINT),
    _FULL_DISK: lambda _: None,
}


def _plans(cloud: str, kinds: tuple[str, ...], count: int) -> list[Plan]:
    """Plans at random moments; the first ones are the same in every run."""
    numbers = random.Random(f"{cloud} {kinds[0]}")  # noqa: S311
    plans = []
    for number in range(count):
        phase = "destroy" if number % 4 == 3 else "apply"
        calls = 1 + numbers.randrange(MOST_CALLS[cloud])
        plans.append(Plan(kinds[number % len(kinds)], phase, calls, number % 5 != 4))
    return plans


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    cloud = metafunc.module.CLOUD
    for name, kinds in (("interruption", tuple(INTERRUPTIONS)), ("fault", KINDS)):
        if name in metafunc.fixturenames:
            chosen = metafunc.config.getoption(f"{name}s")
            count = SAMPLE[name].get(cloud, 0) if chosen is None else chosen
            plans = _plans(cloud, kinds, count)
            ids = [f"{plan.what}-{plan.phase}-{i + 1}" for i, plan in enumerate(plans)]
            none = pytest.param(None, id="none", marks=pytest.mark.interruptions())
            metafunc.parametrize(name, plans or [none], ids=ids or None)


@pytest.fixture(scope="module")
def local(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Local]:
    cloud = request.module.CLOUD
    folder = tmp_path_factory.mktemp(f"janitor-{cloud}")
    with started(cloud, folder, request.config.getoption("core")) as running:
        yield running


def _begun(
    local: Local, plan: Plan, log: Path, folder: Path | None = None
) -> subprocess.Popen[bytes]:
    """Start a run, also with its state elsewhere; returns when its phase has begun."""
    stages = ("apply", "destroy") if plan.phase == "destroy" else ("apply",)
    job = local.job(api=local.faults.url, small=plan.small, stages=stages)
    if folder:
        job = replace(job, folder=str(folder))
    worker = local.start(job, log)
    if plan.phase == "destroy":
        reached = soon(lambda: DESTROYING in log.read_text(), _START_SECONDS)
        assert reached or worker.poll() is not None, log.read_text()
    return worker


def _record(local: Local) -> Record:
    """The record of the run that is not destroyed."""
    records = [record for record in local.ledger.records() if record.phase != DESTROYED]
    assert len(records) == 1, records
    return records[0]


def _exist(local: Local, record: Record) -> int:
    control = local.target().control
    return sum(map(owned(control, record), control.existing()))


def _ended(worker: subprocess.Popen[bytes], terraform: int) -> None:
    worker.wait(_END_SECONDS)
    # The Terraform of a killed worker finishes its calls.
    assert soon(lambda: not terraform or not alive(terraform), _END_SECONDS)


def swept(local: Local) -> list[Done]:
    """Clean up, once the lease of the dead run has ended."""
    ledger = local.ledger
    assert soon(lambda: not any(r.held(time.time()) for r in ledger.records()), 60, 0.2)
    return local.clean()


def _row(plan: Plan, local: Local, run: str, found: int, done: list[Done]) -> list[str]:
    deleted, left = (sum(len(getattr(d, name)) for d in done) for name in ("deleted", "left"))
    texts = (
        local.cloud,
        plan.phase,
        f"{plan.what} at call {plan.calls}",
        run,
        found,
        deleted,
        left,
    )
    return [str(text) for text in texts]


def test_janitor_finishes_an_interrupted_run(
    local: Local,
    interruption: Plan,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    plan = interruption
    with contextlib.ExitStack() as stack:
        disk = None
        if plan.what == _FULL_DISK:
            disk = stack.enter_context(_disk(tmp_path / "disk"))
        _interrupted(local, plan, tmp_path / "log", disk, record_property)


def _interrupted(
    local: Local,
    plan: Plan,
    log: Path,
    disk: Path | None,
    record_property: Callable[[str, object], None],
) -> None:
    local.faults.inject(None)
    worker = _begun(local, plan, log, disk)
    local.faults.inject(None)
    terraform = 0
    try:
        assert soon(
            lambda: local.faults.changing >= plan.calls or worker.poll() is not None,
            _START_SECONDS,
            0.02,
        )
        terraform = _applying(worker.pid)
        if disk:
            _fill(disk)
        elif worker.poll() is None:
            INTERRUPTIONS[plan.what](worker)
        _ended(worker, terraform)
    finally:
        worker.kill()
        worker.wait()
    record = _record(local) if worker.returncode else None
    found = _exist(local, record) if record else 0
    if disk:
        (disk / "filler").unlink()
    done = swept(local)
    record_property(ROW, _row(plan, local, f"status {worker.returncode}", found, done))
    assert [item for item in done if item.problem or item.left] == []
    assert all(item.phase == DESTROYED for item in local.ledger.records())
    assert not record or _exist(local, record) == 0


def test_janitor_finishes_a_run_that_met_a_fault(
    local: Local,
    fault: Plan,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    log, plan = tmp_path / "log", fault
    local.faults.inject(None)
    # One call, or as many as no client retries.
    count = 1 if plan.calls % 2 else 8
    injected = Fault(plan.what, plan.calls, count)
    if plan.phase == "apply":
        local.faults.inject(injected)
    worker = _begun(local, plan, log)
    if plan.phase == "destroy":
        local.faults.inject(injected)
    try:
        worker.wait(_END_SECONDS)
    finally:
        worker.kill()
        worker.wait()
    calls = _calls(local)
    hit = str(local.faults.hit[0]).split("?")[0][-60:] if local.faults.hit else "nothing"
    local.faults.inject(None)
    records = [record for record in local.ledger.records() if record.phase != DESTROYED]
    found = sum(_exist(local, record) for record in records)
    done = swept(local)
    retried = log.read_text().count("retried")
    how = "succeeded" if worker.returncode == 0 else "failed"
    run = f"{how}, {'retried, ' if retried else ''}hit {hit}"
    record_property(ROW, _row(plan, local, run, found, done))
    assert [item for item in done if item.problem or item.left] == []
    for record in records:
        assert _exist(local, record) == 0
    # Last, so that a call without a permission leaves no run to the other tests.
    assert permissions.missing(local.cloud, calls) == []


def _calls(local: Local) -> list[str]:
    """The calls of the last run, as the table of recorded calls writes them."""
    if local.cloud == "gcp":
        return [
            f"{call.method} {call.path.partition('?')[0]}"
            for call in local.faults.calls
            if not call.path.startswith("/local/")
        ]
    return [f"{call.service}:{_operation(call)}" for call in local.faults.calls if call.service]


def _operation(call: Called) -> str:
    if call.operation:
        return call.operation
    return permissions.rest_operation(call.service, call.method, call.path)


def test_two_janitors_at_once_spare_foreign_resources(local: Local, tmp_path: Path) -> None:
    local.faults.inject(None)
    worker = _begun(local, Plan("", "apply", 25, small=True), tmp_path / "log")
    try:
        assert soon(lambda: local.faults.changing >= 25, _START_SECONDS, 0.02)
        # Beside a living run a janitor finds nothing to do.
        assert list(outlived(local.ledger, {local.place(): local.target().control})) == []
    finally:
        worker.kill()
        worker.wait()
    record = _record(local)
    foreign = _foreign(local, record.stack)
    assert soon(lambda: record.outlived(time.time()) or not _held(local), 60, 0.2)
    works = list(outlived(local.ledger, {}))
    assert [work.record.run for work in works] == [record.run]
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda _: local.janitor().clean(works[0]), range(2)))
    assert [item for item in done if item.problem or item.left] == []
    control = local.target().control
    existing = control.existing()
    assert list(filter(owned(control, record), existing)) == []
    assert foreign <= {item.name for item in existing}
    assert local.clean(by_tags=True) == []


def test_orphan_is_reported_and_deleted_by_its_tags(
    local: Local, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of a run without a record nothing but the tags tells."""
    new = identity.identity("A user", -60)
    stack = f"{new.tenant}-litellm-{identity.ENV}"
    key = {"aws": "litellm:stack", "gcp": "litellm-stack"}[local.cloud]
    tags = {**new.tags, key: stack}
    ORPHANS[local.cloud](local, stack, tags)
    # Neither the run nor the stack of these is one that the suite generates, or it has no expiry.
    odd = [{RUN_TAG: "a-run-of-others", key: "acme-litellm-dev"}, {RUN_TAG: new.run[:-1] + "g"}]
    spared = [_secret(local, f"{stack}-odd-{n}", odd_tags) for n, odd_tags in enumerate(odd)]
    controls = {local.place(): local.target().control}
    (work,) = outlived(local.ledger, controls)
    assert (work.why, work.record.run) == ("has no record", new.run)
    before = leaks.report(local.target().control, work.record)
    assert before.leaks
    # By the command, as it is used on an account: dry, then twice with --apply.
    local.ledger.open(work.record)
    arguments = [f"--ledger={local.folder / 'ledger'}", f"--core={local.core}"]
    assert janitor.main(arguments) == 0
    assert leaks.report(local.target().control, work.record).leaks == before.leaks
    assert leaks_command.main(arguments) == 1
    assert f"left: {before.leaks[0]}" in capsys.readouterr().out
    assert [janitor.main([*arguments, "--apply"]) for _ in range(2)] == [0, 0]
    assert leaks_command.main([*arguments, f"--run={new.run}"]) == 0
    after = leaks.report(local.target().control, local.ledger.record(new.run))
    assert after.leaks == ()
    assert len(after.gone) == GONE[local.cloud], after
    assert [name for name in spared if any(name in item for item in after.foreign)] == spared
    names = {existing.name for existing in local.target().control.existing()}
    assert [name for name in spared if any(name in item for item in names)] == spared


def _secret(local: Local, name: str, tags: Mapping[str, str]) -> str:
    if local.cloud == "aws":
        pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
        aws.client(local.faults.upstream, "secretsmanager").create_secret(
            Name=name, SecretString="a", Tags=pairs
        )
        return name
    path = f"/v1/projects/{local.place().place}/secrets?secretId={name}"
    body = {"replication": {"automatic": {}}, "labels": dict(tags)}
    assert "error" not in Api(local.url).done("POST", path, body)
    return name


def _orphan_aws(local: Local, stack: str, tags: Mapping[str, str]) -> None:
    """Resources that the tagging API lists after their end, and resources in odd states."""
    pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
    lower = [{"key": key, "value": value} for key, value in tags.items()]
    ecs, logs = (aws.client(local.faults.upstream, name) for name in ("ecs", "logs"))
    ecs.create_cluster(clusterName=stack, tags=lower)
    ecs.delete_cluster(cluster=stack)
    ecs.register_task_definition(
        family=f"{stack}-gateway", tags=lower, containerDefinitions=[{"name": "a", "image": "a"}]
    )
    # RDS creates the log group, without tags.
    logs.create_log_group(logGroupName=f"/aws/rds/cluster/{stack}-db/postgresql")
    _secret(local, f"{stack}-in-recovery", tags)
    aws.client(local.faults.upstream, "secretsmanager").delete_secret(
        SecretId=f"{stack}-in-recovery", RecoveryWindowInDays=7
    )
    rds = aws.client(local.faults.upstream, "rds")
    options = {"DBClusterIdentifier": f"{stack}-db", "Engine": "aurora-postgresql"}
    rds.create_db_cluster(
        **options, MasterUsername="root1", MasterUserPassword="a-password-of-rds", Tags=pairs
    )
    rds.delete_db_cluster(
        DBClusterIdentifier=f"{stack}-db", FinalDBSnapshotIdentifier=f"{stack}-db-final"
    )


def _orphan_gcp(local: Local, stack: str, tags: Mapping[str, str]) -> None:
    """A secret with labels, and what takes none."""
    _secret(local, f"{stack}-secret", tags)
    api, project = Api(local.url), local.place().place
    network = {"name": stack, "autoCreateSubnetworks": False}
    path = f"/compute/v1/projects/{project}/global/networks"
    assert "error" not in api.done("POST", path, network)
    account = {"accountId": f"{stack}-gw", "serviceAccount": {"displayName": "gateway"}}
    path = f"/v1/projects/{project}/serviceAccounts"
    assert "error" not in api.done("POST", path, account)


ORPHANS = {"aws": _orphan_aws, "gcp": _orphan_gcp}
GONE = {"aws": 1, "gcp": 0}


def _held(local: Local) -> bool:
    return any(record.held(time.time()) for record in local.ledger.records())


def _foreign(local: Local, stack: str) -> set[str]:
    """Create resources of others with names like the stack's; returns their names."""
    before = {existing.name for existing in local.target().control.existing()}
    created: list[str] = FOREIGN[local.cloud](local, stack)
    after = {existing.name for existing in local.target().control.existing()}
    found = {name for name in after - before if any(text in name for text in created)}
    assert len(found) == len(created)
    return found


def _foreign_aws(local: Local, stack: str) -> list[str]:
    def client(service: str) -> Any:
        return aws.client(local.faults.upstream, service)

    logs, secrets, s3 = client("logs"), client("secretsmanager"), client("s3")
    logs.create_log_group(logGroupName=f"/ecs/{stack}2/gateway")
    logs.create_log_group(
        logGroupName=f"/ecs/{stack}/another", tags={"litellm:stack": "acme-litellm-prod"}
    )
    secrets.create_secret(
        Name=f"{stack}-of-a-user", SecretString="a", Tags=[{"Key": "team", "Value": "a"}]
    )
    place = {"LocationConstraint": aws.REGION}
    s3.create_bucket(Bucket=f"{stack}2-data", CreateBucketConfiguration=place)
    return [
        f"/ecs/{stack}2/gateway",
        f"/ecs/{stack}/another",
        f"{stack}-of-a-user",
        f"{stack}2-data",
    ]


def _foreign_gcp(local: Local, stack: str) -> list[str]:
    api, project = Api(local.url), local.place().place
    compute = f"/compute/v1/projects/{project}/global"
    for path, body in (
        (f"{compute}/networks", {"name": f"{stack}2", "autoCreateSubnetworks": False}),
        (f"/storage/v1/b?project={project}", {"name": f"a-{stack}-data"}),
        (
            f"/v1/projects/{project}/secrets?secretId={stack}-of-a-user",
            {"replication": {"automatic": {}}, "labels": {"team": "a"}},
        ),
        (
            f"/v1/projects/{project}/secrets?secretId={stack}-of-another-run",
            {"replication": {"automatic": {}}, "labels": {RUN_TAG: "20261127000000-ffffff0"}},
        ),
    ):
        assert "error" not in api.done("POST", path, body)
    return [f"{stack}2", f"a-{stack}-data", f"{stack}-of-a-user", f"{stack}-of-another-run"]


FOREIGN = {"aws": _foreign_aws, "gcp": _foreign_gcp}

__all__ = [
    "local",
    "pytest_generate_tests",
    "test_janitor_finishes_a_run_that_met_a_fault",
    "test_janitor_finishes_an_interrupted_run",
    "test_orphan_is_reported_and_deleted_by_its_tags",
    "test_two_janitors_at_once_spare_foreign_resources",
]
