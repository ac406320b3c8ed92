"""Clusters, their instances and parameter groups."""

from __future__ import annotations

from collections.abc import Mapping

from tests.harness.offline.engine.values import known_items
from tests.harness.offline.live.aws.crud import Call, CallError, Special
from tests.harness.offline.live.codec import Document, Values


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


def _after_update_parameters(call: Call, state: Values, prior: Values) -> None:
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


def _read_parameters(call: Call, state: Values, document: Document) -> None:
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


def _read_instance(call: Call, state: Values, document: Document) -> None:
    name = document.get("DBClusterIdentifier")
    if name:
        (held,) = call.client().describe_db_clusters(DBClusterIdentifier=name)["DBClusters"]
        members = {o["DBInstanceIdentifier"]: o for o in held["DBClusterMembers"]}
        document["writer"] = members.get(state["id"], {}).get("IsClusterWriter", False)


SPECIAL: Mapping[str, Special] = {
    "aws_rds_cluster_parameter_group": Special(
        after_create=_parameters, after_update=_after_update_parameters, read=_read_parameters
    ),
    "aws_rds_cluster": Special(params=_exports, delete=_delete_cluster),
    "aws_rds_cluster_instance": Special(read=_read_instance),
}
