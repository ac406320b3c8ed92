"""Legal inputs in blocks: drawn, planned, and shrunk where a plan of them breaks a contract."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, find, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample, Unsatisfiable

from tests.harness.inputs import legal
from tests.harness.inputs.legal import Known, Space
from tests.harness.inputs.rules import broken
from tests.harness.paths import CORPUS, ROOT
from tests.harness.plan.view import PlanResult
from tests.harness.stacks import Stack
from tests.harness.terraform import cache, planning

# Cases of one block share a project or region, which a batch has one of.
BLOCK = 16
# Plans that shrinking one failure may take, of about half a second each.
_SHRINK_PLANS = 120
# Combinations looked at; most are refused by the rules, which takes no plan.
_SHRINK_TRIES = 2000

Inputs = dict[str, Any]
Fails = Callable[[Inputs], bool]


@dataclass(frozen=True, slots=True)
class Block:
    """Some of a profile's cases of one stack: the ``number``-th of equal blocks.

    ``release`` is ``oldest`` or ``newest``; ``resolved`` as of :class:`planning.Session`.
    """

    stack: Stack
    number: int
    release: str
    resolved: bool

    @property
    def id(self) -> str:
        """A name for reports."""
        how = "applied" if self.resolved else "planned"
        return f"{self.stack.name}-{self.release}-{how}-{self.number:03}"


def blocks(stack: Stack, cases: int) -> list[Block]:
    """The blocks of so many cases; by turns of both releases, as planned and as applied."""
    return [
        Block(stack, number, ("oldest", "newest")[number % 2], number // 2 % 2 == 1)
        for number in range(-(-cases // BLOCK))
    ]


def inputs_of(block: Block, space: Space, rows: list[Known], with_seed: int) -> list[Inputs]:
    """The inputs of a block: one a row of the covering array, then free ones.

    The same for the same seed, whatever else is drawn before.
    """
    scope, default = block.stack.scope
    first = block.number * BLOCK
    # One project or region for the block: drawn like any other input, then fixed for all.
    place = legal.one(legal.legal(space, {}), f"{with_seed} {block.id}").get(scope, default)
    found = []
    for index in range(first, first + BLOCK):
        row = rows[index] if index < len(rows) else {}
        source = legal.legal(space, {scope: place, **row})
        found.append(legal.one(source, f"{with_seed} {block.stack.name} {index}"))
    return found


def planned(
    held: planning.Session, stack: Stack, cases: list[Inputs]
) -> Iterator[tuple[Inputs, PlanResult]]:
    """The plans of the inputs, made in batches."""
    batch = {f"case{index:02}": inputs for index, inputs in enumerate(cases)}
    for name, result in planning.plan_batch(held, stack, batch).items():
        yield batch[name], result


def shrunk(space: Space, inputs: Inputs, fails: Fails, base: Known) -> Inputs:
    """The simplest inputs found that still fail; the given ones where none simpler does.

    An input is left out, replaced by a simpler one, or kept as it is; hypothesis looks for the
    simplest combination. ``base`` holds what the smallest stack needs.

    Args:
        space: the module's legal inputs.
        inputs: what failed.
        fails: whether inputs fail in the same way; each call plans.
        base: the smallest legal inputs.
    """
    left = _SHRINK_PLANS
    seen: dict[str, bool] = {}

    def still(candidate: Inputs) -> bool:
        nonlocal left
        whole = {**base, **candidate}
        key = cache.key(whole)
        if key not in seen:
            if broken(space.module, whole) or not _conditions(space, whole) or left <= 0:
                return False
            left -= 1
            seen[key] = fails(whole)
        return seen[key]

    source = st.fixed_dictionaries(
        {},
        optional={
            name: st.one_of(legal.strategy_of(space, name, inputs), st.just(value))
            for name, value in inputs.items()
        },
    )
    try:
        found: Inputs = find(
            source,
            still,
            settings=settings(
                database=None,
                deadline=None,
                derandomize=True,
                max_examples=_SHRINK_TRIES,
                phases=(Phase.generate, Phase.shrink),
                suppress_health_check=list(HealthCheck),
            ),
        )
    except (NoSuchExample, Unsatisfiable):
        return inputs
    return {**base, **found}


def _conditions(space: Space, values: Known) -> bool:
    effective = space.module.scope(values).variables
    return all(right(effective) for _, right in space.conditions)


# ---- What failed, kept ----


def keep(stack: Stack, contract: str, inputs: Mapping[str, Any], folder: Path = CORPUS) -> Path:
    """Write failing inputs to the corpus as a variable file of Terraform's; gives its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{stack.name}-{contract}-{cache.key(inputs)[:8]}.tfvars.json"
    path.write_text(json.dumps(inputs, indent=2, sort_keys=True, ensure_ascii=False) + "\n")
    return path


def kept(folder: Path = CORPUS) -> list[Path]:
    """The files of the corpus."""
    return sorted(folder.glob("*.tfvars.json"))


def replay_commands(path: Path) -> list[str]:
    """The commands that check a kept input again, and that show its plan."""
    stack = path.name.split("-", 1)[0]
    file = shlex.quote(str(path.relative_to(ROOT)))
    name = shlex.quote(path.name.removesuffix(".tfvars.json"))
    return [
        f"tox -e unit -- tests/unit/test_contracts.py -k {name}",
        f"tox -e plan -- {stack} {file}",
    ]
