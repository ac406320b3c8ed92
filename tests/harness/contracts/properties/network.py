"""Network: which component reaches which, on which port, and that nothing else can."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from tests.harness.contracts.base import Contract, Outcome, Subject, equal, judged
from tests.harness.contracts.properties.environment import SERVERS, state_of
from tests.harness.plan.containers import addresses
from tests.harness.plan.security_groups import Edge, edges
from tests.harness.plan.view import UNKNOWN, Plan

PORTS: Mapping[str, int] = {"gateway": 4000, "backend": 4001, "ui": 3000}
_POSTGRES, _REDIS, _DNS = 5432, 6379, 53
_WORLD = "0.0.0.0/0"


def tls(subject: Subject) -> bool:
    """Whether the inputs request TLS."""
    if subject.stack.name == "gcp":
        return bool(subject.value("lb_domains", []))
    enabled = subject.inputs.get("enable_tls")
    return bool(subject.value("acm_certificate_arn", "")) if enabled is None else bool(enabled)


def _public_ports(subject: Subject) -> list[int]:
    return [80, 443] if tls(subject) else [80]


def _ingress(subject: Subject) -> set[Edge]:
    """Ingress: internet to load balancer, load balancer to services, services to data stores."""
    state = state_of(subject)
    allowed = {Edge("in", _WORLD, "alb", "tcp", port, port) for port in _public_ports(subject)}
    allowed |= {Edge("in", "alb", role, "tcp", port, port) for role, port in PORTS.items()}
    if state.database:
        users = (*SERVERS, "jobs")
        allowed |= {Edge("in", u, "database", "tcp", _POSTGRES, _POSTGRES) for u in users}
    if state.redis:
        allowed |= {Edge("in", u, "redis", "tcp", _REDIS, _REDIS) for u in SERVERS}
    return allowed


def _egress(subject: Subject) -> set[Edge]:
    """Egress: components that call models reach any address, the UI only its registry."""
    state = state_of(subject)
    allowed = {Edge("out", "alb", role, "tcp", port, port) for role, port in PORTS.items()}
    anywhere = [*SERVERS, *(["jobs"] if state.any_database else [])]
    allowed |= {Edge("out", role, _WORLD, "-1", None, None) for role in anywhere}
    allowed.add(Edge("out", "ui", _WORLD, "tcp", 443, 443))
    if subject.value("vpc_id", ""):
        # A network of the caller may have DNS servers of its own.
        allowed |= {Edge("out", "ui", _WORLD, protocol, _DNS, _DNS) for protocol in ("tcp", "udp")}
    return allowed


def _registry_port(edge: Edge) -> bool:
    # The tasks of the UI also pull from a registry on another port.
    return edge.direction == "out" and edge.source == "ui" and edge.target == _WORLD


def _on_aws(subject: Subject) -> Iterator[Outcome]:
    plan = subject.plan
    actual = edges(plan)
    if any(UNKNOWN in (e.source, e.target, e.low, e.high) for e in actual):
        yield Outcome("reach", "security groups", "unknown", "their ids are known after apply")
    else:
        ingress = {e for e in actual if e.direction == "in"}
        yield equal(
            "reach", "ingress", sorted(ingress, key=repr), sorted(_ingress(subject), key=repr)
        )
        egress = {e for e in actual if e.direction == "out"}
        expected = _egress(subject)
        unexpected = {
            e for e in egress - expected if not (_registry_port(e) and e.protocol == "tcp")
        }
        yield judged(
            "way-out",
            "egress",
            egress,
            not unexpected and expected <= egress,
            f"{unexpected or expected - egress}",
        )
    yield from _aws_placed(subject)


def _groups(plan: Plan) -> dict[Any, str]:
    return {r.values["id"]: str(r.index) for r in plan.of_type("aws_security_group").values()}


def _aws_placed(subject: Subject) -> Iterator[Outcome]:
    plan = subject.plan
    additional = set(subject.value("additional_task_security_group_ids", []))
    for address, balancer in plan.of_type("aws_lb").items():
        yield equal("entry", f"{address} internal", balancer.values["internal"], False)
    listeners = {
        (listener.values["port"], listener.values["protocol"])
        for listener in plan.of_type("aws_lb_listener").values()
    }
    expected = {(80, "HTTP")} | ({(443, "HTTPS")} if tls(subject) else set())
    yield equal("tls-only", "listeners", listeners, expected)
    for address, instance in plan.of_type("aws_rds_cluster_instance").items():
        yield equal("private", address, instance.values["publicly_accessible"], False)
    for address, subnet in plan.of_type("aws_subnet").items():
        yield equal("private", address, subnet.values["map_public_ip_on_launch"], False)
    for address, service in plan.of_type("aws_ecs_service").items():
        network = service.values["network_configuration"][0]
        yield equal("private", address, network["assign_public_ip"], False)
        groups = network["security_groups"]
        if groups is UNKNOWN or not subject.resolved:
            yield Outcome("group", address, "unknown", "groups are known after apply")
            continue
        role = str(service.index)
        own = {key for key, index in _groups(plan).items() if index == role}
        extra = set() if role == "ui" else additional
        yield equal("group", address, set(groups), own | extra)
    if subject.resolved:
        yield from _aws_subnets(subject)


def _aws_subnets(subject: Subject) -> Iterator[Outcome]:
    plan = subject.plan
    created = {name: set[Any]() for name in ("public", "private")}
    for subnet in plan.of_type("aws_subnet").values():
        created[subnet.name].add(subnet.values["id"])
    public = created["public"] or set(subject.value("public_subnet_ids", []))
    private = created["private"] or set(subject.value("private_subnet_ids", []))
    holders: Mapping[str, tuple[Callable[[Any], Any], set[Any]]] = {
        "aws_lb": (lambda v: v["subnets"], public),
        "aws_ecs_service": (lambda v: v["network_configuration"][0]["subnets"], private),
        "aws_db_subnet_group": (lambda v: v["subnet_ids"], private),
        "aws_elasticache_subnet_group": (lambda v: v["subnet_ids"], private),
    }
    for resource in plan.resources.values():
        if resource.type in holders:
            subnets_of, expected = holders[resource.type]
            yield equal("subnets", resource.address, set(subnets_of(resource.values)), expected)
    stores = {
        "aws_rds_cluster": ("vpc_security_group_ids", "database"),
        "aws_elasticache_replication_group": ("security_group_ids", "redis"),
        "aws_lb": ("security_groups", "alb"),
    }
    groups = _groups(plan)
    for resource in plan.resources.values():
        if resource.type in stores:
            name, role = stores[resource.type]
            roles = {groups.get(group, group) for group in resource.values[name]}
            yield equal("group", resource.address, roles, {role})
    yield from _aws_routes(plan)


def _aws_routes(plan: Plan) -> Iterator[Outcome]:
    """Private subnets route through the NAT gateway, never through the internet gateway."""
    gateways = {r.values["id"] for r in plan.of_type("aws_internet_gateway").values()}
    for address, route in plan.of_type("aws_route").items():
        inward = route.values["gateway_id"] in gateways
        yield equal("subnets", address, inward, route.name == "public")


def _on_gcp(subject: Subject) -> Iterator[Outcome]:
    plan = subject.plan
    for address, instance in plan.of_type("google_sql_database_instance").items():
        (ip,) = instance.values["settings"][0]["ip_configuration"]
        yield equal("private", f"{address} ipv4_enabled", ip["ipv4_enabled"], False)
        network_id = ip["private_network"]
        yield judged("private", address, network_id, partial(bool, network_id), "is in no network")
        yield equal("private", f"{address} networks", ip["authorized_networks"] or [], [])
    for address, redis in plan.of_type("google_redis_instance").items():
        mode = redis.values["connect_mode"]
        yield equal("private", address, mode, "PRIVATE_SERVICE_ACCESS")
        network = redis.values["authorized_network"]
        yield judged("private", address, network, partial(bool, network), "is in no network")
    ports = sorted(
        (rule.values["port_range"], rule.values["load_balancing_scheme"])
        for rule in plan.of_type("google_compute_global_forwarding_rule").values()
    )
    expected = sorted((str(port), "EXTERNAL_MANAGED") for port in _public_ports(subject))
    yield equal("tls-only", "forwarding rules", ports, expected)
    for component, address in addresses(plan).items():
        yield from _gcp_placed(plan, component, address)


def _gcp_placed(plan: Plan, component: str, address: str) -> Iterator[Outcome]:
    values = plan.resources[address].values
    template = values["template"][0]
    if "containers" in template:
        ingress = "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER"
        yield equal("reach", f"{address} ingress", values["ingress"], ingress)
        port = template["containers"][0]["ports"][0]["container_port"]
        yield equal("reach", f"{address} port", port, PORTS[component])
    else:
        template = template["template"][0]
    access = template["vpc_access"]
    if component == "ui":
        yield equal("way-out", address, access or [], [])
        return
    yield equal(
        "way-out", f"{address} egress", [a["egress"] for a in access], ["PRIVATE_RANGES_ONLY"]
    )
    # A connector, or an interface in the subnet of the stack.
    ways = {r.values["id"] for r in plan.of_type("google_vpc_access_connector").values()}
    if not ways:
        ways = {r.values["id"] for r in plan.of_type("google_compute_subnetwork").values()}
    interfaces = [i["subnetwork"] for a in access for i in a["network_interfaces"] or ()]
    connectors = [a["connector"] for a in access if a["connector"] is not None]
    used = {*connectors, *interfaces}
    yield equal("way-out", f"{address} path", used, ways)


def check(subject: Subject) -> Iterator[Outcome]:
    """Check which component reaches which, and what is open to the internet."""
    yield from _on_aws(subject) if subject.stack.name == "aws" else _on_gcp(subject)


CONTRACT = Contract(
    name="network",
    claim="the internet reaches the load balancer only, which reaches the services",
    clauses={
        "reach": "components reach each other on the listed ports only",
        "way-out": "gateway, backend and jobs reach any address, the UI only its registry",
        "entry": "the load balancer faces the internet",
        "private": "databases, caches and tasks have no public address",
        "tls-only": "443 is open if and only if TLS is served",
        "group": "every resource is in the security group of its role",
        "subnets": "the load balancer is in the public subnets, everything else in private ones",
    },
    check=check,
)
