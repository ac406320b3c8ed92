"""What the stack sets is what botocore's models say that AWS takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import botocore.session

from tests.harness.offline import catalogue
from tests.harness.offline.live.aws import codec
from tests.harness.offline.protocol.schema import Block
from tests.harness.plan.view import UNKNOWN
from tests.harness.terraform import planning
from tests.integration.conftest import planned

TABLE = codec.table()
RELEASE = catalogue.releases("aws")[0]
INPUTS = {
    "proxy_config": {"model_list": []},
    "create_read_replica": True,
}
# What a function of ec2.py sends, since it is said in other words.
HANDLED = {
    "aws_lb.access_logs",
    "aws_lb_target_group.health_check",
    "aws_vpc.enable_dns_hostnames",
    "aws_vpc.enable_dns_support",
    "aws_vpc_security_group_egress_rule.cidr_ipv4",
    "aws_vpc_security_group_egress_rule.description",
    "aws_vpc_security_group_ingress_rule.cidr_ipv4",
    "aws_vpc_security_group_ingress_rule.description",
}


def given(block: Block, values: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """What of a resource is set, by its dotted path, less what is empty or false."""
    for name, attribute in block.attributes.items():
        settable = attribute.required or attribute.optional
        value = values.get(name)
        if settable and value is not UNKNOWN and value not in (None, "", False, 0, [], {}):
            yield prefix + name
    for name, nested in block.blocks.items():
        held = values.get(name)
        for body in held if isinstance(held, list) else []:
            yield from given(nested.block, body, f"{prefix}{name}.")


def test_every_set_argument_is_sent_or_listed(
    sessions: Callable[[str, bool], planning.Session],
) -> None:
    held = botocore.session.get_session()
    lost = set()
    for resource in planned(sessions("oldest", False), "aws", INPUTS).resources.values():
        if not resource.type.startswith("aws_"):
            continue
        entry = TABLE[resource.type]
        block = catalogue.schema("aws", RELEASE).resources[resource.type].block
        model = held.get_service_model(entry.service)
        ops = [one for one in (entry.create, entry.find, entry.delete, *entry.change) if one]
        shapes = [model.operation_model(one.op).input_shape for one in ops]
        for path in given(block, resource.values):
            name = path.split(".")[0]
            sent = {*entry.fields, *entry.sends, *entry.local, *entry.kept, *entry.attributes}
            members = {codec.letters(member) for one in shapes if one for member in one.members}
            seen = (
                name in sent
                or codec.letters(name) in members
                or f"{{{name}}}" in str([one.by for one in ops])
            )
            if not seen and name not in ("id", "tags", "tags_all", "region"):
                lost.add(f"{resource.type}.{name}")
    assert lost == HANDLED
