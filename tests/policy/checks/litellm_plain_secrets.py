"""The plain environment of a container contains no secret, by the name or form of a value."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from checkov.common.models.enums import CheckResult
from litellm_containers import TYPES, containers, paths, plain
from litellm_reading import Check, answer, late

# Words in the name of a variable that show that its value is a secret. Whole words are compared:
# KEYCLOAK_URL contains the letters KEY, but not the word.
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
# Last words of a name that show that the value only describes a secret: its location, id or size.
# A secret in a URL is recognized by its form.
_DESCRIPTIVE = {
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
    "VERSIONS",
}
# Variables of LiteLLM: the key of an object in a bucket, and headers, which often contain a token.
_HARMLESS = {"LITELLM_PROXY_CONFIG_S3_KEY"}
_ALWAYS = {"OTEL_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"}
_SWITCH = re.compile(r"(true|false)?", re.IGNORECASE)
_FORMS = (
    re.compile(r"\bsk-[\w-]{8,}"),
    re.compile(r"\b(AKIA|ASIA)[A-Z0-9]{16}\b"),
    re.compile(r"\bAIza[\w-]{35}"),
    re.compile(r"\bgh[pousr]_\w{36}"),
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY"),
    re.compile(r"\w://[^/\s:@]*:[^/\s@]+@"),
)


def by_name(name: str) -> bool:
    """Whether the name of a variable shows that its value is a secret."""
    words = re.split(r"[^A-Z0-9]+", name.upper())
    if name in _ALWAYS:
        return True
    return name not in _HARMLESS and words[-1] not in _DESCRIPTIVE and bool(_WORDS & set(words))


class PlainSecrets(Check):
    def __init__(self) -> None:
        super().__init__(7, "Ensure no secret is in the plain environment of a container", TYPES)

    def answers(self, conf: dict[str, Any]) -> Iterator[CheckResult]:
        self.evaluated_keys = paths(self.entity_type)
        definitions = containers(conf, self.entity_type)
        if definitions is None:
            yield CheckResult.UNKNOWN
        for container in definitions or []:
            for name, value in plain(container, self.entity_type):
                text = "" if value is None else str(value)
                if by_name(name) and not _SWITCH.fullmatch(text):
                    # The definition of the container shows the value, also one unknown at plan.
                    yield CheckResult.FAILED
                elif late(value):
                    yield CheckResult.UNKNOWN
                else:
                    yield answer(not any(form.search(text) for form in _FORMS))


check = PlainSecrets()
