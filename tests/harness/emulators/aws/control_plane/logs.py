"""Log groups that other services create."""

from __future__ import annotations

import contextlib

from tests.harness.emulators.aws.control_plane.service import Clients


def create_group(client: Clients, name: str) -> None:
    """Create a log group as a service does: without tags and retention, if it is missing."""
    logs = client("logs")
    with contextlib.suppress(logs.exceptions.ResourceAlreadyExistsException):
        logs.create_log_group(logGroupName=name)
