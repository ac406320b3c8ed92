"""Networks, security groups and flow logs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.harness.offline.live.aws.crud import Call, Special
from tests.harness.offline.live.codec import Document, Values

_VPC = {"enable_dns_support": "EnableDnsSupport", "enable_dns_hostnames": "EnableDnsHostnames"}


def _set_vpc(call: Call, state: Values) -> None:
    for name, field in _VPC.items():
        if isinstance(state.get(name), bool):
            call.client().modify_vpc_attribute(VpcId=state["id"], **{field: {"Value": state[name]}})


def _read_vpc(call: Call, state: Values, document: Document) -> None:
    for name, field in _VPC.items():
        attribute = field[0].lower() + field[1:]
        answer = call.client().describe_vpc_attribute(VpcId=state["id"], Attribute=attribute)
        document[name] = answer[field]["Value"]
    document["default_security_group_id"] = _default_group(call, state["id"])


def _default_group(call: Call, vpc: str) -> str:
    filters = [
        {"Name": "vpc-id", "Values": [vpc]},
        {"Name": "group-name", "Values": ["default"]},
    ]
    groups = call.client().describe_security_groups(Filters=filters)["SecurityGroups"]
    return str(groups[0]["GroupId"])


def _adopt_group(call: Call, values: Values) -> str:
    return _default_group(call, values["vpc_id"])


def _after_create_default_group(call: Call, state: Values) -> None:
    _revoke(call, state["id"])
    tags = [{"Key": k, "Value": v} for k, v in (state.get("tags_all") or {}).items()]
    if tags:
        call.client().create_tags(Resources=[state["id"]], Tags=tags)


def _revoke(call: Call, group: str) -> None:
    """Revoke every rule of a group."""
    client = call.client()
    (described,) = client.describe_security_groups(GroupIds=[group])["SecurityGroups"]
    if described["IpPermissions"]:
        client.revoke_security_group_ingress(
            GroupId=group, IpPermissions=described["IpPermissions"]
        )
    if described["IpPermissionsEgress"]:
        client.revoke_security_group_egress(
            GroupId=group, IpPermissions=described["IpPermissionsEgress"]
        )


def _permissions(permissions: list[Mapping[str, Any]]) -> list[Document]:
    return [
        {
            "protocol": permission["IpProtocol"],
            "from_port": permission.get("FromPort", 0),
            "to_port": permission.get("ToPort", 0),
            "cidr_blocks": [source["CidrIp"] for source in permission.get("IpRanges", ())],
            "security_groups": [
                source["GroupId"] for source in permission.get("UserIdGroupPairs", ())
            ],
        }
        for permission in permissions
    ]


def _default_rules(_: Call, __: Values, document: Document) -> None:
    document["ingress"] = _permissions(document.get("IpPermissions", []))
    document["egress"] = _permissions(document.get("IpPermissionsEgress", []))


def _keep_group(_: Call, __: Values) -> None:
    """EC2 deletes the default group with the VPC."""


def _no_egress(call: Call, state: Values) -> None:
    # EC2 creates a group with a rule that allows all egress. The provider revokes it.
    _revoke(call, state["id"])


def _flow_log(_: Call, __: Values, params: Document) -> None:
    params["ResourceType"] = "VPC"


def _attach(call: Call, state: Values) -> None:
    call.client().attach_internet_gateway(InternetGatewayId=state["id"], VpcId=state["vpc_id"])


def _detach(call: Call, state: Values) -> None:
    client = call.client()
    answer = client.describe_internet_gateways(InternetGatewayIds=[state["id"]])
    for attachment in answer["InternetGateways"][0].get("Attachments", ()):
        client.detach_internet_gateway(InternetGatewayId=state["id"], VpcId=attachment["VpcId"])


def _map_public(call: Call, state: Values) -> None:
    if isinstance(state.get("map_public_ip_on_launch"), bool):
        call.client().modify_subnet_attribute(
            SubnetId=state["id"], MapPublicIpOnLaunch={"Value": state["map_public_ip_on_launch"]}
        )


def _table(call: Call, state: Values) -> Document | None:
    answer = call.client().describe_route_tables(RouteTableIds=[state["route_table_id"]])
    tables = answer["RouteTables"]
    return dict(tables[0]) if tables else None


def _route(call: Call, state: Values) -> Document | None:
    table = _table(call, state) or {}
    destination = state["destination_cidr_block"]
    route = next(
        (
            candidate
            for candidate in table.get("Routes", ())
            if candidate.get("DestinationCidrBlock") == destination
        ),
        None,
    )
    return {**route, "RouteTableId": state["route_table_id"]} if route else None


def _association(call: Call, state: Values) -> Document | None:
    table = _table(call, state) or {}
    return next(
        (
            association
            for association in table.get("Associations", ())
            if association["RouteTableAssociationId"] == state["id"]
        ),
        None,
    )


def _rule(_: Call, values: Values, params: Document) -> None:
    permission: Document = {"IpProtocol": values["ip_protocol"]}
    for name, field in (("from_port", "FromPort"), ("to_port", "ToPort")):
        if values.get(name) is not None:
            permission[field] = int(values[name])
    description = {"Description": values["description"]} if values.get("description") else {}
    if values.get("cidr_ipv4"):
        permission["IpRanges"] = [{"CidrIp": values["cidr_ipv4"], **description}]
    if values.get("cidr_ipv6"):
        permission["Ipv6Ranges"] = [{"CidrIpv6": values["cidr_ipv6"], **description}]
    if values.get("prefix_list_id"):
        permission["PrefixListIds"] = [{"PrefixListId": values["prefix_list_id"], **description}]
    if values.get("referenced_security_group_id"):
        group = {"GroupId": values["referenced_security_group_id"], **description}
        permission["UserIdGroupPairs"] = [group]
    params["IpPermissions"] = [permission]


def _read_rule(_: Call, __: Values, document: Document) -> None:
    # EC2 returns -1 for the ports of a rule for all ports. The configuration has none.
    for field in ("FromPort", "ToPort"):
        if document.get("IpProtocol") == "-1" or document.get(field) == -1:
            document.pop(field, None)


SPECIAL: Mapping[str, Special] = {
    "aws_vpc": Special(
        after_create=_set_vpc, read=_read_vpc, after_update=lambda c, s, _: _set_vpc(c, s)
    ),
    "aws_default_security_group": Special(
        create=_adopt_group,
        after_create=_after_create_default_group,
        read=_default_rules,
        delete=_keep_group,
    ),
    "aws_flow_log": Special(params=_flow_log),
    "aws_internet_gateway": Special(after_create=_attach, before_delete=_detach),
    "aws_subnet": Special(after_create=_map_public, after_update=lambda c, s, _: _map_public(c, s)),
    "aws_route": Special(find=_route),
    "aws_route_table_association": Special(find=_association),
    "aws_security_group": Special(after_create=_no_egress),
    "aws_vpc_security_group_ingress_rule": Special(params=_rule, read=_read_rule),
    "aws_vpc_security_group_egress_rule": Special(params=_rule, read=_read_rule),
}
