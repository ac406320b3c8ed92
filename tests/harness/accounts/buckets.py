"""Documents below a prefix of an S3 or Cloud Storage bucket, for runs on several machines.

Both stores write conditionally: S3 with If-Match and If-None-Match, Cloud Storage with
ifGenerationMatch. Sources: Amazon S3, conditional writes; Cloud Storage, request preconditions.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import boto3
import google.auth
import requests
from botocore.exceptions import ClientError
from google.auth.transport.requests import AuthorizedSession

from tests.harness.accounts.stores import Folder, Store
from tests.harness.sdk.google_addresses import address

_SCOPE = "https://www.googleapis.com/auth/devstorage.read_write"
_CALL_SECONDS = 60
_CONFLICTS = frozenset({"PreconditionFailed", "ConditionalRequestConflict"})
LEDGER_VARIABLE = "LITELLM_TEST_LEDGER"


class StoreError(OSError):
    """A bucket does not answer as it should."""


class S3:
    """Documents below a prefix of an S3 bucket; ``client`` is boto3's."""

    def __init__(self, client: Any, bucket: str, prefix: str) -> None:
        self.client = client
        self.bucket = bucket
        self.prefix = prefix

    def names(self) -> list[str]:
        """The names directly below the prefix."""
        options = {"Bucket": self.bucket, "Prefix": self.prefix, "Delimiter": "/"}
        pages = self.client.get_paginator("list_objects_v2").paginate(**options)
        keys = [item["Key"] for page in pages for item in page.get("Contents", ())]
        return [key.removeprefix(self.prefix) for key in keys]

    def read(self, name: str) -> tuple[bytes, str] | None:
        """A document and its ETag."""
        try:
            answer = self.client.get_object(Bucket=self.bucket, Key=self.prefix + name)
        except ClientError as error:
            if error.response["Error"]["Code"] in ("NoSuchKey", "404"):
                return None
            raise StoreError(str(error)) from error
        return answer["Body"].read(), answer["ETag"]

    def write(self, name: str, data: bytes, version: str | None) -> bool:
        """Put an object if it has the ETag, or none."""
        condition = {"IfMatch": version} if version else {"IfNoneMatch": "*"}
        return self._done("put_object", name, Body=data, **condition)

    def remove(self, name: str, version: str) -> bool:
        """Delete an object if it has the ETag."""
        found = self.read(name)
        # General purpose buckets take no condition on a deletion. A record that is deleted is
        # closed, and nobody writes it.
        return bool(found and found[1] == version) and self._done("delete_object", name)

    def _done(self, operation: str, name: str, **arguments: Any) -> bool:
        try:
            getattr(self.client, operation)(Bucket=self.bucket, Key=self.prefix + name, **arguments)
        except ClientError as error:
            if error.response["Error"]["Code"] in _CONFLICTS:
                return False
            raise StoreError(str(error)) from error
        return True


class Gcs:
    """Documents below a prefix of a Cloud Storage bucket, at Google or at the server ``url``."""

    def __init__(self, session: requests.Session, bucket: str, prefix: str, url: str = "") -> None:
        self.session = session
        self.bucket = bucket
        self.prefix = prefix
        self.base = address("storage", url)

    def names(self) -> list[str]:
        """The names directly below the prefix."""
        names: list[str] = []
        token = ""
        while True:
            query = {"prefix": self.prefix, **({"pageToken": token} if token else {})}
            answer = self._ask("GET", f"b/{self.bucket}/o", **query).json()
            names += [item["name"].removeprefix(self.prefix) for item in answer.get("items", ())]
            token = answer.get("nextPageToken", "")
            if not token:
                return [name for name in names if "/" not in name]

    def read(self, name: str) -> tuple[bytes, str] | None:
        """A document and its generation."""
        answer = self._ask("GET", self._path(name), alt="media")
        if answer.status_code == 404:
            return None
        return answer.content, answer.headers["x-goog-generation"]

    def write(self, name: str, data: bytes, version: str | None) -> bool:
        """Upload an object if it has the generation, or does not exist."""
        url = self.base.replace("/storage/v1/", "/upload/storage/v1/")
        query = {"uploadType": "media", "name": self.prefix + name}
        query["ifGenerationMatch"] = version or "0"
        answer = self.session.post(
            f"{url}b/{self.bucket}/o", params=query, data=data, timeout=_CALL_SECONDS
        )
        return self._checked(answer).status_code != 412

    def remove(self, name: str, version: str) -> bool:
        """Delete an object if it has the generation."""
        answer = self._ask("DELETE", self._path(name), ifGenerationMatch=version)
        return answer.status_code not in (404, 412)

    def _path(self, name: str) -> str:
        return f"b/{self.bucket}/o/{quote(self.prefix + name, safe='')}"

    def _ask(self, method: str, path: str, **query: str) -> requests.Response:
        answer = self.session.request(method, self.base + path, params=query, timeout=_CALL_SECONDS)
        return self._checked(answer)

    def _checked(self, answer: requests.Response) -> requests.Response:
        if answer.status_code >= 400 and answer.status_code not in (404, 412):
            raise StoreError(f"{answer.url}: {answer.status_code}: {answer.text[:500]}")
        return answer


def home(environment: Mapping[str, str] = os.environ) -> Path:
    """The folder that keeps ledger and states on this machine.

    Source: XDG Base Directory Specification, state files.
    """
    state = environment.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(state) / "litellm-stacks"


def opened(place: str) -> Store:
    """The store at ``s3://BUCKET/PREFIX``, ``gs://BUCKET/PREFIX``, or in a folder.

    Without a place it is the folder of the user.
    """
    parts = urlsplit(place)
    prefix = f"{parts.path.strip('/')}/".lstrip("/")
    if parts.scheme == "s3":
        return S3(boto3.client("s3"), parts.netloc, prefix)
    if parts.scheme == "gs":
        credentials, _ = google.auth.default(scopes=[_SCOPE])
        return Gcs(AuthorizedSession(credentials), parts.netloc, prefix)
    return Folder(Path(place) if place else home() / "ledger")
