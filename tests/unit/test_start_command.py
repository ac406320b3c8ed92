"""The start command of a server runs the launcher that its image has, with the same arguments."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.harness.plan.containers import containers
from tests.harness.stacks import STACKS
from tests.harness.terraform import planning

STACK = pytest.mark.parametrize("stack", sorted(STACKS))
# The files of an image in its working folder, and the command that must run. LiteLLM added
# docker/component_entrypoint.sh and gateway/launch.py in 2026, and docker/docker-entrypoint.sh with
# the image of all components.
IMAGES = {
    "gateway-first": ("gateway", (), "uvicorn gateway.main:app"),
    "gateway-entrypoint": (
        "gateway",
        ("docker/component_entrypoint.sh",),
        "docker/component_entrypoint.sh uvicorn gateway.main:app",
    ),
    "gateway-launch": (
        "gateway",
        ("docker/component_entrypoint.sh", "gateway/launch.py"),
        "docker/component_entrypoint.sh python -m gateway.launch",
    ),
    "gateway-one-image": (
        "gateway",
        ("docker/docker-entrypoint.sh", "gateway/launch.py"),
        "docker/docker-entrypoint.sh gateway",
    ),
    "backend-first": ("backend", (), "uvicorn backend.main:app"),
    "backend-entrypoint": (
        "backend",
        ("docker/component_entrypoint.sh",),
        "docker/component_entrypoint.sh uvicorn backend.main:app",
    ),
    "backend-one-image": (
        "backend",
        ("docker/docker-entrypoint.sh",),
        "docker/docker-entrypoint.sh backend",
    ),
}
ARGUMENTS = {
    ("aws", "gateway"): "--host 0.0.0.0 --port 4000 --workers 3 --timeout-keep-alive",
    ("aws", "backend"): "--host 0.0.0.0 --port 4001 --timeout-keep-alive",
    ("gcp", "gateway"): "--host 0.0.0.0 --port 4000 --workers 3 --timeout-keep-alive",
    ("gcp", "backend"): "--host 0.0.0.0 --port 4001 --timeout-keep-alive",
}


def run(
    command: list[str], folder: Path, files: tuple[str, ...]
) -> subprocess.CompletedProcess[str]:
    """Run a start command in a folder with the files of an image; programs print their call."""
    programs = folder / "programs"
    programs.mkdir()
    for name in ("uvicorn", "python"):
        # The download of the configuration prints nothing.
        printed = f'#!/bin/sh\n[ "$1" = -c ] || echo "{name} $*"\n'
        (programs / name).write_text(printed)
        (programs / name).chmod(0o700)
    for tool in ("sh", "base64"):
        (programs / tool).symlink_to(str(shutil.which(tool)))
    for file in files:
        path = folder / "app" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'echo "{file} $*"\n')
    (folder / "app").mkdir(exist_ok=True)
    config = folder / "config.yaml"
    config.write_text("{}")
    environment = {"PATH": str(programs), "CONFIG_FILE_PATH": str(config)}
    script = [*command[:-1], command[-1].replace(" /tmp/", f" {folder}/")]
    return subprocess.run(
        script, cwd=folder / "app", env=environment, capture_output=True, text=True, check=False
    )


def command_of(session: planning.Session, stack: str, component: str) -> list[str]:
    inputs = {**STACKS[stack].smallest, "gateway_num_workers": 3}
    result = planning.plan(session, planning.Case("three-workers", stack, inputs))
    assert result.plan is not None, str(result)
    return list(containers(result.plan)[component].command)


@STACK
@pytest.mark.parametrize("image", IMAGES)
def test_server_starts_through_the_launcher_of_its_image(
    resolved_session: planning.Session, tmp_path: Path, stack: str, image: str
) -> None:
    component, files, expected = IMAGES[image]
    command = command_of(resolved_session, stack, component)
    result = run(command, tmp_path, files)
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith(f"{expected} {ARGUMENTS[stack, component]}"), result.stdout


def test_missing_mount_stops_the_start(resolved_session: planning.Session, tmp_path: Path) -> None:
    command = command_of(resolved_session, "gcp", "gateway")
    broken = [*command[:-1], f"CONFIG_FILE_PATH=/nowhere; {command[-1]}"]
    result = run(broken, tmp_path, ())
    assert result.returncode == 1
    assert "The configuration /nowhere is not mounted." in result.stderr
