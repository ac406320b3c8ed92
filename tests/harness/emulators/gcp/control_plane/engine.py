"""Resources, operations, and the rules of every collection of the table.

A resource is a document at a path. A create, a change and a delete answer as the service does: at
once, or with an operation to poll. :class:`Hooks` add what is specific to a service.
"""

from __future__ import annotations

import copy
import datetime
import itertools
import logging
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from tests.harness import documents
from tests.harness.emulators.gcp.control_plane import discovery
from tests.harness.emulators.gcp.control_plane.errors import ApiError
from tests.harness.offline.live.google.codec import camel

LOG = logging.getLogger(__name__)
Document = dict[str, Any]
# Source: labels of Google Cloud resources (Resource Manager, requirements for labels).
_LABEL_KEY = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_LABEL_VALUE = re.compile(r"[a-z0-9_-]{0,63}")
_MOST_LABELS = 64
# Ids of the APIs are numbers; the first one is arbitrary.
_FIRST_NUMBER = 1001
# The fields that identify the version of a resource, by their names in the services.
_ETAGS = ("etag", "fingerprint", "labelFingerprint")


@dataclass(frozen=True, slots=True)
class Collection:
    """An entry of the table; see the head of collections.yaml."""

    name: str
    path: str
    operation: str
    pattern: str
    id: str = "body.name"
    body: str = ""
    list: str = "items"
    named: bool = False
    type: str = ""
    stored_as: str = "{id}"
    references: Mapping[str, Any] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """The name of the collection in a path (``subnetworks``)."""
        return self.path.rsplit("/", 1)[-1]


@cache
def table() -> Mapping[str, Collection]:
    """The collections by name."""
    document = documents.read(Path(__file__).with_name("collections.yaml"))
    patterns = document["patterns"]
    return {
        name: Collection(
            name=name, **{**entry, "pattern": patterns.get(entry["pattern"], entry["pattern"])}
        )
        for name, entry in document["collections"].items()
    }


@dataclass(slots=True)
class Resource:
    """A resource; ``path`` is its key, ``place`` the path's parts, ``private`` values of hooks."""

    collection: Collection
    path: str
    place: dict[str, str]
    body: Document
    policy: Document = field(default_factory=lambda: {"bindings": [], "version": 1})
    version: int = 1
    private: dict[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The last part of its name."""
        return self.place["id"]

    @property
    def name(self) -> str:
        """The name without the service and its version (``projects/p/global/networks/n``)."""
        return relative(self.path)


@dataclass(slots=True)
class Operation:
    """An operation in progress: ``answer`` or ``error`` is set once it is ``done``."""

    id: str
    style: str
    verb: str
    target: str
    place: Mapping[str, str]
    type: str = ""
    done: threading.Event = field(default_factory=threading.Event)
    answer: Document | None = None
    error: ApiError | None = None
    metadata: Document = field(default_factory=dict)


def _nothing(_cloud: Any, _resource: Resource) -> None:
    return None


def _no_change(_cloud: Any, _resource: Resource, _before: Document) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Hooks:
    """What a collection does in addition to the table.

    ``check`` runs before a create or a change, ``check_deletion`` before a delete; both may raise
    :class:`ApiError`. ``create``, ``update`` and ``delete`` run within the operation. ``policy``
    runs after a change of the policy. ``verbs`` are the custom methods: each takes (cloud,
    resource, document of the request, query) and returns an answer or an operation.
    """

    check: Callable[[Any, Resource], None] = _nothing
    check_deletion: Callable[[Any, Resource], None] = _nothing
    create: Callable[[Any, Resource], None] = _nothing
    update: Callable[[Any, Resource, Document], None] = _no_change
    delete: Callable[[Any, Resource], None] = _nothing
    policy: Callable[[Any, Resource], None] = _nothing
    verbs: Mapping[str, Callable[[Any, Resource, Document, Mapping[str, str]], Any]] = field(
        default_factory=dict
    )


def relative(value: str) -> str:
    """The name of a resource, from its path or a link, with any host and version."""
    match = re.search(r"(?:^|/)((?:projects|b)/.*)$", value)
    return match[1] if match else value


def now() -> str:
    """The current time, in the format of the APIs (RFC 3339)."""
    return datetime.datetime.now(datetime.UTC).isoformat().replace("+00:00", "Z")


def values_at(value: Any, dotted: str) -> Iterator[str]:
    """The texts at a dotted path, through every element of a list."""
    if isinstance(value, list):
        for item in value:
            yield from values_at(item, dotted)
    elif not dotted:
        if isinstance(value, str) and value:
            yield value
    elif isinstance(value, dict):
        head, _, rest = dotted.partition(".")
        yield from values_at(value.get(head), rest)


class Cloud:
    """All resources and operations, which one lock protects, and the hooks."""

    def __init__(self, url: str, hooks: Mapping[str, Hooks]) -> None:
        self.url = url
        self.hooks = hooks
        self.lock = threading.RLock()
        self.resources: dict[str, Resource] = {}
        self.operations: dict[str, Operation] = {}
        self.peerings: dict[str, Document] = {}
        self.data_plane: Any = None
        self.tombstones: set[str] = set()
        self._numbers = itertools.count(_FIRST_NUMBER)
        self._pool = ThreadPoolExecutor(16)

    # ---- Read ----

    def number(self) -> int:
        """A new unique number."""
        return next(self._numbers)

    def of(self, collection: str) -> list[Resource]:
        """The resources of a collection."""
        with self.lock:
            return [r for r in self.resources.values() if r.collection.name == collection]

    def get(self, path: str) -> Resource:
        """The resource at a path.

        Raises:
            ApiError: 404.
        """
        with self.lock:
            resource = self.resources.get(path)
        if resource is None:
            raise ApiError(404, f"The resource '{relative(path)}' was not found")
        return resource

    def resolve(self, collection: str, value: str, place: Mapping[str, str]) -> Resource | None:
        """The resource of a reference: a name, a link, or an id in the project of ``place``."""
        text = relative(value)
        for resource in self.of(collection):
            if resource.name == text:
                return resource
            same_place = all(
                resource.place.get(key) == place[key]
                for key in ("project", "region", "location")
                if key in place and key in resource.place
            )
            if "/" not in text and same_place and resource.id == text:
                return resource
        return None

    def referrers(self, target: Resource) -> list[Resource]:
        """The resources that refer to ``target``, by the table."""
        users = []
        with self.lock:
            for resource in self.resources.values():
                for dotted, collections in resource.collection.references.items():
                    if target.collection.name not in _names(collections):
                        continue
                    for value in values_at(resource.body, dotted):
                        if self.resolve(target.collection.name, value, resource.place) is target:
                            users.append(resource)
        return users

    # ---- Change ----

    def insert(
        self,
        collection: Collection,
        place: Mapping[str, str],
        document: Document,
        query: Mapping[str, str],
    ) -> Document:
        """Create a resource; returns the answer of its service."""
        source, _, key = collection.id.partition(".")
        name = (document if source == "body" else query).get(key)
        body = document.get(collection.body, {}) if collection.body else document
        if not isinstance(name, str) or not re.fullmatch(collection.pattern, name):
            raise ApiError(
                400,
                f"Invalid value for field 'resource.{key}': '{name}'. "
                f"Must be a match of regex '{collection.pattern}'",
            )
        parts = {**place, "id": collection.stored_as.format(id=name, **place)}
        path = f"{collection.path.format(**place)}/{parts['id']}"
        resource = Resource(collection, path, parts, copy.deepcopy(body))
        _check_labels(resource.body)
        hooks = self.hooks.get(collection.name, Hooks())
        with self.lock:
            if path in self.resources:
                raise ApiError(409, f"The resource '{relative(path)}' already exists")
            self._check_references(resource)
            hooks.check(self, resource)
            if query.get("validateOnly") == "true":
                return resource.body
            self._put_outputs(resource)
            self.resources[path] = resource

        def work() -> Document:
            try:
                hooks.create(self, resource)
            except ApiError:
                if not resource.private.get("kept"):
                    with self.lock:
                        self.resources.pop(path, None)
                raise
            return self.answer(resource)

        return self.run(collection.operation, "insert", resource, work)

    def change(
        self, resource: Resource, document: Document, *, whole: bool, mask: str | None
    ) -> Document:
        """Change a resource by PATCH or PUT; returns the answer of its service."""
        self.check_etag(resource, document)
        hooks = self.hooks.get(resource.collection.name, Hooks())
        changes = copy.deepcopy(document)
        if mask and mask != "*":
            tops = {camel(part.split(".")[0]) for part in mask.split(",")}
            changes = {key: changes.get(key) for key in tops}
        with self.lock:
            before = copy.deepcopy(resource.body)
            changed = Resource(resource.collection, resource.path, resource.place, before)
            outputs = {key: before[key] for key in resource.private["outputs"] if key in before}
            body = {**(outputs if whole else before), **changes, **outputs}
            changed = Resource(resource.collection, resource.path, resource.place, body)
            changed.private = resource.private
            _check_labels(body)
            self._check_references(changed)
            hooks.check(self, changed)
            resource.body = {key: value for key, value in body.items() if value is not None}
            self._touch(resource)

        def work() -> Document:
            hooks.update(self, resource, before)
            return self.answer(resource)

        return self.run(resource.collection.operation, "update", resource, work)

    def remove(self, resource: Resource, etag: str | None = None) -> Document:
        """Delete a resource; returns the answer of its service."""
        self.check_etag(resource, {"etag": etag} if etag else {})
        hooks = self.hooks.get(resource.collection.name, Hooks())
        with self.lock:
            self._check_unused(resource)
            hooks.check_deletion(self, resource)

        def work() -> Document:
            hooks.delete(self, resource)
            with self.lock:
                # Another resource may have referred to it during the deletion.
                self._check_unused(resource)
                self.resources.pop(resource.path, None)
            return {}

        return self.run(resource.collection.operation, "delete", resource, work)

    def check_etag(self, resource: Resource, document: Document) -> None:
        """Refuse a change of an older version.

        Raises:
            ApiError: 409 or 412, as the service does.
        """
        for key in _ETAGS:
            expected, current = document.get(key), resource.body.get(key)
            if expected and current and expected != current:
                raise ApiError(
                    412 if key != "etag" else 409,
                    f"The {key} '{expected}' is not that of '{resource.name}', which has changed",
                    "conditionNotMet",
                    "ABORTED",
                )

    def answer(self, resource: Resource) -> Document:
        """The resource, as a GET returns it."""
        with self.lock:
            return copy.deepcopy(resource.body)

    def policy_changed(self, resource: Resource) -> None:
        """Call the hook for a changed policy of a resource."""
        self.hooks.get(resource.collection.name, Hooks()).policy(self, resource)

    # ---- Operations ----

    def run(
        self, style: str, verb: str, resource: Resource, work: Callable[[], Document]
    ) -> Document:
        """Do ``work`` now, or in an operation, by the style; returns the answer."""
        if style == "none":
            return work()
        operation = Operation(
            f"operation-{self.number()}",
            style,
            verb,
            resource.path,
            resource.place,
            resource.collection.type,
        )
        self.submit(operation, work)
        return self.operation_document(operation, hidden=True)

    def submit(self, operation: Operation, work: Callable[[], Document]) -> None:
        """Do ``work`` in the background; the operation gets its answer or its error."""
        self.operations[operation.id] = operation

        def task() -> None:
            try:
                operation.answer = work()
            except ApiError as error:
                operation.error = error
            except Exception as error:
                LOG.exception("%s of %s failed", operation.verb, operation.target)
                operation.error = ApiError(500, f"{type(error).__name__}: {error}")
            operation.done.set()

        self._pool.submit(task)

    def operation_document(self, operation: Operation, *, hidden: bool = False) -> Document:
        """The document of an operation; with ``hidden`` it is not done yet."""
        done = operation.done.is_set() and not hidden
        return _OPERATION_STYLES[operation.style](self, operation, done)

    def output(self, resource: Resource, **fields: Any) -> None:
        """Set output fields, which a later change by a client does not remove."""
        with self.lock:
            resource.body |= fields
            resource.private["outputs"] |= set(fields)

    # ---- Internal ----

    def _put_outputs(self, resource: Resource) -> None:
        before = set(resource.body)
        described = discovery.fields(resource.path)
        place, style = resource.place, resource.collection.operation
        if style == "compute":
            resource.body |= {
                "kind": f"compute#{resource.collection.kind.removesuffix('s')}",
                "id": str(self.number()),
                "creationTimestamp": now(),
                "selfLink": self.url + resource.path,
            }
            if "region" in place:
                region = resource.path.split("/regions/")[0] + f"/regions/{place['region']}"
                resource.body["region"] = self.url + region
        elif style == "sql":
            resource.body |= {
                "kind": f"sql#{resource.collection.kind.removesuffix('s')}",
                "selfLink": self.url + resource.path,
                "project": place["project"],
            }
        elif resource.path.startswith(("/v1/", "/v2/")):
            resource.body |= {"name": resource.name, "createTime": now(), "updateTime": now()}
        for key in set(resource.body) - before - (described or set(resource.body)):
            del resource.body[key]
        resource.private["outputs"] = set(resource.body) - before | {"name"}
        self._touch(resource)

    def _touch(self, resource: Resource) -> None:
        resource.version += 1
        mark = f"{resource.version:08x}"
        described = discovery.fields(resource.path)
        for key in _ETAGS:
            if described is None or key in described:
                resource.body[key] = f'"{mark}"' if resource.path.startswith("/v2/") else mark
        if "updateTime" in resource.body:
            resource.body["updateTime"] = now()

    def _check_references(self, resource: Resource) -> None:
        for dotted, collections in resource.collection.references.items():
            for value in values_at(resource.body, dotted):
                names = _names(collections)
                if "/" not in value and "globalAddresses" in names:
                    continue  # a literal address
                if not any(self.resolve(name, value, resource.place) for name in names):
                    raise ApiError(
                        404 if resource.collection.operation == "compute" else 400,
                        f"Invalid value for field 'resource.{dotted}': '{value}'. "
                        f"The referenced resource '{relative(value)}' cannot be found",
                    )

    def _check_unused(self, resource: Resource) -> None:
        used = self.referrers(resource)
        if used:
            kind = resource.collection.kind.removesuffix("s")
            raise ApiError(
                400,
                f"The {kind} resource '{resource.name}' is already being used by '{used[0].name}'",
                "resourceInUseByAnotherResource",
                "FAILED_PRECONDITION",
            )


def _names(collections: Any) -> list[str]:
    return collections if isinstance(collections, list) else [collections]


def _check_labels(body: Document) -> None:
    labels = body.get("labels") or (body.get("settings") or {}).get("userLabels") or {}
    if len(labels) > _MOST_LABELS:
        raise ApiError(400, f"There may be at most {_MOST_LABELS} labels; got {len(labels)}")
    for key, value in labels.items():
        if not _LABEL_KEY.fullmatch(key) or not _LABEL_VALUE.fullmatch(value):
            raise ApiError(400, f"Invalid label: '{key}': '{value}'")


# ---- The documents of an operation ----


def _compute(cloud: Cloud, operation: Operation, done: bool) -> Document:
    place = operation.place
    scope = f"regions/{place['region']}" if "region" in place else "global"
    path = f"/compute/v1/projects/{place['project']}/{scope}/operations/{operation.id}"
    document: Document = {
        "kind": "compute#operation",
        "id": operation.id.rsplit("-", 1)[-1],
        "name": operation.id,
        "operationType": operation.verb,
        "status": "DONE" if done else "RUNNING",
        "progress": 100 if done else 0,
        "targetLink": cloud.url + operation.target,
        "selfLink": cloud.url + path,
    }
    if "region" in place:
        document["region"] = cloud.url + path.split("/operations/")[0]
    if done and operation.error:
        code = re.sub(r"(?<!^)(?=[A-Z])", "_", operation.error.reason).upper()
        document["error"] = {"errors": [{"code": code, "message": operation.error.message}]}
        document["httpErrorStatusCode"] = operation.error.status
        document["httpErrorMessage"] = operation.error.rpc
    return document


# Source: Cloud SQL Admin API, SqlOperationType.
_SQL_VERBS = {"insert": "CREATE", "update": "UPDATE", "delete": "DELETE"}
_SQL_NOUNS = {"instances": "", "databases": "_DATABASE", "users": "_USER"}


def _sql_type(operation: Operation) -> str:
    if operation.verb not in _SQL_VERBS:
        return operation.verb
    return _SQL_VERBS[operation.verb] + _SQL_NOUNS[operation.target.split("/")[-2]]


def _sql(cloud: Cloud, operation: Operation, done: bool) -> Document:
    project = operation.place["project"]
    document: Document = {
        "kind": "sql#operation",
        "name": operation.id,
        "operationType": _sql_type(operation),
        "status": "DONE" if done else "RUNNING",
        "targetProject": project,
        "targetId": operation.place.get("instance", operation.place.get("id", "")),
        "targetLink": cloud.url + operation.target,
        "selfLink": f"{cloud.url}/sql/v1beta4/projects/{project}/operations/{operation.id}",
    }
    if done and operation.error:
        error = {"kind": "sql#operationError", "code": operation.error.reason}
        document["error"] = {
            "kind": "sql#operationErrors",
            "errors": [{**error, "message": operation.error.message}],
        }
    return document


def _lro(_cloud: Cloud, operation: Operation, done: bool) -> Document:
    place = operation.place
    prefix = ""
    if "location" in place:
        prefix = f"projects/{place['project']}/locations/{place['location']}/"
    # Clients need the type of the message.
    mark = {"@type": f"type.googleapis.com/{operation.type}"} if operation.type else {}
    document: Document = {
        "name": f"{prefix}operations/{operation.id}",
        "done": done,
        "metadata": {**mark, **operation.metadata},
    }
    if done and operation.error:
        document["error"] = operation.error.rpc_status()
    elif done:
        document["response"] = {**mark, **(operation.answer or {})}
    return document


_OPERATION_STYLES: Mapping[str, Callable[[Cloud, Operation, bool], Document]] = {
    "compute": _compute,
    "sql": _sql,
    "lro": _lro,
}
