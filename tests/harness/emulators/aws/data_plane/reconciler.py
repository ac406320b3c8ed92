"""The reconciler: it runs the programs of the data plane by the resources of the control plane.

A thread polls ECS, ELBv2, RDS and ElastiCache. Each task is a process, each load balancer an Envoy,
each cluster a PostgreSQL, and each replication group a Redis. The reconciler reports the state of
the tasks to the server (:mod:`tests.harness.emulators.aws.control_plane.server`).

Sources: ECS, rolling deployments, the deployment circuit breaker, task lifecycle; ELB, health
checks. Waits of minutes in AWS are shorter than a second in the emulator.
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
from tests.harness.emulators.aws.control_plane.call import OBSERVATIONS
from tests.harness.emulators.aws.data_plane.balancing import Balancers
from tests.harness.emulators.aws.data_plane.reads import Reads
from tests.harness.emulators.aws.data_plane.stores import Cache, Front, Stores, without_front
from tests.harness.emulators.aws.data_plane.tasks import NotYetError, Work, WorkError, work
from tests.harness.emulators.parts import postgres
from tests.harness.emulators.parts.load_balancers import Certificate
from tests.harness.process.supervisor import Supervisor

# The times between two polls, between a failure and the next try, and from the deregistration of a
# target until its process ends.
POLL_SECONDS = 0.4
RETRY_SECONDS = 0.5
DRAIN_SECONDS = 0.3
# The time that a task may be unhealthy, in place of the grace period of its service.
UNHEALTHY_SECONDS = 600


class Running(Protocol):
    """A running container: its process and its loopback port."""

    @property
    def pid(self) -> int:
        """The id of its process."""

    @property
    def port(self) -> int:
        """The port."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A job that ran to its end: its exit code and its output."""

    code: int
    log: str = field(default="", repr=False)


class HookError(RuntimeError):
    """No hook runs a container or a store."""


def _no_job(job: Work) -> Finished:
    raise HookError(f"{job.container} is a job, and no hook runs jobs: pass Hooks.run")


def _no_cache(name: str) -> Cache:
    raise HookError(f"{name} is a Redis, and no hook starts one: pass Hooks.cache")


@dataclass(frozen=True, slots=True)
class Hooks:
    """The functions that run containers and stores, each call in its own thread.

    ``start`` starts the container of a service, and may return before it listens. ``run`` runs a
    job to its end. ``cache`` starts a Redis in the folder with a name. ``front`` opens the address
    of a cluster. An exception is a failure.
    """

    start: Callable[[Work], Running]
    run: Callable[[Work], Finished] = _no_job
    cache: Callable[[str], Cache] = _no_cache
    front: Front = without_front


@dataclass(slots=True)
class Replica:
    """A task of a service, with the state of its process."""

    task: Mapping[str, Any]
    service: str
    future: Future[Running] | None = None
    running: Running | None = None
    healthy: bool = False
    failures: int = 0
    healthy_at: float = 0
    not_before: float = 0
    reason: str = ""
    drained_at: float | None = None
    ending: Future[None] | None = None


def _groups(service: Mapping[str, Any] | None) -> list[str]:
    """The target groups of a service."""
    blocks = service.get("loadBalancers", ()) if service else ()
    return [block["targetGroupArn"] for block in blocks if block.get("targetGroupArn")]


@dataclass(slots=True)
class Reconciler:
    """The programs of an emulator; ``problems`` are its errors, each once."""

    cloud: Cloud
    reads: Reads
    supervisor: Supervisor
    hooks: Hooks
    executor: ThreadPoolExecutor
    stores: Stores
    balancers: Balancers
    unhealthy_seconds: float = UNHEALTHY_SECONDS
    problems: list[str] = field(default_factory=list)
    _replicas: dict[str, Replica] = field(default_factory=dict)
    _jobs: dict[str, tuple[Work | None, Future[Finished] | None]] = field(default_factory=dict)
    _tasks: dict[str, dict[str, Any]] = field(default_factory=dict)
    _services: dict[str, dict[str, Any]] = field(default_factory=dict)
    _completed: dict[str, str] = field(default_factory=dict)
    _failed_deployments: dict[str, str] = field(default_factory=dict)
    _definitions: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    _reported: str = ""

    # ---- Reads of the API ----

    def _problem(self, text: str) -> None:
        if text not in self.problems:
            self.problems.append(text)

    def _definition(self, arn: str) -> Mapping[str, Any]:
        if arn not in self._definitions:
            answer = self.cloud.client("ecs").describe_task_definition(taskDefinition=arn)
            self._definitions[arn] = answer["taskDefinition"]
        return self._definitions[arn]

    def _list(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The tasks that must run and the active services, by ARN."""
        paged, described = self.reads.paged, self.reads.described
        tasks: dict[str, Any] = {}
        services: dict[str, Any] = {}
        for cluster in paged("ecs", "list_clusters", "clusterArns"):
            service_arns = paged("ecs", "list_services", "serviceArns", cluster=cluster)
            for chunk in _chunks(service_arns, 10):
                found = described("ecs", "describe_services", "services", chunk, cluster=cluster)
                services |= {service["serviceArn"]: service for service in found}
            task_arns = paged("ecs", "list_tasks", "taskArns", cluster=cluster)
            tasks |= {arn: self._replicas[arn].task for arn in task_arns if arn in self._replicas}
            for chunk in _chunks([arn for arn in task_arns if arn not in tasks], 100):
                found = described("ecs", "describe_tasks", "tasks", chunk, cluster=cluster)
                tasks |= {task["taskArn"]: task for task in found}
        return tasks, {
            arn: service for arn, service in services.items() if service["status"] == "ACTIVE"
        }

    # ---- Tasks ----

    def _work(self, task: Mapping[str, Any]) -> Work:
        definition = self._definition(task["taskDefinitionArn"])
        return work(self.cloud, task, definition, self.stores.addresses())

    def _fail(self, replica: Replica, reason: str) -> None:
        replica.future = replica.running = None
        replica.healthy = False
        replica.failures += 1
        replica.reason = reason
        replica.not_before = time.monotonic() + RETRY_SECONDS
        self._problem(f"{replica.task['group']}: {reason}")

    def _advance(self, replica: Replica) -> None:
        """Start a task, or update its state."""
        if replica.future is None:
            if time.monotonic() < replica.not_before:
                return
            try:
                container = self._work(replica.task)
            except NotYetError:
                return
            except WorkError as error:
                self._fail(replica, str(error))
                return
            replica.future = self.executor.submit(self.hooks.start, container)
        elif replica.running is None and replica.future.done():
            failure = replica.future.exception()
            if failure:
                self._fail(replica, f"{type(failure).__name__}: {failure}")
            else:
                replica.running = replica.future.result()
                replica.healthy_at = time.monotonic()
        elif (
            replica.running
            and replica.ending is None
            and not self.supervisor.running(replica.running.pid)
        ):
            self._fail(replica, "Essential container in task exited")

    def _job(self, task: Mapping[str, Any]) -> None:
        arn = task["taskArn"]
        container, future = self._jobs.get(arn, (None, None))
        if future is None:
            try:
                container = self._work(task)
            except NotYetError:
                return
            except WorkError as error:
                self._stop_task(task, None, f"ResourceInitializationError: {error}")
                return
            self._jobs[arn] = container, self.executor.submit(self.hooks.run, container)
            self._tasks[arn] = {"lastStatus": "RUNNING"}
        elif future.done() and self._tasks[arn]["lastStatus"] != "STOPPED":
            failure = future.exception()
            if failure:
                self._stop_task(task, None, f"CannotStartContainerError: {failure}")
            else:
                finished = future.result()
                if container and container.logs:
                    self._log(*container.logs, finished.log)
                self._stop_task(task, finished.code, "Essential container in task exited")

    def _stop_task(self, task: Mapping[str, Any], code: int | None, reason: str) -> None:
        arn = task["taskArn"]
        self._tasks[arn] = {
            "lastStatus": "STOPPED",
            "stoppedReason": reason,
            "stopCode": "TaskFailedToStart" if code is None else "EssentialContainerExited",
            "exitCode": code,
        }
        if code is None:
            self._problem(f"{arn}: {reason}")
        self._report()
        self.cloud.client("ecs").stop_task(cluster=task["clusterArn"], task=arn, reason=reason)

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

    def _roll(self, service: Mapping[str, Any] | None, replicas: list[Replica], tasks: Any) -> None:
        """Stop the old tasks of a service once the new ones are healthy; update its deployment."""
        arn = replicas[0].service if replicas else str(service and service["serviceArn"])
        current = [replica for replica in replicas if replica.task["taskArn"] in tasks and service]
        old = [replica for replica in replicas if replica not in current]
        desired = int(service["desiredCount"]) if service else 0
        healthy = desired == len(current) and all(replica.healthy for replica in current)
        for replica in old:
            if replica.running is None and replica.future is None:
                replica.drained_at = replica.drained_at or 0
            elif (healthy or not service) and replica.drained_at is None:
                replica.drained_at = time.monotonic() + DRAIN_SECONDS
        running = sum(replica.running is not None for replica in current)
        before = sum(replica.running is not None for replica in old)
        state: dict[str, Any] = {
            "runningCount": running + before,
            "pendingCount": desired - running,
            "old": before if service else 0,
            "gone": service is None,
        }
        if service:
            primary = service["deployments"][0]["id"]
            if healthy and not old:
                self._completed[arn] = service["taskDefinition"]
            failed = sum(replica.failures for replica in current)
            done = healthy and not old
            state |= {
                "deployment": primary,
                "failedTasks": failed,
                "rolloutState": "COMPLETED" if done else "IN_PROGRESS",
                "rolloutStateReason": f"ECS deployment {primary} "
                + ("completed." if done else "in progress."),
            }
            self._break_circuit(service, current, state)
        self._services[arn] = state

    def _break_circuit(
        self, service: Mapping[str, Any], current: list[Replica], state: dict[str, Any]
    ) -> None:
        """The deployment circuit breaker: it trips at half the tasks, at least 3, at most 200."""
        arn, primary = service["serviceArn"], state["deployment"]
        breaker = service["deploymentConfiguration"].get("deploymentCircuitBreaker", {})
        threshold = min(200, max(3, -(-service["desiredCount"] // 2)))
        if not breaker.get("enable") or state["rolloutState"] == "COMPLETED":
            return
        if state["failedTasks"] < threshold and self._failed_deployments.get(arn) != primary:
            return
        state |= {
            "rolloutState": "FAILED",
            "rolloutStateReason": f"ECS deployment circuit breaker: tasks failed to start. "
            f"{current[0].reason if current else ''}",
        }
        for replica in current:
            replica.not_before = float("inf")
        is_new = self._failed_deployments.get(arn) != primary
        self._failed_deployments[arn] = primary
        before = self._completed.get(arn)
        if is_new and breaker.get("rollback") and before not in {None, service["taskDefinition"]}:
            self._problem(f"{arn}: rolled back to {before}")
            self.cloud.client("ecs").update_service(
                cluster=service["clusterArn"], service=arn, taskDefinition=before
            )

    def _end_drained(self) -> None:
        """End the tasks that have been draining long enough."""
        for arn, replica in list(self._replicas.items()):
            if replica.drained_at is None or time.monotonic() < replica.drained_at:
                continue
            if replica.future and not replica.future.done():
                # The process cannot be ended before it has started.
                continue
            running = replica.running
            if running is None and replica.future and not replica.future.exception():
                running = replica.future.result()
            if replica.ending is None and running:
                replica.ending = self.executor.submit(self.supervisor.stop, running.pid)
            if replica.ending is None or replica.ending.done():
                del self._replicas[arn]

    # ---- Load balancers ----

    def _balance(self, services: Mapping[str, Mapping[str, Any]]) -> None:
        """Register the running tasks with the target groups, and read their health."""
        targets: dict[str, set[int]] = {}
        for replica in self._replicas.values():
            for group in _groups(services.get(replica.service)):
                if replica.running and replica.drained_at is None:
                    targets.setdefault(group, set()).add(replica.running.port)
        for problem in self.balancers.step(targets):
            self._problem(problem)
        for replica in self._replicas.values():
            groups = _groups(services.get(replica.service))
            if replica.running and replica.drained_at is None:
                port = replica.running.port
                replica.healthy = all(self.balancers.healthy(group, port) for group in groups)
                if replica.healthy or not groups:
                    replica.healthy_at = time.monotonic()
                elif time.monotonic() > replica.healthy_at + self.unhealthy_seconds:
                    self._replace(replica)

    def _replace(self, replica: Replica) -> None:
        """End an unhealthy task. ECS starts another one."""
        if replica.running:
            self.supervisor.stop(replica.running.pid)
            self._fail(replica, "Task failed ELB health checks")

    # ---- One step ----

    def step(self) -> None:
        """Poll once, and do the next action of each program."""
        self.reads.renew()
        for problem in self.stores.step():
            self._problem(problem)
        tasks, services = self._list()
        for arn, task in tasks.items():
            group = task.get("group", "")
            if group.startswith("service:"):
                if arn not in self._replicas:
                    cluster = task["clusterArn"].replace(":cluster/", ":service/")
                    service = f"{cluster}/{group.removeprefix('service:')}"
                    self._replicas[arn] = Replica(task, service)
            else:
                self._job(task)
        for replica in self._replicas.values():
            if replica.task["taskArn"] in tasks or replica.running or replica.future:
                self._advance(replica)
        self._balance(services)
        by_service: dict[str, list[Replica]] = {arn: [] for arn in services}
        for replica in self._replicas.values():
            by_service.setdefault(replica.service, []).append(replica)
        # A deleted service without tasks is reported once more.
        for arn in self._services.keys() - by_service.keys():
            self._services[arn] = {"runningCount": 0, "gone": True}
        for arn, replicas in by_service.items():
            self._roll(services.get(arn), replicas, tasks)
        for arn, replica in self._replicas.items():
            self._tasks[arn] = {"lastStatus": "RUNNING" if replica.running else "PENDING"}
        for arn in self._tasks.keys() - tasks.keys() - self._replicas.keys() - self._jobs.keys():
            del self._tasks[arn]
        self._report()
        self._end_drained()

    def _report(self) -> None:
        document = json.dumps(
            {"services": self._services, "tasks": self._tasks, "health": self.balancers.health}
        )
        if document == self._reported:
            return
        host = self.cloud.url.removeprefix("http://")
        connection = http.client.HTTPConnection(host, timeout=10)
        try:
            connection.request("PUT", OBSERVATIONS, body=document)
            connection.getresponse().read()
        finally:
            connection.close()
        self._reported = document


def _chunks(items: list[str], size: int) -> Iterable[list[str]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _poll(reconciler: Reconciler, stop: threading.Event) -> None:
    while not stop.wait(POLL_SECONDS):
        try:
            reconciler.step()
        except ClientError as error:
            # A listed resource may be deleted before it is described. The next step lists again.
            code = error.response["Error"]["Code"]
            if "NotFound" not in code:
                reconciler._problem(f"{error.operation_name}: {code}")
        except Exception as error:
            reconciler._problem(f"{type(error).__name__}: {error}")


@contextlib.contextmanager
def reconciling(
    cloud: Cloud,
    supervisor: Supervisor,
    hooks: Hooks,
    certificate: Certificate | None = None,
    unhealthy_seconds: float = UNHEALTHY_SECONDS,
) -> Iterator[Reconciler]:
    """Run a reconciler for the length of the block.

    The supervisor ends the programs that still run at its end.

    Args:
        cloud: the API.
        supervisor: the supervisor of the emulator, which starts the stores and the Envoys.
        hooks: the functions that run containers.
        certificate: the certificate of listeners with TLS.
        unhealthy_seconds: the time in which a task becomes healthy, or ECS replaces it.
    """
    with ThreadPoolExecutor(max_workers=16) as executor:
        start = partial(postgres.start, supervisor)
        reads = Reads(cloud)
        stores = Stores(cloud, reads, executor, start, hooks.cache, supervisor.stop, hooks.front)
        balancers = Balancers(cloud, reads, supervisor, certificate)
        reconciler = Reconciler(
            cloud, reads, supervisor, hooks, executor, stores, balancers, unhealthy_seconds
        )
        # Until the first step, the server must report no running task.
        reconciler._report()
        stop = threading.Event()
        thread = threading.Thread(target=_poll, args=(reconciler, stop), name="reconciler")
        thread.start()
        try:
            yield reconciler
        finally:
            stop.set()
            thread.join()
