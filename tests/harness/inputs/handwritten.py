"""The legal inputs of both stacks: what is derived from their rules, and what is given by hand.

By hand are the inputs whose rules nothing is derived from, and those where chance would hardly meet
what matters: a name that a default has, a length at its limit, a secret that can be told apart.
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
from tests.harness.inputs.legal import ByHand, Known, Space
from tests.harness.stacks import STACKS

_LOWER = string.ascii_lowercase
_WORD = string.ascii_lowercase + string.digits

# What the containers get by default, or the clouds set: an extra of the same name must win, or be
# refused, and never stand there twice.
_TAKEN_NAMES = (
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
    "SECRETS_VERSION",
    "STORE_MODEL_IN_DB",
    "UI_PASSWORD",
)


def _rarely(rare: SearchStrategy[Any], common: SearchStrategy[Any]) -> SearchStrategy[Any]:
    """The most there may be makes a plan several times as large: one draw in eight has it."""
    return st.integers(0, 7).flatmap(lambda n: rare if n == 7 else common)


def words(least: int, most: int, alphabet: str = _WORD) -> SearchStrategy[str]:
    """Draw text of ``least`` to ``most`` characters."""
    return st.text(st.sampled_from(alphabet), min_size=least, max_size=most)


def _label(most: int) -> SearchStrategy[str]:
    """Names of a letter and hyphenated words, of any length and of the longest."""
    parts = st.lists(words(1, most), min_size=1, max_size=4).map("-".join)
    short = st.tuples(st.sampled_from(_LOWER), parts).map("".join).map(lambda v: v[:most])
    longest = st.tuples(st.sampled_from(_LOWER), words(most - 1, most - 1)).map("".join)
    return st.one_of(short, longest, st.sampled_from(_LOWER)).map(lambda v: v.rstrip("-"))


def _tenants(_known: Known) -> SearchStrategy[str]:
    return st.one_of(
        _label(21), st.sampled_from(["litellm", "a-litellm", "a-litellm-b", "internal"])
    )


def _envs(_known: Known) -> SearchStrategy[str]:
    return st.one_of(_label(9), st.sampled_from(["litellm", "b-litellm", "prod", "dev-2"]))


def _credential(prefix: str) -> ByHand:
    # Long enough that a search for it in a plan finds it and nothing else.
    return lambda _known: words(16, 24).map(lambda end: f"{prefix}{end}")


def _url(scheme: str, port: int, wanted: str) -> ByHand:
    """Connection URLs with a password in them, or none; the switch named forbids one."""

    def urls(known: Known) -> SearchStrategy[str]:
        url = words(16, 24).map(lambda key: f"{scheme}://:{key}@store.example.com:{port}/0")
        return st.just("") if known[wanted] else st.one_of(url, st.just(""))

    return urls


_ENV_NAMES = st.one_of(
    st.sampled_from(_TAKEN_NAMES),
    st.text(st.sampled_from(string.ascii_letters + "_"), min_size=1, max_size=12),
)
_TEXTS = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cf", "Cs", "Cn", "Co")), max_size=30
).map(normal)


def _extra_env(_known: Known) -> SearchStrategy[dict[str, str]]:
    return st.dictionaries(_ENV_NAMES, _TEXTS, max_size=6)


_SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-(2**53), 2**53), _TEXTS)


def _configurations(_known: Known) -> SearchStrategy[dict[str, Any]]:
    """Any map that JSON has; of LiteLLM's own keys as well as of others."""
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


def _networks(shortest: int, longest: int) -> ByHand:
    def ranges(_known: Known) -> SearchStrategy[str]:
        def written(length: int, number: int) -> str:
            address = (number >> (32 - length)) << (32 - length)
            return ".".join(str(address >> s & 255) for s in (24, 16, 8, 0)) + f"/{length}"

        numbers = st.integers(10 << 24, (11 << 24) - 1)
        return st.builds(written, st.integers(shortest, longest), numbers)

    return ranges


def _extra_paths(_known: Known) -> SearchStrategy[list[str]]:
    segments = st.one_of(
        words(1, 8), st.sampled_from(["v1", "chat", "models", "key", "test", "health", "ui-x"])
    )
    exact = st.lists(segments, min_size=1, max_size=3).map(lambda parts: "/" + "/".join(parts))
    paths = st.one_of(exact, exact.map(lambda path: f"{path}/*"))
    # The most there may be, of one drawn word: sixty draws would take longer than the plan.
    most = words(1, 8).map(lambda word: [f"/{word}{i}{'/*' if i % 2 else ''}" for i in range(60)])
    return _rarely(most, st.lists(paths, max_size=5, unique=True))


# ---- AWS ----

_ACCOUNTS = st.text(st.sampled_from(string.digits), min_size=12, max_size=12)


def _partition(region: str) -> str:
    return "aws-us-gov" if region.startswith("us-gov") else "aws"


def _zones(known: Known) -> SearchStrategy[list[str]]:
    letters = st.lists(st.sampled_from("abcdefghijkl"), min_size=2, max_size=10, unique=True)
    given = letters.map(lambda ends: [f"{known['region']}{end}" for end in ends])
    return given if not known["vpc_id"] else st.one_of(given, st.just([]))


def _certificates(known: Known) -> SearchStrategy[str]:
    region = known["region"]
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


def _keys(known: Known) -> SearchStrategy[str]:
    region = known["region"]
    key = st.builds(
        lambda account, name: f"arn:{_partition(region)}:kms:{region}:{account}:key/{name}",
        _ACCOUNTS,
        words(4, 36),
    )
    return st.one_of(key, st.just(""))


def _web_acls(known: Known) -> SearchStrategy[str]:
    region = known["region"]
    acl = st.builds(
        lambda account, name: (
            f"arn:{_partition(region)}:wafv2:{region}:{account}:regional/webacl/{name}/0a1b"
        ),
        _ACCOUNTS,
        words(1, 12),
    )
    return st.one_of(acl, st.just(""))


def _tags(_known: Known) -> SearchStrategy[dict[str, str]]:
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


def _secret_arns(known: Known) -> SearchStrategy[str]:
    region = known["region"]
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


def _extra_arns(known: Known) -> SearchStrategy[dict[str, str]]:
    return st.dictionaries(_ENV_NAMES, _secret_arns(known), max_size=5)


_SHARED: Mapping[str, ByHand] = {
    "tenant": _tenants,
    "env": _envs,
    "litellm_master_key": _credential("sk-"),
    "litellm_license": _credential("licence-"),
    "ui_password": _credential("password-"),
    "database_url": _url("postgresql", 5432, "create_database"),
    "redis_url": _url("rediss", 6379, "create_redis"),
    "extra_gateway_paths": _extra_paths,
    "proxy_config": _configurations,
    "gateway_extra_env": _extra_env,
    "backend_extra_env": _extra_env,
}

_AWS: Mapping[str, ByHand] = {
    **_SHARED,
    "region": lambda _known: st.sampled_from(
        ["us-east-1", "eu-west-1", "ap-southeast-2", "us-gov-west-1"]
    ),
    "azs": _zones,
    "acm_certificate_arn": _certificates,
    "kms_key_arn": _keys,
    "waf_web_acl_arn": _web_acls,
    "tags": _tags,
    "vpc_cidr": _networks(16, 20),
    "gateway_extra_secrets": _extra_arns,
    "backend_extra_secrets": _extra_arns,
    "otel_headers_secret_arn": lambda known: st.one_of(_secret_arns(known), st.just("")),
}

# ---- Google Cloud ----


def _gcp_network(known: Known) -> SearchStrategy[str]:
    name = _label(63)
    prefixes = st.sampled_from(
        [
            "",
            f"projects/{known['project']}/global/networks/",
            "projects/123456789012/global/networks/",
            f"https://www.googleapis.com/compute/v1/projects/{known['project']}/global/networks/",
        ]
    )
    return st.one_of(st.tuples(prefixes, name).map("".join), st.just(""))


def _key_names(known: Known) -> SearchStrategy[str]:
    place = f"projects/{known['project']}/locations/{known['region']}"
    name = st.text(st.sampled_from(string.ascii_letters + "_-"), min_size=1, max_size=20)
    keys = st.builds(lambda ring, key: f"{place}/keyRings/{ring}/cryptoKeys/{key}", name, name)
    return st.one_of(keys, st.just(""))


def _labels(_known: Known) -> SearchStrategy[dict[str, str]]:
    inner = _WORD + "_-"
    keys = st.one_of(
        st.tuples(st.sampled_from(_LOWER), words(0, 12, inner)).map("".join),
        st.sampled_from(["managed-by", "litellm-stack", "cost-center", "k" * 63]),
    )
    values = st.one_of(words(0, 12, inner), st.just("v" * 63))
    most = words(1, 6).map(lambda word: {f"l{word}{i}": word for i in range(60)})
    return _rarely(most, st.dictionaries(keys, values, max_size=5))


def _domains(_known: Known) -> SearchStrategy[list[str]]:
    host = st.builds(lambda a, b: f"{a}.{b}.example.com", words(1, 10), words(1, 63))
    most = words(1, 10).map(lambda word: [f"{word}{i}.example.com" for i in range(100)])
    return _rarely(most, st.lists(host, max_size=4, unique=True))


def _memory(component: str) -> ByHand:
    def sizes(known: Known) -> SearchStrategy[str]:
        cpu = str(known[f"{component}_cpu"]).removesuffix("000m")
        least = {"4": 2048, "6": 4096, "8": 4096}.get(cpu, 512)
        return st.one_of(
            st.integers(least, 32768).map(lambda mib: f"{mib}Mi"),
            st.integers(-(-least // 1024), 32).map(lambda gib: f"{gib}Gi"),
        )

    return sizes


def _projects(_known: Known) -> SearchStrategy[str]:
    inner = st.text(st.sampled_from(_WORD + "-"), min_size=4, max_size=28)
    ids = st.builds(
        lambda a, b, c: a + b + c, st.sampled_from(_LOWER), inner, st.sampled_from(_WORD)
    )
    return st.one_of(ids, st.sampled_from(["acme-prod-1", "google-like-1", "a" * 30, "a----b"]))


def _registries(_known: Known) -> SearchStrategy[str]:
    return st.sampled_from(
        [
            "ghcr.io/berriai",
            "us-central1-docker.pkg.dev/acme-prod-1/litellm/berriai",
            "docker.io/acme",
            "eu.gcr.io/acme-prod-1",
        ]
    )


def _image(known: Known) -> SearchStrategy[str]:
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


def _secret_ids(known: Known) -> SearchStrategy[str]:
    name = st.text(st.sampled_from(string.ascii_letters + "_-"), min_size=1, max_size=20)
    owners = st.sampled_from(
        ["", f"projects/{known['project']}/secrets/", "projects/other-1/secrets/"]
    )
    return st.tuples(owners, name).map("".join)


def _extra_ids(known: Known) -> SearchStrategy[dict[str, str]]:
    return st.dictionaries(_ENV_NAMES, _secret_ids(known), max_size=5)


_COMPONENTS = ("gateway", "backend", "ui")
_GCP: Mapping[str, ByHand] = {
    **_SHARED,
    "project": _projects,
    "kms_key_name": _key_names,
    "labels": _labels,
    "lb_domains": _domains,
    "network": _gcp_network,
    "subnet_cidr": _networks(8, 28),
    "vpc_connector_cidr": _networks(28, 28),
    "image_registry": _registries,
    **{f"{component}_image": _image for component in (*_COMPONENTS, "migrations")},
    **{f"{component}_memory": _memory(component) for component in _COMPONENTS},
    "gateway_extra_secrets": _extra_ids,
    "backend_extra_secrets": _extra_ids,
    "otel_headers_secret": lambda known: st.one_of(_secret_ids(known), st.just("")),
}


@functools.cache
def _pulled_pattern() -> Any:
    module = rules.read(STACKS["gcp"].folder)
    return pattern(evaluate(module.locals["supported_image_pattern"], module.scope({})))  # type: ignore[arg-type]


def _images(image: str, beside: tuple[str, ...] = ()) -> tuple[frozenset[str], Any]:
    """The precondition of terraform_data.images, for one component's image."""
    reads = frozenset({image, "image_registry", "create_image_proxy", *beside})

    def pulled(known: Known) -> bool:
        held = next((known[n] for n in (image, *beside) if known[n]), known["image_registry"])
        proxied = bool(known["create_image_proxy"]) and held.startswith("ghcr.io/")
        # A registry and a tag of the default images are no image yet; a name makes them one.
        return proxied or _pulled_pattern().search(held) is not None

    return reads, pulled


def _mounted(component: str) -> tuple[frozenset[str], Any]:
    """The precondition of google_cloud_run_v2_service.this: a bucket takes one CPU to mount."""

    def enough(known: Known) -> bool:
        cpu = known[f"{component}_cpu"]
        return not known["proxy_config"] or not pattern("^[0-9]{1,3}m$").search(cpu)

    return frozenset({f"{component}_cpu", "proxy_config"}), enough


_CONDITIONS = (
    *(_images(f"{component}_image") for component in _COMPONENTS),
    _images("migrations_image", ("backend_image",)),
    _mounted("gateway"),
    _mounted("backend"),
)

# Preconditions that nothing is derived from, by owner: what stands for each.
ANSWERED = {
    "aws_ecs_cluster.this": "a batch has the provider in the region of its cases",
    "terraform_data.images": "the conditions on images",
    "google_cloud_run_v2_service.this": "the conditions on CPU",
}


# Pairs of switches that no legal inputs have; Terraform refuses them.
IMPOSSIBLE: Mapping[str, list[dict[str, Any]]] = {
    "aws": [{"enable_tls": False, "allow_plaintext_alb": False}],
    "gcp": [{"create_network": True, "create_psa_connection": False}],
}

# Tenant and environment of stacks whose names are most alike: a part that moves from one to the
# other, a suffix of a resource in the environment, one that differs beyond where names are cut.
ALIKE = (
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
    """The legal inputs of a stack's module in this checkout."""
    module = rules.read(STACKS[stack].folder)
    if stack == "aws":
        return Space(module, _AWS)
    return Space(module, _GCP, _CONDITIONS)
