"""Google's discovery documents: the methods of the APIs, with their requests and responses.

The documents come from google-api-python-client. This module checks requests and responses as the
APIs do: it reports unknown fields, wrong types, invalid enumeration values and unknown query
parameters.
"""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

_DOCUMENTS = (
    "artifactregistry.v1",
    "cloudresourcemanager.v1",
    "compute.v1",
    "dns.v1",
    "iam.v1",
    "logging.v2",
    "redis.v1",
    "run.v1",
    "run.v2",
    "secretmanager.v1",
    "servicenetworking.v1",
    "serviceusage.v1",
    "sqladmin.v1beta4",
    "storage.v1",
    "vpcaccess.v1",
)
# Parameters that gcloud sends and Compute Engine accepts, though the document does not name them.
_UNDOCUMENTED = {"compute": {"returnPartialSuccess"}}
# Fields that the google provider 7.46.0 sends, likewise.
_UNDOCUMENTED_FIELDS = frozenset({"deleteBgpAlwaysCompareMed"})
_TYPES: Mapping[str, tuple[type, ...]] = {
    "array": (list,),
    "boolean": (bool,),
    # 64-bit integers are strings in JSON. The APIs accept numbers too.
    "integer": (int, str),
    "number": (int, float),
    "object": (dict,),
    "string": (str, int),
}


class DiscoveryError(RuntimeError):
    """The discovery documents are not installed."""


@dataclass(frozen=True, slots=True)
class Method:
    """A method: the schemas of its service, its request, response and parameters by name."""

    id: str
    schemas: Mapping[str, Any]
    request: str
    response: str
    parameters: frozenset[str]


def _folder() -> Path:
    package = importlib.util.find_spec("googleapiclient")
    if package is None or package.origin is None:
        raise DiscoveryError(
            "google-api-python-client is missing: install it with `pip install --group integration`"
        )
    return Path(package.origin).parent / "discovery_cache" / "documents"


def _methods(resources: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for resource in resources.values():
        yield from resource.get("methods", {}).values()
        yield from _methods(resource.get("resources", {}))


def _shape(verb: str, path: str) -> tuple[str, str, int]:
    """What a path and its pattern have in common, so that a search compares few patterns."""
    return verb, path.split("/")[1], path.count("/")


@cache
def _table() -> Mapping[tuple[str, str, int], list[tuple[re.Pattern[str], Method]]]:
    """The methods of all services, each with the pattern of its path, by shape."""
    methods: dict[tuple[str, str, int], list[tuple[re.Pattern[str], Method]]] = {}
    for name in _DOCUMENTS:
        document = json.loads((_folder() / f"{name}.json").read_text())
        common = set(document.get("parameters", ()))
        undocumented = _UNDOCUMENTED.get(document["name"], set())
        for method in _methods(document["resources"]):
            path = f"/{document['servicePath']}{method.get('flatPath', method['path'])}"
            pattern = re.escape(path).replace(r"\{", "{").replace(r"\}", "}")
            described = Method(
                method["id"],
                document["schemas"],
                method.get("request", {}).get("$ref", ""),
                method.get("response", {}).get("$ref", ""),
                frozenset(method.get("parameters", ())) | common | undocumented,
            )
            regex = re.compile(re.sub(r"\{[^}]+\}", "[^/:]+", pattern))
            methods.setdefault(_shape(method["httpMethod"], path), []).append((regex, described))
    return methods


def method(verb: str, path: str) -> Method | None:
    """The method of an HTTP method and a path; None if Google has none."""
    for pattern, described in _table().get(_shape(verb, path), ()):
        if pattern.fullmatch(path):
            return described
    return None


def fields(path: str) -> frozenset[str] | None:
    """The fields of the response to a GET of a path; None if no document describes it."""
    described = method("GET", path)
    if described is None or not described.response:
        return None
    return frozenset(described.schemas[described.response].get("properties", ()))


def kind(described: Method) -> str:
    """The kind of a method's response (``compute#urlMapList``); empty if it has none."""
    schema = described.schemas.get(described.response, {})
    return str(schema.get("properties", {}).get("kind", {}).get("default", ""))


def problems(
    described: Method, document: Any, query: Iterable[str] = (), *, answer: bool = False
) -> list[str]:
    """Google's errors for the body and the query of a request, or for the body of an answer."""
    errors = [
        f'Invalid JSON payload received. Unknown name "{name}": Cannot bind query parameter.'
        for name in query
        # Parameters with this prefix belong to every API.
        if name not in described.parameters and not name.startswith("$")
    ]
    name = described.response if answer else described.request
    if name:
        errors += _problems(described.schemas, {"$ref": name}, document, "")
    return errors


def _problems(
    schemas: Mapping[str, Any], schema: Mapping[str, Any], value: Any, location: str
) -> Iterator[str]:
    schema = schemas[schema["$ref"]] if "$ref" in schema else schema
    kind = schema.get("type", "any")
    if value is None or kind == "any":
        return
    fits = isinstance(value, _TYPES[kind]) and not (kind != "boolean" and isinstance(value, bool))
    if not fits:
        yield f"Invalid value at '{location}' ({kind}), {json.dumps(value)[:80]}"
    elif kind == "object":
        properties, additional = schema.get("properties", {}), schema.get("additionalProperties")
        for key, item in value.items():
            inner = properties.get(key, additional)
            if inner is None:
                if key not in _UNDOCUMENTED_FIELDS:
                    yield (
                        f"Invalid JSON payload received. Unknown name \"{key}\" at '{location}': "
                        "Cannot find field."
                    )
            else:
                yield from _problems(schemas, inner, item, f"{location}.{key}".lstrip("."))
    elif kind == "array":
        for index, item in enumerate(value):
            yield from _problems(schemas, schema["items"], item, f"{location}[{index}]")
    # A value may also be the number of the enumeration value.
    elif "enum" in schema and isinstance(value, str) and value not in schema["enum"]:
        yield f"Invalid value for field '{location}': '{value}'. Must be one of {schema['enum']}"
