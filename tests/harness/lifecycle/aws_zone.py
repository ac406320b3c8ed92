"""The domain of a run on AWS: its certificate, and its records in a zone of Route 53.

Sources: AWS Certificate Manager User Guide, DNS validation; Route 53, alias records.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tests.harness.lifecycle.aws_inventory import Client
from tests.harness.lifecycle.target import Domain, ZoneError
from tests.harness.process.child import soon
from tests.harness.sdk.aws import paged

# ACM issues a certificate minutes after it can read the record.
_ISSUE_SECONDS = 1800
_POLL_SECONDS = 0.5
_TTL_SECONDS = 60


def certify(client: Client, domain: Domain) -> Mapping[str, Any]:
    """Request the certificate of a domain and wait until it is issued.

    Raises:
        ZoneError: there is no such zone, or the certificate is not issued in time.
    """
    zone, acm = _zone(client, domain.zone), client("acm")
    arn = _requested(acm, domain) or _request(acm, domain)

    def described() -> Mapping[str, Any]:
        answer: dict[str, Any] = acm.describe_certificate(CertificateArn=arn)["Certificate"]
        return answer

    def record() -> Mapping[str, Any]:
        (option,) = described().get("DomainValidationOptions") or [{}]
        found: Mapping[str, Any] = option.get("ResourceRecord", {})
        return found

    # ACM chooses the record after the request.
    if not soon(lambda: bool(record()), _ISSUE_SECONDS, _POLL_SECONDS):
        raise ZoneError(f"ACM names no record that validates {domain.host}")
    value = record()
    records = [{"Value": value["Value"]}]
    _write(client, zone, Name=value["Name"], Type=value["Type"], ResourceRecords=records)
    if not soon(lambda: described()["Status"] != "PENDING_VALIDATION", _ISSUE_SECONDS, 2):
        raise ZoneError(f"ACM does not issue the certificate of {domain.host}: is the zone public?")
    if (status := described()["Status"]) != "ISSUED":
        reason = described().get("FailureReason", "")
        raise ZoneError(f"the certificate of {domain.host} is {status}: {reason}")
    return {
        "alb_domain_name": domain.host,
        "acm_certificate_arn": arn,
        "allow_plaintext_alb": False,
    }


def point(client: Client, domain: Domain, outputs: Mapping[str, Any]) -> None:
    """Write the alias record of a domain, to the load balancer of the outputs.

    Raises:
        ZoneError: there is no such zone or load balancer.
    """
    name = outputs["alb_dns_name"]
    for item in paged(client("elbv2"), "describe_load_balancers", "LoadBalancers"):
        if item["DNSName"].lower() == name.lower():
            alias = {
                "HostedZoneId": item["CanonicalHostedZoneId"],
                "DNSName": name,
                "EvaluateTargetHealth": False,
            }
            zone = _zone(client, domain.zone)
            _write(client, zone, Name=domain.host, Type="A", AliasTarget=alias)
            return
    raise ZoneError(f"there is no load balancer {name}")


def drop_record(r53: Any, name: str) -> None:
    """Delete a record by its name in the inventory: the id of the zone, its name and its type."""
    zone, host, kind = name.split("/")
    start = {"StartRecordName": host, "StartRecordType": kind, "MaxItems": "1"}
    found = r53.list_resource_record_sets(HostedZoneId=zone, **start)["ResourceRecordSets"]
    for item in found:
        if (item["Name"], item["Type"]) == (host, kind):
            _change(r53, zone, "DELETE", item)


def _zone(client: Client, name: str) -> str:
    """The id of the public zone with a name."""
    for zone in paged(client("route53"), "list_hosted_zones", "HostedZones"):
        if zone["Name"] == f"{name}." and not zone.get("Config", {}).get("PrivateZone"):
            return str(zone["Id"]).rpartition("/")[2]
    raise ZoneError(f"the account has no public hosted zone {name}")


def _requested(acm: Any, domain: Domain) -> str:
    """The ARN of a certificate that was requested before; empty without one."""
    for item in paged(acm, "list_certificates", "CertificateSummaryList"):
        if item["DomainName"] == domain.host:
            return str(item["CertificateArn"])
    return ""


def _request(acm: Any, domain: Domain) -> str:
    answer = acm.request_certificate(
        DomainName=domain.host,
        ValidationMethod="DNS",
        IdempotencyToken=re.sub(r"\W", "", domain.host)[:32],
        Tags=[{"Key": key, "Value": value} for key, value in domain.tags.items()],
    )
    return str(answer["CertificateArn"])


def _write(client: Client, zone: str, **record: Any) -> None:
    if "AliasTarget" not in record:
        record["TTL"] = _TTL_SECONDS
    _change(client("route53"), zone, "UPSERT", record)


def _change(r53: Any, zone: str, action: str, record: Mapping[str, Any]) -> None:
    changes = [{"Action": action, "ResourceRecordSet": record}]
    r53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": changes})
