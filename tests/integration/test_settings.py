"""LiteLLM, started with what a plan gives it, does what the modules promise."""

from __future__ import annotations

import json
import re
import subprocess
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

KEY = "sk-a-master-key-of-the-test-0123456789"
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
    command = [str(release.installed()), "-c", SEEN]

    def seen(*arguments: str) -> Any:
        result = subprocess.run([*command, *arguments], capture_output=True, text=True, check=True)
        return json.loads(result.stdout)

    assert seen(trusted, peer, forwarded) == [CLIENT, "https"]
    # A peer that is not the load balancer is believed nothing.
    assert seen(trusted, CLIENT, forwarded) == [CLIENT, "http"]
    # With "*" the client could choose its address.
    assert seen("*", peer, forwarded) == [FORGED, "https"]


# The address that LiteLLM counts failed sign-ins of, and whether it limits it, behind uvicorn.
COUNTED = """
import asyncio, json, sys
from fastapi import Request
from litellm.proxy.auth.auth_utils import _check_valid_ip
from litellm.proxy.auth.login_throttle import LoginThrottle
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

trusted, peer, forwarded, settings, *allowed = sys.argv[1:]

async def app(scope, receive, send):
    request = Request(scope)
    throttle = LoginThrottle.from_request(request, json.loads(settings), None)
    admitted = [_check_valid_ip([address], request)[0] for address in allowed]
    print(json.dumps([throttle.client_ip, throttle.source_limit is not None, *admitted]))

headers = [(b"x-forwarded-for", forwarded.encode())]
scope = {"type": "http", "client": (peer, 1), "scheme": "http", "headers": headers}
asyncio.run(ProxyHeadersMiddleware(app, trusted)(scope, None, None))
"""


@STACK
def test_failed_sign_ins_of_an_address_are_limited(
    resolved_session: planning.Session, stack: str
) -> None:
    plan = planned(resolved_session, stack, {})
    config = yaml.safe_load(configuration(plan))
    trusted = environment_of(resolved_session, stack)["FORWARDED_ALLOW_IPS"]
    # A public subnet of the load balancer, and the peer of a container.
    peer = f"{trusted.split(',')[0].rpartition('.')[0]}.7" if stack == "aws" else "169.254.169.126"
    arguments = [trusted, peer, f"{FORGED}, {CLIENT}", json.dumps(config["general_settings"])]
    command = [str(release.installed()), "-c", COUNTED, *arguments, FORGED, CLIENT]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    # Only a client at the allowed address is admitted.
    assert json.loads(result.stdout.splitlines()[-1]) == [CLIENT, True, False, True]


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
