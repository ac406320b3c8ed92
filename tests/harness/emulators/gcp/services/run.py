"""Cloud Run: a revision of a service is a set of processes; an execution of a job is a run."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import psycopg

from tests.harness.emulators.gcp.control_plane.engine import (
    Cloud,
    Document,
    Hooks,
    Operation,
    Resource,
    now,
)
from tests.harness.emulators.gcp.control_plane.errors import ApiError
from tests.harness.emulators.gcp.data_plane import DataPlane
from tests.harness.emulators.gcp.services import compute, secrets, storage
from tests.harness.emulators.gcp.services.iam import POLICY_VERBS, check_account
from tests.harness.emulators.parts import postgres
from tests.harness.litellm import containers, jobs, migrations
from tests.harness.litellm.containers import Component
from tests.harness.process.ports import fetched

# The registries of images. Source: Cloud Run, deploying container images.
_REGISTRIES = re.compile(
    r"(?:(?:[a-z0-9-]+-)?docker\.pkg\.dev|(?:[a-z0-9-]+\.)?gcr\.io|docker\.io)/.+"
)
# Reserved names. Source: Cloud Run, environment variables.
_RESERVED = re.compile(r"PORT|K_(?:SERVICE|REVISION|CONFIGURATION)|CLOUD_RUN_.*")
_POLL_SECONDS = 0.2
# The time from the replacement of a revision until its processes end.
_DRAIN_SECONDS = 0.5


# ---- Templates of revisions and executions ----


def _check_template(cloud: Cloud, template: Document) -> None:
    check_account(cloud, template.get("serviceAccount", ""))
    for container in template.get("containers", []):
        image = container.get("image", "")
        if not _REGISTRIES.fullmatch(image):
            raise ApiError(
                400,
                "Expected an image path like [host/]repo-path[:tag and/or @digest], where host is "
                "one of [region.]gcr.io, [region-]docker.pkg.dev or docker.io but obtained "
                f"{image}",
            )
        names = [variable["name"] for variable in container.get("env", [])]
        if invalid := {n for n in names if names.count(n) > 1 or _RESERVED.fullmatch(n)}:
            raise ApiError(
                400, f"Environment variables are duplicate or reserved: {sorted(invalid)}"
            )
    mounts = {m["name"] for c in template.get("containers", []) for m in c.get("volumeMounts", [])}
    if unknown := mounts - {volume["name"] for volume in template.get("volumes", [])}:
        raise ApiError(400, f"volume mounts name no volume: {sorted(unknown)}")


def _environment(cloud: Cloud, project: str, template: Document) -> dict[str, str]:
    """The variables of the first container. Its service account reads the secrets."""
    email, environment = template.get("serviceAccount", ""), {}
    for variable in template["containers"][0].get("env", []):
        reference = variable.get("valueSource", {}).get("secretKeyRef")
        if reference is None:
            environment[variable["name"]] = variable.get("value", "")
        else:
            environment[variable["name"]] = secrets.read_as(
                cloud,
                project,
                reference["secret"].rsplit("/", 1)[-1],
                reference.get("version", "latest"),
                email,
            )
    return environment


def _files(cloud: Cloud, template: Document) -> dict[str, str]:
    """The texts of the mounted objects, by path in the container."""
    volumes = {volume["name"]: volume for volume in template.get("volumes", [])}
    return {
        f"{mount['mountPath']}/{name}": text
        for mount in template["containers"][0].get("volumeMounts", [])
        if "gcs" in volumes[mount["name"]]
        for name, text in storage.live_objects(
            cloud, volumes[mount["name"]]["gcs"]["bucket"]
        ).items()
    }


# ---- Services ----


def _instance_count(body: Document) -> int:
    """The number of instances: the configured minimum, at least one for the first request."""
    scaling = body.get("scaling", {})
    if scaling.get("scalingMode") == "MANUAL":
        return int(scaling.get("manualInstanceCount") or 1)
    least = body["template"].get("scaling", {}).get("minInstanceCount")
    return max(1, int(least or 0))


def _start(cloud: Cloud, resource: Resource, count: int) -> list[Component]:
    template = resource.body["template"]
    container = template["containers"][0]
    environment = _environment(cloud, resource.place["project"], template)
    files = _files(cloud, template)
    command = [*container.get("command", []), *container.get("args", [])]
    return [
        _start_container(
            cloud.data_plane, resource.id, container["image"], command, environment, files
        )
        for _ in range(count)
    ]


def _start_container(
    plane: DataPlane,
    name: str,
    image: str,
    command: list[str],
    environment: dict[str, str],
    files: dict[str, str],
) -> Component:
    if plane.options.python:
        return containers.start(
            plane.supervisor, plane.python, image, command, environment, files, name
        )
    return containers.stand_in(plane.supervisor, image, name)


def _wait(cloud: Cloud, resource: Resource, started: list[Component]) -> None:
    """Wait for the startup probe of each instance.

    Raises:
        ApiError: an instance ended, or its probe did not succeed in time.
    """
    plane = cloud.data_plane
    container = resource.body["template"]["containers"][0]
    probe = container.get("startupProbe", {})
    path = probe.get("httpGet", {}).get("path", "/")
    timeout = int(probe.get("initialDelaySeconds", 0)) + int(
        probe.get("failureThreshold", 3)
    ) * int(probe.get("periodSeconds", 10))
    deadline = time.monotonic() + min(timeout, plane.options.startup_seconds)
    waiting = list(started)
    while waiting:
        waiting = [
            component for component in waiting if not 200 <= fetched(component.port, path)[0] < 400
        ]
        ended = [component for component in waiting if not plane.supervisor.running(component.pid)]
        if waiting and (ended or time.monotonic() > deadline):
            port = container.get("ports", [{}])[0].get("containerPort", 8080)
            raise ApiError(
                400,
                f"Revision '{resource.private['revision']}' is not ready and cannot serve "
                "traffic. The user-provided container failed to start and listen on the port "
                f"defined provided by the PORT={port} environment variable within the allocated "
                f"timeout. This can happen when the container port is misconfigured or if the "
                f"timeout is too short. Its log ends with: {_tail(waiting[0])}",
                rpc="FAILED_PRECONDITION",
            )
        time.sleep(_POLL_SECONDS if waiting else 0)


def _tail(component: Component) -> str:
    lines = component.log.read_text(errors="replace").split("\n") if component.log.exists() else []
    return " ".join(" ".join(lines[-8:]).split())[-400:] or "(nothing)"


def _stop(cloud: Cloud, components: list[Component]) -> None:
    for component in components:
        if cloud.data_plane.supervisor.running(component.pid):
            cloud.data_plane.supervisor.stop(component.pid)


def _check_service(cloud: Cloud, resource: Resource) -> None:
    _check_template(cloud, resource.body["template"])


def _create_service(cloud: Cloud, resource: Resource) -> None:
    # A service exists also if its revision fails.
    resource.private["kept"] = True
    host = f"{resource.id}-{cloud.number()}.{resource.place['location']}.run.app"
    cloud.output(
        resource,
        uid=str(cloud.number()),
        uri=f"https://{host}",
        urls=[f"https://{host}"],
        generation="0",
        observedGeneration="0",
        creator="local",
        launchStage=resource.body.get("launchStage", "GA"),
        traffic=[{"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", "percent": 100}],
    )
    _deploy(cloud, resource)


def _deploy(cloud: Cloud, resource: Resource) -> None:
    """Start a new revision; once its probes succeed, replace the previous revision."""
    plane = cloud.data_plane
    generation = int(resource.body["generation"]) + 1
    revision = f"{resource.id}-{generation:05d}-loc"
    resource.private["revision"] = revision
    cloud.output(
        resource,
        generation=str(generation),
        latestCreatedRevision=f"{resource.name}/revisions/{revision}",
    )
    try:
        started = _start(cloud, resource, _instance_count(resource.body))
    except ApiError as error:
        _condition(cloud, resource, error)
        raise
    try:
        _wait(cloud, resource, started)
    except ApiError as error:
        _stop(cloud, started)
        _condition(cloud, resource, error)
        raise
    before = plane.instances.get(resource.path, [])
    plane.instances[resource.path] = started
    compute.update_balancer(cloud)
    _condition(cloud, resource, None)
    if before:
        time.sleep(_DRAIN_SECONDS)
        _stop(cloud, before)


def _condition(cloud: Cloud, resource: Resource, error: ApiError | None) -> None:
    ready = {
        "type": "Ready",
        "state": "CONDITION_FAILED" if error else "CONDITION_SUCCEEDED",
        "lastTransitionTime": now(),
        **({"message": error.message} if error else {}),
    }
    fields: Document = {"terminalCondition": ready, "conditions": [], "reconciling": False}
    if not error:
        name = resource.body["latestCreatedRevision"]
        fields |= {
            "latestReadyRevision": name,
            "observedGeneration": resource.body["generation"],
            "trafficStatuses": [
                {"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", "percent": 100, "uri": ""}
            ],
        }
    cloud.output(resource, **fields)


def _update_service(cloud: Cloud, resource: Resource, before: Document) -> None:
    if (
        before.get("template") != resource.body.get("template")
        or "latestReadyRevision" not in before
    ):
        _deploy(cloud, resource)
        return
    # Only the number of instances of the current revision changes.
    plane = cloud.data_plane
    current, count = plane.instances.get(resource.path, []), _instance_count(resource.body)
    if count > len(current):
        added = _start(cloud, resource, count - len(current))
        _wait(cloud, resource, added)
        plane.instances[resource.path] = current + added
    else:
        plane.instances[resource.path] = current[:count]
    compute.update_balancer(cloud)
    time.sleep(_DRAIN_SECONDS if current[count:] else 0)
    _stop(cloud, current[count:])


def _delete_service(cloud: Cloud, resource: Resource) -> None:
    components = cloud.data_plane.instances.pop(resource.path, [])
    compute.update_balancer(cloud)
    _stop(cloud, components)


# ---- Jobs ----


def _check_job(cloud: Cloud, resource: Resource) -> None:
    _check_template(cloud, resource.body["template"]["template"])


def _create_job(cloud: Cloud, resource: Resource) -> None:
    # Like a service, a job is refused if its account may not read its secrets.
    _environment(cloud, resource.place["project"], resource.body["template"]["template"])
    cloud.output(
        resource,
        uid=str(cloud.number()),
        generation="1",
        observedGeneration="1",
        creator="local",
        executionCount=0,
        launchStage=resource.body.get("launchStage", "GA"),
        terminalCondition={"type": "Ready", "state": "CONDITION_SUCCEEDED"},
        reconciling=False,
    )


def _update_job(cloud: Cloud, resource: Resource, _before: Document) -> None:
    _environment(cloud, resource.place["project"], resource.body["template"]["template"])
    generation = str(int(resource.body["generation"]) + 1)
    cloud.output(resource, generation=generation, observedGeneration=generation)


@dataclass(slots=True)
class Cancellation:
    """The request to cancel an execution, and the function that interrupts its task."""

    requested: threading.Event = field(default_factory=threading.Event)
    interrupt: Callable[[], None] = lambda: None


def cancel(resource: Resource, execution: Document) -> Document:
    """Cancel an execution of a job; returns it. It ends in the background."""
    cancellation: Cancellation = resource.private["cancellations"][execution["name"]]
    cancellation.requested.set()
    cancellation.interrupt()
    return dict(execution)


def _run_job(
    cloud: Cloud, resource: Resource, _document: Document, _query: Mapping[str, str]
) -> Document:
    operation = Operation(
        f"operation-{cloud.number()}",
        "lro",
        "run",
        resource.path,
        resource.place,
        "google.cloud.run.v2.Execution",
    )
    operation.metadata = _new_execution(cloud, resource)
    cloud.submit(operation, lambda: _execute(cloud, resource, operation.metadata))
    return cloud.operation_document(operation, hidden=True)


def execute(cloud: Cloud, resource: Resource) -> Document:
    """Start a job; returns its execution, which continues in the background."""
    execution = _new_execution(cloud, resource)
    operation = Operation("", "lro", "run", resource.path, resource.place)
    cloud.submit(operation, lambda: _execute(cloud, resource, execution))
    return execution


def _new_execution(cloud: Cloud, resource: Resource) -> Document:
    name = f"{resource.name}/executions/{resource.id}-{cloud.number()}"
    execution: Document = {
        "name": name,
        "uid": str(cloud.number()),
        "job": resource.id,
        "createTime": now(),
        "taskCount": 1,
        "parallelism": 1,
        "reconciling": True,
        "runningCount": 1,
    }
    resource.private.setdefault("executions", {})[name] = execution
    resource.private.setdefault("cancellations", {})[name] = Cancellation()
    return execution


def _execute(cloud: Cloud, resource: Resource, execution: Document) -> Document:
    template = resource.body["template"]["template"]
    retries = int(template.get("maxRetries", 3))
    cancellation: Cancellation = resource.private["cancellations"][execution["name"]]
    error = ""
    for attempt in range(retries + 1):
        try:
            environment = _environment(cloud, resource.place["project"], template)
            message = _migrate(
                cloud.data_plane, template["containers"][0], environment, cancellation
            )
        except (ApiError, migrations.MigrationError, psycopg.Error) as problem:
            if cancellation.requested.is_set():
                execution |= {"cancelledCount": 1, "reconciling": False, "runningCount": 0}
                message = "The execution was cancelled."
                return _complete(cloud, resource, execution, "CONDITION_FAILED", message)
            error = " ".join(str(problem).split())
            execution["retriedCount"] = min(attempt + 1, retries)
            continue
        execution |= {"succeededCount": 1, "reconciling": False, "runningCount": 0}
        return _complete(cloud, resource, execution, "CONDITION_SUCCEEDED", message)
    execution |= {"failedCount": 1, "reconciling": False, "runningCount": 0}
    message = f"Task {execution['name'].rsplit('/', 1)[-1]}-task0 failed with message: {error}"
    return _complete(cloud, resource, execution, "CONDITION_FAILED", message)


def _complete(
    cloud: Cloud, resource: Resource, execution: Document, state: str, message: str
) -> Document:
    execution["completionTime"] = now()
    reason = {"executionReason": "CANCELLED"} if execution.get("cancelledCount") else {}
    completed = {"type": "Completed", "state": state, "message": message, **reason}
    execution["conditions"] = [completed]
    count = resource.body.get("executionCount", 0) + 1
    cloud.output(
        resource,
        executionCount=count,
        latestCreatedExecution={
            "name": execution["name"].rsplit("/", 1)[-1],
            "createTime": execution["createTime"],
            "completionTime": execution["completionTime"],
        },
    )
    return dict(execution)


def _migrate(
    plane: DataPlane,
    container: Document,
    environment: Mapping[str, str],
    cancellation: Cancellation,
) -> str:
    """Run the migrations container; without LiteLLM, apply its SQL as the same user."""
    if containers.tag_of(container["image"]) == containers.BROKEN_TAG:
        raise migrations.MigrationError(f"the container {container['image']} ended with status 1")
    if plane.options.python:
        command = [*container.get("command", []), *container.get("args", [])]
        ended = jobs.run(
            plane.supervisor,
            plane.python,
            command,
            environment,
            postgres.programs(),
            cancellation.requested.is_set,
        )
        if ended.status:
            raise migrations.MigrationError(
                f"the container ended with status {ended.status}: {ended.output}"
            )
        return ended.output
    connect = partial(
        psycopg.connect,
        host=environment["DATABASE_HOST"],
        port=int(environment["DATABASE_PORT"]),
        user=environment["DATABASE_USER"],
        password=environment["DATABASE_PASSWORD"],
        dbname=environment["DATABASE_NAME"],
        autocommit=True,
        connect_timeout=10,
    )
    with connect() as connection:
        backend = connection.info.backend_pid

        def interrupt() -> None:
            with connect() as other:
                other.execute("SELECT pg_cancel_backend(%s)", [backend])

        cancellation.interrupt = interrupt
        return f"{migrations.run(connection)} migrations applied"


def _execution(cloud: Cloud, place: Mapping[str, str], _request: Any) -> Document:
    job = cloud.resolve("jobs", place["job"], place)
    executions = job.private.get("executions", {}) if job else {}
    for name, execution in executions.items():
        if name.rsplit("/", 1)[-1] == place["execution"]:
            return dict(execution)
    raise ApiError(404, f"The execution '{place['execution']}' was not found")


def _executions(cloud: Cloud, place: Mapping[str, str], _request: Any) -> Document:
    job = cloud.resolve("jobs", place["job"], place)
    return {
        "executions": [
            dict(execution)
            for execution in (job.private.get("executions", {}) if job else {}).values()
        ]
    }


_J = (
    r"/v2/projects/(?P<project>[^/]+)/locations/(?P<location>[^/]+)/jobs/(?P<job>[^/:]+)/executions"
)
ROUTES = (
    ("GET", _J, _executions),
    ("GET", _J + r"/(?P<execution>[^/:]+)", _execution),
)
HOOKS = {
    "services": Hooks(
        check=_check_service,
        create=_create_service,
        update=_update_service,
        delete=_delete_service,
        policy=compute.on_change,
        verbs=POLICY_VERBS,
    ),
    "jobs": Hooks(
        check=_check_job,
        create=_create_job,
        update=_update_job,
        verbs={"run": _run_job, **POLICY_VERBS},
    ),
}
