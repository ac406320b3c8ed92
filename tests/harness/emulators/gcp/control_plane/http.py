"""The HTTP server: it routes paths to resources, custom methods and operations.

It is also an HTTP proxy for names that end in its own address: gcloud puts the region before the
host of Cloud Run, ``us-central1-127.0.0.1``, which does not resolve. It refuses any other host, so
that a client that uses it as a proxy reaches nothing real.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from werkzeug.wrappers import Request, Response

from tests.harness.emulators.gcp.control_plane import discovery
from tests.harness.emulators.gcp.control_plane.engine import (
    Cloud,
    Collection,
    Document,
    Resource,
    table,
)
from tests.harness.emulators.gcp.control_plane.errors import ApiError, not_served
from tests.harness.offline.live.google.codec import camel

LOG = logging.getLogger(__name__)
Route = tuple[str, re.Pattern[str], Callable[[Cloud, Mapping[str, str], Request], Any]]
"""Method, pattern of the whole path, and the function that returns a document or a response."""


def _regex(template: str) -> str:
    return re.sub(r"\{(\w+)\}", r"(?P<\1>[^/:]+)", template)


def _routes(collection: Collection) -> Iterator[tuple[re.Pattern[str], Collection]]:
    # An e-mail address can be an id. A custom method follows ":" or, in Compute and Storage, "/".
    for path in (collection.path, *collection.aliases):
        yield (
            re.compile(_regex(path) + r"(?:/(?P<id>[^/:]+)(?:[:/](?P<verb>\w+))?)?"),
            collection,
        )


_OPERATIONS = (
    re.compile(r"/compute/v1/projects/[^/]+/(?:global|regions/[^/]+)/operations/([^/]+)(/wait)?"),
    re.compile(r"/sql/v1beta4/projects/[^/]+/operations/([^/]+)()"),
    re.compile(r"/v[12]/(?:projects/[^/]+/locations/[^/]+/)?operations/([^/:]+)(:wait)?"),
)
# The address of this server, also behind a region.
_OWN_HOST = re.compile(r"(?:[a-z0-9-]+-)?127\.0\.0\.1")
# The limit of a wait for an operation. Source: Compute Engine, globalOperations.wait.
_WAIT_SECONDS = 120


def application(cloud: Cloud, extra_routes: list[Route]) -> Callable[[Any, Any], Any]:
    """The WSGI application. ``extra_routes`` are routes with precedence over those of the table."""
    # The deepest first: the path of a nested collection also matches a custom method.
    deepest = sorted(table().values(), key=lambda collection: -collection.path.count("/"))
    routes = [route for collection in deepest for route in _routes(collection)]

    def answer(request: Request, path: str) -> Any:
        described = discovery.method(request.method, path)
        if described is not None:
            problems = discovery.problems(described, body_of(request), map(camel, request.args))
            if problems:
                raise ApiError(400, problems[0])
        result = routed(request, path)
        if described is not None and not isinstance(result, Response):
            if kind := discovery.kind(described):
                result.setdefault("kind", kind)
            for problem in discovery.problems(described, result, answer=True):
                LOG.error("the answer of %s differs from Google's: %s", described.id, problem)
        return result

    def routed(request: Request, path: str) -> Any:
        for method, pattern, call in extra_routes:
            match = pattern.fullmatch(path)
            if match and request.method == method:
                return call(cloud, {k: unquote(v) for k, v in match.groupdict().items()}, request)
        for pattern in _OPERATIONS:
            if match := pattern.fullmatch(path):
                return _operation(cloud, match[1], bool(match[2]))
        for pattern, collection in routes:
            if match := pattern.fullmatch(path):
                return _serve(cloud, collection, match.groupdict(), request)
        raise not_served(
            f"{request.method} {path} is not served by the emulator. Add its collection to "
            "tests/harness/emulators/gcp/control_plane/collections.yaml",
        )

    def serve(environ: Any, start: Any) -> Any:
        request = Request(environ)
        target = environ.get("RAW_URI", request.path)
        path = _path(target)
        try:
            _check_host(request.method, target)
            result = answer(request, path)
            response = result if isinstance(result, Response) else as_json(result)
        except ApiError as error:
            response = as_json(error.document(), error.status)
        except Exception as error:
            LOG.exception("%s %s failed", request.method, path)
            internal = ApiError(500, f"{type(error).__name__}: {error}")
            response = as_json(internal.document(), internal.status)
        return response(environ, start)

    return serve


def _path(target: str) -> str:
    """The path of a request's target, which in a proxy request is a whole URL."""
    if not target.startswith("/"):
        target = "/" + target.partition("://")[2].partition("/")[2]
    # Undecoded: the name of an object may contain an escaped slash.
    return target.split("?")[0]


def _check_host(method: str, target: str) -> None:
    """Refuse a proxy request to any host other than this server.

    Raises:
        ApiError: 403.
    """
    if target.startswith("/"):
        return
    host = urlsplit(target).hostname or target
    if method == "CONNECT" or not _OWN_HOST.fullmatch(host):
        raise ApiError(403, f"this proxy reaches only the Google Cloud emulator, and not {host}")


def as_json(document: Any, status: int = 200) -> Response:
    """A response with a JSON body."""
    return Response(json.dumps(document), status, content_type="application/json; charset=UTF-8")


def body_of(request: Request) -> Document:
    """The JSON object of a request; empty without a body.

    Raises:
        ApiError: 400, if the body is not a JSON object.
    """
    data = request.get_data()
    if not data:
        return {}
    try:
        document = json.loads(data)
    except ValueError as error:
        raise ApiError(400, f"The request's body is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise ApiError(400, "The request's body is not a JSON object")
    return document


def _operation(cloud: Cloud, name: str, wait: bool) -> Document:
    operation = cloud.operations.get(name)
    if operation is None:
        raise ApiError(404, f"The operation '{name}' was not found")
    if wait:
        operation.done.wait(_WAIT_SECONDS)
    return cloud.operation_document(operation)


def _serve(
    cloud: Cloud, collection: Collection, groups: dict[str, str | None], request: Request
) -> Any:
    place = {key: unquote(value) for key, value in groups.items() if value and key != "verb"}
    verb, method = groups.get("verb"), request.method
    # Google also accepts repository_id for repositoryId.
    query = {camel(name): value for name, value in request.args.items()}
    parent = {key: value for key, value in place.items() if key != "id"}
    base = collection.path.format(**parent)
    if collection.named and "id" not in place and method in ("DELETE", "PUT", "PATCH"):
        place["id"] = query.get("name", "")
    if "id" not in place:
        if method == "POST":
            return cloud.insert(collection, parent, body_of(request), query)
        return {collection.list: [cloud.answer(item) for item in _list(cloud, collection, base)]}
    resource = cloud.get(f"{base}/{place['id']}")
    hooks = cloud.hooks.get(collection.name)
    if verb:
        call = hooks.verbs.get(verb) if hooks else None
        if call is None:
            raise not_served(f"{collection.name} has no method {verb} in the emulator")
        return call(cloud, resource, body_of(request), query)
    if method == "GET":
        return cloud.answer(resource)
    if method == "DELETE":
        return cloud.remove(resource, query.get("etag"))
    return cloud.change(
        resource, body_of(request), whole=method == "PUT", mask=query.get("updateMask")
    )


def _list(cloud: Cloud, collection: Collection, base: str) -> list[Resource]:
    # "-" is every project or location (AIP-159).
    pattern = re.compile(re.escape(base).replace(r"/\-", "/[^/]+") + "/[^/]+")
    return [resource for resource in cloud.of(collection.name) if pattern.fullmatch(resource.path)]
