"""Keeps real parts in step with what the control plane was told, as AWS itself would.

A thread looks at ECS, ELBv2, RDS and ElastiCache again and again. Each task is a process, each load
balancer an Envoy, each cluster a PostgreSQL, each replication group a Redis. What became of the
tasks it tells the front (:mod:`tests.harness.emulators.aws.control_plane.overlay`).

Sources: ECS, rolling deployments, the deployment circuit breaker, task lifecycle; ELB, health
checks. AWS waits for minutes where this waits for less than a second.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from botocore.exceptions import ClientError

from tests.harness.emulators.aws.cloud import Cloud
from tests.harness.emulators.aws.control_plane import proxy
from tests.harness.emulators.aws.data_plane.balancing import Balancers
from tests.harness.emulators.aws.data_plane.stores import Cache, Stores
from tests.harness.emulators.aws.data_plane.tasks import NotYetError, Work, WorkError, work
from tests.harness.emulators.parts import postgres
from tests.harness.emulators.parts.load_balancers import Certificate
from tests.harness.process.supervisor import Supervisor
from tests.harness.sdk.aws import paged

# Between two looks, between a failure and the next try, and from the moment that a target is taken
# out until its process is ended.
LOOK_SECONDS = 0.15
AGAIN_SECONDS = 0.5
DRAIN_SECONDS = 0.3


class Running(Protocol):
    """A container that runs: its process and the loopback port that it answers on."""

    @property
    def pid(self) -> int:
        """Its process's id."""

    @property
    def port(self) -> int:
        """Its port."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A job that ran to its end: its exit code and what it said."""

    code: int
    log: str = field(default="", repr=False)


class HookError(RuntimeError):
    """Something is to run and there is nothing that runs it."""


def _no_job(held: Work) -> Finished:
    raise HookError(f"{held.container} is a job, and no hook runs jobs")


def _no_cache(name: str) -> Cache:
    raise HookError(f"{name} is a Redis, and no hook starts one")


@dataclass(frozen=True, slots=True)
class Hooks:
    """What runs containers and stores; each is called in a thread of its own.

    ``start`` starts a service's container, and may return before it listens; ``run`` runs a job to
    its end; ``cache`` starts a Redis in a folder of a name. What raises has failed.
    """

    start: Callable[[Work], Running]
    run: Callable[[Work], Finished] = _no_job
    cache: Callable[[str], Cache] = _no_cache


@dataclass(slots=True)
class Replica:
    """A task of a service: what is known of its process."""

    task: Mapping[str, Any]
    service: str
    future: Future[Running] | None = None
    running: Running | None = None
    healthy: bool = False
    failures: int = 0
    not_before: float = 0
    reason: str = ""
    leaving: float | None = None
    ending: Future[None] | None = None


def _groups(service: Mapping[str, Any] | None) -> list[str]:
    """The target groups of a service."""
    blocks = service.get("loadBalancers", ()) if service else ()
    return [block["targetGroupArn"] for block in blocks if block.get("targetGroupArn")]


@dataclass(slots=True)
class Reconciler:
    """What runs for a cloud.

    ``problems`` says what went wrong, each once.
    """

    cloud: Cloud
    supervisor: Supervisor
    hooks: Hooks
    executor: ThreadPoolExecutor
    stores: Stores
    balancers: Balancers
    problems: list[str] = field(default_factory=list)
    _replicas: dict[str, Replica] = field(default_factory=dict)
    _jobs: dict[str, tuple[Work | None, Future[Finished] | None]] = field(default_factory=dict)
    _tasks: dict[str, dict[str, Any]] = field(default_factory=dict)
    _services: dict[str, dict[str, Any]] = field(default_factory=dict)
    _completed: dict[str, str] = field(default_factory=dict)
    _broken: dict[str, str] = field(default_factory=dict)
    _definitions: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    _told: str = ""

    # ---- What is asked of the API ----

    def _problem(self, text: str) -> None:
        if text not in self.problems:
            self.problems.append(text)

    def _definition(self, arn: str) -> Mapping[str, Any]:
        if arn not in self._definitions:
            asked = self.cloud.client("ecs").describe_task_definition(taskDefinition=arn)
            self._definitions[arn] = asked["taskDefinition"]
        return self._definitions[arn]

    def _seen(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The tasks that are to run and the services that are there, by ARN."""
        ecs = self.cloud.client("ecs")
        tasks: dict[str, Any] = {}
        services: dict[str, Any] = {}
        for cluster in paged(ecs, "list_clusters", "clusterArns"):
            named = paged(ecs, "list_services", "serviceArns", cluster=cluster)
            for some in _chunks(named, 10):
                asked = ecs.describe_services(cluster=cluster, services=some)
                services |= {one["serviceArn"]: one for one in asked["services"]}
            arns = paged(ecs, "list_tasks", "taskArns", cluster=cluster)
            tasks |= {arn: self._replicas[arn].task for arn in arns if arn in self._replicas}
            for some in _chunks([arn for arn in arns if arn not in tasks], 100):
                asked = ecs.describe_tasks(cluster=cluster, tasks=some)
                tasks |= {one["taskArn"]: one for one in asked["tasks"]}
        return tasks, {arn: one for arn, one in services.items() if one["status"] == "ACTIVE"}

    # ---- Tasks ----

    def _work(self, task: Mapping[str, Any]) -> Work:
        definition = self._definition(task["taskDefinitionArn"])
        return work(self.cloud, task, definition, self.stores.addresses())

    def _failed(self, replica: Replica, why: str) -> None:
        replica.future = replica.running = None
        replica.healthy = False
        replica.failures += 1
        replica.reason = why
        replica.not_before = time.monotonic() + AGAIN_SECONDS
        self._problem(f"{replica.task['group']}: {why}")

    def _begin(self, replica: Replica) -> None:
        """Start what is not started, and see what became of what is."""
        if replica.future is None:
            if time.monotonic() < replica.not_before:
                return
            try:
                held = self._work(replica.task)
            except NotYetError:
                return
            except WorkError as error:
                self._failed(replica, str(error))
                return
            replica.future = self.executor.submit(self.hooks.start, held)
        elif replica.running is None and replica.future.done():
            failure = replica.future.exception()
            if failure:
                self._failed(replica, f"{type(failure).__name__}: {failure}")
            else:
                replica.running = replica.future.result()
        elif (
            replica.running
            and replica.ending is None
            and not self.supervisor.running(replica.running.pid)
        ):
            self._failed(replica, "Essential container in task exited")

    def _job(self, task: Mapping[str, Any]) -> None:
        arn = task["taskArn"]
        held, future = self._jobs.get(arn, (None, None))
        if future is None:
            try:
                held = self._work(task)
            except NotYetError:
                return
            except WorkError as error:
                self._stopped(task, None, f"ResourceInitializationError: {error}")
                return
            self._jobs[arn] = held, self.executor.submit(self.hooks.run, held)
            self._tasks[arn] = {"lastStatus": "RUNNING"}
        elif future.done() and self._tasks[arn]["lastStatus"] != "STOPPED":
            failure = future.exception()
            if failure:
                self._stopped(task, None, f"CannotStartContainerError: {failure}")
            else:
                finished = future.result()
                if held and held.logs:
                    self._log(*held.logs, finished.log)
                self._stopped(task, finished.code, "Essential container in task exited")

    def _stopped(self, task: Mapping[str, Any], code: int | None, why: str) -> None:
        arn = task["taskArn"]
        self._tasks[arn] = {
            "lastStatus": "STOPPED",
            "stoppedReason": why,
            "stopCode": "TaskFailedToStart" if code is None else "EssentialContainerExited",
            "exitCode": code,
        }
        if code is None:
            self._problem(f"{arn}: {why}")
        self._tell()
        self.cloud.client("ecs").stop_task(cluster=task["clusterArn"], task=arn, reason=why)

    def _log(self, group: str, stream: str, text: str) -> None:
        now = int(time.time() * 1000)
        events = [{"timestamp": now, "message": line} for line in text.splitlines() if line]
        logs = self.cloud.client("logs")
        try:
            logs.create_log_stream(logGroupName=group, logStreamName=stream)
            if events:
                logs.put_log_events(
                    logGroupName=group, logStreamName=stream, logEvents=events[-1000:]
                )
        except ClientError as error:
            self._problem(f"log of {stream}: {error.response['Error']['Code']}")

    # ---- Services ----

    def _rolled(self, service: Mapping[str, Any] | None, held: list[Replica], tasks: Any) -> None:
        """Let old tasks of a service go once the new ones are there; say how far it is."""
        arn = held[0].service if held else str(service and service["serviceArn"])
        current = [one for one in held if one.task["taskArn"] in tasks and service]
        old = [one for one in held if one not in current]
        desired = int(service["desiredCount"]) if service else 0
        there = desired == len(current) and all(one.healthy for one in current)
        for one in old:
            if one.running is None and one.future is None:
                one.leaving = one.leaving or 0
            elif (there or not service) and one.leaving is None:
                one.leaving = time.monotonic() + DRAIN_SECONDS
        running = sum(one.running is not None for one in current)
        before = sum(one.running is not None for one in old)
        fact: dict[str, Any] = {
            "runningCount": running + before,
            "pendingCount": desired - running,
            "old": before if service else 0,
            "gone": service is None,
        }
        if service:
            primary = service["deployments"][0]["id"]
            if there and not old:
                self._completed[arn] = service["taskDefinition"]
            failed = sum(one.failures for one in current)
            done = there and not old
            fact |= {
                "deployment": primary,
                "failedTasks": failed,
                "rolloutState": "COMPLETED" if done else "IN_PROGRESS",
                "rolloutStateReason": f"ECS deployment {primary} "
                + ("completed." if done else "in progress."),
            }
            self._break(service, current, fact)
        self._services[arn] = fact

    def _break(
        self, service: Mapping[str, Any], current: list[Replica], fact: dict[str, Any]
    ) -> None:
        """The deployment circuit breaker: half of the tasks, three at least, 200 at most."""
        arn, primary = service["serviceArn"], fact["deployment"]
        breaker = service["deploymentConfiguration"].get("deploymentCircuitBreaker", {})
        most = min(200, max(3, -(-service["desiredCount"] // 2)))
        if not breaker.get("enable") or fact["rolloutState"] == "COMPLETED":
            return
        if fact["failedTasks"] < most and self._broken.get(arn) != primary:
            return
        fact |= {
            "rolloutState": "FAILED",
            "rolloutStateReason": f"ECS deployment circuit breaker: tasks failed to start. "
            f"{current[0].reason if current else ''}",
        }
        for one in current:
            one.not_before = float("inf")
        first = self._broken.get(arn) != primary
        self._broken[arn] = primary
        before = self._completed.get(arn)
        if first and breaker.get("rollback") and before not in {None, service["taskDefinition"]}:
            self._problem(f"{arn}: rolled back to {before}")
            self.cloud.client("ecs").update_service(
                cluster=service["clusterArn"], service=arn, taskDefinition=before
            )

    def _leave(self) -> None:
        """End the tasks whose time it is."""
        for arn, one in list(self._replicas.items()):
            if one.leaving is None or time.monotonic() < one.leaving:
                continue
            if one.future and not one.future.done():
                # It cannot be ended before it is there.
                continue
            running = one.running
            if running is None and one.future and not one.future.exception():
                running = one.future.result()
            if one.ending is None and running:
                one.ending = self.executor.submit(self.supervisor.stop, running.pid)
            if one.ending is None or one.ending.done():
                del self._replicas[arn]

    # ---- Load balancers ----

    def _balance(self, services: Mapping[str, Mapping[str, Any]]) -> None:
        """Give the target groups the tasks that run, and learn how these are."""
        wanted: dict[str, set[int]] = {}
        for one in self._replicas.values():
            for group in _groups(services.get(one.service)):
                if one.running and one.leaving is None:
                    wanted.setdefault(group, set()).add(one.running.port)
        for said in self.balancers.step(wanted):
            self._problem(said)
        for one in self._replicas.values():
            groups = _groups(services.get(one.service))
            if one.running and one.leaving is None:
                port = one.running.port
                one.healthy = all(self.balancers.healthy(group, port) for group in groups)

    # ---- One look ----

    def step(self) -> None:
        """Look once, and do what is next for each part."""
        for said in self.stores.step():
            self._problem(said)
        tasks, services = self._seen()
        for arn, task in tasks.items():
            group = task.get("group", "")
            if group.startswith("service:"):
                if arn not in self._replicas:
                    cluster = task["clusterArn"].replace(":cluster/", ":service/")
                    service = f"{cluster}/{group.removeprefix('service:')}"
                    self._replicas[arn] = Replica(task, service)
            else:
                self._job(task)
        for one in self._replicas.values():
            if one.task["taskArn"] in tasks or one.running or one.future:
                self._begin(one)
        self._balance(services)
        by_service: dict[str, list[Replica]] = {arn: [] for arn in services}
        for one in self._replicas.values():
            by_service.setdefault(one.service, []).append(one)
        # One that is gone and has no task left is told of once more.
        for arn in self._services.keys() - by_service.keys():
            self._services[arn] = {"runningCount": 0, "gone": True}
        for arn, held in by_service.items():
            self._rolled(services.get(arn), held, tasks)
        for arn, one in self._replicas.items():
            self._tasks[arn] = {"lastStatus": "RUNNING" if one.running else "PENDING"}
        for arn in self._tasks.keys() - tasks.keys() - self._replicas.keys() - self._jobs.keys():
            del self._tasks[arn]
        self._tell()
        self._leave()

    def _tell(self) -> None:
        document = json.dumps(
            {"services": self._services, "tasks": self._tasks, "health": self.balancers.health}
        )
        if document == self._told:
            return
        host = self.cloud.url.removeprefix("http://")
        connection = http.client.HTTPConnection(host, timeout=10)
        try:
            connection.request("PUT", proxy.OBSERVATIONS, body=document)
            connection.getresponse().read()
        finally:
            connection.close()
        self._told = document


def _chunks(some: list[str], size: int) -> Iterable[list[str]]:
    for start in range(0, len(some), size):
        yield some[start : start + size]


def _look(reconciler: Reconciler, stop: threading.Event) -> None:
    while not stop.wait(LOOK_SECONDS):
        try:
            reconciler.step()
        except ClientError as error:
            # What was listed may be gone by the time it is asked for. The next look is another.
            code = error.response["Error"]["Code"]
            if "NotFound" not in code:
                reconciler._problem(f"{error.operation_name}: {code}")
        except Exception as error:
            reconciler._problem(f"{type(error).__name__}: {error}")


@contextlib.contextmanager
def following(
    cloud: Cloud,
    supervisor: Supervisor,
    hooks: Hooks,
    certificate: Certificate | None = None,
) -> Iterator[Reconciler]:
    """Keep real parts in step with a cloud for the length of the block.

    What runs at its end is the supervisor's to end.

    Args:
        cloud: what is asked.
        supervisor: of the cloud; starts the stores and the Envoys.
        hooks: what runs containers.
        certificate: for listeners with TLS.
    """
    with ThreadPoolExecutor(max_workers=16) as executor:
        stores = Stores(
            cloud, executor, partial(postgres.start, supervisor), hooks.cache, supervisor.stop
        )
        balancers = Balancers(cloud, supervisor, certificate)
        held = Reconciler(cloud, supervisor, hooks, executor, stores, balancers)
        # So that nothing is said to run before it was looked at.
        held._tell()
        stop = threading.Event()
        thread = threading.Thread(target=_look, args=(held, stop), name="reconciler")
        thread.start()
        try:
            yield held
        finally:
            stop.set()
            thread.join()
