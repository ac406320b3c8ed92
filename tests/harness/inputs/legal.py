"""All legal inputs of a module as hypothesis strategies: any subset of them, legal by construction.

An input is drawn from what its rules leave once those drawn before it are known. Where a rule is of
a form that nothing is derived from, a strategy given by hand takes its place, and the rules still
filter it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from allpairspy import AllPairs
from hypothesis import HealthCheck, Phase, given, reject, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from hypothesis.strategies import DrawFn, SearchStrategy

from tests.harness.hcl.expressions import Node, Scope, Unreadable, fold
from tests.harness.hcl.functions import EvaluationError
from tests.harness.inputs.domains import Domain, NoStrategy, finite, merged, read, strategy
from tests.harness.inputs.rules import Module, Rule, holds

Known = Mapping[str, Any]
ByHand = Callable[[Known], SearchStrategy[Any]]
"""From the inputs drawn so far, defaults filled in, to what may be drawn."""

BOOL = Node("name", "bool")
"""The type of a switch."""

# A value of an input that is not legal beside the others is drawn again so many times.
_TRIES = 8
# An enumeration of more values than this is no closed set to cover in pairs.
_CLOSED = 30


@dataclass(frozen=True, slots=True)
class Space:
    """A module's legal inputs.

    ``by_hand`` has strategies by input; ``conditions`` stand for rules that are not read from the
    HCL: the inputs that one reads, and whether they are legal. ``derived`` and
    ``made`` keep strategies, which are checked and compiled when first drawn from; of those by hand
    with the inputs that they were made for. ``opened`` keeps what :func:`_open` says.
    """

    module: Module
    by_hand: Mapping[str, ByHand] = field(default_factory=dict)
    conditions: tuple[tuple[frozenset[str], Callable[[Known], bool]], ...] = ()
    derived: dict[str, SearchStrategy[Any]] = field(default_factory=dict)
    made: dict[str, list[tuple[dict[str, Any], SearchStrategy[Any]]]] = field(default_factory=dict)
    opened: dict[str, bool] = field(default_factory=dict)


def variable(name: str) -> Node:
    """The node that reads an input."""
    return Node("attribute", name, (Node("name", "var"),))


def _order(module: Module) -> list[str]:
    """The inputs, each after those that its own validations read."""
    after = {name: set[str]() for name in module.inputs}
    for rule in module.rules:
        if rule.owner in after:
            after[rule.owner] |= rule.reads - {rule.owner}
    ordered: dict[str, None] = {}

    def visit(name: str, above: frozenset[str]) -> None:
        if name not in ordered and name not in above:
            for other in sorted(after[name]):
                visit(other, above | {name})
            ordered[name] = None

    for name in module.inputs:
        visit(name, frozenset())
    return list(ordered)


def _due(module: Module, name: str, known: Iterable[str]) -> list[Rule]:
    """The rules on an input that read nothing but it and what is known."""
    settled = {*known, name}
    return [rule for rule in module.rules_of(name) if rule.reads <= settled]


def domain(module: Module, name: str, known: Known) -> Domain:
    """What the rules leave of an input, once the inputs in ``known`` are what they are.

    A rule of another input, or of a resource, that is of no known form is left to the filter.

    Raises:
        NoStrategy: a rule of the input's own is of a form that nothing is derived from.
    """
    scope = module.scope(known)
    whole = Domain()
    for rule in _due(module, name, known):
        try:
            whole = merged(whole, _admitted(rule, name, scope))
        except NoStrategy:
            if rule.owner == name:
                raise
    return whole


def _admitted(rule: Rule, name: str, scope: Scope) -> Domain:
    """What one rule admits of an input.

    Raises:
        NoStrategy: the rule is of no known form, or fails for what else is known.
    """
    try:
        return read(fold(rule.condition, scope, name), variable(name))
    except (NoStrategy, Unreadable, EvaluationError) as error:
        raise NoStrategy(f"{rule}: {error}") from error


def _legal(space: Space, name: str, values: Known, known: Iterable[str]) -> bool:
    scope = space.module.scope(values)
    if not all(holds(rule, scope) for rule in _due(space.module, name, known)):
        return False
    settled = {*known, name}
    return all(
        right(scope.variables)
        for reads, right in space.conditions
        if name in reads and reads <= settled
    )


def strategy_of(space: Space, name: str, known: Known) -> SearchStrategy[Any]:
    """What may be drawn for an input once those in ``known`` are what they are.

    Raises:
        NoStrategy: nothing is derived from its type or rules, and nothing is given by hand.
    """
    declared = space.module.inputs[name]
    if name in space.by_hand:
        return _by_hand(space, name, space.module.scope(known).variables)
    if declared.type == BOOL:
        return st.sampled_from([False, True])
    key = _key(name, _due(space.module, name, known), known)
    if key not in space.derived:
        space.derived[key] = strategy(declared.type, domain(space.module, name, known))
    return space.derived[key]


def _key(name: str, due: list[Rule], known: Known) -> str:
    """What the rules leave of an input is the same wherever the key is the same."""
    beside = {other for rule in due for other in rule.reads} - {name}
    return repr((name, sorted((other, known.get(other)) for other in beside)))


class _Noted(dict[str, Any]):
    """Inputs that note which of them are read."""

    def __init__(self, held: Known) -> None:
        super().__init__(held)
        self.read: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        self.read[name] = super().__getitem__(name)
        return self.read[name]


def _by_hand(space: Space, name: str, known: Known) -> SearchStrategy[Any]:
    for wanted, made in space.made.setdefault(name, []):
        if all(known[other] == value for other, value in wanted.items()):
            return made
    noted = _Noted(known)
    made = space.by_hand[name](noted)
    space.made[name].append((noted.read, made))
    return made


def underived(space: Space, base: Known) -> dict[str, str]:
    """The inputs that no strategy is derived for and none is given by hand, each with the reason.

    ``base`` are legal inputs, which the rules that compare two of them are read with.
    To fix one, write the rule in a known form (tests/harness/inputs/domains.py), or add a strategy
    to tests/harness/inputs/handwritten.py.
    """
    found = {}
    before: dict[str, Any] = {}
    for name in _order(space.module):
        try:
            strategy_of(space, name, before)
        except NoStrategy as error:
            found[name] = str(error)
        before[name] = base.get(name)
    return found


@st.composite
def legal(draw: DrawFn, space: Space, fixed: Known) -> dict[str, Any]:
    """Legal inputs, those in ``fixed`` as they are there (None: left out)."""
    module = space.module
    values = {name: value for name, value in fixed.items() if value is not None}
    known = set(fixed)
    for done, name in enumerate(fixed):
        if not _legal(space, name, values, list(fixed)[:done]):
            reject()
    # Sparse inputs are near the defaults, dense ones far from them; both are worth while.
    share = draw(st.integers(1, 9))
    for name in _order(module):
        if name in known:
            continue
        declared = module.inputs[name]
        left_out = not declared.required and draw(st.integers(0, 9)) >= share
        if not left_out or not _legal(space, name, values, known):
            settled = {k: values.get(k) for k in known}
            source = strategy_of(space, name, settled)
            # Not `filter`: hypothesis would make and check the whole strategy again for each draw.
            for _ in range(_TRIES):
                values[name] = draw(source)
                if _legal(space, name, values, known):
                    break
            else:
                reject()
        known.add(name)
    return values


# Of so many values of a number, chance hardly takes 0.
_OFTEN = 2**16

_QUIET = settings(
    database=None,
    deadline=None,
    phases=(Phase.generate,),
    suppress_health_check=list(HealthCheck),
    print_blob=False,
)


def drawn(source: SearchStrategy[Any], number: int, with_seed: Any) -> list[Any]:
    """At least ``number`` values of a strategy, the same ones for the same seed.

    The first is always the simplest there is.

    Raises:
        hypothesis.errors.Unsatisfiable: there is none.
    """
    found: list[Any] = []

    @seed(with_seed)
    @settings(_QUIET, max_examples=number)
    @given(source)
    def collect(value: Any) -> None:
        found.append(value)

    collect()
    return found


def one(source: SearchStrategy[Any], with_seed: Any) -> Any:
    """A value of a strategy that is not its simplest, the same one for the same seed.

    Raises:
        hypothesis.errors.Unsatisfiable: there is none.
    """
    # Hypothesis begins with the simplest value of all: None stands for it and is drawn in no time.
    either = st.integers(0, _OFTEN).flatmap(lambda n: source if n else st.none())
    found = [value for value in drawn(either, 2, with_seed) if value is not None]
    if not found:
        raise Unsatisfiable(f"no value of {source!r} but the simplest")
    return found[-1]


# ---- Pairs of closed sets ----


def closed_sets(space: Space) -> dict[str, list[Any]]:
    """The inputs that are a switch or an enumeration, with all their values; None is left out."""
    found: dict[str, list[Any]] = {}
    for name, declared in space.module.inputs.items():
        if declared.type == BOOL:
            unset = [None] if declared.nullable and not declared.required else []
            found[name] = [*unset, False, True]
            continue
        try:
            values = finite(domain(space.module, name, {}))
        except NoStrategy:
            continue
        if values and len(values) <= _CLOSED:
            found[name] = list(values)
    return found


def _possible(space: Space, row: Known) -> bool:
    """Whether there may be legal inputs with the values of a row."""
    module = space.module
    values = {name: value for name, value in row.items() if value is not None}
    if not all(_legal(space, name, values, row) for name in row):
        return False
    near = {other for rule in module.rules if rule.reads & set(row) for other in rule.reads}
    return all(_open(space, name, row) for name in near - set(row))


def _open(space: Space, name: str, known: Known) -> bool:
    """Whether the rules that are read leave any value of an input."""
    due = _due(space.module, name, known)
    key = _key(name, due, known)
    if key not in space.opened:
        scope = space.module.scope(known)
        whole = Domain()
        for rule in due:
            with contextlib.suppress(NoStrategy):
                whole = merged(whole, _admitted(rule, name, scope))
        space.opened[key] = finite(whole) != ()
    return space.opened[key]


def pairs(sets: Mapping[str, list[Any]]) -> Iterator[dict[str, Any]]:
    """Every pair of values of two inputs."""
    for one_name, other in combinations(sets, 2):
        for value in sets[one_name]:
            for beside in sets[other]:
                yield {one_name: value, other: beside}


def impossible_pairs(space: Space, sets: Mapping[str, list[Any]]) -> list[dict[str, Any]]:
    """The pairs that no legal inputs have."""
    return [pair for pair in pairs(sets) if not _possible(space, pair)]


def pairwise(space: Space, sets: Mapping[str, list[Any]]) -> list[dict[str, Any]]:
    """Rows over closed sets in which every possible pair of values occurs."""
    names = list(sets)
    if len(names) < 2:
        return [{name: value} for name in names for value in sets[name]]
    possible: dict[tuple[Any, ...], bool] = {}

    def fits(row: list[Any]) -> bool:
        key = tuple(map(repr, row))
        if key not in possible:
            possible[key] = _possible(space, dict(zip(names, row, strict=False)))
        return possible[key]

    rows = [
        dict(zip(names, row, strict=True))
        for row in AllPairs(list(sets.values()), filter_func=fits)
    ]
    # The library may leave out a pair that its greedy rows do not reach: it gets one of its own.
    missed = [
        pair
        for pair in pairs(sets)
        if not any(pair.items() <= row.items() for row in rows) and _possible(space, pair)
    ]
    return rows + missed
