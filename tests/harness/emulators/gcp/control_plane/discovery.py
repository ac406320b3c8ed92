"""Google's own description of its APIs: which methods there are, what each takes and answers.

The discovery documents are those that google-api-python-client carries, of which nothing else is
used. A document is held to them as the APIs do it: a field that is not there, a type or an
enumerated value that is another, a query parameter that nobody reads.
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
    "iam.v1",
    "redis.v1",
    "run.v2",
    "secretmanager.v1",
    "servicenetworking.v1",
    "sqladmin.v1beta4",
    "storage.v1",
    "vpcaccess.v1",
)
_TYPES: Mapping[str, tuple[type, ...]] = {
    "array": (list,),
    "boolean": (bool,),
    # 64-bit numbers are text in JSON, and taken as numbers as well.
    "integer": (int, str),
    "number": (int, float),
    "object": (dict,),
    "string": (str, int),
}


class DiscoveryError(RuntimeError):
    """The documents are not there."""


@dataclass(frozen=True, slots=True)
class Method:
    """A method: its service's schemas, what it takes and answers by name, its parameters."""

    id: str
    schemas: Mapping[str, Any]
    request: str
    response: str
    parameters: frozenset[str]


def _folder() -> Path:
    found = importlib.util.find_spec("googleapiclient")
    if found is None or found.origin is None:
        raise DiscoveryError(
            "google-api-python-client is missing: install it with `pip install --group integration`"
        )
    return Path(found.origin).parent / "discovery_cache" / "documents"


def _methods(resources: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for resource in resources.values():
        yield from resource.get("methods", {}).values()
        yield from _methods(resource.get("resources", {}))


def _shape(verb: str, path: str) -> tuple[str, str, int]:
    """What a path has in common with the pattern that it fits, to look among few of them."""
    return verb, path.split("/")[1], path.count("/")


@cache
def _table() -> Mapping[tuple[str, str, int], list[tuple[re.Pattern[str], Method]]]:
    """The methods of all services by shape, with the pattern of their paths."""
    found: dict[tuple[str, str, int], list[tuple[re.Pattern[str], Method]]] = {}
    for name in _DOCUMENTS:
        document = json.loads((_folder() / f"{name}.json").read_text())
        common = set(document.get("parameters", ()))
        for method in _methods(document["resources"]):
            path = f"/{document['servicePath']}{method.get('flatPath', method['path'])}"
            pattern = re.escape(path).replace(r"\{", "{").replace(r"\}", "}")
            made = Method(
                method["id"],
                document["schemas"],
                method.get("request", {}).get("$ref", ""),
                method.get("response", {}).get("$ref", ""),
                frozenset(method.get("parameters", ())) | common,
            )
            regex = re.compile(re.sub(r"\{[^}]+\}", "[^/:]+", pattern))
            found.setdefault(_shape(method["httpMethod"], path), []).append((regex, made))
    return found


def method(verb: str, path: str) -> Method | None:
    """The method that answers an HTTP method at a path; None if Google has none."""
    for pattern, found in _table().get(_shape(verb, path), ()):
        if pattern.fullmatch(path):
            return found
    return None


def fields(path: str) -> frozenset[str] | None:
    """The fields of what a path answers a GET with; None if Google describes none."""
    held = method("GET", path)
    if held is None or not held.response:
        return None
    return frozenset(held.schemas[held.response].get("properties", ()))


def problems(
    held: Method, document: Any, query: Iterable[str] = (), *, answer: bool = False
) -> list[str]:
    """What Google would say of a request's document and query, or of an answer's document."""
    found = [
        f'Invalid JSON payload received. Unknown name "{name}": Cannot bind query parameter.'
        for name in query
        # Those that begin so are every API's.
        if name not in held.parameters and not name.startswith("$")
    ]
    name = held.response if answer else held.request
    if name:
        found += _problems(held.schemas, {"$ref": name}, document, "")
    return found


def _problems(
    schemas: Mapping[str, Any], schema: Mapping[str, Any], value: Any, where: str
) -> Iterator[str]:
    schema = schemas[schema["$ref"]] if "$ref" in schema else schema
    kind = schema.get("type", "any")
    if value is None or kind == "any":
        return
    fits = isinstance(value, _TYPES[kind]) and not (kind != "boolean" and isinstance(value, bool))
    if not fits:
        yield f"Invalid value at '{where}' ({kind}), {json.dumps(value)[:80]}"
    elif kind == "object":
        named, rest = schema.get("properties", {}), schema.get("additionalProperties")
        for key, item in value.items():
            inner = named.get(key, rest)
            if inner is None:
                yield (
                    f"Invalid JSON payload received. Unknown name \"{key}\" at '{where}': "
                    "Cannot find field."
                )
            else:
                yield from _problems(schemas, inner, item, f"{where}.{key}".lstrip("."))
    elif kind == "array":
        for index, item in enumerate(value):
            yield from _problems(schemas, schema["items"], item, f"{where}[{index}]")
    # A value may be given by its number.
    elif "enum" in schema and isinstance(value, str) and value not in schema["enum"]:
        yield f"Invalid value for field '{where}': '{value}'. Must be one of {schema['enum']}"
