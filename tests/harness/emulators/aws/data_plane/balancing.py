"""The load balancers that ELBv2's API tells of, as Envoys with the targets that are registered.

Source: ELB, health checks for Application Load Balancer target groups. One answer makes a target
healthy here, and one miss unhealthy, for AWS's counts and intervals take minutes.
"""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.harness.emulators.aws.cloud import Cloud
from tests.harness.emulators.aws.control_plane import elbv2
from tests.harness.emulators.parts import load_balancers
from tests.harness.emulators.parts.load_balancers import (
    Balancer,
    Certificate,
    Listener,
    LoadBalancerError,
    aws_listeners,
)
from tests.harness.process.ports import free_port
from tests.harness.process.supervisor import Supervisor
from tests.harness.sdk.aws import paged

_LOOPBACK = "127.0.0.1"
_CHECK_SECONDS = 2


@dataclass(frozen=True, slots=True)
class Said:
    """A listener or a rule of the API, with its values as the provider would name them."""

    address: str
    values: Mapping[str, Any] = field(repr=False)


def _action(action: Mapping[str, Any]) -> dict[str, Any]:
    redirect = action.get("RedirectConfig")
    groups = action.get("ForwardConfig", {}).get("TargetGroups", [])
    alone = groups[0]["TargetGroupArn"] if len(groups) == 1 else None
    return {
        "type": action["Type"],
        "target_group_arn": action.get("TargetGroupArn") or alone,
        "redirect": [
            {
                "protocol": redirect["Protocol"],
                "port": redirect["Port"],
                "status_code": redirect["StatusCode"],
            }
        ]
        if redirect
        else [],
    }


def _condition(condition: Mapping[str, Any]) -> dict[str, Any]:
    configured = [part["Values"] for name, part in condition.items() if name.endswith("Config")]
    values = configured[0] if configured else condition.get("Values", [])
    return {condition["Field"].replace("-", "_"): [{"values": values}]}


def listeners(elb: Any, balancer: str, groups: Mapping[str, str]) -> list[Listener]:
    """The listeners of a load balancer with their rules.

    Args:
        elb: a client of ELBv2.
        balancer: its ARN.
        groups: what the cluster of each target group is called, by the group's ARN.

    Raises:
        LoadBalancerError: a rule or an action is of a kind that is not translated.
    """
    held: dict[str, Said] = {}
    rules: dict[str, Said] = {}
    for listener in elb.describe_listeners(LoadBalancerArn=balancer)["Listeners"]:
        arn = listener["ListenerArn"]
        values = {
            "arn": arn,
            "port": listener["Port"],
            "protocol": listener["Protocol"],
            "ssl_policy": listener.get("SslPolicy"),
            "default_action": [_action(action) for action in listener["DefaultActions"]],
        }
        held[arn] = Said(arn, values)
        for rule in elb.describe_rules(ListenerArn=arn)["Rules"]:
            # The default one is the listener's own action.
            if not rule["IsDefault"]:
                values = {
                    "listener_arn": arn,
                    "priority": rule["Priority"],
                    "action": [_action(action) for action in rule["Actions"]],
                    "condition": [_condition(condition) for condition in rule["Conditions"]],
                }
                rules[rule["RuleArn"]] = Said(rule["RuleArn"], values)
    return list(aws_listeners(held, rules, groups))


# ---- Targets ----


def _answers(group: Mapping[str, Any], port: int) -> bool:
    """Whether a target answers its group's health check with a status that the group admits."""
    connection = http.client.HTTPConnection(_LOOPBACK, port, timeout=_CHECK_SECONDS)
    try:
        connection.request("GET", group.get("HealthCheckPath", "/"))
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    for part in group.get("Matcher", {}).get("HttpCode", "200").split(","):
        low, _, high = part.partition("-")
        if int(low) <= status <= int(high or low):
            return True
    return False


@dataclass(frozen=True, slots=True)
class Proxy:
    """What serves a load balancer; ``ports`` are its loopback ports by the listeners' own."""

    balancer: Balancer
    ports: dict[int, int] = field(default_factory=dict)


@dataclass(slots=True)
class Balancers:
    """All load balancers and target groups of a cloud.

    ``proxies`` are the Envoys by load balancer's name, ``health`` the states of targets by group's
    ARN and target. ``certificate`` is for listeners with TLS.
    """

    cloud: Cloud
    supervisor: Supervisor
    certificate: Certificate | None = None
    proxies: dict[str, Proxy] = field(default_factory=dict)
    health: dict[str, dict[str, str]] = field(default_factory=dict)
    _names: dict[str, str] = field(default_factory=dict)
    _registered: dict[str, set[int]] = field(default_factory=dict)

    def step(self, wanted: Mapping[str, set[int]]) -> list[str]:
        """Register the ports that are wanted and no others, look how they are, and serve them.

        Args:
            wanted: loopback ports by target group's ARN.

        Gives what went wrong.
        """
        elb = self.cloud.client("elbv2")
        groups = {
            one["TargetGroupArn"]: one
            for one in paged(elb, "describe_target_groups", "TargetGroups")
        }
        self._registered = {arn: self._register(elb, arn, wanted.get(arn, set())) for arn in groups}
        self.health = {arn: self._states(one) for arn, one in groups.items()}
        return self._serve(elb, {arn: one["TargetGroupName"] for arn, one in groups.items()})

    def healthy(self, group: str, port: int) -> bool:
        """Whether a target was healthy when it was last looked at."""
        return self.health.get(group, {}).get(elbv2.target(_LOOPBACK, port)) == "healthy"

    def _register(self, elb: Any, arn: str, ports: set[int]) -> set[int]:
        held = self._registered.get(arn, set())
        for call, some in (
            (elb.register_targets, ports - held),
            (elb.deregister_targets, held - ports),
        ):
            if some:
                targets = [{"Id": _LOOPBACK, "Port": port} for port in sorted(some)]
                call(TargetGroupArn=arn, Targets=targets)
        return ports

    def _states(self, group: Mapping[str, Any]) -> dict[str, str]:
        arn = group["TargetGroupArn"]
        before, now = self.health.get(arn, {}), {}
        for port in self._registered[arn]:
            key = elbv2.target(_LOOPBACK, port)
            # One that never was well is still on its way.
            ill = "initial" if before.get(key, "initial") == "initial" else "unhealthy"
            now[key] = "healthy" if _answers(group, port) else ill
        return now

    def _ports(self, group: str) -> list[int]:
        """The ports of the healthy targets; of all, if none is: ELB then fails open."""
        ports = sorted(self._registered[group])
        return [port for port in ports if self.healthy(group, port)] or ports

    def _serve(self, elb: Any, groups: Mapping[str, str]) -> list[str]:
        there = {
            one["LoadBalancerArn"]: one["LoadBalancerName"]
            for one in paged(elb, "describe_load_balancers", "LoadBalancers")
        }
        for arn in self._names.keys() - there.keys():
            self.supervisor.stop(self.proxies.pop(self._names.pop(arn)).balancer.process.pid)
        upstreams = {groups[arn]: self._ports(arn) for arn in groups}
        said = []
        for arn, name in there.items():
            if arn not in self._names:
                made = load_balancers.balancer(self.supervisor)
                self._names[arn], self.proxies[name] = name, Proxy(made)
            try:
                held = listeners(elb, arn, groups)
                proxy = self.proxies[name]
                for one in held:
                    proxy.ports.setdefault(one.port, free_port())
                served = {proxy.ports[one.port]: one for one in held}
                proxy.balancer.update(served, upstreams, self.certificate)
            except LoadBalancerError as error:
                said.append(f"{name}: {error}")
            except KeyError:
                # A group that was made since they were listed; the next look finds it.
                continue
        return said
