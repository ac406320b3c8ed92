"""Clients of boto3 that know of nothing but the local cloud."""

from __future__ import annotations

import threading
from functools import lru_cache
from typing import Any

import boto3
import botocore.session
from botocore.config import Config

# What signs a request that nobody checks. Twelve digits would be taken for an account's number.
KEY = "local"
REGION = "eu-west-1"
_LOCK = threading.Lock()


def session(key: str = KEY, region: str = REGION) -> boto3.Session:
    """A session that looks at neither the machine's files nor its profile."""
    variables = dict.fromkeys(("profile", "ca_bundle"), (None, None, None, None))
    held = botocore.session.Session(session_vars=variables)
    for name in ("config_file", "credentials_file"):
        held.set_config_variable(name, "/dev/null")
    return boto3.Session(
        aws_access_key_id=key,
        aws_secret_access_key=KEY,
        region_name=region,
        botocore_session=held,
    )


@lru_cache(maxsize=256)
def _made(url: str, service: str, region: str, key: str) -> Any:
    config = Config(
        # None would mean those of the environment.
        proxies={},
        connect_timeout=5,
        read_timeout=30,
        retries={"total_max_attempts": 2},
        s3={"addressing_style": "path"},
        use_fips_endpoint=False,
        use_dualstack_endpoint=False,
    )
    return session(key, region).client(service, endpoint_url=url, config=config)


def client(url: str, service: str, region: str = REGION, key: str = KEY) -> Any:
    """A client of a service, the same one each time; threads may share it.

    Args:
        url: where the local cloud answers.
        service: as boto3 calls it.
        region: of the client.
        key: the access key that requests are signed with.
    """
    with _LOCK:
        return _made(url, service, region, key)


def paged(client: Any, operation: str, key: str, **given: Any) -> list[Any]:
    """All of a list that a service gives in pages."""
    pages = client.get_paginator(operation).paginate(**given)
    return [one for page in pages for one in page[key]]
