"""What is special to databases, caches and buckets where the offline AWS provider applies."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from urllib.parse import urlencode

from tests.harness.offline.engine.values import known_items
from tests.harness.offline.live_aws.codec import Document, Values
from tests.harness.offline.live_aws.crud import Call, CallError, Special
from tests.harness.unknown import UNKNOWN

# ---- RDS ----


def _parameters(call: Call, state: Values) -> None:
    given = [
        {
            "ParameterName": one["name"],
            "ParameterValue": one["value"],
            "ApplyMethod": one.get("apply_method") or "immediate",
        }
        for one in known_items(state.get("parameter"))
    ]
    # The API takes twenty at a time.
    for start in range(0, len(given), 20):
        call.client().modify_db_cluster_parameter_group(
            DBClusterParameterGroupName=state["id"], Parameters=given[start : start + 20]
        )


def _parameters_changed(call: Call, state: Values, prior: Values) -> None:
    kept = {one["name"] for one in known_items(state.get("parameter"))}
    gone = [one for one in known_items(prior.get("parameter")) if one["name"] not in kept]
    if gone:
        call.client().reset_db_cluster_parameter_group(
            DBClusterParameterGroupName=state["id"],
            Parameters=[
                {"ParameterName": one["name"], "ApplyMethod": "pending-reboot"} for one in gone
            ],
        )
    _parameters(call, state)


def _parameters_told(call: Call, state: Values, document: Document) -> None:
    asked = call.client().describe_db_cluster_parameters(
        DBClusterParameterGroupName=state["id"], Source="user"
    )
    document["Parameters"] = [one for one in asked["Parameters"] if one.get("ParameterValue")]


def _exports(call: Call, values: Values, params: Document) -> None:
    exported = params.pop("EnableCloudwatchLogsExports", None)
    if exported is not None:
        name = "EnableCloudwatchLogsExports"
        change = {"CloudwatchLogsExportConfiguration": {"EnableLogTypes": exported}}
        # A change has the parameter in another form than a create.
        params |= {name: exported} if "DBClusterIdentifier" in params else change


def _delete_cluster(call: Call, state: Values) -> None:
    name = state.get("final_snapshot_identifier")
    if state.get("skip_final_snapshot") is True:
        how: Document = {"SkipFinalSnapshot": True}
    elif name:
        how = {"SkipFinalSnapshot": False, "FinalDBSnapshotIdentifier": name}
    else:
        raise CallError("final_snapshot_identifier is required when skip_final_snapshot is false")
    call.client().delete_db_cluster(DBClusterIdentifier=state["id"], **how)


def _instance_told(call: Call, state: Values, document: Document) -> None:
    name = document.get("DBClusterIdentifier")
    if name:
        (held,) = call.client().describe_db_clusters(DBClusterIdentifier=name)["DBClusters"]
        members = {o["DBInstanceIdentifier"]: o for o in held["DBClusterMembers"]}
        document["writer"] = members.get(state["id"], {}).get("IsClusterWriter", False)


# ---- ElastiCache ----


def _cache_told(call: Call, state: Values, document: Document) -> None:
    members = document.get("MemberClusters") or []
    document["num_cache_clusters"] = len(members)
    if members:
        held = call.client().describe_cache_clusters(CacheClusterId=members[0])["CacheClusters"][0]
        for name in ("Engine", "EngineVersion", "CacheSubnetGroupName", "SecurityGroups"):
            document.setdefault(name, held.get(name))
        document["CacheParameterGroup"] = held.get("CacheParameterGroup", {})
    if state.get("auto_minor_version_upgrade") not in (None, UNKNOWN):
        document.setdefault("AutoMinorVersionUpgrade", state["auto_minor_version_upgrade"])


# ---- S3 ----


def _location(call: Call, _: Values, params: Document) -> None:
    if call.region != "us-east-1":
        params["CreateBucketConfiguration"] = {"LocationConstraint": call.region}


def _bucket_told(call: Call, state: Values, document: Document) -> None:
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


def _object_told(_: Call, state: Values, document: Document) -> None:
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
    "aws_rds_cluster_parameter_group": Special(
        made=_parameters, change=_parameters_changed, extend=_parameters_told
    ),
    "aws_rds_cluster": Special(params=_exports, delete=_delete_cluster),
    "aws_rds_cluster_instance": Special(extend=_instance_told),
    "aws_elasticache_replication_group": Special(extend=_cache_told),
    "aws_s3_bucket": Special(params=_location, extend=_bucket_told, before=_empty),
    "aws_s3_bucket_versioning": Special(delete=_suspend),
    "aws_s3_bucket_lifecycle_configuration": Special(params=_filter),
    "aws_s3_object": Special(params=_object, extend=_object_told, delete=_delete_object),
}
