"""Environment: each container has the variables it needs, once, and no others."""

from __future__ import annotations

import functools
import hashlib
import ipaddress
import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.harness.contracts.base import Contract, Outcome, Subject, equal, judged
from tests.harness.inputs.domains import normal
from tests.harness.plan.containers import Container, addresses, containers
from tests.harness.plan.view import UNKNOWN

SERVERS = ("gateway", "backend")


@dataclass(frozen=True, slots=True)
class State:
    """What the inputs request, in one vocabulary for both clouds."""

    database: bool
    reader: bool
    own_database: bool
    redis: bool
    own_redis: bool
    request_logs: bool
    public_url: bool
    license: bool
    ui_password: bool
    otel: bool
    otel_headers: bool

    @property
    def any_database(self) -> bool:
        """Whether there is a database, of the stack or of the caller."""
        return self.database or self.own_database


def _has_public_url(subject: Subject) -> bool:
    """Whether the host name of the stack is known.

    The certificate of an ALB covers another name than that of the ALB.
    """
    if subject.stack.name == "gcp" or subject.value("alb_domain_name", ""):
        return True
    tls = subject.value("enable_tls", None)
    return not (bool(subject.value("acm_certificate_arn", "")) if tls is None else tls)


def state_of(subject: Subject) -> State:
    """The state that the inputs of a subject request; omitted inputs have their defaults."""
    value = subject.value
    database, redis = value("create_database", True), value("create_redis", True)
    headers = value("otel_headers_secret_arn", "") or value("otel_headers_secret", "")
    return State(
        database=database,
        reader=database and value("create_read_replica", True),
        own_database=not database and bool(value("database_url", "")),
        redis=redis,
        own_redis=not redis and bool(value("redis_url", "")),
        request_logs=value("store_request_logs", False),
        public_url=_has_public_url(subject),
        license=bool(value("litellm_license", "")),
        ui_password=bool(value("ui_password", "")),
        otel=bool(value("otel_endpoint", "")),
        otel_headers=bool(value("otel_endpoint", "") and headers),
    )


# Variables by cloud, with their components and their condition. "both" applies to both clouds.
_When = Callable[[State], bool]


def _always(_state: State) -> bool:
    return True


_PLAIN: Mapping[str, tuple[tuple[str, tuple[str, ...], _When, str], ...]] = {
    "both": (
        ("mode", (*SERVERS, "migrations"), _always, "LITELLM_MODE"),
        ("servers", SERVERS, _always, "DISABLE_SCHEMA_UPDATE FORWARDED_ALLOW_IPS SECRET_VERSIONS"),
        (
            "database",
            (*SERVERS, "migrations"),
            lambda s: s.database,
            "DATABASE_HOST DATABASE_PORT DATABASE_USER DATABASE_USERNAME DATABASE_NAME "
            "DATABASE_SSLMODE",
        ),
        (
            "reader",
            SERVERS,
            lambda s: s.reader,
            "DATABASE_HOST_READ_REPLICA DATABASE_PORT_READ_REPLICA",
        ),
        ("redis", SERVERS, lambda s: s.redis, "REDIS_HOST REDIS_PORT REDIS_SSL"),
        ("config", SERVERS, _always, "CONFIG_FILE_PATH PROXY_CONFIG_HASH"),
        ("models", SERVERS, lambda s: s.any_database, "STORE_MODEL_IN_DB"),
        ("url", SERVERS, lambda s: s.public_url, "PROXY_BASE_URL"),
        (
            "otel",
            SERVERS,
            lambda s: s.otel,
            "LITELLM_OTEL_V2 OTEL_EXPORTER OTEL_ENDPOINT OTEL_ENVIRONMENT_NAME OTEL_SERVICE_NAME "
            "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT",
        ),
    ),
    "aws": (
        ("region", (*SERVERS, "migrations"), _always, "AWS_REGION AWS_REGION_NAME"),
        ("bucket", SERVERS, lambda s: s.request_logs, "S3_BUCKET_NAME S3_REGION_NAME"),
        ("keepalive", SERVERS, _always, "AIOHTTP_SO_KEEPALIVE"),
        ("iam", (*SERVERS, "migrations"), lambda s: s.database, "IAM_TOKEN_DB_AUTH"),
        (
            "config",
            SERVERS,
            _always,
            "LITELLM_PROXY_CONFIG_S3_BUCKET LITELLM_PROXY_CONFIG_S3_KEY",
        ),
        (
            "bootstrap",
            ("bootstrap",),
            lambda s: s.database,
            "PGHOST PGPORT PGUSER PGDATABASE PGSSLMODE PGCONNECT_TIMEOUT BOOTSTRAP_SQL",
        ),
    ),
    "gcp": (
        ("bucket", SERVERS, lambda s: s.request_logs, "GCS_BUCKET_NAME"),
        (
            "redis",
            SERVERS,
            lambda s: s.redis,
            "REDIS_SSL_CA_CERTS REDIS_SSL_CHECK_HOSTNAME REDIS_CA_PEM_B64",
        ),
    ),
}
_SECRET: Mapping[str, tuple[tuple[str, tuple[str, ...], _When, str], ...]] = {
    "both": (
        ("key", SERVERS, _always, "LITELLM_MASTER_KEY LITELLM_SALT_KEY"),
        ("license", SERVERS, lambda s: s.license, "LITELLM_LICENSE"),
        ("password", ("backend",), lambda s: s.ui_password, "UI_PASSWORD"),
        ("database", (*SERVERS, "migrations"), lambda s: s.own_database, "DATABASE_URL"),
        ("redis", SERVERS, lambda s: s.own_redis, "REDIS_URL"),
        ("otel", SERVERS, lambda s: s.otel_headers, "OTEL_HEADERS"),
    ),
    "aws": (("bootstrap", ("bootstrap",), lambda s: s.database, "PGPASSWORD"),),
    "gcp": (("password", (*SERVERS, "migrations"), lambda s: s.database, "DATABASE_PASSWORD"),),
}


def _names(
    table: Mapping[str, Any], subject: Subject, component: str, only: str | None = None
) -> set[str]:
    state = state_of(subject)
    return {
        name
        for cloud in ("both", subject.stack.name)
        for group, components, when, names in table[cloud]
        if component in components and when(state) and only in (None, group)
        for name in names.split()
    }


# The variables of the backend that a job needs to reach other hosts.
_NETWORK = frozenset(
    {
        "http_proxy",
        "https_proxy",
        "all_proxy",
        "no_proxy",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "NO_PROXY",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "REQUESTS_CA_BUNDLE",
        "CURL_CA_BUNDLE",
        "AWS_CA_BUNDLE",
        "NODE_EXTRA_CA_CERTS",
        "DATABASE_SSLMODE",
        "DATABASE_SSLROOTCERT",
    }
)


def _extras(subject: Subject, component: str) -> tuple[dict[str, str], dict[str, str]]:
    if component not in SERVERS:
        given = {} if component == "ui" else subject.value("backend_extra_env", {})
        return {n: v for n, v in given.items() if n in _NETWORK}, {}
    secret = subject.value(f"{component}_extra_secrets", {})
    plain = subject.value(f"{component}_extra_env", {})
    return {n: v for n, v in plain.items() if n not in secret}, secret


def _otel(subject: Subject, component: str) -> dict[str, str]:
    """The OpenTelemetry variables with their values, before the extras."""
    value = subject.value
    if not value("otel_endpoint", ""):
        return {}
    return {
        "LITELLM_OTEL_V2": "true",
        "OTEL_EXPORTER": value("otel_exporter", "otlp_http"),
        "OTEL_ENDPOINT": value("otel_endpoint"),
        "OTEL_ENVIRONMENT_NAME": value("otel_environment_name", "") or subject.inputs["env"],
        "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": value(
            "otel_capture_message_content", "no_content"
        ),
        "OTEL_SERVICE_NAME": (
            f"{subject.inputs['tenant']}-litellm-{subject.inputs['env']}-{component}"
        ),
    }


def _kinds(subject: Subject, component: str, container: Container) -> Iterator[Outcome]:
    names = [name for name, _, _ in container.entries]
    twice = sorted({name for name in names if names.count(name) > 1})
    yield judged("once", component, names, not twice, f"{twice} occur more than once")
    plain = {name for name, _, secret in container.entries if secret is None}
    secret = {name for name, _, secret in container.entries if secret is not None}
    both = sorted(plain & secret)
    yield judged("one-kind", component, names, not both, f"{both} are plain and secret")
    extra_plain, extra_secret = _extras(subject, component)
    extras = {*extra_plain, *extra_secret}
    expected = (_names(_PLAIN, subject, component) - extras) | set(extra_plain)
    yield equal("plain", component, sorted(plain), sorted(expected))
    expected = (_names(_SECRET, subject, component) - extras) | set(extra_secret)
    yield equal("secret", component, sorted(secret), sorted(expected))


def _values(subject: Subject, component: str, container: Container) -> Iterator[Outcome]:
    plain = {name: value for name, value, secret in container.entries if secret is None}
    secrets = {name: secret for name, _, secret in container.entries if secret is not None}
    extra_plain, extra_secret = _extras(subject, component)
    for name, value in extra_plain.items():
        yield equal("extras", f"{component} {name}", plain.get(name), normal(value))
    for name, value in extra_secret.items():
        own = f"projects/{subject.inputs.get('project')}/secrets/"
        yield equal("extras", f"{component} {name}", secrets.get(name), value.removeprefix(own))
    for name, value in _otel(subject, component).items() if component in SERVERS else ():
        if name not in extra_plain and name not in extra_secret:
            yield equal("otel", f"{component} {name}", plain.get(name), normal(value))
    fixed: dict[str, Any] = (
        {"LITELLM_MODE": "PRODUCTION"} if component in (*SERVERS, "migrations") else {}
    )
    if component in SERVERS:
        fixed |= {"DISABLE_SCHEMA_UPDATE": "true", "SECRET_VERSIONS": _secret_versions(subject)}
        fixed |= {"STORE_MODEL_IN_DB": "true"} if state_of(subject).any_database else {}
        fixed |= {"PROXY_BASE_URL": _url(subject)} if state_of(subject).public_url else {}
        fixed |= {"FORWARDED_ALLOW_IPS": _trusted(subject)}
    for name, value in fixed.items():
        if name not in extra_plain and name not in extra_secret:
            yield equal("fixed", f"{component} {name}", plain.get(name), value)


def _url(subject: Subject) -> Any:
    """The URL of the stack, as its output has it."""
    name = {"aws": "alb_url", "gcp": "lb_url"}[subject.stack.name]
    return subject.plan.outputs.get(name, UNKNOWN)


# The private ranges (RFC 1918, RFC 6598), of which a VPC has its addresses.
_PRIVATE = "10.0.0.0/8,100.64.0.0/10,172.16.0.0/12,192.168.0.0/16"
# The zones a to j, of which each has a range for its public subnet.
_ZONES = 10
# The range of the peer of a Cloud Run container (RFC 3927).
_LINK_LOCAL = "169.254.0.0/16"


def _trusted(subject: Subject) -> Any:
    """The addresses of the load balancer: a server trusts their headers."""
    plan = subject.plan
    if subject.stack.name == "gcp":
        address = plan.resources["google_compute_global_address.lb"].values["address"]
        return UNKNOWN if address is UNKNOWN else f"{address},{_LINK_LOCAL}"
    if not any(resource.name == "public" for resource in plan.of_type("aws_subnet").values()):
        return _PRIVATE
    network = ipaddress.ip_network(subject.value("vpc_cidr", "10.40.0.0/16"))
    ranges = network.subnets(prefixlen_diff=8)
    return ",".join(str(found) for found in itertools.islice(ranges, _ZONES))


def _secret_versions(subject: Subject) -> str:
    """The version of each secret of the stack that can change, as the environment has it."""
    given, common = subject.value("provided_credentials", []), subject.value("secrets_version", 1)
    state = state_of(subject)
    versions = {"master_key": common + 1 if "litellm_master_key" in given else 1}
    if subject.stack.name == "gcp" and state.database:
        versions["db_password"] = subject.value("db_password_version", 1)
    stored = {
        "license": state.license,
        "ui_password": state.ui_password,
        "database_url": state.own_database,
        "redis_url": state.own_redis,
    }
    versions |= {name: common for name, there in stored.items() if there}
    return ",".join(f"{name}={version}" for name, version in sorted(versions.items()))


def expected_config(subject: Subject) -> dict[str, Any]:
    """The configuration file: proxy_config, with the settings of the module that it lacks."""
    state, given = state_of(subject), subject.value("proxy_config", {})
    redis: dict[str, Any] = {}
    if state.redis:
        redis = {"host": "os.environ/REDIS_HOST", "port": "os.environ/REDIS_PORT"}
    if state.own_redis:
        redis = {"url": "os.environ/REDIS_URL"}
    general: Any = {"trusted_proxy_ranges": []}
    general |= {"coordination_redis": redis} if redis else {}
    settings = given.get("general_settings") if "general_settings" in given else {}
    general = (
        {**general, **(settings or {})}
        if settings is None or isinstance(settings, dict)
        else settings
    )
    config = {**given, "general_settings": general}
    if not state.request_logs:
        return config
    settings = given.get("litellm_settings") or {}
    settings = settings if isinstance(settings, dict) else {}
    logger = {"aws": "s3_v2", "gcp": "gcs_bucket"}[subject.stack.name]
    ours: dict[str, Any] = {}
    if subject.stack.name == "aws":
        bucket = {
            "s3_bucket_name": "os.environ/S3_BUCKET_NAME",
            "s3_region_name": "os.environ/S3_REGION_NAME",
            "s3_path": "request-logs",
        }
        ours = {"cold_storage_custom_logger": logger}
        params = settings.get("s3_callback_params")
        given = params if isinstance(params, dict) else {}
        settings = {**settings, "s3_callback_params": {**bucket, **given}}
    listed = settings.get("callbacks") or []
    callbacks = [*(listed if isinstance(listed, list) else [listed]), logger]
    merged = {**ours, **settings, "callbacks": list(dict.fromkeys(callbacks))}
    return {**config, "litellm_settings": merged}


def _config(subject: Subject, component: str, container: Container) -> Iterator[Outcome]:
    contents = {
        Path(r.values.get("key") or r.values["name"]).name: r.values["content"]
        for r in subject.plan.resources.values()
        if r.type in ("aws_s3_object", "google_storage_bucket_object")
    }
    name = {"aws": "litellm-config.yaml", "gcp": "config.yaml"}[subject.stack.name]
    config, files = contents.pop(name), subject.value("proxy_config_files", {})
    yield equal("config", f"{component}: content", _parsed(config), expected_config(subject))
    expected = {Path(path).name: content for path, content in files.items()}
    yield equal("config", f"{component}: files", contents, expected)
    extra_plain, extra_secret = _extras(subject, component)
    plain = {name: value for name, value, secret in container.entries if secret is None}
    if "PROXY_CONFIG_HASH" not in {*extra_plain, *extra_secret}:
        digest = _hash(config, files)
        yield equal("config-hash", component, plain.get("PROXY_CONFIG_HASH"), digest)


@functools.lru_cache(maxsize=64)
def _parsed(text: str) -> Any:
    """The document of a YAML text; the containers of a plan have the same one."""
    return yaml.load(text, Loader=yaml.CSafeLoader)


def _hash(config: str, files: Mapping[str, str]) -> str:
    """SHA-256 of the files as jsonencode writes them: without spaces, with <, > and & escaped."""
    text = json.dumps(
        [config, dict(sorted(files.items()))], separators=(",", ":"), ensure_ascii=False
    )
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return hashlib.sha256(text.encode()).hexdigest()


def _command(subject: Subject, component: str, container: Container) -> Iterator[Outcome]:
    command = " ".join(container.command)
    workers = f"--workers {subject.value('gateway_num_workers', 1)}"
    if component == "gateway":
        right = f"{workers} " in f"{command} "
        yield judged("workers", component, command, right, f"no {workers} in {command!r}")
    else:
        right = "--workers" not in command
        yield judged("workers", component, command, right, f"--workers in {command!r}")


def check(subject: Subject) -> Iterator[Outcome]:
    """Check the variables, secrets and command of each container."""
    components = addresses(subject.plan)
    unknown = {
        component
        for component, address in components.items()
        if subject.plan.resources[address].values.get("container_definitions") is UNKNOWN
    }
    if unknown:
        for component in sorted(unknown):
            for clause in CLAUSES:
                yield Outcome(clause, component, "unknown", "the definition is known after apply")
        return
    state = state_of(subject)
    jobs = {"migrations"} if state.any_database else set()
    if subject.stack.name == "aws" and state.database:
        jobs.add("bootstrap")
    yield equal("plain", "components", sorted(components), sorted({*SERVERS, "ui", *jobs}))
    for component, container in containers(subject.plan).items():
        yield from _kinds(subject, component, container)
        yield from _values(subject, component, container)
        yield from _command(subject, component, container)
        if component in SERVERS:
            yield from _config(subject, component, container)
        if component == "ui":
            yield equal("ui", component, container.entries, ())


CLAUSES = {
    "once": "no container has a variable twice",
    "one-kind": "no variable is both plain and secret",
    "plain": "each component has the plain variables it needs and no other",
    "secret": "each component has the secret variables it needs and no other",
    "extras": "an extra variable or secret overrides the default of its name",
    "otel": "the OpenTelemetry variables are complete or absent",
    "fixed": "the fixed variables of every server have their values",
    "config": "the file holds proxy_config with the settings of the module, beside its files",
    "config-hash": "the environment has the hash of the files",
    "workers": "the gateway's command has --workers, no other command has",
    "ui": "the UI has no variable",
}
CONTRACT = Contract(
    name="environment",
    claim="each container has the variables it needs, once, and no others",
    clauses=CLAUSES,
    check=check,
)
