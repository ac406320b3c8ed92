"""Service Networking: peerings. Compute and VPC Access: the hooks of networks and connectors."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Mapping
from typing import Any

from tests.harness.emulators.gcp.control_plane.engine import (
    Cloud,
    Document,
    Hooks,
    Operation,
    Resource,
)
from tests.harness.emulators.gcp.control_plane.errors import ApiError
from tests.harness.emulators.gcp.control_plane.http import body_of
from tests.harness.emulators.gcp.services.iam import project_number, same_project

_PEERING = "servicenetworking-googleapis-com"


def _network(cloud: Cloud, name: str) -> Resource:
    for resource in cloud.of("networks"):
        if same_project(resource.name, name):
            return resource
    raise ApiError(404, f"The network '{name}' was not found")


def _connect(cloud: Cloud, place: Mapping[str, str], request: Any) -> Document:
    document = body_of(request)
    network = _network(cloud, document["network"])
    ranges = document.get("reservedPeeringRanges", [])
    _check_ranges(cloud, network, ranges)
    with cloud.lock:
        if network.name in cloud.peerings and request.method == "POST":
            raise ApiError(
                400,
                f"Cannot modify allocated ranges in CreateConnection. '{network.name}' has a "
                "connection; use UpdateConnection with force.",
                rpc="FAILED_PRECONDITION",
            )
        cloud.peerings[network.name] = {
            "network": _by_number(network),
            "peering": _PEERING,
            "reservedPeeringRanges": ranges,
            "service": f"services/{place['service']}",
        }
        network.body["peerings"] = [{"name": _PEERING, "state": "ACTIVE"}]
    return _done(cloud, network, cloud.peerings[network.name])


def _by_number(network: Resource) -> str:
    # The API returns the number of the project, also if the request has its id.
    number = project_number(network.place["project"])
    return f"projects/{number}/global/networks/{network.id}"


def _check_ranges(cloud: Cloud, network: Resource, ranges: list[str]) -> None:
    reserved = {
        address.id
        for address in cloud.of("globalAddresses")
        if address.body.get("purpose") == "VPC_PEERING"
        and same_project(address.body.get("network", ""), network.name)
    }
    if missing := set(ranges) - reserved:
        raise ApiError(
            400, f"The reserved ranges {sorted(missing)} do not exist in '{network.name}'"
        )


def _done(cloud: Cloud, resource: Resource, answer: Document) -> Document:
    operation = Operation(f"operation-{cloud.number()}", "lro", "connect", resource.path, {})
    operation.answer = dict(answer)
    operation.done.set()
    cloud.operations[operation.id] = operation
    return cloud.operation_document(operation, hidden=True)


def _connections(cloud: Cloud, _place: Mapping[str, str], request: Any) -> Document:
    network = request.args.get("network", "")
    with cloud.lock:
        return {
            "connections": [
                peering for name, peering in cloud.peerings.items() if same_project(name, network)
            ]
        }


def _disconnect(cloud: Cloud, _place: Mapping[str, str], request: Any) -> Document:
    network = _network(cloud, body_of(request)["consumerNetwork"])
    producers = [*_producers(cloud, network), *_holders(cloud, network)]
    if producers:
        raise ApiError(
            400,
            "Failed to delete connection; Producer services (e.g. CloudSQL, Cloud Memstore, etc.) "
            f"are still using this connection: {', '.join(producers)}",
            rpc="FAILED_PRECONDITION",
        )
    with cloud.lock:
        cloud.peerings.pop(network.name, None)
        network.body.pop("peerings", None)
    return _done(cloud, network, {})


def _remove_peering(
    cloud: Cloud, resource: Resource, document: Document, _query: Mapping[str, str]
) -> Document:
    """Remove a peering of a network, also while a producer uses it."""
    if document.get("name") not in [item["name"] for item in resource.body.get("peerings", [])]:
        raise ApiError(
            400, f"There is no peering '{document.get('name')}' in network '{resource.id}'"
        )

    def work() -> Document:
        with cloud.lock:
            cloud.peerings.pop(resource.name, None)
            resource.body.pop("peerings", None)
        return {}

    return cloud.run("compute", "removePeering", resource, work)


def _producers(cloud: Cloud, network: Resource) -> list[str]:
    return [
        instance.name
        for instance in (*cloud.of("sqlInstances"), *cloud.of("redisInstances"))
        if network
        in (cloud.resolve("networks", value, instance.place) for value in _networks(instance))
    ]


def _networks(resource: Resource) -> list[str]:
    body = resource.body
    sql = body.get("settings", {}).get("ipConfiguration", {}).get("privateNetwork")
    return [value for value in (sql, body.get("authorizedNetwork")) if value]


def _holders(cloud: Cloud, network: Resource) -> list[str]:
    """Deleted instances that still keep the peering in use (google provider, #16275)."""
    holds: dict[str, tuple[str, float]] = cloud.data_plane.peering_holds
    return [
        f"{name} (deleted)"
        for name, (holder, deadline) in holds.items()
        if holder == network.name and time.monotonic() < deadline
    ]


def hold_peering(cloud: Cloud, resource: Resource) -> None:
    """Keep the peering of a deleted instance in use for ``producer_seconds``."""
    deadline = time.monotonic() + cloud.data_plane.options.producer_seconds
    for value in _networks(resource):
        network = cloud.resolve("networks", value, resource.place)
        if network is not None:
            cloud.data_plane.peering_holds[resource.name] = (network.name, deadline)


def check_peered(cloud: Cloud, resource: Resource) -> None:
    """Refuse an instance with a private address in a network without a peering.

    Raises:
        ApiError: 400, as Cloud SQL and Memorystore do.
    """
    for value in _networks(resource):
        network = cloud.resolve("networks", value, resource.place)
        if network is None or network.name not in cloud.peerings:
            raise ApiError(
                400,
                "Failed to create the instance because the network doesn't have at least 1 private "
                f"services connection: {value}. Please see https://cloud.google.com/vpc/docs/"
                "private-services-access.",
                "NETWORK_NOT_PEERED",
                "FAILED_PRECONDITION",
            )


def _forget_network(cloud: Cloud, resource: Resource) -> None:
    cloud.peerings.pop(resource.name, None)


def _complete_connector(cloud: Cloud, resource: Resource) -> None:
    cloud.output(resource, state="READY")


def _check_connector(cloud: Cloud, resource: Resource) -> None:
    body = resource.body
    if "minInstances" not in body and "minThroughput" not in body:
        raise ApiError(400, "The connector must have min_instances and max_instances set.")
    if "subnet" in body:
        _check_subnet(cloud, resource)
        return
    requested = ipaddress.ip_network(body.get("ipCidrRange", "0.0.0.0/0"), strict=False)
    # Source: Serverless VPC Access, connector subnets: /28.
    if requested.prefixlen != 28:
        raise ApiError(400, f"The IP CIDR range must be a /28; got {requested}.")
    if _overlapping(cloud, resource, requested, "subnetworks", "connectors"):
        raise ApiError(400, f"The IP CIDR range {requested} is in use in the network.")


def _overlapping(
    cloud: Cloud,
    resource: Resource,
    requested: ipaddress.IPv4Network | ipaddress.IPv6Network,
    *collections: str,
) -> Resource | None:
    """Another resource in the network of ``resource`` with an address of the requested range."""
    network = cloud.resolve("networks", resource.body["network"], resource.place)
    for other in (item for name in collections for item in cloud.of(name)):
        if other.path == resource.path or "ipCidrRange" not in other.body:
            continue
        if cloud.resolve("networks", other.body["network"], other.place) is not network:
            continue
        if requested.overlaps(ipaddress.ip_network(other.body["ipCidrRange"])):
            return other
    return None


def _check_subnet(cloud: Cloud, resource: Resource) -> None:
    """A connector in a subnet: the subnet is a /28, and no other connector is in it."""
    place = {**resource.place, "region": resource.place["location"]}
    subnet = cloud.resolve("subnetworks", resource.body["subnet"]["name"], place)
    if subnet is None:
        raise ApiError(404, f"The subnet '{resource.body['subnet']['name']}' was not found")
    if ipaddress.ip_network(subnet.body["ipCidrRange"]).prefixlen != 28:
        raise ApiError(400, f"The subnet must be a /28; got {subnet.body['ipCidrRange']}.")
    others = [
        other
        for other in cloud.of("connectors")
        if other.path != resource.path and other.body.get("subnet") == resource.body["subnet"]
    ]
    if others:
        raise ApiError(400, f"The subnet {subnet.id} is in use by another connector.")


def _complete_address(cloud: Cloud, resource: Resource) -> None:
    if resource.body.get("purpose") == "VPC_PEERING":
        number = cloud.number() % 200
        cloud.output(resource, address=resource.body.get("address", f"10.{number}.0.0"))
    else:
        # An address for documentation (RFC 5737). Its server listens on loopback.
        cloud.output(resource, address=f"203.0.113.{cloud.number() % 254 + 1}")
    cloud.output(resource, status="RESERVED")


def _set_labels(
    cloud: Cloud, resource: Resource, document: Document, _query: Mapping[str, str]
) -> Document:
    return cloud.change(resource, document, whole=False, mask="labels")


def _check_subnetwork(cloud: Cloud, resource: Resource) -> None:
    """No two subnets of a network have an address in common."""
    requested = ipaddress.ip_network(resource.body["ipCidrRange"])
    other = _overlapping(cloud, resource, requested, "subnetworks")
    if other:
        raise ApiError(
            400,
            f"Invalid IPCidrRange: {requested} conflicts with existing subnetwork '{other.id}' "
            f"in region '{other.place['region']}'.",
        )


def _expand(
    cloud: Cloud, resource: Resource, document: Document, _query: Mapping[str, str]
) -> Document:
    """Source: Compute Engine API, subnetworks.expandIpCidrRange: only to a range that holds it."""
    old, new = (ipaddress.ip_network(d["ipCidrRange"]) for d in (resource.body, document))
    if not (old.network_address in new and old.broadcast_address in new):
        raise ApiError(400, f"The new range {new} must contain the current range {old}.")
    return cloud.change(resource, document, whole=False, mask="ipCidrRange")


def _complete_subnetwork(cloud: Cloud, resource: Resource) -> None:
    first = next(ipaddress.ip_network(resource.body["ipCidrRange"]).hosts())
    cloud.output(resource, gatewayAddress=str(first))


_S = r"/v1/services/(?P<service>[^/]+)/connections"
ROUTES = (
    ("GET", _S, _connections),
    ("POST", _S, _connect),
    ("PATCH", _S + r"/[^/:]+", _connect),
    ("POST", _S + r"/[^/:]+:deleteConnection", _disconnect),
)
HOOKS = {
    "networks": Hooks(delete=_forget_network, verbs={"removePeering": _remove_peering}),
    "subnetworks": Hooks(
        check=_check_subnetwork,
        create=_complete_subnetwork,
        verbs={"expandIpCidrRange": _expand},
    ),
    "globalAddresses": Hooks(create=_complete_address, verbs={"setLabels": _set_labels}),
    "connectors": Hooks(check=_check_connector, create=_complete_connector),
}
