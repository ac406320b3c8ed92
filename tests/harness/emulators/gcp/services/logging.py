"""Cloud Logging: the logs of the executions of jobs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tests.harness.emulators.gcp.control_plane.engine import Cloud, Document, Resource
from tests.harness.emulators.gcp.control_plane.http import body_of

_TYPE = "cloud_run_job"
_COMPARISON = re.compile(r"([\w.]+) *= *\"?([^\s\"]+)")


def _entries(job: Resource) -> Iterator[Document]:
    labels = {
        "project_id": job.place["project"],
        "location": job.place["location"],
        "job_name": job.id,
    }
    for execution in list(job.private.get("executions", {}).values()):
        for condition in execution.get("conditions", []):
            yield {
                "logName": f"projects/{job.place['project']}/logs/run.googleapis.com%2Fstdout",
                "resource": {"type": _TYPE, "labels": labels},
                "timestamp": execution["completionTime"],
                "insertId": execution["uid"],
                "severity": "INFO" if execution.get("succeededCount") else "ERROR",
                "textPayload": condition["message"],
            }


def _list(cloud: Cloud, _place: Mapping[str, str], request: Any) -> Document:
    document = body_of(request)
    comparisons = dict(_COMPARISON.findall(document.get("filter", "")))
    entries = [
        entry
        for job in cloud.of("jobs")
        if f"projects/{job.place['project']}" in document.get("resourceNames", [])
        for entry in _entries(job)
        if _matches(entry["resource"], comparisons)
    ]
    descending = document.get("orderBy", "").endswith("desc")
    return {"entries": sorted(entries, key=lambda entry: entry["timestamp"], reverse=descending)}


def _matches(resource: Document, comparisons: Mapping[str, str]) -> bool:
    """Whether the comparisons of a filter with the type and the labels of a resource hold."""
    values = {f"resource.labels.{key}": value for key, value in resource["labels"].items()}
    values["resource.type"] = resource["type"]
    return all(comparisons.get(key, value) == value for key, value in values.items())


ROUTES = (("POST", "/v2/entries:list", _list),)
