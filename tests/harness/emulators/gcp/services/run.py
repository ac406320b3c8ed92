"""Cloud Run: each revision of a service is a set of processes, each run of a job does its work."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
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
from tests.harness.litellm import containers, migrations
from tests.harness.litellm.containers import Component
from tests.harness.process.ports import fetched

# Source: Cloud Run, deploying container images: what it pulls from.
_REGISTRIES = re.compile(
    r"(?:(?:[a-z0-9-]+-)?docker\.pkg\.dev|(?:[a-z0-9-]+\.)?gcr\.io|docker\.io)/.+"
)
# Source: Cloud Run, environment variables.
_RESERVED = re.compile(r"PORT|K_(?:SERVICE|REVISION|CONFIGURATION)|CLOUD_RUN_.*")
_POLL_SECONDS = 0.2
# How long what still runs when a revision is replaced may go on, in seconds.
_DRAIN_SECONDS = 0.5


# ---- What a revision or a job needs before it starts ----


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
        names = [one["name"] for one in container.get("env", [])]
        if odd := {n for n in names if names.count(n) > 1 or _RESERVED.fullmatch(n)}:
            raise ApiError(400, f"Environment variables stand twice or are reserved: {sorted(odd)}")
    mounts = {m["name"] for c in template.get("containers", []) for m in c.get("volumeMounts", [])}
    if unknown := mounts - {volume["name"] for volume in template.get("volumes", [])}:
        raise ApiError(400, f"volume mounts name no volume: {sorted(unknown)}")


def _environment(cloud: Cloud, project: str, template: Document) -> dict[str, str]:
    """The variables of the first container, secrets read as its service account."""
    email, found = template.get("serviceAccount", ""), {}
    for one in template["containers"][0].get("env", []):
        reference = one.get("valueSource", {}).get("secretKeyRef")
        if reference is None:
            found[one["name"]] = one.get("value", "")
        else:
            found[one["name"]] = secrets.read_as(
                cloud,
                project,
                reference["secret"].rsplit("/", 1)[-1],
                reference.get("version", "latest"),
                email,
            )
    return found


def _files(cloud: Cloud, template: Document) -> dict[str, str]:
    """The mounted objects by their path in the container."""
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


def _wanted(body: Document) -> int:
    """How many instances run: as many as are asked for, and one to answer the first request."""
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
        _started(cloud.data_plane, resource.id, container["image"], command, environment, files)
        for _ in range(count)
    ]


def _started(
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
        ApiError: one does not answer in time, or ended.
    """
    plane = cloud.data_plane
    container = resource.body["template"]["containers"][0]
    probe = container.get("startupProbe", {})
    path = probe.get("httpGet", {}).get("path", "/")
    allowed = int(probe.get("initialDelaySeconds", 0)) + int(
        probe.get("failureThreshold", 3)
    ) * int(probe.get("periodSeconds", 10))
    until = time.monotonic() + min(allowed, plane.options.startup_seconds)
    waiting = list(started)
    while waiting:
        waiting = [one for one in waiting if not 200 <= fetched(one.port, path)[0] < 400]
        gone = [one for one in waiting if not plane.supervisor.running(one.pid)]
        if waiting and (gone or time.monotonic() > until):
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


def _stop(cloud: Cloud, held: list[Component]) -> None:
    for component in held:
        if cloud.data_plane.supervisor.running(component.pid):
            cloud.data_plane.supervisor.stop(component.pid)


def _check_service(cloud: Cloud, resource: Resource) -> None:
    _check_template(cloud, resource.body["template"])


def _create_service(cloud: Cloud, resource: Resource) -> None:
    # A service whose revision fails is there all the same.
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
    """Start a new revision and put it in the old one's place once it answers."""
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
        started = _start(cloud, resource, _wanted(resource.body))
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
    compute.refresh(cloud)
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
    # The number of instances of the revision that there is.
    plane = cloud.data_plane
    held, wanted = plane.instances.get(resource.path, []), _wanted(resource.body)
    if wanted > len(held):
        more = _start(cloud, resource, wanted - len(held))
        _wait(cloud, resource, more)
        plane.instances[resource.path] = held + more
    else:
        plane.instances[resource.path] = held[:wanted]
    compute.refresh(cloud)
    time.sleep(_DRAIN_SECONDS if held[wanted:] else 0)
    _stop(cloud, held[wanted:])


def _delete_service(cloud: Cloud, resource: Resource) -> None:
    held = cloud.data_plane.instances.pop(resource.path, [])
    compute.refresh(cloud)
    _stop(cloud, held)


# ---- Jobs ----


def _check_job(cloud: Cloud, resource: Resource) -> None:
    _check_template(cloud, resource.body["template"]["template"])


def _create_job(cloud: Cloud, resource: Resource) -> None:
    # As a service, a job that may not read its secrets is refused when it is made.
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
    """Start a job; gives its execution, which goes on in the background."""
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
    return execution


def _execute(cloud: Cloud, resource: Resource, execution: Document) -> Document:
    template = resource.body["template"]["template"]
    retries = int(template.get("maxRetries", 3))
    error = ""
    for attempt in range(retries + 1):
        try:
            environment = _environment(cloud, resource.place["project"], template)
            said = _migrate(template["containers"][0], environment)
        except (ApiError, migrations.MigrationError, psycopg.Error) as problem:
            error = " ".join(str(problem).split())
            execution["retriedCount"] = min(attempt + 1, retries)
            continue
        execution |= {"succeededCount": 1, "reconciling": False, "runningCount": 0}
        return _completed(cloud, resource, execution, "CONDITION_SUCCEEDED", said)
    execution |= {"failedCount": 1, "reconciling": False, "runningCount": 0}
    said = f"Task {execution['name'].rsplit('/', 1)[-1]}-task0 failed with message: {error}"
    return _completed(cloud, resource, execution, "CONDITION_FAILED", said)


def _completed(
    cloud: Cloud, resource: Resource, execution: Document, state: str, said: str
) -> Document:
    execution["completionTime"] = now()
    execution["conditions"] = [{"type": "Completed", "state": state, "message": said}]
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


def _migrate(container: Document, environment: Mapping[str, str]) -> str:
    """Do what the migrations' container does: the migrations of LiteLLM's package, as its user."""
    if container["image"].rsplit(":", 1)[-1] == containers.BROKEN_TAG:
        raise migrations.MigrationError(f"the container {container['image']} ended with status 1")
    with psycopg.connect(
        host=environment["DATABASE_HOST"],
        port=int(environment["DATABASE_PORT"]),
        user=environment["DATABASE_USER"],
        password=environment["DATABASE_PASSWORD"],
        dbname=environment["DATABASE_NAME"],
        autocommit=True,
        connect_timeout=10,
    ) as connection:
        return f"{migrations.run(connection)} migrations applied"


def _execution(cloud: Cloud, place: Mapping[str, str], _request: Any) -> Document:
    job = cloud.named("jobs", place["job"], place)
    held = job.private.get("executions", {}) if job else {}
    for name, execution in held.items():
        if name.rsplit("/", 1)[-1] == place["execution"]:
            return dict(execution)
    raise ApiError(404, f"The execution '{place['execution']}' was not found")


def _executions(cloud: Cloud, place: Mapping[str, str], _request: Any) -> Document:
    job = cloud.named("jobs", place["job"], place)
    return {
        "executions": [
            dict(one) for one in (job.private.get("executions", {}) if job else {}).values()
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
        policy=compute.served,
        verbs=POLICY_VERBS,
    ),
    "jobs": Hooks(
        check=_check_job,
        create=_create_job,
        update=_update_job,
        verbs={"run": _run_job, **POLICY_VERBS},
    ),
}
