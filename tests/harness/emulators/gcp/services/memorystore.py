"""Memorystore: each instance is a Redis, with a TLS proxy if it has transit encryption."""

from __future__ import annotations

from tests.harness.emulators.gcp.control_plane.engine import Cloud, Hooks, Resource, now
from tests.harness.emulators.gcp.services.networking import check_peered, hold_peering
from tests.harness.emulators.parts import redis
from tests.harness.emulators.parts.envoy import issue_by_common_name


def _create(cloud: Cloud, resource: Resource) -> None:
    plane = cloud.data_plane
    with plane.lock:
        server = redis.start(plane.supervisor)
    resource.private["pids"] = [server.pid]
    port = server.port
    if resource.body.get("transitEncryptionMode") == "SERVER_AUTHENTICATION":
        certificate = issue_by_common_name(plane.authority, server.host)
        tls = redis.with_tls(plane.supervisor, server, certificate)
        port = tls.port
        resource.private["pids"].append(tls.pid)
        cloud.output(
            resource,
            serverCaCerts=[
                {
                    "cert": plane.authority_pem(),
                    "serialNumber": "1",
                    "createTime": now(),
                    "expireTime": now(),
                    "sha1Fingerprint": "",
                }
            ],
        )
    location = resource.place["location"]
    cloud.output(
        resource,
        host=server.host,
        port=port,
        state="READY",
        currentLocationId=f"{location}-a",
        persistenceIamIdentity="serviceAccount:redis@local.iam.gserviceaccount.com",
    )
    resource.body.setdefault("locationId", f"{location}-a")
    resource.body.setdefault("reservedIpRange", "10.0.0.0/29")


def _delete(cloud: Cloud, resource: Resource) -> None:
    for pid in reversed(resource.private.pop("pids", [])):
        cloud.data_plane.supervisor.stop(pid)
    hold_peering(cloud, resource)


HOOKS = {"redisInstances": Hooks(check=check_peered, create=_create, delete=_delete)}
