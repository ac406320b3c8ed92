"""The load balancers of the ELBv2 API: an Envoy for each, with the registered targets.

Source: ELB, health checks for Application Load Balancer target groups. In the emulator one
successful check makes a target healthy, and one failed check makes it unhealthy, because AWS's
thresholds and intervals take minutes.
"""

from __future__ import annotations

import http.client
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.harness.emulators.aws.cloud import Cloud
from tests.harness.emulators.aws.control_plane import elbv2
from tests.harness.emulators.aws.data_plane.reads import Reads
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

_LOOPBACK = "127.0.0.1"
_CHECK_SECONDS = 2
# From the check of a healthy target to the next one. A check takes 10 ms of LiteLLM's time.
_HEALTHY_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class ApiObject:
    """A listener or a rule of the API, with its values as the provider names them."""

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


def listeners(reads: Reads, balancer: str, groups: Mapping[str, str]) -> list[Listener]:
    """The listeners of a load balancer, with their rules.

    Args:
        reads: the reads of ELBv2.
        balancer: the ARN of the load balancer.
        groups: the name of the cluster of each target group, by the group's ARN.

    Raises:
        LoadBalancerError: a rule or an action is of a kind that is not translated.
    """
    by_arn: dict[str, ApiObject] = {}
    rules: dict[str, ApiObject] = {}
    described = reads.paged("elbv2", "describe_listeners", "Listeners", LoadBalancerArn=balancer)
    for listener in described:
        arn = listener["ListenerArn"]
        values = {
            "arn": arn,
            "port": listener["Port"],
            "protocol": listener["Protocol"],
            "ssl_policy": listener.get("SslPolicy"),
            "default_action": [_action(action) for action in listener["DefaultActions"]],
        }
        by_arn[arn] = ApiObject(arn, values)
        for rule in reads.paged("elbv2", "describe_rules", "Rules", ListenerArn=arn):
            # The default rule is the default action of the listener.
            if not rule["IsDefault"]:
                values = {
                    "listener_arn": arn,
                    "priority": rule["Priority"],
                    "action": [_action(action) for action in rule["Actions"]],
                    "condition": [_condition(condition) for condition in rule["Conditions"]],
                }
                rules[rule["RuleArn"]] = ApiObject(rule["RuleArn"], values)
    return list(aws_listeners(by_arn, rules, groups))


# ---- Targets ----


def _passes_check(group: Mapping[str, Any], port: int) -> bool:
    """Whether a target passes the health check of its group."""
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
    """The Envoy of a load balancer.

    ``host`` is the name of the load balancer in the DNS. ``ports`` are its loopback ports by the
    ports of listeners.
    """

    balancer: Balancer
    host: str
    ports: dict[int, int] = field(default_factory=dict)


@dataclass(slots=True)
class Balancers:
    """All load balancers and target groups of an emulator.

    ``proxies`` are the Envoys by name of the load balancer. ``health`` are the states of targets,
    by ARN of the group and by target. ``certificate`` is the one of listeners with TLS.
    """

    cloud: Cloud
    reads: Reads
    supervisor: Supervisor
    certificate: Certificate | None = None
    proxies: dict[str, Proxy] = field(default_factory=dict)
    health: dict[str, dict[str, str]] = field(default_factory=dict)
    _names: dict[str, str] = field(default_factory=dict)
    _registered: dict[str, set[int]] = field(default_factory=dict)
    _passed_at: dict[tuple[str, str], float] = field(default_factory=dict)

    def step(self, targets: Mapping[str, set[int]]) -> list[str]:
        """Register exactly these targets, check their health, and serve the load balancers.

        Args:
            targets: loopback ports by ARN of the target group.

        Returns:
            The errors.
        """
        elb = self.cloud.client("elbv2")
        groups = {
            group["TargetGroupArn"]: group
            for group in self.reads.paged("elbv2", "describe_target_groups", "TargetGroups")
        }
        self._registered = {
            arn: self._register(elb, arn, targets.get(arn, set())) for arn in groups
        }
        self.health = {arn: self._states(group) for arn, group in groups.items()}
        return self._serve({arn: group["TargetGroupName"] for arn, group in groups.items()})

    def healthy(self, group: str, port: int) -> bool:
        """Whether a target passed its last health check."""
        return self.health.get(group, {}).get(elbv2.target(_LOOPBACK, port)) == "healthy"

    def _register(self, elb: Any, arn: str, ports: set[int]) -> set[int]:
        registered = self._registered.get(arn, set())
        for call, changed_ports in (
            (elb.register_targets, ports - registered),
            (elb.deregister_targets, registered - ports),
        ):
            if changed_ports:
                targets = [{"Id": _LOOPBACK, "Port": port} for port in sorted(changed_ports)]
                call(TargetGroupArn=arn, Targets=targets)
        return ports

    def _states(self, group: Mapping[str, Any]) -> dict[str, str]:
        arn = group["TargetGroupArn"]
        before, states = self.health.get(arn, {}), {}
        for port in self._registered[arn]:
            key = elbv2.target(_LOOPBACK, port)
            # A target that was never healthy is still starting.
            failing = "initial" if before.get(key, "initial") == "initial" else "unhealthy"
            states[key] = "healthy" if self._passes(group, key, port) else failing
        return states

    def _passes(self, group: Mapping[str, Any], target: str, port: int) -> bool:
        """Whether a target passes its health check, or passed it a short time before."""
        place, now = (group["TargetGroupArn"], target), time.monotonic()
        if now < self._passed_at.get(place, 0) + _HEALTHY_SECONDS:
            return True
        passed = _passes_check(group, port)
        if passed:
            self._passed_at[place] = now
        return passed

    def _ports(self, group: str) -> list[int]:
        """The ports of the healthy targets. If no target is healthy, all: ELB then fails open."""
        ports = sorted(self._registered[group])
        return [port for port in ports if self.healthy(group, port)] or ports

    def _serve(self, groups: Mapping[str, str]) -> list[str]:
        described = self.reads.paged("elbv2", "describe_load_balancers", "LoadBalancers")
        balancers = {balancer["LoadBalancerArn"]: balancer for balancer in described}
        for arn in self._names.keys() - balancers.keys():
            self.supervisor.stop(self.proxies.pop(self._names.pop(arn)).balancer.process.pid)
        upstreams = {groups[arn]: self._ports(arn) for arn in groups}
        errors = []
        for arn, balancer in balancers.items():
            name = balancer["LoadBalancerName"]
            if arn not in self._names:
                envoy = load_balancers.balancer(self.supervisor)
                self._names[arn], self.proxies[name] = name, Proxy(envoy, balancer["DNSName"])
            try:
                current = listeners(self.reads, arn, groups)
                proxy = self.proxies[name]
                for listener in current:
                    proxy.ports.setdefault(listener.port, free_port())
                served = {proxy.ports[listener.port]: listener for listener in current}
                proxy.balancer.update(served, upstreams, self.certificate)
            except LoadBalancerError as error:
                errors.append(f"{name}: {error}")
            except KeyError:
                # A target group was created after the listing. The next step handles it.
                continue
        return errors
