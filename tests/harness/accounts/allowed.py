"""The accounts and projects that the suite may touch. Without a list it touches none."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import yaml

from tests.harness import documents

VARIABLES = {"aws": "LITELLM_TEST_ACCOUNT", "gcp": "LITELLM_TEST_PROJECT"}
"""Each names accounts or projects, separated by commas."""
FILE_VARIABLE = "LITELLM_TEST_ALLOWED"
"""Names a YAML file with the lists ``aws`` and ``gcp``."""


class NotAllowedError(ValueError):
    """The suite may not touch an account or project; the message names the variable to set."""


def allowed(cloud: str, environment: Mapping[str, str] = os.environ) -> list[str]:
    """The accounts or projects of a cloud that the suite may touch.

    Raises:
        NotAllowedError: the file cannot be read, or has another form.
    """
    places = [item.strip() for item in environment.get(VARIABLES[cloud], "").split(",")]
    file = environment.get(FILE_VARIABLE, "")
    if file:
        try:
            document = documents.read(Path(file)) or {}
            places += [str(item) for item in document.get(cloud) or []]
        except (OSError, AttributeError, TypeError, yaml.YAMLError) as error:
            raise NotAllowedError(
                f"{FILE_VARIABLE}={file} must be a YAML file with the lists aws and gcp: {error}"
            ) from error
    return [place for place in places if place]


def check(cloud: str, place: str, environment: Mapping[str, str] = os.environ) -> None:
    """Check that the suite may touch an account or project.

    Raises:
        NotAllowedError: it may not.
    """
    places = allowed(cloud, environment)
    if place not in places:
        kind = {"aws": "account", "gcp": "project"}[cloud]
        raise NotAllowedError(
            f"the credentials are those of {kind} {place}, and the suite may touch only "
            f"{', '.join(places) or f'no {kind}'}. Set {VARIABLES[cloud]}={place} if everything in "
            f"this {kind} that carries the tags of the suite may be deleted."
        )
