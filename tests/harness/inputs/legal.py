"""The valid inputs of a module as hypothesis strategies.

Inputs are drawn one after another. Each is drawn from the domain that its rules admit with the
inputs drawn before. If no strategy can be derived from a rule, a handwritten strategy replaces it.
The rules filter the values of every strategy.
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
from tests.harness.inputs.domains import Domain, NoStrategy, finite, intersect, read, strategy
from tests.harness.inputs.rules import Module, Rule, is_met

Values = Mapping[str, Any]
"""The values of inputs by name."""
Handwritten = Callable[[Values], SearchStrategy[Any]]
"""Returns the strategy of an input, from the inputs drawn before it and the defaults."""

BOOL = Node("name", "bool")
"""The type of a switch."""

# How many times a value is drawn until it is valid with the other inputs.
_TRIES = 8
# Pairs of values are covered for enumerations of at most this many values.
_CLOSED = 30


@dataclass(frozen=True, slots=True)
class Space:
    """The valid inputs of a module.

    Attributes:
        module: the module.
        handwritten: handwritten strategies by input.
        conditions: conditions that replace rules which cannot be read from the HCL. Each has the
            inputs that it reads, and a function that tells whether it is met.
        derived: a cache of derived strategies, which hypothesis compiles at the first draw.
        created: a cache of handwritten strategies by input, each with the values that it read.
        open: a cache of :func:`_is_open`.
    """

    module: Module
    handwritten: Mapping[str, Handwritten] = field(default_factory=dict)
    conditions: tuple[tuple[frozenset[str], Callable[[Values], bool]], ...] = ()
    derived: dict[str, SearchStrategy[Any]] = field(default_factory=dict)
    created: dict[str, list[tuple[dict[str, Any], SearchStrategy[Any]]]] = field(
        default_factory=dict
    )
    open: dict[str, bool] = field(default_factory=dict)


def variable(name: str) -> Node:
    """The expression ``var.NAME``."""
    return Node("attribute", name, (Node("name", "var"),))


def _order(module: Module) -> list[str]:
    """The names of the inputs, each after those that its validations read."""
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


def _decidable_rules(module: Module, name: str, drawn: Iterable[str]) -> list[Rule]:
    """The rules on an input that read only this input and the inputs in ``drawn``."""
    names = {*drawn, name}
    return [rule for rule in module.rules_of(name) if rule.reads <= names]


def domain(module: Module, name: str, values: Values) -> Domain:
    """The domain of an input that the rules admit with the other inputs in ``values``.

    A rule of another input or of a resource is omitted if its form is unsupported. It still filters
    the values.

    Raises:
        NoStrategy: a rule of this input has an unsupported form.
    """
    scope = module.scope(values)
    admitted = Domain()
    for rule in _decidable_rules(module, name, values):
        try:
            admitted = intersect(admitted, _admitted(rule, name, scope))
        except NoStrategy:
            if rule.owner == name:
                raise
    return admitted


def _admitted(rule: Rule, name: str, scope: Scope) -> Domain:
    """The domain of an input that one rule admits.

    Raises:
        NoStrategy: the rule has an unsupported form, or its evaluation fails.
    """
    try:
        return read(fold(rule.condition, scope, name), variable(name))
    except (NoStrategy, Unreadable, EvaluationError) as error:
        raise NoStrategy(f"{rule}: {error}") from error


def _is_valid(space: Space, name: str, values: Values, drawn: Iterable[str]) -> bool:
    scope = space.module.scope(values)
    if not all(is_met(rule, scope) for rule in _decidable_rules(space.module, name, drawn)):
        return False
    names = {*drawn, name}
    return all(
        condition_is_met(scope.variables)
        for reads, condition_is_met in space.conditions
        if name in reads and reads <= names
    )


def strategy_of(space: Space, name: str, values: Values) -> SearchStrategy[Any]:
    """The strategy of an input with the other inputs in ``values``.

    Raises:
        NoStrategy: no strategy can be derived from the type or the rules, and none is handwritten.
    """
    declared = space.module.inputs[name]
    if name in space.handwritten:
        return _handwritten_strategy(space, name, space.module.scope(values).variables)
    if declared.type == BOOL:
        return st.sampled_from([False, True])
    key = _key(name, _decidable_rules(space.module, name, values), values)
    if key not in space.derived:
        space.derived[key] = strategy(declared.type, domain(space.module, name, values))
    return space.derived[key]


def _key(name: str, rules: list[Rule], values: Values) -> str:
    """A key of the domain of an input: the values of the other inputs that the rules read."""
    others = {other for rule in rules for other in rule.reads} - {name}
    return repr((name, sorted((other, values.get(other)) for other in others)))


class _RecordingValues(dict[str, Any]):
    """Values that record which of them are read."""

    def __init__(self, values: Values) -> None:
        super().__init__(values)
        self.read: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        self.read[name] = super().__getitem__(name)
        return self.read[name]


def _handwritten_strategy(space: Space, name: str, values: Values) -> SearchStrategy[Any]:
    for read_values, cached in space.created.setdefault(name, []):
        if all(values[other] == value for other, value in read_values.items()):
            return cached
    recording = _RecordingValues(values)
    created = space.handwritten[name](recording)
    space.created[name].append((recording.read, created))
    return created


def inputs_without_strategy(space: Space, base: Values) -> dict[str, str]:
    """The inputs that have neither a derived nor a handwritten strategy, each with the reason.

    ``base`` are valid inputs. They supply the values for rules that compare two inputs. To fix an
    input, write its rule in a supported form (tests/harness/inputs/domains.py), or add a strategy
    to tests/harness/inputs/handwritten.py.
    """
    reasons = {}
    before: dict[str, Any] = {}
    for name in _order(space.module):
        try:
            strategy_of(space, name, before)
        except NoStrategy as error:
            reasons[name] = str(error)
        before[name] = base.get(name)
    return reasons


@st.composite
def valid_inputs(draw: DrawFn, space: Space, fixed: Values) -> dict[str, Any]:
    """Valid inputs with the values in ``fixed``; a value of None omits the input."""
    module = space.module
    values = {name: value for name, value in fixed.items() if value is not None}
    drawn = set(fixed)
    for index, name in enumerate(fixed):
        if not _is_valid(space, name, values, list(fixed)[:index]):
            reject()
    # Few inputs stay close to the defaults, many inputs do not. Both kinds are drawn.
    share = draw(st.integers(1, 9))
    for name in _order(module):
        if name in drawn:
            continue
        declared = module.inputs[name]
        omitted = not declared.required and draw(st.integers(0, 9)) >= share
        if not omitted or not _is_valid(space, name, values, drawn):
            before = {k: values.get(k) for k in drawn}
            source = strategy_of(space, name, before)
            # A loop and not `filter`: hypothesis would validate the filtered strategy at each draw.
            for _ in range(_TRIES):
                values[name] = draw(source)
                if _is_valid(space, name, values, drawn):
                    break
            else:
                reject()
        drawn.add(name)
    return values


# A random number below this limit is hardly ever 0.
_MANY = 2**16

_QUIET = settings(
    database=None,
    deadline=None,
    phases=(Phase.generate,),
    suppress_health_check=list(HealthCheck),
    print_blob=False,
)


def draw_values(source: SearchStrategy[Any], number: int, with_seed: Any) -> list[Any]:
    """Draw at least ``number`` values of a strategy, the same values for the same seed.

    The first is always the simplest value.

    Raises:
        hypothesis.errors.Unsatisfiable: the strategy has no value.
    """
    values: list[Any] = []

    @seed(with_seed)
    @settings(_QUIET, max_examples=number)
    @given(source)
    def collect(value: Any) -> None:
        values.append(value)

    collect()
    return values


def draw_value(source: SearchStrategy[Any], with_seed: Any) -> Any:
    """Draw a value of a strategy other than the simplest, the same value for the same seed.

    Raises:
        hypothesis.errors.Unsatisfiable: the strategy has no such value.
    """
    # Hypothesis draws the simplest value first. None replaces it, because it takes no time to draw.
    either = st.integers(0, _MANY).flatmap(lambda n: source if n else st.none())
    values = [value for value in draw_values(either, 2, with_seed) if value is not None]
    if not values:
        raise Unsatisfiable(f"{source!r} has no value other than the simplest")
    return values[-1]


# ---- Pairs of closed sets ----


def closed_sets(space: Space) -> dict[str, list[Any]]:
    """The switches and enumerations with all their values; None means that the input is omitted."""
    sets: dict[str, list[Any]] = {}
    for name, declared in space.module.inputs.items():
        if declared.type == BOOL:
            unset = [None] if declared.nullable and not declared.required else []
            sets[name] = [*unset, False, True]
            continue
        try:
            values = finite(domain(space.module, name, {}))
        except NoStrategy:
            continue
        if values and len(values) <= _CLOSED:
            sets[name] = list(values)
    return sets


def _possible(space: Space, row: Values) -> bool:
    """Whether valid inputs with the values of a row may exist."""
    module = space.module
    values = {name: value for name, value in row.items() if value is not None}
    if not all(_is_valid(space, name, values, row) for name in row):
        return False
    related = {other for rule in module.rules if rule.reads & set(row) for other in rule.reads}
    return all(_is_open(space, name, row) for name in related - set(row))


def _is_open(space: Space, name: str, values: Values) -> bool:
    """Whether the rules of a supported form admit any value of an input."""
    rules = _decidable_rules(space.module, name, values)
    key = _key(name, rules, values)
    if key not in space.open:
        scope = space.module.scope(values)
        admitted = Domain()
        for rule in rules:
            with contextlib.suppress(NoStrategy):
                admitted = intersect(admitted, _admitted(rule, name, scope))
        space.open[key] = finite(admitted) != ()
    return space.open[key]


def pairs(sets: Mapping[str, list[Any]]) -> Iterator[dict[str, Any]]:
    """Every pair of values of two inputs."""
    for first, second in combinations(sets, 2):
        for first_value in sets[first]:
            for second_value in sets[second]:
                yield {first: first_value, second: second_value}


def impossible_pairs(space: Space, sets: Mapping[str, list[Any]]) -> list[dict[str, Any]]:
    """The pairs that no valid inputs have."""
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
    # allpairspy is greedy and may omit a pair. Each omitted pair becomes one more row.
    missed = [
        pair
        for pair in pairs(sets)
        if not any(pair.items() <= row.items() for row in rows) and _possible(space, pair)
    ]
    return rows + missed
