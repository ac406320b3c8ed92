"""Secrets: no secret value is in a plan, an output or the environment of a container."""

from __future__ import annotations

import base64
import functools
import json
import re
import urllib.parse
from collections.abc import Iterator, Mapping
from typing import Any

from tests.harness.contracts.base import Contract, Outcome, Subject, judged
from tests.harness.offline.providers.google import MADE_UP_SECRET
from tests.harness.stacks import CREDENTIALS

# The form of a generated master key.
_MADE_KEY = re.compile(r"sk-[A-Za-z0-9]{48}")

# By type: the arguments that would keep a secret in the state.
_WRITTEN: Mapping[str, tuple[str, ...]] = {
    "aws_secretsmanager_secret_version": ("secret_string", "secret_binary", "secret_string_wo"),
    "google_secret_manager_secret_version": ("secret_data", "secret_data_wo"),
    "google_sql_user": ("password", "password_wo"),
    "aws_rds_cluster": ("master_password", "master_password_wo"),
    "aws_elasticache_replication_group": ("auth_token",),
}
# By type: the version of a write-only argument; a new version writes the value.
_VERSIONS: Mapping[str, str] = {
    "aws_secretsmanager_secret_version": "secret_string_wo_version",
    "google_secret_manager_secret_version": "secret_data_wo_version",
}
# Outputs that show *_extra_env, in which a caller may have put a secret.
_HIDDEN_OUTPUTS = ("containers",)


def _parts(value: str) -> set[str]:
    """A secret; for a URL also its password."""
    password = urllib.parse.urlsplit(value).password if "://" in value else None
    return {value, *([password] if password else [])}


def _forms(value: str) -> set[str]:
    """The forms of a secret: plain, base64, URL-encoded."""
    encoded = base64.b64encode(value.encode()).decode().rstrip("=")
    return {value, encoded, urllib.parse.quote(value, safe="")}


def leaked(inputs: Mapping[str, Any], text: str) -> list[str]:
    """The inputs with a secret value in ``text``, and "made" for a generated one."""
    found = [
        name
        for name in CREDENTIALS
        if inputs.get(name)
        and any(form in text for part in _parts(inputs[name]) for form in _forms(part))
    ]
    return [*found, *(["made"] if _has_made(text) else [])]


# Once for all cases of a batch.
@functools.lru_cache(maxsize=1)
def _has_made(text: str) -> bool:
    """Whether a generated secret is in a text."""
    return MADE_UP_SECRET in text or _MADE_KEY.search(text) is not None


# The text of the last document: the cases of a batch share one of several megabytes.
_last: list[tuple[Mapping[str, Any], str]] = []


def _without_configuration(document: Mapping[str, Any]) -> str:
    if not _last or _last[0][0] is not document:
        # The configuration is the text of the module, the same for all inputs.
        held = {key: value for key, value in document.items() if key != "configuration"}
        _last[:] = [(document, json.dumps(held, ensure_ascii=False))]
    return _last[0][1]


def check(subject: Subject) -> Iterator[Outcome]:
    """Check that no secret value is in the plan."""
    text = _without_configuration(subject.plan.document)
    found = leaked(subject.inputs, text)
    given = [name for name in found if name != "made"]
    yield judged("given", "the plan", text, not given, f"the value of {given} is in it")
    yield judged("made", "the plan", text, "made" not in found, "a generated secret is in it")
    for resource in subject.plan.resources.values():
        kept = {n: resource.values.get(n) for n in _WRITTEN.get(resource.type, ())}
        unexpected = sorted(name for name, value in kept.items() if value not in (None, ""))
        if kept:
            yield judged(
                "write-only", resource.address, kept, not unexpected, f"{unexpected} would be kept"
            )
        if resource.type in _VERSIONS:
            version = resource.values.get(_VERSIONS[resource.type])
            # A number, or its digits with google 8.
            digits = str(version)
            right = digits.isdigit() and int(digits) >= 1
            yield judged("write-only", resource.address, version, right, "nothing is written")
    declared = subject.plan.declared_outputs
    for name in _HIDDEN_OUTPUTS:
        hidden = declared.get(name, False)
        yield judged("marks", f"output {name}", hidden, hidden, "is not sensitive")


CONTRACT = Contract(
    name="secrets",
    claim="no secret is in a plan, an output or an environment",
    clauses={
        "given": "the plan holds no value of a secret input, in any form",
        "made": "the plan holds no generated secret",
        "write-only": "every secret is a write-only argument with a version",
        "marks": "an output that may hold a secret of the caller is sensitive",
    },
    check=check,
)
