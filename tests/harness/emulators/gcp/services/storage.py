"""Cloud Storage: buckets, and the versions of objects."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from werkzeug.wrappers import Response

from tests.harness.emulators.gcp.control_plane.engine import (
    Cloud,
    Document,
    Hooks,
    Resource,
    now,
    table,
)
from tests.harness.emulators.gcp.control_plane.errors import ApiError, not_served
from tests.harness.emulators.gcp.control_plane.http import body_of
from tests.harness.emulators.gcp.services.iam import read_policy, write_policy


def _bucket(cloud: Cloud, name: str) -> Resource:
    resource = cloud.resources.get(f"{table()['buckets'].path}/{name}")
    if resource is None:
        raise ApiError(404, "The specified bucket does not exist.")
    return resource


def _complete(cloud: Cloud, resource: Resource) -> None:
    cloud.output(
        resource,
        kind="storage#bucket",
        id=resource.id,
        selfLink=cloud.url + resource.path,
        timeCreated=now(),
        updated=now(),
        metageneration="1",
        projectNumber="1",
    )
    resource.body.setdefault("location", "US")
    resource.body["location"] = resource.body["location"].upper()
    resource.body.setdefault("storageClass", "STANDARD")
    resource.private["objects"] = []


def _check_empty(_cloud: Cloud, resource: Resource) -> None:
    if resource.private["objects"]:
        raise ApiError(409, "The bucket you tried to delete is not empty.", "conflict")


def _put(
    cloud: Cloud, bucket: Resource, name: str, data: bytes, metadata: Mapping[str, Any]
) -> Document:
    md5 = hashlib.md5(data, usedforsecurity=False).digest()
    with cloud.lock:
        versioned = bucket.body.get("versioning", {}).get("enabled", False)
        generation = str(1_700_000_000_000_000 + cloud.number())
        document: Document = {
            **metadata,
            "kind": "storage#object",
            "id": f"{bucket.id}/{name}/{generation}",
            "name": name,
            "bucket": bucket.id,
            "generation": generation,
            "metageneration": "1",
            "size": str(len(data)),
            "md5Hash": base64.b64encode(md5).decode(),
            "crc32c": "AAAAAA==",
            "storageClass": metadata.get("storageClass", "STANDARD"),
            "selfLink": f"{cloud.url}/storage/v1/b/{bucket.id}/o/{name}",
            "mediaLink": f"{cloud.url}/download/storage/v1/b/{bucket.id}/o/{name}?alt=media",
            "timeCreated": now(),
        }
        objects = bucket.private["objects"]
        _retire(objects, name, versioned)
        objects.append((document, data))
    return document


def _retire(objects: list[Any], name: str, versioned: bool) -> None:
    """Make the live version of an object noncurrent, or delete it."""
    for item in list(objects):
        if item[0]["name"] != name or "timeDeleted" in item[0]:
            continue
        if versioned:
            item[0]["timeDeleted"] = now()
        else:
            objects.remove(item)


def live_objects(cloud: Cloud, bucket: str) -> Mapping[str, str]:
    """The texts of the live objects of a bucket by name, as in a mounted bucket."""
    return {
        document["name"]: data.decode()
        for document, data in _bucket(cloud, bucket).private["objects"]
        if "timeDeleted" not in document
    }


def _precondition(bucket: Resource, name: str, request: Any) -> None:
    """Refuse a request if its ifGenerationMatch is not that of the live object; 0 is none."""
    wanted = request.args.get("ifGenerationMatch")
    live = [
        document["generation"]
        for document, _ in bucket.private["objects"]
        if document["name"] == name and "timeDeleted" not in document
    ]
    if wanted is not None and (live or ["0"]) != [wanted]:
        raise ApiError(412, "At least one of the pre-conditions you specified did not hold.")


def _upload(cloud: Cloud, place: Mapping[str, str], request: Any) -> Document:
    # Nothing may be written between the check and the upload.
    with cloud.lock:
        name, data, properties = _uploaded(request)
        bucket = _bucket(cloud, place["bucket"])
        _precondition(bucket, name, request)
        return _put(cloud, bucket, name, data, properties)


def _uploaded(request: Any) -> tuple[str, bytes, Document]:
    """The name, the data and the metadata of an upload."""
    kind = request.args.get("uploadType", "media")
    if kind == "media":
        properties = {"contentType": request.content_type or "application/octet-stream"}
        return request.args["name"], request.get_data(), properties
    if kind != "multipart":
        raise not_served(f"uploadType {kind} is not served by the emulator; use media or multipart")
    boundary = re.search(r'boundary="?([^";]+)"?', request.headers["Content-Type"])
    if not boundary:
        raise ApiError(400, "The upload has no boundary")
    parts = request.get_data().split(b"--" + boundary[1].encode())[1:-1]
    (_, metadata), (head, data) = (_part(part) for part in parts)
    properties = json.loads(metadata)
    if content_type := re.search(rb"(?i)content-type: *([^\r\n]+)", head):
        properties.setdefault("contentType", content_type[1].decode())
    return properties.pop("name", request.args.get("name")), data, properties


def _part(part: bytes) -> tuple[bytes, bytes]:
    head, _, data = part.lstrip(b"\r\n").partition(b"\r\n\r\n")
    return head, data.removesuffix(b"\r\n")


def _list(cloud: Cloud, place: Mapping[str, str], request: Any) -> Document:
    all_versions = request.args.get("versions") == "true"
    objects = _bucket(cloud, place["bucket"]).private["objects"]
    return {
        "items": [
            document
            for document, _ in objects
            if (all_versions or "timeDeleted" not in document)
            and document["name"].startswith(request.args.get("prefix", ""))
        ]
    }


def _object(cloud: Cloud, place: Mapping[str, str], request: Any) -> Any:
    bucket = _bucket(cloud, place["bucket"])
    generation = request.args.get("generation")
    with cloud.lock:
        objects = bucket.private["objects"]
        matches = [
            item
            for item in objects
            if item[0]["name"] == place["object"]
            and (
                item[0]["generation"] == generation if generation else "timeDeleted" not in item[0]
            )
        ]
        if not matches:
            raise ApiError(404, f"No such object: {place['bucket']}/{place['object']}")
        document, data = matches[0]
        if request.method == "DELETE":
            _precondition(bucket, place["object"], request)
            if generation:
                objects.remove(matches[0])
            else:
                _retire(objects, place["object"], bucket.body.get("versioning", {}).get("enabled"))
            return Response(status=204)
        if request.args.get("alt") == "media" or "xml" in place:
            headers = {"x-goog-generation": document["generation"]}
            return Response(data, content_type=document.get("contentType"), headers=headers)
        return document


def _read_policy(cloud: Cloud, place: Mapping[str, str], _request: Any) -> Document:
    return read_policy(cloud, _bucket(cloud, place["bucket"]), {}, {})


def _write_policy(cloud: Cloud, place: Mapping[str, str], request: Any) -> Document:
    return write_policy(cloud, _bucket(cloud, place["bucket"]), body_of(request), {})


def _caches(_cloud: Cloud, _place: Mapping[str, str], _request: Any) -> Document:
    """The caches of a bucket: no stack has one."""
    return {}


_B = r"/storage/v1/b/(?P<bucket>[^/]+)"
# The XML API reads an object at the root of the host; Google's client of Go uses it.
_OTHERS = r"(?:v\d|apis|compute|dns|sql|storage|upload|download|local)/"
_XML = rf"/(?!{_OTHERS})(?P<bucket>[^/]+)/(?P<object>.+)"
ROUTES = (
    ("GET", _B + "/anywhereCaches/?", _caches),
    ("GET", _B + "/iam", _read_policy),
    ("PUT", _B + "/iam", _write_policy),
    ("GET", _B + "/o", _list),
    ("GET", _B + r"/o/(?P<object>.+)", _object),
    ("DELETE", _B + r"/o/(?P<object>.+)", _object),
    ("GET", r"/download" + _B + r"/o/(?P<object>.+)", _object),
    ("POST", r"/upload" + _B + "/o", _upload),
    ("GET", _XML, lambda cloud, place, request: _object(cloud, {**place, "xml": ""}, request)),
)
HOOKS = {"buckets": Hooks(create=_complete, check_deletion=_check_empty)}
