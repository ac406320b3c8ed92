"""``--target=aws`` and ``--target=gcp``: which tests run, where, and under which record."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.harness.accounts import buckets, cost, identity, runs, targets
from tests.harness.accounts.allowed import NotAllowedError
from tests.harness.accounts.identity import Identity
from tests.harness.accounts.ledger import Ledger
from tests.harness.accounts.retries import Retries
from tests.harness.accounts.runs import Place, Terms
from tests.harness.accounts.targets import NotRunError
from tests.harness.lifecycle.run import Lifecycle, plan
from tests.harness.lifecycle.target import Target
from tests.plugins import not_run
from tests.plugins.accounts import LOCAL, add_retried
from tests.plugins.stages import LACKING

_OF_ACCOUNTS = ("AWS_", "GOOGLE_", "CLOUDSDK_", "LITELLM_TEST_")
# Secrets of a stack that anybody on the internet could try.
_SECRETS = ("litellm_master_key", "ui_password")


def configure(config: pytest.Config) -> bool:
    """Report what an account lacks; False for a run on the local clouds."""
    cloud = config.getoption("target")
    if cloud == LOCAL:
        for name in [name for name in os.environ if name.startswith(_OF_ACCOUNTS)]:
            # No local run reaches an account by mistake.
            del os.environ[name]
        return False
    config.stash[LACKING] = targets.not_run(cloud)
    return True


def select(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect what an account cannot run, and report it as not run."""
    cloud = config.getoption("target")
    if cloud == LOCAL:
        return
    try:
        targets.credentials(cloud)
        missing = ""
    except (NotRunError, NotAllowedError) as error:
        missing = str(error)
    kept, deselected = [], []
    for item in items:
        mark = item.get_closest_marker("account")
        if missing or mark is None or mark.args[0] != cloud:
            deselected.append(item)
        else:
            kept.append(item)
    if missing:
        not_run.add(config, {f"--target={cloud}": missing})
    else:
        rest = {item.path.name for item in deselected} - {item.path.name for item in kept}
        reason = f"--target={cloud}: it verifies the local clouds, or the other stack"
        not_run.add(config, dict.fromkeys(sorted(rest), reason))
        others = [item.name for item in deselected if item.path.name not in rest]
        not_run.add(config, dict.fromkeys(others, reason))
    config.hook.pytest_deselected(items=deselected)
    items[:] = kept


def target(config: pytest.Config, cloud: str) -> Target:
    """The account of a cloud.

    Raises:
        NotRunError: it cannot be used.
        NotAllowedError: it is not an allowed one.
    """
    choice = config.getoption("providers")
    return targets.target(cloud, "registry" if choice == "offline" else choice)


@contextlib.contextmanager
def lifecycle(
    config: pytest.Config,
    goal: Target,
    inputs: Mapping[str, Any],
    source: Path | None = None,
    *,
    named: bool = False,
) -> Iterator[Lifecycle]:
    """The lifecycle of a recorded run on an account, which is refused if it costs too much.

    A ``named`` one has a host in the zone of ``LITELLM_TEST_ZONE``. Its certificate takes minutes.
    """
    cloud = goal.stack.name
    ledger_place = config.getoption("ledger") or os.environ.get(buckets.LEDGER_VARIABLE, "")
    kept = config.getoption("run_folder")
    seconds = int(config.getoption("ttl") * 3600)
    run = _identity(Path(kept) / cloud if kept else None, seconds)
    folder = Path(kept).absolute() / cloud if kept else buckets.home() / "runs" / run.run
    # It holds the state and the secrets of the stack.
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    state = f"{ledger_place.rstrip('/')}/states" if "://" in ledger_place else ""
    zone = targets.zone() if named else ""
    place = Place(cloud, goal.control.place(), targets.region(cloud), state=state, zone=zone)
    ceiling = cost.Ceiling(config.getoption("max_cost"), seconds)

    retries = Retries(cloud)

    def check(begun: Lifecycle) -> None:
        floor = cost.floor(plan(begun), cloud, place.region)
        print("\n".join(floor.lines()))
        cost.check(floor, ceiling)

    terms = Terms(
        Ledger(buckets.opened(ledger_place)),
        place,
        run,
        config.getoption("core"),
        kept=bool(kept),
        check=check,
        retry=retries.run,
    )
    own = run.inputs(
        goal.stack, {**inputs, **targets.entry_inputs(cloud), **_secrets(folder, inputs)}
    )
    try:
        with runs.begun(terms, goal, folder, own, source) as begun:
            yield begun
    finally:
        add_retried(config, retries.lines())


def _identity(folder: Path | None, seconds: int) -> Identity:
    """The identity of a new run, or of the one that a folder continues."""
    file = folder / "run.json" if folder else None
    if file and file.exists():
        return Identity(**json.loads(file.read_text()))
    run = identity.identity(identity.owner(), seconds)
    if file:
        file.parent.mkdir(parents=True, exist_ok=True)
        fields = {"run": run.run, "tenant": run.tenant, "owner": run.owner, "expires": run.expires}
        file.write_text(json.dumps(fields))
    return run


def _secrets(folder: Path, inputs: Mapping[str, Any]) -> Mapping[str, str]:
    """Values of a run for the secrets among some inputs; a continued run keeps them."""
    try:
        before = json.loads((folder / "inputs.json").read_text())
    except FileNotFoundError:
        before = {}
    return {
        name: before.get(name) or f"sk-{secrets.token_urlsafe(24)}"
        for name in _SECRETS
        if inputs.get(name)
    }
