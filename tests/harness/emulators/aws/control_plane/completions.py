"""What the emulator forgets of what it is told, put into its answers again.

Terraform's provider reads back whatever it set, so what is missing in an answer would be a change
in the next plan. Each row was found by setting what the modules set and reading it with boto3.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

from tests.harness.emulators.aws.control_plane.call import Call, listed
from tests.harness.emulators.aws.control_plane.refusals import Ask


@dataclass(slots=True)
class Memory:
    """What was told: addresses of NAT gateways by id, of clusters by region and id the rest.

    ``exports`` are their logs, ``endpoints`` are (endpoint, reader's endpoint, port).
    """

    addresses: dict[str, str] = field(default_factory=dict)
    exports: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    endpoints: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)


Completion = Callable[[Ask, Call, Memory, str], str]
"""Gives the body of an answer, completed."""


def _flow_logs(ask: Ask, call: Call, _: Memory, body: str) -> str:
    """The tags: EC2 calls the type vpc-flow-log, the emulator does not (EC2 API, TagSpecification).

    Put on the flow logs they are told.
    """
    tags = [
        {"Key": tag["Key"], "Value": tag.get("Value", "")}
        for specification in listed(call.parameters, "TagSpecification")
        for tag in listed(specification, "Tag")
    ]
    made = re.findall(r"<item>(fl-\w+)</item>", body)
    if tags and made:
        ask("ec2").create_tags(Resources=made, Tags=tags)
    return body


def _nat_gateways(_: Ask, call: Call, memory: Memory, body: str) -> str:
    """The address that a gateway was given (EC2 API, NatGatewayAddress)."""
    given = call.parameters.get("AllocationId")

    def filled(found: re.Match[str]) -> str:
        if given:
            memory.addresses[found[1]] = given
        address = memory.addresses.get(found[1])
        if not address:
            return found[0]
        item = f"<allocationId>{escape(address)}</allocationId><isPrimary>true</isPrimary>"
        return (
            f"{found[0].removesuffix('<natGatewayAddressSet/>')}<natGatewayAddressSet><item>{item}"
            "<status>succeeded</status></item></natGatewayAddressSet>"
        )

    pattern = r"<natGatewayId>([^<]+)</natGatewayId>.*?<natGatewayAddressSet/>"
    return re.sub(pattern, filled, body, flags=re.DOTALL)


_ENDS = ("Endpoint", "ReaderEndpoint", "Port")


def _endpoints(call: Call, memory: Memory, body: str) -> str:
    """The names and the port that a cluster had from the first (RDS API, DBCluster).

    Once it has an instance, the emulator tells where a container of its own would answer.
    """

    def filled(found: re.Match[str]) -> str:
        named = re.search(r"<DBClusterIdentifier>([^<]+)<", found[0])
        if not named:
            return found[0]
        told = [re.search(rf"<{end}>([^<]*)</{end}>", found[0]) for end in _ENDS]
        key = call.region, named[1]
        if call.operation == "CreateDBCluster":
            memory.endpoints[key] = tuple(one[1] if one else "" for one in told)
        text = found[0]
        for end, value in zip(_ENDS, memory.endpoints.get(key, ()), strict=False):
            if value:
                text = re.sub(rf"<{end}>[^<]*</{end}>", f"<{end}>{value}</{end}>", text)
        return text

    return re.sub(r"<DBCluster>.*?</DBCluster>", filled, body, flags=re.DOTALL)


def _clusters(_: Ask, call: Call, memory: Memory, body: str) -> str:
    """The logs that a cluster exports (RDS API, DBCluster)."""
    if call.operation != "DescribeDBClusters":
        key = call.region, call.parameters.get("DBClusterIdentifier", "")
        held = memory.exports.setdefault(key, [])
        change = "CloudwatchLogsExportConfiguration"
        if call.operation == "CreateDBCluster":
            held.clear()
        off = [one[""] for one in listed(call.parameters, f"{change}.DisableLogTypes")]
        on = [
            one[""]
            for prefix in ("EnableCloudwatchLogsExports", f"{change}.EnableLogTypes")
            for one in listed(call.parameters, prefix)
        ]
        memory.exports[key] = sorted((set(held) | set(on)) - set(off))

    def filled(found: re.Match[str]) -> str:
        exported = memory.exports.get((call.region, found[1]), [])
        members = "".join(f"<member>{escape(one)}</member>" for one in exported)
        told = f"<EnabledCloudwatchLogsExports>{members}</EnabledCloudwatchLogsExports>"
        return f"{told if exported else ''}{found[0]}"

    pattern = r"<DBClusterIdentifier>([^<]+)</DBClusterIdentifier>\s*<DBClusterArn>"
    return re.sub(pattern, filled, _endpoints(call, memory, body))


COMPLETIONS: Mapping[tuple[str, str], Completion] = {
    ("ec2", "CreateFlowLogs"): _flow_logs,
    ("ec2", "CreateNatGateway"): _nat_gateways,
    ("ec2", "DescribeNatGateways"): _nat_gateways,
    ("rds", "CreateDBCluster"): _clusters,
    ("rds", "ModifyDBCluster"): _clusters,
    ("rds", "DescribeDBClusters"): _clusters,
}

_ELB = "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/"

# What the provider asks of every load balancer, and the emulator does not know: there is none.
CONSTANT: Mapping[tuple[str, str], str] = {
    ("elasticloadbalancing", "DescribeCapacityReservation"): (
        f'<DescribeCapacityReservationResponse xmlns="{_ELB}"><DescribeCapacityReservationResult>'
        "<CapacityReservationState/></DescribeCapacityReservationResult><ResponseMetadata>"
        "<RequestId>local</RequestId></ResponseMetadata></DescribeCapacityReservationResponse>"
    ),
}
