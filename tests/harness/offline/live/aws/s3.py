"""Buckets and objects."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from urllib.parse import urlencode

from tests.harness.offline.live.aws.crud import Call, Special
from tests.harness.offline.live.codec import Document, Values


def _location(call: Call, _: Values, params: Document) -> None:
    if call.region != "us-east-1":
        params["CreateBucketConfiguration"] = {"LocationConstraint": call.region}


def _read_bucket(call: Call, state: Values, document: Document) -> None:
    name = state["id"]
    document |= {
        "arn": f"arn:aws:s3:::{name}",
        "bucket_domain_name": f"{name}.s3.amazonaws.com",
        "bucket_regional_domain_name": f"{name}.s3.{call.region}.amazonaws.com",
        "region": call.region,
    }


def _empty(call: Call, state: Values) -> None:
    """With ``force_destroy``, delete all objects of a bucket in all versions."""
    if state.get("force_destroy") is not True:
        return
    client, name = call.client(), state["id"]
    for page in client.get_paginator("list_object_versions").paginate(Bucket=name):
        versions = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
        objects = [
            {"Key": version["Key"], "VersionId": version["VersionId"]} for version in versions
        ]
        if objects:
            client.delete_objects(Bucket=name, Delete={"Objects": objects, "Quiet": True})


def _suspend(call: Call, state: Values) -> None:
    # The bucket may be deleted at the same time.
    with contextlib.suppress(call.client().exceptions.NoSuchBucket):
        call.client().put_bucket_versioning(
            Bucket=state["id"], VersioningConfiguration={"Status": "Suspended"}
        )


def _filter(_: Call, __: Values, params: Document) -> None:
    for rule in params.get("LifecycleConfiguration", {}).get("Rules", ()):
        rule.setdefault("Filter", {"Prefix": ""})


def _object(_: Call, values: Values, params: Document) -> None:
    if isinstance(params.get("Body"), str):
        params["Body"] = params["Body"].encode()
    # A PutObject replaces the tags of the object.
    params["Tagging"] = urlencode(values.get("tags_all") or {})


def _read_object(_: Call, state: Values, document: Document) -> None:
    document["etag"] = str(document.get("ETag", "")).strip('"')
    document["arn"] = f"arn:aws:s3:::{state['bucket']}/{state['key']}"
    # The provider does not read the content. It keeps the configured one.
    document["content"] = state.get("content")


def _delete_object(call: Call, state: Values) -> None:
    """Delete all versions of an object, as the provider does."""
    client = call.client()
    answer = client.list_object_versions(Bucket=state["bucket"], Prefix=state["key"])
    for version in (*answer.get("Versions", ()), *answer.get("DeleteMarkers", ())):
        if version["Key"] == state["key"]:
            client.delete_object(
                Bucket=state["bucket"], Key=state["key"], VersionId=version["VersionId"]
            )


SPECIAL: Mapping[str, Special] = {
    "aws_s3_bucket": Special(params=_location, read=_read_bucket, before_delete=_empty),
    "aws_s3_bucket_versioning": Special(delete=_suspend),
    "aws_s3_bucket_lifecycle_configuration": Special(params=_filter),
    "aws_s3_object": Special(params=_object, read=_read_object, delete=_delete_object),
}
