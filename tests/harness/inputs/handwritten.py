"""The valid inputs of both stacks: derived from the rules, or handwritten.

A strategy is handwritten if none can be derived from the rules of the input, or if random values
would rarely be interesting. Interesting values are the name of a default, a length at its limit,
and a secret that a search finds.
"""

from __future__ import annotations

import functools
import string
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.harness.hcl.expressions import evaluate
from tests.harness.hcl.functions import pattern
from tests.harness.inputs import rules
from tests.harness.inputs.domains import normal
from tests.harness.inputs.legal import Handwritten, Space, Values
from tests.harness.stacks import CREDENTIALS, STACKS

_LOWER = string.ascii_lowercase
_WORD = string.ascii_lowercase + string.digits

# Variables that a container has by default, or that a cloud sets. An extra variable of the same
# name must replace it or be refused. No container may have the name twice.
_RESERVED_NAMES = (
    "AWS_REGION",
    "CONFIG_FILE_PATH",
    "DATABASE_HOST",
    "DATABASE_PASSWORD",
    "DATABASE_URL",
    "DISABLE_SCHEMA_UPDATE",
    "FORWARDED_ALLOW_IPS",
    "IAM_TOKEN_DB_AUTH",
    "LITELLM_LICENSE",
    "LITELLM_MASTER_KEY",
    "OTEL_ENDPOINT",
    "OTEL_EXPORTER",
    "OTEL_HEADERS",
    "OTEL_SERVICE_NAME",
    "PROXY_CONFIG_HASH",
    "REDIS_HOST",
    "REDIS_URL",
    "SECRET_VERSIONS",
    "STORE_MODEL_IN_DB",
    "UI_PASSWORD",
)


def _rarely(rare: SearchStrategy[Any], common: SearchStrategy[Any]) -> SearchStrategy[Any]:
    """One draw in eight is rare, because the largest values make a plan several times as large."""
    return st.integers(0, 7).flatmap(lambda n: rare if n == 7 else common)


def words(least: int, most: int, alphabet: str = _WORD) -> SearchStrategy[str]:
    """Draw text of ``least`` to ``most`` characters."""
    return st.text(st.sampled_from(alphabet), min_size=least, max_size=most)


def _label(most: int) -> SearchStrategy[str]:
    """Names of a letter and hyphenated words, many of the maximum length."""
    parts = st.lists(words(1, most), min_size=1, max_size=4).map("-".join)
    short = st.tuples(st.sampled_from(_LOWER), parts).map("".join).map(lambda v: v[:most])
    longest = st.tuples(st.sampled_from(_LOWER), words(most - 1, most - 1)).map("".join)
    return st.one_of(short, longest, st.sampled_from(_LOWER)).map(lambda v: v.rstrip("-"))


def _tenants(_inputs: Values) -> SearchStrategy[str]:
    return st.one_of(
        _label(21), st.sampled_from(["litellm", "a-litellm", "a-litellm-b", "internal"])
    )


def _envs(_inputs: Values) -> SearchStrategy[str]:
    return st.one_of(_label(9), st.sampled_from(["litellm", "b-litellm", "prod", "dev-2"]))


def _declared(_inputs: Values) -> SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(CREDENTIALS), unique=True, max_size=len(CREDENTIALS))


def _declared_and(name: str, switch: str) -> tuple[frozenset[str], Any]:
    """A URL is given only if the module does not create the store."""

    def is_open(inputs: Values) -> bool:
        return not (inputs[switch] and name in inputs["provided_credentials"])

    return frozenset({"provided_credentials", switch}), is_open


def _given(name: str, values: SearchStrategy[str]) -> Handwritten:
    """A value if ``provided_credentials`` lists the input, else an empty string."""
    return lambda inputs: values if name in inputs["provided_credentials"] else st.just("")


def _credential(name: str, prefix: str) -> Handwritten:
    # Long enough that a search in a plan finds only the credential.
    return _given(name, words(16, 24).map(lambda end: f"{prefix}{end}"))


def _url(name: str, scheme: str, port: int) -> Handwritten:
    """Connection URLs with a password."""
    key = words(16, 24)
    return _given(name, key.map(lambda key: f"{scheme}://:{key}@store.example.com:{port}/0"))


_ENV_NAMES = st.one_of(
    st.sampled_from(_RESERVED_NAMES),
    st.text(st.sampled_from(string.ascii_letters + "_"), min_size=1, max_size=12),
)
_TEXTS = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cf", "Cs", "Cn", "Co")), max_size=30
).map(normal)


def _extra_env(_inputs: Values) -> SearchStrategy[dict[str, str]]:
    return st.dictionaries(_ENV_NAMES, _TEXTS, max_size=6)


_SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-(2**53), 2**53), _TEXTS)


def _configurations(_inputs: Values) -> SearchStrategy[dict[str, Any]]:
    """Any JSON object, with keys of LiteLLM and other keys."""
    names = st.one_of(
        st.sampled_from(["model_list", "litellm_settings", "general_settings"]), _TEXTS
    )
    values = st.recursive(
        _SCALARS,
        lambda inner: st.one_of(
            st.lists(inner, max_size=3), st.dictionaries(_TEXTS, inner, max_size=3)
        ),
        max_leaves=8,
    )
    return st.dictionaries(names, values, max_size=4)


def _files(_inputs: Values) -> SearchStrategy[dict[str, str]]:
    names = st.sampled_from(["billing.py", "hooks/guard.py", "prices.json"])
    return st.dictionaries(names, _TEXTS, max_size=2)


def _networks(shortest: int, longest: int) -> Handwritten:
    def ranges(_inputs: Values) -> SearchStrategy[str]:
        def cidr(length: int, number: int) -> str:
            address = (number >> (32 - length)) << (32 - length)
            return ".".join(str(address >> s & 255) for s in (24, 16, 8, 0)) + f"/{length}"

        numbers = st.integers(10 << 24, (11 << 24) - 1)
        return st.builds(cidr, st.integers(shortest, longest), numbers)

    return ranges


def _extra_paths(_inputs: Values) -> SearchStrategy[list[str]]:
    segments = st.one_of(
        words(1, 8), st.sampled_from(["v1", "chat", "models", "key", "test", "health", "ui-x"])
    )
    exact = st.lists(segments, min_size=1, max_size=3).map(lambda parts: "/" + "/".join(parts))
    paths = st.one_of(exact, exact.map(lambda path: f"{path}/*"))
    # The maximum number, all from one word: sixty draws would take longer than the plan.
    most = words(1, 8).map(lambda word: [f"/{word}{i}{'/*' if i % 2 else ''}" for i in range(60)])
    return _rarely(most, st.lists(paths, max_size=5, unique=True))


# ---- AWS ----

_ACCOUNTS = st.text(st.sampled_from(string.digits), min_size=12, max_size=12)


def _partition(region: str) -> str:
    partitions = {"us-gov-": "aws-us-gov", "eusc-": "aws-eusc"}
    found = (name for prefix, name in partitions.items() if region.startswith(prefix))
    return next(found, "aws")


def _zones(inputs: Values) -> SearchStrategy[list[str]]:
    letters = st.lists(st.sampled_from("abcdefghij"), min_size=2, max_size=10, unique=True)
    zones = letters.map(lambda ends: [f"{inputs['region']}{end}" for end in ends])
    return zones if not inputs["vpc_id"] else st.one_of(zones, st.just([]))


def _certificates(inputs: Values) -> SearchStrategy[str]:
    region = inputs["region"]
    own = st.builds(
        lambda account, key: f"arn:{_partition(region)}:acm:{region}:{account}:certificate/{key}",
        _ACCOUNTS,
        words(4, 36),
    )
    uploaded = st.builds(
        lambda account, key: f"arn:{_partition(region)}:iam::{account}:server-certificate/{key}",
        _ACCOUNTS,
        words(4, 36),
    )
    return st.one_of(own, uploaded, st.just(""))


def _keys(inputs: Values) -> SearchStrategy[str]:
    region = inputs["region"]
    key = st.builds(
        lambda account, name: f"arn:{_partition(region)}:kms:{region}:{account}:key/{name}",
        _ACCOUNTS,
        words(4, 36),
    )
    return st.one_of(key, st.just(""))


def _web_acls(inputs: Values) -> SearchStrategy[str]:
    region = inputs["region"]
    acl = st.builds(
        lambda account, name: (
            f"arn:{_partition(region)}:wafv2:{region}:{account}:regional/webacl/{name}/0a1b"
        ),
        _ACCOUNTS,
        words(1, 12),
    )
    return st.one_of(acl, st.just(""))


def _tags(_inputs: Values) -> SearchStrategy[dict[str, str]]:
    letters = st.characters(
        codec="utf-8", categories=("L", "N", "Zs"), include_characters="_.:/=+@-"
    )
    keys = st.one_of(
        st.text(letters, min_size=1, max_size=20).map(normal),
        st.sampled_from(["Name", "managed-by", "litellm:stack", "cost-center", "k" * 128]),
    )
    values = st.one_of(st.text(letters, max_size=20).map(normal), st.just("v" * 256))
    most = words(1, 6).map(lambda word: {f"{word}{i}": word for i in range(45)})
    return _rarely(most, st.dictionaries(keys, values, max_size=5))


def _secret_arns(inputs: Values) -> SearchStrategy[str]:
    region = inputs["region"]
    partition = _partition(region)
    secret = st.builds(
        lambda account, name, end: (
            f"arn:{partition}:secretsmanager:{region}:{account}:secret:{name}-AbCdEf{end}"
        ),
        _ACCOUNTS,
        words(1, 12),
        st.sampled_from(["", ":key::", ":key:AWSCURRENT:", "::AWSPREVIOUS:", ":::"]),
    )
    parameter = st.builds(
        lambda account, name: f"arn:{partition}:ssm:{region}:{account}:parameter/{name}",
        _ACCOUNTS,
        words(1, 12),
    )
    return st.one_of(secret, parameter)


def _extra_arns(inputs: Values) -> SearchStrategy[dict[str, str]]:
    return st.dictionaries(_ENV_NAMES, _secret_arns(inputs), max_size=5)


_SHARED: Mapping[str, Handwritten] = {
    "tenant": _tenants,
    "env": _envs,
    "provided_credentials": _declared,
    "litellm_master_key": _credential("litellm_master_key", "sk-"),
    "litellm_salt_key": _credential("litellm_salt_key", "sk-"),
    "litellm_license": _credential("litellm_license", "licence-"),
    "ui_password": _credential("ui_password", "password-"),
    "database_url": _url("database_url", "postgresql", 5432),
    "redis_url": _url("redis_url", "rediss", 6379),
    "extra_gateway_paths": _extra_paths,
    "proxy_config": _configurations,
    "proxy_config_files": _files,
    "gateway_extra_env": _extra_env,
    "backend_extra_env": _extra_env,
}

_AWS: Mapping[str, Handwritten] = {
    **_SHARED,
    "region": lambda _inputs: st.sampled_from(
        ["us-east-1", "eu-west-1", "ap-southeast-2", "us-gov-west-1", "eusc-de-east-1"]
    ),
    "azs": _zones,
    "acm_certificate_arn": _certificates,
    "kms_key_arn": _keys,
    "waf_web_acl_arn": _web_acls,
    "tags": _tags,
    "vpc_cidr": _networks(16, 20),
    "gateway_extra_secrets": _extra_arns,
    "backend_extra_secrets": _extra_arns,
    "otel_headers_secret_arn": lambda inputs: st.one_of(_secret_arns(inputs), st.just("")),
}

# ---- Google Cloud ----


def _gcp_network(inputs: Values) -> SearchStrategy[str]:
    name = _label(63)
    prefixes = st.sampled_from(
        [
            "",
            f"projects/{inputs['project']}/global/networks/",
            "projects/123456789012/global/networks/",
            f"https://www.googleapis.com/compute/v1/projects/{inputs['project']}/global/networks/",
        ]
    )
    return st.one_of(st.tuples(prefixes, name).map("".join), st.just(""))


def _key_names(inputs: Values) -> SearchStrategy[str]:
    place = f"projects/{inputs['project']}/locations/{inputs['region']}"
    name = st.text(st.sampled_from(string.ascii_letters + "_-"), min_size=1, max_size=20)
    keys = st.builds(lambda ring, key: f"{place}/keyRings/{ring}/cryptoKeys/{key}", name, name)
    return st.one_of(keys, st.just(""))


def _labels(_inputs: Values) -> SearchStrategy[dict[str, str]]:
    inner = _WORD + "_-"
    keys = st.one_of(
        st.tuples(st.sampled_from(_LOWER), words(0, 12, inner)).map("".join),
        st.sampled_from(["managed-by", "litellm-stack", "cost-center", "k" * 63]),
    )
    values = st.one_of(words(1, 12, inner), st.just("v" * 63))
    most = words(1, 6).map(lambda word: {f"l{word}{i}": word for i in range(60)})
    return _rarely(most, st.dictionaries(keys, values, max_size=5))


def _domains(_inputs: Values) -> SearchStrategy[list[str]]:
    host = st.builds(lambda a, b: f"{a}.{b}.example.com", words(1, 10), words(1, 63))
    most = words(1, 10).map(lambda word: [f"{word}{i}.example.com" for i in range(100)])
    return _rarely(most, st.lists(host, max_size=4, unique=True))


def _memory(component: str) -> Handwritten:
    def sizes(inputs: Values) -> SearchStrategy[str]:
        cpu = str(inputs[f"{component}_cpu"]).removesuffix("000m")
        least = {"4": 2048, "6": 4096, "8": 4096}.get(cpu, 512)
        return st.one_of(
            st.integers(least, 32768).map(lambda mib: f"{mib}Mi"),
            st.integers(-(-least // 1024), 32).map(lambda gib: f"{gib}Gi"),
        )

    return sizes


def _projects(_inputs: Values) -> SearchStrategy[str]:
    inner = st.text(st.sampled_from(_WORD + "-"), min_size=4, max_size=28)
    ids = st.builds(
        lambda a, b, c: a + b + c, st.sampled_from(_LOWER), inner, st.sampled_from(_WORD)
    )
    return st.one_of(ids, st.sampled_from(["acme-prod-1", "google-like-1", "a" * 30, "a----b"]))


def _registries(_inputs: Values) -> SearchStrategy[str]:
    return st.sampled_from(
        [
            "ghcr.io/berriai",
            "us-central1-docker.pkg.dev/acme-prod-1/litellm/berriai",
            "docker.io/acme",
            "eu.gcr.io/acme-prod-1",
        ]
    )


def _image(inputs: Values) -> SearchStrategy[str]:
    mirrored = st.builds(
        lambda registry, name, end: f"{registry}/{name}{end}",
        st.sampled_from(
            ["docker.pkg.dev/a", "europe-docker.pkg.dev/p/r", "gcr.io/p", "docker.io/a"]
        ),
        words(1, 10),
        st.sampled_from(["", ":v1.86.0-dev", "@sha256:" + "0a" * 32]),
    )
    proxied = words(1, 10).map(lambda name: f"ghcr.io/acme/{name}:v1")
    return st.one_of(mirrored, proxied, st.just(""))


def _secret_ids(inputs: Values) -> SearchStrategy[str]:
    name = st.text(st.sampled_from(string.ascii_letters + "_-"), min_size=1, max_size=20)
    owners = st.sampled_from(
        ["", f"projects/{inputs['project']}/secrets/", "projects/other-1/secrets/"]
    )
    return st.tuples(owners, name).map("".join)


def _extra_ids(inputs: Values) -> SearchStrategy[dict[str, str]]:
    return st.dictionaries(_ENV_NAMES, _secret_ids(inputs), max_size=5)


_COMPONENTS = ("gateway", "backend", "ui")
_GCP: Mapping[str, Handwritten] = {
    **_SHARED,
    "project": _projects,
    "kms_key_name": _key_names,
    "labels": _labels,
    "lb_domains": _domains,
    "network": _gcp_network,
    "subnet_cidr": _networks(8, 28),
    "vpc_connector_cidr": _networks(28, 28),
    "db_reader_tier": lambda inputs: st.sampled_from(["", inputs["db_tier"]]),
    "image_registry": _registries,
    **{f"{component}_image": _image for component in (*_COMPONENTS, "migrations")},
    **{f"{component}_memory": _memory(component) for component in _COMPONENTS},
    "gateway_extra_secrets": _extra_ids,
    "backend_extra_secrets": _extra_ids,
    "otel_headers_secret": lambda inputs: st.one_of(_secret_ids(inputs), st.just("")),
}


@functools.cache
def _pulled_pattern() -> Any:
    module = rules.read(STACKS["gcp"].folder)
    return pattern(evaluate(module.locals["supported_image_pattern"], module.scope({})))  # type: ignore[arg-type]


def _images(image: str) -> tuple[frozenset[str], Any]:
    """The precondition of terraform_data.images, for the image of one component."""
    reads = frozenset({image, "image_registry", "create_image_proxy"})

    def is_supported(inputs: Values) -> bool:
        image_reference = inputs[image] or inputs["image_registry"]
        proxied = bool(inputs["create_image_proxy"]) and image_reference.startswith("ghcr.io/")
        # The module adds a name and a tag to the registry. The pattern matches with and without.
        return proxied or _pulled_pattern().search(image_reference) is not None

    return reads, is_supported


_STORES = (
    _declared_and("database_url", "create_database"),
    _declared_and("redis_url", "create_redis"),
)
_CONDITIONS = (
    *_STORES,
    *(_images(f"{component}_image") for component in (*_COMPONENTS, "migrations")),
)

# The preconditions from which no strategy is derived, by owner, with what replaces each.
REPLACED_PRECONDITIONS = {
    "aws_ecs_cluster.this": "a batch has the provider in the region of its cases",
    "terraform_data.images": "the conditions on images",
}


# Pairs of switches that no valid inputs have; Terraform refuses them.
IMPOSSIBLE_PAIRS: Mapping[str, list[dict[str, Any]]] = {
    "aws": [{"enable_tls": False, "allow_plaintext_alb": False}],
    "gcp": [{"create_network": True, "create_psa_connection": False}],
}

# Tenants and environments of stacks with similar names. A part is in the tenant or in the
# environment, the environment contains the suffix of a resource, or names differ only after the
# length at which the module truncates them.
SIMILAR_NAMES = (
    ("a", "litellm-c"),
    ("a-litellm", "c"),
    ("a", "b-ui"),
    ("a", "b"),
    ("a-b", "ui"),
    ("abcdefghijklmnopqrstu", "staging12"),
    ("abcdefghijklmnopqrstu", "staging13"),
    ("abcdefghijklmnopqrstv", "staging12"),
)


@functools.cache
def space(stack: str) -> Space:
    """The valid inputs of the module of a stack in this checkout."""
    module = rules.read(STACKS[stack].folder)
    if stack == "aws":
        return Space(module, _AWS, _STORES)
    return Space(module, _GCP, _CONDITIONS)
