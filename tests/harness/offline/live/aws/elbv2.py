"""Load balancers, target groups, listeners and rules."""

from __future__ import annotations

from collections.abc import Mapping

from tests.harness.offline.engine.values import known_items
from tests.harness.offline.live.aws import crud
from tests.harness.offline.live.aws.crud import Call, Special
from tests.harness.offline.live.codec import Document, Values
from tests.harness.unknown import UNKNOWN

_LOGS = {
    "enabled": "access_logs.s3.enabled",
    "bucket": "access_logs.s3.bucket",
    "prefix": "access_logs.s3.prefix",
}


def _balancer(_: Call, values: Values, params: Document) -> None:
    if "internal" in values and params.get("Name"):
        params["Scheme"] = "internal" if values["internal"] else "internet-facing"


def _after_create_balancer(call: Call, state: Values) -> None:
    crud.put_attributes(call, state)
    _put_logs(call, state)


def _put_logs(call: Call, state: Values) -> None:
    body = next(iter(known_items(state.get("access_logs"))), {"enabled": False})
    attributes = [
        {"Key": key, "Value": str(body[name]).lower() if name == "enabled" else body[name]}
        for name, key in _LOGS.items()
        if body.get(name) not in (None, "", UNKNOWN)
    ]
    call.client().modify_load_balancer_attributes(
        LoadBalancerArn=state["id"], Attributes=attributes
    )


def _after_update_balancer(call: Call, state: Values, prior: Values) -> None:
    if state.get("access_logs") != prior.get("access_logs"):
        _put_logs(call, state)


def _read_balancer(_: Call, __: Values, document: Document) -> None:
    document["internal"] = document["Scheme"] == "internal"
    document["arn_suffix"] = document["LoadBalancerArn"].partition(":loadbalancer/")[2]
    document["_state"] = document["State"]["Code"]
    attributes = document["_attributes"]
    body = {name: attributes.get(key) or None for name, key in _LOGS.items()}
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


def _read_group(_: Call, __: Values, document: Document) -> None:
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
    "aws_lb": Special(
        params=_balancer,
        after_create=_after_create_balancer,
        read=_read_balancer,
        after_update=_after_update_balancer,
    ),
    "aws_lb_target_group": Special(
        params=_group, after_create=crud.put_attributes, read=_read_group
    ),
    "aws_lb_listener": Special(params=_listener),
    "aws_lb_listener_rule": Special(params=_listener_rule),
}
