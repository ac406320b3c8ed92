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
    """Delete all that a bucket holds, old versions too, where ``force_destroy`` asks for it."""
    if state.get("force_destroy") is not True:
        return
    client, name = call.client(), state["id"]
    for page in client.get_paginator("list_object_versions").paginate(Bucket=name):
        held = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
        objects = [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in held]
        if objects:
            client.delete_objects(Bucket=name, Delete={"Objects": objects, "Quiet": True})


def _suspend(call: Call, state: Values) -> None:
    # The bucket may be on its way out by now.
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
    # An object that is put anew has the tags it is put with and no others.
    params["Tagging"] = urlencode(values.get("tags_all") or {})


def _read_object(_: Call, state: Values, document: Document) -> None:
    document["etag"] = str(document.get("ETag", "")).strip('"')
    document["arn"] = f"arn:aws:s3:::{state['bucket']}/{state['key']}"
    # Its text is not read again: the provider knows it by what it was told.
    document["content"] = state.get("content")


def _delete_object(call: Call, state: Values) -> None:
    """All versions of it, as the provider does."""
    client = call.client()
    asked = client.list_object_versions(Bucket=state["bucket"], Prefix=state["key"])
    for one in (*asked.get("Versions", ()), *asked.get("DeleteMarkers", ())):
        if one["Key"] == state["key"]:
            client.delete_object(
                Bucket=state["bucket"], Key=state["key"], VersionId=one["VersionId"]
            )


SPECIAL: Mapping[str, Special] = {
    "aws_s3_bucket": Special(params=_location, read=_read_bucket, before_delete=_empty),
    "aws_s3_bucket_versioning": Special(delete=_suspend),
    "aws_s3_bucket_lifecycle_configuration": Special(params=_filter),
    "aws_s3_object": Special(params=_object, read=_read_object, delete=_delete_object),
}
