"""The part of Cloud Run Admin API v1 that gcloud calls: services, jobs and executions.

gcloud uses v1; Terraform and Google's client libraries use v2. A resource of v1 is a view of the
resource of v2. Source: Cloud Run Admin API v1, namespaces.services, namespaces.jobs and
namespaces.executions.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tests.harness.emulators.gcp.control_plane.engine import Cloud, Document, Resource
from tests.harness.emulators.gcp.control_plane.errors import ApiError, not_served
from tests.harness.emulators.gcp.control_plane.http import body_of
from tests.harness.emulators.gcp.services import run

_RUN = "run.googleapis.com"
_SERVING = "serving.knative.dev"
_LOCATION = "cloud.googleapis.com/location"
_JOB = f"{_RUN}/job"
_STATES = {"CONDITION_SUCCEEDED": "True", "CONDITION_FAILED": "False"}
# gcloud puts the region before the host.
_REGIONAL_HOST = re.compile(r"(?P<region>[a-z0-9-]+)-127\.0\.0\.1(?::\d+)?")
# The fields of a container that are the same in both versions.
_SAME = ("name", "image", "command", "args", "ports", "volumeMounts")
_PROBES = ("startupProbe", "livenessProbe")


# ---- Views of v2 ----


def _last(name: str) -> str:
    return name.rsplit("/", 1)[-1]


def _metadata(
    body: Document, name: str, place: Mapping[str, str], labels: Mapping[str, str]
) -> Document:
    return {
        "name": name,
        "namespace": place["project"],
        "uid": body.get("uid", ""),
        "generation": int(body.get("generation", 1)),
        "labels": {**body.get("labels", {}), _LOCATION: place["location"], **labels},
        "annotations": dict(body.get("annotations", {})),
        "creationTimestamp": body["createTime"],
    }


def _variable(variable: Document) -> Document:
    reference = variable.get("valueSource", {}).get("secretKeyRef")
    if reference is None:
        return {"name": variable["name"], "value": variable.get("value", "")}
    key = {"name": _last(reference["secret"]), "key": reference.get("version", "latest")}
    return {"name": variable["name"], "valueFrom": {"secretKeyRef": key}}


def _container(container: Document) -> Document:
    return {
        **{key: container[key] for key in (*_SAME, *_PROBES) if key in container},
        "env": [_variable(variable) for variable in container.get("env", [])],
        "resources": {"limits": container.get("resources", {}).get("limits", {})},
    }


def _volume(volume: Document) -> Document:
    bucket = volume.get("gcs")
    if bucket is None:
        return {"name": volume["name"]}
    driver = {
        "driver": "gcsfuse.run.googleapis.com",
        "readOnly": bucket.get("readOnly", False),
        "volumeAttributes": {"bucketName": bucket["bucket"]},
    }
    return {"name": volume["name"], "csi": driver}


def _template(template: Document) -> Document:
    """The specification of the containers: of a revision, or of a task."""
    return {
        "serviceAccountName": template.get("serviceAccount", ""),
        "containers": [_container(container) for container in template["containers"]],
        "volumes": [_volume(volume) for volume in template.get("volumes", [])],
    }


def _condition(kind: str, condition: Document) -> Document:
    return {
        "type": kind,
        "status": _STATES.get(condition.get("state", ""), "Unknown"),
        "message": condition.get("message", ""),
        "reason": condition.get("executionReason", "").capitalize(),
    }


def _service(resource: Resource) -> Document:
    body = resource.body
    template, ready = body["template"], body.get("terminalCondition", {})
    revision = _last(body.get("latestReadyRevision", ""))
    traffic = {"percent": 100, "latestRevision": True}
    kinds = ("Ready", "ConfigurationsReady", "RoutesReady")
    return {
        "apiVersion": f"{_SERVING}/v1",
        "kind": "Service",
        "metadata": _metadata(body, resource.id, resource.place, {}),
        "spec": {
            "template": {
                "metadata": {"labels": template.get("labels", {})},
                "spec": {
                    "containerConcurrency": template.get("maxInstanceRequestConcurrency", 80),
                    "timeoutSeconds": int(str(template.get("timeout", "300s")).rstrip("s")),
                    **_template(template),
                },
            },
            "traffic": [traffic],
        },
        "status": {
            "observedGeneration": int(body.get("observedGeneration", 0)),
            "conditions": [_condition(kind, ready) for kind in kinds],
            "latestCreatedRevisionName": _last(body.get("latestCreatedRevision", "")),
            "latestReadyRevisionName": revision,
            "traffic": [{**traffic, "revisionName": revision}],
            "url": body.get("uri", ""),
            "address": {"url": body.get("uri", "")},
        },
    }


def _job(resource: Resource) -> Document:
    body = resource.body
    task = body["template"]["template"]
    status: Document = {
        "observedGeneration": int(body["observedGeneration"]),
        "conditions": [_condition("Ready", body["terminalCondition"])],
        "executionCount": body["executionCount"],
    }
    if latest := body.get("latestCreatedExecution"):
        times = {"creationTimestamp": "createTime", "completionTimestamp": "completionTime"}
        status["latestCreatedExecution"] = {
            "name": latest["name"],
            **{new: latest[old] for new, old in times.items() if old in latest},
        }
    specification = {
        "maxRetries": int(task.get("maxRetries", 3)),
        "timeoutSeconds": str(task.get("timeout", "600s")).rstrip("s"),
        **_template(task),
    }
    execution = {"taskCount": 1, "template": {"spec": specification}}
    return {
        "apiVersion": f"{_RUN}/v1",
        "kind": "Job",
        "metadata": _metadata(body, resource.id, resource.place, {}),
        "spec": {"template": {"spec": execution}},
        "status": status,
    }


def _execution(document: Document, place: Mapping[str, str]) -> Document:
    completed = (document.get("conditions") or [{}])[0]
    # A client that does not wait for the end waits for the start.
    started = {"state": "CONDITION_SUCCEEDED"}
    counts = (
        *("succeededCount", "failedCount", "cancelledCount"),
        *("runningCount", "retriedCount", "completionTime"),
    )
    return {
        "apiVersion": f"{_RUN}/v1",
        "kind": "Execution",
        "metadata": _metadata(document, _last(document["name"]), place, {_JOB: document["job"]}),
        "spec": {"taskCount": document["taskCount"], "parallelism": document["parallelism"]},
        "status": {
            "observedGeneration": 1,
            "startTime": document["createTime"],
            "conditions": [
                _condition("Completed", completed),
                *(_condition(kind, started) for kind in ("ResourcesAvailable", "Started")),
            ],
            **{key: document[key] for key in counts if key in document},
        },
    }


# ---- Methods ----


def _region(place: Mapping[str, str], request: Any) -> str:
    """The region of a request, from its path or its host; empty for every region."""
    host = _REGIONAL_HOST.fullmatch(request.host)
    region = place.get("location") or (host["region"] if host else "")
    return "" if region == "-" else region


def _of(cloud: Cloud, collection: str, place: Mapping[str, str], region: str) -> Iterator[Resource]:
    for resource in cloud.of(collection):
        if resource.place["project"] == place["project"] and region in (
            "",
            resource.place["location"],
        ):
            yield resource


def _find(cloud: Cloud, collection: str, place: Mapping[str, str], request: Any) -> Resource:
    for resource in _of(cloud, collection, place, _region(place, request)):
        if resource.id == place["id"]:
            return resource
    kind = collection.removesuffix("s").upper()
    raise ApiError(404, f"Resource '{place['id']}' of kind '{kind}' does not exist")


def _list(kind: str, group: str, items: list[Document]) -> Document:
    return {"apiVersion": f"{group}/v1", "kind": f"{kind}List", "metadata": {}, "items": items}


def _get_service(cloud: Cloud, place: Mapping[str, str], request: Any) -> Document:
    return _service(_find(cloud, "services", place, request))


def _list_services(cloud: Cloud, place: Mapping[str, str], request: Any) -> Document:
    services = _of(cloud, "services", place, _region(place, request))
    return _list("Service", _SERVING, [_service(service) for service in services])


def _replace_service(cloud: Cloud, place: Mapping[str, str], request: Any) -> Document:
    """Deploy other images of a service, and wait for the new revision.

    Raises:
        ApiError: anything other than an image changes; or the revision is not ready.
    """
    service = _find(cloud, "services", place, request)
    current = _service(service)["spec"]["template"]["spec"]
    replacement = body_of(request)["spec"]["template"]["spec"]
    images = [container["image"] for container in replacement["containers"]]
    if _without_images(replacement) != _without_images(current):
        raise not_served("the emulator changes only the images of a service through v1; use v2")
    template = copy.deepcopy(service.body["template"])
    for container, image in zip(template["containers"], images, strict=True):
        container["image"] = image
    started = cloud.change(service, {"template": template}, whole=False, mask="template")
    operation = cloud.operations[_last(started["name"])]
    operation.done.wait()
    if operation.error:
        raise operation.error
    return _service(service)


def _without_images(value: Any) -> Any:
    """A specification without images and empty values, which gcloud leaves out."""
    if isinstance(value, list):
        return [_without_images(item) for item in value]
    if not isinstance(value, dict):
        return value
    items = {key: _without_images(item) for key, item in value.items() if key != "image"}
    return {key: item for key, item in items.items() if item not in ("", [], {}, None)}


def _get_job(cloud: Cloud, place: Mapping[str, str], request: Any) -> Document:
    return _job(_find(cloud, "jobs", place, request))


def _list_jobs(cloud: Cloud, place: Mapping[str, str], request: Any) -> Document:
    jobs = _of(cloud, "jobs", place, _region(place, request))
    return _list("Job", _RUN, [_job(job) for job in jobs])


def _run(cloud: Cloud, place: Mapping[str, str], request: Any) -> Document:
    job = _find(cloud, "jobs", place, request)
    return _execution(run.execute(cloud, job), job.place)


def _executions(cloud: Cloud, place: Mapping[str, str], region: str) -> list[Document]:
    return [
        _execution(document, job.place)
        for job in _of(cloud, "jobs", place, region)
        for document in list(job.private.get("executions", {}).values())
    ]


def _get_execution(cloud: Cloud, place: Mapping[str, str], request: Any) -> Document:
    for execution in _executions(cloud, place, _region(place, request)):
        if execution["metadata"]["name"] == place["id"]:
            return execution
    raise ApiError(404, f"Resource '{place['id']}' of kind 'EXECUTION' does not exist")


def _cancel_execution(cloud: Cloud, place: Mapping[str, str], request: Any) -> Document:
    for job in _of(cloud, "jobs", place, _region(place, request)):
        for name, document in job.private.get("executions", {}).items():
            if _last(name) == place["id"]:
                return _execution(run.cancel(job, document), job.place)
    raise ApiError(404, f"Resource '{place['id']}' of kind 'EXECUTION' does not exist")


def _list_executions(cloud: Cloud, place: Mapping[str, str], request: Any) -> Document:
    executions = _executions(cloud, place, _region(place, request))
    for selector in filter(None, request.args.get("labelSelector", "").split(",")):
        key, _, value = (part.strip() for part in selector.partition("="))
        executions = [e for e in executions if e["metadata"]["labels"].get(key) == value]
    return _list("Execution", _RUN, executions)


_N = r"/v1/namespaces/(?P<project>[^/]+)"
_SERVICES = rf"/apis/serving\.knative\.dev{_N}/services"
_JOBS = rf"/apis/run\.googleapis\.com{_N}/jobs"
_EXECUTIONS = rf"/apis/run\.googleapis\.com{_N}/executions"
_ID = r"/(?P<id>[^/:]+)"
ROUTES: tuple[tuple[str, str, Callable[..., Document]], ...] = (
    ("GET", _SERVICES, _list_services),
    ("GET", _SERVICES + _ID, _get_service),
    ("PUT", _SERVICES + _ID, _replace_service),
    (
        "GET",
        r"/v1/projects/(?P<project>[^/]+)/locations/(?P<location>[^/]+)/services",
        _list_services,
    ),
    ("GET", _JOBS, _list_jobs),
    ("GET", _JOBS + _ID, _get_job),
    ("POST", _JOBS + _ID + ":run", _run),
    ("GET", _EXECUTIONS, _list_executions),
    ("GET", _EXECUTIONS + _ID, _get_execution),
    ("POST", _EXECUTIONS + _ID + ":cancel", _cancel_execution),
)
