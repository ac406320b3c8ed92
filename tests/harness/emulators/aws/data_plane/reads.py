"""The reads of the reconciler, which it repeats only after a change of what it reads."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from tests.harness.emulators.aws.cloud import Cloud
from tests.harness.emulators.aws.control_plane.call import CHANGES
from tests.harness.process.ports import fetched
from tests.harness.sdk.aws import paged

# ministack creates the tasks of a service in a thread, after it has answered.
_TASKS = "ecs"
SETTLE_SECONDS = 1.0
# ministack changes some states by time.
MAX_AGE_SECONDS = 5.0
# The name in a signature where it is not that of boto3.
_SIGNED = {"elbv2": "elasticloadbalancing"}


@dataclass(slots=True)
class Reads:
    """The answers of each service since its last change."""

    cloud: Cloud
    _answers: dict[tuple[Any, ...], list[Any]] = field(default_factory=dict)
    _seen: Mapping[str, int] = field(default_factory=dict)
    _settled_at: float = 0
    _read_at: float = 0

    def renew(self) -> None:
        """Forget the answers of services that report a change since them, and old answers."""
        now, changes = time.monotonic(), self._changes()
        changed = {name for name, number in changes.items() if number != self._seen.get(name)}
        self._seen = changes
        if _TASKS in changed:
            self._settled_at = now + SETTLE_SECONDS
        elif now < self._settled_at:
            changed.add(_TASKS)
        if now > self._read_at + MAX_AGE_SECONDS:
            self._answers.clear()
            self._read_at = now
        for place in [p for p in self._answers if _SIGNED.get(p[0], p[0]) in changed]:
            del self._answers[place]

    def _changes(self) -> dict[str, int]:
        text = fetched(urlsplit(self.cloud.url).port or 0, CHANGES)[1]
        changes: dict[str, int] = json.loads(text)
        return changes

    def _read(self, place: tuple[Any, ...], ask: Callable[[], list[Any]]) -> list[Any]:
        if place not in self._answers:
            self._answers[place] = ask()
        return self._answers[place]

    def paged(self, service: str, operation: str, key: str, **parameters: str) -> list[Any]:
        """All items of a list; see :func:`tests.harness.sdk.aws.paged`."""
        place = (service, operation, *sorted(parameters.items()))
        client = self.cloud.client(service)
        return self._read(place, lambda: paged(client, operation, key, **parameters))

    def described(
        self, service: str, operation: str, key: str, names: list[str], **parameters: str
    ) -> list[Any]:
        """The items that an operation describes by the list of their names.

        Args:
            service: boto3's name of the service.
            operation: the method of the client.
            key: the parameter that takes the names, and the part of the answer with the items.
            names: the names.
            parameters: other parameters of the call.
        """
        place = (service, operation, *names, *sorted(parameters.items()))
        call = getattr(self.cloud.client(service), operation)
        return self._read(place, lambda: list(call(**{key: names}, **parameters)[key]))
