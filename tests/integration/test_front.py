"""The front of a database: TLS, and the tokens that RDS accepts and refuses."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
import trustme

from tests.harness.emulators.aws import cloud
from tests.harness.emulators.aws.data_plane.sign_in import SignIn
from tests.harness.emulators.parts import front, postgres
from tests.harness.emulators.parts.envoy import issue_certificate
from tests.harness.process import supervisor
from tests.harness.sdk.aws import REGION, session

WORD = "a-word-of-the-test"
TRUST = {"Version": "2012-10-17", "Statement": []}
RESOURCE = "cluster-ABCDEFGHIJKL01234567890123"
ALLOWED = f"arn:aws:rds-db:{REGION}:123456789012:dbuser:{RESOURCE}/app"


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster behind a front, and the role of a task."""

    port: int
    sign_in: SignIn
    role: str
    authority: trustme.CA

    def allow(self, resource: str) -> None:
        """Give the role its policy."""
        statement = {"Effect": "Allow", "Action": "rds-db:connect", "Resource": resource}
        self.sign_in.cloud.client("iam").put_role_policy(
            RoleName=self.role.rpartition("/")[2],
            PolicyName="database",
            PolicyDocument=json.dumps({"Statement": [statement]}),
        )

    def token(self, user: str = "app", **other: object) -> str:
        """A token as boto3 makes it, with the credentials of the role."""
        made = self.sign_in.credentials(self.role)
        key, secret = made["AWS_ACCESS_KEY_ID"], made["AWS_SECRET_ACCESS_KEY"]
        rds = session(key, str(other.get("region", REGION)), secret).client("rds")
        port = int(str(other.get("port", self.port)))
        return str(rds.generate_db_auth_token("127.0.0.1", port, user))

    def connect(self, user: str, password: str, mode: str = "require", **options: str) -> str:
        """The user of a connection through the front."""
        with psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            dbname="litellm",
            user=user,
            password=password,
            sslmode=mode,
            connect_timeout=5,
            **options,  # type: ignore[arg-type]
        ) as connection:
            row = connection.execute("SELECT current_user").fetchone()
        return str(row and row[0])


def changed(token: str) -> str:
    """A token with another last digit of its signature."""
    return token[:-1] + ("1" if token.endswith("0") else "0")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    authority = trustme.CA()
    with front.running() as fronts, supervisor.supervising() as owner:
        aws, server = cloud.start(owner), postgres.start(owner)
        postgres.create_aurora_cluster(server, "postgres", WORD, "litellm")
        with server.connect() as connection:
            connection.execute("CREATE ROLE app LOGIN IN ROLE rds_iam")
            connection.execute(f"CREATE ROLE forgotten LOGIN PASSWORD '{WORD}'")
        sign_in, certificate = SignIn(aws), issue_certificate(authority, "127.0.0.1")
        _, port = sign_in.open(fronts, certificate, server, RESOURCE)
        role = aws.client("iam").create_role(
            RoleName="gateway", AssumeRolePolicyDocument=json.dumps(TRUST)
        )["Role"]
        started = Cluster(port, sign_in, role["Arn"], authority)
        started.allow(ALLOWED)
        yield started


def test_token_of_boto3_signs_in(cluster: Cluster) -> None:
    assert cluster.connect("app", cluster.token()) == "app"


def test_master_user_keeps_its_password(cluster: Cluster) -> None:
    assert cluster.connect("postgres", WORD) == "postgres"
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        cluster.connect("postgres", "another-word")


def test_certificate_is_verified_by_its_authority(cluster: Cluster, tmp_path: object) -> None:
    file = f"{tmp_path}/authority.pem"
    cluster.authority.cert_pem.write_to_path(file)
    assert cluster.connect("postgres", WORD, "verify-full", sslrootcert=file) == "postgres"


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        (lambda _: WORD, "no token that a task signed"),
        (lambda c: c.token(port=1), "the signature does not match"),
        (lambda c: changed(c.token()), "the signature does not match"),
        (lambda c: c.token(user="other"), "the token is for connect as other"),
        (lambda c: c.token(region="us-east-1"), "the token is for"),
    ],
    ids=["password", "other-host", "changed", "other-user", "other-region"],
)
def test_wrong_token_is_refused(
    cluster: Cluster, password: Callable[[Cluster], str], reason: str
) -> None:
    with pytest.raises(psycopg.OperationalError, match="PAM authentication failed") as refused:
        cluster.connect("app", password(cluster))
    assert reason in str(refused.value)


def test_expired_token_is_refused(cluster: Cluster) -> None:
    token, host = cluster.token(), f"127.0.0.1:{cluster.port}"

    def after(minutes: int) -> str:
        later = datetime.now(UTC) + timedelta(minutes=minutes)
        return cluster.sign_in.refusal(host, RESOURCE, "app", token, later) or ""

    assert after(14) == ""
    assert "has expired" in after(16)


@pytest.mark.parametrize("allowed", ["other/app", f"{RESOURCE}/other"])
def test_policy_for_another_user_or_cluster_is_refused(cluster: Cluster, allowed: str) -> None:
    cluster.allow(ALLOWED.replace(f"{RESOURCE}/app", allowed))
    try:
        with pytest.raises(psycopg.OperationalError, match="allows rds-db:connect"):
            cluster.connect("app", cluster.token())
    finally:
        cluster.allow(ALLOWED)


def test_user_outside_of_rds_iam_needs_its_password(cluster: Cluster) -> None:
    # The bootstrap without GRANT rds_iam leaves such a user.
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        cluster.connect("forgotten", cluster.token(user="forgotten"))


def test_front_closes_with_its_database() -> None:
    with front.running() as fronts, supervisor.supervising() as owner:
        server = postgres.start(owner)
        host, port = postgres.own_address()
        certificate = issue_certificate(trustme.CA(), host)
        fronts.open(host, port, certificate, front.Upstream(server.host, server.port))
        options = f"host={host} port={port} user=admin password={server.password} dbname=postgres"
        psycopg.connect(options).close()
        fronts.close(host, port)
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(options)
