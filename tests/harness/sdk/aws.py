"""boto3 clients that reach only an emulator."""

from __future__ import annotations

import threading
from functools import lru_cache
from typing import Any

import boto3
import botocore.session
from botocore.config import Config

# The emulator does not check signatures. ministack reads a key of twelve digits as an account id.
KEY = "local"
REGION = "eu-west-1"
_LOCK = threading.Lock()


def session(key: str = KEY, region: str = REGION, secret: str = KEY) -> boto3.Session:
    """A session that reads neither the profile nor the configuration files of the user."""
    variables = dict.fromkeys(("profile", "ca_bundle"), (None, None, None, None))
    core = botocore.session.Session(session_vars=variables)
    for name in ("config_file", "credentials_file"):
        core.set_config_variable(name, "/dev/null")
    return boto3.Session(
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        region_name=region,
        botocore_session=core,
    )


@lru_cache(maxsize=256)
def _shared(key: str, region: str) -> boto3.Session:
    """One session for all clients, because each session reads the models of the services again."""
    return session(key, region)


@lru_cache(maxsize=256)
def _cached(url: str, service: str, region: str, key: str) -> Any:
    config = Config(
        # None would be the proxies of the environment.
        proxies={},
        connect_timeout=5,
        read_timeout=30,
        retries={"total_max_attempts": 2},
        s3={"addressing_style": "path"},
        use_fips_endpoint=False,
        use_dualstack_endpoint=False,
    )
    return _shared(key, region).client(service, endpoint_url=url, config=config)


def client(url: str, service: str, region: str = REGION, key: str = KEY) -> Any:
    """The client of a service. Each call returns the same one; threads may share it.

    Args:
        url: the endpoint.
        service: boto3's name of the service.
        region: the region of the client.
        key: the access key that signs requests.
    """
    with _LOCK:
        return _cached(url, service, region, key)


def paged(client: Any, operation: str, key: str, **parameters: Any) -> list[Any]:
    """All items of a list that a service returns in pages."""
    pages = client.get_paginator(operation).paginate(**parameters)
    return [item for page in pages for item in page[key]]
