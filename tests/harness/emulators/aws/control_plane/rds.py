"""What ministack lacks of RDS: final snapshots, groups in use, log exports, stable endpoints."""

from __future__ import annotations

import re
from dataclasses import replace
from xml.sax.saxutils import escape

from tests.harness.emulators.aws.control_plane import logs
from tests.harness.emulators.aws.control_plane.call import Call, Refusal, list_members
from tests.harness.emulators.aws.control_plane.service import (
    Check,
    Clients,
    Completion,
    Memory,
    Observations,
    Refuse,
    Rule,
    SideEffect,
)
from tests.harness.sdk.aws import paged


def _snapshot(client: Clients, call: Call, _: Observations) -> Refusal | None:
    if call.parameters.get("SkipFinalSnapshot") == "true":
        return None
    name = call.parameters.get("FinalDBSnapshotIdentifier", "")
    if not name:
        return Refusal(
            "InvalidParameterCombination",
            "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified.",
        )
    snapshots = paged(client("rds"), "describe_db_cluster_snapshots", "DBClusterSnapshots")
    if name not in {snapshot["DBClusterSnapshotIdentifier"] for snapshot in snapshots}:
        return None
    return Refusal(
        "DBClusterSnapshotAlreadyExistsFault",
        f"Cannot create the cluster snapshot because one with the identifier {name} already "
        "exists.",
    )


def _used_by_cluster(parameter: str, attribute: str, refusal: Refusal) -> Check:
    """Refuse to delete a group of clusters in use; ``{name}`` in the message is its name."""

    def check(client: Clients, call: Call, _: Observations) -> Refusal | None:
        name = call.parameters[parameter]
        clusters = paged(client("rds"), "describe_db_clusters", "DBClusters")
        if not any(cluster.get(attribute) == name for cluster in clusters):
            return None
        return replace(refusal, message=refusal.message.format(name=name))

    return check


_database_subnets = _used_by_cluster(
    "DBSubnetGroupName",
    "DBSubnetGroup",
    Refusal(
        "InvalidDBSubnetGroupStateFault",
        "Cannot delete the subnet group '{name}' because at least one database instance is still "
        "using it.",
    ),
)
_database_parameters = _used_by_cluster(
    "DBClusterParameterGroupName",
    "DBClusterParameterGroup",
    Refusal(
        "InvalidDBParameterGroupState",
        "One or more database instances are still members of this parameter group {name}, so the "
        "group cannot be deleted",
    ),
)


def _take_snapshot(client: Clients, call: Call) -> None:
    name = call.parameters.get("FinalDBSnapshotIdentifier", "")
    rds, cluster = client("rds"), call.parameters["DBClusterIdentifier"]
    (described,) = rds.describe_db_clusters(DBClusterIdentifier=cluster)["DBClusters"]
    # Otherwise RDS refuses the deletion.
    if name and not described["DeletionProtection"] and not described["DBClusterMembers"]:
        rds.create_db_cluster_snapshot(
            DBClusterIdentifier=cluster, DBClusterSnapshotIdentifier=name
        )


def _monitoring(client: Clients, call: Call) -> None:
    """Create the log group of enhanced monitoring, which all instances of an account share."""
    if call.parameters.get("MonitoringInterval", "0") != "0":
        logs.create_group(client, "RDSOSMetrics")


_ENDS = ("Endpoint", "ReaderEndpoint", "Port")


def _endpoints(call: Call, memory: Memory, body: str) -> str:
    """The endpoints and the port that a cluster was created with (RDS API, DBCluster).

    Once the cluster has an instance, ministack returns the address of a container instead.
    """

    def completed(match: re.Match[str]) -> str:
        identifier = re.search(r"<DBClusterIdentifier>([^<]+)<", match[0])
        if not identifier:
            return match[0]
        values = [re.search(rf"<{end}>([^<]*)</{end}>", match[0]) for end in _ENDS]
        key = call.region, identifier[1]
        if call.operation == "CreateDBCluster":
            memory.endpoints[key] = tuple(value[1] if value else "" for value in values)
        text = match[0]
        for end, value in zip(_ENDS, memory.endpoints.get(key, ()), strict=False):
            if value:
                text = re.sub(rf"<{end}>[^<]*</{end}>", f"<{end}>{value}</{end}>", text)
        return text

    return re.sub(r"<DBCluster>.*?</DBCluster>", completed, body, flags=re.DOTALL)


def _clusters(_: Clients, call: Call, memory: Memory, body: str) -> str:
    """The log exports of a cluster (RDS API, DBCluster)."""
    if call.operation != "DescribeDBClusters":
        key = call.region, call.parameters.get("DBClusterIdentifier", "")
        exports = memory.exports.setdefault(key, [])
        change = "CloudwatchLogsExportConfiguration"
        if call.operation == "CreateDBCluster":
            exports.clear()
        disabled = [
            entry[""] for entry in list_members(call.parameters, f"{change}.DisableLogTypes")
        ]
        enabled = [
            entry[""]
            for prefix in ("EnableCloudwatchLogsExports", f"{change}.EnableLogTypes")
            for entry in list_members(call.parameters, prefix)
        ]
        memory.exports[key] = sorted((set(exports) | set(enabled)) - set(disabled))

    def completed(match: re.Match[str]) -> str:
        exported = memory.exports.get((call.region, match[1]), [])
        members = "".join(f"<member>{escape(name)}</member>" for name in exported)
        element = f"<EnabledCloudwatchLogsExports>{members}</EnabledCloudwatchLogsExports>"
        return f"{element if exported else ''}{match[0]}"

    pattern = r"<DBClusterIdentifier>([^<]+)</DBClusterIdentifier>\s*<DBClusterArn>"
    return re.sub(pattern, completed, _endpoints(call, memory, body))


REFUSALS: Refuse = {
    "DeleteDBCluster": [Rule(_snapshot, "RDS API, DeleteDBCluster")],
    "DeleteDBSubnetGroup": [Rule(_database_subnets, "RDS API, DeleteDBSubnetGroup")],
    "DeleteDBClusterParameterGroup": [
        Rule(_database_parameters, "RDS API, DeleteDBClusterParameterGroup"),
    ],
}
# RDS API, DeleteDBCluster: AWS takes the final snapshot.
# RDS, enhanced monitoring: the metrics of an instance create a missing group.
SIDE_EFFECTS: dict[str, SideEffect] = {
    "CreateDBInstance": _monitoring,
    "DeleteDBCluster": _take_snapshot,
}
COMPLETIONS: dict[str, Completion] = {
    "CreateDBCluster": _clusters,
    "ModifyDBCluster": _clusters,
    "DescribeDBClusters": _clusters,
}
