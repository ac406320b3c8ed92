"""The part of Cloud Run Admin API v1 that ``gcloud run jobs execute --wait`` calls.

gcloud uses v1; Google's client libraries use v2. Source: Cloud Run Admin API v1,
namespaces.jobs and namespaces.executions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.harness.emulators.gcp.control_plane.engine import Cloud, Document, Resource
from tests.harness.emulators.gcp.control_plane.errors import ApiError
from tests.harness.emulators.gcp.services import run

_VERSION = "run.googleapis.com/v1"
_STATES = {"CONDITION_SUCCEEDED": "True", "CONDITION_FAILED": "False"}


def _find_job(cloud: Cloud, place: Mapping[str, str]) -> Resource:
    for job in cloud.of("jobs"):
        if job.place["project"] == place["project"] and job.id == place["job"]:
            return job
    raise ApiError(404, f"Resource '{place['job']}' of kind 'JOB' does not exist")


def _metadata(body: Document, name: str, project: str) -> Document:
    return {
        "name": name,
        "namespace": project,
        "uid": body.get("uid", ""),
        "generation": int(body.get("generation", 1)),
        "labels": body.get("labels", {}),
        "creationTimestamp": body["createTime"],
    }


def _job(cloud: Cloud, place: Mapping[str, str], _request: Any) -> Document:
    job = _find_job(cloud, place)
    return {
        "apiVersion": _VERSION,
        "kind": "Job",
        "metadata": _metadata(job.body, job.id, place["project"]),
        "spec": {},
        "status": {
            "observedGeneration": int(job.body["generation"]),
            "conditions": [{"type": "Ready", "status": "True"}],
            "executionCount": job.body["executionCount"],
        },
    }


def _run(cloud: Cloud, place: Mapping[str, str], _request: Any) -> Document:
    job = _find_job(cloud, place)
    return _execution_document(run.execute(cloud, job), place["project"])


def _execution(cloud: Cloud, place: Mapping[str, str], _request: Any) -> Document:
    for job in cloud.of("jobs"):
        for name, document in job.private.get("executions", {}).items():
            if name.rsplit("/", 1)[-1] == place["execution"]:
                return _execution_document(document, place["project"])
    raise ApiError(404, f"Resource '{place['execution']}' of kind 'EXECUTION' does not exist")


def _execution_document(document: Document, project: str) -> Document:
    conditions = [
        {
            "type": condition["type"],
            "status": _STATES.get(condition["state"], "Unknown"),
            "message": condition["message"],
        }
        for condition in document.get(
            "conditions", [{"type": "Completed", "state": "", "message": ""}]
        )
    ]
    counts = ("succeededCount", "failedCount", "runningCount", "completionTime")
    return {
        "apiVersion": _VERSION,
        "kind": "Execution",
        "metadata": _metadata(document, document["name"].rsplit("/", 1)[-1], project),
        "spec": {"taskCount": document["taskCount"], "parallelism": document["parallelism"]},
        "status": {
            "observedGeneration": 1,
            "conditions": conditions,
            **{key: document[key] for key in counts if key in document},
        },
    }


_N = r"/apis/run\.googleapis\.com/v1/namespaces/(?P<project>[^/]+)"
ROUTES = (
    ("GET", _N + r"/jobs/(?P<job>[^/:]+)", _job),
    ("POST", _N + r"/jobs/(?P<job>[^/:]+):run", _run),
    ("GET", _N + r"/executions/(?P<execution>[^/:]+)", _execution),
)
