"""The credentials of tasks, and the sign-in to a database with a token of IAM.

A token is the URL of a signed request. RDS accepts it if the signature is right and not expired, it
names the user, and a policy of the signer's role allows ``rds-db:connect`` to the user.

Sources: RDS, IAM database authentication; AWS General Reference, Signature Version 4.
"""

from __future__ import annotations

import fnmatch
import hashlib
import hmac
import secrets
import urllib.parse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.harness.emulators.aws.cloud import Cloud
from tests.harness.emulators.aws.control_plane.service import ACCOUNT
from tests.harness.emulators.parts import postgres
from tests.harness.emulators.parts.envoy import Certificate
from tests.harness.emulators.parts.front import Fronts, Upstream
from tests.harness.process.ports import free_port
from tests.harness.sdk.aws import paged

_DATE = "%Y%m%dT%H%M%SZ"
_SERVICE = "rds-db"


@dataclass(frozen=True, slots=True)
class _Key:
    secret: str = field(repr=False)
    role: str


@dataclass(frozen=True, slots=True)
class SignIn:
    """The access keys of the tasks of an emulator, with their roles."""

    cloud: Cloud
    keys: dict[str, _Key] = field(default_factory=dict)

    def credentials(self, role: str) -> Mapping[str, str]:
        """The variables with new credentials of a role, by its ARN; empty without a role."""
        if not role:
            return {}
        # Temporary keys start with ASIA. Source: IAM, unique identifiers.
        name, secret = f"ASIA{secrets.token_hex(8).upper()}", secrets.token_urlsafe(30)
        self.keys[name] = _Key(secret, role)
        return {"AWS_ACCESS_KEY_ID": name, "AWS_SECRET_ACCESS_KEY": secret}

    def open(
        self, fronts: Fronts, certificate: Certificate, server: postgres.Server, resource: str
    ) -> tuple[str, int]:
        """Open the front of a cluster; returns its address.

        Args:
            fronts: the fronts of the emulator.
            certificate: the certificate of the front.
            server: the PostgreSQL of the cluster.
            resource: the ``DbClusterResourceId`` of the cluster.
        """
        host, port = "127.0.0.1", free_port()

        def check(user: str, token: str) -> str | None:
            return self.refusal(f"{host}:{port}", resource, user, token)

        upstream = Upstream(
            server.host, server.port, lambda user: postgres.signs_in_by_token(server, user), check
        )
        fronts.open(host, port, certificate, upstream)
        return host, port

    def refusal(
        self, host: str, resource: str, user: str, token: str, now: datetime | None = None
    ) -> str | None:
        """Why RDS refuses a token; None if it accepts it.

        Args:
            host: the host and port of the cluster.
            resource: the ``DbClusterResourceId`` of the cluster.
            user: the user that signs in.
            token: the password that the client sent.
            now: the time of the sign-in; None for the present.
        """
        url = urllib.parse.urlsplit(f"//{token}")
        query = dict(urllib.parse.parse_qsl(url.query))
        name, *scope = query.get("X-Amz-Credential", "").split("/")
        key = self.keys.get(name)
        if key is None:
            return f"the password is no token that a task signed: {name or 'no access key'}"
        signature = query.pop("X-Amz-Signature", "")
        if not hmac.compare_digest(signature, _signature(key.secret, host, scope, query)):
            return f"the signature does not match a request to {host}"
        if (query.get("Action"), query.get("DBUser")) != ("connect", user):
            return f"the token is for {query.get('Action')} as {query.get('DBUser')}"
        signed = datetime.strptime(query["X-Amz-Date"], _DATE).replace(tzinfo=UTC)
        if (now or datetime.now(UTC)) > signed + timedelta(seconds=int(query["X-Amz-Expires"])):
            return f"the token of {query['X-Amz-Date']} has expired"
        if scope[1:] != [self.cloud.region, _SERVICE, "aws4_request"]:
            return f"the token is for {'/'.join(scope[1:])}"
        arn = f"arn:aws:{_SERVICE}:{self.cloud.region}:{ACCOUNT}:dbuser:{resource}/{user}"
        if not any(_allows(s, f"{_SERVICE}:connect", arn) for s in self._statements(key.role)):
            return f"no policy of {key.role} allows {_SERVICE}:connect on {arn}"
        return None

    def _statements(self, role: str) -> Iterator[Mapping[str, Any]]:
        """The statements of the inline policies of a role."""
        iam, name = self.cloud.client("iam"), role.rpartition("/")[2]
        for policy in paged(iam, "list_role_policies", "PolicyNames", RoleName=name):
            answer = iam.get_role_policy(RoleName=name, PolicyName=policy)
            yield from _list(answer["PolicyDocument"]["Statement"])


def _signature(secret: str, host: str, scope: list[str], query: Mapping[str, str]) -> str:
    """The signature of a request without its signature, by Signature Version 4."""
    text = urllib.parse.urlencode(sorted(query.items()), quote_via=urllib.parse.quote, safe="-_.~")
    empty = hashlib.sha256().hexdigest()
    request = f"GET\n/\n{text}\nhost:{host}\n\nhost\n{empty}"
    signed = "\n".join(
        (
            "AWS4-HMAC-SHA256",
            query.get("X-Amz-Date", ""),
            "/".join(scope),
            hashlib.sha256(request.encode()).hexdigest(),
        )
    )
    key = f"AWS4{secret}".encode()
    for part in (*scope, signed):
        key = hmac.digest(key, part.encode(), "sha256")
    return key.hex()


def _allows(statement: Mapping[str, Any], action: str, resource: str) -> bool:
    return (
        statement["Effect"] == "Allow"
        and any(fnmatch.fnmatchcase(action, item) for item in _list(statement.get("Action")))
        and any(fnmatch.fnmatchcase(resource, item) for item in _list(statement.get("Resource")))
    )


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value] if value else []
