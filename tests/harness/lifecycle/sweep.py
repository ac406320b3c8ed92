"""Delete the resources of a stack by API, in the order of their dependencies."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


class SweepError(RuntimeError):
    """Resources remain that cannot be deleted; the message names them."""


@dataclass(frozen=True, slots=True)
class Sweep(Generic[T]):
    """How a cloud is swept.

    ``resources`` lists what exists, dependents first. ``delete`` raises one of ``refused`` for a
    resource that is in use or changing. The sweep fails after ``seconds``, or if the number of
    resources has not changed for ``stalled_seconds``.
    """

    resources: Callable[[], Sequence[T]]
    name: Callable[[T], str]
    delete: Callable[[T], object]
    refused: tuple[type[Exception], ...]
    seconds: float
    stalled_seconds: float
    pause_seconds: float = 0.3

    def run(self) -> list[str]:
        """Delete everything; returns the names in the order of deletion.

        Raises:
            SweepError: a resource could not be deleted in time.
        """
        deleted: dict[str, None] = {}
        deadline = time.monotonic() + self.seconds
        changed, count = time.monotonic(), -1
        while remaining := self.resources():
            now = time.monotonic()
            if len(remaining) != count:
                changed, count = now, len(remaining)
            if now > deadline or now - changed > self.stalled_seconds:
                names = ", ".join(self.name(resource) for resource in remaining)
                raise SweepError(f"these cannot be deleted: {names}")
            for resource in remaining:
                try:
                    self.delete(resource)
                except self.refused:
                    # It is used by a resource that is deleted later; the next round retries it.
                    continue
                deleted[self.name(resource)] = None
            time.sleep(self.pause_seconds)
        return list(deleted)
