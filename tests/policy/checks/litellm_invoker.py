"""Everyone may invoke a service only if the service has internal ingress."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from checkov.common.models.enums import CheckResult
from litellm_reading import Check, answer, at, body, judge, late, many, on

_EVERYONE = {"allUsers", "allAuthenticatedUsers"}
_SERVICE = "google_cloud_run_v2_service"


class Invoker(Check):
    def __init__(self) -> None:
        super().__init__(
            2,
            "Ensure allUsers may only invoke a service, and only one with internal ingress",
            (
                _SERVICE,
                f"{_SERVICE}_iam_member",
                f"{_SERVICE}_iam_binding",
                "google_cloud_run_service_iam_member",
                "google_cloud_run_service_iam_binding",
            ),
        )

    def answers(self, conf: dict[str, Any]) -> Iterator[CheckResult]:
        if "template" in conf:
            yield from self._unchecked(conf)
            return
        self.evaluated_keys = ["member", "members", "role", "name", "service"]
        members = [*many(at(conf, "member")), *many(at(conf, "members"))]
        if not _EVERYONE & {str(member) for member in members}:
            yield judge(members, lambda _: True)
            return
        yield judge(at(conf, "role"), lambda role: role == "roles/run.invoker")
        services = [body(node) for node in self.linked(conf, _SERVICE)]
        name = at(conf, "name") or at(conf, "service")
        if not services and late(name):
            yield CheckResult.UNKNOWN
        elif not services:
            services = [s for s in self.others(conf, [_SERVICE]) if at(s, "name") == name]
            # A service that is not in this plan may accept all traffic.
            yield answer(bool(services))
        for service in services:
            yield self._internal(service)

    def _unchecked(self, conf: dict[str, Any]) -> Iterator[CheckResult]:
        """A service that does not check the invoker admits everyone."""
        self.evaluated_keys = ["invoker_iam_disabled", "ingress"]
        if on(at(conf, "invoker_iam_disabled")):
            yield self._internal(conf)

    def _internal(self, service: dict[str, Any]) -> CheckResult:
        # By default, a service accepts all traffic.
        return judge(
            at(service, "ingress") or "INGRESS_TRAFFIC_ALL",
            lambda ingress: ingress != "INGRESS_TRAFFIC_ALL",
        )


check = Invoker()
