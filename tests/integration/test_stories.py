"""What goes wrong with a stack in its life, and the sentence with which the suite says so."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.harness.contracts import defects
from tests.harness.emulators import launch
from tests.harness.emulators.aws import target as aws
from tests.harness.emulators.gcp import target as google
from tests.harness.lifecycle.life import (
    Life,
    LifeError,
    apply,
    destroy,
    outputs,
    ready,
    remains,
    renewed,
)
from tests.harness.lifecycle.target import Target
from tests.harness.paths import SCENARIOS
from tests.harness.process.daemon import Running
from tests.harness.stacks import STACKS
from tests.harness.terraform import roots
from tests.integration.conftest import Lives
from tests.integration.google_api import Api

STORIES = {entry["name"]: entry for entry in yaml.safe_load(SCENARIOS.read_text())}
_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Cloud:
    """Where the stories of a stack are played.

    ``serving`` starts a local cloud of (options, log), ``target`` is one of (URL, folder).
    ``inputs`` are of every story, ``bucket`` is the output with the data bucket.
    """

    serving: Callable[[Mapping[str, Any], Path], AbstractContextManager[Running]]
    target: Callable[[str, Path], Target]
    inputs: Mapping[str, Any]
    bucket: str


# A stand-in answers for every container: what is told here is not LiteLLM's part of it.
CLOUDS: Mapping[str, Cloud] = {
    "gcp": Cloud(
        lambda options, log: launch.serving(launch.GcpOptions(**options), log),
        google.target,
        {"cloudsql_deletion_protection": False, "gcs_force_destroy": True},
        "gcs_bucket",
    ),
    "aws": Cloud(
        lambda options, log: launch.serving(launch.AwsOptions(**options), log),
        aws.target,
        {
            "db_deletion_protection": False,
            "s3_force_destroy": True,
            "skip_final_snapshot": True,
            # All that takes long has no part in a story that does not name it.
            "create_database": False,
            "create_redis": False,
            "enable_access_logs": False,
            "enable_flow_logs": False,
            "run_migrations": False,
            "gateway_desired_count": 1,
            "gateway_min_capacity": 1,
        },
        "s3_bucket",
    ),
}


def _again(life: Life) -> None:
    destroy(life)
    apply(life)


def _twice(life: Life) -> None:
    _again(life)
    destroy(life)


STAGES: Mapping[str, Callable[[Life], Any]] = {
    "apply": apply,
    "ready": lambda life: ready(life, _SECONDS),
    "destroy": destroy,
    "again": _again,
    "twice": _twice,
}


def _store(life: Life, bucket: str) -> None:
    """Leave nothing in the bucket but a noncurrent version."""
    for data in (b"what somebody kept there", None):
        life.target.control.store(outputs(life)[bucket], "a/file.txt", data)


@pytest.mark.parametrize("name", STORIES)
def test_the_suite_tells_and_mends_that(name: str, lives: Lives, tmp_path: Path) -> None:
    story = STORIES[name]
    cloud = CLOUDS[story["stack"]]
    module = roots.copy_module(STACKS[story["stack"]], tmp_path / "source")
    for change in story.get("changes", []):
        defects.change(module / change["file"], change["from"], change["to"])
    with cloud.serving(story.get("cloud", {}), tmp_path / "cloud.log") as running:
        target = cloud.target(running.url, tmp_path)
        inputs = {**cloud.inputs, **story.get("both", {})}
        life = lives(target, {**inputs, **story.get("inputs", {})}, module)
        if story["fails"] != "apply":
            apply(life)
        beside = story.get("beside", {})
        for path, body in beside.items():
            assert "error" not in Api(running.url).done("POST", path, body)
        if story.get("store"):
            _store(life, cloud.bucket)
        with pytest.raises(LifeError) as failure:
            STAGES[story["fails"]](life)
        print(failure.value.sentence)
        assert failure.value.sentence.startswith(story["sentence"]), str(failure.value)
        # What the sentence says mends it: all of these are right in the module as it is.
        mended = renewed(life, inputs)
        for path, body in beside.items():
            where, _, query = path.partition("?")
            name = body.get("name") or query.rpartition("=")[2]
            assert "error" not in Api(running.url).done("DELETE", f"{where}/{name}")
        if story.get("sweep"):
            assert target.control.sweep(life.name)
        apply(mended, targets=story.get("targets", ()))
        destroy(mended)
        assert remains(mended) == story.get("keeps", [])
