"""What is special to networks and load balancers where the offline AWS provider applies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.harness.offline.engine.values import known_items
from tests.harness.offline.live_aws import crud as calls_aws
from tests.harness.offline.live_aws.codec import Document, Values
from tests.harness.offline.live_aws.crud import Call, Special
from tests.harness.unknown import UNKNOWN

# ---- VPC ----

_VPC = {"enable_dns_support": "EnableDnsSupport", "enable_dns_hostnames": "EnableDnsHostnames"}


def _set_vpc(call: Call, state: Values) -> None:
    for name, field in _VPC.items():
        if isinstance(state.get(name), bool):
            call.client().modify_vpc_attribute(VpcId=state["id"], **{field: {"Value": state[name]}})


def _vpc(call: Call, state: Values, document: Document) -> None:
    for name, field in _VPC.items():
        attribute = field[0].lower() + field[1:]
        told = call.client().describe_vpc_attribute(VpcId=state["id"], Attribute=attribute)
        document[name] = told[field]["Value"]
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


def _default_group_made(call: Call, state: Values) -> None:
    _revoke(call, state["id"])
    tags = [{"Key": k, "Value": v} for k, v in (state.get("tags_all") or {}).items()]
    if tags:
        call.client().create_tags(Resources=[state["id"]], Tags=tags)


def _revoke(call: Call, group: str) -> None:
    """Take away every rule of a group."""
    client = call.client()
    (held,) = client.describe_security_groups(GroupIds=[group])["SecurityGroups"]
    if held["IpPermissions"]:
        client.revoke_security_group_ingress(GroupId=group, IpPermissions=held["IpPermissions"])
    if held["IpPermissionsEgress"]:
        client.revoke_security_group_egress(
            GroupId=group, IpPermissions=held["IpPermissionsEgress"]
        )


def _permissions(told: list[Mapping[str, Any]]) -> list[Document]:
    return [
        {
            "protocol": one["IpProtocol"],
            "from_port": one.get("FromPort", 0),
            "to_port": one.get("ToPort", 0),
            "cidr_blocks": [held["CidrIp"] for held in one.get("IpRanges", ())],
            "security_groups": [held["GroupId"] for held in one.get("UserIdGroupPairs", ())],
        }
        for one in told
    ]


def _default_rules(_: Call, __: Values, document: Document) -> None:
    document["ingress"] = _permissions(document.get("IpPermissions", []))
    document["egress"] = _permissions(document.get("IpPermissionsEgress", []))


def _nothing(_: Call, __: Values) -> None:
    """A VPC's default group goes with the VPC."""


def _no_egress(call: Call, state: Values) -> None:
    # EC2 lets a new group reach everything, and the provider takes that away.
    _revoke(call, state["id"])


# ---- The rest of EC2 ----


def _flow_log(_: Call, __: Values, params: Document) -> None:
    params["ResourceType"] = "VPC"


def _attach(call: Call, state: Values) -> None:
    call.client().attach_internet_gateway(InternetGatewayId=state["id"], VpcId=state["vpc_id"])


def _detach(call: Call, state: Values) -> None:
    client = call.client()
    held = client.describe_internet_gateways(InternetGatewayIds=[state["id"]])
    for one in held["InternetGateways"][0].get("Attachments", ()):
        client.detach_internet_gateway(InternetGatewayId=state["id"], VpcId=one["VpcId"])


def _map_public(call: Call, state: Values) -> None:
    if isinstance(state.get("map_public_ip_on_launch"), bool):
        call.client().modify_subnet_attribute(
            SubnetId=state["id"], MapPublicIpOnLaunch={"Value": state["map_public_ip_on_launch"]}
        )


def _table(call: Call, state: Values) -> Document | None:
    asked = call.client().describe_route_tables(RouteTableIds=[state["route_table_id"]])
    tables = asked["RouteTables"]
    return dict(tables[0]) if tables else None


def _route(call: Call, state: Values) -> Document | None:
    held = _table(call, state) or {}
    wanted = state["destination_cidr_block"]
    found = next(
        (o for o in held.get("Routes", ()) if o.get("DestinationCidrBlock") == wanted), None
    )
    return {**found, "RouteTableId": state["route_table_id"]} if found else None


def _association(call: Call, state: Values) -> Document | None:
    held = _table(call, state) or {}
    return next(
        (o for o in held.get("Associations", ()) if o["RouteTableAssociationId"] == state["id"]),
        None,
    )


def _rule(_: Call, values: Values, params: Document) -> None:
    permission: Document = {"IpProtocol": values["ip_protocol"]}
    for name, field in (("from_port", "FromPort"), ("to_port", "ToPort")):
        if values.get(name) is not None:
            permission[field] = int(values[name])
    said = {"Description": values["description"]} if values.get("description") else {}
    if values.get("cidr_ipv4"):
        permission["IpRanges"] = [{"CidrIp": values["cidr_ipv4"], **said}]
    if values.get("cidr_ipv6"):
        permission["Ipv6Ranges"] = [{"CidrIpv6": values["cidr_ipv6"], **said}]
    if values.get("prefix_list_id"):
        permission["PrefixListIds"] = [{"PrefixListId": values["prefix_list_id"], **said}]
    if values.get("referenced_security_group_id"):
        group = {"GroupId": values["referenced_security_group_id"], **said}
        permission["UserIdGroupPairs"] = [group]
    params["IpPermissions"] = [permission]


def _rule_told(_: Call, __: Values, document: Document) -> None:
    # All ports of all protocols are told as -1 and were not given.
    for field in ("FromPort", "ToPort"):
        if document.get("IpProtocol") == "-1" or document.get(field) == -1:
            document.pop(field, None)


# ---- Load balancers ----

_LOGS = {
    "enabled": "access_logs.s3.enabled",
    "bucket": "access_logs.s3.bucket",
    "prefix": "access_logs.s3.prefix",
}


def _balancer(_: Call, values: Values, params: Document) -> None:
    if "internal" in values and params.get("Name"):
        params["Scheme"] = "internal" if values["internal"] else "internet-facing"


def _balancer_made(call: Call, state: Values) -> None:
    calls_aws.put_attributes(call, state)
    _put_logs(call, state)


def _put_logs(call: Call, state: Values) -> None:
    body = next(iter(known_items(state.get("access_logs"))), {"enabled": False})
    given = [
        {"Key": key, "Value": str(body[name]).lower() if name == "enabled" else body[name]}
        for name, key in _LOGS.items()
        if body.get(name) not in (None, "", UNKNOWN)
    ]
    call.client().modify_load_balancer_attributes(LoadBalancerArn=state["id"], Attributes=given)


def _balancer_changed(call: Call, state: Values, prior: Values) -> None:
    if state.get("access_logs") != prior.get("access_logs"):
        _put_logs(call, state)


def _balancer_told(_: Call, __: Values, document: Document) -> None:
    document["internal"] = document["Scheme"] == "internal"
    document["arn_suffix"] = document["LoadBalancerArn"].partition(":loadbalancer/")[2]
    document["_state"] = document["State"]["Code"]
    told = document["_attributes"]
    body = {name: told.get(key) or None for name, key in _LOGS.items()}
    document["access_logs"] = [body] if body["enabled"] == "true" else []


_CHECK = {
    "enabled": "HealthCheckEnabled",
    "path": "HealthCheckPath",
    "port": "HealthCheckPort",
    "protocol": "HealthCheckProtocol",
    "interval": "HealthCheckIntervalSeconds",
    "timeout": "HealthCheckTimeoutSeconds",
    "healthy_threshold": "HealthyThresholdCount",
    "unhealthy_threshold": "UnhealthyThresholdCount",
}
_NUMBERS = ("interval", "timeout", "healthy_threshold", "unhealthy_threshold")


def _group(_: Call, values: Values, params: Document) -> None:
    for body in known_items(values.get("health_check")):
        for name, field in _CHECK.items():
            if body.get(name) not in (None, "", UNKNOWN):
                params[field] = int(body[name]) if name in _NUMBERS else body[name]
        if body.get("matcher"):
            params["Matcher"] = {"HttpCode": body["matcher"]}


def _group_told(_: Call, __: Values, document: Document) -> None:
    check = {name: document.get(field) for name, field in _CHECK.items()}
    check["matcher"] = document.get("Matcher", {}).get("HttpCode")
    document["health_check"] = [check]
    document["arn_suffix"] = document["TargetGroupArn"].partition(":")[2].rpartition(":")[2]


def _listener(_: Call, values: Values, params: Document) -> None:
    if values.get("certificate_arn"):
        params["Certificates"] = [{"CertificateArn": values["certificate_arn"]}]


_FIELDS = {
    "path_pattern": "path-pattern",
    "http_request_method": "http-request-method",
    "host_header": "host-header",
    "source_ip": "source-ip",
}


def _listener_rule(_: Call, values: Values, params: Document) -> None:
    bodies = known_items(values.get("condition"))
    for body, condition in zip(bodies, params.get("Conditions", ()), strict=False):
        condition["Field"] = next(field for name, field in _FIELDS.items() if body.get(name))


SPECIAL: Mapping[str, Special] = {
    "aws_vpc": Special(made=_set_vpc, extend=_vpc, change=lambda c, s, _: _set_vpc(c, s)),
    "aws_default_security_group": Special(
        create=_adopt_group, made=_default_group_made, extend=_default_rules, delete=_nothing
    ),
    "aws_flow_log": Special(params=_flow_log),
    "aws_internet_gateway": Special(made=_attach, before=_detach),
    "aws_subnet": Special(made=_map_public, change=lambda c, s, _: _map_public(c, s)),
    "aws_route": Special(find=_route),
    "aws_route_table_association": Special(find=_association),
    "aws_security_group": Special(made=_no_egress),
    "aws_vpc_security_group_ingress_rule": Special(params=_rule, extend=_rule_told),
    "aws_vpc_security_group_egress_rule": Special(params=_rule, extend=_rule_told),
    "aws_lb": Special(
        params=_balancer, made=_balancer_made, extend=_balancer_told, change=_balancer_changed
    ),
    "aws_lb_target_group": Special(
        params=_group, made=calls_aws.put_attributes, extend=_group_told
    ),
    "aws_lb_listener": Special(params=_listener),
    "aws_lb_listener_rule": Special(params=_listener_rule),
}
