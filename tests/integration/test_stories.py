"""What goes wrong with a stack in its life, and the sentence with which the suite says so."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.harness import defects, roots
from tests.harness.life import Life, LifeError, apply, destroy, outputs, remains, renewed
from tests.harness.local.google import owner
from tests.harness.local.google import target as google
from tests.harness.local.google.data_plane import Options
from tests.harness.stacks import STACKS
from tests.integration.conftest import Lives

STORIES = {
    entry["name"]: entry
    for entry in yaml.safe_load(Path(__file__).with_name("stories.yaml").read_text())
}
# A stand-in answers for every container: what is told here is not LiteLLM's part of it.
INPUTS = {"cloudsql_deletion_protection": False, "gcs_force_destroy": True}


def _again(life: Life) -> None:
    destroy(life)
    apply(life)


STAGES: Mapping[str, Callable[[Life], Any]] = {"apply": apply, "destroy": destroy, "again": _again}


def _store(life: Life) -> None:
    """Leave nothing in the bucket but a noncurrent version."""
    bucket = outputs(life)["gcs_bucket"]
    for data in (b"what somebody kept there", None):
        life.target.control.store(bucket, "a/file.txt", data)


@pytest.mark.parametrize("name", STORIES)
def test_the_suite_tells_and_mends_that(name: str, lives: Lives, tmp_path: Path) -> None:
    story = STORIES[name]
    module = roots.copy_module(STACKS[story["stack"]], tmp_path / "source")
    for change in story.get("changes", []):
        defects.change(module / change["file"], change["from"], change["to"])
    options = Options(**story.get("cloud", {}))
    with owner.serving(options, tmp_path / "cloud.log") as running:
        target = google.target(running.url, tmp_path)
        life = lives(target, {**INPUTS, **story.get("inputs", {})}, module)
        if story["fails"] != "apply":
            apply(life)
        if story.get("store"):
            _store(life)
        with pytest.raises(LifeError) as failure:
            STAGES[story["fails"]](life)
        print(failure.value.sentence)
        assert failure.value.sentence.startswith(story["sentence"]), str(failure.value)
        # What the sentence says mends it: all of these are right in the module as it is.
        mended = renewed(life, INPUTS)
        apply(mended, targets=story.get("targets", ()))
        destroy(mended)
        assert remains(mended) == []
