"""The domain of a run in a hosted zone: made before its apply, and removed after its destroy.

The tests of ``test_janitor_*.py``, on its local cloud. Public DNS, and what a certificate authority
verifies by it, only an account shows.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.harness.accounts import identity, leaks, runs
from tests.harness.accounts.identity import Identity
from tests.harness.accounts.janitor import Janitor, outlived
from tests.harness.accounts.ledger import DESTROYED, RECORDED, Ledger
from tests.harness.accounts.runs import Place, Terms
from tests.harness.accounts.stores import Folder
from tests.harness.lifecycle.target import Target, ZoneError
from tests.harness.process import daemon
from tests.harness.sdk import aws
from tests.harness.stacks import STACKS
from tests.integration.google_api import Api
from tests.integration.local_clouds import Local

ZONE = "litellm.example.com"
# Of a stack with a similar name.
FOREIGN = f"t0123456-litellm-ci2.{ZONE}."
ADDRESS = "203.0.113.9"
HOSTS = {"aws": "alb_domain_name", "gcp": "lb_domains"}
LEASE_SECONDS = 60


class AwsZone:
    """The zone, and a load balancer for its names."""

    def __init__(self, url: str) -> None:
        url = daemon.observed(url, "cloud")["url"]
        self.r53, self.elb, self.ec2 = (aws.client(url, n) for n in ("route53", "elbv2", "ec2"))
        zone = self.r53.create_hosted_zone(Name=ZONE, CallerReference=str(time.time()))
        self.id = zone["HostedZone"]["Id"]
        self._change("CREATE")
        subnets = self.ec2.describe_subnets()["Subnets"]
        found = self.elb.create_load_balancer(
            Name="of-a-run", Subnets=[item["SubnetId"] for item in subnets[:2]]
        )
        self.balancer = found["LoadBalancers"][0]

    def _change(self, action: str) -> None:
        record = {"Name": FOREIGN, "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": ADDRESS}]}
        changes = [{"Action": action, "ResourceRecordSet": record}]
        self.r53.change_resource_record_sets(HostedZoneId=self.id, ChangeBatch={"Changes": changes})

    def outputs(self) -> dict[str, str]:
        """Those of a stack that read the load balancer."""
        return {"alb_dns_name": self.balancer["DNSName"]}

    def record(self, host: str) -> str:
        """What a host points to."""
        for item in self.r53.list_resource_record_sets(HostedZoneId=self.id)["ResourceRecordSets"]:
            if (item["Name"], item["Type"]) == (f"{host}.", "A"):
                assert item["AliasTarget"]["HostedZoneId"] == self.balancer["CanonicalHostedZoneId"]
                return str(item["AliasTarget"]["DNSName"]).rstrip(".")
        return ""

    def close(self) -> None:
        """Delete everything, which fails if a record is left."""
        self.elb.delete_load_balancer(LoadBalancerArn=self.balancer["LoadBalancerArn"])
        self._change("DELETE")
        self.r53.delete_hosted_zone(Id=self.id)


class GcpZone:
    """The zone, and a certificate as the module makes one."""

    def __init__(self, url: str) -> None:
        self.api, project = Api(url), STACKS["gcp"].scope[1]
        self.zones = f"/dns/v1/projects/{project}/managedZones"
        self.certificates = f"/compute/v1/projects/{project}/global/sslCertificates"
        body = {"name": "a-zone", "dnsName": f"{ZONE}.", "description": "of the test"}
        self._ask("POST", self.zones, body)
        record = {"name": FOREIGN, "type": "A", "ttl": 60, "rrdatas": [ADDRESS]}
        self._ask("POST", f"{self.zones}/a-zone/rrsets", record)

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.api.send(method, path, body)
        assert answer.status_code < 300, answer.text
        return answer.json()

    def outputs(self) -> dict[str, str]:
        """Those of a stack that read the load balancer."""
        return {"lb_ip": ADDRESS}

    def certify(self, host: str) -> None:
        """Create the certificate of a host."""
        body = {"name": "a-certificate", "type": "MANAGED", "managed": {"domains": [host]}}
        self.api.done("POST", self.certificates, body)

    def record(self, host: str) -> str:
        """What a host points to."""
        answer = self.api.send("GET", f"{self.zones}/a-zone/rrsets/{host}./A")
        return "".join(answer.json().get("rrdatas", []))

    def close(self) -> None:
        """Delete everything, which fails if a record is left."""
        self._ask("DELETE", f"{self.zones}/a-zone/rrsets/{FOREIGN}/A")
        self._ask("DELETE", f"{self.zones}/a-zone")


ZONES: dict[str, Callable[[str], AwsZone | GcpZone]] = {"aws": AwsZone, "gcp": GcpZone}


def test_run_has_a_name_in_the_zone_until_it_ends(local: Local, tmp_path: Path) -> None:
    cloud, goal = local.cloud, local.target()
    zone = ZONES[cloud](local.url)
    ledger = Ledger(Folder(tmp_path / "ledger"))
    place = replace(local.place(), zone=ZONE)
    _ends(goal, Terms(ledger, place, identity.identity("me", 3600), local.core), tmp_path, zone)
    (spared,) = (item.name for item in goal.control.existing() if item.outside)
    assert FOREIGN in spared
    _dies(goal, ledger, place, zone, tmp_path)
    (work,) = outlived(ledger, {})
    assert len(leaks.report(goal.control, work.record).leaks) == {"aws": 3, "gcp": 1}[cloud]
    done = Janitor(ledger, lambda _: goal, local.core, settle_seconds=0).clean(work)
    assert (done.left, done.problem) == ((), "")
    assert leaks.report(goal.control, work.record).leaks == ()
    zone.close()


def _ends(goal: Target, terms: Terms, folder: Path, zone: AwsZone | GcpZone) -> None:
    """A run that applies nothing, but has its name directed, and ends."""
    run = terms.identity
    host = f"{run.stack}.{ZONE}"
    with runs.begun(terms, goal, folder / run.run, run.inputs(goal.stack, {})) as lifecycle:
        record = terms.ledger.record(run.run)
        assert (record.zone, record.phase) == (ZONE, RECORDED)
        assert host in str(lifecycle.inputs()[HOSTS[goal.stack.name]])
        assert record.inputs.items() <= lifecycle.inputs().items()
        if isinstance(zone, GcpZone):
            zone.certify(host)
        assert lifecycle.applied
        # After each apply.
        for _ in range(2):
            lifecycle.applied(zone.outputs())
        assert zone.record(host) in zone.outputs().values()
    assert terms.ledger.record(run.run).phase == DESTROYED
    if isinstance(zone, GcpZone):
        zone.api.done("DELETE", f"{zone.certificates}/a-certificate")


def _dies(
    goal: Target, ledger: Ledger, place: Place, zone: AwsZone | GcpZone, folder: Path
) -> None:
    """A run that ends between its first call and its first apply."""
    run: Identity = identity.identity("me", 3600)
    inputs = run.inputs(goal.stack, dict(goal.stack.smallest))
    with runs.recorded(ledger, place, run, folder / run.run, inputs, LEASE_SECONDS) as record:
        domain = runs.domain_of(record)
        assert domain
        goal.control.certify(domain)
        if isinstance(zone, AwsZone):
            goal.control.point(domain, zone.outputs())
        else:
            body = {"name": f"{domain.host}.", "type": "A", "ttl": 60, "rrdatas": [ADDRESS]}
            assert zone.api.send("POST", f"{zone.zones}/a-zone/rrsets", body).ok
    shutil.rmtree(folder / run.run, ignore_errors=True)


def test_zone_that_cannot_be_used_is_named(local: Local, tmp_path: Path) -> None:
    place = replace(local.place(), zone="another.example.com")
    ledger = Ledger(Folder(tmp_path / "ledger"))
    with runs.recorded(ledger, place, identity.identity("me", 3600), tmp_path, {}) as record:
        domain = runs.domain_of(record)
        assert domain
        with pytest.raises(ZoneError, match=r"has no public .* another\.example\.com"):
            local.target().control.certify(domain)


__all__ = [
    "test_run_has_a_name_in_the_zone_until_it_ends",
    "test_zone_that_cannot_be_used_is_named",
]
