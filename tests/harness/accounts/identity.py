"""The identity of a run: its id, the name of its stack, its owner, and when it must be gone.

A stack carries it in the tags or labels of everything that takes any. The keys and values are legal
on both clouds.
"""

from __future__ import annotations

import os
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.harness.stacks import Stack

RUN_TAG = "litellm-test-run"
OWNER_TAG = "litellm-test-owner"
EXPIRES_TAG = "litellm-test-expires"
STACK_TAG = {"aws": "litellm:stack", "gcp": "litellm-stack"}
"""The tag or label with the name of the stack, by cloud."""
STACK_TAGS = tuple(STACK_TAG.values())
ENV = "ci"
OWNER_VARIABLE = "LITELLM_TEST_OWNER"
# The inputs of the modules that tag everything.
_TAG_INPUT = {"aws": "tags", "gcp": "labels"}
_STACK = re.compile(rf"t[0-9a-f]{{7}}-litellm-{ENV}")
_RUN = re.compile(r"[0-9]{14}-[0-9a-f]{7}")


@dataclass(frozen=True, slots=True)
class Identity:
    """A run. ``expires`` is in seconds since 1970 UTC.

    ``tenant`` and ``ENV`` have ten characters together: only the name of the connector on Google
    Cloud is shortened.
    """

    run: str
    tenant: str
    owner: str
    expires: int

    @property
    def stack(self) -> str:
        """The name of the stack."""
        return f"{self.tenant}-litellm-{ENV}"

    @property
    def tags(self) -> Mapping[str, str]:
        """The tags of everything that the run creates."""
        return {RUN_TAG: self.run, OWNER_TAG: self.owner, EXPIRES_TAG: str(self.expires)}

    def inputs(self, stack: Stack, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Inputs of a stack, with the name and the tags of the run."""
        name = _TAG_INPUT[stack.name]
        tags = {**inputs.get(name, {}), **self.tags}
        return {**inputs, "tenant": self.tenant, "env": ENV, name: tags}


def identity(owner: str, ttl_seconds: int) -> Identity:
    """A new identity. No other run has its tenant, unless 28 random bits agree."""
    now, token = time.time(), secrets.token_hex(4)[:7]
    stamp = time.strftime("%Y%m%d%H%M%S", time.gmtime(now))
    return Identity(f"{stamp}-{token}", f"t{token}", label(owner), int(now) + ttl_seconds)


def label(text: str) -> str:
    """A text as the value of a label: 1 to 63 characters of a-z, 0-9, _ and -."""
    return re.sub(r"[^a-z0-9_-]", "-", text.lower())[:63] or "unknown"


def owner(environment: Mapping[str, str] = os.environ) -> str:
    """Who runs the suite: ``LITELLM_TEST_OWNER``, the actor of a workflow, or the user."""
    names = (OWNER_VARIABLE, "GITHUB_ACTOR", "USER", "LOGNAME")
    return label(next((environment[name] for name in names if environment.get(name)), "unknown"))


def generated(stack: str, run: str) -> bool:
    """Whether the name of a stack and the id of its run are a pair that the suite generates."""
    return bool(_STACK.fullmatch(stack) and _RUN.fullmatch(run) and run.endswith(f"-{stack[1:8]}"))
