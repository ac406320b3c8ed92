"""Draw valid inputs in blocks, plan them, and shrink inputs that break a contract."""

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
from tests.harness.inputs.legal import Space, Values
from tests.harness.inputs.rules import broken_rules
from tests.harness.paths import CORPUS, ROOT
from tests.harness.plan.view import PlanResult
from tests.harness.stacks import Stack
from tests.harness.terraform import cache, planning

# The cases of a block share a project or region, because a batch has only one.
BLOCK = 16
# The number of plans that may be used to shrink a failure. A plan takes about half a second.
_SHRINK_PLANS = 120
# The number of combinations to try. The rules refuse most of them, which takes no plan.
_SHRINK_TRIES = 2000

Inputs = dict[str, Any]
Fails = Callable[[Inputs], bool]


@dataclass(frozen=True, slots=True)
class Block:
    """A block of cases of one stack.

    ``number`` counts the blocks of a stack from 0. ``release`` is ``oldest`` or ``newest``.
    ``resolved`` tells whether the plans are resolved plans.
    """

    stack: Stack
    number: int
    release: str
    resolved: bool

    @property
    def id(self) -> str:
        """The name for reports."""
        how = "resolved" if self.resolved else "plain"
        return f"{self.stack.name}-{self.release}-{how}-{self.number:03}"


def blocks(stack: Stack, cases: int) -> list[Block]:
    """The blocks for a number of cases.

    Releases alternate from block to block, plain and resolved plans after every second block.
    """
    return [
        Block(stack, number, ("oldest", "newest")[number % 2], number // 2 % 2 == 1)
        for number in range(-(-cases // BLOCK))
    ]


def block_inputs(block: Block, space: Space, rows: list[Values], with_seed: int) -> list[Inputs]:
    """The inputs of a block: one for each row of the covering array, then unconstrained ones.

    They depend only on the block, the rows and the seed.
    """
    scope, default = block.stack.scope
    first = block.number * BLOCK
    # The project or region of the block is drawn as any other input, then fixed for all cases.
    place = legal.draw_value(legal.valid_inputs(space, {}), f"{with_seed} {block.id}").get(
        scope, default
    )
    cases = []
    for index in range(first, first + BLOCK):
        row = rows[index] if index < len(rows) else {}
        source = legal.valid_inputs(space, {scope: place, **row})
        cases.append(legal.draw_value(source, f"{with_seed} {block.stack.name} {index}"))
    return cases


def plan_inputs(
    session: planning.Session, stack: Stack, cases: list[Inputs]
) -> Iterator[tuple[Inputs, PlanResult]]:
    """Plan inputs in batches; yields each with its result."""
    batch = {f"case{index:02}": inputs for index, inputs in enumerate(cases)}
    for name, result in planning.plan_batch(session, stack, batch).items():
        yield batch[name], result


def shrink(space: Space, inputs: Inputs, fails: Fails, base: Values) -> Inputs:
    """The simplest inputs that still fail, or ``inputs`` if no simpler ones fail.

    hypothesis searches for the simplest combination. It omits an input, replaces its value with a
    simpler one, or leaves it unchanged.

    Args:
        space: the valid inputs of the module.
        inputs: the inputs that failed.
        fails: whether inputs fail in the same way. Each call plans.
        base: the smallest valid inputs.
    """
    remaining_plans = _SHRINK_PLANS
    verdicts: dict[str, bool] = {}

    def still_fails(candidate: Inputs) -> bool:
        nonlocal remaining_plans
        values = {**base, **candidate}
        key = cache.key(values)
        if key not in verdicts:
            if (
                broken_rules(space.module, values)
                or not _meets_conditions(space, values)
                or remaining_plans <= 0
            ):
                return False
            remaining_plans -= 1
            verdicts[key] = fails(values)
        return verdicts[key]

    source = st.fixed_dictionaries(
        {},
        optional={
            name: st.one_of(legal.strategy_of(space, name, inputs), st.just(value))
            for name, value in inputs.items()
        },
    )
    try:
        simplest: Inputs = find(
            source,
            still_fails,
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
    return {**base, **simplest}


def _meets_conditions(space: Space, values: Values) -> bool:
    effective = space.module.scope(values).variables
    return all(is_met(effective) for _, is_met in space.conditions)


# ---- The corpus ----


def write_to_corpus(
    stack: Stack, contract: str, inputs: Mapping[str, Any], folder: Path = CORPUS
) -> Path:
    """Write failing inputs to the corpus as a variable file of Terraform; returns its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{stack.name}-{contract}-{cache.key(inputs)[:8]}.tfvars.json"
    path.write_text(json.dumps(inputs, indent=2, sort_keys=True, ensure_ascii=False) + "\n")
    return path


def corpus_files(folder: Path = CORPUS) -> list[Path]:
    """The files of the corpus."""
    return sorted(folder.glob("*.tfvars.json"))


def replay_commands(path: Path) -> list[str]:
    """The commands that check the inputs of a corpus file again, and that show their plan."""
    stack = path.name.split("-", 1)[0]
    file = shlex.quote(str(path.relative_to(ROOT)))
    name = shlex.quote(path.name.removesuffix(".tfvars.json"))
    return [
        f"tox -e unit -- tests/unit/test_contracts.py -k {name}",
        f"tox -e plan -- {stack} {file}",
    ]
