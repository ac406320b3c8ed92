"""Clusters, their instances and parameter groups."""

from __future__ import annotations

from collections.abc import Mapping

from tests.harness.offline.engine.values import known_items
from tests.harness.offline.live.aws.crud import Call, CallError, Special
from tests.harness.offline.live.codec import Document, Values


def _modify_parameters(call: Call, state: Values) -> None:
    parameters = [
        {
            "ParameterName": parameter["name"],
            "ParameterValue": parameter["value"],
            "ApplyMethod": parameter.get("apply_method") or "immediate",
        }
        for parameter in known_items(state.get("parameter"))
    ]
    # The API takes at most twenty parameters.
    for start in range(0, len(parameters), 20):
        call.client().modify_db_cluster_parameter_group(
            DBClusterParameterGroupName=state["id"], Parameters=parameters[start : start + 20]
        )


def _after_update_parameters(call: Call, state: Values, prior: Values) -> None:
    remaining = {parameter["name"] for parameter in known_items(state.get("parameter"))}
    removed = [
        parameter
        for parameter in known_items(prior.get("parameter"))
        if parameter["name"] not in remaining
    ]
    if removed:
        call.client().reset_db_cluster_parameter_group(
            DBClusterParameterGroupName=state["id"],
            Parameters=[
                {"ParameterName": parameter["name"], "ApplyMethod": "pending-reboot"}
                for parameter in removed
            ],
        )
    _modify_parameters(call, state)


def _read_parameters(call: Call, state: Values, document: Document) -> None:
    answer = call.client().describe_db_cluster_parameters(
        DBClusterParameterGroupName=state["id"], Source="user"
    )
    document["Parameters"] = [
        parameter for parameter in answer["Parameters"] if parameter.get("ParameterValue")
    ]


def _exports(call: Call, values: Values, params: Document) -> None:
    exported = params.pop("EnableCloudwatchLogsExports", None)
    if exported is not None:
        name = "EnableCloudwatchLogsExports"
        change = {"CloudwatchLogsExportConfiguration": {"EnableLogTypes": exported}}
        # A create and a change have different parameters for the exports.
        params |= {name: exported} if "DBClusterIdentifier" in params else change


def _delete_cluster(call: Call, state: Values) -> None:
    name = state.get("final_snapshot_identifier")
    if state.get("skip_final_snapshot") is True:
        options: Document = {"SkipFinalSnapshot": True}
    elif name:
        options = {"SkipFinalSnapshot": False, "FinalDBSnapshotIdentifier": name}
    else:
        raise CallError("final_snapshot_identifier is required when skip_final_snapshot is false")
    call.client().delete_db_cluster(DBClusterIdentifier=state["id"], **options)


def _read_instance(call: Call, state: Values, document: Document) -> None:
    name = document.get("DBClusterIdentifier")
    if name:
        (cluster,) = call.client().describe_db_clusters(DBClusterIdentifier=name)["DBClusters"]
        members = {member["DBInstanceIdentifier"]: member for member in cluster["DBClusterMembers"]}
        document["writer"] = members.get(state["id"], {}).get("IsClusterWriter", False)


SPECIAL: Mapping[str, Special] = {
    "aws_rds_cluster_parameter_group": Special(
        after_create=_modify_parameters,
        after_update=_after_update_parameters,
        read=_read_parameters,
    ),
    "aws_rds_cluster": Special(params=_exports, delete=_delete_cluster),
    "aws_rds_cluster_instance": Special(read=_read_instance),
}
