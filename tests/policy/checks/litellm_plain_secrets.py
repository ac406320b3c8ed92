"""No secret is in a container's plain environment, by its name or by its looks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from checkov.common.models.enums import CheckResult
from litellm_containers import TYPES, containers, paths, plain
from litellm_reading import Check, answer, late

# A word of the name that says what the value is. CAPTURE_MESSAGE_CONTENT, KEYCLOAK_URL and the like
# hold the letters and not the word.
_WORDS = {
    "APIKEY",
    "CREDENTIAL",
    "CREDENTIALS",
    "KEY",
    "LICENCE",
    "LICENSE",
    "PASSWD",
    "PASSWORD",
    "PGPASSWORD",
    "SALT",
    "SECRET",
    "TOKEN",
}
# A name that ends so says where a secret is, which it is, or how much of it, and not the secret.
# What an address holds of one is told by its looks.
_ABOUT = {
    "ARN",
    "AUTH",
    "COUNT",
    "DIR",
    "ENABLED",
    "ENDPOINT",
    "FILE",
    "HASH",
    "HEADER",
    "HOST",
    "ID",
    "LENGTH",
    "LIMIT",
    "NAME",
    "PATH",
    "PORT",
    "REGION",
    "TTL",
    "TYPE",
    "URI",
    "URL",
    "VERSION",
}
# Of LiteLLM's own: the key of an object in a bucket; a list of headers, which often holds a token.
_HARMLESS = {"LITELLM_PROXY_CONFIG_S3_KEY"}
_ALWAYS = {"OTEL_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"}
_SWITCH = re.compile(r"(true|false)?", re.IGNORECASE)
_LOOKS = (
    re.compile(r"\bsk-[\w-]{8,}"),
    re.compile(r"\b(AKIA|ASIA)[A-Z0-9]{16}\b"),
    re.compile(r"\bAIza[\w-]{35}"),
    re.compile(r"\bgh[pousr]_\w{36}"),
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY"),
    re.compile(r"\w://[^/\s:@]*:[^/\s@]+@"),
)


def by_name(name: str) -> bool:
    """Whether the name of a variable says that its value is a secret."""
    words = re.split(r"[^A-Z0-9]+", name.upper())
    if name in _ALWAYS:
        return True
    return name not in _HARMLESS and words[-1] not in _ABOUT and bool(_WORDS & set(words))


class PlainSecrets(Check):
    def __init__(self) -> None:
        super().__init__(7, "Ensure no secret is in the plain environment of a container", TYPES)

    def answers(self, conf: dict[str, Any]) -> Iterator[CheckResult]:
        self.evaluated_keys = paths(self.entity_type)
        found = containers(conf, self.entity_type)
        if found is None:
            yield CheckResult.UNKNOWN
        for container in found or []:
            for name, value in plain(container, self.entity_type):
                text = "" if value is None else str(value)
                if by_name(name) and not _SWITCH.fullmatch(text):
                    # Known or not, it would be readable where the container is described.
                    yield CheckResult.FAILED
                elif late(value):
                    yield CheckResult.UNKNOWN
                else:
                    yield answer(not any(look.search(text) for look in _LOOKS))


check = PlainSecrets()
