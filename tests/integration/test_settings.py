"""LiteLLM, started with what a plan gives it, does what the modules promise."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
import yaml

from tests.harness.hcl.expressions import Node, evaluate
from tests.harness.inputs import rules
from tests.harness.litellm import release
from tests.harness.plan.containers import configuration, containers
from tests.harness.process import venvs
from tests.harness.stacks import STACKS
from tests.harness.terraform import planning
from tests.integration.conftest import planned

STACK = pytest.mark.parametrize("stack", sorted(STACKS))
FORGED, CLIENT = "203.0.113.7", "198.51.100.9"
# The client and the protocol that uvicorn takes from the headers of a request.
SEEN = """
import asyncio, json, sys
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

trusted, peer, forwarded = sys.argv[1:]

async def app(scope, receive, send):
    print(json.dumps([scope["client"][0], scope["scheme"]]))

headers = [(b"x-forwarded-for", forwarded.encode()), (b"x-forwarded-proto", b"https")]
scope = {"type": "http", "client": (peer, 1), "scheme": "http", "headers": headers}
asyncio.run(ProxyHeadersMiddleware(app, trusted)(scope, None, None))
"""


def environment_of(session: planning.Session, stack: str) -> dict[str, str]:
    """The plain variables of the planned gateway; a value that the cloud gives is a stand-in."""
    entries = containers(planned(session, stack, {}))["gateway"].entries
    return {name: value for name, value, _ in entries if value is not None}


def printed_by(program: str, *arguments: str) -> str:
    """The output of a program that LiteLLM's interpreter runs, and that calls nothing outside."""
    python = release.installed()
    return subprocess.run(
        [str(python), "-c", program, *arguments],
        env={"PATH": os.defpath, **release.offline(python)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


@STACK
def test_forged_address_is_not_the_client(resolved_session: planning.Session, stack: str) -> None:
    trusted = environment_of(resolved_session, stack)["FORWARDED_ALLOW_IPS"]
    if stack == "aws":
        # The load balancer has an address of a public subnet.
        first = trusted.split(",")[0].rpartition(".")[0]
        peer, forwarded = f"{first}.7", f"{FORGED}, {CLIENT}"
    else:
        # The load balancer appends its own address.
        own = trusted.split(",")[0]
        peer, forwarded = "169.254.169.126", f"{FORGED}, {CLIENT}, {own}"

    def seen(*arguments: str) -> Any:
        return json.loads(printed_by(SEEN, *arguments))

    assert seen(trusted, peer, forwarded) == [CLIENT, "https"]
    # A peer that is not the load balancer is believed nothing.
    assert seen(trusted, CLIENT, forwarded) == [CLIENT, "http"]
    # With "*" the client could choose its address.
    assert seen("*", peer, forwarded) == [FORGED, "https"]


# For each stack, the address that LiteLLM counts failed sign-ins of, whether it limits it, and
# whether it admits the addresses: behind uvicorn.
COUNTED = """
import asyncio, json, sys
from fastapi import Request
from litellm.proxy.auth.auth_utils import _check_valid_ip
from litellm.proxy.auth.login_throttle import LoginThrottle
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

stacks, forwarded, *allowed = sys.argv[1:]

async def counted(trusted, peer, settings):
    async def app(scope, receive, send):
        request = Request(scope)
        throttle = LoginThrottle.from_request(request, settings, None)
        admitted = [_check_valid_ip([address], request)[0] for address in allowed]
        answer.extend([throttle.client_ip, throttle.source_limit is not None, *admitted])

    answer = []
    headers = [(b"x-forwarded-for", forwarded.encode())]
    scope = {"type": "http", "client": (peer, 1), "scheme": "http", "headers": headers}
    await ProxyHeadersMiddleware(app, trusted)(scope, None, None)
    return answer

print(json.dumps([asyncio.run(counted(*stack)) for stack in json.loads(stacks)]))
"""


def counting(session: planning.Session, stack: str) -> Sequence[Any]:
    """The trusted addresses, the peer of a container and the general settings of a stack."""
    config = yaml.safe_load(configuration(planned(session, stack, {})))
    trusted = environment_of(session, stack)["FORWARDED_ALLOW_IPS"]
    # A public subnet of the load balancer, and the peer of a container.
    peer = f"{trusted.split(',')[0].rpartition('.')[0]}.7" if stack == "aws" else "169.254.169.126"
    return trusted, peer, config["general_settings"]


@pytest.fixture(scope="module")
def counted(resolved_session: planning.Session) -> Mapping[str, Any]:
    """What LiteLLM says of a forged address, by stack. It is imported once for all of them."""
    stacks = [counting(resolved_session, stack) for stack in sorted(STACKS)]
    output = printed_by(COUNTED, json.dumps(stacks), f"{FORGED}, {CLIENT}", FORGED, CLIENT)
    return dict(zip(sorted(STACKS), json.loads(output.splitlines()[-1]), strict=True))


@STACK
def test_failed_sign_ins_of_an_address_are_limited(counted: Mapping[str, Any], stack: str) -> None:
    # Only a client at the allowed address is admitted.
    assert counted[stack] == [CLIENT, True, False, True]


@STACK
def test_public_key_digests_are_those_of_litellm(stack: str) -> None:
    packages = venvs.packages(release.installed())
    source = packages / "litellm" / "proxy" / "auth" / "master_key_boot_check.py"
    module = rules.read(STACKS[stack].folder)
    digests = module.locals["public_key_digests"]
    assert isinstance(digests, Node)
    known = set(re.findall(r'"([0-9a-f]{64})"', source.read_text()))
    assert set(evaluate(digests, module.scope({}))) == known
    assert known
